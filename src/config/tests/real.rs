//! The kinds that this program is built with, and the estates that come with it.

use lifeboat_core::model::{KeyDef, KeyType, Vocabulary};

use super::*;
use crate::config::{init, reference, schema};

const REAL: Vocabulary =
    Vocabulary { formats: crate::catalog::FORMATS, probes: crate::probe::PROBES, steps: crate::act::STEPS };

#[test]
fn what_is_run_is_declared_as_a_command_so_that_trust_covers_it() {
    let keys: Vec<&KeyDef> = REAL
        .steps
        .iter()
        .flat_map(|s| s.keys)
        .chain(REAL.formats.iter().flat_map(|f| f.keys))
        .filter(|def| matches!(def.name, "run" | "command"))
        .collect();
    assert!(!keys.is_empty());
    assert!(keys.iter().all(|def| matches!(def.ty, KeyType::Command)), "{keys:?}");
    let command = REAL.probes.iter().find(|p| p.id == "command").unwrap();
    assert!(matches!(command.target, KeyType::Command));
}

#[test]
fn schema_and_reference_are_made_of_every_real_kind() {
    let (page, schema) = (reference(&REAL), schema(&REAL).to_string());
    let formats = REAL.formats.iter().map(|f| f.id);
    let kinds = formats.chain(REAL.probes.iter().map(|p| p.id)).chain(REAL.steps.iter().map(|s| s.id));
    for id in kinds {
        assert!(page.contains(&format!("`{id}`")) && schema.contains(&format!("\"{id}\"")), "{id}");
    }
}

#[test]
fn the_estates_that_come_with_the_program_load_as_they_are_meant_to() {
    let tmp = tempfile::tempdir().unwrap();
    init(tmp.path(), "Mine").unwrap();
    let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("runbooks/demo");
    // Formats as the tests know them: their readers may still be growing.
    let vocabulary = Vocabulary { formats: VOCABULARY.formats, ..REAL };
    let doubts = |dir: &Path| {
        let loaded = load(dir, &vocabulary).unwrap_or_else(|e| panic!("{e}"));
        loaded.warnings.iter().map(|w| w.what.clone()).collect::<Vec<_>>()
    };
    assert_eq!(doubts(tmp.path()), [""; 0]);
    // One asset of the demo is there to show what nobody protects.
    assert_eq!(doubts(&demo), ["nothing brings this asset back"]);
}

#[test]
fn the_documented_estate_loads_with_the_real_kinds() {
    let tmp = tempfile::tempdir().unwrap();
    write(tmp.path(), SMALL);
    let loaded = load(tmp.path(), &REAL).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(loaded.estate.runbooks[0].steps.len(), 2);
}

#[test]
fn the_reference_in_docs_is_the_one_that_is_generated() {
    let page = crate::config::reference(&crate::cli::VOCABULARY);
    let kept = include_str!("../../../docs/estate-reference.md");
    assert!(page == kept, "run: lifeboat reference > docs/estate-reference.md");
}
