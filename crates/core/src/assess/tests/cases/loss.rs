//! Data loss (section 3).

use serde_json::json;

use super::super::super::*;
use super::super::small::*;
use super::*;
use Verdict::*;

#[test]
fn section_3_loss() {
    let lag = |lag: f64, as_of, seen| {
        shop().replica_of(0, json!({"region": "fr", "lag": probe()}), Some((lag, as_of, seen)))
    };
    let sync = |l: f64| {
        shop().shop("rpo", json!(0)).replica_of(
            0,
            json!({"region": "fr", "lag": probe(), "synchronous": true}),
            Some((l, Some(0), 0)),
        )
    };
    let bucket = |behind: Option<Behind>| {
        let mut seen = summary(&[(40, PointState::Usable)]);
        seen.behind = behind;
        shop().store("vault", "us", "backup").copy_of(0, json!({"store": "vault", "format": "bucket"}), seen)
    };
    let parts = |ages: &[i64]| {
        let mut seen = CopySummary::default();
        for (n, age) in ages.iter().enumerate() {
            seen.parts.insert(format!("0{n}"), summary(&[(*age, PointState::Usable)]));
        }
        shop().db("for_each", json!({"shard": "00..02"})).store("vault", "us", "backup").copy_of(
            0,
            json!({"store": "vault", "format": "dump"}),
            seen,
        )
    };
    let group = |tolerance: &str, first: CopySummary, second: CopySummary| {
        shop()
            .shop("rpo", json!("1h"))
            .asset("files")
            .store("vault", "us", "backup")
            .set(
                "/groups/-",
                json!({"id": "both", "assets": ["shop/db", "shop/files"], "tolerance": tolerance}),
            )
            .copy_of(0, json!({"store": "vault", "format": "dump"}), first)
            .copy_of(1, json!({"store": "vault", "format": "dump"}), second)
    };
    let points = |ages: &[i64]| summary(&ages.iter().map(|a| (*a, PointState::Usable)).collect::<Vec<_>>());
    check(vec![
        case(
            "a write seen acknowledged is the lower bound",
            shop().replica("fr", 5.0).wrote(1),
            "ie",
            Recoverable,
        )
        .loses(4, 5),
        case(
            "an idle source with a moving heartbeat loses nothing",
            shop().replica("fr", 0.0).wrote(300),
            "ie",
            Recoverable,
        )
        .loses(0, 0),
        case("an undated lag promises nothing below", lag(5.0, None, 0).wrote(1), "ie", Recoverable)
            .loses(0, 5)
            .says("lag-undated"),
        case("a frozen figure is caught by its instant", lag(5.0, Some(-45), 0), "ie", Recoverable)
            .loses(0, 50)
            .says("lag-frozen"),
        case(
            "a replica of which nothing was seen",
            shop().replica_of(0, json!({"region": "fr"}), None),
            "ie",
            Unknown,
        )
        .loses_unknown()
        .says("nobody can say what would be lost of db"),
        case(
            "a copy of which nothing was seen",
            shop().store("vault", "us", "backup").unseen_copy("vault"),
            "ie",
            Unknown,
        ),
        case(
            "but a known one is enough",
            backed_up().store("other", "us", "backup").unseen_copy("other"),
            "ie",
            Recoverable,
        ),
        case("RPO of zero: a synchronous replica meets it", sync(0.0), "ie", Recoverable).loses(0, 0),
        case("RPO of zero: not while it is behind", sync(0.5), "ie", Breach)
            .says("the synchronous replica of db in fr is 500ms behind"),
        case(
            "RPO of zero: no other replica does",
            shop().shop("rpo", json!(0)).replica("fr", 0.0),
            "ie",
            Breach,
        )
        .says("needs a replica of db that is seen to be synchronous"),
        case(
            "a bucket's loss is a set",
            bucket(Some(Behind { objects: 7, oldest: Some(at(-40)) })),
            "ie",
            Recoverable,
        )
        .loses(0, 40),
        case("of parts the greatest loss", parts(&[10, 50, 20]), "ie", Recoverable).loses(0, 50),
        case("a part that is not there", parts(&[10, 50]), "ie", Lost)
            .says("no copy and no replica of db survives"),
        case(
            "a group goes back to where all agree",
            group("5s", points(&[10, 100, 200]), points(&[98, 205])),
            "ie",
            Recoverable,
        )
        .loses(0, 100),
        case(
            "a group whose log reaches the other's point",
            group("0s", window(900, 5), points(&[98, 205])),
            "ie",
            Recoverable,
        )
        .loses(0, 98),
        case("a group that never agrees", group("5s", points(&[10, 100]), points(&[50, 150])), "ie", Breach)
            .says("the assets of both come back 40s apart, and 5s is tolerated"),
        case(
            "what the failover promotes is what counts",
            backed_up().replica("fr", 300.0).set("/runbooks/0/step/0/promotes", json!("shop/db")),
            "ie",
            Breach,
        )
        .loses(0, 300),
        case(
            "a rebuilt asset loses nothing",
            shop().db("rebuild", json!({"takes": "5m"})),
            "ie",
            Recoverable,
        )
        .loses(0, 0)
        .takes(380),
        case(
            "an asset that is not required does not count",
            shop().replica("fr", 1.0).asset("extra").set("/workloads/0/asset/1/required", json!(false)),
            "ie",
            Recoverable,
        ),
        case(
            "an asset that another workload owns",
            shop().replica("fr", 1.0).workload(
                "front",
                json!({"rpo": "1m", "asset": [{"id": "d", "layer": "database", "uses": "shop/db"}]}),
            ),
            "ie",
            Recoverable,
        )
        .of("front")
        .loses(0, 1),
        case(
            "and goes down with the owner's home",
            shop().shop("home", json!("us")).replica("fr", 1.0).workload(
                "front",
                json!({"rpo": "1m", "asset": [{"id": "d", "layer": "database", "uses": "shop/db"}]}),
            ),
            "us",
            Recoverable,
        )
        .of("front"),
        case(
            "schedules that allow more than the RPO",
            shop()
                .replica_of(0, json!({"region": "ie", "lag": probe()}), Some((0.0, Some(0), 0)))
                .store("vault", "us", "backup")
                .copy_of(0, json!({"store": "vault", "format": "dump", "schedule": "5m"}), points(&[30])),
            "ie",
            Recoverable,
        )
        .says("design-rpo: its schedules allow 5m of loss at best"),
        case(
            "a calendar is a schedule too",
            shop().store("vault", "us", "backup").copy_of(
                0,
                json!({"store": "vault", "format": "dump", "schedule": {"cron": "0 2 * * *"}}),
                points(&[30]),
            ),
            "ie",
            Recoverable,
        )
        .says("its schedules allow 1d of loss at best"),
        case(
            "copies in the home region do not count for that",
            shop()
                .shop("rpo", json!("10m"))
                .store("near", "ie", "prod")
                .store("vault", "us", "backup")
                .copy_of(0, json!({"store": "near", "format": "dump", "schedule": "1m"}), points(&[30]))
                .copy_of(0, json!({"store": "vault", "format": "dump", "schedule": "1h"}), points(&[30])),
            "ie",
            Recoverable,
        )
        .says("its schedules allow 1h of loss at best"),
    ]);
    let objects = bucket(Some(Behind { objects: 7, oldest: None })).view("shop", &scenario("ie", None));
    assert_eq!(objects.verdict.and_then(|j| j.objects), Some(7));
}
