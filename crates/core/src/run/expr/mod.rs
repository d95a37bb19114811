//! The language of `when`: comparisons of parameters, outputs and states of
//! steps, joined by `and`, `or`, `not`. It has no functions, no arithmetic and
//! no way to act, and every name in it is known before a run begins.
//!
//! ```text
//! expr    = all { "or" all }
//! all     = one { "and" one }
//! one     = "not" one | "(" expr ")" | value [ compare value | ["not"] "in" list ]
//! compare = "==" | "!=" | "<" | "<=" | ">" | ">="
//! list    = "[" value { "," value } "]"
//! value   = name | "text" | number | duration | "true" | "false"
//! ```
//!
//! `parse` reads it, `check` compares it with the names that there are, `hold`
//! says whether it holds.

mod check;
mod eval;
mod lex;
mod parse;

pub(super) use check::steps_named;
pub use check::{Names, Type, check, check_when, names};
pub use eval::{Values, hold};
pub use parse::parse;

/// Where in the text, in bytes.
pub type At = std::ops::Range<usize>;

/// What is wrong with a condition, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct ExprError {
    pub at: At,
    pub why: String,
    /// What to write instead.
    pub hint: Option<String>,
}

impl ExprError {
    fn new(at: At, why: impl Into<String>) -> Self {
        Self { at, why: why.into(), hint: None }
    }
    fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// A condition as it was read.
#[derive(Debug, Clone, PartialEq)]
pub enum Expr {
    Or(Box<Expr>, Box<Expr>),
    And(Box<Expr>, Box<Expr>),
    Not(Box<Expr>),
    Is(Term),
    Compare(Term, Op, Term),
    In(Term, Vec<Term>),
}

#[derive(Debug, Clone, PartialEq)]
pub struct Term {
    pub value: Atom,
    pub at: At,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Atom {
    /// A parameter, `step.output`, `step.state`, `mode`, `graceful`; or, beside
    /// something that has only certain values, one of those.
    Name(String),
    Text(String),
    /// Durations are seconds.
    Number(f64),
    Bool(bool),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    Equal,
    Unequal,
    Less,
    AtMost,
    More,
    AtLeast,
}

impl Op {
    /// Whether it needs an order: numbers and instants have one.
    pub fn orders(self) -> bool {
        !matches!(self, Self::Equal | Self::Unequal)
    }
}

impl Expr {
    /// Every name that stands in it, words included.
    pub fn names(&self) -> Vec<&str> {
        let mut out = Vec::new();
        self.gather(&mut out);
        out
    }

    fn gather<'a>(&'a self, out: &mut Vec<&'a str>) {
        let mut term = |t: &'a Term| {
            if let Atom::Name(name) = &t.value {
                out.push(name.as_str());
            }
        };
        match self {
            Self::Is(t) => term(t),
            Self::Compare(l, _, r) => [l, r].into_iter().for_each(term),
            Self::In(t, list) => std::iter::once(t).chain(list).for_each(term),
            Self::Not(inner) => inner.gather(out),
            Self::Or(l, r) | Self::And(l, r) => {
                l.gather(out);
                r.gather(out);
            }
        }
    }
}

#[cfg(test)]
mod tests;
