use std::sync::Arc;

use lifeboat_core::{assess::*, model::*, run::*};

use super::{Layer, sample::*, *};

fn looking() -> App {
    app(AppOptions::default(), (120, 40), None)
}
fn in_trouble() -> App {
    app(AppOptions::default(), (120, 40), Some("eu-west-1"))
}
fn keys(text: &str) -> Vec<Key> {
    text.chars().map(Key::char).collect()
}
fn form(app: &App) -> &Form {
    match app.layer() {
        Some(Layer::Form(form)) => form,
        other => panic!("no form but {other:?}"),
    }
}
fn with_run() -> App {
    let mut app = in_trouble();
    let estate = sample::estate();
    update(&mut app, Msg::Incident(Some(Arc::new(incident(&estate)))));
    update(&mut app, Msg::Run(Arc::new(run(&estate))));
    press(&mut app, &[Key::char('0')]);
    app
}

#[test]
fn no_keys_clash_and_every_action_has_a_key_and_a_title() {
    let extras = [1, 2, 3, 4, 5, 6, 7, 8].map(|n| Key::plain(KeyCode::F(n)));
    let (map, wrong) = Keymap::new(&Default::default(), &extras);
    assert_eq!(wrong, Vec::<String>::new());
    for def in ACTIONS {
        assert_eq!(map.keys(def.action).len(), def.keys.len(), "{}", def.id);
        assert!(!def.keys.is_empty() && !def.title.is_empty(), "{}", def.id);
        assert_eq!(ACTIONS.iter().filter(|d| d.id == def.id).count(), 1, "{} twice", def.id);
        assert_eq!(def.rank > 0, !def.hint.is_empty(), "{}", def.id);
    }
}

#[test]
fn a_clash_is_found_said_and_the_first_binding_holds() {
    let own = [("log".to_owned(), vec!["w".to_owned()]), ("nonsense".to_owned(), vec![])].into();
    let (map, wrong) = Keymap::new(&own, &[Key::char('D')]);
    assert_eq!(wrong.len(), 3, "{wrong:?}");
    assert!(wrong.iter().any(|w| w.contains("what-if") && w.contains("log")), "{wrong:?}");
    assert_eq!(map.find(Key::char('w'), &[Scope::Everywhere]), Some(Action::WhatIf));
    assert_eq!(map.find(Key::char('D'), &[Scope::Everywhere]), Some(Action::Declare));
}

#[test]
fn keys_can_be_remapped_and_hints_follow() {
    let options =
        AppOptions { keys: [("what-if".to_owned(), vec!["ctrl-w".to_owned()])].into(), ..Default::default() };
    let mut app = app(options, (120, 40), None);
    press(&mut app, &[Key::char('w')]);
    assert!(app.layers.is_empty());
    press(&mut app, &[Key::ctrl('w')]);
    assert!(matches!(app.layer(), Some(Layer::WhatIf { .. })));
}

#[test]
fn help_lists_every_action_and_every_extra() {
    let extras = vec![Extra { key: Key::plain(KeyCode::F(1)), title: "Lose eu-west-1".into() }];
    let app = app(AppOptions { extras, ..Default::default() }, (120, 40), None);
    let lines = help_lines(&app, "");
    for def in ACTIONS {
        assert!(lines.iter().any(|(_, l)| l.title == def.title && !l.keys.is_empty()), "{}", def.id);
    }
    assert!(lines.iter().any(|(_, l)| l.title == "Lose eu-west-1" && l.keys == "f1"));
    assert_eq!(help_lines(&app, "declare").first().map(|(_, l)| l.keys.as_str()), Some("D"));
}

#[test]
fn an_extra_is_handed_on_by_its_place() {
    let extras = ["f1", "f2"].map(|k| Extra { key: k.parse().unwrap(), title: k.into() }).into();
    let mut app = app(AppOptions { extras, ..Default::default() }, (120, 40), None);
    assert_eq!(press(&mut app, &[Key::plain(KeyCode::F(2))]), [Effect::Extra(1)]);
}

