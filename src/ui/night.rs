//! What a person must find on the screens at three in the morning, at the three
//! usual sizes.

use std::sync::Arc;

use lifeboat_core::{model::*, run::*};
use ratatui::{buffer::Buffer, layout::Rect};
use serde_json::json;

use super::*;
use crate::app::{
    App, AppOptions, Effect, FieldKind, Key, KeyCode, Layer, Msg, Screen, alarm,
    sample::{self, ENTER, ESC},
    update,
};

const SIZES: [(u16, u16); 3] = [(200, 60), (120, 40), (80, 24)];

fn text(app: &App) -> String {
    let look = Look::new("dark", Depth::True, true).expect("a theme");
    let mut buf = Buffer::empty(Rect::new(0, 0, app.size.0, app.size.1));
    draw(app, &look, &mut buf);
    let row = |y| (0..buf.area.width).map(|x| buf[(x, y)].symbol()).collect::<String>();
    (0..buf.area.height).map(|y| row(y) + "\n").collect()
}
/// Sentences that go on in the next line are one.
fn words(app: &App) -> String {
    text(app).replace(['│', '\n'], " ").split_whitespace().collect::<Vec<_>>().join(" ")
}
fn picture(name: &str, size: (u16, u16)) -> App {
    sample::picture(name, AppOptions::default(), size).expect("a picture")
}
#[track_caller]
fn holds(shown: &str, all: &[&str]) {
    for one in all {
        assert!(shown.contains(one), "{one} is not in:\n{shown}");
    }
}

/// The run of the sample, its step at work in another state.
fn run_with(size: (u16, u16), change: impl FnOnce(&mut RunView, &mut Run)) -> App {
    let mut app = picture("run", size);
    let mut view = sample::run(&sample::estate());
    let mut run = (*view.run).clone();
    change(&mut view, &mut run);
    view.run = Arc::new(run);
    update(&mut app, Msg::Run(Arc::new(view)));
    app.settle();
    app
}

const WHY: &str = "503 Service Unavailable: not the status expected; verify says not done: expected /writer = true, found false";

fn failed(size: (u16, u16)) -> App {
    run_with(size, |view, run| {
        run.steps[2].status = StepStatus::Failed;
        run.steps[2].reason = Some(WHY.into());
        let sentence = format!("“Promote” failed: {WHY}. Retry, skip with a reason, or cancel the run?");
        view.asks = vec![Ask { step: "promote".into(), kind: AskKind::Failed, sentence }];
        view.tail = vec![format!("{{\"error\":\"{}the end\"}}", "x".repeat(300))];
        view.tail_step = Some("promote".into());
    })
}

#[test]
fn a_failed_step_says_why_what_is_asked_and_which_keys_answer() {
    for size in SIZES {
        let app = failed(size);
        let shown = words(&app);
        let all = ["failed:", "Retry, skip with a reason, or cancel the run?", "found false"];
        holds(&shown, &all);
        holds(&shown, &["Enter opens the form: retry, skip or cancel. B rolls back."]);
        assert_eq!(shown.matches("found false").count(), 1, "it is said once:\n{shown}");
    }
    // The end of an output is what went wrong, and is not cut off.
    holds(&text(&failed((120, 40))), &["the end\"}"]);
}

#[test]
fn what_is_tried_again_tells_the_last_try_as_the_last() {
    for size in SIZES {
        let app = run_with(size, |_, run| {
            run.steps[2].reason = Some("503".into());
            run.steps[2].attempts = vec![Attempt {
                number: 1,
                intended_at: sample::now() - Dur::secs(9),
                ended_at: Some(sample::now()),
                outcome: None,
            }];
        });
        holds(&words(&app), &["The last try: 503", "Enter opens the line to type eu-central-1 into."]);
    }
}

#[test]
fn a_step_that_a_person_looks_at_is_shown_and_what_is_asked_stays_in_sight() {
    for size in SIZES {
        let mut app = picture("run", size);
        sample::press(&mut app, &[Key::char('k')]);
        let shown = words(&app);
        holds(
            &shown,
            &["Step 2 of 5", "The fence answers: closed", "Step 3 needs you", "Enter opens the line"],
        );
        // To answer is to be back at the step that asks.
        sample::press(&mut app, &[ENTER]);
        holds(&words(&app), &["Step 3 of 5", "type eu-central-1"]);
    }
    let mut app = picture("run-over", (80, 24));
    sample::press(&mut app, &[Key::char('G')]);
    holds(&words(&app), &["The run is over", "Step 5 of 5", "counted_loss_objects 78"]);
}

