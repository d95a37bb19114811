//! What goes wrong, told the same way on screen, in the log and in JSON.

use std::{borrow::Cow, fmt};

use serde::{Deserialize, Serialize};

use super::clean_line;

/// A problem's kind: a row of the table below.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Code(&'static CodeRow);

impl std::ops::Deref for Code {
    type Target = CodeRow;
    fn deref(&self) -> &CodeRow {
        self.0
    }
}

/// A row of the table of problems: `LB-STORE-004`.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct CodeRow {
    pub id: &'static str,
    /// What happened, as the first words a person reads.
    pub what: &'static str,
    /// What to do next, where the place that met it knows nothing better.
    pub next: &'static str,
    /// Whether trying again, unchanged, can help.
    pub retryable: bool,
}

macro_rules! codes {
    ($($name:ident = $id:literal, $what:literal, $next:literal, $retryable:literal;)+) => {
        impl Code {
            $(pub const $name: Code =
                Code(&CodeRow { id: $id, what: $what, next: $next, retryable: $retryable });)+
        }
        /// Every code there is; each is reached by a test.
        pub const CODES: &[Code] = &[$(Code::$name),+];
    };
}

codes! {
    ESTATE_NOT_FOUND = "LB-ESTATE-001", "no estate here", "go to its folder, give --estate DIR, or make one with `lifeboat init`", false;
    ESTATE_INVALID = "LB-ESTATE-002", "the estate has errors", "mend the lines named, then `lifeboat validate`", false;
    ESTATE_UNREADABLE = "LB-ESTATE-003", "a file of the estate cannot be read", "check the file and its permissions", false;
    ESTATE_TOO_LARGE = "LB-ESTATE-004", "the estate is larger than allowed", "keep only TOML and small scripts in its folder", false;
    ESTATE_NEWER = "LB-ESTATE-005", "the estate was written for a newer Lifeboat", "update lifeboat", false;
    ESTATE_EXISTS = "LB-ESTATE-006", "there is an estate here already", "choose an empty folder, or edit what is there", false;
    ESTATE_OLDER = "LB-ESTATE-007", "the estate was written for an older Lifeboat", "upgrade it with `lifeboat migrate`", false;
    ESTATE_WRITE = "LB-ESTATE-008", "a file of the estate cannot be written", "check the folder, its permissions and free space", false;
    TRUST_MISSING = "LB-TRUST-001", "this estate is not trusted", "read it, then allow it with `lifeboat trust`", false;
    TRUST_CHANGED = "LB-TRUST-002", "the estate changed since it was trusted", "see what changed, then `lifeboat trust`", false;
    TRUST_LINK = "LB-TRUST-003", "a link leaves the estate", "copy the file into the estate instead", false;
    TRUST_FILE = "LB-TRUST-004", "this file cannot be part of an estate", "move it out of the estate's folder", false;
    TRUST_WRITE = "LB-TRUST-005", "what you trust cannot be kept", "check the state directory, its permissions and free space", false;
    SECRET_MISSING = "LB-SECRET-001", "a secret is not there", "set the variable or file that the estate names", false;
    STORE_REFUSED = "LB-STORE-001", "the store refused the connection", "check that it runs and that the endpoint is right", true;
    STORE_TIMEOUT = "LB-STORE-002", "the store did not answer in time", "check the network path to it; other stores go on", true;
    STORE_TLS = "LB-STORE-003", "no secure connection to the store", "check its certificate, or name its authority with `ca`", false;
    STORE_NAME = "LB-STORE-004", "the store's name does not resolve", "check the endpoint and the resolver", true;
    STORE_DENIED = "LB-STORE-005", "the store denied access", "check the credentials and that they may list and read", false;
    STORE_MISSING = "LB-STORE-006", "the bucket or path is not there", "check `url` and `path`", false;
    STORE_SERVER = "LB-STORE-007", "the store failed", "wait, or see the provider's status", true;
    STORE_GARBLED = "LB-STORE-008", "the answer is not what a store says", "check that the endpoint is a store, not a proxy or a login page", false;
    STORE_CUT = "LB-STORE-009", "the store's answer ended early", "it will be asked again", true;
    STORE_CEILING = "LB-STORE-010", "the store holds more than may be read", "narrow `path` or `match`", false;
    STORE_URL = "LB-STORE-011", "no way to open this kind of store", "write s3://, gs://, az://, https:// for WebDAV or file://; oci:// and git+https:// for their formats", false;
    STORE_GUARD = "LB-STORE-012", "this address may not be called", "use the service's own address", false;
    STORE_ARCHIVED = "LB-STORE-013", "what is wanted lies in an archive class", "have the provider retrieve it first; that takes hours", false;
    COPY_NOT_THERE = "LB-COPY-001", "no backup where one should be", "check `path`, then whether the backup job has ever run", false;
    COPY_FORMAT = "LB-COPY-002", "the backup repository cannot be understood", "check `format` and `path`", false;
    COPY_UNSUPPORTED = "LB-COPY-003", "this format is not read yet", "use another format, or `command`", false;
    COPY_PASSWORD = "LB-COPY-004", "the repository is encrypted and no password was given", "name it with `password`", false;
    COPY_WRONG_PASSWORD = "LB-COPY-005", "the password that was given does not open the repository", "check what `password` names; the tool itself must open it with the same one", false;
    COPY_PROGRAM = "LB-COPY-006", "the program that lists the recovery points failed", "run it by hand in the estate's folder, and see what it says", true;
    PROBE_REFUSED = "LB-PROBE-001", "refused the connection", "check that the service runs", true;
    PROBE_TIMEOUT = "LB-PROBE-002", "did not answer in time", "check the service and the path to it", true;
    PROBE_TLS = "LB-PROBE-003", "no secure connection", "check the certificate", false;
    PROBE_NAME = "LB-PROBE-004", "the name does not resolve", "check the address and the resolver", true;
    PROBE_ANSWER = "LB-PROBE-005", "answered otherwise than expected", "look at the service", true;
    PROBE_VALUE = "LB-PROBE-006", "the figure asked for is not in the answer", "check `value`, `unit` and `as_of`", false;
    PROBE_UNSUPPORTED = "LB-PROBE-007", "this kind of probe is not built in yet", "use another kind, such as http", false;
    RUN_UNKNOWN = "LB-RUN-001", "no such run", "see `lifeboat runs`", false;
    RUN_BUSY = "LB-RUN-002", "another process is driving this run", "use that one, or end it first", true;
    RUN_REFUSED = "LB-RUN-003", "not possible in this state", "see what the run waits for", false;
    RUN_PARAMETER = "LB-RUN-004", "a parameter is missing or wrong", "give it with --set NAME=VALUE", false;
    RUN_CONFIRM = "LB-RUN-005", "the name typed is not the target's", "type the name exactly, or leave it", false;
    RUN_UNSUPPORTED = "LB-RUN-006", "this kind of step cannot be run yet", "do it by hand and record it, or use a command step", false;
    RUN_ROLE = "LB-RUN-007", "this is for somebody else to do", "ask who may, or override it with a reason", false;
    JOURNAL_DAMAGED = "LB-JOURNAL-001", "the journal is damaged", "do not resume; compare with another copy of it", false;
    JOURNAL_TORN = "LB-JOURNAL-002", "the journal's last line was cut off in writing", "nothing: the line was never acknowledged", false;
    JOURNAL_WRITE = "LB-JOURNAL-003", "the journal cannot be written", "free space or mend the disk, then resume the run", false;
    JOURNAL_NEWER = "LB-JOURNAL-004", "the journal has events of a newer Lifeboat", "resume it with that version", false;
    STATE_WRITE = "LB-STATE-001", "the last known state cannot be kept", "free space or check the state directory", true;
    HISTORY_WRITE = "LB-HISTORY-001", "the history cannot be written: nothing new is remembered", "free space or check the state directory; all else goes on", true;
    HISTORY_DAMAGED = "LB-HISTORY-002", "the history is damaged", "nothing: it is set aside, and a new one is begun", false;
    HISTORY_NEWER = "LB-HISTORY-003", "the history was written by a newer Lifeboat", "update lifeboat; until then nothing is remembered", false;
    HISTORY_NO_ANOMALY = "LB-HISTORY-004", "there is no such anomaly now", "see `lifeboat check`, and name its rule and subject", false;
    ATTEMPT_SPAWN = "LB-STEP-001", "the step's program cannot be started", "check that it exists and may be executed", false;
    ATTEMPT_FAILED = "LB-STEP-002", "the step failed", "read its output, then retry, skip or cancel", true;
    ATTEMPT_TIMEOUT = "LB-STEP-003", "the step took longer than its timeout", "find out how far it got before you retry", false;
    ATTEMPT_UNKNOWN = "LB-STEP-004", "nobody knows whether the step happened", "find out, then say done or not done", false;
    ATTEMPT_DISK = "LB-STEP-005", "an attempt's folder cannot be written: it was not begun", "free space or mend the disk, then resume the run", false;
    DEMO_FOLDER = "LB-DEMO-001", "this folder cannot hold the demo", "give another with --dir DIR", false;
    DEMO_BUSY = "LB-DEMO-002", "a demo is already running from this folder", "use that one, or give another with --dir DIR", false;
    DEMO_PORT = "LB-DEMO-003", "a port of the demo is taken by another program", "end that program, or give another folder with --dir DIR", true;
    DEMO_ABSENT = "LB-DEMO-004", "no demo is running from this folder", "start it with `lifeboat demo`", true;
    DEMO_FAULT = "LB-DEMO-005", "the demo has no such fault", "see `lifeboat demo fault --help`", false;
    DEMO_WORLD = "LB-DEMO-006", "the demo's world failed", "start it again; its folder may be deleted without loss", true;
    USAGE = "LB-USAGE-001", "this was not understood", "see `lifeboat help`", false;
    TERMINAL = "LB-TERM-001", "this is no terminal", "use `lifeboat status` or another command with --json", false;
}

