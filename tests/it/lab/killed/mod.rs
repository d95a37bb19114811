//! Whoever drives a run is killed at every line of its journals and in the middle
//! of every effect, and the run is taken up again until it is over. `kills.c`
//! kills, from inside the processes and unknown to the program, and notes it;
//! `notes` holds what it noted against the finished journals; `person` answers
//! where only a person may. `home` and `restored` are the runs; those of a region
//! lost in other ways are killed in `variants`.

mod home;
mod notes;
mod person;
mod restored;

use std::{
    collections::BTreeSet,
    ffi::OsString,
    fs::{self, File},
    os::unix::process::ExitStatusExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use lifeboat::keep::runs as kept;
use lifeboat_core::{
    model::RunId,
    run::{AskKind, Machine},
};

use super::world::World;
use crate::{lab, preload};
use notes::Notes;

/// How long one life of a driver may last: half a gigabyte is replayed in one.
const LIFE: Duration = Duration::from_secs(180);
/// More lives than lines, effects and people together need.
const LIVES: usize = 1_000;

/// At which lines a driver dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lines {
    /// At none.
    Spared,
    /// At every line, in one of the four phases; which of them turns from line
    /// to line, and begins elsewhere with every number.
    Turning(u8),
    /// At every line before it, with half of it there, and when it is there.
    Thrice,
}

/// Who dies in the middle of a step's first effect. Later ones lose their driver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effects {
    /// The driver; the effect goes on.
    Alone,
    /// The driver, the attempt, and all that this started.
    All,
}

#[derive(Debug, Clone, Copy)]
pub struct How {
    pub lines: Lines,
    pub effects: Effects,
    /// See KILL_POINT of `kills.c`.
    pub point: &'static str,
}

impl How {
    /// The point at which most effects are met.
    fn deep(&self) -> usize {
        self.point.rsplit(',').next().and_then(|n| n.parse().ok()).expect(self.point)
    }
}

/// What the gate does once, and so many more ways as LIFEBOAT_KILLED says: at every
/// line in every phase, then at one point of every effect after the other.
pub fn ways(gate: How) -> Vec<How> {
    let points = ["1", "2", "3", "4", "5", "6", "7", "8", "10", "12", "14"];
    let more = std::env::var("LIFEBOAT_KILLED").ok().and_then(|n| n.parse().ok()).unwrap_or(0);
    let lines = |n: usize| if n == 0 { Lines::Thrice } else { Lines::Spared };
    let deeper = points.iter().enumerate().map(|(n, point)| How { lines: lines(n), point, ..gate });
    std::iter::once(gate).chain(deeper.take(more)).collect()
}

/// One run, with those inside it, from its first life to its last.
pub struct Killed<'a> {
    world: &'a World,
    how: How,
    env: Vec<(&'static str, OsString)>,
    notes: PathBuf,
    /// Drivers that ended by SIGKILL.
    dead: BTreeSet<u32>,
    lives: usize,
    /// How often a person was asked.
    asked: usize,
    /// Runs of others, from before.
    before: BTreeSet<RunId>,
    /// What a person does not do again when it failed.
    given_up: &'a [&'a str],
}

