use std::sync::Arc;

use lifeboat_core::{
    model::*,
    run::{AskKind, Prediction, Run},
};
use ratatui::{
    buffer::Buffer,
    layout::Rect,
    style::{Color, Modifier},
};

use super::*;
use crate::app::{App, AppOptions, Key, Msg, sample, update};

fn look(depth: Depth) -> Look {
    Look::new("dark", depth, true).unwrap()
}
fn drawn(app: &App, look: &Look) -> (Buffer, Picture) {
    let mut buf = Buffer::empty(Rect::new(0, 0, app.size.0, app.size.1));
    let picture = draw(app, look, &mut buf);
    (buf, picture)
}
fn lines(buf: &Buffer) -> Vec<String> {
    let row = |y| (0..buf.area.width).map(|x| buf[(x, y)].symbol()).collect::<String>();
    (0..buf.area.height).map(row).collect()
}
fn text(app: &App) -> String {
    lines(&drawn(app, &look(Depth::True)).0).join("\n")
}
fn picture(name: &str, size: (u16, u16)) -> App {
    sample::picture(name, AppOptions::default(), size).unwrap()
}
fn names() -> impl Iterator<Item = &'static str> {
    sample::PICTURES.iter().map(|(name, _)| *name).chain(["last-known", "starting"])
}

#[test]
fn every_screen_draws_at_every_size() {
    let looks = [look(Depth::True), Look::new("light", Depth::None, false).unwrap()];
    for (n, name) in names().enumerate() {
        let mut app = picture(name, (120, 40));
        for width in 0..=130_u16 {
            // Each size of one side with each of the other, spread over pictures to stay quick.
            for height in
                (0..=45_u16).filter(|h| (usize::from(width + h) + n) % 11 == 0 || width < 42 && *h < 14)
            {
                update(&mut app, Msg::Resize(width, height));
                let (_, picture) = drawn(&app, &looks[usize::from(width + height) % 2]);
                if let Some((x, y)) = picture.cursor {
                    assert!(x < width && y < height, "{name} {width}x{height}: cursor at {x},{y}");
                }
                for hit in picture.hits {
                    assert!(hit.y < height && hit.x + hit.width <= width, "{name} {width}x{height}");
                }
            }
        }
    }
}

#[test]
fn the_mode_stands_in_words_on_every_screen() {
    let table = [
        ("overview", "WATCHING"),
        ("workload", "WATCHING"),
        ("what-if", "WHAT IF: eu-west-1 gone"),
        ("incident", "INCIDENT: eu-west-1 gone"),
        ("run", "LIVE"),
        ("last-known", "LAST KNOWN"),
        ("starting", "STARTING"),
        ("refused", "NOT TRUSTED: see what changed, then `lifeboat trust`"),
    ];
    for size in [(200, 60), (120, 40), (80, 24)] {
        for (name, words) in table {
            let text = text(&picture(name, size));
            assert!(text.contains(words), "{name} at {size:?} lacks {words}:\n{text}");
        }
    }
    assert!(text(&picture("what-if", (120, 40))).contains("nothing real has happened"));
    let options = AppOptions { read_only: true, ..Default::default() };
    for name in names() {
        let app = sample::picture(name, options.clone(), (80, 24)).unwrap();
        assert!(text(&app).contains("READ-ONLY"), "{name}");
    }
}

#[test]
fn the_overview_shows_the_key_facts_at_every_usual_size() {
    for size in [(200, 60), (120, 40), (80, 24)] {
        // Short of room there is no air around the strokes.
        let text = text(&picture("overview-down", size)).replace(" / ", "/");
        let facts = [
            "critical",
            "Checkout",
            "recoverable",
            "eu-central-1",
            "6.5s",
            "/5m",
            "9m",
            "/30m",
            "oldest seen",
        ];
        for fact in facts {
            assert!(text.contains(fact), "{size:?} lacks {fact}:\n{text}");
        }
    }
    let small = text(&picture("overview-down", (40, 12)));
    for fact in ["critical", "Checkout", "recoverable", "WATCHING"] {
        assert!(small.contains(fact), "{fact}:\n{small}");
    }
    assert!(text(&picture("overview", (30, 8))).contains("Too small"));
}

#[test]
fn the_map_shows_regions_links_and_lag() {
    let (buf, _) = drawn(&picture("overview-down", (120, 40)), &look(Depth::True));
    let text = lines(&buf).join("\n");
    for word in ["Ireland critical", "Frankfurt ok", "Virginia ok", "lag 3.5s"] {
        assert!(text.contains(word), "{word}:\n{text}");
    }
    let braille = text.chars().filter(|c| ('\u{2801}'..='\u{28ff}').contains(c)).count();
    assert!(braille > 100, "{braille} cells of coast");
}

