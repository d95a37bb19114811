//! What the estate says of what an effect works on. It is handed to the
//! attempt as it was when the run began, so that a try of it reads nothing
//! that could have changed since.

use std::collections::{BTreeMap, BTreeSet};

use lifeboat_core::{model::*, record::Action};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::catalog;

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Around {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stores: Vec<Store>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub assets: Vec<AroundAsset>,
    /// Of every region.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub jurisdictions: BTreeMap<RegionId, Vec<String>>,
    /// The `[[notify]]` tables.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub channels: Vec<Options>,
    pub timezone: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AroundAsset {
    /// `WORKLOAD/ASSET`.
    pub name: String,
    pub copies: Vec<CopyDef>,
    /// Jurisdictions that its workload may lie in; empty: any.
    pub residency: Vec<String>,
}

impl Around {
    /// Only what this action needs; nothing for what needs nothing.
    pub fn of(estate: &Estate, action: &Action) -> Self {
        let mut around = Self { timezone: estate.defaults.timezone.clone(), ..Self::default() };
        let mut stores = BTreeSet::new();
        match action {
            Action::Restore { asset, group, .. } => {
                let group = group.as_ref().and_then(|id| estate.groups.iter().find(|g| g.id == **id));
                let names = asset
                    .iter()
                    .cloned()
                    .chain(group.iter().flat_map(|g| g.assets.iter().map(ToString::to_string)));
                around.assets = names.filter_map(|name| asset_of(estate, &name)).collect();
                for copy in around.assets.iter().flat_map(|a| &a.copies) {
                    stores.insert(copy.store.clone());
                    stores.extend(catalog::other_stores(copy));
                }
                let regions = estate.regions.iter();
                around.jurisdictions = regions.map(|r| (r.id.clone(), r.jurisdiction.clone())).collect();
            }
            Action::Copy { from, to, .. } => {
                stores.extend([from, to].into_iter().filter_map(|v| Some(Spot::of(v).ok()?.store)));
            }
            Action::Notify { .. } => around.channels = estate.notify.clone(),
            Action::Command { .. } | Action::Http { .. } | Action::Dns { .. } => {}
        }
        around.stores = estate.stores.iter().filter(|s| stores.contains(&s.id)).cloned().collect();
        around
    }

    pub fn store(&self, id: &StoreId) -> Result<&Store, String> {
        self.stores.iter().find(|s| s.id == *id).ok_or_else(|| format!("the estate has no store {id}"))
    }
}

/// An asset that is owned elsewhere is restored from its owner's copies.
fn asset_of(estate: &Estate, name: &str) -> Option<AroundAsset> {
    let (workload, asset) = name.split_once('/')?;
    let workload = estate.workload(workload)?;
    let asset = workload.asset(asset)?;
    let copies = match asset.uses.as_deref().filter(|owner| *owner != name) {
        Some(owner) => asset_of(estate, owner)?.copies,
        None => asset.copies.clone(),
    };
    Some(AroundAsset { name: name.to_owned(), copies, residency: workload.residency.clone() })
}

/// Where the secrets of an estate are to be had, for the attempt's own process.
pub fn references(estate: &Estate) -> BTreeMap<KeyId, SecretRef> {
    let kept = estate.secrets.iter().chain(&estate.keys);
    kept.filter_map(|k| Some((k.id.clone(), k.from.clone()?))).collect()
}

/// A place in a store: `"STORE/path"`, or `{ store = "STORE", path = "path" }`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spot {
    pub store: StoreId,
    /// Empty, or ending in `/`.
    pub prefix: String,
}

impl Spot {
    pub fn of(value: &Value) -> Result<Self, String> {
        let text = |key: &str| value.get(key).and_then(Value::as_str);
        let (store, path) = match value {
            Value::String(both) => both.split_once('/').unwrap_or((both, "")),
            Value::Object(_) => (text("store").ok_or("it names no `store`")?, text("path").unwrap_or("")),
            _ => return Err("write \"STORE/path\", or a table with `store` and `path`".to_owned()),
        };
        let path = path.trim_matches('/');
        if store.is_empty() || path.split('/').any(|part| matches!(part, "." | "..")) {
            return Err(format!("{value} is no place in a store"));
        }
        let prefix = if path.is_empty() { String::new() } else { format!("{path}/") };
        Ok(Self { store: StoreId::from(store), prefix })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_spot_is_a_store_and_what_lies_below_a_path() {
        let spot = |v: Value| Spot::of(&v).map(|s| (s.store.to_string(), s.prefix));
        assert_eq!(spot(json!("fra/a/b")), Ok(("fra".into(), "a/b/".into())));
        assert_eq!(spot(json!({ "store": "fra" })), Ok(("fra".into(), String::new())));
        for bad in [json!("fra/../x"), json!(""), json!(7), json!({ "path": "x" })] {
            assert!(spot(bad.clone()).is_err(), "{bad}");
        }
    }
}
