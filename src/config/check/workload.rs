//! workloads/*.toml.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    Check,
    cycle::{Graph, circles, drawn},
    items, text,
};
use crate::config::{keys::FileKind, names::Place};

pub(super) fn check(check: &Check<'_>) {
    circular(check);
    let runbooks: BTreeMap<&str, &str> = check
        .of_kind(FileKind::Runbook)
        .filter_map(|(_, book)| Some((text(book, "id")?, text(book, "kind")?)))
        .collect();
    for (file, value) in check.of_kind(FileKind::Workload) {
        places(check, file, value);
        kinds_of_runbooks(check, file, value, &runbooks);
        objectives(check, file, value);
        for (n, asset) in items(value, "asset") {
            asset_sources(check, file, n, asset);
        }
    }
    for (file, value) in check.of_kind(FileKind::Main) {
        groups(check, file, value);
    }
}

/// Workloads that wait for each other, and assets that are each other's.
fn circular(check: &Check<'_>) {
    let (mut needs, mut uses) = (Graph::new(), Graph::new());
    let mut places = BTreeMap::new();
    let mut names = Vec::new();
    for (file, value) in check.of_kind(FileKind::Workload) {
        let Some(id) = text(value, "id") else { continue };
        let on = items(value, "depends_on").filter_map(|(_, d)| d.as_str().or_else(|| text(d, "id")));
        needs.insert(id, on.collect());
        places.insert(id.to_owned(), (file, "depends_on".to_owned()));
        for (n, asset) in items(value, "asset") {
            if let (Some(asset), Some(other)) = (text(asset, "id"), text(asset, "uses")) {
                names.push((format!("{id}/{asset}"), other));
                places.insert(format!("{id}/{asset}"), (file, format!("asset/{n}/uses")));
            }
        }
    }
    uses.extend(names.iter().map(|(name, other)| (name.as_str(), vec![*other])));
    for (graph, what) in [(needs, "workloads that wait for each other"), (uses, "assets that use each other")]
    {
        for circle in circles(&graph) {
            let (file, path) = &places[circle[0]];
            let span = check.place_of(*file, path);
            check.error(*file, span, format!("{what}: {}", drawn(&circle)), None);
        }
    }
}

fn places(check: &Check<'_>, file: usize, value: &Value) {
    let at = |key: &str| check.place_of(file, key);
    let home = text(value, "home");
    let mut seen: Vec<&str> = Vec::new();
    let standbys =
        items(value, "standby").filter_map(|(n, s)| Some((n, s.as_str().or_else(|| text(s, "region"))?, s)));
    let mut found = Vec::new();
    for (n, region, standby) in standbys {
        // The home region in another account is a place of its own.
        let elsewhere = standby["account"].is_string();
        if Some(region) == home && !elsewhere {
            found.push((at(&format!("standby/{n}")), format!("{region} is the home and a standby")));
        } else if seen.contains(&region) && !elsewhere {
            found.push((at(&format!("standby/{n}")), format!("{region} is a standby twice")));
        }
        seen.push(region);
    }
    let shares: f64 = items(value, "active").filter_map(|(_, a)| a["share"].as_f64()).sum();
    if shares > 1.000_001 {
        found.push((at("active"), format!("shares of {shares} in all, where 1 is the whole")));
    }
    for (span, what) in found {
        check.error(file, span, what, None);
    }
    let nowhere = ["home", "active", "active_when"].iter().all(|key| value[key].is_null());
    if nowhere && !check.files[file].partial {
        let hint = Some("give it a `home`: without one nothing is known about its loss".to_owned());
        check.warn(file, check.place_of(file, "id"), "this workload runs nowhere", hint);
    }
}

