//! What a copy needs besides its store: secrets that open it, keys that
//! decrypt it, and parts that lie elsewhere. Most need nothing that is
//! declared, and cost nothing here.

use super::domains::{Lost, Modes};
use super::{Assumption, Need, Reason};
use crate::model::*;

#[derive(Default)]
pub(crate) struct Needs {
    /// With the place among keys and secrets.
    secrets: Vec<(Need, usize)>,
    /// Something opens it that is not declared as a secret.
    at_hand: bool,
    parts: Vec<Selector>,
    /// A part whose place nobody could tell.
    part_anywhere: bool,
}

impl Needs {
    pub fn of(estate: &Estate, asset: &AssetId, copy: &CopyDef, store: Option<&Store>) -> Option<Box<Self>> {
        let mut needs = Self::default();
        let name = copy.store.clone();
        if let Some(store) = store {
            match &store.credentials {
                Some(Credentials::Reference(from)) => {
                    needs.reference(estate, Need::Credentials { store: name.clone() }, from);
                }
                Some(Credentials::EnvPrefix(_) | Credentials::Profile(_)) => needs.at_hand = true,
                Some(Credentials::Ambient) | None => {}
            }
            if let Some(key) = &store.key {
                needs.secret(estate, Need::StoreKey { store: name.clone() }, key);
            }
        }
        if let Some(key) = &copy.key {
            needs.secret(estate, Need::CopyKey { asset: asset.clone(), store: name.clone() }, key);
        }
        if let Some(password) = &copy.password {
            needs.reference(estate, Need::Password { asset: asset.clone(), store: name }, password);
        }
        copy.parts.iter().for_each(|part| needs.part(part));
        let nothing =
            needs.secrets.is_empty() && needs.parts.is_empty() && !needs.at_hand && !needs.part_anywhere;
        (!nothing).then(|| Box::new(needs))
    }

    fn reference(&mut self, estate: &Estate, need: Need, from: &SecretRef) {
        match from {
            SecretRef::Secret(id) => self.secret(estate, need, id),
            SecretRef::Env(_) | SecretRef::File(_) | SecretRef::Command(_) => self.at_hand = true,
        }
    }

    fn secret(&mut self, estate: &Estate, need: Need, id: &KeyId) {
        match kept(estate).position(|s| s.id == *id) {
            Some(place) => self.secrets.push((need, place)),
            None => self.at_hand = true,
        }
    }

    /// A selector, or a table that names a store, a region or an account.
    fn part(&mut self, part: &serde_json::Value) {
        let before = self.parts.len();
        if let Some(selector) = part.as_str().and_then(|text| text.parse().ok()) {
            self.parts.push(selector);
        }
        for kind in DomainKind::ALL {
            if let Some(id) = part.get(kind.as_str()).and_then(|v| v.as_str()) {
                self.parts.push(Selector { kind, id: id.to_owned() });
            }
        }
        self.part_anywhere |= self.parts.len() == before;
    }

    /// Each secret that it needs, with what for.
    pub fn secrets<'e>(&self, estate: &'e Estate) -> impl Iterator<Item = (&Need, &'e KeptSecret)> {
        self.secrets.iter().filter_map(|(need, place)| Some((need, kept(estate).nth(*place)?)))
    }
    /// Where its parts lie, and whether all of them are told.
    pub fn parts(&self) -> (&[Selector], bool) {
        (&self.parts, !self.part_anywhere)
    }
    /// Whether something opens it that is not declared as a secret.
    pub fn at_hand(&self) -> bool {
        self.at_hand
    }

    /// All that it needs and loses.
    pub fn lost(&self, estate: &Estate, asset: &AssetId, store: &StoreId, lost: &Lost) -> Vec<Reason> {
        let secrets =
            self.secrets.iter().filter(|(_, place)| lost.secret(*place)).filter_map(|(need, place)| {
                let secret = kept(estate).nth(*place)?;
                let (secret, kept_in) = (secret.id.clone(), secret.kept_in.clone());
                Some(Reason::SecretLost { need: need.clone(), secret, kept_in })
            });
        // A part that can be written to is no more to be believed than one that is gone.
        let taken =
            |s: &&Selector| lost.hit(s).has(Modes::GONE.and(Modes::COMPROMISED).and(Modes::DELETABLE));
        let parts = self.parts.iter().filter(taken).map(|within| Reason::PartLost {
            asset: asset.clone(),
            store: store.clone(),
            within: within.clone(),
        });
        secrets.chain(parts).collect()
    }

    /// Whether a part of it is damaged, so that only what is older counts.
    pub fn damaged(&self, lost: &Lost) -> bool {
        self.parts.iter().any(|s| lost.hit(s).has(Modes::CORRUPTED))
    }

    pub fn assumes(&self, estate: &Estate, store: &StoreId, out: &mut Vec<Assumption>) {
        let unplaced = self.secrets.iter().filter_map(|(_, place)| kept(estate).nth(*place));
        let unplaced = unplaced.filter(|s| s.kept_in.is_empty());
        out.extend(unplaced.map(|s| Assumption::SecretPlace { secret: s.id.clone() }));
        if self.at_hand {
            out.push(Assumption::AtHand { store: store.clone() });
        }
        if self.part_anywhere {
            out.push(Assumption::PartPlace { store: store.clone() });
        }
    }
}

/// Keys, then secrets: the order of `Lost::secret`.
fn kept(estate: &Estate) -> impl Iterator<Item = &KeptSecret> {
    estate.keys.iter().chain(&estate.secrets)
}
