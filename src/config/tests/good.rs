//! What is right loads, in the shapes that the model promises.

use lifeboat_core::model::{Credentials, Dur, Schedule, SecretRef, Unit, Vocabulary};
use serde_json::json;

use super::*;

#[test]
fn the_small_estate_loads_exactly_as_documented() {
    let (tmp, loaded) = with(&[]);
    let loaded = loaded.unwrap();
    let estate = &loaded.estate;
    assert_eq!((estate.id.as_str(), estate.name.as_str()), ("northwind", "Northwind"));
    assert_eq!(estate.region("eu-west-1").unwrap().at, Some((53.35, -6.26)));
    let checkout = estate.workload("checkout").unwrap();
    assert_eq!((checkout.rpo, checkout.rto), (Some(Dur::secs(300)), Some(Dur::secs(1_800))));
    assert_eq!(checkout.standbys[0].region, *"eu-central-1");
    let health = &checkout.health[0];
    assert_eq!(health.region.as_ref().unwrap(), &"eu-west-1");
    assert_eq!(
        (health.probe.kind.as_str(), &health.probe.target),
        ("http", &json!("https://checkout.eu-west-1.example/health"))
    );
    let copy = &checkout.asset("orders-db").unwrap().copies[0];
    assert_eq!((copy.format.as_str(), copy.path.as_str()), ("pgbackrest", "pgbackrest"));
    assert_eq!(copy.options, [("stanza".to_owned(), json!("orders"))].into());
    assert_eq!(copy.schedule, Some(Schedule::Every(Dur::secs(86_400))));
    let book = estate.runbook("checkout-failover").unwrap();
    assert_eq!(book.workloads, ["checkout"]);
    let [fence, promote] = &book.steps[..] else { panic!("two steps") };
    assert_eq!(fence.options["run"], json!(["./bin/fence", "{{ from }}"]));
    assert_eq!(fence.verify.as_ref().unwrap().expect.status, Some(200));
    assert_eq!(fence.retry.as_ref().unwrap().attempts, 3);
    assert_eq!(fence.undo.as_deref(), Some(&["./bin/unfence".to_owned(), "{{ from }}".to_owned()][..]));
    assert_eq!(promote.needs.as_deref().unwrap(), ["fence"]);
    assert!(promote.destructive && promote.point_of_no_return);
    assert_eq!(loaded.dir, tmp.path().canonicalize().unwrap());
    assert_eq!(loaded.files.len(), SMALL.len());
    assert!(loaded.programs.contains("./bin/fence") && loaded.programs.contains("./bin/unfence"));
    // The programs are not there: said, and no reason to refuse the plan.
    assert!(loaded.warnings.iter().all(|w| w.severity == Severity::Warning && w.what.contains("./bin/")));
}

