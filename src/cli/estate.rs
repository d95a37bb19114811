//! `init`, `validate`, `trust`, `schema`.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;

use lifeboat_core::model::{Clock, Code, Problem, clean_line};

use super::opened::{find, load};
use super::{Asked, exit, print, print_json};
use crate::config::{self, trust};
use crate::engine::{SystemClock, VOCABULARY};
use crate::keep::Places;

pub fn init(dir: Option<PathBuf>, name: Option<String>) -> Result<i32, Problem> {
    let dir = dir.unwrap_or_else(|| PathBuf::from("."));
    let whole = std::path::absolute(&dir).unwrap_or_else(|_| dir.clone());
    let folder = whole.file_name().map_or("Estate".into(), |name| name.to_string_lossy());
    let written = config::init(&dir, name.as_deref().unwrap_or(&folder))?;
    for path in &written {
        eprintln!("wrote {}", path.display());
    }
    eprintln!("Read them, fill in your own, then: lifeboat validate, lifeboat trust, lifeboat");
    Ok(0)
}

pub fn validate(asked: &Asked) -> Result<i32, Problem> {
    let dir = find(asked, &Places::from_env()?)?;
    match load(&dir) {
        Ok(loaded) => {
            let e = &loaded.estate;
            let counts = (e.regions.len(), e.stores.len(), e.workloads.len(), e.runbooks.len());
            if asked.json {
                print_json(&serde_json::json!({
                    "schema": 1, "valid": true, "estate": e.name, "regions": counts.0, "stores": counts.1,
                    "workloads": counts.2, "runbooks": counts.3,
                    "warnings": loaded.warnings.iter().map(ToString::to_string).collect::<Vec<_>>(),
                }));
            }
            for warning in &loaded.warnings {
                eprintln!("{warning}");
            }
            eprintln!(
                "{}: valid. {} regions, {} stores, {} workloads, {} runbooks.",
                clean_line(&e.name),
                counts.0,
                counts.1,
                counts.2,
                counts.3
            );
            Ok(if loaded.warnings.is_empty() { 0 } else { 1 })
        }
        Err(all) => {
            if asked.json {
                print_json(&all.to_json());
            }
            eprint!("{all}");
            Ok(exit::REFUSED)
        }
    }
}

pub fn trust(asked: &Asked, dir: Option<PathBuf>, yes: bool, hash: Option<&str>) -> Result<i32, Problem> {
    let places = Places::from_env()?;
    let dir = match dir {
        Some(dir) => config::find(Some(&dir), None, &PathBuf::from("."), &places.config)?,
        None => find(asked, &places)?,
    };
    let loaded = load(&dir).map_err(|all| {
        eprint!("{all}");
        all.to_problem()
    })?;
    let closure = trust::closure(&loaded.dir)?;
    match trust::check(&places.state, &loaded)? {
        trust::Trust::Trusted(_) => eprintln!("{} is trusted already.", loaded.dir.display()),
        trust::Trust::Missing => eprintln!("{} has not been trusted on this machine.", loaded.dir.display()),
        trust::Trust::Changed(changes) => eprintln!("Since it was trusted: {changes}"),
    }
    eprintln!("{} files, hash {}", closure.entries.len(), closure.hash);
    if !loaded.programs.is_empty() {
        let programs: Vec<_> = loaded.programs.iter().map(|p| clean_line(p)).collect();
        eprintln!("It may start: {}", programs.join(", "));
    }
    if !yes && hash.is_none() && !agreed()? {
        eprintln!("Nothing was changed.");
        return Ok(exit::REFUSED);
    }
    let allowed = trust::allow(&places.state, &loaded, hash.or(Some(&closure.hash)), SystemClock.now())?;
    print(&format!("{}\n", allowed.hash));
    Ok(0)
}

/// Asks on the terminal; only the whole word counts.
fn agreed() -> Result<bool, Problem> {
    if !std::io::stdin().is_terminal() {
        return Err(Problem::new(Code::TRUST_MISSING, "lifeboat trust")
            .because("there is no terminal to ask on")
            .next("give --yes, or --hash with the hash shown"));
    }
    eprint!("Type trust to let it connect, read secrets and start programs: ");
    let _ = std::io::stderr().flush();
    let mut line = String::new();
    let read = std::io::stdin().read_line(&mut line);
    Ok(read.is_ok() && line.trim() == "trust")
}

pub fn schema(points: bool) -> Result<i32, Problem> {
    if points {
        print(crate::catalog::POINTS_SCHEMA);
        return Ok(0);
    }
    print_json(&config::schema(&VOCABULARY));
    Ok(0)
}

pub fn reference() -> Result<i32, Problem> {
    print(&config::reference(&VOCABULARY));
    Ok(0)
}
