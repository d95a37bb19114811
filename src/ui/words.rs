//! Sentences: they begin with a capital letter, and names never change for it.

use lifeboat_core::model::Estate;

use super::Cx;

impl Cx<'_> {
    /// With a capital letter, unless it begins with the name of something.
    pub fn capital(&self, text: &str) -> String {
        let word = text.split(|c: char| c.is_whitespace() || ",;:()".contains(c)).next().unwrap_or_default();
        let mut chars = text.chars();
        match chars.next() {
            Some(first) if !self.is_name(word, text) => first.to_uppercase().chain(chars).collect(),
            _ => text.to_owned(),
        }
    }

    /// With a full stop as well.
    pub fn sentence(&self, text: &str) -> String {
        let text = self.capital(text.trim_end());
        if text.ends_with(['.', '?', '!']) { text } else { text + "." }
    }

    fn is_name(&self, word: &str, text: &str) -> bool {
        // `eu-west-1`, `store:x`, `a/b@c`, `202611-1F` are no words of a language.
        let marked = word.chars().any(|c| !c.is_alphabetic() && c != '\'' && c != '.');
        let prefix = text[word.len()..].starts_with(':') && !text[word.len()..].starts_with(": ");
        marked || prefix || self.app.estate.as_deref().is_some_and(|e| names(e).any(|name| name == word))
    }
}

/// What users have named.
fn names(estate: &Estate) -> impl Iterator<Item = &str> {
    let assets = estate.workloads.iter().flat_map(|w| &w.assets).map(|a| a.id.as_str());
    let steps = estate.runbooks.iter().flat_map(|r| &r.steps).map(|s| s.id.as_str());
    let secrets = estate.keys.iter().chain(&estate.secrets).map(|s| s.id.as_str());
    let workloads = estate.workloads.iter().map(|w| w.id.as_str());
    let regions = estate.regions.iter().map(|r| r.id.as_str());
    let stores = estate.stores.iter().map(|s| s.id.as_str());
    let accounts = estate.accounts.iter().map(|a| a.id.as_str());
    let domains = estate.domains.iter().map(|d| d.id.as_str());
    let groups = estate.groups.iter().map(|g| g.id.as_str());
    let books = estate.runbooks.iter().map(|r| r.id.as_str());
    let people = estate.operators.iter().map(|o| o.id.as_str());
    let places = regions.chain(stores).chain(accounts).chain(domains);
    workloads.chain(assets).chain(places).chain(secrets).chain(groups).chain(books).chain(steps).chain(people)
}