/// Every key that the documents name, once.
const MORE: &[(&str, &str)] = &[
    (
        "lifeboat.toml",
        r#"schema = 1
id = "nw"
name = "Northwind"
[defaults]
poll = "30s"
refresh = "15m"
timeout = "5s"
detect = "2m"
decide = "5m"
timezone = "Europe/Paris"
[[tier]]
level = 1
rpo = "1m"
rto = "30m"
drill_every = "90d"
[[group]]
id = "money"
assets = ["checkout/orders-db", "ledger/main"]
tolerance = "5s"
[policy]
packs = ["baseline"]
[[override]]
rule = "residency"
subject = "checkout"
reason = "agreed with legal"
until = 2027-01-01T00:00:00Z
[[operator]]
id = "ada"
roles = ["commander"]
key = "ed25519:abc"
[[approval]]
id = "two"
need = 2
roles = ["commander"]
within = "15m"
[[interlock]]
id = "quiet"
all = [{ http = "https://deploys.example/frozen" }]
any = ["other", "in-service:eu-central-1", "one-writer:checkout/orders-db"]
at_least = 1
invert = false
wait = "10s"
[[interlock]]
id = "other"
all = [{ tcp = "db.example:5432" }]
[[notify]]
id = "page"
url = "https://page.example/hook"
token = { env = "PAGE_TOKEN" }
[rehearsal]
regions = ["eu-central-1"]
accounts = ["sandbox"]
stores = ["s1"]
[vault]
stores = ["s1", "s2", "s3"]
lease = { etcd = ["https://e1.example:2379"] }
"#,
    ),
    (
        "regions.toml",
        r#"schema = 1
[[region]]
id = "eu-west-1"
provider = "aws"
domains = ["campus-a"]
[[region.health]]
http = "https://status.example/eu-west-1"
every = "1m"
[[region]]
id = "eu-central-1"
provider = "aws"
[[region]]
id = "cellar"
at = [47, 8]
[[account]]
id = "prod"
provider = "aws"
organisation = "northwind"
[[account]]
id = "sandbox"
[[domain]]
id = "campus-a"
kind = "campus"
in = ["provider:aws", "organisation:northwind", "eu-west-1"]
[[link]]
from = "eu-west-1"
to = "eu-central-1"
carries = "replication"
[[key]]
id = "backup-key"
from = { file = "keys/backup" }
kept_in = ["eu-west-1", "account:sandbox", "store:s1", "asset:checkout/orders-db"]
probe = { command = ["can-read", "backup-key"], timeout = "20s" }
[[secret]]
id = "vault-token"
from = { command = ["op", "read", "op://dr/token"] }
"#,
    ),
    (
        "stores.toml",
        r#"schema = 1
[[store]]
id = "s1"
url = "s3://one/below"
endpoint = "https://minio.example:9000"
signing_region = "eu-west-1"
region = "eu-west-1"
account = "prod"
domains = ["campus-a"]
credentials = { env_prefix = "FRA_" }
ca = "ca.pem"
key = "backup-key"
deletable_by = ["prod"]
expect = { versioning = true, object_lock = "compliance", encryption = true, public = false, location = "eu-west-1" }
managed_by = "terraform:aws_s3_bucket.b"
quota = "10TiB"
online = true
[[store]]
id = "s2"
url = "file:///srv/backups"
region = "eu-central-1"
credentials = "ambient"
[[store]]
id = "s3"
url = "https://dav.example/backups"
region = "cellar"
credentials = { secret = "vault-token" }
"#,
    ),
    (
        "workloads/checkout.toml",
        r#"schema = 1
id = "checkout"
tier = 1
account = "prod"
owner = "payments"
contacts = ["payments@northwind.example"]
impact = { per_hour = 12000, mtd = "1d", obligations = ["PSD2"] }
reviewed = 2026-11-01
objectives = [{ against = "region", rpo = "1m", rto = "30m" }, { against = "account=compromised", rpo = "1d", rto = "8h" }]
home = "eu-west-1"
strategy = "warm-standby"
active_when = { http = "https://dns.example/checkout", value = "/ip", map = { "10.0.0.1" = "eu-west-1" } }
residency = ["EU"]
depends_on = ["ledger", { id = "search", kind = "soft" }]
runbooks = { failover = "checkout-failover" }
[[standby]]
region = "eu-central-1"
account = "prod"
capacity = { http = "https://quota.example", value = "/free", need = 40 }
[[health]]
region = "eu-west-1"
postgres = { dsn = { env = "DSN" } }
[[route]]
dns = "shop.example"
ttl = "60s"
resolvers = ["9.9.9.9"]
[[asset]]
id = "orders-db"
layer = "database"
required = true
rpo = "1m"
rto = "10m"
for_each = { shard = "00..15" }
write_probe = { http = "https://x.example/last", value = "/at", unit = "rfc3339" }
[[asset.replica]]
region = "eu-central-1"
account = "prod"
lag = { http = "https://x.example/replication", value = "/lag_seconds", unit = "s", as_of = "/measured_at" }
synchronous = false
[[asset.copy]]
store = "s2"
path = "dumps"
format = "dump"
match = "**/*.gz"
time = "%Y-%m-%dT%H%MZ"
timezone = "UTC"
schedule = { cron = "0 2 * * *", timezone = "Europe/Paris" }
refresh = "1h"
grace = "30m"
retention = { min = "30d", max = "1w 1d", legal_hold = true }
password = { secret = "backup-key" }
key = "backup-key"
parts = [{ store = "s1", path = "wal" }]
[[asset]]
id = "app"
layer = "application"
rebuild = { takes = "5m" }
"#,
    ),
    (
        "workloads/ledger.toml",
        "schema = 1\nid = \"ledger\"\nactive = [{ region = \"eu-west-1\", share = 0.5 }, { region = \"eu-central-1\", share = 0.5 }]\n\
         [[asset]]\nid = \"main\"\nlayer = \"database\"\nuses = \"checkout/orders-db\"\n",
    ),
    ("workloads/search.toml", "schema = 1\nid = \"search\"\nhome = \"eu-west-1\"\n"),
    (
        "runbooks/everything.toml",
        r#"schema = 1
id = "everything"
title = "Evacuate {{ from }}"
kind = "evacuation"
workloads = ["checkout", "ledger"]
for = ["account=compromised", "region", "corrupted"]
relies_on = ["account:sandbox"]
waves = { max_parallel = 2, stop_after_failures = 1 }
commit = "person"
[params]
from = { type = "region", default = "eu-west-1" }
what = { type = "workload", default = "ledger", text = "Which?" }
when = { type = "instant", default = "2026-11-22T14:00:00Z" }
how = { type = "choice", choices = ["fast", "slow"], default = "slow" }
many = { type = "integer", default = 3 }
sure = { type = "bool", default = false }
word = { type = "string" }
token = { type = "secret" }
point = { type = "recovery-point" }
[[step]]
id = "ask"
kind = "manual"
text = "Call **{{ word }}**"
fields = ["ticket", { id = "rows", type = "integer", required = false }]
evidence = "a screenshot"
needs = []
when = "{{ sure }}"
phase = "main"
takes = "5m"
for_each = { shard = "00..03" }
max_parallel = 2
approvals = { need = 2, roles = ["commander"], within = "15m" }
[[step]]
id = "choose"
kind = "decide"
choices = [{ id = "go", title = "Go", steps = ["back"] }, { id = "stay" }]
[[step]]
id = "back"
kind = "restore"
asset = "{{ what }}/orders-db"
at = "{{ when }}"
timeout = "1h"
settle = "5s"
absent = { http = "https://x.example/{{ shard }}" }
verify = { command = ["./bin/verify", "{{ ask.ticket }}"] }
outputs = { rows = { pointer = "/rows", type = "integer" }, lsn = "/lsn" }
relies_on = ["store:s1"]
rehearsal = "simulate"
on_failure = "roll_back"
approvals = 1
[[step]]
id = "then"
kind = "runbook"
runbook = "checkout-failover"
with = { from = "{{ from }}" }
[[step]]
id = "see"
kind = "wait"
stable = "30s"
assess = { workload = "{{ what }}", verdict = "unaffected" }
[[step]]
id = "watch"
kind = "check"
probe = { tcp = "{{ word }}:5432" }
when = "how == fast and (back.rows > 0 or not graceful)"
[[step]]
id = "tell"
kind = "http"
method = "POST"
url = "https://x.example/{{ back.lsn }}?seen={{ watch.value }}&e={{ ask.evidence }}&rows={{ back.rows }}"
phase = "cleanup"
"#,
    ),
];