#[test]
fn digits_and_back_move_between_screens() {
    let mut app = looking();
    let table = [
        ('4', Screen::Stores),
        ('5', Screen::Findings),
        ('6', Screen::Incident),
        ('7', Screen::Runbooks),
        ('r', Screen::Runbooks),
        ('8', Screen::Runs),
        ('9', Screen::Log),
        ('d', Screen::Dependencies),
        ('L', Screen::Losses),
        ('v', Screen::Coverage),
        ('1', Screen::Overview),
        ('2', Screen::Workload("mail".into())),
    ];
    for (key, screen) in table {
        press(&mut app, &[Key::char(key)]);
        assert_eq!(*app.screen(), screen, "{key}");
    }
    assert_eq!(press(&mut app, &[Key::char('q')]), []);
    assert_eq!(*app.screen(), Screen::Overview);
    assert_eq!(press(&mut app, &[ESC, ESC]), [], "Esc never quits");
    assert_eq!(press(&mut app, &[Key::char('q')]), [Effect::Quit]);
}

#[test]
fn ctrl_c_quits_from_everywhere() {
    for before in ["", "D", "w", "?", ":", "/", "7", "0"] {
        let mut app = with_run();
        press(&mut app, &keys(before));
        assert_eq!(press(&mut app, &[Key::ctrl('c')]), [Effect::Quit], "{before:?}");
    }
}

#[test]
fn leaving_with_an_open_run_costs_a_word() {
    let mut app = with_run();
    press(&mut app, &keys("1"));
    assert_eq!(press(&mut app, &keys("q")), []);
    assert_eq!(press(&mut app, &[ENTER, ENTER, Key::char(' '), Key::char('y')]), []);
    press(&mut app, &[ESC]);
    press(&mut app, &keys("qleave"));
    assert_eq!(press(&mut app, &[ENTER]), [Effect::Quit]);
}

#[test]
fn what_if_repaints_everything_and_escape_brings_it_back() {
    let mut app = looking();
    let before = app.glance.clone();
    press(&mut app, &keys("w "));
    let checkout = app.glance.rows.iter().find(|r| r.id == "checkout").unwrap();
    assert_eq!(checkout.verdict, Verdict::Recoverable);
    assert!(app.glance.regions.iter().any(|r| r.id == "eu-west-1" && r.lost));
    assert!(app.glance.rows.iter().any(|r| r.verdict == Verdict::Unaffected));
    assert!(app.real.as_ref().unwrap().scenario.is_empty(), "what is real stays real");
    press(&mut app, &[ESC]);
    let told = |g: &Glance| g.rows.iter().map(|r| (r.id.clone(), r.state, r.verdict)).collect::<Vec<_>>();
    assert_eq!(told(&app.glance), told(&before));
    assert_eq!(app.glance.regions, before.regions);
    press(&mut app, &keys("w "));
    press(&mut app, &[ENTER]);
    assert_eq!(app.shown_scenario().to_string(), "eu-west-1 gone");
    press(&mut app, &[ESC]);
    assert!(app.what_if.is_empty(), "Esc on the overview leaves what-if");
}

#[test]
fn declaring_costs_typing_the_region() {
    let mut app = in_trouble();
    press(&mut app, &keys("D"));
    assert_eq!(form(&app).field("lost"), "eu-west-1", "the region in trouble is proposed");
    assert!(form(&app).details.iter().any(|d| d.contains("refused")), "{:?}", form(&app).details);
    for wrong in ["", "y", " ", "eu-west-2", "EU-WEST-1"] {
        assert_eq!(type_text(&mut app, wrong), []);
        assert_eq!(press(&mut app, &[ENTER]), [], "{wrong:?}");
        press(&mut app, &[Key::ctrl('u')]);
    }
    let effects = [type_text(&mut app, "eu-west-1"), press(&mut app, &[ENTER])].concat();
    let [Effect::Declare(declaration)] = &effects[..] else { panic!("{effects:?}") };
    assert_eq!(declaration.scenario, Scenario::gone(["eu-west-1"]));
    assert_eq!(declaration.impact_began, now() - Dur::secs(85), "when the first probe began to fail");
    let homes: Vec<_> = declaration.predictions.iter().map(|p| p.workload.as_str()).collect();
    assert_eq!(homes.len(), 3, "{homes:?}");
    assert!(declaration.predictions.iter().all(|p| p.at >= now()));
    assert_eq!(*app.screen(), Screen::Incident);
}

