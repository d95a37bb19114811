//! What outages have taught.

use serde_json::json;

use super::super::super::*;
use super::super::small::*;
use super::*;
use Verdict::*;

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
