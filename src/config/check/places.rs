//! lifeboat.toml, regions.toml and stores.toml.

use std::collections::BTreeMap;

use lifeboat_core::model::{LockFact, clean_line, cut};
use serde_json::Value;

use super::{
    Check,
    cycle::{Graph, circles, drawn},
    items, text,
};
use crate::config::{keys::FileKind, nearest::nearest};

pub(super) fn check(check: &Check<'_>) {
    for (file, value) in check.of_kind(FileKind::Main) {
        tiers(check, file, value);
        vault(check, file, value);
        conditions(check, file, value);
    }
    for (file, value) in check.of_kind(FileKind::Regions) {
        coordinates(check, file, value);
        domains(check, file, value);
        for (n, link) in items(value, "link") {
            if link["from"].is_string() && link["from"] == link["to"] {
                check.error(file, check.place_of(file, &format!("link/{n}/to")), "a link to itself", None);
            }
        }
    }
    for (file, value) in check.of_kind(FileKind::Stores) {
        stores(check, file, value);
    }
}

fn tiers(check: &Check<'_>, file: usize, value: &Value) {
    let mut seen = BTreeMap::new();
    for (n, tier) in items(value, "tier") {
        let Some(level) = tier["level"].as_i64() else { continue };
        if let Some(first) = seen.insert(level, n) {
            let span = check.place_of(file, &format!("tier/{n}/level"));
            let hint = format!("it is item {} of [[tier]]", first + 1);
            check.error(file, span, format!("a second tier {level}"), Some(hint));
        }
    }
}

fn coordinates(check: &Check<'_>, file: usize, value: &Value) {
    for (n, region) in items(value, "region") {
        for (index, (name, limit)) in [("latitude", 90.0), ("longitude", 180.0)].into_iter().enumerate() {
            let Some(degrees) = region["at"][index].as_f64() else { continue };
            if degrees.abs() > limit {
                let span = check.place_of(file, &format!("region/{n}/at/{index}"));
                let hint = format!("`at` is latitude, then longitude; write -{limit} to {limit}");
                check.error(file, span, format!("{degrees} is no {name}"), Some(hint));
            }
        }
    }
}

/// A domain that shares fate with itself by way of others.
fn domains(check: &Check<'_>, file: usize, value: &Value) {
    let mut graph = Graph::new();
    let mut index = BTreeMap::new();
    for (n, domain) in items(value, "domain") {
        let Some(id) = text(domain, "id") else { continue };
        let within = items(domain, "in").filter_map(|(_, s)| s.as_str()?.strip_prefix("domain:"));
        graph.insert(id, within.collect());
        index.insert(id, n);
    }
    for circle in circles(&graph) {
        let span = check.place_of(file, &format!("domain/{}/in", index[circle[0]]));
        check.error(file, span, format!("a circle of domains: {}", drawn(&circle)), None);
    }
}

const SCHEMES: &[&str] = &["s3", "gs", "az", "http", "https", "file", "oci", "git+https"];

fn stores(check: &Check<'_>, file: usize, value: &Value) {
    for (n, store) in items(value, "store") {
        if let Some((scheme, _)) = text(store, "url").and_then(|url| url.split_once(':'))
            && !SCHEMES.contains(&scheme)
        {
            let span = check.place_of(file, &format!("store/{n}/url"));
            let hint = format!("write {}", SCHEMES.join(", "));
            check.error(file, span, format!("no kind of store begins with {scheme:?}"), Some(hint));
        }
        if let Some((scheme, _)) = text(store, "endpoint").and_then(|url| url.split_once(':'))
            && !matches!(scheme, "http" | "https")
        {
            let span = check.place_of(file, &format!("store/{n}/endpoint"));
            check.error(file, span, "an endpoint that is neither http nor https", None);
        }
        if let Some(table) = store["credentials"].as_object()
            && table.len() != 1
        {
            let span = check.place_of(file, &format!("store/{n}/credentials"));
            let hint = "write { env_prefix = \"…\" }, { profile = \"…\" }, \"ambient\" or one reference";
            check.error(file, span, "credentials name exactly one place", Some(hint.to_owned()));
        }
    }
}

