use std::collections::BTreeSet;

use lifeboat_core::model::*;
use proptest::prelude::*;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::{SCHEMA, said::understand};
use crate::{
    catalog::{
        Cx, read,
        testing::{at, standing},
    },
    net::{Secrets, store::Repo},
};

const NOW: &str = "2026-11-22T14:00:00Z";

fn cx() -> Cx {
    Cx::new(at(NOW), CancellationToken::new())
}

fn understood(said: &Value) -> Result<CopyReport, String> {
    understand(said.to_string().as_bytes(), &cx()).map(|(report, _)| report)
}

/// Runs a script that lies in the estate's folder.
async fn look(script: &str, more: Value) -> Result<CopyReport, Problem> {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("points.sh"), script).unwrap();
    std::fs::write(dir.path().join("key"), "a-passphrase\n").unwrap();
    let mut options = json!({"run": ["/bin/sh", "points.sh", "an argument; with 'signs'"]});
    options.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let copy = json!({"store": "vault", "format": "command", "options": options});
    let mut cx = cx();
    cx.secrets = Some(Secrets::new(dir.path(), []));
    let repo = Repo::folder("vault", dir.path());
    read(&serde_json::from_value(copy).unwrap(), &repo, &cx).await
}

#[tokio::test]
async fn what_a_program_prints_becomes_points_windows_and_gaps() {
    let script = r#"
        [ "$KEY" = a-passphrase ] && [ "$REGION" = eu ] && [ "$1" = "an argument; with 'signs'" ] || exit 9
        cat <<END
        {"version": 1, "points": [
          {"id": "full-1", "kind": "full", "completed_at": "2026-11-20T02:00:00+02:00", "size_bytes": 12, "state": "usable"},
          {"id": "incr-2", "kind": "incremental", "completed_at": "2026-11-21T02:00:00Z", "state": "usable", "depends_on": ["full-1"]},
          {"id": "bad", "state": "failed", "reason": "disk full\u001b[2J"}],
         "windows": [{"from": "2026-11-20T00:00:00Z", "to": "2026-11-22T13:00:00Z"}],
         "gaps": [{"from": "2026-11-19T00:00:00Z", "to": null, "detail": "one log is missing"}],
         "notes": ["quota\n90 %"]}
END"#;
    let report = look(script, json!({"env": {"KEY": {"file": "key"}, "REGION": "eu"}})).await.unwrap();
    assert_eq!(report.points.len(), 3);
    assert_eq!(report.points[1].completed_at, Some(at("2026-11-20T00:00:00Z")));
    assert_eq!(standing(&report, "bad"), (PointState::Failed, "disk full^[[2J"));
    let good = report.summary().last_good.unwrap();
    assert_eq!((good.id.as_str(), good.at), ("incr-2", at("2026-11-22T13:00:00Z")));
    assert_eq!((report.gaps.len(), &*report.gaps[0].detail), (1, "one log is missing"));
    assert!(
        report.notes[0].why.contains("quota") && !report.notes[0].why.contains('\n'),
        "{:?}",
        report.notes
    );
}

