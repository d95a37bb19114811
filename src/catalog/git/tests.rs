//! What real servers of Git advertised, and bare repositories made by hand.

use lifeboat_core::model::*;
use serde_json::json;

use crate::{
    catalog::testing::{Hand, Told, look_beside, store, web},
    net::{store::Repo, testing::Server},
};

const NOW: &str = "2026-11-22T14:00:00Z";
const PRIMARY: &[u8] = include_bytes!("../../../tests/fixtures/git/primary/info/refs");
const MIRROR: &[u8] = include_bytes!("../../../tests/fixtures/git/mirror/info/refs");

/// Answers for `primary.git` and `mirror.git`.
async fn server() -> Server {
    web(|line, head| {
        let found = |body: &[u8]| -> Told { (200, Vec::new(), body.to_vec()) };
        assert!(!head.contains("git-protocol"), "{head}");
        match line {
            "GET /shop/primary.git/info/refs?service=git-upload-pack" => found(PRIMARY),
            "GET /shop/mirror.git/info/refs?service=git-upload-pack" => found(MIRROR),
            "GET /shop/login.git/info/refs?service=git-upload-pack" => found(b"<html>Sign in</html>"),
            "GET /shop/moved.git/info/refs?service=git-upload-pack" => {
                (301, vec![("Location", "https://elsewhere.example/".to_owned())], Vec::new())
            }
            "GET /shop/private.git/info/refs?service=git-upload-pack" => {
                match head.contains("authorization: basic yw5uonnly3jlda==") {
                    true => found(PRIMARY),
                    false => (401, vec![("WWW-Authenticate", "Basic realm=\"git\"".to_owned())], Vec::new()),
                }
            }
            _ => (404, Vec::new(), Vec::new()),
        }
    })
    .await
}

async fn at_server(server: &Server, id: &str, name: &str) -> Repo {
    store(id, &format!("git+http://{}/shop/{name}.git", server.addr), Some("ann:secret")).await.unwrap()
}

async fn look(own: &Repo, original: Option<Repo>) -> Result<CopyReport, Problem> {
    look_beside("git", "", own, original, NOW).await
}

/// The lines of `git ls-remote` are the truth about what is advertised.
#[test]
fn an_advertisement_is_read_as_git_itself_reads_it() {
    let truths = [
        (PRIMARY, include_str!("../../../tests/fixtures/git/primary-truth-ls-remote.txt")),
        (MIRROR, include_str!("../../../tests/fixtures/git/mirror-truth-ls-remote.txt")),
    ];
    for (bytes, truth) in truths {
        let refs = super::refs::parse_advertisement(bytes).unwrap();
        let told = truth.lines().map(|line| {
            let (oid, name) = line.split_once('\t').unwrap();
            (name.as_bytes().to_vec(), super::refs::Oid::parse(oid.as_bytes()).unwrap())
        });
        assert_eq!(refs.by_name, told.collect());
    }
}

#[tokio::test]
async fn a_mirror_that_is_behind_is_counted_and_never_last_good() {
    let server = server().await;
    let primary = || at_server(&server, "lon", "primary");
    let same = look(&at_server(&server, "fra", "primary").await, Some(primary().await)).await.unwrap();
    let good = same.summary().last_good.unwrap();
    assert_eq!(
        (good.id.as_str(), good.at.to_rfc3339().as_str()),
        ("all refs (2)", "2026-11-22T14:00:00+00:00")
    );
    assert_eq!((same.gaps.len(), same.notes.len(), same.cost.requests), (0, 0, 2), "{same:#?}");

    let report = look(&at_server(&server, "fra", "mirror").await, Some(primary().await)).await.unwrap();
    let [point] = &report.points[..] else { panic!("{report:#?}") };
    assert_eq!((point.state, point.completed_at), (PointState::Unverified, None));
    assert_eq!(
        point.reason,
        "1 elsewhere than in the original: refs/heads/main (4860ed2 here, ac47fdd there); refs carry no time, \
         so nothing says since when"
    );
    assert_eq!(report.gaps[0].first_missing, "refs/heads/main");
    assert!(report.notes[0].why.contains("behind or one of both was rewritten"), "{:?}", report.notes);
    assert!(report.summary().last_good.is_none());
    assert_eq!(report.behind, Some(Behind { objects: 1, oldest: None }));
}

