//! What a thing needs is part of it (section 1).

use serde_json::json;

use super::super::super::*;
use super::*;
use Verdict::*;

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