#[test]
fn what_is_declared_is_checked() {
    let mut app = looking();
    press(&mut app, &keys("D"));
    press(&mut app, &[Key::plain(KeyCode::Up), Key::plain(KeyCode::Up), Key::ctrl('u')]);
    type_text(&mut app, "mars");
    press(&mut app, &[ENTER, ENTER]);
    type_text(&mut app, "mars");
    assert_eq!(press(&mut app, &[ENTER]), []);
    assert!(form(&app).error.as_ref().unwrap().contains("no region mars"), "{:?}", form(&app).error);
    assert_eq!(form(&app).focus, 0);
}

#[test]
fn keys_typed_before_the_question_appeared_are_no_answer() {
    let mut app = in_trouble();
    let at = |n: i64| now() + Dur::millis(n);
    let key = |c: char, n: i64| Msg::Key { key: Key::char(c), at: at(n) };
    update(&mut app, key('D', 10));
    // Typed ahead: read before the frame with the question was written.
    for (n, c) in "eu-west-1".chars().enumerate() {
        assert_eq!(update(&mut app, key(c, 11 + n as i64)), []);
    }
    assert_eq!(update(&mut app, Msg::Key { key: ENTER, at: at(30) }), []);
    update(&mut app, Msg::Paste("eu-west-1".into()));
    update(&mut app, Msg::Painted { at: at(40), until: None, hits: vec![] });
    // Read after it, but no later than it was shown.
    update(&mut app, key('x', 40));
    assert_eq!(form(&app).field("word"), "");
    update(&mut app, key('e', 41));
    assert_eq!(form(&app).field("word"), "e");
}

#[test]
fn a_paste_is_text_and_never_the_word_that_danger_costs() {
    let mut app = in_trouble();
    press(&mut app, &keys("D"));
    let at = app.now;
    update(&mut app, Msg::Painted { at, until: None, hits: vec![] });
    assert_eq!(update(&mut app, Msg::Paste("eu-west-1\n".into())), []);
    assert_eq!(form(&app).field("word"), "");
    press(&mut app, &[ESC, Key::char('/')]);
    assert_eq!(update(&mut app, Msg::Paste("q\r\u{1b}D".into())), []);
    assert_eq!(app.filter(), "qD");
}

#[test]
fn a_live_run_costs_typing_its_mode_and_a_dry_run_does_not() {
    let mut app = looking();
    press(&mut app, &keys("7"));
    press(&mut app, &[ENTER]);
    assert_eq!(form(&app).field("mode"), "dry-run");
    assert_eq!(form(&app).sentence, "Fail checkout over to eu-central-1");
    let effects = press(&mut app, &[ENTER]);
    let [Effect::StartRun { mode: Mode::DryRun, params, incident: None, .. }] = &effects[..] else {
        panic!("{effects:?}")
    };
    assert_eq!(params["to"], "eu-central-1");

    press(&mut app, &[ENTER, Key::plain(KeyCode::Up), Key::plain(KeyCode::Left), Key::plain(KeyCode::Down)]);
    assert_eq!(form(&app).field("mode"), "live");
    assert!(form(&app).danger);
    assert_eq!(press(&mut app, &[ENTER, Key::char(' '), ENTER, Key::char('y'), ENTER]), []);
    press(&mut app, &[Key::ctrl('u')]);
    type_text(&mut app, "live");
    let effects = press(&mut app, &[ENTER]);
    assert!(matches!(&effects[..], [Effect::StartRun { mode: Mode::Live, .. }]), "{effects:?}");
}

#[test]
fn a_run_that_was_started_here_takes_the_screen() {
    let mut app = looking();
    press(&mut app, &keys("7"));
    press(&mut app, &[ENTER, ENTER]);
    let view = run(&sample::estate());
    update(&mut app, Msg::Run(Arc::new(view.clone())));
    assert_eq!(*app.screen(), Screen::Run(view.run.id.clone()));
}

