//! What protects each asset, against which kind of loss: what nothing protects
//! first, and the selected one in sentences below.

use lifeboat_core::{
    assess::{Coverage, Covered, Fate, Held, Reason, Threat},
    model::*,
};
use ratatui::{buffer::Buffer, layout::Rect, text::Span};

use super::{below, unseen};
use crate::ui::{
    Cx, Role,
    flow::Flow,
    table::{Cell, Column, Table, col, num, one},
};

const COLUMNS: [Column; 9] = [
    col("ASSET", 20, 40, 0),
    col("REGION GONE", 12, 14, 0),
    col("PROVIDER GONE", 13, 14, 1),
    col("ACCOUNT TAKEN", 13, 14, 1),
    col("DATA BAD", 12, 14, 0),
    num("LAST GOOD", 9, 10, 3),
    num("PROVEN", 6, 10, 2),
    col("LAYER", 14, 14, 5),
    // Stands below in full.
    col("PROTECTED BY", 24, u16::MAX, 4),
];

pub fn draw(cx: &Cx<'_>, buf: &mut Buffer, area: Rect) {
    let Some(all) = cx.app.coverage.as_deref().filter(|c| !c.rows.is_empty()) else {
        let mut flow = Flow::new(buf, area);
        flow.heading(cx, "Coverage");
        let rest = flow.rest();
        unseen(cx, buf, rest, "There is no asset to protect: no workload of this estate declares one.");
        return;
    };
    let mut flow = Flow::new(buf, area);
    flow.heading(cx, &title(all));
    for line in besides(all) {
        flow.sentence(Span::raw(""), &line, cx.role(Role::Warning));
    }
    let rest = flow.rest();
    let rows = &cx.app.rows;
    if rows.is_empty() {
        unseen(cx, buf, rest, "There is no such asset.");
        return;
    }
    let (table, detail) = below(rest, rows.len(), 9);
    Table { columns: &COLUMNS, count: rows.len(), cursor: Some(cx.app.cursor) }.draw(cx, buf, table, |n| {
        rows.get(n).and_then(|r| all.rows.get(r.at)).map_or_else(Vec::new, |row| cells(cx, row))
    });
    let selected = cx.app.selected().and_then(|r| all.rows.get(r.at)).filter(|_| detail.height > 0);
    if let Some(row) = selected {
        told(cx, Flow::new(buf, detail), row);
    }
}

/// `Coverage of 9 assets: 1 is protected by nothing, 2 go with their region`
fn title(all: &Coverage) -> String {
    let bare = all.rows.iter().filter(|c| c.by.is_empty()).count();
    let gone =
        |c: &&Covered| !c.by.is_empty() && c.against.iter().any(|h| is_region(h) && h.fate.rank() == 3);
    let gone = all.rows.iter().filter(gone).count();
    let be = |n: usize, one: &str, more: &str| match n {
        0 => None,
        1 => Some(format!("1 {one}")),
        n => Some(format!("{n} {more}")),
    };
    let bad = [
        be(bare, "is protected by nothing", "are protected by nothing"),
        be(gone, "goes with its region", "go with their region"),
    ];
    let bad: Vec<_> = bad.into_iter().flatten().collect();
    let bad = if bad.is_empty() { String::new() } else { format!(": {}", bad.join(", ")) };
    match all.rows.len() {
        1 => format!("Coverage of one asset{bad}"),
        n => format!("Coverage of {n} assets{bad}"),
    }
}

fn is_region(held: &Held) -> bool {
    held.threat == Threat::Region
}

/// What no line stands for.
fn besides(all: &Coverage) -> Vec<String> {
    let names = |of: Vec<&str>| of.join(", ");
    let bare = (!all.bare.is_empty()).then(|| {
        format!("No asset is declared of {}.", names(all.bare.iter().map(WorkloadId::as_str).collect()))
    });
    let unused = (!all.unused.is_empty())
        .then(|| format!("Nothing is kept in {}.", names(all.unused.iter().map(StoreId::as_str).collect())));
    bare.into_iter().chain(unused).collect()
}

