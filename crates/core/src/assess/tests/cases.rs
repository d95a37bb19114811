//! Small estates with what must be said of them: a row a sentence of
//! docs/judgement.md, and the lessons of outages that taught it.

use serde_json::json;

use super::super::*;
use super::small::*;
use Verdict::*;

pub(super) struct Case {
    name: &'static str,
    small: Small,
    lost: &'static str,
    clean: Option<i64>,
    of: &'static str,
    verdict: Verdict,
    loses: Option<(i64, Option<i64>)>,
    takes: Option<Option<i64>>,
    into: Option<&'static str>,
    says: Vec<&'static str>,
    not: Vec<&'static str>,
}

pub(super) fn case(name: &'static str, small: Small, lost: &'static str, verdict: Verdict) -> Case {
    Case {
        name,
        small,
        lost,
        clean: None,
        of: "shop",
        verdict,
        loses: None,
        takes: None,
        into: None,
        says: vec![],
        not: vec![],
    }
}

impl Case {
    /// The data is bad since so many seconds.
    pub fn clean(mut self, ago: i64) -> Self {
        self.clean = Some(ago);
        self
    }
    pub fn of(mut self, workload: &'static str) -> Self {
        self.of = workload;
        self
    }
    pub fn loses(mut self, lower: i64, upper: i64) -> Self {
        self.loses = Some((lower, Some(upper)));
        self
    }
    pub fn loses_unknown(mut self) -> Self {
        self.loses = Some((0, None));
        self
    }
    pub fn takes(mut self, seconds: i64) -> Self {
        self.takes = Some(Some(seconds));
        self
    }
    pub fn takes_unknown(mut self) -> Self {
        self.takes = Some(None);
        self
    }
    pub fn into(mut self, region: &'static str) -> Self {
        self.into = Some(region);
        self
    }
    /// Somewhere among the reasons, rejected targets, assumptions and findings.
    pub fn says(mut self, words: &'static str) -> Self {
        self.says.push(words);
        self
    }
    pub fn not(mut self, words: &'static str) -> Self {
        self.not.push(words);
        self
    }

    fn check(&self) -> Result<(), String> {
        let scenario = scenario(self.lost, self.clean);
        let assessment = self.small.assess(&scenario);
        let view = assessment.workloads.iter().find(|w| w.id == *self.of).expect("the workload");
        let judged = view.verdict.as_ref().unwrap_or(&view.if_home_lost);
        let mut said: Vec<String> =
            judged.reasons.iter().chain(&judged.hidden).map(ToString::to_string).collect();
        said.extend(judged.rejected.iter().map(|(region, why)| format!("{region}: {why}")));
        said.extend(judged.assumptions.iter().map(ToString::to_string));
        said.extend(view.reasons.iter().map(ToString::to_string));
        said.extend(assessment.findings.iter().map(|f| format!("{}: {}", f.rule, f.message)));
        let mut wrong = Vec::new();
        if judged.verdict != self.verdict {
            wrong.push(format!("is {}, expected {}", judged.verdict, self.verdict));
        }
        let loss = (judged.loss.lower, judged.loss.upper);
        let expected = self.loses.map(|(lower, upper)| (Dur::secs(lower), upper.map(Dur::secs)));
        if expected.is_some_and(|expected| expected != loss) {
            wrong.push(format!("loses {loss:?}, expected {expected:?}"));
        }
        if self.takes.is_some_and(|takes| takes.map(Dur::secs) != judged.rto) {
            wrong.push(format!("takes {:?}, expected {:?}", judged.rto, self.takes));
        }
        if self.into.is_some_and(|into| judged.to.as_ref().is_none_or(|to| *to != *into)) {
            wrong.push(format!("goes to {:?}, expected {:?}", judged.to, self.into));
        }
        let missing = self.says.iter().filter(|words| !said.iter().any(|line| line.contains(**words)));
        wrong.extend(missing.map(|words| format!("does not say {words:?}")));
        let too_much = self.not.iter().filter(|words| said.iter().any(|line| line.contains(**words)));
        wrong.extend(too_much.map(|words| format!("says {words:?}")));
        match wrong.is_empty() {
            true => Ok(()),
            false => Err(format!("{}: {}\n  it says {said:#?}", self.name, wrong.join("; "))),
        }
    }
}

