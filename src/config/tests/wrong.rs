//! Files that parse and are wrong: keys, values, names, plans.

use super::*;

/// An edit of one file gives exactly these: `place: what | hint`, marked text.
#[track_caller]
fn gives(file: &str, from: &str, to: &str, expected: &[(&str, &str)]) {
    let text = edited(file, from, to);
    let found: Vec<_> = errors(&[(file, &text)]).iter().map(told).collect();
    let found: Vec<_> = found.iter().map(|(what, marked)| (what.as_str(), marked.as_str())).collect();
    assert_eq!(found, expected);
}

#[test]
fn keys_values_and_names_that_are_wrong() {
    gives(
        CHECKOUT,
        "home",
        "hom",
        &[("workloads/checkout.toml:6:1: unknown key `hom` | did you mean `home`?", "hom")],
    );
    gives(
        CHECKOUT,
        "home = \"eu-west-1\"",
        "home = \"eu-wset-1\"",
        &[(
            "workloads/checkout.toml:6:8: unknown region \"eu-wset-1\" | did you mean \"eu-west-1\"?",
            "\"eu-wset-1\"",
        )],
    );
    gives(
        CHECKOUT,
        "\"5m\"",
        "5",
        &[(
            "workloads/checkout.toml:4:7: `rpo` must be a duration such as \"90s\", \"5m\", \"1d12h\", not a number | write \"5s\" for seconds",
            "5",
        )],
    );
    gives(
        CHECKOUT,
        "\"5m\"",
        "\"5 apples\"",
        &[(
            "workloads/checkout.toml:4:7: \"5 apples\" is no duration: write 90s, 5m, 1d12h | ",
            "\"5 apples\"",
        )],
    );
    gives(
        CHECKOUT,
        "layer = \"database\"",
        "layer = \"databse\"",
        &[(
            "workloads/checkout.toml:15:9: `layer` is \"databse\" | did you mean \"database\"?",
            "\"databse\"",
        )],
    );
    gives(
        CHECKOUT,
        "layer = \"database\"\n",
        "",
        &[(
            "workloads/checkout.toml:13:1: `layer` is missing from this `asset` | add `layer`, \"application\", \"image\", \"infrastructure\", \"database\", \"analytics\", \"media\", \"secrets\" or \"config\"",
            "[[asset]]",
        )],
    );
    gives(
        CHECKOUT,
        "format = \"pgbackrest\"",
        "format = \"pgbackrst\"",
        &[(
            "workloads/checkout.toml:19:10: unknown format \"pgbackrst\" | did you mean \"pgbackrest\"?",
            "\"pgbackrst\"",
        )],
    );
    gives(
        CHECKOUT,
        "stanza = \"orders\"",
        "match = \"*\"",
        &[
            (
                "workloads/checkout.toml:17:1: `stanza` is missing from this `copy` | add `stanza`, text",
                "[[asset.copy]]",
            ),
            ("workloads/checkout.toml:21:1: `match` is no key of pgbackrest | it belongs to dump", "match"),
        ],
    );
    gives(
        CHECKOUT,
        "[\"eu-central-1\"]",
        "\"eu-central-1\"",
        &[(
            "workloads/checkout.toml:7:11: `standby` must be a list, each item the id of a region or a table, not text | write [\"eu-central-1\"]",
            "\"eu-central-1\"",
        )],
    );
    gives(
        CHECKOUT,
        "[[asset]]",
        "[asset]",
        &[(
            "workloads/checkout.toml:13:1: `asset` must be a list, each item a table, not a table | head it with [[asset]]",
            "[asset]",
        )],
    );
    gives(
        CHECKOUT,
        "http = ",
        "htp = ",
        &[
            (
                "workloads/checkout.toml:9:1: a probe of no kind | head it with one of http, tcp, postgres, command",
                "[[health]]",
            ),
            ("workloads/checkout.toml:11:1: unknown key `htp` | did you mean `http`?", "htp"),
        ],
    );
    gives(
        CHECKOUT,
        "region = \"eu-west-1\"\nhttp",
        "tcp = \"db.example:70000\"\nhttp",
        &[
            (
                "workloads/checkout.toml:10:7: `tcp` is \"db.example:70000\" | write \"host:port\"",
                "\"db.example:70000\"",
            ),
            (
                "workloads/checkout.toml:11:1: a probe of two kinds, `tcp` and `http` | keep one, or write two probes",
                "http",
            ),
        ],
    );
}

