//! What can be broken in the demo, as one table: help, keys and documents
//! come from it.

use lifeboat_core::model::{Code, Problem};

use super::region::Region;

/// One fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FaultDef {
    /// As typed: `lifeboat demo fault NAME[:REGION]`.
    pub name: &'static str,
    /// In three words, for a key's hint.
    pub title: &'static str,
    /// One or two sentences: what happens, what to watch.
    pub doc: &'static str,
    /// Where it strikes unless said otherwise; `None` where a region says nothing.
    pub region: Option<Region>,
}

/// All faults, in the order of the keys F1 to F6.
pub const FAULTS: &[FaultDef] = &[
    FaultDef {
        name: "region-gone",
        title: "Lose a region",
        doc: "Everything in the region refuses connections and open ones break. By default eu-west-1, the home of orders.",
        region: Some(Region::Ireland),
    },
    FaultDef {
        name: "store-hang",
        title: "Hang a store",
        doc: "The region's object store accepts connections and never answers. By default us-east-1, where the backups lie.",
        region: Some(Region::Virginia),
    },
    FaultDef {
        name: "lag-grow",
        title: "Let lag grow",
        doc: "Replication of orders crawls at a tenth of its speed, so that the standby falls behind further every second.",
        region: None,
    },
    FaultDef {
        name: "lag-frozen",
        title: "Freeze the lag",
        doc: "Replication of orders hangs, and its lag figure with it: green as before, about an instant that stands still.",
        region: None,
    },
    FaultDef {
        name: "backup-stopped",
        title: "Stop the backups",
        doc: "The backup jobs of orders stop without a word: no backup, no log and no dump is written from now on.",
        region: None,
    },
    FaultDef {
        name: "dump-truncated",
        title: "Cut the dumps",
        doc: "The newest dumps of orders are cut short, and so are the next ones. Off means that the next is whole again.",
        region: None,
    },
];

/// A fault with its place, as asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wanted {
    pub def: &'static FaultDef,
    pub region: Option<Region>,
}

impl Wanted {
    /// Reads `NAME` or `NAME:REGION`.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        let (name, region) = match text.split_once(':') {
            Some((name, region)) => (name, Some(region)),
            None => (text, None),
        };
        let problem = || Problem::new(Code::DEMO_FAULT, text);
        let def = FAULTS.iter().find(|f| f.name == name).ok_or_else(|| {
            let names: Vec<_> = FAULTS.iter().map(|f| f.name).collect();
            problem().because(format_args!("there are {}", names.join(", ")))
        })?;
        let region = match (region, def.region) {
            (None, default) => default,
            (Some(_), None) => return Err(problem().because("it strikes no region of one's choice")),
            (Some(region), Some(_)) => Some(region.parse().map_err(|why| problem().because(why))?),
        };
        Ok(Self { def, region })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_named_with_or_without_its_region() {
        let region = |text| Wanted::parse(text).map(|w| w.region);
        assert_eq!(region("region-gone"), Ok(Some(Region::Ireland)));
        assert_eq!(region("region-gone:us-east-1"), Ok(Some(Region::Virginia)));
        assert_eq!(region("lag-grow"), Ok(None));
        for bad in ["region-lost", "region-gone:mars", "lag-grow:eu-west-1", ""] {
            let problem = Wanted::parse(bad).unwrap_err();
            assert_eq!(problem.code, Code::DEMO_FAULT, "{bad}");
            assert!(!problem.why.is_empty());
        }
    }
}
