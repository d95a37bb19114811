//! Files that are broken, unreadable or of another time; how all of it is told.

use lifeboat_core::model::{Code, Problem};

use super::*;

#[test]
fn three_broken_files_are_all_told_with_line_and_caret() {
    let all = errors(&[
        ("regions.toml", &edited("regions.toml", "provider = \"aws\"", "provider = aws\"")),
        ("stores.toml", &edited("stores.toml", "region = \"eu-central-1\"", "region \"eu-central-1\"")),
        (CHECKOUT, &edited(CHECKOUT, "standby = [\"eu-central-1\"]", "standby = [\"eu-central-1\"\nrto = ")),
    ]);
    let places: Vec<_> = all.iter().map(|d| (d.place(), d.excerpt.as_ref().unwrap().text.clone())).collect();
    assert!(places.contains(&("regions.toml:6:12".into(), "provider = aws\"".into())), "{places:?}");
    assert!(places.contains(&("stores.toml:6:8".into(), "region \"eu-central-1\"".into())), "{places:?}");
    assert!(places.iter().any(|(place, _)| place.starts_with("workloads/checkout.toml:")), "{places:?}");
    assert!(all.iter().all(|d| d.what.starts_with("TOML: ")), "{all:#?}");
}

#[test]
fn several_syntax_errors_of_one_file_come_in_one_go_with_what_else_is_wrong() {
    let text = "schema = 1\nid = \"checkout\"\nrpo = 5m\nhom = \"eu-west-1\"\nrto = \"30\nowner = = 3\n";
    let found: Vec<_> =
        errors(&[(CHECKOUT, text)]).iter().map(|d| (d.line.unwrap(), d.what.clone())).collect();
    let lines: Vec<_> = found.iter().filter(|(_, what)| what.starts_with("TOML")).map(|(n, _)| *n).collect();
    assert_eq!(lines, [3, 5, 6], "{found:?}");
    assert!(found.contains(&(4, "unknown key `hom`".into())), "{found:?}");
    assert!(!found.iter().any(|(_, what)| what.contains("missing")), "{found:?}");
}

#[test]
fn a_broken_header_does_not_blame_the_keys_below_it() {
    let text = edited("regions.toml", "[[region]]\nid = \"eu-central-1\"", "[[region\nid = \"eu-central-1\"");
    let found: Vec<_> =
        errors(&[("regions.toml", &text)]).iter().map(|d| (d.place(), d.what.clone())).collect();
    assert!(found.iter().all(|(_, what)| what.starts_with("TOML")), "{found:?}");
    assert_eq!(found[0].0, "regions.toml:10:9");
}

#[test]
fn files_that_cannot_be_read() {
    let tmp = tempfile::tempdir().unwrap();
    write(tmp.path(), SMALL);
    write(tmp.path(), &[("stores.toml", &b"schema = 1\n# \xff\n"[..])]);
    write(tmp.path(), &[("workloads/big.toml", vec![b'#'; (1 << 20) + 1])]);
    std::os::unix::fs::symlink("/etc/hostname", tmp.path().join("workloads/link.toml")).unwrap();
    std::os::unix::fs::symlink("nowhere", tmp.path().join("workloads/torn.toml")).unwrap();
    fs::create_dir(tmp.path().join("runbooks/folder.toml")).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, tmp.path().join("runbooks/pipe.toml"), 0o600.into()).unwrap();
    let all = load(tmp.path(), &VOCABULARY).unwrap_err();
    let found: Vec<_> = all.errors().map(|d| (d.code, told(d).0)).collect();
    let has = |code: Code, text: &str| found.iter().any(|(c, what)| *c == code && what.starts_with(text));
    assert!(has(Code::ESTATE_UNREADABLE, "stores.toml:2:3: stores.toml not UTF-8: byte 0xff"), "{found:#?}");
    assert!(
        has(Code::ESTATE_TOO_LARGE, "workloads/big.toml: workloads/big.toml larger than 1 MiB"),
        "{found:#?}"
    );
    assert!(has(Code::TRUST_LINK, "workloads/link.toml"), "{found:#?}");
    assert!(has(Code::ESTATE_UNREADABLE, "workloads/torn.toml"), "{found:#?}");
    assert!(has(Code::ESTATE_UNREADABLE, "runbooks/folder.toml"), "{found:#?}");
    assert!(has(Code::ESTATE_UNREADABLE, "runbooks/pipe.toml"), "{found:#?}");
    // The stores are not known to be missing: no error follows from that.
    assert_eq!(found.len(), 6, "{found:#?}");
}

