//! Text to words.

use super::{At, ExprError, Op};
use crate::model::Dur;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    Name(String),
    Text(String),
    Number(f64),
    Op(Op),
    Open,
    Close,
    ListOpen,
    ListClose,
    Comma,
}

/// Longer conditions are plans of their own: `decide` is for those.
const LONGEST: usize = 4_096;

pub(super) fn lex(text: &str) -> Result<Vec<(Token, At)>, ExprError> {
    if text.len() > LONGEST {
        return Err(ExprError::new(0..0, format!("it is longer than {LONGEST} bytes")));
    }
    let mut out = Vec::new();
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        if c.is_whitespace() {
            at += c.len_utf8();
            continue;
        }
        let (token, length) = one(text, at, c)?;
        out.push((token, at..at + length));
        at += length;
    }
    Ok(out)
}

fn one(text: &str, at: usize, c: char) -> Result<(Token, usize), ExprError> {
    let rest = &text[at..];
    let two = |s: &str| rest.starts_with(s);
    Ok(match c {
        _ if two("==") => (Token::Op(Op::Equal), 2),
        _ if two("!=") => (Token::Op(Op::Unequal), 2),
        _ if two("<=") => (Token::Op(Op::AtMost), 2),
        _ if two(">=") => (Token::Op(Op::AtLeast), 2),
        _ if two("{{") => return hole(text, at),
        '<' => (Token::Op(Op::Less), 1),
        '>' => (Token::Op(Op::More), 1),
        '(' => (Token::Open, 1),
        ')' => (Token::Close, 1),
        '[' => (Token::ListOpen, 1),
        ']' => (Token::ListClose, 1),
        ',' => (Token::Comma, 1),
        '"' => return quoted(text, at),
        '=' => return Err(ExprError::new(at..at + 1, "a single = compares nothing").hint("write ==")),
        '&' | '|' | '!' => {
            let hint = "write `and`, `or`, `not`";
            return Err(ExprError::new(at..at + 1, format!("{c:?} is no word here")).hint(hint));
        }
        c if c.is_ascii_alphanumeric() || matches!(c, '_' | '-') => word(rest, at)?,
        c => {
            let end = at + c.len_utf8();
            return Err(ExprError::new(at..end, format!("{c:?} cannot stand here")));
        }
    })
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.')
}

/// A name, a number or a duration; ids may begin with a digit.
fn word(rest: &str, at: usize) -> Result<(Token, usize), ExprError> {
    let length = rest.find(|c: char| !is_word(c)).unwrap_or(rest.len());
    let word = &rest[..length];
    let digits = word.strip_prefix('-').unwrap_or(word);
    if digits.starts_with(|c: char| c.is_ascii_digit()) {
        let plain = digits.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        if let Some(number) = word.parse::<f64>().ok().filter(|n| plain && n.is_finite()) {
            return Ok((Token::Number(number), length));
        }
        if let Ok(span) = word.parse::<Dur>() {
            return Ok((Token::Number(span.as_secs_f64()), length));
        }
    }
    match word.starts_with(['-', '.']) || word.ends_with('.') {
        true => Err(ExprError::new(at..at + length, format!("{word:?} is no name and no number"))),
        false => Ok((Token::Name(word.to_owned()), length)),
    }
}

/// `{{ name }}` is the name.
fn hole(text: &str, at: usize) -> Result<(Token, usize), ExprError> {
    let rest = &text[at + 2..];
    let Some(end) = rest.find("}}") else {
        return Err(ExprError::new(at..text.len(), "a {{ without }}"));
    };
    let name = rest[..end].trim();
    match !name.is_empty() && name.chars().all(is_word) {
        true => Ok((Token::Name(name.to_owned()), end + 4)),
        false => Err(ExprError::new(at..at + end + 4, "no name stands in {{ }}")),
    }
}

/// In double quotes; `\"` and `\\` stand for themselves.
fn quoted(text: &str, at: usize) -> Result<(Token, usize), ExprError> {
    let mut out = String::new();
    let mut chars = text[at + 1..].char_indices();
    while let Some((n, c)) = chars.next() {
        match c {
            '"' => return Ok((Token::Text(out), n + 2)),
            '\\' => match chars.next() {
                Some((_, c @ ('"' | '\\'))) => out.push(c),
                _ => {
                    let at = at + 1 + n;
                    return Err(ExprError::new(at..at + 1, "only \\\" and \\\\ can follow a \\"));
                }
            },
            c => out.push(c),
        }
    }
    Err(ExprError::new(at..text.len(), "a \" without its end"))
}