fn cells(cx: &Cx<'_>, row: &Covered) -> Vec<Cell> {
    let name = match row.required {
        true => format!("{}/{}", row.workload, row.asset),
        false => format!("{}/{} (optional)", row.workload, row.asset),
    };
    let age = |point: &Option<PointRef>, none: &str, role: Role| match point {
        Some(point) => cx.span(cx.age(point.at), Role::Text),
        None => cx.span(none, role),
    };
    let by = match row.by.is_empty() {
        true => cx.span("nothing", if row.required { Role::Critical } else { Role::Warning }),
        false => cx.span(row.by.join(", "), Role::Dim),
    };
    let held = |threat: Threat| match row.against.iter().find(|h| h.threat == threat) {
        Some(held) => one(fate(cx, &held.fate, row.required)),
        None => one(cx.span(cx.sym().none, Role::Dim)),
    };
    let [region, provider, account, data] = Threat::ALL.map(held);
    // What is made anew has no points.
    let (made, none) = (row.against.iter().all(|h| h.fate == Fate::Rebuilt), cx.sym().none);
    vec![
        one(cx.span(name, Role::Strong)),
        region,
        provider,
        account,
        data,
        one(age(&row.last_good, if made { none } else { "none" }, Role::Dim)),
        one(age(
            &row.last_proven,
            if made { none } else { "never" },
            if made { Role::Dim } else { Role::Warning },
        )),
        one(cx.span(row.layer.as_str(), Role::Dim)),
        one(by),
    ]
}

/// What is had back shows how much of it is lost on the way.
fn fate(cx: &Cx<'_>, fate: &Fate, required: bool) -> Span<'static> {
    let sym = cx.sym();
    match fate {
        Fate::Untouched => cx.span(format!("{} untouched", sym.ok), Role::Ok),
        Fate::Rebuilt => cx.span(format!("{} rebuilt", sym.ok), Role::Ok),
        Fate::Back { loss, .. } => match loss.upper {
            Some(upper) => cx.span(format!("{} loses {upper}", sym.ok), Role::Ok),
            None => cx.span(format!("{} unknown", sym.unknown), Role::Unknown),
        },
        Fate::Unknown { .. } => cx.span(format!("{} unknown", sym.unknown), Role::Unknown),
        Fate::Undeclared => cx.span(format!("{} undeclared", sym.none), Role::Dim),
        Fate::Nothing { .. } => {
            cx.span(format!("{} lost", sym.critical), if required { Role::Critical } else { Role::Warning })
        }
    }
}

/// The selected asset: what becomes of it, from where, and why not.
fn told(cx: &Cx<'_>, mut flow: Flow<'_>, row: &Covered) {
    let by = if row.by.is_empty() {
        "nothing: it has no copy and no replica.".to_owned()
    } else {
        row.by.join(", ")
    };
    flow.heading(cx, &format!("{}/{}, {}", row.workload, row.asset, row.layer.as_str()));
    let role = if row.by.is_empty() { Role::Critical } else { Role::Dim };
    flow.sentence(cx.span(format!("{:<10}", "kept as"), role), &by, cx.role(Role::Text));
    for held in &row.against {
        let role = match held.fate.rank() {
            0 => Role::Ok,
            1 => Role::Dim,
            2 => Role::Unknown,
            _ => Role::Critical,
        };
        flow.sentence(
            cx.span(format!("{:<10}", held.threat.as_str()), role),
            &sentence(held),
            cx.role(Role::Text),
        );
    }
    if row.against.iter().all(|h| h.fate == Fate::Rebuilt) {
        return;
    }
    let proven = match &row.last_proven {
        Some(point) => format!("Restored and checked up to {}, from {}.", cx.ago(point.at), point.id),
        None => "No restore of it was ever checked: whether it can be had back is not proven.".to_owned(),
    };
    flow.sentence(cx.span(format!("{:<10}", "proven"), Role::Dim), &proven, cx.role(Role::Text));
}

fn sentence(held: &Held) -> String {
    let what = held.threat.words(&held.lost);
    let why = |why: &[Reason]| {
        let own = |r: &&Reason| !matches!(r, Reason::NothingSurvives { .. } | Reason::RpoUnknown { .. });
        let all: Vec<_> = why.iter().filter(own).map(ToString::to_string).collect();
        if all.is_empty() { String::new() } else { format!(": {}", all.join("; ")) }
    };
    match &held.fate {
        Fate::Untouched => format!("{what}: nothing that it needs is touched."),
        Fate::Rebuilt => format!("{what}: it is made anew and loses nothing."),
        Fate::Back { loss, from } => {
            let loss = loss.upper.map_or("a loss that nobody can bound".to_owned(), |u| format!("up to {u}"));
            format!("{what}: back from {}, losing {loss}.", from.join(" and "))
        }
        Fate::Unknown { why: of } => format!("{what}: nobody can say what would be left{}.", why(of)),
        Fate::Nothing { why: of } => format!("{what}: nothing is left of it{}.", why(of)),
        Fate::Undeclared => match held.threat {
            Threat::Region => "Where it serves from is not known.".to_owned(),
            Threat::Provider => "No provider is declared of the region that it serves from.".to_owned(),
            Threat::Account => "No account is declared of its workload.".to_owned(),
            Threat::Data => "Its data is not judged.".to_owned(),
        },
    }
}
