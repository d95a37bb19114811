//! Keys of tables as data, so that validation, schema, documentation and
//! completions come from one place.

/// One key of a table.
#[derive(Debug, Clone, Copy)]
pub struct KeyDef {
    pub name: &'static str,
    pub ty: KeyType,
    pub required: bool,
    /// One sentence for the reference and for editors.
    pub doc: &'static str,
}

impl KeyDef {
    pub const fn new(name: &'static str, ty: KeyType, doc: &'static str) -> Self {
        Self { name, ty, required: false, doc }
    }
    pub const fn required(name: &'static str, ty: KeyType, doc: &'static str) -> Self {
        Self { name, ty, required: true, doc }
    }
}

/// What a value may be.
#[derive(Debug, Clone, Copy)]
pub enum KeyType {
    /// Text; may hold `{{ param }}` inside a runbook.
    Text,
    Bool,
    /// Both ends included.
    Int(i64, i64),
    Number,
    /// Both ends included.
    Between(f64, f64),
    Dur,
    /// A duration above zero: how often, how long at most.
    Period,
    Size,
    Instant,
    /// A calendar date.
    Date,
    Zone,
    Url,
    /// `host:port`, `[v6]:port`.
    HostPort,
    /// A new id, declared here.
    NewId,
    /// An id of something declared elsewhere: `region`, `store`, `workload` …
    Ref(&'static str),
    /// `KIND:ID` or a region.
    Selector,
    /// What an objective or a runbook is for: a kind of domain, a mode, or `KIND=MODE`.
    Against,
    OneOf(&'static [&'static str]),
    List(&'static KeyType),
    /// Exactly so many items.
    Tuple(&'static KeyType, usize),
    /// Any name to one type.
    Map(&'static KeyType),
    Table(&'static [KeyDef]),
    /// The first that fits the value's TOML type.
    Either(&'static [KeyType]),
    /// `{ env }`, `{ file }`, `{ command }` or `{ secret }`.
    Secret,
    /// An inline probe, headed by one of `Vocabulary::probes`.
    Probe,
    /// A probe with further keys beside it, which end up around it: `{ region, probe }`.
    ProbeWith(&'static [KeyDef]),
    /// A program and its arguments, never a shell line. What is run is part
    /// of what a person trusts, so every such list must be declared as this.
    Command,
    /// A table whose `format` names a `FormatDef`; that one's keys end up in `options`.
    Copy(&'static [KeyDef]),
    /// A table whose `kind` names a `StepDef`; that one's keys end up in `options`.
    Step(&'static [KeyDef]),
    /// Anything TOML can hold.
    Any,
}

/// A backup format: its id and the keys it adds to `[[asset.copy]]`.
#[derive(Debug, Clone, Copy)]
pub struct FormatDef {
    pub id: &'static str,
    pub keys: &'static [KeyDef],
    pub doc: &'static str,
}

/// A probe kind: its id and what stands beside it.
#[derive(Debug, Clone, Copy)]
pub struct ProbeDef {
    pub id: &'static str,
    pub target: KeyType,
    pub doc: &'static str,
}

/// A step kind and the keys it adds to `[[step]]`.
#[derive(Debug, Clone, Copy)]
pub struct StepDef {
    pub id: &'static str,
    pub keys: &'static [KeyDef],
    pub doc: &'static str,
    /// Whether it acts on the world, and so runs as an attempt.
    pub effect: bool,
}

/// All kinds that this build knows; gathered by `cli` from the tables of
/// `catalog`, `probe` and `act`.
#[derive(Debug, Clone, Copy)]
pub struct Vocabulary {
    pub formats: &'static [FormatDef],
    pub probes: &'static [ProbeDef],
    pub steps: &'static [StepDef],
}
