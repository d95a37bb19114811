//! From a folder to an estate, or to everything that is wrong with it.

use std::{
    collections::BTreeSet,
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use lifeboat_core::model::{Code, Estate, Pack, Vocabulary};

use super::{
    check,
    cursor::Note,
    diagnostic::{Diagnostic, Diagnostics, Severity},
    keys::FileKind,
    nearest::nearest,
    packs,
    parse::Parsed,
    shape, source,
};

/// An estate that was read in full and found valid; not yet trusted.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The estate's folder, absolute and without links.
    pub dir: PathBuf,
    pub estate: Arc<Estate>,
    /// What was read, relative to the folder.
    pub files: Vec<LoadedFile>,
    /// Programs that argument lists name, as written.
    pub programs: BTreeSet<String>,
    pub warnings: Vec<Diagnostic>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadedFile {
    pub path: PathBuf,
    /// blake3 of the bytes that were parsed, in hex.
    pub hash: String,
}

/// More than this of one file is noise; its last line says that there is more.
const MOST_OF_A_FILE: usize = 200;

/// Reads, parses and checks the estate in `dir`. Touches nothing but its
/// files: no connection, no process, no secret.
///
/// # Errors
/// Everything that is wrong, of all files, at once; warnings stand among it.
pub fn load(dir: &Path, vocabulary: &Vocabulary) -> Result<Loaded, Diagnostics> {
    let root = dir.canonicalize().map_err(|e| unreadable(dir, &e))?;
    let source::Sources { files: sources, stray } =
        source::read_all(&root).map_err(|e| unreadable(dir, &e))?;
    let files: Vec<Parsed<'_>> = sources.iter().map(|s| Parsed::new(s, vocabulary)).collect();
    let mut found = check::all(&files, &root);
    let mut all: Vec<Diagnostic> = Vec::new();
    if !files.iter().any(|f| f.source.kind == FileKind::Main) {
        let hint = "every estate has one, with `schema = 1` and a `name`; `lifeboat init` makes one";
        all.push(whole_file(
            FileKind::Main.place().into(),
            Code::ESTATE_NOT_FOUND,
            "is not there",
            Some(hint),
        ));
    }
    for (n, file) in files.iter().enumerate() {
        let notes = file.reading.notes.iter().cloned();
        let crossing = found.extract_if(.., |(at, _)| *at == n).map(|(_, note)| note);
        let crossing = crossing.filter(|note| file.is_sound(&note.span));
        all.extend(of_file(file, notes.chain(crossing).collect()));
    }
    all.extend(stray.into_iter().map(not_read));
    all.sort_by_key(|d| d.severity);
    if all.iter().any(|d| d.severity == Severity::Error) {
        return Err(Diagnostics { dir: root, diagnostics: all });
    }
    let mut estate = shape::estate(&files).map_err(|(n, e)| Diagnostics {
        dir: root.clone(),
        diagnostics: vec![whole_file(
            files[n].source.path.clone(),
            Code::ESTATE_INVALID,
            &format!("cannot be understood: {e}"),
            Some("this is a fault of Lifeboat; please report it with the file"),
        )],
    })?;
    estate.packs = chosen(&estate);
    let programs = files.iter().flat_map(|f| f.reading.programs.iter().map(|(p, _)| p.clone())).collect();
    let read = |f: &Parsed<'_>| LoadedFile { path: f.source.path.clone(), hash: f.source.hash.clone() };
    let files = files.iter().map(read).collect();
    Ok(Loaded { dir: root, estate: Arc::new(estate), files, programs, warnings: all })
}

/// The packs that the estate names; that there are such was checked.
fn chosen(estate: &Estate) -> Vec<Pack> {
    let named = estate.policy.get("packs").and_then(|names| names.as_array());
    let names = named.into_iter().flatten().filter_map(|name| name.as_str());
    names.filter_map(packs::named).collect()
}

/// The diagnostics of one file in the order of its lines.
fn of_file(file: &Parsed<'_>, mut notes: Vec<Note>) -> Vec<Diagnostic> {
    let mut out = Vec::new();
    for (code, note, what) in &file.special {
        out.push(match note {
            Some(note) => {
                let note = Note { hint: Some(code.next.to_owned()), ..note.clone() };
                file.diagnose(*code, note)
            }
            None => {
                let mut whole = whole_file(file.source.path.clone(), *code, what, Some(code.next));
                if let Err(bad) = &file.source.text {
                    (whole.line, whole.column) = (bad.at.map(|a| a.0), bad.at.map(|a| a.1));
                }
                whole
            }
        });
    }
    notes.sort_by_key(|note| (note.severity, note.span.start));
    notes.dedup_by(|a, b| a.span == b.span && a.what == b.what);
    let more = notes.len().saturating_sub(MOST_OF_A_FILE);
    notes.truncate(MOST_OF_A_FILE);
    out.extend(notes.into_iter().map(|note| file.diagnose(Code::ESTATE_INVALID, note)));
    if more > 0 {
        let what = format!("has {more} more errors; mend these first");
        out.push(whole_file(file.source.path.clone(), Code::ESTATE_INVALID, &what, None));
    }
    out
}

fn whole_file(file: PathBuf, code: Code, what: &str, hint: Option<&str>) -> Diagnostic {
    let what = lifeboat_core::model::clean_line(&format!("{} {what}", file.display()));
    Diagnostic {
        severity: Severity::Error,
        code,
        file,
        line: None,
        column: None,
        what,
        hint: hint.map(str::to_owned),
        excerpt: None,
    }
}

fn not_read(file: PathBuf) -> Diagnostic {
    let known = FileKind::ALL.iter().map(|kind| kind.place().trim_end_matches("/*.toml"));
    let near = nearest(&file.to_string_lossy(), known).map(|near| format!("did you mean {near}?"));
    let hint = near.unwrap_or_else(|| "workloads lie in workloads/, plans in runbooks/".to_owned());
    let whole = whole_file(file, Code::ESTATE_INVALID, "is not read", Some(&hint));
    Diagnostic { severity: Severity::Warning, ..whole }
}

fn unreadable(dir: &Path, error: &io::Error) -> Diagnostics {
    let code = match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Code::ESTATE_NOT_FOUND,
        _ => Code::ESTATE_UNREADABLE,
    };
    let what = format!("cannot be read: {error}");
    let diagnostics = vec![whole_file(dir.to_owned(), code, &what, Some(code.next))];
    Diagnostics { dir: dir.to_owned(), diagnostics }
}