#[test]
fn what_is_not_known_is_never_green_and_the_last_known_is_dimmed() {
    let look = look(Depth::True);
    let green = look.theme.role(Role::Ok).fg;
    let (buf, _) = drawn(&picture("last-known", (120, 40)), &look);
    assert!(!buf.content().iter().any(|c| Some(c.fg) == green), "nothing of the last known state is green");
    assert!(lines(&buf).join("\n").contains("seen 12m ago"));

    let mut app = picture("overview", (120, 40));
    let later = app.now + Dur::secs(86_400);
    update(&mut app, Msg::Now(later));
    app.settle();
    let (buf, _) = drawn(&app, &look);
    let text = lines(&buf).join("\n");
    let good: Vec<_> =
        buf.content().iter().filter(|c| Some(c.fg) == green).map(|c| c.symbol().to_owned()).collect();
    assert!(!good.contains(&"●".to_owned()), "unseen for a day, yet green:\n{text}");
}

/// Text as an attacker would have it reach the screen.
const HOSTILE: &str = "x\u{1b}[2J\u{1b}]0;owned\u{7}\u{9b}31m\u{202e}gpj\u{200b}\r\n\u{8}";

#[test]
fn hostile_text_becomes_cells() {
    let mut estate = sample::estate();
    estate.name = HOSTILE.into();
    for region in &mut estate.regions {
        region.name = Some(HOSTILE.into());
    }
    for workload in &mut estate.workloads {
        workload.name = Some(HOSTILE.into());
    }
    for book in &mut estate.runbooks {
        book.title = HOSTILE.into();
        for step in &mut book.steps {
            (step.title, step.text) = (Some(HOSTILE.into()), Some(HOSTILE.into()));
        }
    }
    let mut view = sample::run(&estate);
    view.asks[0].sentence = HOSTILE.into();
    view.asks[0].kind = AskKind::Confirm { target: HOSTILE.into(), action: HOSTILE.into() };
    view.tail = vec![HOSTILE.into()];
    view.doing = Some(HOSTILE.into());
    let run = Run { title: HOSTILE.into(), ..(*view.run).clone() };
    view.run = Arc::new(run);
    let mut incident = sample::incident(&estate);
    incident.evidence = vec![HOSTILE.into()];
    let mut report = sample::report();
    report.points[0].id = HOSTILE.into();
    report.points[0].reason = HOSTILE.into();
    let problem =
        Problem { what: HOSTILE.into(), next: HOSTILE.into(), ..Problem::new(Code::STORE_DENIED, "x") };

    for name in names() {
        let mut app = picture(name, (120, 40));
        update(&mut app, Msg::Estate(Arc::new(estate.clone())));
        update(&mut app, Msg::Run(Arc::new(view.clone())));
        update(&mut app, Msg::Incident(Some(Arc::new(incident.clone()))));
        update(&mut app, Msg::Problem(problem.clone()));
        if let crate::app::Screen::Points(key) = app.screen().clone() {
            update(&mut app, Msg::Points(key, Arc::new(report.clone())));
        }
        app.settle();
        let (buf, _) = drawn(&app, &look(Depth::True));
        for cell in buf.content() {
            let bad = |c: char| c.is_control() || ('\u{2028}'..='\u{202e}').contains(&c) || c == '\u{200b}';
            assert!(!cell.symbol().chars().any(bad), "{name}: {:?}", cell.symbol());
        }
    }
}

#[test]
fn without_colour_the_selected_line_is_still_told_apart() {
    let look = Look::new("dark", Depth::None, true).unwrap();
    for name in ["overview", "what-if-picker", "palette", "runs", "log"] {
        let (buf, _) = drawn(&picture(name, (120, 40)), &look);
        let colour = |c: &ratatui::buffer::Cell| c.fg != Color::Reset || c.bg != Color::Reset;
        assert!(!buf.content().iter().any(colour), "{name} asks for a colour");
        let row = (0..buf.area.height).find(|y| {
            let reversed = |x: u16| buf[(x, *y)].modifier.contains(Modifier::REVERSED);
            (0..buf.area.width).filter(|x| reversed(*x)).count() > 20
                && !lines(&buf)[usize::from(*y)].contains("WHAT IF:")
        });
        assert!(row.is_some(), "{name} has no reversed line");
    }
}

#[test]
fn ascii_is_all_there_is_where_the_locale_has_no_more() {
    let look = Look::new("sixteen", Depth::Sixteen, false).unwrap();
    for name in names() {
        let (buf, _) = drawn(&picture(name, (120, 40)), &look);
        for cell in buf.content() {
            assert!(cell.symbol().is_ascii(), "{name}: {:?}", cell.symbol());
        }
    }
}

