//! `restore`: an asset, or a group at one instant, from its copies with the
//! format's own tool. `choose` says which point, `target` where to, `tools`
//! how, `place` where from; a further tool is one arm in `tools`.

mod choose;
mod follow;
mod place;
mod target;
mod tools;

use std::path::PathBuf;

use lifeboat_core::{model::*, record::Action, run::AttemptResult};
use serde_json::json;
use tokio_util::sync::CancellationToken;

pub use choose::{Chosen, Log, Wanted, choose};
pub use target::Target;
pub use tools::FORMATS;

use super::{
    around::{Around, AroundAsset},
    attempt::{Done, Job, ended},
    tool,
};
use crate::{
    catalog,
    net::{Http, Secret, Secrets, store},
};

const INTO: &[KeyDef] = &[
    KeyDef::required("path", KeyType::Text, "Folder to restore to; empty, or not there yet."),
    KeyDef::new("region", KeyType::Text, "Region that it lies in; needed where residency is limited."),
];

pub const DEF: StepDef = StepDef {
    id: "restore",
    keys: &[
        KeyDef::new("asset", KeyType::Text, "WORKLOAD/ASSET to restore."),
        KeyDef::new("group", KeyType::Ref("group"), "Group of assets to restore to one instant."),
        KeyDef::new("point", KeyType::Text, "Recovery point to restore; absent: the newest good one."),
        KeyDef::new("at", KeyType::Text, "Instant to restore to."),
        KeyDef::new(
            "into",
            KeyType::Either(&[KeyType::Text, KeyType::Table(INTO)]),
            "Where to restore to: of a group, each asset below it.",
        ),
    ],
    doc: "Restores an asset from a recovery point with its own tool: pgBackRest, restic, WAL-G, barman-cloud or rclone.",
    effect: true,
};

/// What the plan asks for.
pub struct Asked {
    pub wanted: Wanted,
    pub target: Target,
    pub group: bool,
}

impl Asked {
    pub fn of(action: &Action) -> Result<Self, String> {
        let Action::Restore { group, point, at, into, .. } = action else {
            return Err("it restores nothing".to_owned());
        };
        let instant = |text: &String| {
            let at =
                chrono::DateTime::parse_from_rfc3339(text).map_err(|_| format!("{text:?} is no instant"));
            at.map(|at| Wanted::At(at.to_utc()))
        };
        let wanted = match (point, at) {
            (Some(id), _) => Wanted::Point(id.clone()),
            (None, Some(at)) => instant(at)?,
            (None, None) => Wanted::Newest,
        };
        Ok(Self { wanted, target: Target::of(into.as_ref())?, group: group.is_some() })
    }
}

/// One asset with its point, found out before anything is restored.
struct Part<'a> {
    asset: &'a AroundAsset,
    copy: &'a CopyDef,
    chosen: Option<Chosen>,
    into: PathBuf,
}

pub async fn act(job: &Job<'_>, action: &Action) -> Done {
    let around = &job.spec.around;
    let asked = Asked::of(action)?;
    if around.assets.is_empty() {
        return Err("the estate has no such asset or group".to_owned());
    }
    let parts = parts(job, &asked).await?;
    // All are looked at before the first is begun.
    let mut runs = Vec::new();
    for part in &parts {
        asked.target.inside(part.asset, around)?;
        runs.push(follow::prepare(job, part).await?);
    }
    job.begin()?;
    let mut answer = json!({});
    let mut last = ended(AttemptResult::Succeeded, "nothing was to be restored");
    for (part, run) in parts.iter().zip(runs) {
        let told = follow::restore(job, part, run).await;
        let (bytes, files) = target::size(&part.into);
        answer[&part.asset.name] = json!({
            "point": part.chosen.as_ref().map(|c| &c.id),
            "lands": part.chosen.as_ref().and_then(|c| c.lands),
            "into": part.into, "bytes": bytes, "files": files,
        });
        last = told;
        if last.result != AttemptResult::Succeeded {
            break;
        }
    }
    // Of one asset, so that `/point` is enough.
    if let [only] = parts.as_slice() {
        answer = answer[&only.asset.name].clone();
    }
    Ok((last, answer))
}

async fn parts<'a>(job: &'a Job<'_>, asked: &Asked) -> Result<Vec<Part<'a>>, String> {
    let around = &job.spec.around;
    let mut read = Vec::new();
    for asset in &around.assets {
        let (reports, unread) = reports(around, asset, &job.secrets).await;
        unread.iter().for_each(|why| job.say(why));
        read.push((asset, reports));
    }
    let mut wanted = asked.wanted.clone();
    if asked.group && wanted == Wanted::Newest {
        wanted = together(&read)?;
        job.say(&format!("the newest instant that all of the group reach: {wanted:?}"));
    }
    let mut parts = Vec::new();
    for (asset, reports) in &read {
        let of = |why: String| format!("{}: {why}", asset.name);
        let into = match asked.group {
            true => asked.target.path.join(asset.name.rsplit('/').next().unwrap_or_default()),
            false => asked.target.path.clone(),
        };
        // A bucket is what it is now: it has no points to choose from.
        let bucket =
            asset.copies.iter().position(|c| c.format == "bucket").filter(|_| wanted == Wanted::Newest);
        let (copy, chosen) = match bucket {
            Some(place) => (place, None),
            None => {
                let chosen = choose(reports, &wanted).map_err(of)?;
                (chosen.copy, Some(chosen))
            }
        };
        let copy = &asset.copies[copy];
        job.say(&loss(asset, copy, chosen.as_ref(), chrono::Utc::now()));
        parts.push(Part { asset, copy, chosen, into });
    }
    Ok(parts)
}