fn kinds_of_runbooks(check: &Check<'_>, file: usize, value: &Value, known: &BTreeMap<&str, &str>) {
    for (kind, id) in value["runbooks"].as_object().into_iter().flatten() {
        if let Some(other) = id.as_str().and_then(|id| known.get(id)).filter(|other| *other != kind) {
            let span = check.place_of(file, &format!("runbooks/{kind}"));
            let hint = Some(format!("name it under `{other}`, or change its kind"));
            check.error(file, span, format!("a {other} runbook where a {kind} belongs"), hint);
        }
    }
}

fn objectives(check: &Check<'_>, file: usize, value: &Value) {
    let mut seen = Vec::new();
    for (n, objective) in items(value, "objectives") {
        let Some(against) = text(objective, "against") else { continue };
        if seen.contains(&against) {
            let span = check.place_of(file, &format!("objectives/{n}"));
            check.error(file, span, format!("a second objective against {against}"), None);
        }
        seen.push(against);
    }
}

fn asset_sources(check: &Check<'_>, file: usize, n: usize, asset: &Value) {
    let sources = ["copy", "replica", "uses", "rebuild"];
    let id = check.place_of(file, &format!("asset/{n}/id"));
    if sources.iter().all(|key| asset[key].is_null())
        && asset["required"] != false
        && !check.files[file].partial
    {
        let hint = Some("give it a copy, a replica or `rebuild`".to_owned());
        check.warn(file, id.clone(), "nothing brings this asset back", hint);
    }
    if !asset["uses"].is_null() && (!asset["copy"].is_null() || !asset["replica"].is_null()) {
        let hint = Some("its copies and replicas belong to its owner's file".to_owned());
        check.error(file, id, "an asset that another workload owns", hint);
    }
    for (c, copy) in items(asset, "copy") {
        let place = |key: &str| check.place_of(file, &format!("asset/{n}/copy/{c}/{key}"));
        if let Some(cron) = text(&copy["schedule"], "cron")
            && !is_cron(cron)
        {
            let hint = "write minute, hour, day, month, weekday, such as \"0 2 * * *\"";
            check.error(
                file,
                place("schedule/cron"),
                format!("{cron:?} is no cron line"),
                Some(hint.to_owned()),
            );
        }
        let leaves = text(copy, "path").is_some_and(|p| p.split('/').any(|part| part == ".."));
        if leaves {
            check.error(file, place("path"), "a path that leaves its store", None);
        }
    }
}

/// Five fields of numbers, ranges, steps and names.
fn is_cron(line: &str) -> bool {
    let limits = [(0, 59), (0, 23), (1, 31), (1, 12), (0, 7)];
    let fields: Vec<&str> = line.split_whitespace().collect();
    let number = |text: &str, (min, max): (u32, u32)| match text.parse::<u32>() {
        Ok(n) => (min..=max).contains(&n),
        Err(_) => text.len() == 3 && text.bytes().all(|b| b.is_ascii_alphabetic()) && max <= 12,
    };
    let part = |text: &str, limit| {
        let (range, step) = text.split_once('/').unwrap_or((text, "1"));
        let range_good = range == "*"
            || match range.split_once('-') {
                Some((from, to)) => number(from, limit) && number(to, limit),
                None => number(range, limit),
            };
        range_good && step.parse::<u32>().is_ok_and(|n| n > 0)
    };
    fields.len() == 5 && fields.iter().zip(limits).all(|(f, limit)| f.split(',').all(|p| part(p, limit)))
}

/// An asset in two groups would have to be at two instants.
fn groups(check: &Check<'_>, file: usize, value: &Value) {
    let mut seen: BTreeMap<&str, Place> = BTreeMap::new();
    for (g, group) in items(value, "group") {
        for (n, asset) in items(group, "assets") {
            let Some(asset) = asset.as_str() else { continue };
            let span = check.place_of(file, &format!("group/{g}/assets/{n}"));
            if let Some(first) = seen.get(asset) {
                let hint = Some(format!("the first is at {}", check.line_of(first)));
                check.error(file, span, format!("{asset} stands twice in groups"), hint);
                continue;
            }
            seen.insert(asset, Place { file, span });
        }
    }
}
