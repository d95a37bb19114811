//! What is wrong with an estate, told with file, line, column and a caret.

use std::{fmt, ops::Range, path::PathBuf};

use lifeboat_core::model::{Code, Problem, clean_line, width};
use serde::Serialize;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The estate cannot be used.
    Error,
    /// Worth a look; never fails.
    Warning,
}

/// One thing that is wrong, at one place.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Diagnostic {
    pub severity: Severity,
    pub code: Code,
    /// Relative to the estate's folder.
    pub file: PathBuf,
    /// From 1; `None` where the whole file is meant.
    pub line: Option<usize>,
    /// From 1, in characters.
    pub column: Option<usize>,
    /// One sentence, cleaned.
    pub what: String,
    /// What to do about it: the nearest name, the right way to write it.
    pub hint: Option<String>,
    #[serde(flatten)]
    pub excerpt: Option<Excerpt>,
}

/// The line with the place in it, cleaned and cut to the screen.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Excerpt {
    pub text: String,
    /// Where the carets begin and how many there are, in terminal cells.
    #[serde(skip)]
    pub caret: Range<usize>,
}

/// Everything that is wrong, in the order of files and lines; at least one error.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Diagnostics {
    #[serde(skip)]
    pub dir: PathBuf,
    pub diagnostics: Vec<Diagnostic>,
}

impl Diagnostics {
    pub fn errors(&self) -> impl Iterator<Item = &Diagnostic> {
        self.diagnostics.iter().filter(|d| d.severity == Severity::Error)
    }
    /// One problem for places that have room for one: the code is the errors'
    /// own where they share it, else LB-ESTATE-002.
    pub fn to_problem(&self) -> Problem {
        let mut codes: Vec<Code> = self.errors().map(|d| d.code).collect();
        let count = codes.len();
        codes.dedup();
        let code = if let [only] = codes[..] { only } else { Code::ESTATE_INVALID };
        let problem = Problem::new(code, self.dir.display());
        match self.errors().next() {
            None => problem,
            Some(first) if count == 1 => problem.because(first.brief()),
            Some(first) => problem.because(format!("{}; and {} more", first.brief(), count - 1)),
        }
    }
    pub fn to_json(&self) -> serde_json::Value {
        serde_json::json!({ "schema": 1, "valid": false, "diagnostics": self.diagnostics })
    }
}

impl From<Diagnostics> for Problem {
    fn from(all: Diagnostics) -> Problem {
        all.to_problem()
    }
}

/// As `render`, for each; then how many.
impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for diagnostic in &self.diagnostics {
            writeln!(f, "{diagnostic}")?;
        }
        let errors = self.errors().count();
        let warnings = self.diagnostics.len() - errors;
        let plural = |n: usize| if n == 1 { "" } else { "s" };
        write!(f, "{errors} error{}", plural(errors))?;
        if warnings > 0 {
            write!(f, ", {warnings} warning{}", plural(warnings))?;
        }
        writeln!(f, " in {}", clean_line(&self.dir.display().to_string()))
    }
}
impl std::error::Error for Diagnostics {}

impl Diagnostic {
    /// `workloads/checkout.toml:7:1`
    pub fn place(&self) -> String {
        let file = clean_line(&self.file.display().to_string());
        match (self.line, self.column) {
            (Some(line), Some(column)) => format!("{file}:{line}:{column}"),
            _ => file,
        }
    }
    fn brief(&self) -> String {
        format!("{}: {}", self.place(), self.what)
    }
}

/// ```text
/// error: unknown key `hom`
///   --> workloads/checkout.toml:7:1
///    |
///  7 | hom = "eu-west-1"
///    | ^^^ did you mean `home`?
/// ```
impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        writeln!(f, "{word}: {}", self.what)?;
        let hint = self.hint.as_deref().unwrap_or_default();
        let (Some(line), Some(excerpt)) = (self.line, &self.excerpt) else {
            writeln!(f, "  --> {}", self.place())?;
            return if hint.is_empty() { Ok(()) } else { writeln!(f, "  {hint}") };
        };
        let number = line.to_string();
        let gutter = " ".repeat(number.len());
        writeln!(f, "{gutter} --> {}", self.place())?;
        writeln!(f, "{gutter}  |")?;
        writeln!(f, " {number} | {}", excerpt.text)?;
        let indent = " ".repeat(excerpt.caret.start);
        let carets = "^".repeat(excerpt.caret.len());
        writeln!(f, "{}", format!("{gutter}  | {indent}{carets} {hint}").trim_end())
    }
}

/// Where the lines of a text begin.
pub(super) struct Lines(Vec<usize>);

/// How much of a long line is shown, in characters.
const SHOWN: usize = 110;

impl Lines {
    pub fn new(text: &str) -> Self {
        Self(std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect())
    }

    /// The line, from 1, in which the byte `at` stands.
    pub fn line(&self, at: usize) -> usize {
        self.0.partition_point(|start| *start <= at).max(1)
    }

    /// The byte at which a line begins.
    pub fn start(&self, line: usize) -> usize {
        self.0.get(line - 1).copied().unwrap_or_default()
    }

    /// Line and column, both from 1, and the line with the place in it. A
    /// place of several lines is shown on its first. `text` is the one that
    /// these are the lines of.
    pub fn locate(&self, text: &str, span: &Range<usize>) -> (usize, usize, Excerpt) {
        let start = boundary(text, span.start);
        let end = boundary(text, span.end.max(span.start));
        let line = self.line(start);
        let from = self.0[line - 1];
        let to = self.0.get(line).map_or(text.len(), |next| next - 1);
        let whole = text[from..to.max(from)].trim_end_matches('\r');
        let before = &whole[..(start - from).min(whole.len())];
        let column = text[from..start].chars().count() + 1;
        let marked = whole.get(before.len()..(end - from).min(whole.len())).unwrap_or_default();
        (line, column, excerpt(whole, before, marked))
    }
}

/// The nearest place at or before `at` where a character begins.
fn boundary(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

fn excerpt(whole: &str, before: &str, marked: &str) -> Excerpt {
    let skipped = before.chars().count().saturating_sub(SHOWN / 2);
    let cut = if skipped == 0 { "" } else { "…" };
    let lead: String = before.chars().skip(skipped).collect();
    let shown: String = whole.chars().skip(skipped).take(SHOWN).collect();
    let rest = if whole.chars().count() > skipped + SHOWN { "…" } else { "" };
    let start = width(cut) + width(&clean_line(&lead));
    let room = SHOWN.saturating_sub(lead.chars().count());
    let marked: String = marked.chars().take(room).collect();
    let cells = width(&clean_line(&marked)).max(1);
    Excerpt { text: format!("{cut}{}{rest}", clean_line(&shown)), caret: start..start + cells }
}