#[test]
fn values_out_of_range() {
    gives(
        "regions.toml",
        "at = [53.35, -6.26]",
        "at = [53.35, -186.26]",
        &[(
            "regions.toml:8:14: -186.26 is no longitude | `at` is latitude, then longitude; write -180 to 180",
            "-186.26",
        )],
    );
    gives(
        "regions.toml",
        "at = [53.35, -6.26]",
        "at = [53.35]",
        &[("regions.toml:8:6: 1 items where 2 belong | write a list of exactly 2, each a number", "[53.35]")],
    );
    gives("regions.toml", "53.35", "nan", &[("regions.toml:8:7: `at` is nan | write a number", "nan")]);
    gives(
        "stores.toml",
        "s3://",
        "ftp://",
        &[(
            "stores.toml:5:7: no kind of store begins with \"ftp\" | write s3, gs, az, http, https, file, oci, git+https",
            "\"ftp://northwind-backups\"",
        )],
    );
    gives(
        "stores.toml",
        "s3://northwind-backups",
        "https://dav.example:99999/",
        &[("stores.toml:5:7: `url` is no URL: invalid port number | ", "\"https://dav.example:99999/\"")],
    );
    gives(
        "stores.toml",
        "s3://northwind-backups",
        "https://me:pass@dav.example/",
        &[(
            "stores.toml:5:7: `url` is no URL: it holds a password; name a reference instead | ",
            "\"https://me:pass@dav.example/\"",
        )],
    );
    gives(
        BOOK,
        "attempts = 3",
        "attempts = 0",
        &[(
            "runbooks/checkout-failover.toml:17:22: `attempts` is 0 | write a whole number from 1 to 100",
            "0",
        )],
    );
    gives(
        BOOK,
        "status = 200",
        "status = 2000",
        &[(
            "runbooks/checkout-failover.toml:19:74: `status` is 2000 | write a whole number from 100 to 599",
            "2000",
        )],
    );
    gives(
        BOOK,
        "\"60s\"",
        "\"0s\"",
        &[(
            "runbooks/checkout-failover.toml:16:11: `timeout` is \"0s\" | write a duration above zero such as \"90s\", \"5m\", \"1d12h\"",
            "\"0s\"",
        )],
    );
    gives(
        "lifeboat.toml",
        "name = \"Northwind\"",
        "name = \"N\"\n[defaults]\ntimezone = \"Europe/Pariss\"",
        &[(
            "lifeboat.toml:4:12: \"Europe/Pariss\" is no time zone | did you mean \"Europe/Paris\"?",
            "\"Europe/Pariss\"",
        )],
    );
    gives(
        CHECKOUT,
        "schedule = \"1d\"",
        "schedule = { cron = \"0 25 * * *\" }",
        &[(
            "workloads/checkout.toml:22:21: \"0 25 * * *\" is no cron line | write minute, hour, day, month, weekday, such as \"0 2 * * *\"",
            "\"0 25 * * *\"",
        )],
    );
}

