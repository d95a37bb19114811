//! Tables whose keys depend on a kind: probes, copies, steps; and argument
//! lists and references to secrets.

use lifeboat_core::model::{KeyDef, KeyType, clean_line, cut};
use serde_json::{Map, Value};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{Cursor, Note, Span, scalar::one_of};
use crate::config::{
    keys::{COMPANIONS, SECRET},
    nearest::nearest,
    template::is_template,
};

impl Cursor<'_> {
    /// `{ http = "url", expect = … }` becomes `{ kind, target, expect, … }`.
    pub(super) fn probe(&mut self, table: &DeTable<'_>, span: &Span) -> Option<Value> {
        self.probe_among(table, span, &[]).map(|(probe, _)| probe)
    }

    /// A probe with `keys` beside it becomes `{ keys…, probe }`.
    pub(super) fn probe_with(&mut self, keys: &'static [KeyDef], table: &DeTable<'_>, span: &Span) -> Value {
        let Some((probe, mut around)) = self.probe_among(table, span, keys) else { return Value::Null };
        around.insert("probe".to_owned(), probe);
        Value::Object(around)
    }

    fn probe_among(
        &mut self,
        table: &DeTable<'_>,
        span: &Span,
        beside: &'static [KeyDef],
    ) -> Option<(Value, Map<String, Value>)> {
        let kinds = self.vocabulary.probes;
        let (mut probe, mut around, mut heads) = (Map::new(), Map::new(), Vec::new());
        for (key, value) in table {
            let name: &str = key.get_ref();
            if let Some(kind) = kinds.iter().find(|kind| kind.id == name) {
                heads.push((kind.id, key.span()));
                let def = KeyDef::new(kind.id, kind.target, kind.doc);
                if let Some(target) = self.loosely(|c| c.under(&def, value)) {
                    probe.insert("kind".to_owned(), kind.id.into());
                    probe.insert("target".to_owned(), target);
                }
            } else if let Some(def) = COMPANIONS.iter().find(|def| def.name == name) {
                probe.extend(self.under(def, value).map(|read| (def.name.to_owned(), read)));
            } else if let Some(def) = beside.iter().find(|def| def.name == name) {
                around.extend(self.under(def, value).map(|read| (def.name.to_owned(), read)));
            } else {
                let known = kinds.iter().map(|kind| kind.id);
                let keys = COMPANIONS.iter().chain(beside).map(|def| def.name);
                self.unknown(key, known.chain(keys).collect::<Vec<_>>().into_iter());
            }
        }
        self.missing(&[beside], table, span);
        heads.sort_by_key(|(_, place)| place.start);
        let one = self.one_head(&heads, span);
        (one && probe.contains_key("target")).then_some((Value::Object(probe), around))
    }

    /// Whether a probe is of exactly one kind.
    fn one_head(&mut self, heads: &[(&str, Span)], span: &Span) -> bool {
        match heads {
            [_] => true,
            [] => {
                let known: Vec<_> = self.vocabulary.probes.iter().map(|kind| kind.id).collect();
                let hint = format!("head it with one of {}", known.join(", "));
                self.error(span.clone(), "a probe of no kind", Some(hint));
                false
            }
            [(first, _), .., (last, place)] => {
                let what = format!("a probe of two kinds, `{first}` and `{last}`");
                self.error(place.clone(), what, Some("keep one, or write two probes".to_owned()));
                false
            }
        }
    }

    /// Inside what only a kind knows, templates may stand for any text.
    fn loosely<T>(&mut self, read: impl FnOnce(&mut Self) -> T) -> T {
        let before = std::mem::replace(&mut self.loose, true);
        let out = read(self);
        self.loose = before;
        out
    }

    pub(super) fn copy(
        &mut self,
        keys: &'static [KeyDef],
        table: &DeTable<'_>,
        span: &Span,
    ) -> Option<Value> {
        let formats: Vec<_> = self.vocabulary.formats.iter().map(|f| (f.id, f.keys)).collect();
        self.kinded("format", &formats, keys, table, span)
    }

    pub(super) fn step(
        &mut self,
        keys: &'static [KeyDef],
        table: &DeTable<'_>,
        span: &Span,
    ) -> Option<Value> {
        let kinds: Vec<_> = self.vocabulary.steps.iter().map(|s| (s.id, s.keys)).collect();
        self.kinded("kind", &kinds, keys, table, span)
    }

    /// A table in which the key `head` names one of `kinds`, whose own keys
    /// move into `options`. Where both know a key, it is the common one.
    fn kinded(
        &mut self,
        head: &'static str,
        kinds: &[(&'static str, &'static [KeyDef])],
        common: &'static [KeyDef],
        table: &DeTable<'_>,
        span: &Span,
    ) -> Option<Value> {
        let ids: Vec<&str> = kinds.iter().map(|(id, _)| *id).collect();
        let own = self.head(head, &ids, table, span).and_then(|id| kinds.iter().find(|(k, _)| *k == id));
        let (mut out, mut options) = (Map::new(), Map::new());
        for (key, value) in table {
            let name: &str = key.get_ref();
            if name == head {
                out.extend(own.map(|(id, _)| (head.to_owned(), (*id).into())));
            } else if let Some(def) = common.iter().find(|def| def.name == name) {
                out.extend(self.under(def, value).map(|read| (def.name.to_owned(), read)));
            } else if let Some((_, keys)) = own {
                match keys.iter().find(|def| def.name == name) {
                    Some(def) => {
                        let read = self.loosely(|c| c.under(def, value));
                        options.extend(read.map(|read| (def.name.to_owned(), read)));
                    }
                    None => self.unknown_in_kind(key, own.map_or("", |(id, _)| id), kinds, common),
                }
            } else if !kinds.iter().any(|(_, keys)| keys.iter().any(|def| def.name == name)) {
                // Without its kind, a key is wrong only where no kind has it.
                self.unknown_in_kind(key, "", kinds, common);
            }
        }
        self.missing(&[common, own.map_or(&[][..], |(_, keys)| keys)], table, span);
        out.insert("options".to_owned(), Value::Object(options));
        Some(Value::Object(out))
    }

    fn head<'t>(&mut self, head: &str, ids: &[&str], table: &'t DeTable<'_>, span: &Span) -> Option<&'t str> {
        let Some(value) = table.get(head) else {
            let what = format!("`{head}` is missing from this `{}`", self.path.last().unwrap_or(&""));
            let hint = format!("write one of {}", ids.join(", "));
            self.out.notes.push(Note { missing: true, ..Note::error(span.clone(), what, Some(hint)) });
            return None;
        };
        match value.get_ref().as_str() {
            Some(id) if ids.contains(&id) => Some(id),
            Some(id) => {
                let shown = cut(&clean_line(id), 60);
                self.error(value.span(), format!("unknown {head} {shown:?}"), Some(one_of(id, ids)));
                None
            }
            None => {
                self.error(value.span(), format!("`{head}` must be text"), Some(one_of("", ids)));
                None
            }
        }
    }

    fn unknown_in_kind(
        &mut self,
        key: &Spanned<impl AsRef<str>>,
        own: &str,
        kinds: &[(&'static str, &'static [KeyDef])],
        common: &'static [KeyDef],
    ) {
        let name = key.get_ref().as_ref();
        let elsewhere: Vec<_> = kinds
            .iter()
            .filter(|(_, keys)| keys.iter().any(|def| def.name == name))
            .map(|(id, _)| *id)
            .collect();
        if elsewhere.is_empty() {
            let mine =
                kinds.iter().filter(|(id, _)| *id == own || own.is_empty()).flat_map(|(_, keys)| *keys);
            let known: Vec<_> = common.iter().chain(mine).map(|def| def.name).collect();
            if own.is_empty() || nearest(name, known.iter().copied()).is_some() {
                return self.unknown(key, known.into_iter());
            }
            let hint = format!("{own} has no such key");
            return self.error(key.span(), format!("unknown key `{}`", clean_line(name)), Some(hint));
        }
        let hint = format!("it belongs to {}", elsewhere.join(", "));
        self.error(key.span(), format!("`{name}` is no key of {own}"), Some(hint));
    }

    /// `{ env }`, `{ file }`, `{ command }` or `{ secret }`: exactly one.
    pub(super) fn secret(&mut self, table: &DeTable<'_>, span: &Span) -> Option<Value> {
        let before = std::mem::replace(&mut self.fixed, true);
        let read = self.table(&[SECRET], table, span);
        self.fixed = before;
        match table.len() {
            1 => (read.len() == 1).then_some(Value::Object(read)),
            _ => {
                let hint = "write { env = \"NAME\" }, { file = \"path\" }, { command = [\"…\"] } or { secret = \"id\" }";
                self.error(span.clone(), "a reference names exactly one place", Some(hint.to_owned()));
                None
            }
        }
    }

    /// A program and its arguments. The program is never a template: what is
    /// run is decided when the estate is trusted, not when it runs.
    pub(super) fn command(&mut self, items: &[Spanned<DeValue<'_>>], span: &Span) -> Option<Value> {
        let Some(program) = items.first() else {
            self.error(span.clone(), "an empty argument list", Some("begin with a program".to_owned()));
            return None;
        };
        let before = self.out.notes.len();
        if let Some(name) = program.get_ref().as_str() {
            match not_a_program(name) {
                Some((what, hint)) => self.error(program.span(), what, Some(hint.to_owned())),
                None => self.out.programs.push((name.to_owned(), program.span())),
            }
        }
        let list = self.items(&KeyType::Text, items);
        (self.out.notes.len() == before).then_some(list)
    }
}

/// Why `name` cannot head an argument list.
fn not_a_program(name: &str) -> Option<(String, &'static str)> {
    let shown = cut(&clean_line(name), 60);
    let mut parts = name.split('/').filter(|part| !matches!(*part, "" | "."));
    let outside = matches!(parts.next(), Some(".git" | ".lifeboat")) && !name.starts_with('/');
    match name {
        "" => Some(("a program without a name".to_owned(), "write its name or path")),
        _ if is_template(name) => Some((
            "the program is a parameter".to_owned(),
            "name the program; insert parameters into arguments",
        )),
        _ if name.starts_with('-') => Some((format!("{shown:?} is an option"), "begin with a program")),
        _ if outside => Some((
            format!("{shown:?} is outside of what is trusted"),
            "move it to another folder of the estate",
        )),
        _ if !name.starts_with('/') && name.split('/').any(|part| part == "..") => Some((
            format!("{shown:?} leaves the estate"),
            "copy it into the estate, or write its absolute path",
        )),
        _ if name.contains(char::is_whitespace) && !name.contains('/') => {
            Some((format!("{shown:?} is a shell line"), "write each argument as an item of its own"))
        }
        _ => None,
    }
}
