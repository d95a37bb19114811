//! The user's own settings: `config.toml` in the config directory.

use std::collections::BTreeMap;

use lifeboat_core::model::{Code, OperatorId, Problem, is_id};
use serde::Deserialize;

use crate::keep::Places;

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// A name of `themes/`.
    pub theme: Option<String>,
    /// From an action's id to its keys.
    pub keys: BTreeMap<String, Vec<String>>,
    /// Shown beside UTC.
    pub timezone: Option<String>,
    /// The place that observations are made from.
    pub vantage: Option<String>,
    pub operator: Option<String>,
    pub mouse: bool,
}

impl Settings {
    pub fn load(places: &Places) -> Result<Self, Problem> {
        let path = places.config.join("config.toml");
        let wrong = |why: &dyn std::fmt::Display| {
            let next = "mend the file, or move it away to use the defaults";
            Problem::new(Code::ESTATE_UNREADABLE, path.display()).because(why).next(next)
        };
        match std::fs::read_to_string(&path) {
            Ok(text) => toml::from_str(&text).map_err(|e| wrong(&e)),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(e) => Err(wrong(&e)),
        }
    }

    /// Who acts, for the journal: as set, else the login name.
    pub fn operator(&self) -> OperatorId {
        let login = || ["USER", "LOGNAME"].iter().find_map(|name| std::env::var(name).ok());
        let name = self.operator.clone().or_else(login).filter(|name| is_id(name));
        OperatorId::new(name.unwrap_or_else(|| "operator".to_owned()))
    }
}
