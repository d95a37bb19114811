//! From text to a table with places, going on behind errors.

use std::{cell::OnceCell, collections::HashSet};

use lifeboat_core::model::{Code, Vocabulary, clean_line, cut};
use toml::de::{DeTable, DeValue};
use toml_parser::lexer::TokenKind;

use super::{
    cursor::{Cursor, Note, Reading, Span},
    diagnostic::{Diagnostic, Lines},
    keys::SCHEMA,
    source::Source,
};

/// One file, understood as far as it goes.
pub(super) struct Parsed<'a> {
    pub source: &'a Source,
    pub doc: DeTable<'a>,
    pub reading: Reading,
    /// Something in it could not be read, so what it does not say is unknown.
    pub partial: bool,
    /// Diagnostics that carry a code of their own.
    pub special: Vec<(Code, Option<Note>, String)>,
    lines: OnceCell<Lines>,
    /// Lines with a syntax error, and the byte where a header is broken.
    broken: HashSet<usize>,
    broken_from: usize,
}

/// Parts in one dotted key. The parser nests a table for each, and dropping
/// a very deep one would exhaust the stack.
const MAX_DOTS: usize = 8;

impl<'a> Parsed<'a> {
    pub fn new(source: &'a Source, vocabulary: &Vocabulary) -> Self {
        let mut parsed = Self {
            source,
            doc: DeTable::new(),
            reading: Reading::default(),
            partial: true,
            special: Vec::new(),
            lines: OnceCell::new(),
            broken: HashSet::new(),
            broken_from: usize::MAX,
        };
        match &source.text {
            Err(bad) => {
                let what = bad.what.clone();
                parsed.special.push((bad.code, None, what));
            }
            Ok(text) => parsed.read(text, vocabulary),
        }
        parsed
    }

    fn read(&mut self, text: &'a str, vocabulary: &Vocabulary) {
        if let Some(span) = too_many_dots(text) {
            let note = Note::error(span, "a key of too many parts", None);
            self.reading.notes.push(note);
            return;
        }
        let (doc, errors) = DeTable::parse_recoverable(text);
        self.doc = doc.into_inner();
        let schema = self.doc.get("schema").map(|v| (v.span(), v.get_ref()));
        if let Some((span, DeValue::Integer(n))) = schema {
            let newest = SCHEMA.to_string();
            match i64::from_str_radix(n.as_str(), n.radix()) {
                Ok(n) if (..SCHEMA).contains(&n) => {
                    let note = Note::error(span, format!("schema {n} is older than {newest}"), None);
                    return self.special.push((Code::ESTATE_OLDER, Some(note), String::new()));
                }
                Ok(n) if n > SCHEMA => {
                    let what =
                        format!("schema {n} is newer than {newest}, the newest that this Lifeboat reads");
                    return self.special.push((
                        Code::ESTATE_NEWER,
                        Some(Note::error(span, what, None)),
                        String::new(),
                    ));
                }
                _ => {}
            }
        }
        self.reading = Cursor::read(vocabulary, self.source.kind, &self.doc);
        self.partial = !errors.is_empty();
        if self.partial {
            self.forget_what_follows(text, errors);
        }
    }

    /// Keeps, beside the syntax errors, only what does not merely follow from
    /// them, and nothing that is called missing.
    fn forget_what_follows(&mut self, text: &'a str, errors: Vec<toml::de::Error>) {
        let mut syntax: Vec<Note> = Vec::new();
        for error in errors {
            let span = error.span().unwrap_or(0..0);
            let line = self.line(&span);
            if text[self.lines().start(line)..].trim_start_matches([' ', '\t']).starts_with('[') {
                self.broken_from = self.broken_from.min(span.start);
            }
            if self.broken.insert(line) {
                let what = format!("TOML: {}", cut(&clean_line(error.message()), 160));
                syntax.push(Note::error(span, what, None));
            }
        }
        // A list that is never closed takes the lines below it for items.
        let runs_on = |a: &Note, b: &Note| a.what == b.what && a.what.contains("array elements");
        syntax.dedup_by(|later, earlier| runs_on(later, earlier));
        let mut reading = std::mem::take(&mut self.reading);
        reading.notes.retain(|note| !note.missing && self.is_sound(&note.span));
        reading.referred.retain(|mention| self.is_sound(&mention.span));
        reading.templates.retain(|(_, span)| self.is_sound(span));
        reading.notes.extend(syntax);
        self.reading = reading;
    }

    /// Whether a place is neither on a line with a syntax error nor behind a
    /// broken header, where keys may have landed in another table.
    pub fn is_sound(&self, span: &Span) -> bool {
        span.start < self.broken_from && (self.broken.is_empty() || !self.broken.contains(&self.line(span)))
    }

    fn text(&self) -> &'a str {
        self.source.text.as_ref().map_or("", String::as_str)
    }
    fn lines(&self) -> &Lines {
        self.lines.get_or_init(|| Lines::new(self.text()))
    }
    /// From 1.
    pub fn line(&self, span: &Span) -> usize {
        self.lines().line(span.start)
    }

    pub fn diagnose(&self, code: Code, note: Note) -> Diagnostic {
        let (line, column, excerpt) = self.lines().locate(self.text(), &note.span);
        Diagnostic {
            severity: note.severity,
            code,
            file: self.source.path.clone(),
            line: Some(line),
            column: Some(column),
            what: clean_line(&note.what),
            hint: note.hint.map(|hint| clean_line(&hint)),
            excerpt: Some(excerpt),
        }
    }

    /// The place of `path` (`step/3/needs/0`), or of as much of it as is there.
    pub fn place_of(&self, path: &str) -> Span {
        let mut parts = path.split('/');
        let Some(first) = parts.next().and_then(|key| self.doc.get(key)) else { return 0..0 };
        let mut at = first;
        for part in parts {
            let next = match at.get_ref() {
                DeValue::Table(table) => table.get(part),
                DeValue::Array(items) => part.parse::<usize>().ok().and_then(|n| items.get(n)),
                _ => None,
            };
            match next {
                Some(next) => at = next,
                None => break,
            }
        }
        at.span()
    }
}

/// The first key with more than `MAX_DOTS` dots. The parser's own lexer says
/// what is a dot between names and what is one in a string.
fn too_many_dots(text: &str) -> Option<Span> {
    let suspicious = |line: &str| line.bytes().filter(|b| *b == b'.').count() > MAX_DOTS;
    if !text.lines().any(suspicious) {
        return None;
    }
    let (mut dots, mut start) = (0, 0);
    for token in toml_parser::Source::new(text).lex() {
        match token.kind() {
            TokenKind::Dot => dots += 1,
            TokenKind::Atom
            | TokenKind::BasicString
            | TokenKind::LiteralString
            | TokenKind::MlBasicString
            | TokenKind::MlLiteralString
            | TokenKind::Whitespace => {}
            _ => (dots, start) = (0, token.span().end()),
        }
        if dots > MAX_DOTS {
            return Some(start..token.span().end());
        }
    }
    None
}