#[test]
fn the_confirmation_shows_exactly_what_will_be_done() {
    for size in [(200, 60), (120, 40), (80, 24)] {
        for name in ["run", "answer"] {
            let text = text(&picture(name, size));
            assert!(
                text.contains("POST https://control.example/promote/eu-central-1"),
                "{name} {size:?}:\n{text}"
            );
            assert!(text.contains("type eu-central-1"), "{name} {size:?}:\n{text}");
        }
    }
}

#[test]
fn a_calm_screen_changes_by_minutes_and_a_clock_by_seconds() {
    let mut app = picture("overview", (120, 40));
    let soon = drawn(&app, &look(Depth::True)).1.until.unwrap();
    assert!(soon > app.now);
    let before = drawn(&app, &look(Depth::True)).0;
    app.now = soon - Dur::millis(1);
    assert_eq!(drawn(&app, &look(Depth::True)).0, before, "nothing changes before it is due");
    app.now = soon;
    assert_ne!(drawn(&app, &look(Depth::True)).0, before, "and then it does");

    let app = picture("incident", (120, 40));
    let next = drawn(&app, &look(Depth::True)).1.until.unwrap();
    assert!(Dur::between(app.now, next) <= Dur::secs(1));
}

#[test]
fn help_fits_and_scrolls_to_its_last_line() {
    let mut app = picture("help", (80, 24));
    let count = crate::app::help_lines(&app, "").len();
    for _ in 0..count {
        sample::press(&mut app, &[Key::plain(crate::app::KeyCode::Down)]);
    }
    let last = crate::app::help_lines(&app, "").last().unwrap().1.title.clone();
    assert!(text(&app).contains(&last[..20.min(last.len())]), "{last}\n{}", text(&app));
}

#[test]
fn a_plan_shows_values_or_open_places_and_never_its_templates() {
    let mut estate = sample::estate();
    let book = &mut estate.runbooks[0];
    book.steps[1].title = Some("Stop {{ from }} with {{ fence.token }}".into());
    book.steps[1].text = Some("See {{ fence.token }} of {{ to }}".into());
    let mut app = picture("runbooks", (200, 60));
    update(&mut app, Msg::Estate(Arc::new(estate.clone())));
    app.settle();
    let shown = text(&app);
    assert!(shown.contains("Stop eu-west-1 with <fence.token>"), "{shown}");
    assert!(!shown.contains("{{"), "{shown}");
    let mut app = picture("run", (200, 60));
    update(&mut app, Msg::Run(Arc::new(sample::run(&estate))));
    app.settle();
    assert!(text(&app).contains("Stop eu-west-1 with <fence.token>"), "{}", text(&app));
}

#[test]
fn a_run_in_trouble_says_so_whether_it_goes_on_or_is_over() {
    for size in [(200, 60), (120, 40), (80, 24)] {
        for name in ["run", "run-over"] {
            let mut app = picture(name, size);
            let mut view = (**app.run().unwrap()).clone();
            view.trouble = Some(Problem::new(Code::JOURNAL_WRITE, "journal.jsonl").because("no space left"));
            update(&mut app, Msg::Run(Arc::new(view)));
            app.settle();
            let shown = text(&app);
            assert!(shown.contains("the journal cannot be written"), "{name} {size:?}:\n{shown}");
            let asks = name == "run";
            assert_eq!(shown.contains("This needs you"), asks, "{name} {size:?}:\n{shown}");
            assert_eq!(shown.contains("type eu-central-1"), asks, "{name} {size:?}:\n{shown}");
        }
    }
}

#[test]
fn steps_that_do_not_fit_are_counted() {
    let mut app = picture("run", (80, 24));
    let mut view = (**app.run().unwrap()).clone();
    let mut run = (*view.run).clone();
    let last = run.steps[4].clone();
    run.steps.extend([last.clone(), last]);
    view.run = Arc::new(run);
    update(&mut app, Msg::Run(Arc::new(view)));
    app.settle();
    assert!(text(&app).contains("3 more below"), "{}", text(&app));
    sample::press(&mut app, &[Key::char('G')]);
    assert!(text(&app).contains("3 more above"), "{}", text(&app));
}

#[test]
fn a_region_that_does_not_answer_calls_to_act_on_every_screen() {
    let call = "eu-west-1 does not answer: D declares an incident.";
    for size in [(200, 60), (120, 40), (80, 24)] {
        for name in ["overview-down", "workload-down", "wait-or-declare"] {
            let shown = text(&picture(name, size));
            assert!(shown.contains(call), "{name} {size:?}:\n{shown}");
        }
        assert!(!text(&picture("incident", size)).contains(call), "it is declared");
        assert!(!text(&picture("overview", size)).contains("does not answer"));
    }
    let options = AppOptions { read_only: true, ..Default::default() };
    let app = sample::picture("overview-down", options, (80, 24)).unwrap();
    assert!(text(&app).contains("eu-west-1 does not answer."), "who may not declare is told what is seen");
}

