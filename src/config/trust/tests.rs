//! Trust holds for exactly what a person saw, and for nothing else.

use std::{
    collections::HashSet,
    ffi::OsStr,
    fs::Permissions,
    os::unix::fs::{PermissionsExt, symlink},
};

use super::*;
use crate::config::{
    load,
    tests::{SMALL, VOCABULARY, write},
};
use lifeboat_core::model::Time;
use record::{allow_with, check_with};
use std::fs;

struct World {
    _tmp: tempfile::TempDir,
    dir: std::path::PathBuf,
    state: std::path::PathBuf,
}

fn world() -> World {
    let tmp = tempfile::tempdir().unwrap();
    let (dir, state) = (tmp.path().join("estate"), tmp.path().join("state"));
    write(&dir, SMALL);
    write(&dir, &[("bin/fence", "#!/bin/sh\n"), (".git/config", "x"), (".lifeboat/last", "x")]);
    fs::set_permissions(dir.join("bin/fence"), Permissions::from_mode(0o755)).unwrap();
    symlink("fence", dir.join("bin/promote")).unwrap();
    World { dir: dir.canonicalize().unwrap(), state, _tmp: tmp }
}

fn now() -> Time {
    Time::from_timestamp(1_800_000_000, 0).unwrap()
}

impl World {
    fn loaded(&self) -> Loaded {
        load(&self.dir, &VOCABULARY).unwrap()
    }
    fn allow(&self) -> Closure {
        allow(&self.state, &self.loaded(), None, now()).unwrap()
    }
    fn check(&self) -> Trust {
        check(&self.state, &self.loaded()).unwrap()
    }
    #[track_caller]
    fn changes(&self) -> Changes {
        match self.check() {
            Trust::Changed(changes) => changes,
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn only_what_was_allowed_is_trusted() {
    let world = world();
    assert!(matches!(world.check(), Trust::Missing));
    let problem = world.check().granted(&world.dir).unwrap_err();
    assert_eq!(problem.code, Code::TRUST_MISSING);
    let closure = world.allow();
    let trusted = world.check().granted(&world.dir).unwrap();
    assert_eq!((trusted.hash(), trusted.dir()), (closure.hash.as_str(), world.dir.as_path()));
    assert_eq!(trusted.estate().name, "Northwind");
    // What lies outside of the closure may change.
    write(&world.dir, &[(".git/config", "y"), (".lifeboat/more", "y")]);
    assert!(matches!(world.check(), Trust::Trusted(_)));
    // Moved to another folder, it is another estate.
    let other = world.dir.with_file_name("other");
    fs::rename(&world.dir, &other).unwrap();
    assert!(matches!(check(&world.state, &load(&other, &VOCABULARY).unwrap()).unwrap(), Trust::Missing));
}

#[test]
fn what_changed_is_listed() {
    let world = world();
    world.allow();
    write(&world.dir, &[("bin/new", "x"), ("bin/fence", "#!/bin/sh\nrm -rf /\n")]);
    fs::remove_file(world.dir.join("bin/promote")).unwrap();
    let changes = world.changes();
    assert_eq!(changes.added, ["bin/new"]);
    assert_eq!(changes.removed, ["bin/promote"]);
    assert_eq!(changes.changed, ["bin/fence"]);
    assert_eq!(changes.to_string(), "changed: bin/fence; added: bin/new; removed: bin/promote");
    let problem = world.check().granted(&world.dir).unwrap_err();
    assert_eq!(problem.code, Code::TRUST_CHANGED);
    world.allow();
    assert!(matches!(world.check(), Trust::Trusted(_)));
}

#[test]
fn a_mode_a_link_and_a_name_are_part_of_it() {
    let world = world();
    world.allow();
    fs::set_permissions(world.dir.join("bin/fence"), Permissions::from_mode(0o644)).unwrap();
    assert_eq!(world.changes().changed, ["bin/fence"]);
    fs::set_permissions(world.dir.join("bin/fence"), Permissions::from_mode(0o755)).unwrap();
    assert!(matches!(world.check(), Trust::Trusted(_)));
    write(&world.dir, &[("bin/other", "#!/bin/sh\n")]);
    world.allow();
    fs::remove_file(world.dir.join("bin/promote")).unwrap();
    symlink("other", world.dir.join("bin/promote")).unwrap();
    assert_eq!(world.changes().changed, ["bin/promote"]);
    fs::remove_file(world.dir.join("bin/promote")).unwrap();
    symlink("fence", world.dir.join("bin/promote")).unwrap();
    fs::rename(world.dir.join("bin/other"), world.dir.join("bin/another")).unwrap();
    let changes = world.changes();
    assert_eq!((changes.added, changes.removed), (vec!["bin/another".into()], vec!["bin/other".into()]));
}

#[test]
fn every_bit_counts() {
    let world = world();
    let mut seen = HashSet::from([closure(&world.dir).unwrap().hash]);
    for (name, text) in SMALL {
        // Each bit of every seventh byte, so that the test stays quick.
        for at in (0..text.len()).step_by(7) {
            for bit in 0..8 {
                let mut bytes = text.as_bytes().to_vec();
                bytes[at] ^= 1 << bit;
                fs::write(world.dir.join(name), &bytes).unwrap();
                assert!(seen.insert(closure(&world.dir).unwrap().hash), "{name} byte {at} bit {bit}");
            }
        }
        fs::write(world.dir.join(name), text).unwrap();
    }
    assert!(seen.contains(&closure(&world.dir).unwrap().hash));
}

#[test]
fn links_that_leave_the_estate_are_refused() {
    let outside = tempfile::tempdir().unwrap();
    write(outside.path(), &[("evil", "#!/bin/sh\n")]);
    let absolute = outside.path().join("evil");
    // By way of a folder that goes down and comes up one too many.
    let detour = "deep/../../../estate/bin/fence";
    let targets = [
        absolute.to_str().unwrap(),
        "../../state",
        "../..",
        detour,
        "../.git/config",
        "../.lifeboat",
        "nowhere",
    ];
    for target in targets {
        let world = world();
        fs::create_dir_all(world.dir.join("bin/deep")).unwrap();
        write(&world.state, &[("x", "x")]);
        symlink(target, world.dir.join("bin/link")).unwrap();
        let problem = closure(&world.dir).unwrap_err();
        assert_eq!(problem.code, Code::TRUST_LINK, "{target}: {problem}");
        assert!(problem.subject.ends_with("bin/link"));
    }
    // An absolute one is refused even where it leads back: a copy's would not.
    let world = world();
    symlink(world.dir.join("bin/fence"), world.dir.join("bin/link")).unwrap();
    assert_eq!(closure(&world.dir).unwrap_err().code, Code::TRUST_LINK);
}

#[test]
fn what_is_no_file_is_refused_and_not_waited_for() {
    let world = world();
    rustix::fs::mkfifoat(rustix::fs::CWD, world.dir.join("bin/pipe"), 0o600.into()).unwrap();
    assert_eq!(closure(&world.dir).unwrap_err().code, Code::TRUST_FILE);
    fs::remove_file(world.dir.join("bin/pipe")).unwrap();
    use std::os::unix::ffi::OsStrExt;
    fs::write(world.dir.join(OsStr::from_bytes(b"bin/\xff")), "x").unwrap();
    assert_eq!(closure(&world.dir).unwrap_err().code, Code::TRUST_FILE);
}

#[test]
fn an_estate_of_too_many_bytes_is_refused() {
    let world = world();
    let file = fs::File::create(world.dir.join("core.img")).unwrap();
    file.set_len(65 << 20).unwrap();
    assert_eq!(closure(&world.dir).unwrap_err().code, Code::ESTATE_TOO_LARGE);
}

#[test]
fn a_hash_that_was_seen_elsewhere_must_be_the_one_here() {
    let world = world();
    let hash = closure(&world.dir).unwrap().hash;
    let refused = allow(&world.state, &world.loaded(), Some(&"0".repeat(64)), now()).unwrap_err();
    assert_eq!(refused.code, Code::TRUST_CHANGED);
    assert!(refused.why.contains(&hash));
    assert!(matches!(world.check(), Trust::Missing));
    allow(&world.state, &world.loaded(), Some(&hash.to_uppercase()), now()).unwrap();
    assert!(matches!(world.check(), Trust::Trusted(_)));
}

#[test]
fn a_name_that_leads_to_another_program_is_a_change() {
    let world = world();
    let book = SMALL[4].1.replace("./bin/fence", "fence");
    write(&world.dir, &[("runbooks/checkout-failover.toml", book)]);
    let tools = tempfile::tempdir().unwrap();
    write(tools.path(), &[("good/fence", "x"), ("evil/fence", "x")]);
    for folder in ["good", "evil"] {
        let program = tools.path().join(folder).join("fence");
        fs::set_permissions(program, Permissions::from_mode(0o755)).unwrap();
    }
    let path = |folders: &[&str]| std::env::join_paths(folders.iter().map(|f| tools.path().join(f))).unwrap();
    let loaded = world.loaded();
    allow_with(&world.state, &loaded, None, now(), Some(&path(&["none", "good", "evil"]))).unwrap();
    let check = |folders: &[&str]| check_with(&world.state, &loaded, Some(&path(folders))).unwrap();
    let Trust::Trusted(trusted) = check(&["good"]) else { panic!("the same program") };
    assert_eq!(trusted.program("fence"), Some(&*tools.path().join("good/fence")));
    let Trust::Changed(changes) = check(&["evil", "good"]) else { panic!("another program is run") };
    assert!(changes.programs[0].starts_with("fence was ") && changes.programs[0].ends_with("evil/fence"));
    assert!(matches!(check(&["none"]), Trust::Changed(_)));
}

#[test]
fn a_file_changed_after_it_was_loaded_is_noticed() {
    let world = world();
    world.allow();
    let loaded = world.loaded();
    write(&world.dir, &[("lifeboat.toml", "schema = 1\nname = \"Other\"\n")]);
    assert_eq!(check(&world.state, &loaded).unwrap_err().code, Code::TRUST_CHANGED);
    assert_eq!(allow(&world.state, &loaded, None, now()).unwrap_err().code, Code::TRUST_CHANGED);
}

#[test]
fn a_damaged_or_borrowed_record_is_none() {
    let world = world();
    world.allow();
    let record = fs::read_dir(world.state.join("trust")).unwrap().next().unwrap().unwrap().path();
    assert_eq!(record.metadata().unwrap().permissions().mode() & 0o077, 0);
    let text = fs::read_to_string(&record).unwrap();
    fs::write(&record, text.replace(&world.dir.display().to_string(), "/elsewhere")).unwrap();
    assert!(matches!(world.check(), Trust::Missing));
    fs::write(&record, &text[..text.len() / 2]).unwrap();
    assert!(matches!(world.check(), Trust::Missing));
}

#[test]
fn state_that_cannot_be_written_is_told() {
    let world = world();
    fs::write(&world.state, "a file where a folder belongs").unwrap();
    assert_eq!(allow(&world.state, &world.loaded(), None, now()).unwrap_err().code, Code::TRUST_WRITE);
}

#[test]
fn a_run_gets_a_copy_with_the_same_hash() {
    let world = world();
    world.allow();
    let trusted = world.check().granted(&world.dir).unwrap();
    let run = world.state.join("runs/one/estate");
    trusted.freeze(&run).unwrap();
    assert_eq!(fs::read_to_string(run.join("bin/promote")).unwrap(), "#!/bin/sh\n");
    assert_eq!(run.join("bin/fence").metadata().unwrap().permissions().mode() & 0o777, 0o755);
    assert!(!run.join(".git").exists() && !run.join(".lifeboat").exists());
    let frozen = load(&run, &VOCABULARY).unwrap();
    let resumed = TrustedEstate::of_run(&frozen, trusted.hash()).unwrap();
    assert_eq!(resumed.dir(), run.canonicalize().unwrap());
    assert_eq!(freeze(&world.dir, &run).unwrap_err().code, Code::ESTATE_EXISTS);
    fs::write(run.join("bin/fence"), "#!/bin/sh\nrm -rf /\n").unwrap();
    assert_eq!(TrustedEstate::of_run(&frozen, trusted.hash()).unwrap_err().code, Code::TRUST_CHANGED);
    // The estate changed after it was trusted: the copy is refused.
    write(&world.dir, &[("bin/fence", "other")]);
    let late = trusted.freeze(&world.state.join("runs/two/estate")).unwrap_err();
    assert_eq!(late.code, Code::TRUST_CHANGED);
}

#[test]
fn what_is_read_later_is_what_was_trusted_or_nothing() {
    let world = world();
    write(&world.dir, &[("secrets/fra", "key"), ("real/ca", "pem")]);
    symlink("real", world.dir.join("alias")).unwrap();
    fs::write(world.dir.with_file_name("outside"), "theirs").unwrap();
    world.allow();
    let trusted = world.check().granted(&world.dir).unwrap();
    let read = |path: &str| match trusted.read(path, 100) {
        Ok(bytes) => Ok(String::from_utf8(bytes).unwrap()),
        Err(Unread::Changed(problem)) => Err(*problem),
        Err(Unread::Io(e)) => panic!("{path}: {e}"),
    };
    let inside = world.dir.join("secrets/fra").display().to_string();
    for (path, content) in [
        ("secrets/fra", "key"),
        ("./bin/../secrets/fra", "key"),
        (&inside, "key"),
        ("alias/ca", "pem"),
        ("bin/promote", "#!/bin/sh\n"),
        ("../outside", "theirs"),
    ] {
        assert_eq!(read(path).as_deref(), Ok(content), "{path}");
    }
    // What trust does not cover is no file of the estate.
    for path in [".git/config", ".lifeboat/last"] {
        assert_eq!(read(path).unwrap_err().code, Code::TRUST_CHANGED, "{path}");
    }
    assert!(trusted.unchanged().is_ok());
    write(&world.dir, &[("secrets/fra", "another"), ("evil/ca", "mine")]);
    fs::remove_file(world.dir.join("alias")).unwrap();
    symlink("evil", world.dir.join("alias")).unwrap();
    let problem = read("secrets/fra").unwrap_err();
    assert_eq!((problem.code, problem.why.as_str()), (Code::TRUST_CHANGED, "changed: secrets/fra"));
    assert!(problem.next.contains("lifeboat trust"), "{problem}");
    assert_eq!(read("alias/ca").as_deref(), Ok("pem"), "the link that was trusted is followed");
    fs::remove_file(world.dir.join("secrets/fra")).unwrap();
    symlink("../../outside", world.dir.join("secrets/fra")).unwrap();
    assert!(trusted.read("secrets/fra", 100).is_err(), "a link that leads out is not followed");
    let problem = trusted.unchanged().unwrap_err();
    assert_eq!(problem.code, Code::TRUST_LINK, "{problem}");
    fs::remove_file(world.dir.join("secrets/fra")).unwrap();
    let problem = trusted.unchanged().unwrap_err();
    assert_eq!(problem.why, "changed: alias; added: evil/ca; removed: secrets/fra", "{problem}");
}
