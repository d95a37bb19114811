//! One walk over a parsed file, driven by its `KeyDef`s: everything wrong is
//! noted with its place, and what is right becomes JSON in the shapes that the
//! model reads. A new type of value is one arm in `value` and one in `words`.

mod probe;
mod scalar;
mod words;

use std::ops::Range;

use lifeboat_core::model::{KeyDef, KeyType, Vocabulary};
use serde_json::{Map, Value};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    diagnostic::Severity,
    keys::{FileKind, SCHEMA_KEY},
    names::Mention,
    nearest::nearest,
};

pub(super) use words::describe;

pub(super) type Span = Range<usize>;

/// One thing that is wrong, before its line is looked up.
#[derive(Debug, Clone)]
pub(super) struct Note {
    pub severity: Severity,
    pub span: Span,
    pub what: String,
    pub hint: Option<String>,
    /// Something that should be there is not: not said of a file of which
    /// only a part could be parsed.
    pub missing: bool,
}

impl Note {
    pub fn error(span: Span, what: impl Into<String>, hint: Option<String>) -> Self {
        Self { severity: Severity::Error, span, what: what.into(), hint, missing: false }
    }
}

/// What one file says, as far as it could be understood.
#[derive(Default)]
pub(super) struct Reading {
    /// Keys whose values were wrong are missing; wrong items of lists are null.
    pub value: Value,
    pub notes: Vec<Note>,
    pub declared: Vec<Mention>,
    pub referred: Vec<Mention>,
    /// Texts with `{{`, for runbooks.
    pub templates: Vec<(String, Span)>,
    /// Programs that argument lists name, as written.
    pub programs: Vec<(String, Span)>,
    /// Something has no readable id, so what refers to it cannot be resolved.
    pub nameless: bool,
}

pub(super) struct Cursor<'a> {
    vocabulary: &'a Vocabulary,
    file: FileKind,
    /// Names of the keys above the value at hand.
    path: Vec<&'static str>,
    /// Inside values whose type only a kind of step or probe knows: there a
    /// template may stand for any text.
    loose: bool,
    /// Inside a reference to a secret: what a person trusts is where it is
    /// read from, so nothing may be filled in.
    fixed: bool,
    out: Reading,
}

/// Deeper values than this are refused: they would exhaust the stack.
const MAX_DEPTH: usize = 64;

impl<'a> Cursor<'a> {
    pub fn read(vocabulary: &'a Vocabulary, file: FileKind, root: &DeTable<'_>) -> Reading {
        let mut cursor =
            Self { vocabulary, file, path: Vec::new(), loose: false, fixed: false, out: Reading::default() };
        let mut value = cursor.table(&[file.keys(), &[SCHEMA_KEY]], root, &(0..0));
        value.remove(SCHEMA_KEY.name);
        cursor.out.value = Value::Object(value);
        cursor.out
    }

    fn error(&mut self, span: Span, what: impl Into<String>, hint: Option<String>) {
        self.out.notes.push(Note::error(span, what, hint));
    }

    /// All keys of a table that `keys` know; the others are errors.
    fn table(&mut self, keys: &[&[KeyDef]], table: &DeTable<'_>, span: &Span) -> Map<String, Value> {
        let mut out = Map::new();
        for (key, value) in table {
            match keys.iter().flat_map(|k| k.iter()).find(|def| def.name == key.get_ref()) {
                None => self.unknown(key, keys.iter().flat_map(|k| k.iter().map(|def| def.name))),
                Some(def) => {
                    if let Some(read) = self.under(def, value) {
                        out.insert(def.name.to_owned(), read);
                    }
                }
            }
        }
        self.missing(keys, table, span);
        out
    }

    fn under(&mut self, def: &KeyDef, value: &Spanned<DeValue<'_>>) -> Option<Value> {
        self.path.push(def.name);
        let read = self.value(&def.ty, value);
        self.path.pop();
        read
    }