#[test]
fn regions_stand_in_one_line_where_the_map_does_not_fit() {
    let shown = text(&picture("overview-down", (80, 24)));
    assert!(shown.contains("Ireland ✕ critical   Frankfurt ● ok   Virginia ● ok"), "{shown}");
    let shown = text(&picture("overview-down", (40, 14)));
    assert!(shown.contains("Ireland ✕ critical   Frankfurt ● ok   +1"), "{shown}");
    assert!(text(&picture("what-if", (80, 24))).contains("Ireland GONE, what if"));
}

#[test]
fn no_finding_is_no_all_clear() {
    let mut app = picture("findings", (120, 40));
    let mut estate = sample::estate();
    for workload in &mut estate.workloads {
        workload.assets.iter_mut().flat_map(|a| &mut a.copies).for_each(|c| c.schedule = None);
    }
    update(&mut app, Msg::Estate(Arc::new(estate)));
    app.settle();
    assert!(app.rows.is_empty(), "{:?}", app.rows);
    let shown = text(&app);
    assert!(shown.contains("but 1 workload is critical and 1 workload is unknown"), "{shown}");
}

#[test]
fn findings_in_the_footer_are_counted_in_words_with_their_key() {
    let shown = text(&picture("overview", (120, 40)));
    assert!(shown.contains("1 finding: 5 opens"), "{shown}");
    assert!(text(&picture("overview", (200, 60))).contains("[8] runs"), "a key is no count");
}

#[test]
fn without_copies_there_is_no_last_good_to_miss() {
    let mut estate = sample::estate();
    let identity = estate.workloads.iter_mut().find(|w| w.id == "identity").unwrap();
    identity.assets[0].copies.clear();
    let mut app = picture("overview", (200, 60));
    let mut seen = sample::observations(&estate, app.now, None);
    seen.copies.retain(|key| key.workload != "ledger");
    update(&mut app, Msg::Estate(Arc::new(estate)));
    update(&mut app, Msg::Observed(Arc::new(seen)));
    app.settle();
    let (buf, _) = drawn(&app, &look(Depth::True));
    let line = |name: &str| lines(&buf).into_iter().find(|l| l.contains(name) && l.contains(" / ")).unwrap();
    assert!(line("Identity").contains("no copies"), "{}", line("Identity"));
    assert!(line("Ledger").contains("none"), "{}", line("Ledger"));
}

#[test]
fn points_say_what_their_signs_mean_and_which_copy_it_is() {
    let shown = text(&picture("points", (120, 40)));
    for words in ["● a good point", "█ any instant", "✕ not usable, or missing", "─ nothing between points"]
    {
        assert!(shown.contains(words), "{words}:\n{shown}");
    }
    assert!(!shown.contains("copy 1 of 1"), "{shown}");
    let mut estate = sample::estate();
    let mail = estate.workloads.iter_mut().find(|w| w.id == "mail").unwrap();
    let twice = mail.assets[0].copies[0].clone();
    mail.assets[0].copies.push(twice);
    let mut app = picture("points", (80, 24));
    update(&mut app, Msg::Estate(Arc::new(estate)));
    app.settle();
    assert!(text(&app).contains("copy 1 of 2 (tab shows the next)"), "{}", text(&app));
}

#[test]
fn the_timeline_zooms_and_says_what_cannot_be_restored() {
    for size in [(200, 60), (120, 40), (80, 24)] {
        let mut app = picture("points", size);
        let press = |app: &mut App, key: &str| {
            update(app, Msg::Key { key: key.parse().unwrap(), at: sample::now() });
            app.settle();
        };
        let shown = text(&app);
        for words in ["everything", "✕✕", "not any of", "6 WAL files", "0000000100000000000000A4"] {
            assert!(shown.contains(words), "{size:?} lacks {words}:\n{shown}");
        }
        for label in ["3 days", "1 day", "6 hours", "1 hour"] {
            press(&mut app, "+");
            assert!(text(&app).contains(label), "{size:?} lacks {label}:\n{}", text(&app));
        }
        assert!(text(&app).contains("any instant of what is shown"), "{}", text(&app));
        press(&mut app, "left");
        assert!(!text(&app).contains("to now UTC"), "{}", text(&app));
        press(&mut app, "a");
        assert!(text(&app).contains("everything"), "{}", text(&app));
    }
}

