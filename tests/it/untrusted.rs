//! What an estate may do before a person has allowed it: nothing.

use std::net::TcpListener;

use crate::world::Home;

/// An estate whose every source leads to one listener, and whose secret and
/// step would leave a trace.
fn estate(home: &Home, port: u16) -> std::path::PathBuf {
    let dir = home.path("estate");
    std::fs::create_dir_all(dir.join("workloads")).expect("a folder");
    let trace = home.path("trace");
    let write = |name: &str, text: String| std::fs::write(dir.join(name), text).expect("a file");
    write("lifeboat.toml", "schema = 1\nname = \"Stranger\"\n[defaults]\npoll = \"1s\"\n".into());
    write(
        "regions.toml",
        format!(
            "schema = 1\n[[region]]\nid = \"a\"\n[[region.health]]\nhttp = \"http://127.0.0.1:{port}/\"\n"
        ),
    );
    write(
        "stores.toml",
        format!(
            "schema = 1\n[[store]]\nid = \"s\"\nurl = \"s3://b\"\nendpoint = \"http://127.0.0.1:{port}\"\nregion = \"a\"\n\
             credentials = {{ command = [\"/usr/bin/touch\", {:?}] }}\n",
            trace.display().to_string()
        ),
    );
    write(
        "workloads/w.toml",
        format!(
            "schema = 1\nid = \"w\"\nhome = \"a\"\n[[health]]\nregion = \"a\"\ntcp = \"127.0.0.1:{port}\"\n\
             [[asset]]\nid = \"db\"\nlayer = \"database\"\n[[asset.copy]]\nstore = \"s\"\nformat = \"dump\"\n"
        ),
    );
    dir
}

#[test]
fn nothing_connects_runs_or_reads_a_secret_before_trust() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.set_nonblocking(true).expect("non-blocking");
    let home = Home::new();
    let dir = estate(&home, listener.local_addr().expect("its address").port());
    for args in
        [&["status"][..], &["check"], &["points", "w"], &["what-if", "a"], &["declare", "a"], &["run", "x"]]
    {
        let (code, text) = home.ask(&dir, &[args, &["--json"]].concat());
        assert_eq!(code, 2, "{args:?}: {text}");
        assert!(text.contains("LB-TRUST-001") && text.contains("lifeboat trust"), "{args:?}: {text}");
    }
    assert_eq!(home.ask(&dir, &["validate"]).0, 0, "reading it is allowed");
    assert!(listener.accept().is_err(), "nobody connected");
    assert!(!home.path("trace").exists(), "nothing was run");

    // The same estate, trusted, does all of it: the test above can fail.
    assert_eq!(home.ask(&dir, &["trust", "--yes"]).0, 0);
    let (code, text) = home.ask(&dir, &["points", "w", "--json"]);
    assert_eq!(code, 3, "{text}");
    assert!(home.path("trace").exists(), "its credentials' command was run");
    let _ = home.ask(&dir, &["status"]);
    assert!(listener.accept().is_ok(), "somebody connected");

    // A name that is not there is wrong usage, and no fault of the estate.
    for args in [
        &["status", "ww"][..],
        &["points", "w/bd"],
        &["what-if", "region:b"],
        &["declare", "b"],
        &["run", "x"],
    ] {
        let (code, text) = home.ask(&dir, &[args, &["--json"]].concat());
        assert_eq!(code, 64, "{args:?}: {text}");
        assert!(text.contains("LB-USAGE-001") && !text.contains("LB-ESTATE"), "{args:?}: {text}");
    }

    // One byte changed, and it is a stranger again.
    std::fs::write(dir.join("new.txt"), "x").expect("a file");
    let (code, text) = home.ask(&dir, &["status", "--json"]);
    assert!(code == 2 && text.contains("LB-TRUST-002") && text.contains("new.txt"), "{text}");
}

#[test]
fn three_broken_files_are_told_in_one_go() {
    let home = Home::new();
    let dir = estate(&home, 1);
    std::fs::write(dir.join("regions.toml"), "schema = 1\n[[region]]\nid = \"a\nname = 3\n").expect("a file");
    std::fs::write(dir.join("stores.toml"), "schema = 1\n[[store]]\nid = \"s\"\nurl = \n").expect("a file");
    std::fs::write(dir.join("workloads/w.toml"), "schema = 1\nid = \"w\"\nhoem = \"a\"\n").expect("a file");
    let (code, text) = home.ask(&dir, &["validate", "--json"]);
    assert_eq!(code, 2, "{text}");
    for words in ["regions.toml", "stores.toml", "workloads/w.toml", "home"] {
        assert!(text.contains(words), "{words} in {text}");
    }
}