#[test]
fn a_destructive_step_is_confirmed_by_its_target_alone() {
    let mut app = with_run();
    assert_eq!(press(&mut app, &[ENTER]), [], "Enter only opens the question");
    assert!(form(&app).details[0].starts_with("POST https://"), "exactly what will be done is shown");
    assert_eq!(press(&mut app, &[ENTER, Key::char(' '), ENTER]), []);
    assert!(form(&app).error.is_some());
    press(&mut app, &[Key::ctrl('u')]);
    type_text(&mut app, "eu-central-1");
    let effects = press(&mut app, &[ENTER]);
    let verb = Verb::Confirm { step: "promote".into(), typed: "eu-central-1".into() };
    assert_eq!(effects, [Effect::Verb { run: run(&sample::estate()).run.id.clone(), verb }]);
}

#[test]
fn a_question_that_is_settled_elsewhere_closes() {
    let mut app = with_run();
    press(&mut app, &[ENTER]);
    let mut view = run(&sample::estate());
    view.asks.clear();
    update(&mut app, Msg::Run(Arc::new(view)));
    assert!(app.layers.is_empty());
}

#[test]
fn what_a_run_asks_can_be_answered_in_every_kind() {
    let ask = |kind: AskKind, type_this: &[&str]| {
        let mut app = with_run();
        let mut view = run(&sample::estate());
        view.asks[0].kind = kind;
        update(&mut app, Msg::Run(Arc::new(view)));
        press(&mut app, &[ENTER]);
        let mut effects = vec![];
        for text in type_this {
            effects.extend(type_text(&mut app, text));
            effects.extend(press(&mut app, &[ENTER]));
        }
        let verb = effects.into_iter().next().map(|e| match e {
            Effect::Verb { verb, .. } => verb,
            other => panic!("{other:?}"),
        });
        (verb, app.layer().is_none())
    };
    let step = StepId::new("promote");
    let fields = vec!["ticket".into()];
    let filled = [("ticket".to_owned(), "INC-7".into())].into();
    let table = [
        (
            AskKind::Manual { fields },
            vec!["INC-7", "done"],
            Verb::Submit { step: step.clone(), fields: filled },
        ),
        (
            AskKind::Settle,
            vec!["not done", "I looked"],
            Verb::Settle { step: step.clone(), done: false, reason: "I looked".into() },
        ),
        (AskKind::Failed, vec!["retry", ""], Verb::Retry { step: step.clone() }),
        (
            AskKind::Failed,
            vec!["skip", "by hand"],
            Verb::Skip { step: step.clone(), reason: "by hand".into() },
        ),
    ];
    for (kind, text, verb) in table {
        assert_eq!(ask(kind.clone(), &text), (Some(verb), true), "{kind:?}");
    }
    for (kind, text) in [
        (AskKind::Settle, vec!["yes", "I think"]),
        (AskKind::Settle, vec!["done", ""]),
        (AskKind::Failed, vec!["skip", ""]),
        (AskKind::Manual { fields: vec!["ticket".into()] }, vec!["", "done"]),
    ] {
        assert_eq!(ask(kind.clone(), &text), (None, false), "{kind:?} {text:?}");
    }
}

#[test]
fn read_only_takes_no_action_at_all() {
    let mut app = app(AppOptions { read_only: true, ..Default::default() }, (120, 40), Some("eu-west-1"));
    let estate = sample::estate();
    update(&mut app, Msg::Run(Arc::new(run(&estate))));
    for way in ["D", "S", "7", "0", "2f", "0P", "0X", "0n", "0a", ":decl", ":start"] {
        press(&mut app, &keys(way));
        let effects = [press(&mut app, &[ENTER]), press(&mut app, &[ENTER])].concat();
        let acts = effects.iter().any(|e| !matches!(e, Effect::OpenRun(_) | Effect::ReadPoints(_)));
        assert!(!acts && !matches!(app.layer(), Some(Layer::Form(_))), "{way}: {effects:?}");
        app.layers.clear();
        app.jump(Screen::Overview);
    }
}