#[test]
fn the_stores_screen_tells_settings_what_was_expected_and_how_it_was_tested() {
    let mut estate = sample::estate();
    estate.stores[0].expect.insert("object_lock".into(), serde_json::json!("compliance"));
    let posture = Posture {
        object_lock: Fact::new(Answer::NotSet, "GetObjectLockConfiguration: 404"),
        location: Fact::new(Answer::Set("eu-\u{1b}[2Jwest-1".into()), "GetBucketLocation"),
        ..Posture::default()
    };
    let mut seen = sample::observations(&estate, sample::now(), None);
    let asked = Observed::of(posture, sample::now() - Dur::secs(60), Dur::secs(3_600));
    seen.postures.insert(estate.stores[0].id.clone(), Arc::new(asked));
    let mut app = picture("stores", (120, 40));
    update(&mut app, Msg::Estate(Arc::new(estate)));
    update(&mut app, Msg::Observed(Arc::new(seen)));
    app.settle();
    let shown = text(&app);
    for words in
        ["Settings of", "object lock", "not set", "compliance", "Configuration: 404", "eu-^[[2Jwest-1"]
    {
        assert!(shown.contains(words), "{words}:\n{shown}");
    }
    assert!(shown.contains("versioning") && shown.contains("not asked"), "{shown}");
    let rules: Vec<_> = app.shown.iter().flat_map(|a| &a.findings).map(|f| &*f.rule).collect();
    assert!(rules.contains(&"store-object-lock"), "{rules:?}");
}

#[test]
fn a_region_that_is_back_is_said_on_the_incident_page() {
    for size in [(200, 60), (120, 40), (80, 24)] {
        let mut app = picture("incident", size);
        assert!(!text(&app).contains("answers"));
        let seen = sample::observations(&sample::estate(), app.now, None);
        update(&mut app, Msg::Observed(Arc::new(seen)));
        app.settle();
        let shown = text(&app);
        assert!(shown.contains("eu-west-1 answers again since 14:03:17 UTC, and"), "{size:?}:\n{shown}");
        let mut incident = sample::incident(&sample::estate());
        let elsewhere = Prediction { workload: "identity".into(), ..incident.predictions[0].clone() };
        incident.predictions.push(elsewhere);
        update(&mut app, Msg::Incident(Some(Arc::new(incident))));
        app.settle();
        let shown = text(&app).replace('\n', " ");
        assert!(shown.contains("UTC: consider"), "what serves from elsewhere goes back: {shown}");
    }
}

#[test]
fn where_a_run_goes_and_what_is_dangerous_about_a_plan_is_not_cut_off() {
    for size in [(200, 60), (120, 40), (80, 24)] {
        let shown = text(&picture("run", size));
        assert!(shown.contains("Fail checkout over to eu-central-1"), "{size:?}:\n{shown}");
        let shown = text(&picture("runbooks", size));
        assert!(shown.contains("no way back"), "{size:?}:\n{shown}");
    }
    let mut estate = sample::estate();
    let again = estate.runbooks[0].steps[4].clone();
    estate.runbooks[0].steps.extend(vec![again; 9]);
    let mut app = picture("runbooks", (80, 24));
    update(&mut app, Msg::Estate(Arc::new(estate)));
    app.settle();
    assert!(text(&app).contains("10 more"), "{}", text(&app));
}

#[test]
fn trends_show_each_figure_and_where_the_selected_one_leads() {
    for (size, dots) in [((200, 60), 60), ((120, 40), 40), ((80, 24), 25)] {
        let text = text(&picture("trends", size));
        for fact in ["Trends of Checkout", "orders-db in backups-fra", "size of a point", "a day", "48 GiB"] {
            assert!(text.contains(fact), "{size:?} lacks {fact}:\n{text}");
        }
        let braille = text.chars().filter(|c| ('\u{2801}'..='\u{28ff}').contains(c)).count();
        assert!(braille >= dots, "{braille} cells at {size:?}:\n{text}");
        assert!(size.0 < 120 || text.contains("foreseen from here"), "{text}");
    }
    let plain = Look::new("dark", Depth::None, false).unwrap();
    let ascii = lines(&drawn(&picture("trends", (120, 40)), &plain).0).join("\n");
    assert!(ascii.is_ascii() && ascii.contains("***"), "{ascii}");
    assert!(text(&picture("trends-loading", (80, 24))).contains("is being read"));
    assert!(
        text(&picture("trends-empty", (80, 24))).contains("nothing is remembered yet")
            || text(&picture("trends-empty", (80, 24))).contains("no copy and no replica")
    );
    assert!(text(&picture("trends-failed", (120, 40))).contains("LB-HISTORY-001"));
    let mut old = picture("trends", (120, 40));
    let later = old.now + Dur::secs(3_600);
    update(&mut old, Msg::Now(later));
    old.settle();
    assert!(text(&old).contains("newer looks are not in it"), "{}", text(&old));
}