#[test]
fn a_title_is_whole_before_a_word_that_its_sign_says() {
    let shown = text(&picture("run", (120, 40)));
    holds(&shown, &["Stop the old primary from taking writes"]);
}

#[test]
fn a_run_that_is_over_tells_what_the_incident_still_calls_for() {
    for size in SIZES {
        let mut app = picture("run-over", size);
        update(&mut app, Msg::Incident(Some(Arc::new(sample::incident(&sample::estate())))));
        app.settle();
        holds(&words(&app), &["Still to bring back: checkout, catalogue, mail. 6 shows what is next."]);
    }
}

/// A further region that fails is as much a reason to look up as the first.
#[test]
fn another_region_that_fails_during_an_incident_is_told() {
    for size in SIZES {
        let mut app = picture("incident", size);
        assert_eq!(alarm(&app), None);
        let mut seen = sample::observations(&sample::estate(), app.now, Some("eu-west-1"));
        let key = ProbeKey::RegionHealth { region: "us-east-1".into(), index: 0 };
        let mut down = (*seen.probes[&key]).clone();
        for _ in 0..3 {
            down.fail(Problem::new(Code::PROBE_REFUSED, "us-east-1"), app.now);
        }
        seen.probes.insert(key, Arc::new(down));
        update(&mut app, Msg::Observed(Arc::new(seen)));
        app.settle();
        holds(&text(&app), &["us-east-1 does not answer either: w shows what its loss would take."]);
    }
}

#[test]
fn what_is_next_begins_with_what_others_wait_for_and_names_what_has_no_runbook() {
    for size in SIZES {
        let mut app = picture("incident", size);
        let mut estate = sample::estate();
        // The most urgent of all waits for mail, which nobody thought urgent.
        let on = json!([{"id": "mail"}]);
        estate.workloads[0].depends_on = serde_json::from_value(on).expect("a dependency");
        estate.workloads[2].runbooks.clear();
        estate.runbooks.retain(|r| r.id != *"catalogue-failover");
        update(&mut app, Msg::Estate(Arc::new(estate)));
        app.settle();
        let next: Vec<_> = app.rows.iter().map(|r| r.text.as_str()).collect();
        assert_eq!(next, ["mail", "checkout"]);
        holds(&words(&app), &["No runbook says how to bring back catalogue."]);
    }
}

#[test]
fn the_way_home_is_offered_once_what_was_lost_answers() {
    let mut app = picture("incident", (120, 40));
    let mut estate = sample::estate();
    let mut back = estate.runbooks[0].clone();
    (back.id, back.kind) = ("checkout-failback".into(), RunbookKind::Failback);
    estate.runbooks.push(back);
    // It serves from elsewhere by now; a run left it there.
    let mut seen = sample::observations(&estate, app.now, None);
    let left = Committed { to: "eu-central-1".into(), at: app.now - Dur::secs(60), run: None };
    Arc::make_mut(&mut seen.learned).committed.insert("checkout".into(), left);
    update(&mut app, Msg::Estate(Arc::new(estate)));
    update(&mut app, Msg::Observed(Arc::new(seen)));
    app.settle();
    assert!(app.rows.iter().any(|r| r.id == "checkout-failback"), "{:?}", app.rows);
    holds(
        &words(&app),
        &["answers again since 14:03:17 UTC", "failback, below", "checkout failback checkout-failback"],
    );
}

/// A workload that is critical for want of a backup speaks for no loss.
#[test]
fn nothing_but_what_does_not_answer_speaks_for_declaring_a_region_lost() {
    let mut app = picture("overview", (120, 40));
    let mut seen = sample::observations(&sample::estate(), app.now, None);
    let keys: Vec<CopyKey> = seen.copies.iter().map(|(key, _)| key).collect();
    for key in keys {
        seen.copies.insert(key, Observed::of(CopySummary::default().into(), app.now, Dur::secs(300)));
    }
    update(&mut app, Msg::Observed(Arc::new(seen)));
    app.settle();
    assert!(app.glance.rows.iter().any(|r| r.state == lifeboat_core::assess::State::Critical));
    sample::press(&mut app, &[Key::char('6')]);
    holds(&text(&app), &["No region looks lost. w shows what losing one would cost; D declares."]);
    sample::press(&mut app, &[Key::char('D')]);
    let Some(Layer::Form(form)) = app.layer() else { panic!("no form") };
    assert_eq!(form.field("lost"), "", "no region is proposed");
}

