//! What one file alone cannot tell: references, cycles, ranges that depend on
//! meaning. A new check is one function in the file of what it is about and
//! one line in `all`.

mod command;
mod cycle;
mod places;
mod reference;
mod runbook;
mod step;
mod workload;

use std::{cell::RefCell, path::Path};

use serde_json::Value;

use super::{
    cursor::{Note, Span},
    diagnostic::Severity,
    keys::FileKind,
    names::{Names, Place},
    parse::Parsed,
};

pub(super) struct Check<'a> {
    pub files: &'a [Parsed<'a>],
    pub names: Names,
    /// The estate's folder, for what a path must lead to.
    pub dir: &'a Path,
    found: RefCell<Vec<(usize, Note)>>,
}

/// All findings, each with the index of its file.
pub(super) fn all<'a>(files: &'a [Parsed<'a>], dir: &'a Path) -> Vec<(usize, Note)> {
    let mut found = Vec::new();
    let names = reference::collect(files, &mut found);
    let check = Check { files, names, dir, found: found.into() };
    reference::resolve(&check);
    places::check(&check);
    workload::check(&check);
    runbook::check(&check);
    command::check(&check);
    check.found.into_inner()
}

impl<'a> Check<'a> {
    fn error(&self, file: usize, span: Span, what: impl Into<String>, hint: Option<String>) {
        self.found.borrow_mut().push((file, Note::error(span, what, hint)));
    }
    fn warn(&self, file: usize, span: Span, what: impl Into<String>, hint: Option<String>) {
        let note = Note::error(span, what, hint);
        self.found.borrow_mut().push((file, Note { severity: Severity::Warning, ..note }));
    }
    fn place_of(&self, file: usize, path: &str) -> Span {
        self.files[file].place_of(path)
    }
    /// `regions.toml:4`
    fn line_of(&self, place: &Place) -> String {
        line_of(self.files, place)
    }
    fn of_kind(&self, kind: FileKind) -> impl Iterator<Item = (usize, &'a Value)> + use<'a> {
        let files = self.files.iter().enumerate();
        files.filter(move |(_, f)| f.source.kind == kind).map(|(n, f)| (n, &f.reading.value))
    }
}

fn line_of(files: &[Parsed<'_>], place: &Place) -> String {
    let file = &files[place.file];
    format!("{}:{}", file.source.path.display(), file.line(&place.span))
}

/// The items of a list below `key`; none where there is no list.
fn items<'v>(value: &'v Value, key: &str) -> impl Iterator<Item = (usize, &'v Value)> + use<'v> {
    value[key].as_array().into_iter().flatten().enumerate()
}

fn text<'v>(value: &'v Value, key: &str) -> Option<&'v str> {
    value[key].as_str()
}