#[test]
fn what_was_looked_at_before_a_run_is_shown_until_it_begins() {
    use lifeboat_core::run::{CheckState, PrecheckItem, RunState};
    let mut app = picture("run", (120, 40));
    let id = app.views.keys().next().unwrap().clone();
    let mut view = (*app.views[&id]).clone();
    let run = std::sync::Arc::make_mut(&mut view.run);
    let item = |id: &str, state, detail: &str| PrecheckItem {
        id: id.into(),
        what: format!("what {id} is"),
        state,
        detail: detail.into(),
        overridable: true,
        overridden: None,
    };
    run.state = RunState::Prechecking;
    run.precheck =
        vec![item("a", CheckState::Ok, "3 objects"), item("b", CheckState::Red, "it is \u{1b}[2Jgone")];
    update(&mut app, Msg::Run(Arc::new(view.clone())));
    let shown = text(&app);
    let at = |wanted: &str| shown.find(wanted).unwrap_or_else(|| panic!("{wanted} in\n{shown}"));
    assert!(at("red") < at("3 objects"), "what stops the run comes first");
    assert!(shown.contains("what b is: it is ^[[2Jgone"), "{shown}");
    std::sync::Arc::make_mut(&mut view.run).state = RunState::Running;
    update(&mut app, Msg::Run(Arc::new(view)));
    assert!(!text(&app).contains("3 objects"));
}

/// The catalogue stands on the checkout, and what opens its copy is forgotten in
/// the region that both live in.
fn entangled(name: &str, size: (u16, u16)) -> App {
    let mut estate = sample::estate();
    let kept = serde_json::json!({"id": "iad-pass", "kept_in": ["eu-west-1"]});
    estate.secrets.push(serde_json::from_value(kept).unwrap());
    let iad = estate.stores.iter_mut().find(|s| s.id == "vault-iad").unwrap();
    iad.credentials = Some(Credentials::Reference(SecretRef::Secret("iad-pass".into())));
    let catalogue = estate.workloads.iter_mut().find(|w| w.id == "catalogue").unwrap();
    catalogue.depends_on.push(Dependency { id: "checkout".into(), kind: DependencyKind::Hard });
    estate.runbooks[0].relies_on.push("us-east-1".parse().unwrap());
    let mut app = picture(name, size);
    update(&mut app, Msg::Estate(Arc::new(estate)));
    app.settle();
    app
}

#[test]
fn dependencies_tell_the_order_what_is_needed_and_what_a_loss_takes() {
    for size in [(200, 60), (120, 40), (80, 24)] {
        let mut app = entangled("dependencies", size);
        let shown = text(&app);
        let facts = [
            "with this lost: eu-west-1 gone",
            "WORKLOAD",
            "BACK IN",
            "WAITS █ RECOVERS",
            "▒█",
            "checkout needs",
            "eu-west-1",
            "● survives",
            "✕ gone",
        ];
        for fact in facts {
            assert!(shown.contains(fact), "{size:?} lacks {fact}:\n{shown}");
        }
        let at = app.rows.iter().position(|r| r.id == "catalogue").expect("the catalogue");
        app.select(at);
        let shown = text(&app);
        for fact in ["catalogue needs", "iad-pass", "checkout"] {
            assert!(shown.contains(fact), "{size:?} lacks {fact}:\n{shown}");
        }
    }
    let wide = text(&entangled("dependencies", (200, 60)));
    for fact in
        ["critical path  impact → checkout", "decides that", "the runbook checkout-failover relies on it"]
    {
        assert!(wide.contains(fact), "{fact}:\n{wide}");
    }
    let calm = text(&entangled("dependencies-calm", (120, 40)));
    assert!(calm.contains("each held against the loss of its own home"), "{calm}");
    assert!(calm.contains("w supposes a loss of regions"), "{calm}");
}

#[test]
fn a_click_on_what_is_needed_selects_no_workload() {
    let app = entangled("dependencies", (120, 40));
    let (_, picture) = drawn(&app, &look(Depth::True));
    let lines: Vec<_> = picture.hits.iter().map(|h| h.row).collect();
    assert_eq!(lines, (0..app.rows.len()).collect::<Vec<_>>(), "one place for each workload");
}

