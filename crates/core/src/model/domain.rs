//! What fails together, and how: domains, modes, scenarios.

use std::{collections::BTreeMap, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::{UnitError, units::Time};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DomainKind {
    Region,
    Provider,
    Account,
    Organisation,
    Domain,
    Store,
    Asset,
}

impl DomainKind {
    pub const ALL: [DomainKind; 7] = [
        Self::Region,
        Self::Provider,
        Self::Account,
        Self::Organisation,
        Self::Domain,
        Self::Store,
        Self::Asset,
    ];
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Region => "region",
            Self::Provider => "provider",
            Self::Account => "account",
            Self::Organisation => "organisation",
            Self::Domain => "domain",
            Self::Store => "store",
            Self::Asset => "asset",
        }
    }
}

/// `KIND:ID`; a bare id is a region.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Selector {
    pub kind: DomainKind,
    pub id: String,
}

impl Selector {
    pub fn region(id: impl AsRef<str>) -> Self {
        Self { kind: DomainKind::Region, id: id.as_ref().to_owned() }
    }
}

impl FromStr for Selector {
    type Err = UnitError;
    fn from_str(text: &str) -> Result<Self, UnitError> {
        let (kind, id) = match text.split_once(':') {
            None => (DomainKind::Region, text),
            Some((kind, id)) => {
                let known = DomainKind::ALL.into_iter().find(|k| k.as_str() == kind);
                (known.ok_or_else(|| UnitError(format!("{kind:?} is no kind of domain")))?, id)
            }
        };
        let plain = |part: &str| super::id::is_id(part);
        let good = match kind {
            DomainKind::Asset => id.split_once('/').is_some_and(|(w, a)| plain(w) && plain(a)),
            _ => plain(id),
        };
        match good {
            true => Ok(Self { kind, id: id.to_owned() }),
            false => {
                Err(UnitError(format!("{text:?} is no selector: write eu-west-1 or account:backup-prod")))
            }
        }
    }
}
impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            DomainKind::Region => f.pad(&self.id),
            kind => f.pad(&format!("{}:{}", kind.as_str(), self.id)),
        }
    }
}
impl Serialize for Selector {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}
impl<'de> Deserialize<'de> for Selector {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
    }
}

/// How a domain is lost. Severity: `impaired` < `gone`, `corrupted` < `compromised`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LossMode {
    Impaired,
    #[default]
    Gone,
    Corrupted,
    Compromised,
}

impl LossMode {
    pub const ALL: [LossMode; 4] = [Self::Impaired, Self::Gone, Self::Corrupted, Self::Compromised];
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Impaired => "impaired",
            Self::Gone => "gone",
            Self::Corrupted => "corrupted",
            Self::Compromised => "compromised",
        }
    }
}
impl fmt::Display for LossMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Domains assumed lost, each in one mode.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Scenario {
    pub lost: BTreeMap<Selector, LossMode>,
    /// Only points before this instant count as clean, for `compromised` and `corrupted`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clean_before: Option<Time>,
    /// When the impact began, where that is known: with an incident declared
    /// and the home dead, loss stops growing here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub impact_began: Option<Time>,
}

impl Scenario {
    pub fn gone(regions: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        let lost = regions.into_iter().map(|r| (Selector::region(r), LossMode::Gone)).collect();
        Self { lost, ..Self::default() }
    }
    pub fn is_empty(&self) -> bool {
        self.lost.is_empty()
    }
}
impl FromStr for Scenario {
    type Err = UnitError;
    /// `SELECTOR[=MODE]`, separated by spaces or commas.
    fn from_str(text: &str) -> Result<Self, UnitError> {
        let mut lost = BTreeMap::new();
        for word in text.split([' ', ',']).filter(|w| !w.is_empty()) {
            let (selector, mode) = match word.split_once('=') {
                None => (word, LossMode::Gone),
                Some((selector, mode)) => {
                    let known = LossMode::ALL.into_iter().find(|m| m.as_str() == mode);
                    let modes = "gone, impaired, compromised or corrupted";
                    (selector, known.ok_or_else(|| UnitError(format!("{mode:?} is no mode: write {modes}")))?)
                }
            };
            lost.insert(selector.parse()?, mode);
        }
        Ok(Self { lost, ..Self::default() })
    }
}
impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<_> = self.lost.iter().map(|(s, m)| format!("{s} {m}")).collect();
        f.pad(&words.join(", "))
    }
}
