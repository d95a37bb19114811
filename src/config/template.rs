//! `{{ name }}` in the texts of a runbook: where they stand and what they name.

use std::ops::Range;

/// One `{{ … }}` of a text.
#[derive(Debug, PartialEq)]
pub(super) enum Hole<'a> {
    /// The trimmed name.
    Name(&'a str),
    /// Opened and never closed, or nothing that can be a name inside.
    Broken,
}

pub(super) fn is_template(text: &str) -> bool {
    text.contains("{{")
}

/// Every hole of `text` with its bytes.
pub(super) fn holes(text: &str) -> Vec<(Range<usize>, Hole<'_>)> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(open) = text[from..].find("{{").map(|at| from + at) {
        let Some(close) = text[open..].find("}}").map(|at| open + at) else {
            found.push((open..text.len(), Hole::Broken));
            break;
        };
        let name = text[open + 2..close].trim();
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        let good = !name.is_empty() && name.chars().all(plain);
        found.push((open..close + 2, if good { Hole::Name(name) } else { Hole::Broken }));
        from = close + 2;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holes_are_found_with_their_names() {
        let found = holes("from {{ a }} to {{b.c}}, {{ }} {{ x y }} {{ open");
        let names: Vec<_> = found.into_iter().map(|(_, hole)| hole).collect();
        let name = Hole::Name;
        assert_eq!(names, [name("a"), name("b.c"), Hole::Broken, Hole::Broken, Hole::Broken]);
        assert!(holes("{ {a} }").is_empty());
    }
}
