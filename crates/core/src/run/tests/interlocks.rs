//! Interlocks over facts that hold, do not hold, or are not known.

use super::*;
use crate::run::interlock::{Facts, Known, all, asked, evaluate, one_writer};

const YES: Option<bool> = Some(true);
const NO: Option<bool> = Some(false);

fn estate(interlocks: Value) -> Estate {
    Estate { interlocks: serde_json::from_value(interlocks).unwrap(), ..Estate::default() }
}

fn at(s: i64) -> Time {
    Time::UNIX_EPOCH + Dur::secs(s)
}

fn facts(list: &[(&str, Option<bool>)]) -> Facts {
    let one = |(name, holds): &(&str, Option<bool>)| {
        let known = Known { holds: *holds, since: Some(at(0)), detail: "seen".into() };
        (name.parse::<LockFact>().unwrap(), known)
    };
    Facts { facts: list.iter().map(one).collect(), ..Facts::default() }
}

fn holds(interlock: Value, facts: &Facts, now: Time) -> Option<bool> {
    let all = all(&estate(interlock)).unwrap();
    evaluate(&all[0], &all, facts, now).holds
}

#[test]
fn three_answers_are_joined_and_unknown_is_never_a_yes() {
    let both = json!([{ "id": "x", "all": ["in-service:a", "in-service:b"] }]);
    let one = json!([{ "id": "x", "any": ["in-service:a", "in-service:b"] }]);
    let two = json!([{ "id": "x", "any": ["in-service:a", "in-service:b", "in-service:c"], "at_least": 2 }]);
    let neither = json!([{ "id": "x", "any": ["in-service:a", "in-service:b"], "invert": true }]);
    let table = [
        (&both, [YES, YES, None], YES),
        (&both, [YES, None, None], None),
        (&both, [None, NO, None], NO),
        (&one, [NO, YES, None], YES),
        (&one, [None, YES, None], YES),
        (&one, [NO, None, None], None),
        (&one, [NO, NO, None], NO),
        (&two, [YES, YES, None], YES),
        (&two, [YES, NO, None], None),
        (&two, [YES, NO, NO], NO),
        (&two, [NO, NO, None], NO),
        (&neither, [NO, NO, None], YES),
        (&neither, [NO, None, None], None),
        (&neither, [YES, None, None], NO),
    ];
    for (interlock, [a, b, c], expected) in table {
        let facts = facts(&[("in-service:a", a), ("in-service:b", b), ("in-service:c", c)]);
        assert_eq!(holds((*interlock).clone(), &facts, at(60)), expected, "{interlock} {a:?} {b:?} {c:?}");
    }
    assert_eq!(holds(both, &Facts::default(), at(60)), None, "nothing was seen at all");
}

/// Since when each has held, `at_least` → whether thirty seconds have passed at sixty.
#[test]
fn what_must_have_held_for_a_while_counts_from_what_turned_last() {
    let lock = |list: &str, n: u32| json!([{ "id": "x", list: ["in-service:a", "in-service:b"], "at_least": if n > 0 { json!(n) } else { json!(null) }, "wait": 30 }]);
    let table = [
        (lock("all", 0), Some(0), Some(20), YES),
        (lock("all", 0), Some(0), Some(40), NO),
        (lock("all", 0), Some(0), None, NO),
        (lock("any", 1), Some(0), Some(50), YES),
        (lock("any", 2), Some(0), Some(50), NO),
        (lock("all", 0), Some(0), Some(90), NO),
    ];
    for (interlock, a, b, expected) in table {
        let mut facts = facts(&[("in-service:a", YES), ("in-service:b", YES)]);
        for (name, since) in [("in-service:a", a), ("in-service:b", b)] {
            facts.facts.get_mut(&name.parse().unwrap()).unwrap().since = since.map(at);
        }
        assert_eq!(holds(interlock.clone(), &facts, at(60)), expected, "{interlock} {a:?} {b:?}");
    }
}

#[test]
fn interlocks_rest_on_each_other_and_on_probes() {
    let probe = json!({ "kind": "http", "target": "https://deploys.example/frozen" });
    let list = json!([{ "id": "x", "all": ["quiet"] }, { "id": "quiet", "all": [probe], "invert": true }]);
    let all = all(&estate(list)).unwrap();
    let [Condition::Probe(asked_for)] = asked(&all[0], &all)[..] else { panic!() };
    let mut facts = Facts::default();
    for (frozen, expected) in [(YES, NO), (NO, YES), (None, None)] {
        let known = Known { holds: frozen, since: None, detail: "200".into() };
        facts.probes.insert(Facts::key(asked_for), known);
        assert_eq!(evaluate(&all[0], &all, &facts, at(0)).holds, expected);
    }
}

#[test]
fn an_interlock_that_can_never_hold_is_told_without_a_network() {
    let bad = [
        (json!([{ "id": "x" }]), "no condition"),
        (json!([{ "id": "x", "any": ["in-service:a"], "at_least": 2 }]), "never hold"),
        (json!([{ "id": "x", "all": ["in-service:a"], "at_least": 1 }]), "without `any`"),
        (json!([{ "id": "x", "all": ["nobody"] }]), "no interlock"),
        (json!([{ "id": "x", "all": ["y"] }, { "id": "y", "all": ["x"] }]), "back to itself"),
        (json!([{ "id": "x", "all": [{ "target": 1 }] }]), "did not match"),
    ];
    for (interlocks, why) in bad {
        let told = all(&estate(interlocks.clone())).unwrap_err();
        assert!(told.contains(why), "{interlocks}: {told}");
    }
}

#[test]
fn two_writers_are_two_whoever_else_is_silent() {
    let table = [
        (vec![YES, NO], YES),
        (vec![YES, None], None),
        (vec![YES, YES, None], NO),
        (vec![NO, NO], NO),
        (vec![], NO),
    ];
    for (seen, expected) in table {
        assert_eq!(one_writer(&seen), expected, "{seen:?}");
    }
}

proptest::proptest! {
    /// Learning what was not known never takes an answer back, and an answer
    /// without `invert` and `wait` gets no worse when a fact gets better.
    #[test]
    fn knowing_more_never_contradicts(a in 0usize..3, b in 0usize..3, c in 0usize..3, n in 1u32..4, invert: bool, which in 0usize..3) {
        let of = |x: usize| [None, NO, YES][x];
        let names = ["in-service:a", "in-service:b", "in-service:c"];
        let lock = json!([{ "id": "x", "any": names, "at_least": n, "invert": invert }]);
        let before = [of(a), of(b), of(c)];
        let list = |v: [Option<bool>; 3]| facts(&[(names[0], v[0]), (names[1], v[1]), (names[2], v[2])]);
        let first = holds(lock.clone(), &list(before), at(60));
        if before[which].is_none() {
            for learnt in [YES, NO] {
                let mut after = before;
                after[which] = learnt;
                let then = holds(lock.clone(), &list(after), at(60));
                proptest::prop_assert!(first.is_none() || first == then);
            }
        }
    }
}
