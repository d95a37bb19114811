//! Parsing and validating 1,000 workload files: at most 100 ms.

use std::fmt::Write;

use lifeboat::config::load;
use lifeboat_core::model::{FormatDef, KeyDef, KeyType, ProbeDef, Vocabulary};

const VOCABULARY: Vocabulary = Vocabulary {
    formats: &[FormatDef {
        id: "pgbackrest",
        keys: &[KeyDef::required("stanza", KeyType::Text, "")],
        doc: "",
    }],
    probes: &[ProbeDef { id: "http", target: KeyType::Url, doc: "" }],
    steps: &[],
};

fn main() {
    divan::main();
}

/// Each workload with a health probe, a standby, a dependency and an asset
/// with a replica and two copies: about a kilobyte.
fn workload(n: usize) -> String {
    let mut text = format!(
        "schema = 1\nid = \"w{n:04}\"\nname = \"Workload {n}\"\nrpo = \"5m\"\nrto = \"30m\"\nhome = \"eu-west-1\"\n\
         standby = [\"eu-central-1\"]\n"
    );
    if n > 0 {
        let _ = writeln!(text, "depends_on = [\"w{:04}\"]", n - 1);
    }
    for region in ["eu-west-1", "eu-central-1"] {
        let _ = writeln!(
            text,
            "\n[[health]]\nregion = \"{region}\"\nhttp = \"https://w{n}.{region}.example/health\""
        );
    }
    text.push_str(
        "\n[[asset]]\nid = \"db\"\nlayer = \"database\"\n\n[[asset.replica]]\nregion = \"eu-central-1\"\n",
    );
    let _ = writeln!(
        text,
        "lag = {{ http = \"https://w{n}.example/replication\", value = \"/lag_seconds\", unit = \"s\", as_of = \"/at\" }}"
    );
    for store in ["a", "b"] {
        let _ = writeln!(
            text,
            "\n[[asset.copy]]\nstore = \"{store}\"\nformat = \"pgbackrest\"\npath = \"w{n}\"\nstanza = \"main\"\n\
             schedule = \"1d\"\nlog_every = \"1m\""
        );
    }
    text
}

fn estate(workloads: usize) -> tempfile::TempDir {
    let tmp = tempfile::tempdir().expect("a temporary folder");
    let write = |name: &str, text: &str| std::fs::write(tmp.path().join(name), text).expect("a file");
    std::fs::create_dir(tmp.path().join("workloads")).expect("a folder");
    write("lifeboat.toml", "schema = 1\nname = \"Large\"\n");
    write("regions.toml", "schema = 1\n[[region]]\nid = \"eu-west-1\"\n[[region]]\nid = \"eu-central-1\"\n");
    write(
        "stores.toml",
        "schema = 1\n[[store]]\nid = \"a\"\nurl = \"s3://a\"\n[[store]]\nid = \"b\"\nurl = \"s3://b\"\n",
    );
    for n in 0..workloads {
        write(&format!("workloads/w{n:04}.toml"), &workload(n));
    }
    tmp
}

#[divan::bench(args = [100, 1_000], sample_count = 20)]
fn parse_and_validate(bencher: divan::Bencher, workloads: usize) {
    let tmp = estate(workloads);
    bencher.bench_local(|| match load(tmp.path(), &VOCABULARY) {
        Ok(loaded) => assert_eq!(loaded.estate.workloads.len(), workloads),
        Err(all) => panic!("{all}"),
    });
}