#[test]
fn an_untrusted_estate_offers_nothing_that_acts() {
    let mut app = in_trouble();
    update(&mut app, Msg::Trust(Trust::Refused(Problem::new(Code::TRUST_CHANGED, "northwind"))));
    press(&mut app, &keys("D"));
    assert!(app.layers.is_empty());
    assert!(app.notice.as_ref().unwrap().text.contains("trust"));
}

#[test]
fn the_selected_line_stays_selected_while_lines_move() {
    let mut app = looking();
    press(&mut app, &keys("G"));
    let id = app.selected().unwrap().id.clone();
    let seen = observations(&sample::estate(), now(), Some("eu-central-1"));
    update(&mut app, Msg::Observed(Arc::new(seen)));
    let before = app.cursor;
    app.settle();
    assert_eq!(app.selected().unwrap().id, id);
    assert_ne!(app.cursor, before, "the line did move");
}

#[test]
fn a_filter_narrows_and_escape_brings_all_back() {
    let mut app = looking();
    let all = app.rows.len();
    press(&mut app, &keys("/led"));
    assert_eq!(app.rows.len(), 1);
    press(&mut app, &[ENTER]);
    assert_eq!((app.rows.len(), app.selected().unwrap().id.as_str()), (1, "ledger"));
    press(&mut app, &[ESC]);
    assert_eq!(app.rows.len(), all);
}

#[test]
fn frozen_figures_wait_and_come_back() {
    let mut app = looking();
    press(&mut app, &keys("p"));
    let seen = observations(&sample::estate(), now(), Some("eu-west-1"));
    update(&mut app, Msg::Observed(Arc::new(seen)));
    app.settle();
    assert!(app.glance.regions.iter().all(|r| r.state == State::Ok));
    press(&mut app, &keys("p"));
    assert!(app.glance.regions.iter().any(|r| r.state == State::Critical));
}

#[test]
fn the_last_known_state_never_replaces_what_is_live() {
    let mut app = looking();
    let live = app.glance.clone();
    update(&mut app, Msg::LastKnown(Glance::default()));
    app.settle();
    assert_eq!(app.glance, live);
}

#[test]
fn figures_wait_for_their_turn_and_keys_do_not() {
    let mut app = looking();
    let painted = |app: &mut App| update(app, Msg::Painted { at: now(), until: None, hits: vec![] });
    painted(&mut app);
    assert_eq!(app.paint, Paint::Nothing);
    update(&mut app, Msg::Now(now()));
    assert_eq!(app.paint, Paint::Nothing, "time alone changes nothing before it is due");
    let seen = app.seen.clone().unwrap();
    update(&mut app, Msg::Observed(seen));
    assert_eq!(app.paint, Paint::Soon);
    update(&mut app, Msg::Run(Arc::new(run(&sample::estate()))));
    assert_eq!(app.paint, Paint::Now);
}

#[test]
fn figures_that_say_what_is_shown_already_draw_nothing() {
    let mut app = looking();
    app.settle();
    update(&mut app, Msg::Painted { at: now(), until: Some(now() + Dur::secs(3)), hits: vec![] });
    let seen = app.seen.clone().unwrap();
    let observed = |app: &mut App, seen: Arc<Observations>| {
        update(app, Msg::Observed(seen));
        app.settle();
        app.is_drawn()
    };
    assert!(observed(&mut app, seen.clone()), "the same again");
    let mut other = (*seen).clone();
    let mut fail = |observed: &mut Arc<Observed<ProbeReading>>| {
        for _ in 0..2 {
            Arc::make_mut(observed).fail(Problem::new(Code::PROBE_REFUSED, "x"), now());
        }
    };
    other.probes.values_mut().for_each(&mut fail);
    assert!(!observed(&mut app, Arc::new(other)), "what fails is drawn");
    update(&mut app, Msg::Painted { at: now(), until: Some(now()), hits: vec![] });
    assert!(!observed(&mut app, seen), "a label that is due is drawn");
}

