//! Which key does what where: the table's keys with the user's over them.

use std::collections::BTreeMap;

use super::{ACTIONS, Action, Key, Scope};

#[derive(Debug, Clone)]
pub struct Keymap {
    keys: BTreeMap<(Scope, Key), Action>,
    of: BTreeMap<Action, Vec<Key>>,
}

/// Scopes that may be in force together; the first that knows a key wins,
/// so none may hide another's.
pub const TOGETHER: &[&[Scope]] = &[
    &[Scope::Workload, Scope::List, Scope::Everywhere],
    &[Scope::Points, Scope::List, Scope::Everywhere],
    &[Scope::Incident, Scope::List, Scope::Everywhere],
    &[Scope::Run, Scope::List, Scope::Everywhere],
    &[Scope::Text],
];

impl Keymap {
    /// `own`: an action's id to its keys, replacing the table's; `extras`: keys
    /// of the embedding command. What is wrong is said in sentences and left
    /// out; the rest holds.
    pub fn new(own: &BTreeMap<String, Vec<String>>, extras: &[Key]) -> (Self, Vec<String>) {
        let mut map = Self { keys: BTreeMap::new(), of: BTreeMap::new() };
        let mut wrong = Vec::new();
        for name in own.keys().filter(|name| ACTIONS.iter().all(|d| d.id != name.as_str())) {
            wrong.push(format!("there is no action {name:?}; `lifeboat keys` lists them"));
        }
        for def in ACTIONS {
            let table = def.keys.iter().map(ToString::to_string).collect();
            let texts: &Vec<String> = own.get(def.id).unwrap_or(&table);
            for text in texts {
                match text.parse() {
                    Ok(key) => map.bind(def.scope, key, def.action, &mut wrong),
                    Err(why) => wrong.push(format!("{}: {why}", def.id)),
                }
            }
        }
        for (n, key) in extras.iter().enumerate() {
            map.bind(Scope::Everywhere, *key, Action::Extra(n), &mut wrong);
        }
        (map, wrong)
    }

    fn bind(&mut self, scope: Scope, key: Key, action: Action, wrong: &mut Vec<String>) {
        let shares = |other: Scope| TOGETHER.iter().any(|t| t.contains(&scope) && t.contains(&other));
        let taken = self.keys.iter().find(|((s, k), _)| *k == key && (*s == scope || shares(*s)));
        if let Some(((other, _), holder)) = taken {
            let name = |a: Action| a.def().map_or("an extra action", |d| d.id);
            wrong.push(format!(
                "{key} ({}) would mean both {} and {}; it stays with the first",
                other.title(),
                name(*holder),
                name(action)
            ));
            return;
        }
        self.keys.insert((scope, key), action);
        self.of.entry(action).or_default().push(key);
    }

    pub fn find(&self, key: Key, scopes: &[Scope]) -> Option<Action> {
        scopes.iter().find_map(|scope| self.keys.get(&(*scope, key)).copied())
    }
    pub fn keys(&self, action: Action) -> &[Key] {
        self.of.get(&action).map_or(&[], Vec::as_slice)
    }
    /// `j, down`.
    pub fn text(&self, action: Action) -> String {
        let texts: Vec<_> = self.keys(action).iter().map(ToString::to_string).collect();
        texts.join(", ")
    }
}