fn odd(at: Time) -> Learned {
    let anomaly = |rule: &str, object: Option<&str>| Anomaly {
        rule: rule.into(),
        severity: Severity::Warning,
        subject: "checkout/orders-db@backups-fra".into(),
        object: object.map(str::to_owned),
        message: "orders-db stands out \u{1b}[2J".into(),
        observed: "12 B".into(),
        expected: "about 48 GiB (47 GiB to 49 GiB)".into(),
        value: Some(12.0),
    };
    let (loud, still) = (anomaly("anomaly-size", Some("p1")), anomaly("falling-count", None));
    let said = Acknowledged {
        rule: still.rule.clone(),
        subject: still.subject.clone(),
        object: None,
        value: None,
        by: "grace".into(),
        why: "the old ones were moved".into(),
        at: at - Dur::secs(3_600),
    };
    Learned {
        since: [(found(&loud.rule, &loud.subject), at - Dur::secs(7_200))].into(),
        anomalies: vec![loud],
        acknowledged: vec![Quiet { anomaly: still, said }],
        ..Learned::default()
    }
}

#[test]
fn a_finding_is_told_in_full_and_what_is_accepted_with_who_and_until_when() {
    for size in [(200, 60), (120, 40), (80, 24)] {
        let mut app = picture("findings", size);
        let mut estate = sample::estate();
        estate.overrides = vec![PolicyOverride {
            rule: "anomaly-duration".into(),
            subject: "*".into(),
            reason: "x".into(),
            until: None,
        }];
        let mut seen = sample::observations(&estate, app.now, None);
        seen.learned = Arc::new(odd(app.now));
        update(&mut app, Msg::Estate(Arc::new(estate)));
        update(&mut app, Msg::Observed(Arc::new(seen)));
        app.settle();
        let at =
            |app: &App, rule: &str| app.rows.iter().position(|r| r.id.starts_with(rule)).expect("its line");
        let line = at(&app, "anomaly-size");
        app.select(line);
        let shown = text(&app);
        let facts = [
            "orders-db stands out ^[[2J (p1).",
            "observed  12 B",
            "expected  about 48 GiB",
            "since     22 Nov 12:03:20 UTC, 2h ago",
            "rule      anomaly-size, from what the history remembers",
            "1 more accepted",
        ];
        for fact in facts {
            assert!(shown.contains(fact), "{size:?} lacks {fact}:\n{shown}");
        }
        let line = at(&app, "falling-count");
        app.select(line);
        let shown = text(&app).split_whitespace().collect::<Vec<_>>().join(" ");
        for fact in ["accepted acknowledged by grace on", "until 29 Nov 2026", "the old ones were moved"] {
            assert!(shown.contains(fact), "{size:?} lacks {fact}:\n{shown}");
        }
        // It is acknowledged already; a rule of the estate never is.
        for rule in ["falling-count", "override-unused"] {
            let line = at(&app, rule);
            app.select(line);
            sample::press(&mut app, &[Key::char('a')]);
            assert!(app.layer().is_none(), "{rule}");
        }
    }
}

#[test]
fn a_sentence_that_begins_with_a_name_leaves_it_as_it_is() {
    let app = picture("overview", (120, 40));
    let look = look(Depth::True);
    let cx = Cx::new(&app, &look);
    let table = [
        ("its RPO is near", "Its RPO is near."),
        ("us-east-1 lies outside", "us-east-1 lies outside."),
        ("checkout: it waits", "checkout: it waits."),
        ("pictures has no usable point", "pictures has no usable point."),
        ("store:x is full", "store:x is full."),
        ("20261122-0200F is broken", "20261122-0200F is broken."),
        ("what is it?", "What is it?"),
        ("élan", "Élan."),
    ];
    for (text, expected) in table {
        assert_eq!(cx.sentence(text), expected);
    }
}

fn pages() -> Vec<(crate::app::Screen, &'static str)> {
    use crate::app::Screen::*;
    let key = CopyKey { workload: "checkout".into(), asset: "orders-db".into(), index: 0 };
    vec![
        (Overview, "no workloads yet"),
        (Workload("checkout".into()), "no such workload"),
        (Points(key), "The repository is being read"),
        (Stores, "no stores yet"),
        (Findings, "Every policy check holds"),
        (Losses, "no region is declared"),
        (Coverage, "no asset"),
        (Dependencies, "no workloads yet"),
        (Trends("checkout".into()), "is being read"),
        (Incident, "No region is declared"),
        (Runbooks, "no runbooks yet"),
        (Runs, "no run yet"),
        (Run("20261122T1405Z-x".into()), "The run is being read"),
        (Log, "Nothing has gone wrong"),
    ]
}

