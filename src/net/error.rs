//! Why a call came to nothing, in classes that a person can act on.

use std::{error::Error, io};

use lifeboat_core::model::{Code, Dur, Problem, Size, clean_line};

use super::Refusal;

/// The text is the cause underneath, without address and without secrets.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NetError {
    #[error("{0}")]
    Refused(String),
    #[error("no answer within {0}")]
    TimedOut(Dur),
    #[error("{0}")]
    Tls(String),
    #[error("{0}")]
    Name(String),
    /// 401, 403, or a file that may not be read.
    #[error("{0}")]
    Denied(String),
    #[error("{0}")]
    Missing(String),
    /// It is there, in a class that has to be retrieved before it can be read.
    #[error("{0}")]
    Archived(String),
    /// It answered that it failed, or that it is too busy.
    #[error("{0}")]
    Server(String),
    /// Not what such a service says.
    #[error("{0}")]
    Garbled(String),
    /// It ended before it was whole.
    #[error("{0}")]
    Cut(String),
    #[error("{0}")]
    Guard(String),
    #[error("it is larger than {0}")]
    TooLarge(Size),
    /// The work it is part of has cost as much as it may.
    #[error("{0}")]
    Ceiling(String),
    #[error("no longer wanted")]
    Cancelled,
}

/// Whose codes a failure is told in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Store,
    Probe,
}

impl NetError {
    /// Whether the same call can do better a moment later.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Refused(_) | Self::Server(_) | Self::Cut(_) | Self::Name(_))
    }

    pub fn code(&self, side: Side) -> Code {
        match (self, side) {
            (Self::Guard(_), _) => Code::STORE_GUARD,
            (Self::Refused(_), Side::Store) => Code::STORE_REFUSED,
            (Self::TimedOut(_) | Self::Cancelled, Side::Store) => Code::STORE_TIMEOUT,
            (Self::Tls(_), Side::Store) => Code::STORE_TLS,
            (Self::Name(_), Side::Store) => Code::STORE_NAME,
            (Self::Denied(_), Side::Store) => Code::STORE_DENIED,
            (Self::Missing(_), Side::Store) => Code::STORE_MISSING,
            (Self::Archived(_), Side::Store) => Code::STORE_ARCHIVED,
            (Self::Server(_), Side::Store) => Code::STORE_SERVER,
            (Self::Garbled(_), Side::Store) => Code::STORE_GARBLED,
            (Self::Cut(_), Side::Store) => Code::STORE_CUT,
            (Self::TooLarge(_) | Self::Ceiling(_), Side::Store) => Code::STORE_CEILING,
            (Self::Refused(_), Side::Probe) => Code::PROBE_REFUSED,
            (Self::TimedOut(_) | Self::Cancelled, Side::Probe) => Code::PROBE_TIMEOUT,
            (Self::Tls(_), Side::Probe) => Code::PROBE_TLS,
            (Self::Name(_), Side::Probe) => Code::PROBE_NAME,
            (_, Side::Probe) => Code::PROBE_ANSWER,
        }
    }

    pub fn problem(&self, side: Side, subject: impl std::fmt::Display) -> Problem {
        Problem::new(self.code(side), subject).because(self)
    }

    /// From an error of the client; `secure` says whether TLS was spoken.
    pub(super) fn from_reqwest(error: &reqwest::Error, secure: bool, connect: Dur) -> Self {
        let text = without_number(&clean_line(&root_cause(error)));
        let mut next: Option<&(dyn Error + 'static)> = error.source();
        let mut class = None;
        while let Some(cause) = next {
            if let Some(refusal) = find_refusal(cause) {
                return Self::Guard(refusal.to_string());
            }
            class = class.or_else(|| classify(cause, secure && error.is_connect(), &text));
            next = cause.source();
        }
        if error.is_dns() {
            return Self::Name(text);
        }
        class.unwrap_or(match () {
            () if error.is_timeout() => Self::TimedOut(connect),
            () if error.is_connect() => Self::Refused(text),
            () => Self::Cut(text),
        })
    }

    /// From opening a socket by hand.
    pub fn from_connect(error: &io::Error) -> Self {
        let text = without_number(&clean_line(&error.to_string()));
        match find_refusal(error) {
            Some(refusal) => Self::Guard(refusal.to_string()),
            None => classify(error, false, &text).unwrap_or(Self::Refused(text)),
        }
    }

    /// From a file or a folder.
    pub(super) fn from_file(error: &io::Error) -> Self {
        let text = clean_line(&error.to_string());
        match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Self::Missing(text),
            io::ErrorKind::PermissionDenied => Self::Denied(text),
            _ => Self::Server(text),
        }
    }
}

/// `Connection refused (os error 111)`: the number says nothing that the words
/// do not, and takes a third of a line.
fn without_number(text: &str) -> String {
    match text.rsplit_once(" (os error ") {
        Some((words, rest)) if rest.trim_end_matches(')').bytes().all(|b| b.is_ascii_digit()) => {
            words.to_owned()
        }
        _ => text.to_owned(),
    }
}

fn find_refusal<'a>(cause: &'a (dyn Error + 'static)) -> Option<&'a Refusal> {
    let inside = |e: &'a io::Error| innermost(e).get_ref().and_then(|inner| inner.downcast_ref::<Refusal>());
    cause.downcast_ref::<Refusal>().or_else(|| cause.downcast_ref::<io::Error>().and_then(inside))
}

/// `io::Error` hides what it wraps from `source()`, and the TLS layers wrap
/// one in another.
fn innermost(error: &io::Error) -> &io::Error {
    let mut error = error;
    while let Some(inner) = error.get_ref().and_then(|inner| inner.downcast_ref::<io::Error>()) {
        error = inner;
    }
    error
}

fn classify(cause: &(dyn Error + 'static), handshaking: bool, text: &str) -> Option<NetError> {
    use io::ErrorKind::*;
    let text = text.to_owned();
    if let Some(error) = cause.downcast_ref::<hyper::Error>() {
        return match () {
            () if error.is_parse() => Some(NetError::Garbled("the answer is not HTTP".to_owned())),
            () if error.is_incomplete_message() => {
                Some(NetError::Cut("it closed the connection in the middle of the answer".to_owned()))
            }
            () => None,
        };
    }
    match innermost(cause.downcast_ref::<io::Error>()?).kind() {
        ConnectionRefused | HostUnreachable | NetworkUnreachable | AddrNotAvailable => {
            Some(NetError::Refused(text))
        }
        // rustls tells of certificates and of peers that speak no TLS this way
        InvalidData | UnexpectedEof | ConnectionReset if handshaking => Some(NetError::Tls(text)),
        ConnectionReset | ConnectionAborted | BrokenPipe | UnexpectedEof => Some(NetError::Cut(text)),
        _ => None,
    }
}

fn root_cause(error: &reqwest::Error) -> String {
    let mut last: &dyn Error = error;
    while let Some(cause) = last.source() {
        last = cause;
    }
    match error.source() {
        Some(_) => last.to_string(),
        // only the outermost carries an address
        None => "the request failed".to_owned(),
    }
}