#[tokio::test]
async fn what_cannot_be_compared_is_unverified_and_what_is_no_git_says_so() {
    let server = server().await;
    let mirror = at_server(&server, "fra", "mirror").await;
    for original in [None, Some("absent"), Some("login"), Some("moved")] {
        let original = match original {
            Some(name) => Some(at_server(&server, "lon", name).await),
            None => None,
        };
        let there = original.is_some();
        let report = look(&mirror, original).await.unwrap();
        assert_eq!(report.points[0].state, PointState::Unverified, "{report:#?}");
        assert!(report.points[0].completed_at.is_none() && report.notes.len() == usize::from(there));
    }
    let table =
        [("absent", Code::STORE_MISSING), ("login", Code::COPY_FORMAT), ("moved", Code::STORE_GARBLED)];
    for (name, code) in table {
        let problem = look(&at_server(&server, "fra", name).await, None).await.unwrap_err();
        assert_eq!(problem.code, code, "{problem}");
    }
    let private = at_server(&server, "fra", "private").await;
    assert_eq!(look(&private, None).await.unwrap().points.len(), 1, "a login is given where it is asked for");
    let closed = format!("git+http://{}/shop/private.git", server.addr);
    let problem = look(&store("fra", &closed, None).await.unwrap(), None).await.unwrap_err();
    assert_eq!(problem.code, Code::STORE_DENIED, "{problem}");
    let problem = look_beside("pgbackrest", "", &private, None, NOW).await.unwrap_err();
    assert!(problem.to_string().contains("no store of objects"), "{problem}");
    let problem = store("fra", "git+http://git.example/x", None).await.unwrap_err();
    assert_eq!(problem.code, Code::STORE_URL, "{problem}");
}

#[tokio::test]
async fn bare_repositories_are_read_from_their_files() {
    let (a, b, c) = ("a".repeat(40), "b".repeat(40), "c".repeat(40));
    let bare = |below: &str, packed: &str, loose: &[(&str, &str)]| {
        let hand = Hand::new();
        hand.put(&format!("{below}HEAD"), "ref: refs/heads/main\n", NOW);
        hand.put(
            &format!("{below}packed-refs"),
            format!("# pack-refs with: peeled fully-peeled sorted\n{packed}"),
            NOW,
        );
        for (name, oid) in loose {
            hand.put(&format!("{below}{name}"), format!("{oid}\n"), NOW);
        }
        hand
    };
    let packed =
        format!("{b} refs/heads/main\n{b} refs/heads/next\n{b} refs/tags/v1\n^{c}\n{c} refs/pull/1/head\n");
    let original =
        bare("", &packed, &[("refs/heads/main", &a), ("refs/remotes/origin/HEAD", "ref: refs/heads/main")]);
    // loose refs stand before packed ones, in a repository with files as well
    let mirror = bare(".git/", "", &[("refs/heads/main", &a), ("refs/heads/next", &b), ("refs/tags/v1", &b)]);
    let look = async |own: &Hand| look(&own.folder("fra"), Some(original.folder("lon"))).await.unwrap();
    let report = look(&mirror).await;
    assert_eq!(report.summary().last_good.map(|p| p.id).as_deref(), Some("all refs (3)"), "{report:#?}");

    mirror.remove(".git/refs/heads/next");
    mirror.put(".git/refs/heads/old", format!("{a}\n"), NOW);
    mirror.put(".git/HEAD", "ref: refs/heads/old\n", NOW);
    let report = look(&mirror).await;
    assert!(report.points[0].reason.starts_with("1 not copied: refs/heads/next"), "{report:#?}");
    let notes: Vec<_> = report.notes.iter().map(|n| &*n.why).collect();
    assert_eq!(
        notes,
        [
            "1 refs are here and not in the original: refs/heads/old",
            "a clone begins on refs/heads/old here and on refs/heads/main in the original"
        ]
    );

    mirror.put(".git/refs/tags/v1", format!("{c}\n"), NOW);
    let report = look(&mirror).await;
    assert_eq!(report.points[0].state, PointState::Suspect, "a tag that moved");
    mirror.put(".git/refs/tags/v1", "not an id\n", NOW);
    let read = look_beside("git", "", &mirror.folder("fra"), None, NOW).await;
    assert_eq!(read.unwrap_err().code, Code::COPY_FORMAT);
    let empty = bare("", "", &[]);
    let problem = look_beside("git", "", &empty.folder("fra"), None, NOW).await.unwrap_err();
    assert_eq!(problem.code, Code::COPY_NOT_THERE, "{problem}");
    let emptied = look_beside("git", "", &mirror.folder("fra"), Some(empty.folder("lon")), NOW).await;
    assert_eq!(emptied.unwrap_err().code, Code::COPY_FORMAT);
    mirror.put(".git/refs/tags/v1", format!("{b}\n"), NOW);
    let report = look_beside("git", "", &mirror.folder("fra"), Some(empty.folder("lon")), NOW).await.unwrap();
    assert_eq!(report.points[0].state, PointState::Suspect, "an original that was emptied: {report:#?}");
    let nothing = Hand::new();
    nothing.put("x", "x", NOW);
    let problem = nothing.try_look("git", json!({}), NOW).await.unwrap_err();
    assert_eq!(problem.code, Code::COPY_NOT_THERE, "{problem}");
}
