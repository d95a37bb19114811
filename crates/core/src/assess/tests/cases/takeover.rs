//! An account is taken over (section 1).

use serde_json::json;

use super::super::super::*;
use super::super::small::*;
use super::*;
use Verdict::*;

#[test]
fn section_1_takeover() {
    let takeover = "account:prod=compromised";
    let in_prod = || shop().shop("rpo", json!("1h")).store("vault", "us", "prod").copy("vault", &[30, 500]);
    let aside = || shop().shop("rpo", json!("1h")).store("vault", "us", "backup").copy("vault", &[30, 500]);
    check(vec![
        case("copies in production's account go with it", in_prod(), takeover, Lost)
            .clean(200)
            .says("can be deleted by whoever holds what is compromised"),
        case("copies in another account stay", aside(), takeover, Recoverable)
            .clean(200)
            .loses(0, 500)
            .into("fr"),
        case(
            "unless production may delete them",
            aside().with("deletable_by", json!(["prod"])),
            takeover,
            Lost,
        )
        .clean(200),
        case(
            "or one of its roles",
            aside().with("deletable_by", json!(["account:prod/admin"])),
            takeover,
            Lost,
        )
        .clean(200),
        case(
            "a lock in compliance mode holds",
            in_prod().locked("vault", LockMode::Compliance, 9_999, 0),
            takeover,
            Recoverable,
        )
        .clean(200)
        .loses(0, 500),
        case(
            "one in governance mode does not",
            in_prod().locked("vault", LockMode::Governance, 9_999, 0),
            takeover,
            Lost,
        )
        .clean(200),
        case(
            "a lock holds until its date",
            in_prod().locked("vault", LockMode::Compliance, 400, 0),
            takeover,
            Lost,
        )
        .clean(200)
        .says("is from before the damage"),
        case(
            "a lock that was not seen of late is unknown",
            in_prod().locked("vault", LockMode::Compliance, 9_999, -500),
            takeover,
            Unknown,
        )
        .clean(200)
        .says("whether a lock keeps"),
        case(
            "a lock that is only declared counts as declared",
            in_prod().with("expect", json!({"object_lock": "compliance"})),
            takeover,
            Recoverable,
        )
        .clean(200)
        .says("vault is locked as declared: that was not observed"),
        case(
            "one that is seen not to be there does not",
            in_prod().with("expect", json!({"object_lock": "compliance"})).posture(
                "vault",
                Posture { object_lock: Fact::new(Answer::NotSet, "asked"), ..Posture::default() },
            ),
            takeover,
            Lost,
        )
        .clean(200),
        case(
            "when each object has its own lock, nobody knows",
            in_prod().posture(
                "vault",
                Posture {
                    object_lock: Fact::new(
                        Answer::Set(ObjectLock { mode: LockMode::Compliance, retention: None }),
                        "asked",
                    ),
                    ..Posture::default()
                },
            ),
            takeover,
            Unknown,
        )
        .clean(200),
        case(
            "the standby runs in the same account",
            aside().shop("standby", json!([{"region": "fr"}])),
            takeover,
            Lost,
        )
        .clean(200)
        .says("the account prod that it would run in, in fr, is compromised as well"),
        case(
            "locked and unlocked copies: the locked one counts",
            in_prod()
                .store("locked", "us", "prod")
                .locked("locked", LockMode::Compliance, 9_999, 0)
                .copy("locked", &[60, 900]),
            takeover,
            Recoverable,
        )
        .clean(200)
        .loses(0, 900)
        .says("the copy of db in vault can be deleted"),
    ]);
}