#[tokio::test]
async fn a_program_that_fails_hangs_or_babbles_is_named() {
    let table = [
        ("echo 'no such vault' >&2; exit 4", json!({}), Code::COPY_PROGRAM, "exit status: 4: no such vault"),
        (
            "echo $KEY >&2; exit 4",
            json!({"env": {"KEY": {"file": "key"}}}),
            Code::COPY_PROGRAM,
            "exit status: 4: ***",
        ),
        ("exec cat /dev/zero", json!({}), Code::COPY_PROGRAM, "it printed more than 32 MiB"),
        ("exec tail -f /dev/null", json!({"timeout": "300ms"}), Code::COPY_PROGRAM, "it did not end within"),
        ("echo hello", json!({}), Code::COPY_FORMAT, "no JSON with a version"),
        ("true", json!({}), Code::COPY_FORMAT, "no JSON with a version"),
        ("true", json!({"run": ["./not-there"]}), Code::COPY_PROGRAM, "cannot be started"),
        ("true", json!({"env": {"KEY": {"file": "absent"}}}), Code::SECRET_MISSING, ""),
        ("true", json!({"env": {"A=B": "x"}}), Code::COPY_FORMAT, "cannot be a variable"),
    ];
    for (script, more, code, why) in table {
        let problem = look(script, more).await.unwrap_err();
        assert_eq!(problem.code, code, "{script}: {problem}");
        assert!(problem.why.contains(why) && !problem.why.contains("passphrase"), "{script}: {problem}");
    }
    let copy = json!({"store": "vault", "format": "command", "options": {"run": ["true"]}});
    let untrusted = read(&serde_json::from_value(copy).unwrap(), &Repo::folder("vault", "/"), &cx()).await;
    assert_eq!(untrusted.unwrap_err().code, Code::TRUST_MISSING, "nothing runs without trust");
}

#[test]
fn what_makes_no_sense_is_refused() {
    let point = |more: Value| {
        let mut point = json!({"id": "a", "state": "usable", "completed_at": "2026-11-20T00:00:00Z"});
        point.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({"version": 1, "points": [point]})
    };
    let beside = |more: Value| {
        let mut said = point(json!({}));
        said.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        said
    };
    assert_eq!(understood(&point(json!({}))).unwrap().points[0].state, PointState::Usable);
    let table = [
        (json!({"version": 2, "points": 7, "more": true}), "it is of version 2; only 1 is read"),
        (json!({"points": []}), "no JSON with a version"),
        (json!({"version": 1}), "missing field `points`"),
        (point(json!({"state": "fine"})), "unknown variant `fine`"),
        (point(json!({"state": null})), "expected value"),
        (point(json!({"completed": "2026-11-20T00:00:00Z"})), "unknown field `completed`"),
        (point(json!({"completed_at": "2026-11-20T00:00:00"})), "premature end"),
        (point(json!({"completed_at": 1_795_000_000})), "invalid type"),
        (point(json!({"completed_at": "1969-12-31T00:00:00Z"})), "dated before 1970"),
        (point(json!({"started_at": "2026-11-21T00:00:00Z"})), "completed before it started"),
        (point(json!({"size_bytes": -1})), "invalid value"),
        (point(json!({"size_bytes": 2_u64.pow(61)})), "a size that nothing has"),
        (point(json!({"size_bytes": 1e300})), "invalid"),
        (point(json!({"id": " "})), "a name is empty"),
        (point(json!({"id": "x".repeat(2_000)})), "a name is empty or has more"),
        (
            json!({"version": 1, "points": [{"id": "a", "state": "failed"}, {"id": "a", "state": "failed"}]}),
            "two points",
        ),
        (
            beside(json!({"windows": [{"from": "2026-11-20T00:00:00Z", "to": "2026-11-23T00:00:00Z"}]})),
            "in the future",
        ),
        (
            beside(json!({"windows": [{"from": "2026-11-20T00:00:00Z", "to": "2026-11-19T00:00:00Z"}]})),
            "before it begins",
        ),
        (
            beside(
                json!({"gaps": [{"detail": "x", "from": "2026-11-20T00:00:00Z", "to": "2026-11-19T00:00:00Z"}]}),
            ),
            "a gap ends",
        ),
    ];
    for (said, why) in table {
        let error = understood(&said).unwrap_err();
        assert!(error.contains(why), "{said}: {error}");
    }
    let many: Vec<_> = (0..100_001).map(|n| json!({"id": n.to_string(), "state": "failed"})).collect();
    assert!(understood(&json!({"version": 1, "points": many})).unwrap_err().contains("more than 100000"));
}

