//! Modes (judgement, section 1).

use serde_json::json;

use super::super::super::*;
use super::super::small::*;
use super::*;
use Verdict::*;

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