#[test]
fn the_app_sleeps_until_something_can_change() {
    let mut app = looking();
    let until = now() + Dur::secs(400);
    update(&mut app, Msg::Painted { at: now(), until: Some(now() + Dur::secs(3)), hits: vec![] });
    assert!(app.deadline().unwrap() <= now() + Dur::secs(3));
    update(&mut app, Msg::Now(until));
    assert_eq!(app.paint, Paint::Soon);
    app.settle();
    update(&mut app, Msg::Painted { at: until, until: None, hits: vec![] });
    assert!(app.deadline().is_none_or(|at| at > until), "what is past wakes nobody");
    assert!(app.glance.rows.iter().all(|r| r.state != State::Ok), "unseen for long is never green");
}

#[test]
fn the_same_problem_again_counts_up() {
    let mut app = looking();
    for _ in 0..3 {
        update(&mut app, Msg::Problem(Problem::new(Code::STORE_DENIED, "vault-iad")));
    }
    assert_eq!((app.log.len(), app.log[0].times), (1, 3));
    update(&mut app, Msg::Done("Kept.\u{1b}[2J".into()));
    assert_eq!(app.log[0].text, "Kept.^[[2J");
}

#[test]
fn a_click_selects_and_a_second_one_opens() {
    let mut app = looking();
    let hits = vec![Hit { x: 2, y: 20, width: 100, row: 1 }];
    update(&mut app, Msg::Painted { at: now(), until: None, hits });
    update(&mut app, Msg::Mouse(Mouse::Click { x: 5, y: 20 }));
    assert_eq!(app.cursor, 1);
    update(&mut app, Msg::Mouse(Mouse::Click { x: 5, y: 20 }));
    assert!(matches!(app.screen(), Screen::Workload(_)));
}

#[test]
fn the_palette_finds_actions_workloads_and_runbooks() {
    let mut app = looking();
    press(&mut app, &keys(":ledger"));
    press(&mut app, &[ENTER]);
    assert_eq!(*app.screen(), Screen::Workload("ledger".into()));
    press(&mut app, &keys(":log"));
    press(&mut app, &[ENTER]);
    assert_eq!(*app.screen(), Screen::Log);
    press(&mut app, &keys(":start checkout"));
    press(&mut app, &[ENTER]);
    assert_eq!(form(&app).purpose, Purpose::Start("checkout-failover".into()));
}

/// The sample with a failover whose plan names its parameters.
fn with_templates() -> App {
    let mut estate = sample::estate();
    let book = &mut estate.runbooks[0];
    book.steps[2].title = Some("Promote {{ to }} over {{ from }}, as {{ who }}".into());
    let who = ParamDef { default: None, ..book.params["to"].clone() };
    book.params.insert("who".into(), ParamDef { ty: ParamType::String, ..who });
    let mut app = looking();
    update(&mut app, Msg::Estate(Arc::new(estate)));
    app.settle();
    press(&mut app, &[Key::char('7')]);
    app
}

#[test]
fn a_start_form_shows_what_is_chosen_and_leaves_open_what_is_not() {
    let mut app = with_templates();
    press(&mut app, &[ENTER]);
    let details = form(&app).details.join("\n");
    assert!(details.contains("Promote eu-central-1 over eu-west-1, as <who>"), "{details}");
    let at = form(&app).fields.iter().position(|f| f.id == "who").unwrap();
    while form(&app).focus > at {
        press(&mut app, &[Key::plain(KeyCode::Up)]);
    }
    type_text(&mut app, "ada");
    let details = form(&app).details.join("\n");
    assert!(details.contains("over eu-west-1, as ada"), "{details}");
}

#[test]
fn a_run_that_goes_nowhere_is_refused_at_the_form() {
    let mut app = looking();
    press(&mut app, &[Key::char('7'), ENTER]);
    while form(&app).focus > 1 {
        press(&mut app, &[Key::plain(KeyCode::Up)]);
    }
    assert_eq!(form(&app).fields[1].id, "to");
    press(&mut app, &[Key::plain(KeyCode::Left)]);
    assert_eq!(form(&app).field("to"), form(&app).field("from"));
    let effects = press(&mut app, &[ENTER, ENTER, ENTER]);
    assert_eq!(effects, []);
    let error = form(&app).error.clone().unwrap_or_default();
    assert!(error.contains("both eu-west-1"), "{error:?}");
    assert_eq!(form(&app).focus, 1, "the cursor stands where it is to be mended");
}