#[test]
fn a_point_is_no_better_than_what_it_needs() {
    let usable = |id: &str, needs: &[&str]| json!({"id": id, "state": "usable", "completed_at": "2026-11-20T00:00:00Z", "depends_on": needs});
    let report = understood(&json!({"version": 1, "points": [
        usable("d", &["c"]), usable("c", &["b"]), usable("b", &["a"]),
        {"id": "a", "state": "failed", "reason": "no"},
        usable("lone", &["gone"]), usable("x", &["y"]), usable("y", &["x"]), usable("z", &["y", "good"]),
        usable("good", &[]), usable("on good", &["good", "good"]),
        {"id": "undated", "state": "usable"},
        {"id": "later", "state": "usable", "completed_at": "2026-11-23T00:00:00Z"},
    ]}))
    .unwrap();
    let table = [
        ("b", PointState::BrokenChain, "it needs a, which is failed"),
        ("c", PointState::BrokenChain, "it needs b, which is broken_chain"),
        ("d", PointState::BrokenChain, "it needs c, which is broken_chain"),
        ("lone", PointState::BrokenChain, "it needs gone, which is not listed"),
        ("good", PointState::Usable, ""),
        ("on good", PointState::Usable, ""),
        ("undated", PointState::Unverified, "the program does not say when it completed"),
        ("later", PointState::Suspect, "it says that it completed in the future"),
    ];
    for (id, state, reason) in table {
        assert_eq!(standing(&report, id), (state, reason), "{id}");
    }
    for id in ["x", "y", "z"] {
        assert_eq!(standing(&report, id).0, PointState::BrokenChain, "{id}");
    }
}

/// The schema names what is read, no more and no less.
#[test]
fn the_schema_says_what_is_understood() {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    let keys = |at: &str| -> BTreeSet<String> {
        schema.pointer(at).unwrap().as_object().unwrap().keys().cloned().collect()
    };
    let full = json!({"version": 1, "notes": ["n"], "points": [{
        "id": "a", "kind": "full", "started_at": NOW, "completed_at": NOW, "size_bytes": 1_u64 << 60,
        "state": "usable", "reason": "", "depends_on": [],
    }], "windows": [{"from": NOW, "to": NOW}], "gaps": [{
        "from": NOW, "to": NOW, "first_missing": "1", "last_missing": "2", "detail": "d",
    }]});
    understood(&full).unwrap();
    let own =
        |at: &str| full.pointer(at).unwrap().as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
    assert_eq!(keys("/properties"), own(""));
    for part in ["points", "windows", "gaps"] {
        assert_eq!(
            keys(&format!("/properties/{part}/items/properties")),
            own(&format!("/{part}/0")),
            "{part}"
        );
    }
    for state in schema.pointer("/properties/points/items/properties/state/enum").unwrap().as_array().unwrap()
    {
        serde_json::from_value::<PointState>(state.clone()).unwrap();
    }
    for kind in schema.pointer("/properties/points/items/properties/kind/enum").unwrap().as_array().unwrap() {
        serde_json::from_value::<Option<PointKind>>(kind.clone()).unwrap();
    }
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes: Vec<u8>, needs in proptest::collection::vec((0_u8..9, 0_u8..9), 0..30)) {
        let _ = understand(&bytes, &cx());
        // whatever needs whatever: nothing usable needs what is not
        let points: Vec<_> = (0_u8..8).map(|n| {
            let of: Vec<_> = needs.iter().filter(|(a, _)| *a == n).map(|(_, b)| b.to_string()).collect();
            let state = if n == 7 { "failed" } else { "usable" };
            json!({"id": n.to_string(), "state": state, "completed_at": NOW, "depends_on": of})
        }).collect();
        let report = understood(&json!({"version": 1, "points": points})).unwrap();
        let good: BTreeSet<_> = report.points.iter().filter(|p| p.state == PointState::Usable).map(|p| &p.id).collect();
        for point in report.points.iter().filter(|p| good.contains(&p.id)) {
            prop_assert!(point.depends_on.iter().all(|of| good.contains(of) && *of != point.id));
        }
    }
}
