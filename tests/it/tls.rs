//! TLS against a real server: trusted by `ca`, and by nothing else.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

use lifeboat::{
    net::{Http, Secrets},
    probe::{Prober, Probing},
};
use lifeboat_core::model::{Code, Dur, Probe};
use serde_json::json;

struct Server {
    child: Child,
    address: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn certificate(dir: &Path, name: &str) {
    let args = [
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=localhost",
        "-addext",
        "subjectAltName=DNS:localhost,IP:127.0.0.1",
        "-addext",
        "basicConstraints=critical,CA:FALSE",
    ];
    let files = [format!("{name}.key"), format!("{name}.pem")];
    let mut make = Command::new("openssl");
    make.args(args).args(["-keyout", &files[0], "-out", &files[1]]);
    assert!(make.current_dir(dir).stderr(Stdio::null()).status().unwrap().success());
}

fn serve(dir: &Path) -> Server {
    let mut child = Command::new("openssl")
        .args(["s_server", "-accept", "127.0.0.1:0", "-www", "-key", "a.key", "-cert", "a.pem"])
        .current_dir(dir)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.as_mut().unwrap()).lines().map_while(Result::ok);
    let address = lines.map(|l| l.strip_prefix("ACCEPT ").map(str::to_owned)).find_map(|l| l).unwrap();
    Server { child, address }
}

#[tokio::test]
async fn a_private_authority_is_trusted_where_it_is_named() {
    if Command::new("openssl").arg("version").output().is_err() {
        assert_ne!(std::env::var("LIFEBOAT_LAB").as_deref(), Ok("1"), "openssl is missing");
        println!("skipped: openssl is not installed");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    certificate(dir.path(), "a");
    certificate(dir.path(), "b");
    std::fs::write(dir.path().join("empty.pem"), "").unwrap();
    let server = serve(dir.path());
    let prober = Prober::new(Http::new(), Secrets::new(dir.path(), []));
    for (ca, code) in [
        (Some("a.pem"), None),
        (Some("b.pem"), Some(Code::PROBE_TLS)),
        (None, Some(Code::PROBE_TLS)),
        (Some("missing.pem"), Some(Code::PROBE_TLS)),
        (Some("empty.pem"), Some(Code::PROBE_TLS)),
    ] {
        let target = format!("https://{}/", server.address);
        let probe: Probe =
            serde_json::from_value(json!({"kind": "http", "target": target, "ca": ca})).unwrap();
        let answer = prober.ask(&probe, Dur::secs(20)).await;
        assert_eq!(answer.as_ref().err().map(|p| p.code), code, "{ca:?}: {answer:?}");
        // and the certificate itself: it is good for two days
        for (min, holds) in [(1, true), (30, false)] {
            let expect = json!({"min": min});
            let probe = json!({"kind": "tls", "target": server.address, "ca": ca, "expect": expect});
            let answer = prober.ask(&serde_json::from_value(probe).unwrap(), Dur::secs(20)).await;
            assert_eq!(answer.as_ref().err().map(|p| p.code), code, "{ca:?}: {answer:?}");
            if let Ok(reading) = answer {
                assert_eq!(reading.holds, holds, "{reading:?}");
                assert!(
                    !holds || reading.value.is_some_and(|days| (1.9..2.1).contains(&days)),
                    "{reading:?}"
                );
            }
        }
    }
}