#[test]
fn every_key_of_the_documents_loads() {
    let (_tmp, loaded) = with(MORE);
    let loaded = loaded.unwrap_or_else(|e| panic!("{e}"));
    let estate = &loaded.estate;
    assert_eq!(estate.id, "nw");
    let checkout = estate.workload("checkout").unwrap();
    assert_eq!(checkout.depends_on[0].id, *"ledger");
    assert_eq!(checkout.standbys[0].capacity.as_ref().unwrap().need, Some(40.0));
    assert_eq!(checkout.active_when.as_ref().unwrap().map["10.0.0.1"], "eu-west-1");
    let asset = checkout.asset("orders-db").unwrap();
    assert_eq!(asset.replicas[0].lag.as_ref().unwrap().unit, Some(Unit::S));
    let cron = Schedule::Cron { cron: "0 2 * * *".into(), timezone: Some("Europe/Paris".into()) };
    assert_eq!(asset.copies[0].schedule, Some(cron));
    assert_eq!(asset.copies[0].password, Some(SecretRef::Secret("backup-key".into())));
    let credentials = |id: &str| estate.store(id).unwrap().credentials.clone().unwrap();
    assert_eq!(credentials("s1"), Credentials::EnvPrefix("FRA_".into()));
    assert_eq!(credentials("s2"), Credentials::Ambient);
    assert_eq!(credentials("s3"), Credentials::Reference(SecretRef::Secret("vault-token".into())));
    let condition = &estate.interlocks[0]["all"][0];
    assert_eq!(condition, &json!({ "kind": "http", "target": "https://deploys.example/frozen" }));
    let book = estate.runbook("everything").unwrap();
    assert_eq!(book.workloads, ["checkout", "ledger"]);
    assert_eq!(book.steps[2].options["at"], json!("{{ when }}"));
    assert_eq!(estate.overrides[0].until.unwrap().to_rfc3339(), "2027-01-01T00:00:00+00:00");
    let named = ["op", "can-read", "./bin/verify", "./bin/fence"];
    assert!(named.iter().all(|p| loaded.programs.contains(*p)), "{:?}", loaded.programs);
}