fn check(cases: Vec<Case>) {
    let wrong: Vec<_> = cases.iter().filter_map(|case| case.check().err()).collect();
    assert!(wrong.is_empty(), "{} of {} cases:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

fn backed_up() -> Small {
    shop().store("vault", "us", "backup").copy("vault", &[30, 100, 500, 4_000])
}

#[test]
fn section_1_modes() {
    check(vec![
        case("gone: all that lies outside survives", backed_up(), "ie", Recoverable).loses(0, 30).into("fr"),
        case("gone: a lock does not help", shop().store("vault", "us", "backup").locked("vault", LockMode::Compliance, 9_999, 0)
            .copy("vault", &[30]), "ie us", Lost),
        case("gone is the default mode", backed_up(), "ie=gone", Recoverable),
        case("impaired: what runs there runs on", backed_up(), "ie=impaired", Unaffected).loses(0, 0),
        case("impaired: and is exposed where its loss would be the end", shop(), "ie=impaired", Exposed),
        case("impaired: nothing can be started there", backed_up(), "ie fr=impaired", Lost)
            .says("fr: fr is impaired as well"),
        case("impaired: data in it can still be read", shop().store("vault", "us", "backup").copy("vault", &[30]),
            "ie us=impaired", Recoverable).loses(0, 30),
        case("compromised: replicas have the damage too", shop().replica("fr", 1.0), "ie=compromised", Lost)
            .clean(100).says("the replica of db in fr has the damage too"),
        case("compromised: only what is older counts", backed_up().shop("rpo", json!("1h")), "ie=compromised", Recoverable)
            .clean(200).loses(0, 500),
        case("compromised: and without an instant nothing is known", backed_up(), "ie=compromised", Unknown)
            .says("since when the data is bad is not known").loses_unknown(),
        case("corrupted: only points before it", backed_up().shop("rpo", json!("10m")), "ie=corrupted", Recoverable)
            .clean(200).loses(0, 500),
        case("corrupted: windows up to it", shop().store("vault", "us", "backup").shop("rpo", json!("10m"))
            .copy_of(0, json!({"store": "vault", "format": "dump"}), window(1_000, 5)), "ie=corrupted", Recoverable)
            .clean(200).into("fr"),
        case("corrupted: a mirror without versions never counts", shop().store("vault", "us", "backup")
            .copy_of(0, json!({"store": "vault", "format": "bucket"}), summary(&[(5, PointState::Usable)])),
            "ie=corrupted", Lost).clean(200).says("without keeping versions"),
        case("corrupted: a mirror with versions goes back", shop().shop("rpo", json!("10m")).store("vault", "us", "backup")
            .with("expect", json!({"versioning": true}))
            .copy_of(0, json!({"store": "vault", "format": "bucket"}), summary(&[(5, PointState::Usable)])),
            "ie=corrupted", Recoverable).clean(200).says("vault keeps versions from before the damage"),
        case("corrupted: nothing is old enough", shop().store("vault", "us", "backup").copy("vault", &[30, 100]),
            "ie=corrupted", Lost).clean(200).says("is from before the damage"),
        case("corrupted: without an instant nothing is known", backed_up(), "ie=corrupted", Unknown),
        case("corrupted: a copy in a bad store counts up to then", backed_up().shop("rpo", json!("10m")),
            "ie us=corrupted", Recoverable).clean(200).loses(0, 500),
        case("several at once: the worst that each does", backed_up(), "ie account:backup", Lost),
        case("a provider takes its regions and accounts", backed_up(), "provider:aws", Lost)
            .says("fr: fr is lost as well"),
        case("an organisation takes its accounts", backed_up(), "organisation:acme", Lost)
            .says("the account spare that it would run in, in fr, is gone as well"),
        case("a domain takes what lies in it", backed_up().set("/domains/-", json!({"id": "campus", "in": ["fr"]}))
            .set("/regions/2/domains", json!(["campus"])).set("/domains/0/in", json!([])), "ie domain:campus", Lost),
        case("a domain in a domain", backed_up()
            .set("/domains/-", json!({"id": "inner", "in": ["domain:outer"]}))
            .set("/domains/-", json!({"id": "outer", "in": []}))
            .set("/regions/1/domains", json!(["inner"])), "ie domain:outer", Lost).says("fr is lost as well"),
        case("a store", backed_up(), "ie store:vault", Lost).says("no copy and no replica of db survives"),
        case("a store alone touches nothing that runs", shop().replica("fr", 1.0).store("vault", "us", "backup")
            .copy("vault", &[30]), "store:vault", Unaffected),
        case("its only copy gone, it is exposed", backed_up(), "store:vault", Exposed)
            .says("no copy and no replica of db survives"),
        case("an asset alone is brought back where it is", backed_up()
            .set("/runbooks/-", json!({"id": "back", "title": "Back", "kind": "restore", "step": [{"id": "r", "kind": "command", "takes": 30}]}))
            .shop("runbooks", json!({"failover": "go", "restore": "back"})).shop("rpo", json!("10m"))
            .shop("standby", json!([])), "asset:shop/db=corrupted", Recoverable).clean(200).into("ie").takes(110),
        case("what another asset has is still there then", backed_up().asset("files")
            .set("/runbooks/-", json!({"id": "back", "title": "Back", "kind": "restore", "step": []}))
            .shop("runbooks", json!({"restore": "back"})), "asset:shop/db", Recoverable).into("ie").loses(0, 30),
        case("elsewhere it would be missing", backed_up().asset("files"), "ie", Lost)
            .says("no copy and no replica of files survives"),
    ]);
}

#[test]
fn section_1_needs() {
    let secret =
        |kept: serde_json::Value| backed_up().set("/secrets/-", json!({"id": "pass", "kept_in": kept}));
    let password = json!({"secret": "pass"});
    let with_password = |kept| secret(kept).set("/workloads/0/asset/0/copy/0/password", password.clone());
    let key = |kept: serde_json::Value| backed_up().set("/keys/-", json!({"id": "kms", "kept_in": kept}));
    check(vec![
        case("a password kept only in the lost region", with_password(json!(["ie"])), "ie", Lost)
            .says("the password of db in vault, pass, is kept only in ie").says("hidden-dependency"),
        case("a password kept there and elsewhere", with_password(json!(["ie", "us"])), "ie", Recoverable),
        case("every place that keeps it is lost", with_password(json!(["ie", "us"])), "ie us", Lost)
            .says("is kept only in ie and us"),
        case("nobody declared where it is kept", with_password(json!([])), "ie", Recoverable)
            .says("pass can be had: where it is kept is not declared"),
        case("an impaired place still gives it out", with_password(json!(["us"])), "ie us=impaired", Recoverable),
        case("the key of the store", key(json!(["ie"])).set("/stores/0/key", json!("kms")), "ie", Lost)
            .says("the key of vault, kms, is kept only in ie"),
        case("the key of the copy", key(json!(["account:prod"])).set("/workloads/0/asset/0/copy/0/key", json!("kms")),
            "ie account:prod", Lost).says("the key of db in vault, kms, is kept only in account:prod"),
        case("the credentials of the store", secret(json!(["ie"])).set("/stores/0/credentials", json!({"secret": "pass"})),
            "ie", Lost).says("the credentials of vault, pass, is kept only in ie"),
        case("credentials that the operator holds", backed_up().set("/stores/0/credentials", json!({"env_prefix": "V_"})),
            "ie", Recoverable).says("what opens vault is at hand"),
        case("another copy does without it", with_password(json!(["ie"])).store("other", "us", "backup").copy("other", &[40]),
            "ie", Recoverable).loses(0, 40).says("is kept only in ie"),
        case("snapshots in the home region", backed_up().set("/workloads/0/asset/0/copy/0/parts", json!(["ie"])), "ie", Lost)
            .says("a part of the copy of db in vault lies in ie"),
        case("log in another store", backed_up().store("log", "fr", "spare")
            .set("/workloads/0/asset/0/copy/0/parts", json!([{"store": "log", "path": "wal"}])), "ie account:spare", Lost)
            .says("lies in store:log"),
        case("parts whose place is not declared", backed_up().set("/workloads/0/asset/0/copy/0/parts", json!([{"path": "x"}])),
            "ie", Recoverable).says("where some lie is not declared"),
        case("the runbook relies on the lost region", backed_up().set("/runbooks/0/relies_on", json!(["ie"])), "ie", Lost)
            .says("fr: the runbook go relies on ie"),
        case("a step relies on a control plane that is impaired", backed_up()
            .set("/domains/-", json!({"id": "dns", "kind": "service", "in": ["ie"]}))
            .set("/runbooks/0/step/0/relies_on", json!(["domain:dns"])), "ie", Lost)
            .says("the step act of the runbook go relies on domain:dns"),
        case("it relies on what stands", backed_up().set("/runbooks/0/relies_on", json!(["us"])), "ie", Recoverable)
            .not("relies on nothing"),
        case("a runbook that a step calls relies on it", backed_up()
            .set("/runbooks/-", json!({"id": "inner", "title": "In", "kind": "failover", "relies_on": ["ie"], "step": []}))
            .set("/runbooks/0/step/-", json!({"id": "call", "kind": "runbook", "options": {"runbook": "inner"}})), "ie", Lost)
            .says("the step call of the runbook go relies on ie"),
        case("most of the vault lies there", backed_up().store("v1", "ie", "prod").store("v2", "ie", "prod")
            .set("/vault", json!({"stores": ["v1", "v2", "vault"]})), "ie", Recoverable)
            .says("vault-majority: ie: the journal's vault has its majority there"),
        case("a store without a region", backed_up().set("/stores/0/region", json!(null)), "ie", Recoverable)
            .says("vault lies elsewhere: no region is declared for it"),
        case("a store without an account", backed_up().set("/stores/0/account", json!(null)), "ie account:prod", Recoverable)
            .says("vault belongs to another account: none is declared for it"),
        case("nothing is declared that shows the target", backed_up().set("/regions/1/health", json!([])), "ie", Recoverable)
            .says("fr works: nothing is declared that would show it"),
        case("a runbook that declares nothing", backed_up(), "ie", Recoverable)
            .says("the runbook go relies on nothing that is lost"),
    ]);
}

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

#[test]
fn section_2_home() {
    let both_ways = || shop().replica("fr", 1.0).replica("ie", 2.0);
    let committed = |small: Small| {
        small.learn(|l| {
            l.committed.insert("shop".into(), Committed { to: "fr".into(), at: at(-50), run: None });
        })
    };
    check(vec![
        case("what is seen to serve is the home", both_ways().serves_from("fr"), "fr", Recoverable)
            .into("ie")
            .loses(0, 2)
            .says("home-differs: it is seen to serve from fr, while ie is declared"),
        case("and losing the declared one only exposes it", both_ways().serves_from("fr"), "ie", Exposed),
        case("where nothing shows it, the last committed run", committed(both_ways()), "fr", Recoverable)
            .into("ie")
            .says("home-differs: it was brought to fr, while ie is declared"),
        case("else the declared one", both_ways(), "ie", Recoverable).into("fr").not("home-differs"),
        case("what is seen after a run counts", committed(both_ways()).serves_from("ie"), "ie", Recoverable)
            .into("fr"),
        case(
            "a failover that someone else has done",
            shop().replica("fr", 1.0).serves_from("fr"),
            "fr",
            Lost,
        )
        .says("home-differs"),
        case("two writers: each side is shown", both_ways().serves_from("ie, fr"), "ie", Recoverable)
            .into("fr")
            .says("two-writers: it takes writes in fr and in ie at once"),
        case("a name that is no region", both_ways().serves_from("mars"), "ie", Recoverable)
            .says("\"mars\" is no region")
            .says("it still serves from ie"),
        case(
            "active-active: a part of the capacity goes",
            both_ways()
                .shop("standby", json!([]))
                .shop("active", json!([{"region": "ie", "share": 0.5}, {"region": "fr", "share": 0.5}])),
            "ie",
            Breach,
        )
        .says("50 % of its capacity would be left")
        .loses(0, 1)
        .into("fr"),
        case(
            "active-active: what is left carries the whole",
            both_ways()
                .shop("standby", json!([]))
                .shop("active", json!([{"region": "ie", "share": 1.0}, {"region": "fr", "share": 1.0}])),
            "ie",
            Recoverable,
        )
        .loses(0, 1),
        case(
            "active-active: without a runbook only traffic moves",
            both_ways()
                .shop("standby", json!([]))
                .shop("runbooks", json!({}))
                .shop("active", json!([{"region": "ie"}, {"region": "fr"}])),
            "ie",
            Recoverable,
        )
        .takes(80)
        .says("what is left carries the whole: no shares are declared"),
        case(
            "active-active: an impaired region serves on",
            both_ways()
                .shop("standby", json!([]))
                .shop("runbooks", json!({}))
                .shop("active", json!([{"region": "ie"}, {"region": "fr"}])),
            "ie fr=impaired",
            Recoverable,
        )
        .into("fr"),
        case(
            "active-active: all of it",
            both_ways()
                .shop("standby", json!([]))
                .shop("active", json!([{"region": "ie"}, {"region": "fr"}])),
            "ie fr",
            Lost,
        ),
    ]);
    let sides = both_ways().serves_from("ie fr").view("shop", &Scenario::default()).sides;
    let sides: Vec<_> = sides.iter().map(|s| (s.region.as_str(), s.loss.upper)).collect();
    assert_eq!(sides, [("fr", Some(Dur::secs(2))), ("ie", Some(Dur::secs(1)))]);
}

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

#[test]
fn section_3_objectives() {
    let both =
        || {
            backed_up().shop("rpo", json!("1h")).shop("rto", json!("1h")).shop("objectives", json!([
        {"against": "region", "rpo": "10s"}, {"against": "account=gone", "rpo": "20s", "rto": "1m"},
        {"against": "corrupted", "rpo": "2h"},
    ]))
        };
    check(vec![
        case("an objective against a kind of domain", both(), "ie", Breach).says("over its RPO of 10s"),
        case("against a kind in a mode", both(), "account:prod", Breach)
            .says("over its RPO of 20s")
            .says("over its RTO of 1m"),
        case("against a mode", both().copy("vault", &[4_000]), "asset:shop/db=corrupted", Recoverable)
            .clean(3_000),
        case("of several that apply the strictest", both(), "ie account:prod", Breach)
            .says("over its RPO of 10s"),
        case("another kind has the workload's own", both(), "provider:gcp ie=impaired", Exposed),
        case("an asset's own RPO", backed_up().db("rpo", json!("20s")), "ie", Breach)
            .says("over its RPO of 20s"),
        case(
            "no RPO tolerates any loss, and says so",
            shop().shop("rpo", json!(null)).store("vault", "us", "backup").copy("vault", &[9_999]),
            "ie",
            Recoverable,
        )
        .says("any loss is tolerated"),
    ]);
}

#[test]
fn section_4_time() {
    let step = |step: serde_json::Value| backed_up().set("/runbooks/0/step/-", step);
    let dep = |more: serde_json::Value| {
        backed_up().workload("base", more).shop("depends_on", json!([{"id": "base"}]))
    };
    let restore = || {
        backed_up()
            .set("/runbooks/0/step/-", json!({"id": "r", "kind": "restore", "options": {"asset": "shop/db"}}))
            .learn(|l| {
                l.timings.rates.insert("vault".into(), 10.0);
            })
    };
    let archived = |retrieval: serde_json::Value| {
        shop().store("vault", "us", "backup").copy_of(
            0,
            json!({"store": "vault", "format": "dump", "retrieval": retrieval}),
            summary(&[(30, PointState::Archived)]),
        )
    };
    check(vec![
        case("detection, decision and steps", backed_up(), "ie", Recoverable).takes(140),
        case("steps that need nothing of each other run at once", step(json!({"id": "b", "kind": "command", "takes": 90, "needs": []})), "ie", Recoverable).takes(170),
        case("steps one after the other", step(json!({"id": "b", "kind": "command", "takes": 90})), "ie", Recoverable).takes(230),
        case("a step of unknown length", step(json!({"id": "b", "kind": "command"})), "ie", Unknown).takes_unknown()
            .says("how long recovery takes is not known"),
        case("approvals are waited for", step(json!({"id": "b", "kind": "command", "takes": 10, "approvals": {"need": 2, "within": "2m"}})), "ie", Recoverable).takes(270),
        case("approvals without an end are unknown", step(json!({"id": "b", "kind": "command", "takes": 10, "approvals": 2})), "ie", Unknown),
        case("the stability window", step(json!({"id": "b", "kind": "wait", "options": {"stable": "40s"}})), "ie", Recoverable).takes(180),
        case("a step for each of four, two at once", step(json!({"id": "b", "kind": "command", "takes": 10, "for_each": {"shard": "0..3"}, "max_parallel": 2})), "ie", Recoverable).takes(160),
        case("traffic moves after its time to live", backed_up().shop("route", json!([{"dns": "a", "ttl": "30s"}, {"dns": "b", "ttl": "90s"}])), "ie", Recoverable).takes(230),
        case("a decision of unknown length", backed_up().set("/defaults/decide", json!(null)), "ie", Unknown),
        case("no runbook is no estimate", backed_up().shop("runbooks", json!({})), "ie", Unknown),
        case("over its RTO", backed_up().shop("rto", json!("2m")), "ie", Breach).says("over its RTO of 2m")
            .says("strategy-rto: recovery by its runbook takes about 2m 20s"),
        case("what it depends on comes first", dep(json!({})), "ie", Recoverable).takes(200),
        case("and what runs on costs nothing", dep(json!({"home": "us"})), "ie", Recoverable).takes(140),
        case("a dependency that is lost takes it along", dep(json!({"asset": [{"id": "x", "layer": "database"}]})), "ie", Lost)
            .says("it depends on base, which is lost"),
        case("a soft one does not", dep(json!({"asset": [{"id": "x", "layer": "database"}]}))
            .shop("depends_on", json!([{"id": "base", "kind": "soft"}])), "ie", Recoverable).takes(140),
        case("a dependency over its RTO", dep(json!({"rto": "2m"})), "ie", Breach),
        case("in waves of one, by tier and name", backed_up().set("/runbooks/0/waves", json!({"max_parallel": 1}))
            .workload("aside", json!({})).shop("tier", json!(1)), "ie", Recoverable).of("aside").takes(200),
        case("in waves of two, at once", backed_up().set("/runbooks/0/waves", json!({"max_parallel": 2}))
            .workload("aside", json!({})).shop("tier", json!(1)), "ie", Recoverable).of("aside").takes(140),
        case("a runbook for this kind of loss", backed_up()
            .set("/runbooks/-", json!({"id": "far", "title": "Far", "kind": "failover", "workloads": ["shop"], "for": ["account"],
                "step": [{"id": "a", "kind": "command", "takes": 10}]})), "account:prod", Recoverable).takes(90),
        case("is not for another", backed_up()
            .set("/runbooks/-", json!({"id": "far", "title": "Far", "kind": "failover", "workloads": ["shop"], "for": ["account"],
                "step": [{"id": "a", "kind": "command", "takes": 10}]})), "ie", Recoverable).takes(140),
        case("a measured restore: size by rate", restore(), "ie", Recoverable).takes(240),
        case("restores that run at once share the rate", restore().asset("files").set("/runbooks/0/step/-",
            json!({"id": "f", "kind": "restore", "needs": ["act"], "options": {"asset": "shop/files"}}))
            .copy_of(1, json!({"store": "vault", "format": "dump"}), summary(&[(30, PointState::Usable)])), "ie", Recoverable).takes(340),
        case("an archived point is retrieved first", archived(json!("2m")), "ie", Recoverable).loses(0, 30).takes(260),
        case("and nobody said how long that takes", archived(json!(null)), "ie", Unknown).says("is archived, and how long"),
        case("a usable point within the RPO needs no retrieval", archived(json!("2m")).copy("vault", &[50]), "ie", Recoverable).takes(140).loses(0, 50),
        case("one outside it gives way to an archived one in time", archived(json!("2m")).copy("vault", &[500]), "ie", Recoverable).loses(0, 30),
        case("but not to one that comes too late", archived(json!("2h")).copy("vault", &[500]), "ie", Breach).loses(0, 500),
    ]);
}

#[test]
fn section_5_points() {
    let only = |state| {
        shop().store("vault", "us", "backup").copy_of(
            0,
            json!({"store": "vault", "format": "dump"}),
            summary(&[(30, state)]),
        )
    };
    let mixed = |state| {
        shop().store("vault", "us", "backup").copy_of(
            0,
            json!({"store": "vault", "format": "dump"}),
            summary(&[(10, state), (40, PointState::Usable)]),
        )
    };
    let mut cases = vec![
        case("usable", only(PointState::Usable), "ie", Recoverable),
        case("suspect: nobody vouches for it", only(PointState::Suspect), "ie", Unknown)
            .says("all that vault holds of db is suspect"),
        case("unverified: counted, never last good", only(PointState::Unverified), "ie", Unknown)
            .says("all that vault holds of db is unverified"),
    ];
    use PointState::{BrokenChain, Expired, Failed, Incomplete, Running};
    for state in [Running, Incomplete, Failed, BrokenChain, Expired] {
        cases.push(case("what cannot be restored is nothing", only(state), "ie", Lost));
        cases.push(case("the newest usable one counts", mixed(state), "ie", Recoverable).loses(0, 40));
    }
    cases.push(
        case("a newer suspect one is passed over", mixed(PointState::Suspect), "ie", Recoverable)
            .loses(0, 40)
            .says("the newest point of db in vault, p0, is suspect"),
    );
    check(cases);
    let proof = |point: &str, instant: i64, expires: Option<i64>| Proof {
        point: point.into(),
        instant: at(-instant),
        checks: vec!["rows".into()],
        region: None,
        identity: None,
        at: at(-5),
        expires: expires.map(at),
    };
    let proven = |proofs: Vec<Proof>| {
        let small = backed_up().learn(|l| {
            let key = CopyKey { workload: "shop".into(), asset: "db".into(), index: 0 };
            l.proofs.insert(key, proofs);
        });
        small.view("shop", &Scenario::default()).assets[0].last_proven.clone().map(|p| (p.id, p.at))
    };
    assert_eq!(proven(vec![proof("p2", 480, None), proof("p3", 4_000, None)]), Some(("p2".into(), at(-480))));
    assert_eq!(
        proven(vec![proof("p2", 480, Some(-1)), proof("p3", 4_000, Some(9))]),
        Some(("p3".into(), at(-4_000)))
    );
    assert_eq!(proven(vec![proof("gone", 1, None)]), None, "a point that is no longer there proves nothing");
    assert_eq!(proven(vec![]), None, "an untested restore is no proof");
}

#[test]
fn section_6_candidates() {
    let well = || shop().replica("fr", 1.0);
    check(vec![
        case("a standby that does not serve", well().down("fr"), "ie", Lost).says("fr: fr does not serve"),
        case("one that is not seen", well().unseen("fr"), "ie", Unknown).says("fr is not seen"),
        case("room for it", well().room(Some(50.0), json!(40)), "ie", Recoverable),
        case("too little room", well().room(Some(30.0), json!(40)), "ie", Breach)
            .says("fr has a capacity of 30, and 40 are needed"),
        case("no room", well().room(Some(0.0), json!(40)), "ie", Lost).says("fr: fr has no capacity for it"),
        case("room that nobody has seen", well().room(None, json!(40)), "ie", Unknown)
            .says("the capacity of fr is not seen"),
        case("the target outside its residency", well().shop("residency", json!(["US"])), "ie", Breach)
            .says("fr lies outside its residency"),
        case("the source outside its residency", backed_up().shop("residency", json!(["EU"])), "ie", Breach)
            .says("what db would be recovered from lies in us, outside its residency"),
        case(
            "an older source inside is better",
            backed_up().shop("residency", json!(["EU"])).store("near", "fr", "backup").copy("near", &[50]),
            "ie",
            Recoverable,
        )
        .loses(0, 50),
        case(
            "of two targets the better",
            well().set("/workloads/0/standby/-", json!({"region": "us", "account": "spare"})),
            "ie",
            Recoverable,
        )
        .into("fr"),
        case(
            "or the one that is left",
            backed_up().set("/workloads/0/standby/-", json!({"region": "us", "account": "spare"})),
            "ie fr",
            Recoverable,
        )
        .into("us")
        .says("fr: fr is lost as well"),
        case("no standby declared: unknown, not lost", backed_up().shop("standby", json!([])), "ie", Unknown)
            .says("no region is declared to recover into"),
        case("and lost, where no data survives", shop().shop("standby", json!([])), "ie", Lost),
        case("no home declared", backed_up().shop("home", json!(null)), "us", Lost),
        case("untouched", well(), "us", Unaffected).loses(0, 0),
        case("its standby lost, it is exposed", well(), "fr", Exposed).says("fr is lost as well"),
        case(
            "exposed by an unknown",
            shop().store("vault", "us", "backup").unseen_copy("vault"),
            "fr",
            Exposed,
        ),
    ]);
}

#[test]
fn lessons_of_outages() {
    check(vec![
        // OVH 2021, and what is told of many others.
        case(
            "the backup lay in the fire's domain",
            shop()
                .set("/domains/-", json!({"id": "campus", "in": []}))
                .set("/regions/0/domains", json!(["campus"]))
                .store("vault", "us", "prod")
                .with("domains", json!(["campus"]))
                .copy("vault", &[30]),
            "domain:campus",
            Lost,
        )
        .says("no copy and no replica of db survives"),
        // UniSuper 2024.
        case(
            "both geographies went with the subscription",
            shop()
                .shop("account", json!("prod"))
                .shop("standby", json!([{"region": "fr"}]))
                .replica("fr", 1.0)
                .store("a", "fr", "prod")
                .copy("a", &[30]),
            "account:prod",
            Lost,
        ),
        case(
            "and copies at another provider saved it",
            shop().shop("rto", json!("1d")).store("b", "us", "backup").copy("b", &[30]),
            "account:prod",
            Recoverable,
        )
        .into("fr"),
        // GitLab 2017: dumps of a few bytes, unnoticed.
        case(
            "a backup of a few bytes",
            shop().store("vault", "us", "backup").copy_of(
                0,
                json!({"store": "vault", "format": "dump"}),
                summary(&[(30, PointState::Suspect), (999, PointState::Usable)]),
            ),
            "ie",
            Breach,
        )
        .loses(0, 999)
        .says("is suspect"),
        // Cloudflare 2023, AWS 2021.
        case(
            "the control plane in the lost region",
            backed_up()
                .set("/domains/-", json!({"id": "control", "kind": "service", "in": ["ie"]}))
                .set("/runbooks/0/step/0/relies_on", json!(["domain:control"])),
            "ie",
            Lost,
        )
        .says("relies on domain:control"),
        // Facebook 2021.
        case(
            "names are served from there",
            backed_up()
                .set(
                    "/workloads/-",
                    json!({"id": "dns", "home": "ie", "asset": [{"id": "zone", "layer": "config"}]}),
                )
                .set("/runbooks/0/step/0/relies_on", json!(["asset:dns/zone"])),
            "ie",
            Lost,
        )
        .says("relies on asset:dns/zone"),
        // The runbook kept in the failed region.
        case(
            "the runbook is kept there",
            backed_up().set("/runbooks/0/relies_on", json!(["store:wiki"])).store("wiki", "ie", "prod"),
            "ie",
            Lost,
        )
        .says("the runbook go relies on store:wiki"),
        case(
            "keys in the lost region",
            backed_up()
                .set("/keys/-", json!({"id": "kms", "kept_in": ["ie"]}))
                .set("/stores/0/key", json!("kms")),
            "ie",
            Lost,
        )
        .says("kms, is kept only in ie"),
        // Replication green, and empty.
        case(
            "replication that followed the deletion",
            shop().replica("fr", 0.0),
            "asset:shop/db=corrupted",
            Lost,
        )
        .clean(60)
        .says("the replica of db in fr has the damage too"),
        case(
            "a mirror that followed it too",
            shop().store("vault", "us", "backup").copy_of(
                0,
                json!({"store": "vault", "format": "bucket"}),
                summary(&[(0, PointState::Usable)]),
            ),
            "asset:shop/db=corrupted",
            Lost,
        )
        .clean(60),
        // NIRS 2025.
        case("too large to back up", shop(), "ie", Lost).says("no copy and no replica of db survives"),
        // GitHub 2018.
        case(
            "a partition shows what was not replicated",
            shop().replica("fr", 43.0).wrote(1),
            "ie",
            Recoverable,
        )
        .loses(42, 43),
        // AWS 2021: monitoring in the dark is not health.
        case(
            "what is not seen is not green",
            shop().replica_of(0, json!({"region": "fr", "lag": probe()}), Some((1.0, Some(-900), -900))),
            "ie",
            Unknown,
        ),
    ]);
}

#[test]
fn there_are_enough_cases() {
    // Counted in the text, so that none is lost by accident.
    let written = include_str!("cases.rs").matches("case(").count();
    assert!(written >= 120, "{written}");
}
