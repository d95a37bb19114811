//! Whatever the bytes: an estate or a reason, never a panic.

use proptest::prelude::*;

use super::*;

/// Loads an estate of one file that may be anything, and draws what is wrong.
fn load_any(name: &str, bytes: &[u8]) -> Result<Loaded, Diagnostics> {
    let tmp = tempfile::tempdir().unwrap();
    write(tmp.path(), SMALL);
    write(tmp.path(), &[(name, bytes)]);
    let loaded = load(tmp.path(), &VOCABULARY);
    if let Err(all) = &loaded {
        assert!(all.errors().next().is_some(), "an error without a reason");
        let page = all.to_string();
        assert!(!page.chars().any(|c| c.is_control() && c != '\n'), "{page:?}");
        assert!(!all.to_problem().why.contains('\n'));
    }
    loaded
}

fn any_file() -> impl Strategy<Value = &'static str> {
    prop::sample::select(SMALL.iter().map(|(name, _)| *name).collect::<Vec<_>>())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes(name in any_file(), bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = load_any(name, &bytes);
    }

    #[test]
    fn arbitrary_text_in_the_manner_of_toml(
        name in any_file(),
        text in "(schema = 1\n)?([a-z]{1,9}|\\[\\[?[a-z.]{1,9}\\]?\\]?|[=\"'{}, .\n#\\[\\]0-9éλ\t-]|id = |name = |step|asset){0,60}",
    ) {
        let _ = load_any(name, text.as_bytes());
    }

    /// A good file with some bytes changed, cut or doubled.
    #[test]
    fn damaged_files(name in any_file(), cuts in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3_u8), 1..6)) {
        let text = SMALL.iter().find(|(n, _)| *n == name).unwrap().1;
        let mut bytes = text.as_bytes().to_vec();
        for (at, byte, how) in cuts {
            let at = at.index(bytes.len().max(1));
            match how {
                _ if bytes.is_empty() => bytes.push(byte),
                0 => bytes[at] = byte,
                1 => { bytes.remove(at); }
                _ => bytes.insert(at, byte),
            }
        }
        let _ = load_any(name, &bytes);
    }
}

/// Run in a thread with a small stack, as a worker would have.
fn in_a_small_stack(name: &'static str, text: String) -> Result<Loaded, Diagnostics> {
    let thread = std::thread::Builder::new().stack_size(2 << 20);
    thread.spawn(move || load_any(name, text.as_bytes())).unwrap().join().unwrap()
}

#[test]
fn deep_nesting_is_refused_and_costs_no_stack() {
    let name = "lifeboat.toml";
    let deep = [
        format!("schema = 1\nname = \"x\"\n{}x = 1\n", "a.".repeat(200_000)),
        format!("schema = 1\nname = \"x\"\n[{}x]\n", "policy.".repeat(100_000)),
        format!("schema = 1\nname = {}{}\n", "[".repeat(300_000), "]".repeat(300_000)),
        format!("schema = 1\nname = {}", "{ a = ".repeat(100_000)),
        format!(
            "schema = 1\nx = \"\"\"\nit's\"\"\"\n[policy]\npacks = [\"\"\"\n'\"\"\", {{ {}x = 1 }}]\n",
            "a.".repeat(200_000)
        ),
        format!("schema = 1\nname = {}1{}\n", "{ a.a.a.a.a.a.a = [".repeat(39), "] }".repeat(39)),
    ];
    for text in deep {
        let start: String = text.chars().take(40).collect();
        assert!(in_a_small_stack(name, text).is_err(), "{start}");
    }
}

#[test]
fn the_deepest_value_that_parses_costs_no_stack() {
    let nested = format!("{}1{}", "{ a.a.a.a.a.a.a = [".repeat(39), "] }".repeat(39));
    let text = format!(
        "schema = 1\nid = \"x\"\ntitle = \"x\"\nkind = \"drill\"\n[params]\np = {{ type = \"string\", default = {nested} }}\n"
    );
    let all = in_a_small_stack("runbooks/x.toml", text).unwrap_err();
    assert!(all.to_string().contains("nested too deep"), "{all}");
}

#[test]
fn a_flood_of_errors_is_cut_and_said() {
    let text = format!(
        "schema = 1\nname = \"x\"\n{}",
        (0..20_000).map(|n| format!("k{n} = 1\n")).collect::<String>()
    );
    let all = load_any("lifeboat.toml", text.as_bytes()).unwrap_err();
    assert_eq!(all.errors().count(), 201);
    assert!(all.to_string().contains("has 19800 more errors"), "{}", all.to_problem());
}