/// The oldest of what each asset could be restored to by itself.
fn together(read: &[(&AroundAsset, Vec<(usize, CopyReport)>)]) -> Result<Wanted, String> {
    let mut common: Option<Time> = None;
    for (asset, reports) in read {
        let of = |why: String| format!("{}: {why}", asset.name);
        let lands = choose(reports, &Wanted::Newest).map_err(of)?.lands;
        let lands = lands.ok_or_else(|| of("its newest point has no instant".to_owned()))?;
        common = Some(common.map_or(lands, |c| c.min(lands)));
    }
    common.map(Wanted::At).ok_or_else(|| "the group has no asset".to_owned())
}

/// What a restore gives up, in one line.
pub fn loss(asset: &AroundAsset, copy: &CopyDef, chosen: Option<&Chosen>, now: Time) -> String {
    let from = format!("{} from {} ({})", asset.name, copy.store, copy.format);
    match chosen {
        None => format!("{from}: everything that is there now"),
        Some(Chosen { id, lands: Some(at), .. }) => {
            let age = Dur::between(*at, now);
            format!(
                "{from}: {id}, as of {}; what was written in the {age} since is lost with it",
                at.format("%Y-%m-%dT%H:%M:%SZ")
            )
        }
        Some(Chosen { id, .. }) => format!("{from}: {id}, of an instant that nobody knows"),
    }
}

/// Before a run: what would be restored and what is lost with it, the tool,
/// and the place; each with whether it would do. Changes nothing.
pub async fn look(action: &Action, around: &Around, secrets: &Secrets, now: Time) -> Vec<(bool, String)> {
    let asked = match Asked::of(action) {
        Ok(asked) => asked,
        Err(why) => return vec![(false, why)],
    };
    let mut found = Vec::new();
    if around.assets.is_empty() {
        found.push((false, "the estate has no such asset or group".to_owned()));
    }
    for asset in &around.assets {
        found.extend(asked.target.inside(asset, around).err().map(|why| (false, why)));
        let (read, unread) = reports(around, asset, secrets).await;
        let place = match asset.copies.iter().position(|c| c.format == "bucket") {
            Some(place) if asked.wanted == Wanted::Newest => Ok((place, None)),
            _ => choose(&read, &asked.wanted).map(|c| (c.copy, Some(c))),
        };
        match place {
            Ok((place, chosen)) => {
                let copy = &asset.copies[place];
                found.push((true, loss(asset, copy, chosen.as_ref(), now)));
                found.push(match tools::program(copy.format.as_str()) {
                    Ok((name, ask)) => match tool::find(name, ask).await {
                        Ok(tool) => (true, format!("{} ({})", tool.path.display(), tool.version)),
                        Err(why) => (false, why),
                    },
                    Err(why) => (false, why),
                });
            }
            Err(why) => {
                let unread = unread.iter().map(|u| format!("; {u}")).collect::<String>();
                found.push((false, format!("{}: {why}{unread}", asset.name)));
            }
        }
    }
    found.push(match target::is_empty(&asked.target.path) {
        Ok(true) => (true, format!("{} is empty", asked.target.path.display())),
        Ok(false) => (false, format!("{} is not empty", asked.target.path.display())),
        Err(why) => (false, why),
    });
    found
}

/// What each copy holds, of those that can be read, and why others cannot.
async fn reports(
    around: &Around,
    asset: &AroundAsset,
    secrets: &Secrets,
) -> (Vec<(usize, CopyReport)>, Vec<String>) {
    let (mut read, mut unread) = (Vec::new(), Vec::new());
    for (n, copy) in asset.copies.iter().enumerate().filter(|(_, c)| c.format != "bucket") {
        match report(around, copy, secrets).await {
            Ok(report) => read.push((n, report)),
            Err(why) => unread.push(format!("{} in {} cannot be read: {why}", asset.name, copy.store)),
        }
    }
    (read, unread)
}

async fn report(around: &Around, copy: &CopyDef, secrets: &Secrets) -> Result<CopyReport, String> {
    let told = |p: Problem| p.to_string();
    let http = Http::new();
    let repo = store::open(around.store(&copy.store)?, &http, secrets).await.map_err(told)?;
    let mut cx = catalog::Cx::new(chrono::Utc::now(), CancellationToken::new());
    cx.timezone = around.timezone.as_deref().and_then(|name| name.parse().ok());
    cx.secrets = Some(secrets.clone());
    cx.password = password(copy, secrets).await?;
    for id in catalog::other_stores(copy) {
        if let Ok(other) = store::open(around.store(&id)?, &http, secrets).await {
            cx.others.insert(id, std::sync::Arc::new(other));
        }
    }
    catalog::read(copy, &repo, &cx).await.map_err(told)
}

async fn password(copy: &CopyDef, secrets: &Secrets) -> Result<Option<Secret>, String> {
    match &copy.password {
        Some(from) => secrets.resolve(from).await.map(Some).map_err(|p| format!("{}: {}", p.subject, p.why)),
        None => Ok(None),
    }
}
