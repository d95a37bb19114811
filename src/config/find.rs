//! Where the estate is, and under which name its state is kept.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use lifeboat_core::model::{Code, Problem};

const MAIN: &str = "lifeboat.toml";

/// The estate's folder: `explicit` (`--estate`), else `env` (`LIFEBOAT_ESTATE`),
/// else the nearest folder from `cwd` upwards that holds a lifeboat.toml, else
/// the user's config directory.
///
/// # Errors
/// LB-ESTATE-001 where there is none; a folder that was named is never
/// replaced by another.
pub fn find(
    explicit: Option<&Path>,
    env: Option<OsString>,
    cwd: &Path,
    user_config_dir: &Path,
) -> Result<PathBuf, Problem> {
    let env = env.filter(|value| !value.is_empty()).map(PathBuf::from);
    let named = [(explicit, "--estate"), (env.as_deref(), "LIFEBOAT_ESTATE")];
    if let Some((dir, by)) = named.into_iter().find_map(|(dir, by)| Some((dir?, by))) {
        let dir = cwd.join(dir);
        let dir =
            if dir.file_name().is_some_and(|n| n == MAIN) { dir.parent().unwrap_or(&dir) } else { &dir };
        return match dir.join(MAIN).is_file() {
            true => Ok(dir.to_owned()),
            false => {
                let why = format!("{by} names this folder, and it holds no {MAIN}");
                Err(Problem::new(Code::ESTATE_NOT_FOUND, dir.display()).because(why))
            }
        };
    }
    let mut places = cwd.ancestors().chain([user_config_dir]);
    match places.find(|dir| dir.join(MAIN).is_file()) {
        Some(dir) => Ok(dir.to_owned()),
        None => {
            let why = format!("no {MAIN} in it or above it, nor in {}", user_config_dir.display());
            Err(Problem::new(Code::ESTATE_NOT_FOUND, cwd.display()).because(why))
        }
    }
}

/// An id from a name: `Northwind Traders` is `northwind-traders`. A name
/// without a single plain letter or digit becomes a hash of itself.
pub fn slug(name: &str) -> String {
    let mut out = String::new();
    for c in name.chars().flat_map(char::to_lowercase) {
        match c {
            c if c.is_ascii_alphanumeric() => out.push(c),
            _ if out.is_empty() || out.ends_with('-') => {}
            _ => out.push('-'),
        }
        if out.len() == 64 {
            break;
        }
    }
    match out.trim_end_matches('-') {
        "" => format!("estate-{}", &blake3::hash(name.as_bytes()).to_hex()[..12]),
        slug => slug.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn estate_in(dir: &Path) {
        std::fs::create_dir_all(dir).unwrap();
        std::fs::write(dir.join(MAIN), "schema = 1\nname = \"X\"\n").unwrap();
    }

    #[test]
    fn the_nearest_place_wins_and_a_named_one_is_final() {
        let tmp = tempfile::tempdir().unwrap();
        let [work, user, named] = ["work", "user", "named"].map(|name| tmp.path().join(name));
        let deep = work.join("a/b");
        std::fs::create_dir_all(&deep).unwrap();
        let lost = find(None, None, &deep, &user).unwrap_err();
        assert_eq!(lost.code, Code::ESTATE_NOT_FOUND);
        estate_in(&user);
        assert_eq!(find(None, None, &deep, &user).unwrap(), user);
        estate_in(&work);
        assert_eq!(find(None, None, &deep, &user).unwrap(), work);
        assert_eq!(find(None, Some(OsString::new()), &deep, &user).unwrap(), work);
        let gone = find(None, Some("../../../named".into()), &deep, &user).unwrap_err();
        assert!(gone.why.contains("LIFEBOAT_ESTATE"), "{gone}");
        estate_in(&named);
        assert_eq!(find(None, Some(named.clone().into()), &deep, &user).unwrap(), named);
        let file = work.join(MAIN);
        assert_eq!(find(Some(&file), Some(named.into()), &deep, &user).unwrap(), work);
    }

    #[test]
    fn a_name_becomes_an_id() {
        for (name, id) in [("Northwind", "northwind"), ("  A & B, Inc. ", "a-b-inc"), ("Ünï", "n")] {
            assert_eq!(slug(name), id);
        }
        for odd in ["東京", "", "---", &"x y".repeat(60)] {
            assert!(lifeboat_core::model::is_id(&slug(odd)), "{odd}: {}", slug(odd));
        }
        assert_ne!(slug("東京"), slug("大阪"));
    }
}