/// A warning where the loss of one place would take the majority with it.
fn vault(check: &Check<'_>, file: usize, value: &Value) {
    let vault = &value["vault"];
    let ids: Vec<&str> = items(vault, "stores").filter_map(|(_, id)| id.as_str()).collect();
    if vault.is_null() {
        return;
    }
    let span = check.place_of(file, "vault/stores");
    if vault["lease"].as_object().is_some_and(|lease| lease.len() != 1) {
        let hint = Some("write { etcd = [\"…\"] } or { store = \"id\" }".to_owned());
        check.error(file, check.place_of(file, "vault/lease"), "a lease has exactly one keeper", hint);
    }
    let mut twice = ids.clone();
    twice.sort_unstable();
    twice.dedup();
    if twice.len() < ids.len() {
        check.error(file, span.clone(), "a store stands twice in the vault", None);
    }
    if ids.len() < 3 {
        let what = format!("a vault of {} is no majority when one is lost", ids.len());
        check.warn(file, span.clone(), what, Some("name three stores or more".to_owned()));
    }
    for place in ["region", "account"] {
        if let Some((at, n)) = majority(check, &ids, place) {
            let what = format!("{n} of {} vault stores lie in {place} {at}", ids.len());
            check.warn(file, span.clone(), what, Some(format!("no {place} may hold a majority")));
        }
    }
}

/// The region or account that holds more than half of these stores.
fn majority<'a>(check: &Check<'a>, ids: &[&str], place: &str) -> Option<(&'a str, usize)> {
    let mut count: BTreeMap<&str, usize> = BTreeMap::new();
    let stores = check.of_kind(FileKind::Stores).flat_map(|(_, value)| items(value, "store"));
    for (_, store) in stores.filter(|(_, s)| text(s, "id").is_some_and(|id| ids.contains(&id))) {
        if let Some(at) = text(store, place) {
            *count.entry(at).or_default() += 1;
        }
    }
    count.into_iter().find(|(_, n)| ids.len() >= 2 && n * 2 > ids.len())
}

/// What is wrong with the name of a fact or of an interlock.
fn named_wrong(check: &Check<'_>, name: &str) -> Option<(String, Option<String>)> {
    let shown = cut(&clean_line(name), 80);
    if !name.contains(':') {
        if check.names.is_partial("interlock") || check.names.has("interlock", name) {
            return None;
        }
        let near =
            nearest(name, check.names.of_kind("interlock")).map(|near| format!("did you mean {near:?}?"));
        let facts = || format!("a fact is written as {}", FACT_FORMS);
        return Some((format!("unknown interlock {shown:?}"), near.or_else(|| Some(facts()))));
    }
    let fact = match name.parse::<LockFact>() {
        Ok(fact) => fact,
        Err(why) => return Some((clean_line(&why), None)),
    };
    let about = fact.kind.about();
    if check.names.is_partial(about) || check.names.has(about, &fact.of) {
        return None;
    }
    let near = nearest(&fact.of, check.names.of_kind(about)).map(|near| format!("did you mean {near:?}?"));
    Some((format!("unknown {about} {:?}", cut(&clean_line(&fact.of), 80)), near))
}

const FACT_FORMS: &str = "in-service:REGION, healthy:WORKLOAD, reachable:STORE, one-writer:WORKLOAD/ASSET or fenced:WORKLOAD/ASSET";

fn conditions(check: &Check<'_>, file: usize, value: &Value) {
    let mut graph = Graph::new();
    let mut index = BTreeMap::new();
    for (n, interlock) in items(value, "interlock") {
        let Some(id) = text(interlock, "id") else { continue };
        let named = |list| items(interlock, list).filter_map(|(_, c)| c.as_str());
        graph.insert(id, named("all").chain(named("any")).collect());
        index.insert(id, n);
        if interlock["all"].is_null() && interlock["any"].is_null() {
            let hint = Some("give it `all` or `any`".to_owned());
            check.error(
                file,
                check.place_of(file, &format!("interlock/{n}/id")),
                "an interlock without a condition",
                hint,
            );
        }
    }
    for (n, interlock) in items(value, "interlock") {
        for list in ["all", "any"] {
            for (m, condition) in items(interlock, list) {
                let Some(name) = condition.as_str() else { continue };
                if let Some((what, hint)) = named_wrong(check, name) {
                    check.error(file, check.place_of(file, &format!("interlock/{n}/{list}/{m}")), what, hint);
                }
            }
        }
        let any = items(interlock, "any").count();
        let wanted = interlock["at_least"].as_u64().unwrap_or(1);
        if !interlock["at_least"].is_null() && wanted > any as u64 {
            let span = check.place_of(file, &format!("interlock/{n}/at_least"));
            let hint = Some("give `any` as many conditions, or ask for fewer".to_owned());
            check.error(file, span, format!("{wanted} of {any}: it can never hold"), hint);
        }
    }
    for circle in circles(&graph) {
        let span = check.place_of(file, &format!("interlock/{}", index[circle[0]]));
        check.error(file, span, format!("a circle of interlocks: {}", drawn(&circle)), None);
    }
}