#[test]
fn an_estate_of_too_many_bytes() {
    let tmp = tempfile::tempdir().unwrap();
    write(tmp.path(), SMALL);
    let large = format!("schema = 1\nid = \"x\"\n#{}", "x".repeat((1 << 20) - 40));
    for n in 0..65 {
        write(
            tmp.path(),
            &[(&format!("workloads/w{n:02}.toml"), large.replacen("\"x\"", &format!("\"w{n:02}\""), 1))],
        );
    }
    let all = load(tmp.path(), &VOCABULARY).unwrap_err();
    let codes: Vec<_> = all.errors().map(|d| (d.code, d.file.clone())).collect();
    assert!(codes.iter().all(|(code, _)| *code == Code::ESTATE_TOO_LARGE), "{codes:?}");
    assert_eq!(codes[0].1, Path::new("workloads/w64.toml"));
    assert_eq!(Problem::from(all).code, Code::ESTATE_TOO_LARGE);
}

#[test]
fn another_schema_is_told_and_nothing_else_of_that_file() {
    let newer = "schema = 2\nid = \"checkout\"\nquantum = true\n";
    let all = with(&[(CHECKOUT, newer)]).1.unwrap_err();
    let found: Vec<_> = all.errors().map(|d| (d.code, told(d).0)).collect();
    let what = "workloads/checkout.toml:1:10: schema 2 is newer than 1, the newest that this Lifeboat reads | update lifeboat";
    assert_eq!(found, [(Code::ESTATE_NEWER, what.to_owned())]);
    assert_eq!(all.to_problem().code, Code::ESTATE_NEWER);
    let older = with(&[(CHECKOUT, "schema = 0\n")]).1.unwrap_err();
    assert_eq!(older.to_problem().code, Code::ESTATE_OLDER);
    assert!(older.to_string().contains("lifeboat migrate"), "{older}");
    let none = errors(&[("lifeboat.toml", "name = \"N\"\n")]);
    assert_eq!(told(&none[0]).0, "lifeboat.toml:1:1: `schema` is missing | begin the file with `schema = 1`");
}

#[test]
fn a_folder_without_an_estate() {
    let tmp = tempfile::tempdir().unwrap();
    assert_eq!(load(tmp.path(), &VOCABULARY).unwrap_err().to_problem().code, Code::ESTATE_NOT_FOUND);
    assert_eq!(
        load(&tmp.path().join("x"), &VOCABULARY).unwrap_err().to_problem().code,
        Code::ESTATE_NOT_FOUND
    );
}

#[test]
fn the_page_reads_well_and_holds_nothing_hostile() {
    let text = "schema = 1\nid = \"checkout\"\nhome = \"eu-west-1\"\n# \u{1b}[2J\nname = \"東\tx\u{1b}[31m\"\nownr = \"\u{202e}x\"\n";
    let text = text.replace("\\u{1b}", "\u{1b}");
    let (_tmp, all) = with(&[(CHECKOUT, &text)]);
    let page = all.unwrap_err().to_string();
    assert!(!page.chars().any(|c| c.is_control() && c != '\n') && !page.contains('\u{202e}'), "{page:?}");
    let text = edited(CHECKOUT, "name = \"Checkout\"", "names = \"Checkout\"");
    let page = with(&[(CHECKOUT, &text)]).1.unwrap_err().to_string();
    let expected = "error: unknown key `names`\n  --> workloads/checkout.toml:3:1\n   |\n 3 | names = \"Checkout\"\n   | ^^^^^ did you mean `name`?\n";
    assert!(page.starts_with(expected), "{page}");
    assert!(page.contains("\n1 error, "), "{page}");
}

#[test]
fn scripts_get_the_same_as_json() {
    let text = edited(CHECKOUT, "home", "hom");
    let all = with(&[(CHECKOUT, &text)]).1.unwrap_err();
    let json = all.to_json();
    let first = &json["diagnostics"][0];
    assert_eq!((json["schema"].as_i64(), json["valid"].as_bool()), (Some(1), Some(false)));
    assert_eq!((first["file"].as_str(), first["line"].as_i64()), (Some("workloads/checkout.toml"), Some(6)));
    assert_eq!((first["severity"].as_str(), first["code"].as_str()), (Some("error"), Some("LB-ESTATE-002")));
    assert_eq!(first["hint"], "did you mean `home`?");
}