#[test]
fn runbooks_that_cannot_work() {
    gives(
        BOOK,
        "needs = [\"fence\"]",
        "needs = [\"fense\"]",
        &[(
            "runbooks/checkout-failover.toml:30:10: unknown step \"fense\" | did you mean \"fence\"?",
            "\"fense\"",
        )],
    );
    gives(
        BOOK,
        "needs = [\"fence\"]",
        "needs = [\"promote\"]",
        &[(
            "runbooks/checkout-failover.toml:30:9: steps that need each other: promote → promote | ",
            "[\"promote\"]",
        )],
    );
    gives(
        BOOK,
        "target = \"{{ to }}\"\n",
        "",
        &[(
            "runbooks/checkout-failover.toml:31:15: a destructive step without a target | give it `target`, the name that the operator types",
            "true",
        )],
    );
    gives(
        BOOK,
        "[\"./bin/fence\", \"{{ from }}\"]",
        "\"./bin/fence {{ from }}\"",
        &[(
            "runbooks/checkout-failover.toml:15:7: `run` must be an argument list such as [\"program\", \"argument\"], not text | write [\"program\", \"argument\"]: it is never a shell line",
            "\"./bin/fence {{ from }}\"",
        )],
    );
    gives(
        BOOK,
        "\"./bin/fence\", \"{{ from }}\"",
        "\"{{ from }}\"",
        &[(
            "runbooks/checkout-failover.toml:15:8: the program is a parameter | name the program; insert parameters into arguments",
            "\"{{ from }}\"",
        )],
    );
    gives(
        BOOK,
        "./bin/fence",
        "./.lifeboat/fence",
        &[(
            "runbooks/checkout-failover.toml:15:8: \"./.lifeboat/fence\" is outside of what is trusted | move it to another folder of the estate",
            "\"./.lifeboat/fence\"",
        )],
    );
    gives(
        BOOK,
        "./bin/fence",
        "../fence",
        &[(
            "runbooks/checkout-failover.toml:15:8: \"../fence\" leaves the estate | copy it into the estate, or write its absolute path",
            "\"../fence\"",
        )],
    );
    gives(
        BOOK,
        "over to {{ to }}",
        "over to {{ too }}",
        &[(
            "runbooks/checkout-failover.toml:3:9: {{ too }} is no parameter and no output | did you mean {{ to }}?",
            "\"Fail Checkout over to {{ too }}\"",
        )],
    );
    gives(
        BOOK,
        "idempotent = true",
        "when = \"frm == eu-west-1\"",
        &[(
            "runbooks/checkout-failover.toml:18:9: \"frm\" is no parameter and no output | did you mean `from`?",
            "frm",
        )],
    );
    gives(
        BOOK,
        "idempotent = true",
        "when = \"from == eu-wset-1\"",
        &[(
            "runbooks/checkout-failover.toml:18:17: \"eu-wset-1\" is no region | there are: eu-central-1, eu-west-1",
            "eu-wset-1",
        )],
    );
    gives(
        BOOK,
        "idempotent = true",
        "when = \"mode == live and promote.state == succeeded\"",
        &[(
            "runbooks/checkout-failover.toml:18:26: promote.state is not known when it is asked: the step does not come after promote | add \"promote\" to its `needs`",
            "promote.state",
        )],
    );
    gives(
        BOOK,
        "over to {{ to }}",
        "over to {{ to",
        &[(
            "runbooks/checkout-failover.toml:3:9: a broken {{ }} | write {{ name }} or {{ step.output }}",
            "\"Fail Checkout over to {{ to\"",
        )],
    );
    gives(
        BOOK,
        "id = \"promote\"\n",
        "",
        &[(
            "runbooks/checkout-failover.toml:25:1: `id` is missing from this `step` | add `id`, an id",
            "[[step]]",
        )],
    );
    gives(
        BOOK,
        "promotes = \"checkout/orders-db\"",
        "promotes = \"orders-db\"",
        &[(
            "runbooks/checkout-failover.toml:34:12: unknown asset \"orders-db\" | write WORKLOAD/ASSET",
            "\"orders-db\"",
        )],
    );
    gives(
        BOOK,
        "default = \"eu-west-1\"",
        "default = \"eu-west-2\"",
        &[(
            "runbooks/checkout-failover.toml:8:37: unknown region \"eu-west-2\" | did you mean \"eu-west-1\"?",
            "\"eu-west-2\"",
        )],
    );
    gives(
        BOOK,
        "kind = \"command\"\nrun",
        "kind = \"comand\"\nrun",
        &[(
            "runbooks/checkout-failover.toml:14:8: unknown kind \"comand\" | did you mean \"command\"?",
            "\"comand\"",
        )],
    );
}