impl Code {
    pub fn find(id: &str) -> Option<Code> {
        CODES.iter().copied().find(|c| c.id == id)
    }
}
impl Serialize for Code {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(self.id)
    }
}
impl<'de> Deserialize<'de> for Code {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let id = Cow::<str>::deserialize(d)?;
        Code::find(&id).ok_or_else(|| serde::de::Error::custom("no such code"))
    }
}

/// `{code, what, subject, why, next, retryable}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    pub code: Code,
    pub what: String,
    /// To what it happened: a store, a file with line and column, a step.
    pub subject: String,
    /// The cause underneath, as told by the system or the other side; cleaned.
    pub why: String,
    pub next: String,
    pub retryable: bool,
}

impl Problem {
    pub fn new(code: Code, subject: impl fmt::Display) -> Self {
        Self {
            code,
            what: code.what.to_owned(),
            subject: clean_line(&subject.to_string()),
            why: String::new(),
            next: code.next.to_owned(),
            retryable: code.retryable,
        }
    }
    #[must_use]
    pub fn because(mut self, why: impl fmt::Display) -> Self {
        self.why = clean_line(&why.to_string());
        self
    }
    #[must_use]
    pub fn next(mut self, next: impl Into<String>) -> Self {
        self.next = next.into();
        self
    }
}

/// `backups-fra: the store did not answer in time (…). Next: … [LB-STORE-002]`
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.subject, self.what)?;
        if !self.why.is_empty() {
            write!(f, " ({})", self.why)?;
        }
        write!(f, ". Next: {}. [{}]", self.next, self.code.id)
    }
}
impl std::error::Error for Problem {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_round_trip() {
        for (n, code) in CODES.iter().enumerate() {
            assert!(CODES[n + 1..].iter().all(|c| c.id != code.id), "{} twice", code.id);
            assert_eq!(Code::find(code.id), Some(*code));
        }
        let problem = Problem::new(Code::STORE_TIMEOUT, "backups-fra").because("5s\u{1b}[2J");
        assert!(problem.to_string().contains("^[[2J"));
        let json = serde_json::to_string(&problem).unwrap();
        assert_eq!(serde_json::from_str::<Problem>(&json).unwrap(), problem);
    }
}
