//! Policy packs that come with the program: one file of rules each, and one
//! line here. What a rule can ask is core `model::Check`.

use lifeboat_core::model::Pack;

macro_rules! packs {
    ($($name:literal),+ $(,)?) => {
        /// By which `[policy] packs` names them.
        pub const NAMES: &[&str] = &[$($name),+];
        const FILES: &[&str] = &[$(include_str!(concat!($name, ".toml"))),+];
    };
}

packs![
    "baseline",
    "3-2-1-1-0",
    "nist-800-34",
    "iso-22301",
    "dora",
    "hipaa",
    "gdpr-residency",
    "sec-17a-4",
    "aws-backup-audit",
];

/// `None` where there is no such pack; that all are well-formed is a test.
pub fn named(name: &str) -> Option<Pack> {
    let at = NAMES.iter().position(|n| *n == name)?;
    toml::from_str(FILES[at]).ok()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_pack_reads_and_says_where_its_rules_come_from() {
        for (name, file) in NAMES.iter().zip(FILES) {
            let pack: Pack = toml::from_str(file).unwrap_or_else(|e| panic!("{name}: {e}"));
            assert_eq!(pack.id, *name);
            assert!(!pack.title.is_empty() && !pack.source.is_empty() && !pack.rules.is_empty(), "{name}");
            let ids: BTreeSet<_> = pack.rules.iter().map(|r| &r.id).collect();
            assert_eq!(ids.len(), pack.rules.len(), "{name} names a rule twice");
            let cited = pack.rules.iter().all(|r| r.clause.is_some());
            assert!(cited || *name == "baseline", "{name} has a rule without a clause");
        }
        assert_eq!(named("no-such-pack"), None);
    }
}