#[test]
fn all_fields_of_a_declaration_are_in_sight_whatever_speaks_for_it() {
    for size in SIZES {
        holds(&text(&picture("declare", size)), &["what is lost", "impact began", "type eu-west-1"]);
    }
}

/// `live`, typed one line too early, chose `eu-west-1` to go to.
#[test]
fn a_word_that_is_typed_too_early_chooses_nothing() {
    let mut app = picture("start", (120, 40));
    sample::press(&mut app, &[Key::plain(KeyCode::Up)]);
    let before = |app: &App| match app.layer() {
        Some(Layer::Form(form)) => form.fields.iter().map(|f| f.value().to_owned()).collect::<Vec<_>>(),
        _ => panic!("no form"),
    };
    // To live, so that there is a word to type.
    sample::press(&mut app, &[Key::plain(KeyCode::Left), Key::plain(KeyCode::Up)]);
    let Some(Layer::Form(form)) = app.layer() else { panic!("no form") };
    assert!(matches!(form.fields[form.focus].kind, FieldKind::Choice(_)), "{:?}", form.fields[form.focus]);
    let fields = before(&app);
    sample::type_text(&mut app, "live");
    assert_eq!(before(&app), fields);
    holds(&words(&app), &["Left and right choose here"]);
    sample::press(&mut app, &[Key::plain(KeyCode::Right)]);
    assert_ne!(before(&app), fields);
}

#[test]
fn the_losses_tell_what_decides_and_what_never_comes_back() {
    let mut app = picture("losses", (80, 24));
    let mut estate = sample::estate();
    // Checkout needs the ledger, which has nothing anywhere.
    estate.workloads[4].assets[0].copies.clear();
    estate.workloads[4].assets[0].replicas.clear();
    estate.workloads[4].home = Some("eu-west-1".into());
    let on = json!([{"id": "ledger"}]);
    estate.workloads[0].depends_on = serde_json::from_value(on).expect("a dependency");
    update(&mut app, Msg::Estate(Arc::new(estate)));
    app.settle();
    let at = app.rows.iter().position(|r| r.id.ends_with("eu-west-1")).expect("its line");
    app.select(at);
    holds(
        &words(&app),
        &[
            "checkout: it depends on ledger, which is lost.",
            "checkout and ledger never come back, the others in",
        ],
    );
}

#[test]
fn coverage_tells_each_kind_of_loss_of_each_asset_and_keeps_its_selection() {
    for size in SIZES {
        let mut app = picture("coverage", size);
        let shown = words(&app);
        holds(
            &shown,
            &["Coverage of 7 assets", "REGION GONE", "DATA BAD", "checkout/orders-db", "undeclared"],
        );
        let at = app.rows.iter().position(|r| r.id == "checkout/orders-db").expect("its line");
        app.select(at);
        let shown = words(&app);
        let told = [
            "kept as pgbackrest in backups-fra, replica in eu-central-1",
            "eu-west-1 gone: back from the replica in eu-central-1, losing up to",
            "all of aws gone: nothing is left of it",
            "No account is declared of its workload.",
            "its data bad, noticed after 1d: back from the copy in backups-fra",
            "No restore of it was ever checked",
        ];
        holds(&shown, &told);
        sample::press(&mut app, &[Key::char('5'), Key::char('v')]);
        assert_eq!(app.selected().map(|r| r.id.as_str()), Some("checkout/orders-db"));
        let effects = sample::press(&mut app, &[ENTER]);
        assert_eq!((app.screen(), effects), (&Screen::Workload("checkout".into()), Vec::<Effect>::new()));
        sample::press(&mut app, &[ESC]);
        sample::type_text(&mut app, "/ledger");
        assert_eq!(app.rows.len(), 1);
    }
}
