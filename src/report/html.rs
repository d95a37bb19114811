//! The report of a run as one HTML file: nothing is fetched, nothing is run,
//! and it prints. Everything from outside is text, never markup.

use std::fmt::Write as _;

use lifeboat_core::model::*;
use serde_json::Value;

use super::audit::AuditPart;
use super::run::{IncidentPart, LossPart, RunReport, StepPart};

/// No script and no address of elsewhere can do anything in it.
const HEAD: &str = "<meta charset=\"utf-8\"/>\n<meta name=\"viewport\" content=\"width=device-width\"/>\n\
<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\"/>\n";

const STYLE: &str = "
:root { color-scheme: light; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 62rem; padding: 0 1rem; color: #1b1f24; background: #fff; }
h1 { font-size: 1.6rem; margin: 0 0 .25rem; } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; border-bottom: 1px solid #d0d7de; }
table { border-collapse: collapse; width: 100%; font-size: .87rem; } th, td { text-align: left; vertical-align: top; padding: .25rem .5rem; border-bottom: 1px solid #eaeef2; overflow-wrap: anywhere; }
th { white-space: nowrap; } code { font-family: ui-monospace, monospace; font-size: .85em; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1rem; margin: 0; } dt { color: #57606a; } dd { margin: 0; overflow-wrap: anywhere; }
.mode { display: inline-block; padding: 0 .5rem; border: 1px solid; font-weight: 600; text-transform: uppercase; }
.live { color: #a40e26; } .rehearsal { color: #0a5a9c; } .dry-run { color: #57606a; }
.good { color: #116329; } .bad { color: #a40e26; } .odd { color: #7d4e00; }
svg { width: 100%; height: auto; font: 11px system-ui, sans-serif; } footer { margin-top: 2rem; color: #57606a; font-size: .8rem; }
@media print { body { margin: 0; max-width: none; font-size: 11px; } h2 { break-after: avoid; } tr, svg { break-inside: avoid; } }
";

pub fn html(report: &RunReport) -> String {
    let title = text(&report.title);
    let mut out = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n{HEAD}<title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
    );
    let _ = writeln!(out, "<h1>{title}</h1>");
    let mode = text(report.mode);
    let _ = writeln!(
        out,
        "<p><span class=\"mode {mode}\">{mode}</span> {} — run <code>{}</code> of <code>{}</code></p>",
        state(report.state),
        text(report.run.as_str()),
        text(report.runbook.as_str())
    );
    out += &facts(report);
    out += &report.incident.as_ref().map_or_else(String::new, incident);
    out += &loss(&report.loss);
    out += "<h2>What happened when</h2>\n";
    out += &drawn(report);
    out += &steps(&report.steps);
    out += &audit(&report.audit);
    out += &timeline(report);
    let _ = writeln!(
        out,
        "<footer>Made from the run's journal alone: {} lines, the last with sum <code>{}</code>. The plan is that of the estate trusted as <code>{}</code>, driven by Lifeboat {}. Times are UTC.</footer>\n</body>\n</html>",
        report.journal.lines,
        text(&report.journal.head),
        text(&report.audit.trusted),
        text(&report.audit.versions.join(" and "))
    );
    out
}

/// Text as text: nothing in it is markup, and nothing in it leaves its line.
fn text(from: &str) -> String {
    let mut out = String::new();
    for c in clean_line(from).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

fn value(value: &Value) -> String {
    text(&value.as_str().map_or_else(|| value.to_string(), str::to_owned))
}

fn class(state: &str) -> &'static str {
    match state {
        "completed" | "succeeded" => "good",
        "failed" | "timed_out" | "indeterminate" => "bad",
        "pending" | "ready" | "skipped" => "",
        _ => "odd",
    }
}

fn state(word: &str) -> String {
    format!("<strong class=\"{}\">{}</strong>", class(word), text(&word.replace('_', " ")))
}

fn dur(d: Option<Dur>) -> String {
    d.map_or_else(|| "unknown".to_owned(), |d| text(&d.to_string()))
}

fn pairs(all: &[(&str, String)]) -> String {
    let one = |(name, value): &(&str, String)| format!("<dt>{}</dt><dd>{value}</dd>\n", text(name));
    format!("<dl>\n{}</dl>\n", all.iter().map(one).collect::<String>())
}

fn facts(report: &RunReport) -> String {
    let open = || "still open".to_owned();
    let met = match report.met() {
        Some(true) => " <span class=\"good\">met</span>",
        Some(false) => " <span class=\"bad\">missed</span>",
        None => "",
    };
    let mut all = vec![
        ("started", format!("{} by {}", text(&report.started_at), text(report.by.as_str()))),
        ("ended", report.ended_at.as_deref().map_or_else(open, text)),
        (
            "recovery time",
            format!("<strong>{}</strong> of RTO {}{met}", dur(report.rta_s), dur(report.rto_target_s)),
        ),
        ("estimated", dur(report.rto_estimate_s)),
    ];
    let parts = report.audit.parts.iter().map(|p| format!("{} {}<br/>", dur(Some(p.took_s)), text(p.what)));
    let waited = format!("{} of that waiting for people", dur(Some(report.audit.waited_s)));
    all.push(("of which", parts.collect::<String>() + &waited));
    let params: String =
        report.params.iter().map(|(k, v)| format!("{} = <code>{}</code><br/>", text(k), value(v))).collect();
    if !params.is_empty() {
        all.push(("parameters", params));
    }
    pairs(&all)
}

fn incident(incident: &IncidentPart) -> String {
    let mut out = format!("<h2>Incident {}</h2>\n", text(incident.id.as_str()));
    let evidence: String = incident.evidence.iter().map(|e| format!("{}<br/>", text(e))).collect();
    out += &pairs(&[
        ("lost", text(&incident.scenario)),
        ("impact began", text(&incident.impact_began)),
        ("detected", incident.detected_at.as_deref().map_or_else(|| "not known".to_owned(), text)),
        ("declared", format!("{} by {}", text(&incident.declared_at), text(incident.by.as_str()))),
        ("evidence", if evidence.is_empty() { "none".to_owned() } else { evidence }),
    ]);
    out
}

fn loss(loss: &LossPart) -> String {
    let mut all = Vec::new();
    for p in &loss.predicted {
        let to = p.to.as_ref().map_or_else(String::new, |to| format!(" into {}", text(to.as_str())));
        let said =
            format!("{} to {}, {}{to}", dur(Some(p.lower_s)), dur(p.upper_s), text(p.verdict.as_str()));
        all.push(("predicted", format!("{}: {said}", text(p.workload.as_str()))));
    }
    // Only time was predicted: a number of objects lies in no prediction.
    let seconds = loss.counted_s.map(|s| (format!("{s} s of writes"), loss.held));
    let objects = loss.counted_objects.map(|n| (format!("{n} objects"), None));
    for (counted, held) in [seconds, objects].into_iter().flatten() {
        let held = match held {
            Some(true) => ", <span class=\"good\">within what was predicted</span>",
            Some(false) => ", <span class=\"bad\">outside of what was predicted</span>",
            None => "",
        };
        all.push(("counted", format!("{}{held}", text(&counted))));
    }
    match all.is_empty() {
        true => String::new(),
        false => format!("<h2>Loss</h2>\n{}", pairs(&all)),
    }
}

/// Who decided what, and what did not go as planned.
fn audit(audit: &AuditPart) -> String {
    let row = |at: &str, by: &str, what: &str| {
        format!("<tr><td><code>{}</code></td><td>{}</td><td>{}</td></tr>\n", text(at), text(by), text(what))
    };
    let decided = audit.decisions.iter().map(|l| row(&l.at, l.by.as_str(), &l.what)).collect::<String>();
    let exceptions = audit.exceptions.iter().map(|e| row(&e.at, "", &e.what)).collect::<String>();
    let section = |title: &str, rows: String, none: &str| match rows.is_empty() {
        true => format!("<h2>{title}</h2>\n<p>{none}</p>\n"),
        false => format!("<h2>{title}</h2>\n<table>\n{rows}</table>\n"),
    };
    section("What people decided", decided, "Nothing: no person was asked.")
        + &section("What did not go as planned", exceptions, "Nothing.")
}

fn instant(at: &str) -> Option<f64> {
    let at = chrono::DateTime::parse_from_rfc3339(at).ok()?;
    Some(at.timestamp_micros() as f64 / 1e6)
}

/// Where the drawing's labels end and its time begins, and its right edge.
const LEFT: f64 = 250.0;
const RIGHT: f64 = 980.0;
const ROW: f64 = 22.0;
const TOP: f64 = 34.0;

/// One bar a step on one scale of time, with what happened to the whole as lines.
fn drawn(report: &RunReport) -> String {
    let impact = report.incident.as_ref().and_then(|i| instant(&i.impact_began));
    let lines = report.timeline.iter().filter_map(|l| instant(&l.at));
    let Some(started) = instant(&report.started_at) else { return String::new() };
    let from = impact.map_or(started, |i| i.min(started));
    let last =
        lines.fold(started, f64::max).max(report.ended_at.as_deref().and_then(instant).unwrap_or(started));
    let target = report.rto_target_s.map(|t| from + t.as_secs_f64());
    // A target far beyond the end would press the rest together.
    let to =
        target.filter(|t| *t <= from + (last - from) * 1.5).map_or(last, |t| t.max(last)).max(from + 1.0);
    let x = |at: f64| LEFT + (at - from) / (to - from) * (RIGHT - LEFT);
    let shown: Vec<(&StepPart, f64)> =
        report.steps.iter().filter_map(|s| Some((s, instant(s.started_at.as_deref()?)?))).collect();
    let height = TOP + ROW * shown.len() as f64 + 24.0;
    let mut out =
        format!("<svg viewBox=\"0 0 1000 {height:.0}\" role=\"img\" aria-label=\"timeline of the run\">\n");
    let marks = [
        (impact, "impact began", "#a40e26"),
        (report.incident.as_ref().and_then(|i| instant(&i.declared_at)), "declared", "#7d4e00"),
        (Some(started), "run began", "#57606a"),
        (report.ended_at.as_deref().and_then(instant), "ended", "#116329"),
        (target.filter(|t| *t <= to), "RTO", "#a40e26"),
    ];
    for (n, (at, name, color)) in marks.iter().enumerate() {
        let Some(at) = at.filter(|at| *at >= from) else { continue };
        let (x, y) = (x(at), 10.0 + 10.0 * (n % 2) as f64);
        let (anchor, dx) = if x > RIGHT - 80.0 { ("end", -3.0) } else { ("start", 3.0) };
        let _ = writeln!(
            out,
            "<line x1=\"{x:.1}\" y1=\"4\" x2=\"{x:.1}\" y2=\"{:.1}\" stroke=\"{color}\" stroke-dasharray=\"3 3\"/><text x=\"{:.1}\" y=\"{y:.1}\" fill=\"{color}\" text-anchor=\"{anchor}\">{name}</text>",
            height - 20.0,
            x + dx
        );
    }
    for (n, (step, began)) in shown.iter().enumerate() {
        let y = TOP + ROW * n as f64;
        let end = step.took_s.map_or(last, |t| began + t.as_secs_f64());
        let width = (x(end) - x(*began)).max(2.0);
        let color = match class(step.status) {
            "good" => "#2da44e",
            "bad" => "#cf222e",
            "" => "#afb8c1",
            _ => "#bf8700",
        };
        let _ = writeln!(
            out,
            "<g><title>{}: {}</title><text x=\"{:.0}\" y=\"{:.1}\" text-anchor=\"end\">{}</text><rect x=\"{:.1}\" y=\"{:.1}\" width=\"{width:.1}\" height=\"14\" rx=\"2\" fill=\"{color}\"/></g>",
            text(step.id.as_str()),
            text(step.status),
            LEFT - 8.0,
            y + 12.0,
            text(&cut(&step.title, 40)),
            x(*began),
            y + 2.0
        );
    }
    let span = Dur::from_secs_f64(to - from).map_or_else(String::new, |d| d.to_string());
    let _ = writeln!(
        out,
        "<line x1=\"{LEFT}\" y1=\"{0:.1}\" x2=\"{RIGHT}\" y2=\"{0:.1}\" stroke=\"#57606a\"/><text x=\"{LEFT}\" y=\"{1:.1}\">0</text><text x=\"{RIGHT}\" y=\"{1:.1}\" text-anchor=\"end\">{2}</text>\n</svg>",
        height - 20.0,
        height - 6.0,
        text(&span)
    );
    out
}

fn steps(steps: &[StepPart]) -> String {
    let mut out = String::from(
        "<h2>Steps</h2>\n<table>\n<tr><th>step</th><th>kind</th><th>status</th><th>tries</th><th>took</th><th>declared</th><th>why, and what it gave</th></tr>\n",
    );
    for s in steps {
        let mut why = s.reason.as_deref().map_or_else(String::new, text);
        for (name, v) in &s.outputs {
            let _ = write!(why, "<br/>{} = <code>{}</code>", text(name), value(v));
        }
        if let Some(hash) = &s.output_hash {
            let _ = write!(why, "<br/>output <code>{}</code>", text(hash));
        }
        let or_dash = |d: Option<Dur>| d.map_or_else(|| "–".to_owned(), |d| text(&d.to_string()));
        let _ = writeln!(
            out,
            "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{why}</td></tr>",
            text(&s.title),
            text(&s.kind),
            state(s.status),
            s.attempts,
            or_dash(s.took_s),
            or_dash(s.declared_s)
        );
    }
    out + "</table>\n"
}

fn timeline(report: &RunReport) -> String {
    let one = |l: &super::run::Line| {
        format!(
            "<tr><td><code>{}</code></td><td>{}</td><td>{}</td></tr>\n",
            text(&l.at),
            text(l.by.as_str()),
            text(&l.what)
        )
    };
    let rows: String = report.timeline.iter().map(one).collect();
    format!("<h2>Journal</h2>\n<table>\n<tr><th>at</th><th>by</th><th>what</th></tr>\n{rows}</table>\n")
}

#[cfg(test)]
mod tests {
    use super::super::audit::{Exception, Part};
    use super::*;
    use crate::report::run as part;
    use lifeboat_core::assess::Verdict;
    use quick_xml::{Reader, events::Event};
    use serde_json::json;

    const HOSTILE: &str = "</td><script>alert(1)</script>\"'&\u{202e}\u{1b}[2J onload=x <img src=http://x>";

    fn report() -> RunReport {
        let at = |s: u32| format!("2026-11-22T14:{:02}:{:02}Z", s / 60, s % 60);
        let step = |n: u32, status| part::StepPart {
            id: HOSTILE.into(),
            title: HOSTILE.into(),
            kind: HOSTILE.into(),
            status,
            reason: Some(HOSTILE.into()),
            attempts: 1,
            started_at: Some(at(60 * n)),
            took_s: (n != 2).then_some(Dur::secs(30)),
            declared_s: None,
            outputs: [(HOSTILE.to_owned(), json!({ HOSTILE: HOSTILE }))].into(),
            output_hash: Some(HOSTILE.into()),
        };
        RunReport {
            schema: 1,
            run: HOSTILE.into(),
            runbook: HOSTILE.into(),
            title: HOSTILE.into(),
            mode: "live",
            state: "running",
            by: HOSTILE.into(),
            params: [(HOSTILE.to_owned(), json!(HOSTILE))].into(),
            started_at: at(60),
            ended_at: None,
            incident: Some(part::IncidentPart {
                id: HOSTILE.into(),
                scenario: HOSTILE.into(),
                impact_began: at(10),
                detected_at: Some(at(20)),
                declared_at: at(40),
                by: HOSTILE.into(),
                evidence: vec![HOSTILE.into()],
            }),
            rta_s: Some(Dur::secs(200)),
            rto_target_s: Some(Dur::secs(240)),
            rto_estimate_s: None,
            loss: part::LossPart {
                predicted: vec![part::PredictedPart {
                    workload: HOSTILE.into(),
                    at: at(40),
                    verdict: Verdict::Recoverable,
                    to: Some(HOSTILE.into()),
                    lower_s: Dur::ZERO,
                    upper_s: None,
                }],
                counted_s: Some(3.5),
                counted_objects: None,
                held: Some(true),
            },
            steps: vec![step(1, "succeeded"), step(2, "indeterminate")],
            audit: AuditPart {
                parts: vec![Part { what: "until it was declared", took_s: Dur::secs(30) }],
                waited_s: Dur::secs(12),
                decisions: vec![part::Line { at: at(230), by: HOSTILE.into(), what: HOSTILE.into() }],
                exceptions: vec![Exception { at: at(231), what: HOSTILE.into() }],
                trusted: HOSTILE.into(),
                versions: vec![HOSTILE.into()],
            },
            timeline: vec![part::Line { at: at(230), by: HOSTILE.into(), what: HOSTILE.into() }],
            journal: part::JournalPart { lines: 1, head: HOSTILE.into() },
        }
    }

    /// Read as XML, which is stricter than any browser: only elements and
    /// attributes of ours are there, and no address of elsewhere.
    #[test]
    fn nothing_from_outside_becomes_markup() {
        const ELEMENTS: &str = "html head meta title style body h1 h2 p span code strong dl dt dd br table tr th td \
                                svg g line text rect footer";
        const ATTRIBUTES: &str = "lang charset name content http-equiv class viewBox role aria-label x1 x2 y1 y2 x y \
                                  stroke stroke-dasharray fill text-anchor width height rx";
        let page = html(&report());
        let mut reader = Reader::from_str(&page);
        let mut depth = 0i32;
        loop {
            match reader.read_event().unwrap_or_else(|e| panic!("{e} in {page}")) {
                Event::Start(e) | Event::Empty(e) => {
                    let name = String::from_utf8_lossy(e.name().as_ref()).into_owned();
                    assert!(ELEMENTS.split_whitespace().any(|known| known == name), "{name}");
                    for attribute in e.attributes() {
                        let attribute = attribute.unwrap();
                        let key = String::from_utf8_lossy(attribute.key.as_ref()).into_owned();
                        assert!(ATTRIBUTES.split_whitespace().any(|known| known == key), "{name} {key}");
                    }
                    depth += 1;
                }
                Event::Eof => break,
                _ => {}
            }
        }
        assert!(depth > 100, "{depth} elements");
        for never in ['\u{1b}', '\u{202e}'] {
            assert!(!page.contains(never), "{never:?}");
        }
    }

    #[test]
    fn what_happened_is_drawn_on_one_scale() {
        let page = html(&report());
        let svg = page.split_once("<svg").unwrap().1.split_once("</svg>").unwrap().0;
        // From 14:00:10 to the target at 14:04:10: the second step has no end yet.
        assert!(svg.contains("impact began") && svg.contains("RTO"), "{svg}");
        let bars: Vec<f64> =
            svg.split("<rect x=\"").skip(1).map(|r| r.split('"').next().unwrap().parse().unwrap()).collect();
        let scale = |s: f64| LEFT + (s - 10.0) / 240.0 * (RIGHT - LEFT);
        assert!((bars[0] - scale(60.0)).abs() < 0.1 && (bars[1] - scale(120.0)).abs() < 0.1, "{bars:?}");
        assert!(
            page.contains("<strong>3m 20s</strong>") || page.contains("<strong>3m20s</strong>"),
            "{page}"
        );
        assert!(!page.contains("met</span>"), "it is not over yet");
        let over = RunReport { state: "completed", ..report() };
        assert!(html(&over).contains("met</span>"));
        let gone = RunReport { state: "cancelled", ..report() };
        assert!(!html(&gone).contains("met</span>"), "it recovered nothing");
    }
}
