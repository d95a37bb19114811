//! Commands. A new one is a variant of `Command`, a line in `run` and a
//! function in the file of its kind; what it decides lies below, not here.

mod acting;
mod asking;
mod dashboard;
mod demo;
mod estate;
mod log;
mod named;
mod opened;
mod remembering;
mod resuming;
mod settings;

pub use crate::engine::VOCABULARY;

use std::path::PathBuf;

use clap::{CommandFactory, Parser, Subcommand, ValueEnum};
use lifeboat_core::model::{Code, Problem};
use lifeboat_core::run::Mode;

/// Exit codes of design: questions 0 to 3, actions 0 to 3, and these.
pub mod exit {
    pub const USAGE: i32 = 64;
    pub const INTERNAL: i32 = 70;
    pub const INTERRUPTED: i32 = 130;
    /// A question about something invalid, an action refused.
    pub const REFUSED: i32 = 2;
    /// A person has to go on.
    pub const PERSON: i32 = 3;
}

#[derive(Debug, Parser)]
#[command(
    name = "lifeboat",
    version,
    about = "What would losing a region cost right now, and what to do next",
    after_help = "Without a command, the dashboard opens. Exit codes of questions: 0 ok, 1 warning, 2 critical or \
                  invalid, 3 unknown; of actions: 0 done, 1 failed, 2 refused, 3 a person has to go on; \
                  64 wrong usage, a name that is not there included."
)]
struct Cli {
    /// The estate's folder; else LIFEBOAT_ESTATE, else lifeboat.toml here or above
    #[arg(long, global = true, value_name = "DIR")]
    estate: Option<PathBuf>,
    /// Answer as JSON
    #[arg(long, global = true)]
    json: bool,
    /// Watch only: the dashboard takes no action at all
    #[arg(long)]
    read_only: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum CheckFormat {
    Text,
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ReportFormat {
    Md,
    Html,
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum RunMode {
    Live,
    Rehearsal,
    DryRun,
}

impl From<RunMode> for Mode {
    fn from(mode: RunMode) -> Self {
        match mode {
            RunMode::Live => Mode::Live,
            RunMode::Rehearsal => Mode::Rehearsal,
            RunMode::DryRun => Mode::DryRun,
        }
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    /// A whole estate of three regions on this machine, alive
    Demo(demo::Args),
    /// Write a first small estate
    Init {
        /// Where; this folder by default
        dir: Option<PathBuf>,
        /// The estate's name; the folder's by default
        #[arg(long)]
        name: Option<String>,
    },
    /// Check the estate: all errors of all files at once
    Validate,
    /// Allow this estate to connect and to act, after reading it
    Trust {
        dir: Option<PathBuf>,
        /// Do not ask
        #[arg(long)]
        yes: bool,
        /// Only if this is what lies there, as `trust` showed it before
        #[arg(long, value_name = "HASH")]
        hash: Option<String>,
    },
    /// The JSON Schema of the estate's files, for editors
    Schema {
        /// Of what a program prints that lists recovery points (`format = "command"`)
        #[arg(long)]
        points: bool,
    },
    /// The reference of all tables and keys, as Markdown
    #[command(hide = true)]
    Reference,
    /// Poll once and tell the posture
    Status { workload: Option<String> },
    /// Poll once and judge; the exit code is the verdict
    Check {
        #[arg(long, value_enum, default_value = "text")]
        format: CheckFormat,
    },
    /// Recovery points, windows and gaps of a workload's copies, read now
    Points {
        /// WORKLOAD or WORKLOAD/ASSET
        subject: String,
        /// How much of the time the timeline shows, such as 6h or 30d; all of it by default
        #[arg(long, value_name = "DURATION")]
        span: Option<String>,
        /// Where the timeline ends (RFC 3339); now by default
        #[arg(long, value_name = "TIME")]
        until: Option<String>,
    },
    /// What stores are set to, and what the estate expects of them, asked now
    Stores {
        /// One store; all by default
        store: Option<String>,
    },
    /// The verdict per workload if this were lost
    WhatIf {
        /// A region, or KIND:ID; `=MODE` for gone, impaired, compromised, corrupted
        #[arg(required = true, value_name = "SELECTOR[=MODE]")]
        lost: Vec<String>,
        /// Only points before this instant count as clean (RFC 3339)
        #[arg(long, value_name = "TIME")]
        clean_before: Option<String>,
    },
    /// Every single loss beside the others, worst first
    Losses {
        /// In which mode: gone, impaired, compromised, corrupted
        #[arg(long, default_value = "gone")]
        mode: String,
        /// Only points before this instant count as clean (RFC 3339)
        #[arg(long, value_name = "TIME")]
        clean_before: Option<String>,
    },
    /// What each workload needs, where that lies, and in which order they come back
    Dependencies {
        /// One workload; all by default
        workload: Option<String>,
        /// What is assumed lost, as for `what-if`; else each workload's own home
        #[arg(long = "if", value_name = "SELECTOR[=MODE]")]
        lost: Vec<String>,
        /// Only points before this instant count as clean (RFC 3339)
        #[arg(long, value_name = "TIME")]
        clean_before: Option<String>,
    },
    /// What each asset is protected by, what by nothing, and stores that nobody uses
    Coverage,
    /// What is remembered of it over time, and where it leads; asks nothing anew
    Trends {
        /// One workload; all by default
        workload: Option<String>,
    },
    /// Say that what the history finds odd is as it should be; it learns from it
    Acknowledge {
        /// As `check` names it: anomaly-size, early-deletion, …
        rule: String,
        /// WORKLOAD/ASSET@STORE
        subject: String,
        /// One point; all that stand out by default
        object: Option<String>,
        /// Why it is as it should be, for whoever asks later
        #[arg(long, value_name = "REASON")]
        why: String,
    },
    /// Open an incident: what is lost, on what evidence, with what prediction
    Declare {
        #[arg(required = true, value_name = "SELECTOR[=MODE]")]
        lost: Vec<String>,
        /// When impact began (RFC 3339); else when probes began to fail
        #[arg(long, value_name = "TIME")]
        impact_began: Option<String>,
    },
    /// Close the incident
    StandDown {
        #[arg(long, default_value = "over")]
        reason: String,
    },
    /// Run a runbook without a screen; stops where a person is needed
    Run {
        runbook: String,
        #[arg(long, value_enum, default_value = "live")]
        mode: RunMode,
        /// A parameter
        #[arg(long = "set", value_name = "NAME=VALUE")]
        set: Vec<String>,
        /// Confirm a destructive step beforehand, by the name of its target
        #[arg(long = "yes-to", value_name = "STEP=TARGET")]
        yes_to: Vec<String>,
    },
    /// Take up a run where it stands
    Resume {
        run: String,
        #[arg(long = "yes-to", value_name = "STEP=TARGET")]
        yes_to: Vec<String>,
    },
    /// Past and open runs, newest first
    Runs,
    /// The report of a run, from its journal alone
    Report {
        run: String,
        #[arg(long, value_enum, default_value = "md")]
        format: ReportFormat,
    },
    /// Check a run's journal: every line, and the chain
    Verify { run: String },
    /// Completions for a shell
    Completions { shell: clap_complete::Shell },
    /// The manual page
    Man,
    #[command(name = "__attempt", hide = true)]
    Attempt { dir: PathBuf },
}

/// Runs the command line; the process's exit code.
pub fn main() -> i32 {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(said) => {
            let _ = said.print();
            return if said.use_stderr() { exit::USAGE } else { 0 };
        }
    };
    crate::net::leave_no_core();
    // The attempt's process is kept bare: nothing of ours may fail in it.
    match cli.command {
        Some(Command::Attempt { dir }) => crate::act::attempt::main(&dir),
        command => run(command, &Asked { estate: cli.estate, json: cli.json, read_only: cli.read_only }),
    }
}

/// What was asked beside the command.
struct Asked {
    estate: Option<PathBuf>,
    json: bool,
    read_only: bool,
}

fn run(command: Option<Command>, asked: &Asked) -> i32 {
    // The dashboard draws first: a folder, a filter and a thread cost a tenth of its first frame.
    let early = command.is_some();
    let _log = crate::keep::Places::from_env().ok().filter(|_| early).and_then(|p| log::begin(&p.state));
    let answer = match command {
        None => dashboard::open(asked),
        Some(Command::Demo(args)) => demo::demo(args, asked),
        Some(Command::Init { dir, name }) => estate::init(dir, name),
        Some(Command::Validate) => estate::validate(asked),
        Some(Command::Trust { dir, yes, hash }) => estate::trust(asked, dir, yes, hash.as_deref()),
        Some(Command::Schema { points }) => estate::schema(points),
        Some(Command::Reference) => estate::reference(),
        Some(Command::Status { workload }) => asking::status(asked, workload.as_deref()),
        Some(Command::Check { format }) => asking::check(asked, format),
        Some(Command::Points { subject, span, until }) => {
            asking::points(asked, &subject, span.as_deref(), until.as_deref())
        }
        Some(Command::Stores { store }) => asking::stores(asked, store.as_deref()),
        Some(Command::WhatIf { lost, clean_before }) => {
            asking::what_if(asked, &lost, clean_before.as_deref())
        }
        Some(Command::Losses { mode, clean_before }) => asking::losses(asked, &mode, clean_before.as_deref()),
        Some(Command::Dependencies { workload, lost, clean_before }) => {
            asking::dependencies(asked, workload.as_deref(), &lost, clean_before.as_deref())
        }
        Some(Command::Coverage) => asking::coverage(asked),
        Some(Command::Trends { workload }) => remembering::trends(asked, workload.as_deref()),
        Some(Command::Acknowledge { rule, subject, object, why }) => {
            remembering::acknowledge(asked, &rule, &subject, object.as_deref(), &why)
        }
        Some(Command::Declare { lost, impact_began }) => {
            acting::declare(asked, &lost, impact_began.as_deref())
        }
        Some(Command::StandDown { reason }) => acting::stand_down(asked, &reason),
        Some(Command::Run { runbook, mode, set, yes_to }) => {
            acting::run(asked, &runbook, mode.into(), &set, &yes_to)
        }
        Some(Command::Resume { run, yes_to }) => resuming::resume(asked, &run, &yes_to),
        Some(Command::Runs) => acting::runs(asked),
        Some(Command::Report { run, format }) => acting::report(asked, &run, format),
        Some(Command::Verify { run }) => acting::verify(asked, &run),
        Some(Command::Completions { shell }) => completions(shell),
        Some(Command::Man) => man(),
        Some(Command::Attempt { .. }) => Ok(exit::INTERNAL),
    };
    answer.unwrap_or_else(|problem| {
        tracing::warn!(%problem, "refused");
        tell(&problem, asked.json);
        if problem.code == Code::USAGE { exit::USAGE } else { exit::REFUSED }
    })
}

/// A problem for whoever asked: a person on standard error, a script as JSON.
fn tell(problem: &Problem, json: bool) {
    if json {
        print(&format!("{:#}\n", serde_json::json!({"schema": 1, "problem": problem})));
    }
    eprintln!("lifeboat: {problem}");
}

/// Writes to standard output; a reader that went away is no failure.
fn print(text: &str) {
    use std::io::Write;
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
}

fn print_json(value: &impl serde::Serialize) {
    match serde_json::to_string_pretty(value) {
        Ok(text) => print(&(text + "\n")),
        Err(e) => eprintln!("lifeboat: {e}"),
    }
}

fn completions(shell: clap_complete::Shell) -> Result<i32, Problem> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "lifeboat", &mut text);
    print(&String::from_utf8_lossy(&text));
    Ok(0)
}

fn man() -> Result<i32, Problem> {
    let mut text = Vec::new();
    let page = clap_mangen::Man::new(Cli::command());
    page.render(&mut text).map_err(|e| Problem::new(Code::STATE_WRITE, "the manual page").because(e))?;
    print(&String::from_utf8_lossy(&text));
    Ok(0)
}

/// A runtime for commands and the engine; two workers keep a dead region's
/// time-outs from delaying anything.
fn runtime() -> Result<tokio::runtime::Runtime, Problem> {
    let built = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    built.map_err(|e| Problem::new(Code::STATE_WRITE, "threads").because(e))
}

/// Runs to the end, and waits for nothing that still hangs behind it: a dead
/// resolver or a hung file system must not keep an answer from being given.
fn block_on<T>(work: impl Future<Output = T>) -> Result<T, Problem> {
    let runtime = runtime()?;
    let done = runtime.block_on(work);
    runtime.shutdown_background();
    Ok(done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }
}