impl<'a> Killed<'a> {
    pub fn new(world: &'a World, how: How) -> Self {
        let library = preload::library("lab/killed/kills.c").expect("the lab insists on a C compiler");
        let notes = (0..).map(|n| world.path(&format!("kills-{n}"))).find(|path| !path.exists()).unwrap();
        fs::write(&notes, "what was killed\n").unwrap();
        let effects = if how.effects == Effects::All { "all" } else { "alone" };
        let mut env: Vec<(&str, OsString)> = vec![
            ("LD_PRELOAD", library.clone().into()),
            ("KILL_LIBRARY", library.into()),
            ("KILL_NOTES", notes.clone().into()),
            ("KILL_EFFECTS", effects.into()),
            ("KILL_POINT", how.point.into()),
        ];
        match how.lines {
            Lines::Spared => {}
            Lines::Turning(from) => env.push(("KILL_LINES", from.to_string().into())),
            Lines::Thrice => env.push(("KILL_LINES", "all".into())),
        }
        let before = kept::list(&world.runs()).into_iter().map(|listed| listed.id).collect();
        Self { world, how, env, notes, dead: BTreeSet::new(), lives: 0, asked: 0, before, given_up: &[] }
    }
    /// Files that effects write below this folder are points too.
    pub fn writing(mut self, below: &Path) -> Self {
        self.env.push(("KILL_BELOW", below.into()));
        self
    }
    /// Steps that a person leaves out once they failed.
    pub fn giving_up(mut self, steps: &'a [&'a str]) -> Self {
        self.given_up = steps;
        self
    }

    /// Drives the run of `runbook` on, from where it is begun with `begin` where it
    /// is not there yet, until a life ends by itself and nobody has to say what
    /// became of a step; the exit code of that one.
    pub fn leads(&mut self, runbook: &str, begin: Option<&[&str]>, answers: &[&str]) -> i32 {
        loop {
            // One that was killed while its run was made has left none.
            let life = match (self.run_of(runbook), begin) {
                (Some(run), _) => self.world.command(&[&["resume", run.as_str()], answers].concat()),
                (None, Some(begin)) => self.world.command(&[&["run", runbook], begin].concat()),
                (None, None) => panic!("no run of {runbook}"),
            };
            let Some(code) = self.life(life) else { continue };
            let Some(run) = self.in_doubt() else { return code };
            self.asked += 1;
            let life = person::life(self.world, &run, self.given_up);
            assert!(self.life(life).is_none_or(|code| code == 0), "a person was not heard: {}", self.said());
        }
    }

    /// Its exit code; `None` where it was killed.
    fn life(&mut self, mut command: Command) -> Option<i32> {
        self.lives += 1;
        assert!(self.lives < LIVES, "it does not come on: {}", self.said());
        let said = File::options().append(true).create(true).open(self.world.path("lives")).unwrap();
        command.stdin(Stdio::null()).stdout(said.try_clone().unwrap()).stderr(said);
        let child = command.envs(self.env.iter().map(|(name, value)| (name, value))).spawn().unwrap();
        let pid = child.id();
        let status = self.end_of(child);
        if status.signal().is_some() {
            assert_eq!(status.signal(), Some(9), "{}", self.said());
            self.dead.insert(pid);
        }
        status.code()
    }

    fn end_of(&self, mut child: Child) -> ExitStatus {
        let end = Instant::now() + LIFE;
        loop {
            if let Some(status) = child.try_wait().unwrap() {
                return status;
            }
            if Instant::now() > end {
                child.kill().unwrap();
                panic!("a life that does not end: {}", self.said());
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// A run with a step of which only a person can say what became of it, or
    /// that only a person tries again.
    fn in_doubt(&self) -> Option<RunId> {
        let asks = |machine: &Machine| {
            machine.asks().iter().any(|ask| matches!(ask.kind, AskKind::Settle | AskKind::Failed))
        };
        let runs = self.world.runs();
        let all = kept::list(&runs).into_iter().map(|listed| listed.id);
        all.into_iter().find(|id| kept::read(&runs, id).is_ok_and(|(machine, _)| asks(&machine)))
    }

    /// The last of what was noted, and of what all lives and attempts said.
    pub fn said(&self) -> String {
        let printed = lab::files(&self.world.runs()).into_iter().filter(|path| path.ends_with("output"));
        let all = [self.notes.clone(), self.world.path("lives")].into_iter().chain(printed);
        let end = |path: PathBuf| {
            let text = String::from_utf8_lossy(&fs::read(&path).unwrap_or_default()).into_owned();
            let lines: Vec<&str> = text.lines().collect();
            format!("{}:\n{}", path.display(), lines[lines.len().saturating_sub(40)..].join("\n"))
        };
        format!("{:?}\n{}", self.how, all.map(end).collect::<Vec<_>>().join("\n"))
    }

    /// Nothing of the runs of these runbooks was written at which nobody died, and
    /// none of their effects acted without a death in its middle.
    pub fn met_everything(self, runbooks: &[&str]) {
        let notes = Notes::read(&self.notes);
        let journals: Vec<_> = runbooks.iter().map(|book| (*book, self.journal_of(book))).collect();
        if self.how.lines != Lines::Spared {
            notes.all_lines(&journals, self.how.lines).unwrap_or_else(|why| panic!("{why}\n{}", self.said()));
        }
        notes.all_effects(&journals, &self.how).unwrap_or_else(|why| panic!("{why}\n{}", self.said()));
        assert_eq!(notes.drivers(), self.dead, "who died is who was killed, and nobody else");
        // An effect that outlived its driver is what it was: nothing is to be asked.
        let whole = self.how.effects == Effects::Alone && self.given_up.is_empty();
        assert!(!whole || self.asked == 0, "a person was asked {} times\n{}", self.asked, self.said());
        println!("{} of {} lives were killed: {notes}", self.dead.len(), self.lives);
    }

    /// The run of a runbook, once its first line is there.
    fn run_of(&self, runbook: &str) -> Option<RunId> {
        let of = |row: &kept::Listed| row.row.as_ref().is_ok_and(|row| row.runbook.as_str() == runbook);
        let all = kept::list(&self.world.runs()).into_iter();
        all.filter(of).map(|listed| listed.id).find(|id| !self.before.contains(id))
    }
    fn journal_of(&self, runbook: &str) -> String {
        let run = self.run_of(runbook).unwrap_or_else(|| panic!("no run of {runbook}"));
        fs::read_to_string(self.world.runs().join(run.as_str()).join("journal.jsonl")).unwrap()
    }
}