#[test]
fn enter_takes_the_region_under_the_cursor_where_none_is_chosen() {
    let mut app = looking();
    press(&mut app, &[Key::char('w'), Key::char('j'), ENTER]);
    assert!(app.layers.is_empty());
    assert_eq!(app.what_if, ["eu-central-1".into()].into());
    // Whoever clears a choice means none.
    press(&mut app, &[Key::char('w'), Key::char('j'), Key::char(' '), ENTER]);
    assert!(app.what_if.is_empty(), "{:?}", app.what_if);
}

#[test]
fn extras_stand_first_in_help() {
    let extras = vec![Extra { key: Key::plain(KeyCode::F(1)), title: "Lose eu-west-1".into() }];
    let app = app(AppOptions { extras, ..Default::default() }, (120, 40), None);
    assert_eq!(help_lines(&app, "")[0].1.title, "Lose eu-west-1");
}

#[test]
fn the_next_copy_is_shown_in_place_of_this_one() {
    let mut estate = sample::estate();
    let twice = estate.workloads[0].assets[0].copies[0].clone();
    estate.workloads[0].assets[0].copies.push(twice);
    let mut app = looking();
    update(&mut app, Msg::Estate(Arc::new(estate)));
    app.settle();
    let key = |index| CopyKey { workload: "checkout".into(), asset: "orders-db".into(), index };
    app.jump(Screen::Workload("checkout".into()));
    app.go(Screen::Points(key(0)));
    let next = Key::plain(KeyCode::Tab);
    assert_eq!(press(&mut app, &[next]), [Effect::ReadPoints(key(1))]);
    assert_eq!(*app.screen(), Screen::Points(key(1)));
    assert_eq!(press(&mut app, &[next]), [Effect::ReadPoints(key(0))], "and around");
    press(&mut app, &[Key::char('q')]);
    assert_eq!(*app.screen(), Screen::Workload("checkout".into()), "one step back");
    app.jump(Screen::Points(CopyKey { workload: "mail".into(), asset: "mailboxes".into(), index: 0 }));
    assert_eq!(press(&mut app, &[next]), []);
    assert!(app.notice.is_some(), "that there is no other copy is said");
}

#[test]
fn a_lost_region_that_answers_is_noted_since_when() {
    let mut app = with_run();
    assert!(app.back.is_empty());
    let healthy = observations(&sample::estate(), now(), None);
    update(&mut app, Msg::Observed(Arc::new(healthy.clone())));
    app.settle();
    let since = app.back.get("eu-west-1").copied().expect("it answers");
    assert_eq!(since, now() - Dur::secs(3));
    let later = now() + Dur::secs(20);
    update(&mut app, Msg::Now(later));
    update(&mut app, Msg::Observed(Arc::new(observations(&sample::estate(), later, None))));
    app.settle();
    assert_eq!(app.back.get("eu-west-1").copied(), Some(since), "it goes on to");
    update(&mut app, Msg::Observed(Arc::new(observations(&sample::estate(), later, Some("eu-west-1")))));
    app.settle();
    assert!(app.back.is_empty(), "down again");
}

#[test]
fn what_calls_for_a_person_is_said_until_it_is_declared() {
    assert_eq!(alarm(&looking()), None);
    assert_eq!(alarm(&in_trouble()).as_deref(), Some("eu-west-1 does not answer"));
    assert_eq!(alarm(&with_run()), None, "it is declared");
    // A workload that fails where it serves, in a region that works.
    let mut seen = observations(&sample::estate(), now(), None);
    let key = ProbeKey::WorkloadHealth { workload: "checkout".into(), index: 0 };
    let probe = Arc::make_mut(seen.probes.get_mut(&key).unwrap());
    for _ in 0..3 {
        probe.fail(Problem::new(Code::PROBE_ANSWER, "checkout").because("503"), now());
    }
    let mut app = looking();
    update(&mut app, Msg::Observed(Arc::new(seen)));
    app.settle();
    assert_eq!(alarm(&app).as_deref(), Some("checkout fails its health checks in eu-west-1"));
}
