//! Every runbook that comes with Lifeboat can begin, in every mode: nothing in
//! it is of a kind that this build refuses.

use std::{collections::BTreeMap, path::Path};

use lifeboat::{act::STEPS, catalog::FORMATS, config, probe::PROBES};
use lifeboat_core::{
    model::Vocabulary,
    run::{Begin, Mode, begin},
};

#[test]
fn every_runbook_that_is_shipped_can_begin() {
    let vocabulary = Vocabulary { formats: FORMATS, probes: PROBES, steps: STEPS };
    let mut seen = 0;
    for folder in ["demo", "templates"] {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("runbooks").join(folder);
        let loaded = config::load(&dir, &vocabulary).unwrap_or_else(|all| panic!("{all}"));
        for runbook in &loaded.estate.runbooks {
            for mode in [Mode::Live, Mode::Rehearsal, Mode::DryRun] {
                let from = Begin {
                    run: "20261122T140501Z-x-0001".into(),
                    epoch: 1,
                    trust: "00".into(),
                    estate: &loaded.estate,
                    runbook,
                    params: &BTreeMap::new(),
                    mode,
                    incident: None,
                    rto_target: None,
                    rto_estimate: None,
                    probes: Some(&["http", "tcp"]),
                    kinds: None,
                    precheck: false,
                    graceful: None,
                    parent: None,
                };
                begin(from).unwrap_or_else(|p| panic!("{folder}/{}: {p}", runbook.id));
                seen += 1;
            }
        }
    }
    assert!(seen >= 6, "{seen}");
}