#[test]
fn templates_stand_only_where_they_are_filled_in() {
    let what = "`http` holds {{ }}, which only runbooks fill in";
    gives(
        CHECKOUT,
        "checkout.eu-west-1",
        "{{ host }}",
        &[(&format!("workloads/checkout.toml:11:8: {what} | "), "\"https://{{ host }}.example/health\"")],
    );
    gives(
        BOOK,
        "{ http = \"http://fence.example/{{ from }}\", expect",
        "{ postgres = { dsn = { env = \"{{ to }}\" } }, expect",
        &[(
            "runbooks/checkout-failover.toml:19:39: `env` holds {{ }}, and a reference is never filled in | ",
            "\"{{ to }}\"",
        )],
    );
}

#[test]
fn how_long_to_wait_is_never_filled_in() {
    let watch =
        "kind = \"wait\"\nprobe = { http = \"http://x.example/{{ to }}\" }\nstable = \"{{ to }}\"\nneeds";
    let found = errors(&[(
        BOOK,
        &edited(BOOK, "kind = \"command\"\nrun = [\"./bin/promote\", \"{{ to }}\"]\nneeds", watch),
    )]);
    let found: Vec<_> = found.iter().map(|d| (d.place(), d.what.as_str())).collect();
    let what = "\"{{ to }}\" is no duration: write 90s, 5m, 1d12h";
    assert_eq!(found, [("runbooks/checkout-failover.toml:30:10".to_owned(), what)]);
}

#[test]
fn ids_declared_twice_name_the_first() {
    gives(
        "regions.toml",
        "id = \"eu-central-1\"",
        "id = \"eu-west-1\"",
        &[
            (
                "regions.toml:11:6: a second region \"eu-west-1\" | the first is at regions.toml:4",
                "\"eu-west-1\"",
            ),
            (
                "stores.toml:6:10: unknown region \"eu-central-1\" | declare it in regions.toml",
                "\"eu-central-1\"",
            ),
            (
                "workloads/checkout.toml:7:12: unknown region \"eu-central-1\" | declare it in regions.toml",
                "\"eu-central-1\"",
            ),
            ("runbooks/checkout-failover.toml:9:35: unknown region \"eu-central-1\" | ", "\"eu-central-1\""),
        ],
    );
    let second = errors(&[("workloads/other.toml", "schema = 1\nid = \"checkout\"\nhome = \"eu-west-1\"\n")]);
    assert_eq!(
        told(&second[0]).0,
        "workloads/other.toml:2:6: a second workload \"checkout\" | the first is at workloads/checkout.toml:2"
    );
    gives(
        BOOK,
        "id = \"promote\"",
        "id = \"fence\"",
        &[
            (
                "runbooks/checkout-failover.toml:26:6: a second step \"fence\" | the first is at runbooks/checkout-failover.toml:12",
                "\"fence\"",
            ),
            (
                "runbooks/checkout-failover.toml:30:9: steps that need each other: fence → fence | ",
                "[\"fence\"]",
            ),
        ],
    );
}

#[test]
fn circles_are_drawn() {
    let file = |id: &str, on: &str| {
        format!("schema = 1\nid = \"{id}\"\nhome = \"eu-west-1\"\ndepends_on = [\"{on}\"]\n")
    };
    let all = errors(&[
        ("workloads/a.toml", &file("a", "b")),
        ("workloads/b.toml", &file("b", "c")),
        ("workloads/c.toml", &file("c", "a")),
    ]);
    let found: Vec<_> = all.iter().map(|d| told(d).0).collect();
    assert_eq!(found, ["workloads/a.toml:4:14: workloads that wait for each other: a → b → c → a | "]);
    let book = |id: &str, other: &str| {
        format!(
            "schema = 1\nid = \"{id}\"\ntitle = \"x\"\nkind = \"drill\"\n[[step]]\nid = \"s\"\nkind = \"runbook\"\nrunbook = \"{other}\"\n"
        )
    };
    let all = errors(&[("runbooks/x.toml", &book("x", "y")), ("runbooks/y.toml", &book("y", "x"))]);
    assert_eq!(told(&all[0]).0, "runbooks/x.toml:2:6: runbooks that start each other: x → y → x | ");
}
