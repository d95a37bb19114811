//! The nouns: estate, runbook, points, observations, problems.
//! A new noun is one new file here and one line below.

mod copies;
mod domain;
mod estate;
mod id;
mod interlock;
mod keydef;
mod learned;
mod observation;
mod observed;
mod past;
mod point;
mod policy;
mod posture;
mod probe;
mod problem;
mod runbook;
mod secret;
mod step;
mod summary;
mod text;
pub mod timeline;
mod units;

pub use copies::{Brief, CopyTally, SeenAsset, SeenCopies, SeenCopy};
pub use domain::{DomainKind, LossMode, Scenario, Selector};
pub use estate::*;
pub use id::*;
pub use interlock::*;
pub use keydef::{FormatDef, KeyDef, KeyType, ProbeDef, StepDef, Vocabulary};
pub use learned::*;
pub use observation::{CopyKey, LinkKey, Observations, ProbeKey, ProbeReading, Watched};
pub use observed::{Age, Freshness, Observed, Seen, Sighting};
pub use past::*;
pub use point::*;
pub use policy::{Check, Pack, Rule, Severity};
pub use posture::{Answer, Fact, LockMode, ObjectLock, Posture, Seal};
pub use probe::{Expect, Probe, Unit};
pub use problem::{CODES, Code, CodeRow, Problem};
pub use runbook::*;
pub use secret::SecretRef;
pub use step::*;
pub use summary::{CopySummary, KEPT, Kept};
pub use text::{clean, clean_line, cut, width};
pub use units::{Clock, Dur, Millis, Size, Time, UnitError};
