//! JSON Schema for editors, made from the same tables as validation.

use lifeboat_core::model::{KeyDef, KeyType, Vocabulary};
use serde_json::{Map, Value, json};

use super::{
    cursor::describe,
    keys::{COMPANIONS, FileKind, SCHEMA_KEY, SECRET},
};

/// JSON Schema 2020-12: one `$defs` entry for each kind of file (`estate`,
/// `regions`, `stores`, `workload`, `runbook`), so that an editor is pointed
/// at `…#/$defs/workload`; the whole accepts any of them.
pub fn schema(vocabulary: &Vocabulary) -> Value {
    let made = Maker { vocabulary };
    let mut defs = Map::new();
    for file in FileKind::ALL {
        let keys: Vec<&KeyDef> = std::iter::once(&SCHEMA_KEY).chain(file.keys()).collect();
        let mut table = made.table(&keys);
        table["title"] = file.place().into();
        table["description"] = file.about().into();
        defs.insert(file.noun().to_owned(), table);
    }
    defs.insert("secret".to_owned(), made.one_of_keys(SECRET));
    defs.insert("probe".to_owned(), made.probe(&[]));
    let any: Vec<Value> = FileKind::ALL.iter().map(|f| json!({ "$ref": at(f.noun()) })).collect();
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "An estate of Lifeboat",
        "anyOf": any,
        "$defs": defs,
    })
}

fn at(name: &str) -> String {
    format!("#/$defs/{name}")
}

struct Maker<'a> {
    vocabulary: &'a Vocabulary,
}

impl Maker<'_> {
    fn table(&self, keys: &[&KeyDef]) -> Value {
        let properties: Map<String, Value> =
            keys.iter().map(|def| (def.name.to_owned(), self.key(def))).collect();
        let required: Vec<&str> = keys.iter().filter(|def| def.required).map(|def| def.name).collect();
        let mut table = json!({ "type": "object", "properties": properties, "additionalProperties": false });
        if !required.is_empty() {
            table["required"] = json!(required);
        }
        table
    }

    fn key(&self, def: &KeyDef) -> Value {
        let mut value = self.ty(&def.ty);
        if !def.doc.is_empty() {
            value["description"] = def.doc.into();
        }
        value
    }

    fn ty(&self, ty: &KeyType) -> Value {
        match ty {
            KeyType::Bool => json!({ "type": "boolean" }),
            KeyType::Int(min, max) => json!({ "type": "integer", "minimum": min, "maximum": max }),
            KeyType::Number => json!({ "type": "number" }),
            KeyType::Between(min, max) if *max == f64::MAX => json!({ "type": "number", "minimum": min }),
            KeyType::Between(min, max) => json!({ "type": "number", "minimum": min, "maximum": max }),
            KeyType::Size => json!({ "type": ["string", "integer"], "examples": ["10GiB"] }),
            KeyType::Dur | KeyType::Period => json!({ "type": "string", "examples": ["90s", "5m", "1d12h"] }),
            KeyType::Instant => json!({ "type": "string", "format": "date-time" }),
            KeyType::Date => json!({ "type": "string", "format": "date" }),
            KeyType::NewId => json!({ "type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$" }),
            KeyType::OneOf(words) => json!({ "enum": words }),
            KeyType::List(item) => json!({ "type": "array", "items": self.ty(item) }),
            KeyType::Tuple(item, n) => {
                json!({ "type": "array", "items": self.ty(item), "minItems": n, "maxItems": n })
            }
            KeyType::Map(inner) => json!({ "type": "object", "additionalProperties": self.ty(inner) }),
            KeyType::Table(keys) => self.table(&keys.iter().collect::<Vec<_>>()),
            KeyType::Either(types) => {
                json!({ "anyOf": types.iter().map(|t| self.ty(t)).collect::<Vec<_>>() })
            }
            KeyType::Secret => json!({ "$ref": at("secret") }),
            KeyType::Probe => json!({ "$ref": at("probe") }),
            KeyType::ProbeWith(keys) => self.probe(keys),
            KeyType::Command => json!({ "type": "array", "items": { "type": "string" }, "minItems": 1 }),
            KeyType::Copy(keys) => {
                let kinds = self.vocabulary.formats.iter().map(|f| (f.id, f.doc, f.keys));
                self.kinded("format", keys, kinds)
            }
            KeyType::Step(keys) => {
                let kinds = self.vocabulary.steps.iter().map(|s| (s.id, s.doc, s.keys));
                self.kinded("kind", keys, kinds)
            }
            KeyType::Any => json!({}),
            KeyType::Text
            | KeyType::Zone
            | KeyType::Url
            | KeyType::HostPort
            | KeyType::Ref(_)
            | KeyType::Selector
            | KeyType::Against => json!({ "type": "string", "title": describe(ty) }),
        }
    }

    /// A table of exactly one of its keys.
    fn one_of_keys(&self, keys: &[KeyDef]) -> Value {
        let one = |def: &KeyDef| self.table(&[&KeyDef { required: true, ..*def }]);
        json!({ "oneOf": keys.iter().map(one).collect::<Vec<_>>() })
    }

    fn probe(&self, beside: &[KeyDef]) -> Value {
        let kinds = self.vocabulary.probes.iter().map(|kind| {
            let head = KeyDef::required(kind.id, kind.target, kind.doc);
            let keys: Vec<&KeyDef> = std::iter::once(&head).chain(COMPANIONS).chain(beside).collect();
            self.table(&keys)
        });
        json!({ "oneOf": kinds.collect::<Vec<_>>() })
    }

    /// A table whose key `head` decides which further keys there are.
    fn kinded<'k>(
        &self,
        head: &str,
        common: &[KeyDef],
        kinds: impl Iterator<Item = (&'k str, &'k str, &'k [KeyDef])>,
    ) -> Value {
        let one = |(id, doc, own): (&str, &str, &[KeyDef])| {
            let own = own.iter().filter(|def| !common.iter().any(|c| c.name == def.name));
            let mut table = self.table(&common.iter().chain(own).collect::<Vec<_>>());
            table["properties"][head] = json!({ "const": id, "description": doc });
            let mut required = vec![Value::from(head)];
            required.extend(table["required"].as_array().cloned().unwrap_or_default());
            table["required"] = required.into();
            table
        };
        json!({ "oneOf": kinds.map(one).collect::<Vec<_>>() })
    }
}
