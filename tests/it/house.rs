//! The directions between modules, held against the code.

use std::path::{Path, PathBuf};

/// From the ground up; a row may use the rows above it, and its own.
const ROWS: [&[&str]; 8] = [
    &["config", "net"],
    &["catalog", "probe", "act", "keep"],
    &["engine"],
    &["app"],
    &["ui", "report"],
    &["term"],
    &["demo"],
    &["cli"],
];

fn sources(dir: &Path, into: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).expect("a folder of the project").flatten() {
        let path = entry.path();
        match path.is_dir() {
            true => sources(&path, into),
            false if path.extension().is_some_and(|e| e == "rs") => into.push(path),
            false => {}
        }
    }
}

/// Files of `src/NAME`, tests left out, with their text.
fn files(name: &str) -> Vec<(PathBuf, String)> {
    let mut all = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(name), &mut all);
    let test = |p: &PathBuf| p.to_string_lossy().contains("test") || p.ends_with("sample.rs");
    let text = |p: PathBuf| {
        let whole = std::fs::read_to_string(&p).expect("a source file");
        let code = whole.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default().to_owned();
        (p, code)
    };
    all.into_iter().filter(|p| !test(p)).map(text).collect()
}

fn row(module: &str) -> Option<usize> {
    ROWS.iter().position(|row| row.contains(&module))
}

#[test]
fn modules_use_only_what_lies_above_them() {
    for (n, modules) in ROWS.iter().enumerate() {
        for module in *modules {
            for (path, text) in files(module) {
                for used in text.split("crate::").skip(1) {
                    let name: String = used.chars().take_while(|c| c.is_ascii_lowercase()).collect();
                    let below = row(&name).is_some_and(|other| other > n);
                    assert!(!below, "{} uses {name}", path.display());
                }
            }
        }
    }
}

#[test]
fn only_drawing_names_the_terminal_libraries_and_the_dashboards_state_spawns_nothing() {
    for modules in ROWS {
        for module in modules {
            for (path, text) in files(module) {
                let draws = matches!(*module, "ui" | "term");
                for library in ["ratatui::", "crossterm::"] {
                    assert!(draws || !text.contains(library), "{} names {library}", path.display());
                }
                if matches!(*module, "app" | "ui" | "report") {
                    for word in ["tokio::", "reqwest::", "std::fs", "std::net"] {
                        assert!(!text.contains(word), "{} names {word}", path.display());
                    }
                }
                // Where the demo's writers and the readers could meet.
                if *module == "demo" {
                    assert!(!text.contains("crate::catalog"), "{}", path.display());
                }
            }
        }
    }
}