    fn unknown<'k>(&mut self, key: &Spanned<impl AsRef<str>>, known: impl Iterator<Item = &'k str>) {
        let name = key.get_ref().as_ref();
        let hint = match nearest(name, known) {
            Some(near) => Some(format!("did you mean `{near}`?")),
            None => Some(match self.path.last() {
                Some(table) => format!("`{table}` has no such key"),
                None => format!("{} has no such key", self.file.place()),
            }),
        };
        self.error(key.span(), format!("unknown key `{name}`"), hint);
    }

    fn missing(&mut self, keys: &[&[KeyDef]], table: &DeTable<'_>, span: &Span) {
        for def in keys.iter().flat_map(|k| k.iter()).filter(|def| def.required) {
            if table.get(def.name).is_none() {
                self.out.nameless |= matches!(def.ty, KeyType::NewId);
                let what = match self.path.last() {
                    None => format!("`{}` is missing", def.name),
                    Some(of) => format!("`{}` is missing from this `{of}`", def.name),
                };
                let hint = match def.name {
                    "schema" => "begin the file with `schema = 1`".to_owned(),
                    _ => format!("add `{}`, {}", def.name, describe(&def.ty)),
                };
                self.out.notes.push(Note { missing: true, ..Note::error(span.clone(), what, Some(hint)) });
            }
        }
    }

    fn value(&mut self, ty: &KeyType, value: &Spanned<DeValue<'_>>) -> Option<Value> {
        if !words::fits(ty, value.get_ref()) {
            self.out.nameless |= matches!(ty, KeyType::NewId);
            self.wrong_type(ty, value);
            if let (KeyType::List(item), DeValue::Table(_)) = (ty, value.get_ref()) {
                // `[asset]` for `[[asset]]`: what it says is looked at all the same.
                self.value(item, value);
            }
            return None;
        }
        match (ty, value.get_ref()) {
            (KeyType::List(item), DeValue::Array(items)) => Some(self.items(item, items)),
            (KeyType::Tuple(item, count), DeValue::Array(items)) => {
                if items.len() != *count {
                    let what = format!("{} items where {count} belong", items.len());
                    self.error(value.span(), what, Some(format!("write {}", describe(ty))));
                    return None;
                }
                Some(self.items(item, items))
            }
            (KeyType::Map(inner), DeValue::Table(table)) => {
                let read = |(key, value): (&Spanned<_>, _)| {
                    let key: &std::borrow::Cow<'_, str> = key.get_ref();
                    Some((key.clone().into_owned(), self.value(inner, value)?))
                };
                Some(Value::Object(table.iter().filter_map(read).collect()))
            }
            (KeyType::Table(keys), DeValue::Table(table)) => {
                Some(Value::Object(self.table(&[keys], table, &value.span())))
            }
            (KeyType::Either(types), inner) => {
                let ty = types.iter().find(|ty| words::fits(ty, inner))?;
                self.value(ty, value)
            }
            (KeyType::Secret, DeValue::Table(table)) => self.secret(table, &value.span()),
            (KeyType::Probe, DeValue::Table(table)) => self.probe(table, &value.span()),
            (KeyType::ProbeWith(keys), DeValue::Table(table)) => {
                Some(self.probe_with(keys, table, &value.span()))
            }
            (KeyType::Copy(keys), DeValue::Table(table)) => self.copy(keys, table, &value.span()),
            (KeyType::Step(keys), DeValue::Table(table)) => self.step(keys, table, &value.span()),
            (KeyType::Command, DeValue::Array(items)) => self.command(items, &value.span()),
            (KeyType::Any, _) => self.any(value, 0),
            _ => self.scalar(ty, value),
        }
    }

    fn wrong_type(&mut self, ty: &KeyType, value: &Spanned<DeValue<'_>>) {
        let found = words::found(value.get_ref());
        let key = self.path.last().copied().unwrap_or_default();
        let what = format!("`{key}` must be {}, not {found}", describe(ty));
        let hint = match (ty, value.get_ref()) {
            (KeyType::Command, DeValue::String(_)) => {
                Some("write [\"program\", \"argument\"]: it is never a shell line".to_owned())
            }
            (KeyType::List(KeyType::Table(_) | KeyType::Step(_) | KeyType::Copy(_)), DeValue::Table(_)) => {
                Some(format!("head it with [[{}]]", self.path.join(".")))
            }
            (KeyType::List(_), DeValue::String(text)) => Some(format!("write [{text:?}]")),
            (KeyType::Dur | KeyType::Period, DeValue::Integer(n)) => {
                Some(format!("write \"{}s\" for seconds", n.as_str()))
            }
            _ => None,
        };
        self.error(value.span(), what, hint);
    }

    fn items(&mut self, ty: &KeyType, items: &[Spanned<DeValue<'_>>]) -> Value {
        // A wrong item keeps its place, so that later checks find the right one.
        Value::Array(items.iter().map(|item| self.value(ty, item).unwrap_or(Value::Null)).collect())
    }

    fn any(&mut self, value: &Spanned<DeValue<'_>>, depth: usize) -> Option<Value> {
        if depth > MAX_DEPTH {
            self.error(value.span(), "nested too deep", None);
            return None;
        }
        match value.get_ref() {
            DeValue::Array(items) => {
                Some(items.iter().map(|v| self.any(v, depth + 1).unwrap_or(Value::Null)).collect())
            }
            DeValue::Table(table) => {
                let read = |(key, value): (&Spanned<_>, _)| {
                    let key: &std::borrow::Cow<'_, str> = key.get_ref();
                    Some((key.clone().into_owned(), self.any(value, depth + 1)?))
                };
                Some(Value::Object(table.iter().filter_map(read).collect()))
            }
            _ => self.plain(value),
        }
    }
}