#[test]
fn a_vault_without_a_safe_majority_is_a_warning() {
    let stores = "schema = 1\n[[store]]\nid = \"a\"\nurl = \"s3://a\"\nregion = \"eu-west-1\"\n\
                  [[store]]\nid = \"b\"\nurl = \"s3://b\"\nregion = \"eu-west-1\"\n\
                  [[store]]\nid = \"backups-fra\"\nurl = \"s3://c\"\nregion = \"eu-central-1\"\n";
    let vault = "schema = 1\nname = \"N\"\n[vault]\nstores = [\"a\", \"b\", \"backups-fra\"]\n";
    let (_tmp, loaded) = with(&[("stores.toml", stores), ("lifeboat.toml", vault)]);
    let warnings = loaded.unwrap().warnings;
    let found = warnings.iter().find(|w| w.what.contains("2 of 3 vault stores lie in region eu-west-1"));
    assert_eq!(found.unwrap().place(), "lifeboat.toml:4:10");
}

#[test]
fn what_lies_beside_the_estate_is_said_or_left_alone() {
    let files = [
        ("region.toml", "x"),
        ("runbook/other.toml", "x"),
        ("bin/x.toml", "x"),
        ("workloads/.checkout.toml.swp", "x"),
        ("README.md", "x"),
    ];
    let (_tmp, loaded) = with(&files);
    let warnings = loaded.unwrap().warnings;
    let stray: Vec<_> = warnings.iter().filter(|w| !w.what.contains("./bin/")).map(|w| told(w).0).collect();
    let expected = [
        "region.toml: region.toml is not read | did you mean regions.toml?",
        "runbook: runbook is not read | did you mean runbooks?",
    ];
    assert_eq!(stray, expected);
}

#[test]
fn an_empty_vocabulary_names_what_is_unknown() {
    let tmp = tempfile::tempdir().unwrap();
    write(tmp.path(), SMALL);
    let none = Vocabulary { formats: &[], probes: &[], steps: &[] };
    let all = load(tmp.path(), &none).unwrap_err();
    assert!(all.to_string().contains("unknown format \"pgbackrest\""), "{all}");
}
