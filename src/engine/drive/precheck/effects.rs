//! What each step would touch: resolved, counted, shown.

use std::os::unix::fs::PermissionsExt as _;

use lifeboat_core::record::Given;

use super::*;
use crate::{
    act,
    net::{
        Work,
        dns::{self, NameServer},
        store::ListOptions,
    },
};

/// Pages of a listing that are counted; beyond, "more than".
const PAGES: usize = 20;

impl Before {
    pub(super) fn effect<'a>(&'a self, step: &'a StepId, action: &'a Action) -> Check<'a> {
        Box::pin(async move {
            let mut items = self.secrets(step, action).await;
            match action {
                Action::Command { run, .. } => items.extend(self.program(step, run)),
                Action::Dns { server, record, .. } => items.push(self.record(step, server, record).await),
                Action::Restore { .. } => items.extend(self.restore(step, action).await),
                Action::Copy { from, .. } => items.push(self.objects(step, from).await),
                Action::Notify { to, .. } => items.extend(self.channels(step, to)),
                Action::Http { .. } => {}
            }
            items
        })
    }

    /// Every reference of a step leads somewhere now.
    async fn secrets(&self, step: &StepId, action: &Action) -> Vec<PrecheckItem> {
        let given: Vec<(&str, &Given)> = match action {
            Action::Command { env, .. } => env.iter().map(|(k, v)| (k.as_str(), v)).collect(),
            Action::Http { headers, .. } => headers.iter().map(|(k, v)| (k.as_str(), v)).collect(),
            Action::Dns { tsig, .. } => tsig.iter().map(|v| ("tsig", v)).collect(),
            _ => Vec::new(),
        };
        let mut items = Vec::new();
        for (name, value) in given {
            let Given::Secret(from) = value else { continue };
            let (state, detail) = match self.live.secrets().resolve(from).await {
                Ok(_) => (CheckState::Ok, "it is there".to_owned()),
                Err(problem) => (CheckState::Red, problem.to_string()),
            };
            items.push(item(
                &format!("secret:{step}:{name}"),
                &format!("secret {name} of {step}"),
                state,
                &detail,
            ));
        }
        items
    }

    fn program(&self, step: &StepId, run: &[String]) -> Option<PrecheckItem> {
        let name = run.first()?;
        let path = match name.contains('/') {
            true => Some(self.estate_dir.join(name)),
            false => std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())
                .map(|folder| folder.join(name))
                .find(|path| runs(path)),
        };
        let found = path.filter(|path| runs(path));
        let (state, detail) = match &found {
            Some(path) => (CheckState::Ok, path.display().to_string()),
            None => (CheckState::Red, "it is not there, or may not be run".to_owned()),
        };
        Some(item(&format!("program:{step}"), &format!("program {name} of {step}"), state, &detail))
    }

    async fn record(
        &self,
        step: &StepId,
        server: &str,
        record: &lifeboat_core::record::DnsRecord,
    ) -> PrecheckItem {
        let (id, what) = (format!("dns:{step}"), format!("{} {} at {server}", record.name, record.ty));
        let asked = async {
            let server = NameServer::parse(server)?;
            let (name, ty) = (dns::name(&record.name)?, dns::record_type(&record.ty)?);
            dns::lookup(&server, &name, ty, Dur::secs(5)).await.map_err(|e| e.to_string())
        };
        match asked.await {
            Ok(now) => {
                let ttl = now.ttl.map_or(String::new(), |ttl| {
                    format!(", kept by resolvers for {}", Dur::secs(ttl.into()))
                });
                let to = record.data.join(", ");
                item(&id, &what, CheckState::Ok, &format!("it is {now}{ttl}; it becomes {to}"))
            }
            Err(why) => item(&id, &what, CheckState::Red, &why),
        }
    }

    /// How much a copy would copy.
    async fn objects(&self, step: &StepId, from: &serde_json::Value) -> PrecheckItem {
        let (id, what) = (format!("copy:{step}"), format!("what {step} copies"));
        let counted = async {
            let spot = act::Spot::of(from)?;
            let repo = self.live.open(&spot.store).await.map_err(|p| p.to_string())?;
            let work = Work::new(CancellationToken::new());
            let mut listing = repo.list(spot.prefix.as_bytes(), ListOptions::flat());
            let (mut objects, mut bytes) = (0u64, 0u64);
            for _ in 0..PAGES {
                match listing.page(&work).await.map_err(|p| p.to_string())? {
                    Some(page) => {
                        objects += page.entries().count() as u64;
                        bytes += page.entries().map(|e| e.size).sum::<u64>();
                    }
                    None => return Ok((objects, bytes, false)),
                }
            }
            Ok::<_, String>((objects, bytes, !listing.is_over()))
        };
        match counted.await {
            Ok((0, _, _)) => item(&id, &what, CheckState::Red, "there is nothing to copy"),
            Ok((objects, bytes, more)) => {
                let more = if more { "more than " } else { "" };
                item(&id, &what, CheckState::Ok, &format!("{more}{objects} objects, {}", Size(bytes)))
            }
            Err(why) => item(&id, &what, CheckState::Red, &why),
        }
    }

    fn channels(&self, step: &StepId, to: &[String]) -> Vec<PrecheckItem> {
        let known = |id: &String| {
            let mut all = self.live.estate().notify.iter();
            all.any(|c| c.get("id").and_then(|v| v.as_str()) == Some(id))
        };
        let one = |id: &String| {
            let (state, detail) = match known(id) {
                true => (CheckState::Ok, "the estate has it"),
                false => (CheckState::Red, "the estate has no [[notify]] of this name"),
            };
            item(&format!("channel:{step}:{id}"), &format!("channel {id} of {step}"), state, detail)
        };
        to.iter().map(one).collect()
    }
}

fn runs(path: &std::path::Path) -> bool {
    path.metadata().is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
}
