//! The reference page of an estate, made from the same tables as validation.

use std::fmt::Write;

use lifeboat_core::model::{KeyDef, KeyType, Vocabulary};

use super::{
    cursor::describe,
    keys::{COMPANIONS, FileKind, SCHEMA_KEY, SECRET},
};

const HEAD: &str = "# The estate: every file, table and key

This page is generated from the tables that validation uses; do not edit it.
`lifeboat validate` checks an estate against them, `lifeboat schema` prints them
as JSON Schema for editors. A key in **bold** is required.

Durations are written `90s`, `5m`, `1d12h`; sizes `10GiB`; instants as RFC 3339;
zones by IANA name. A selector is a region, or `KIND:ID` with a kind of
`region`, `provider`, `account`, `organisation`, `domain`, `store`, `asset`.
";

/// Markdown: a section for each kind of file, then probes, secrets, formats
/// and kinds of step.
pub fn reference(vocabulary: &Vocabulary) -> String {
    let mut page = Page(HEAD.to_owned());
    for file in FileKind::ALL {
        page.section(2, &format!("`{}`", file.place()), file.about());
        page.keys(&std::iter::once(&SCHEMA_KEY).chain(file.keys()).collect::<Vec<_>>());
        page.inner("", file.keys());
    }
    page.section(2, "Probes", "An inline table headed by one of these; the others stand beside it.");
    for kind in vocabulary.probes {
        page.line(&format!("- `{}`: {}. {}", kind.id, describe(&kind.target), kind.doc));
    }
    page.line("");
    page.keys(&COMPANIONS.iter().collect::<Vec<_>>());
    page.inner("", COMPANIONS);
    for kind in vocabulary.probes {
        page.tables_of(kind.id, &kind.target);
    }
    page.section(2, "References to secrets", "Exactly one of these. A secret itself is never written.");
    page.keys(&SECRET.iter().collect::<Vec<_>>());
    page.section(2, "Formats of copies", "The keys that a `format` adds to `[[asset.copy]]`.");
    for format in vocabulary.formats {
        page.kind(format.id, format.doc, format.keys);
    }
    page.section(2, "Kinds of step", "The keys that a `kind` adds to `[[step]]`.");
    for step in vocabulary.steps {
        page.kind(step.id, step.doc, step.keys);
    }
    page.0
}

struct Page(String);

impl Page {
    fn line(&mut self, line: &str) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.0, "{}", line.trim_end_matches(' '));
    }
    fn section(&mut self, level: usize, title: &str, about: &str) {
        self.0.truncate(self.0.trim_end().len());
        self.line(&format!("\n\n{} {title}\n", "#".repeat(level)));
        if !about.is_empty() {
            self.line(&format!("{about}\n"));
        }
    }
    fn keys(&mut self, keys: &[&KeyDef]) {
        self.line("| key | is | meaning |\n|---|---|---|");
        for def in keys {
            let name = if def.required { format!("**`{}`**", def.name) } else { format!("`{}`", def.name) };
            let cells = [name, kind_of(&def.ty), def.doc.to_owned()].map(|cell| cell.replace('|', "\\|"));
            self.line(&format!("| {} |", cells.join(" | ")));
        }
    }
    fn kind(&mut self, id: &str, doc: &str, keys: &[KeyDef]) {
        self.section(3, &format!("`{id}`"), doc);
        match keys {
            [] => self.line("No keys of its own."),
            _ => self.keys(&keys.iter().collect::<Vec<_>>()),
        }
        self.inner(id, keys);
    }
    /// The tables inside of a table's keys, each under a heading of its own.
    fn inner(&mut self, path: &str, keys: &[KeyDef]) {
        for def in keys {
            let path = if path.is_empty() { def.name.to_owned() } else { format!("{path}.{}", def.name) };
            self.tables_of(&path, &def.ty);
        }
    }
    fn tables_of(&mut self, path: &str, ty: &KeyType) {
        match ty {
            KeyType::List(inner) | KeyType::Map(inner) | KeyType::Tuple(inner, _) => {
                self.tables_of(path, inner)
            }
            KeyType::Either(types) => types.iter().for_each(|ty| self.tables_of(path, ty)),
            KeyType::Table(keys) | KeyType::ProbeWith(keys) | KeyType::Copy(keys) | KeyType::Step(keys) => {
                let about = match ty {
                    KeyType::ProbeWith(_) => "A probe, with these keys beside it:",
                    KeyType::Copy(_) => "`format` names the format, which adds its own keys. Beside them:",
                    KeyType::Step(_) => {
                        "`kind` names the kind of step, which adds its own keys. Beside them:"
                    }
                    _ => "",
                };
                self.section(3, &format!("`{path}`"), about);
                self.keys(&keys.iter().collect::<Vec<_>>());
                self.inner(path, keys);
            }
            _ => {}
        }
    }
}

/// A type in the words of a reader of the page.
fn kind_of(ty: &KeyType) -> String {
    match ty {
        KeyType::List(inner) if has_table(inner) => "tables".into(),
        KeyType::List(inner) => format!("list: {}", kind_of(inner)),
        KeyType::Map(inner) => format!("table of names: {}", kind_of(inner)),
        KeyType::Dur => "duration".into(),
        KeyType::Period => "duration above zero".into(),
        KeyType::Size => "size".into(),
        KeyType::Instant => "instant".into(),
        KeyType::Date => "date".into(),
        KeyType::Zone => "zone".into(),
        KeyType::Selector => "selector".into(),
        KeyType::Secret => "reference to a secret".into(),
        KeyType::Probe => "probe".into(),
        KeyType::ProbeWith(_) => "probe and more".into(),
        KeyType::Command => "argument list".into(),
        KeyType::Either(types) => types.iter().map(kind_of).collect::<Vec<_>>().join(" or "),
        KeyType::OneOf(words) => words.iter().map(|w| format!("`{w}`")).collect::<Vec<_>>().join(", "),
        _ => describe(ty),
    }
}

fn has_table(ty: &KeyType) -> bool {
    matches!(ty, KeyType::Table(_) | KeyType::ProbeWith(_) | KeyType::Copy(_) | KeyType::Step(_))
}
