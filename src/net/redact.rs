//! Secrets taken out of what is kept or shown, in the forms in which programs
//! repeat them. The last line of defence, not the first: nothing of ours writes
//! a secret, but a command that was given one may print it.
//!
//! | form | who writes it |
//! |---|---|
//! | as it is, and each long line of it | everybody |
//! | base64, base64url, at any place of a longer text, wrapped or not | `Authorization`, Kubernetes, `base64` |
//! | hex, lower and upper case, wrapped or not | `xxd -p`, debug output |
//! | percent, as little or as much as there is | addresses in errors, `curl -v` |
//! | JSON, minimal, ASCII or all escaped | logs as JSON |
//! | `\xHH`, octal | Python, C, `printf %q` |
//! | HTML entities | error pages |
//! | quoted-printable | mail |
//! | shell quotes | `set -x`, `printf %q` |
//! | UTF-16, both ways round | Windows and Java tools |
//! | bytes as decimal numbers | dumps of arrays |
//! | reversed | nobody honest; it costs nothing |
//!
//! Other forms (encrypted, compressed, cut in pieces) are not found.

mod forms;
mod known;
mod parts;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use lifeboat_core::model::Problem;
use serde_json::Value;

use super::Secret;

pub(in crate::net) use known::Known;
pub use known::of_this_process;

const INSTEAD: &[u8] = b"***";

/// One way in which a secret may be written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Form {
    bytes: Vec<u8>,
    /// Line ends may lie in it.
    wraps: bool,
}

/// Takes a set of secrets out of bytes.
#[derive(Default)]
pub struct Redactor {
    forms: Vec<Form>,
    /// Places in `forms` by their first byte.
    first: Vec<Vec<u32>>,
}

impl std::fmt::Debug for Redactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Redactor({} forms)", self.forms.len())
    }
}

enum Found {
    Nothing,
    /// The text ends where a form could still go on.
    Perhaps,
    Ends(usize),
}

impl Redactor {
    pub fn new<'a>(secrets: impl IntoIterator<Item = &'a Secret>) -> Self {
        let mut forms = BTreeSet::new();
        for secret in secrets {
            for part in parts::parts(secret.expose()) {
                forms::add(&part, &mut forms);
            }
        }
        let forms: Vec<Form> = forms.into_iter().collect();
        let mut first = vec![Vec::new(); 256];
        for (n, form) in forms.iter().enumerate() {
            first[usize::from(form.bytes[0])].push(u32::try_from(n).unwrap_or(u32::MAX));
        }
        Self { forms, first }
    }
    pub fn is_empty(&self) -> bool {
        self.forms.is_empty()
    }

    /// `bytes` without any secret. Unless they are the `last`, what may be the
    /// beginning of one is held back: the second value says how many were used.
    pub fn wash(&self, bytes: &[u8], last: bool) -> (Vec<u8>, usize) {
        let (mut clean, mut at) = (Vec::with_capacity(bytes.len()), 0);
        if self.is_empty() {
            return (bytes.to_vec(), bytes.len());
        }
        while at < bytes.len() {
            match self.at(&bytes[at..]) {
                (_, true) if !last => break,
                (0, _) => {
                    clean.push(bytes[at]);
                    at += 1;
                }
                (length, _) => {
                    clean.extend_from_slice(INSTEAD);
                    at += length;
                }
            }
        }
        (clean, at)
    }

    pub fn text(&self, text: &str) -> String {
        match self.is_empty() {
            true => text.to_owned(),
            false => String::from_utf8_lossy(&self.wash(text.as_bytes(), true).0).into_owned(),
        }
    }

    pub fn problem(&self, problem: Problem) -> Problem {
        if self.is_empty() {
            return problem;
        }
        let text = |t: &str| self.text(t);
        Problem {
            subject: text(&problem.subject),
            why: text(&problem.why),
            next: text(&problem.next),
            ..problem
        }
    }

    /// Every text in a value, names included.
    pub fn value(&self, value: Value) -> Value {
        match value {
            _ if self.is_empty() => value,
            Value::String(text) => Value::String(self.text(&text)),
            Value::Array(all) => Value::Array(all.into_iter().map(|v| self.value(v)).collect()),
            Value::Object(all) => {
                Value::Object(all.into_iter().map(|(name, v)| (self.text(&name), self.value(v))).collect())
            }
            // A secret of digits alone.
            Value::Number(ref n) if self.text(&n.to_string()) != n.to_string() => Value::String("***".into()),
            other => other,
        }
    }

    /// The length of the longest form that begins here, 0 for none; and whether
    /// a longer one might, were there more text.
    fn at(&self, text: &[u8]) -> (usize, bool) {
        let (mut longest, mut perhaps) = (0, false);
        for n in &self.first[usize::from(text[0])] {
            match self.forms[*n as usize].begins(text) {
                Found::Ends(length) => longest = longest.max(length),
                Found::Perhaps => perhaps = true,
                Found::Nothing => {}
            }
        }
        (longest, perhaps)
    }
}

impl Form {
    fn begins(&self, text: &[u8]) -> Found {
        let mut at = 0;
        for (n, byte) in self.bytes.iter().enumerate() {
            if self.wraps && n > 0 {
                while text.get(at).is_some_and(|b| matches!(b, b'\n' | b'\r')) {
                    at += 1;
                }
            }
            match text.get(at) {
                None => return Found::Perhaps,
                Some(b) if b == byte => at += 1,
                Some(_) => return Found::Nothing,
            }
        }
        Found::Ends(at)
    }
}
