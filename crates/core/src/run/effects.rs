//! What `dns`, `restore`, `copy` and `notify` do, read from the plan with
//! everything filled in. Acting is the rim's.

use serde_json::Value;

use super::{Machine, Mode, plan, render::Scope};
use crate::{
    model::*,
    record::{Action, DnsRecord, DnsRequire, Given},
};

impl Machine {
    /// What each step would do, as far as it can be told before it begins:
    /// for what is looked at before a run. Steps that this mode leaves out are
    /// not in it.
    pub fn foreseen(&self) -> Vec<(StepId, Action)> {
        let done = |i: &usize| match (self.run.mode, self.plan(*i).rehearsal) {
            (Mode::DryRun, _) | (Mode::Rehearsal, InRehearsal::Simulate | InRehearsal::Skip) => false,
            _ => plan::moves(&self.plan(*i).kind) == plan::Moves::Attempt,
        };
        let scope = Scope { steps: &self.run.steps, ..Scope::lenient(&self.run.params) };
        let one = |i: usize| Some((self.plan(i).id.clone(), plan::action(self.plan(i), &scope).ok()?));
        (0..self.inner.len()).filter(done).filter_map(one).collect()
    }
}

fn filled<T: serde::de::DeserializeOwned>(
    plan: &StepPlan,
    key: &str,
    scope: &Scope<'_>,
) -> Result<Option<T>, String> {
    match plan.options.get(key).filter(|v| !v.is_null()) {
        None => Ok(None),
        Some(value) => {
            serde_json::from_value(scope.typed(value)?).map(Some).map_err(|e| format!("`{key}`: {e}"))
        }
    }
}

fn needed<T>(value: Option<T>, key: &str) -> Result<T, String> {
    value.ok_or_else(|| format!("it has no `{key}`"))
}

/// A record as it shall be. An empty one is refused: it would take the service
/// off the net, which no failover means to.
pub fn dns(plan: &StepPlan, scope: &Scope<'_>) -> Result<Action, String> {
    let record: DnsRecord = needed(filled(plan, "record", scope)?, "record")?;
    if record.data.is_empty() || record.data.iter().any(|d| d.trim().is_empty()) {
        return Err("the record has no `data`: it would become empty".to_owned());
    }
    let require: Vec<DnsRequire> = filled(plan, "require", scope)?.unwrap_or_default();
    let tsig: Option<SecretRef> = option(&plan.options, "tsig")?;
    Ok(Action::Dns {
        server: needed(filled(plan, "server", scope)?, "server")?,
        zone: needed(filled(plan, "zone", scope)?, "zone")?,
        record,
        require,
        tsig: tsig.map(Given::Secret),
        resolvers: filled(plan, "resolvers", scope)?.unwrap_or_default(),
    })
}

/// One asset or one group, from one point or to one instant.
pub fn restore(plan: &StepPlan, scope: &Scope<'_>) -> Result<Action, String> {
    let asset: Option<String> = filled(plan, "asset", scope)?;
    let group: Option<String> = filled(plan, "group", scope)?;
    if asset.is_some() == group.is_some() {
        return Err("it names neither or both of `asset` and `group`".to_owned());
    }
    let point: Option<String> = filled(plan, "point", scope)?;
    let at: Option<String> = filled(plan, "at", scope)?;
    if point.is_some() && at.is_some() {
        return Err("both `point` and `at`: keep one".to_owned());
    }
    if let Some(at) = at.as_deref().filter(|t| !t.contains("{{"))
        && chrono::DateTime::parse_from_rfc3339(at).is_err()
    {
        return Err(format!("{at:?} is no instant"));
    }
    Ok(Action::Restore { asset, group, point, at, into: filled(plan, "into", scope)? })
}

pub fn copy(plan: &StepPlan, scope: &Scope<'_>) -> Result<Action, String> {
    Ok(Action::Copy {
        from: needed(filled::<Value>(plan, "from", scope)?, "from")?,
        to: needed(filled::<Value>(plan, "to", scope)?, "to")?,
        rate: option::<Size>(&plan.options, "rate")?,
    })
}

pub fn notify(plan: &StepPlan, scope: &Scope<'_>) -> Result<Action, String> {
    let to = match needed(filled::<Value>(plan, "to", scope)?, "to")? {
        Value::String(one) => vec![one],
        several => serde_json::from_value(several).map_err(|e| format!("`to`: {e}"))?,
    };
    Ok(Action::Notify { to, message: needed(filled(plan, "message", scope)?, "message")? })
}