/// A dashboard on one page, after what was told to it.
fn on(page: &crate::app::Screen, size: (u16, u16), told: Vec<Msg>) -> String {
    let (mut app, _) = App::new(AppOptions::default(), sample::now());
    update(&mut app, Msg::Resize(size.0, size.1));
    for msg in told {
        update(&mut app, msg);
    }
    app.settle();
    app.jump(page.clone());
    app.settle();
    // A sentence may go on in the next line.
    let text = text(&app);
    text.lines().map(str::trim).collect::<Vec<_>>().join(" ")
}

#[test]
fn each_page_says_whether_it_is_empty_waits_is_stale_or_cannot_be_had() {
    use crate::app::{Screen, Trust};
    let refused = |code| Msg::Trust(Trust::Refused(Problem::new(code, "northwind")));
    let nothing = || {
        let estate = Estate { id: "x".into(), name: "X".into(), ..Estate::default() };
        vec![
            Msg::Trust(Trust::Trusted),
            Msg::Estate(Arc::new(estate)),
            Msg::Observed(Arc::new(Observations::default())),
        ]
    };
    let old = || {
        let estate = sample::estate();
        let seen = sample::observations(&estate, sample::now() - Dur::secs(2 * 86_400), None);
        vec![Msg::Trust(Trust::Trusted), Msg::Estate(Arc::new(estate)), Msg::Observed(Arc::new(seen))]
    };
    for size in [(200, 60), (120, 40), (80, 24)] {
        for (page, empty) in pages() {
            let of_seen = !matches!(page, Screen::Points(_) | Screen::Trends(_) | Screen::Run(_));
            let loading = on(&page, size, vec![]);
            let waits = loading.contains("Reading the estate") || loading.contains("is being read");
            // The log says what there is to say by itself.
            assert!(waits, "{page:?} {size:?} does not say that it waits:\n{loading}");
            let shown = on(&page, size, nothing());
            assert!(shown.contains(empty), "{page:?} {size:?} is not empty:\n{shown}");
            let shown = on(&page, size, old());
            assert!(shown.contains("stale: oldest seen 2d ago"), "{page:?} {size:?} is not stale:\n{shown}");
            let shown = on(&page, size, vec![refused(Code::ESTATE_INVALID)]);
            let error = shown.contains("The estate cannot be read") || page == Screen::Log;
            assert!(error && shown.contains("NOT TRUSTED"), "{page:?} {size:?} hides the error:\n{shown}");
            if of_seen && !matches!(page, Screen::Stores | Screen::Runbooks | Screen::Log) {
                let told = vec![Msg::Estate(Arc::new(sample::estate())), refused(Code::TRUST_CHANGED)];
                let shown = on(&page, size, told);
                assert!(shown.contains("Nothing is asked of this estate"), "{page:?} {size:?}:\n{shown}");
            }
        }
    }
}

#[test]
fn a_run_or_a_copy_that_cannot_be_read_says_why_in_place_of_waiting() {
    let run = crate::app::Screen::Run("20261122T1405Z-x".into());
    let estate = || Msg::Estate(Arc::new(sample::estate()));
    let problem =
        Problem::new(Code::JOURNAL_DAMAGED, "runs/20261122T1405Z-x/journal.jsonl").because("line 7");
    let shown = on(&run, (120, 40), vec![estate(), Msg::Problem(problem)]);
    assert!(shown.contains("LB-JOURNAL-001") && shown.contains("line 7"), "{shown}");
    assert!(!shown.contains("is being read"), "{shown}");
}

#[test]
fn one_value_is_a_sentence_and_no_lone_dot() {
    let mut app = picture("trends-loading", (120, 40));
    let mut past = sample::past();
    let copy = &mut past.copies[0].1;
    copy.points.truncate(1);
    copy.count.days.truncate(1);
    update(&mut app, Msg::Past("checkout".into(), Ok(Arc::new(past))));
    app.settle();
    let at = app.rows.iter().position(|r| r.text.contains("size of a point")).expect("its line");
    app.select(at);
    let shown = text(&app);
    assert!(shown.contains("It was seen once so far"), "{shown}");
    let braille = shown.chars().filter(|c| ('\u{2801}'..='\u{28ff}').contains(c)).count();
    assert_eq!(braille, 0, "{shown}");
}

#[test]
fn no_column_of_the_losses_is_cut_at_the_usual_sizes() {
    for size in [(200, 60), (120, 40), (80, 24)] {
        let app = picture("losses", size);
        let shown = text(&app);
        let head = shown.lines().find(|l| l.contains("IF GONE")).expect("the titles");
        assert!(!head.contains('…') && head.contains("BACK IN"), "{size:?}: {head}");
        let ireland = shown.lines().find(|l| l.contains("eu-west-1 ") && l.contains("recoverable"));
        assert!(ireland.is_some_and(|l| !l.contains('…') || size.0 > 80), "{size:?}:\n{shown}");
    }
}
