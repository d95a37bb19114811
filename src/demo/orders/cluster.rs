//! The orders service as one value: two nodes, the switch that owns the
//! right to write, and the customers' ledger. Every method that needs the
//! present is given it, so that tests own the clock.

use std::collections::{BTreeMap, HashSet};

use lifeboat_core::model::{Dur, Time};
use serde::{Deserialize, Serialize};

use super::{
    link::{Link, LinkFault},
    log::{Ack, Log},
};
use crate::demo::region::Region;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Holds the token that lets it acknowledge orders.
    Writer,
    /// Receives what the writer acknowledges.
    Standby,
    /// Was the writer; its token is revoked and the switch sends it nobody.
    Fenced,
}

/// One node of the service.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Node {
    pub role: Role,
    /// Of the promotion that made it the writer last; 0 for never.
    pub epoch: u64,
    pub log: Log,
    /// Newest acknowledgement or idle heartbeat received from the writer.
    pub received: Option<Time>,
}

/// The writer changed.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Promotion {
    region: Region,
    at: Time,
}

/// Why the service does not do what it was asked: one sentence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refusal(pub String);

/// A standby's account of its replication.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Replication {
    pub role: Role,
    pub lag_seconds: f64,
    pub measured_at: Time,
    pub received_through: Time,
    /// Whether it holds every order of the node it follows.
    pub in_sync: bool,
}

/// Acknowledged orders that the promoted node does not have.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Loss {
    pub lost: u64,
    /// From the last surviving to the last lost acknowledgement.
    pub seconds: f64,
    pub first_lost: Option<Ack>,
    pub last_lost: Option<Ack>,
    pub last_surviving: Option<Ack>,
}

/// A writer with nothing to do sends a heartbeat after this long.
const IDLE: Dur = Dur::secs(3);

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Cluster {
    nodes: BTreeMap<Region, Node>,
    promotions: Vec<Promotion>,
    /// Where the switch sends customers.
    target: Region,
    /// What the customers hold a receipt for.
    ledger: Log,
    /// The number of the next order.
    pub next_number: u64,
    #[serde(skip, default = "no_link")]
    link: Link,
    #[serde(skip)]
    frozen: Option<(Region, Replication)>,
}

fn no_link() -> Link {
    Link::new(Dur::ZERO)
}

impl Cluster {
    /// Ireland writes, Frankfurt stands by and has everything so far.
    pub fn new(now: Time, lag: Dur, first_number: u64) -> Self {
        let node = |role, epoch| Node { role, epoch, log: Log::default(), received: Some(now) };
        Self {
            nodes: BTreeMap::from([
                (Region::Ireland, node(Role::Writer, 1)),
                (Region::Frankfurt, node(Role::Standby, 0)),
            ]),
            promotions: vec![Promotion { region: Region::Ireland, at: Time::MIN_UTC }],
            target: Region::Ireland,
            ledger: Log::default(),
            next_number: first_number,
            link: Link::new(lag),
            frozen: None,
        }
    }

    /// Orders from before the demo began, at `rate` a second, everywhere.
    pub fn seed_past(&mut self, now: Time, orders: u64, rate: f64) {
        let step = Dur::from_secs_f64(1.0 / rate.max(0.1)).unwrap_or(Dur::secs(1));
        for n in (1..=orders).rev() {
            let at = now - step.times(i64::try_from(n).unwrap_or(i64::MAX));
            let ack = Ack { number: self.next_number, at };
            self.next_number += 1;
            self.nodes.values_mut().for_each(|node| node.log.push(ack));
            self.ledger.push(ack);
        }
        // What the standby has reaches to the last of these, not to now.
        if let (Some(last), Some(standby)) = (self.ledger.last(), self.nodes.get_mut(&Region::Frankfurt)) {
            standby.received = Some(last.at);
        }
    }

    pub fn node(&self, region: Region) -> Result<&Node, Refusal> {
        self.nodes.get(&region).ok_or_else(|| Refusal(format!("orders do not run in {region}")))
    }
    fn node_mut(&mut self, region: Region) -> Result<&mut Node, Refusal> {
        self.nodes.get_mut(&region).ok_or_else(|| Refusal(format!("orders do not run in {region}")))
    }
    pub fn writers(&self) -> impl Iterator<Item = Region> {
        self.nodes.iter().filter(|(_, n)| n.role == Role::Writer).map(|(r, _)| *r)
    }
    /// The node whose orders are the newest truth: promoted last.
    pub fn leader(&self) -> Region {
        self.promotions.last().map_or(self.target, |p| p.region)
    }
    /// How often the writer changed, from 1: what PostgreSQL calls a timeline.
    pub fn epoch(&self) -> u64 {
        self.promotions.len() as u64
    }
    pub fn target(&self) -> Region {
        self.target
    }
    pub fn ledger(&self) -> &Log {
        &self.ledger
    }
    pub fn set_lag(&mut self, lag: Dur) {
        self.link.set_lag(lag);
    }

    /// Takes an order; the answer is durable for the customer from here on.
    pub fn place(&mut self, region: Region, number: u64, now: Time) -> Result<Ack, Refusal> {
        let node = self.node_mut(region)?;
        if node.role != Role::Writer {
            return Err(Refusal(format!("{region} holds no token to write")));
        }
        let ack = Ack { number, at: node.log.last().map_or(now, |last| last.at.max(now)) };
        node.log.push(ack);
        node.received = Some(ack.at);
        Ok(ack)
    }
    /// The customer has the acknowledgement in hand.
    pub fn record(&mut self, ack: Ack) {
        self.ledger.push(ack);
    }

    /// Carries to each standby what the link has brought it by `now`.
    /// `up` tells which regions are there at all.
    pub fn advance(&mut self, now: Time, up: impl Fn(Region) -> bool) {
        let leader = self.leader();
        let Some(cut) = self.link.cut(now).filter(|_| up(leader)) else { return };
        let Some(source) = self.nodes.remove(&leader) else { return };
        for (region, node) in &mut self.nodes {
            if node.role != Role::Standby || !up(*region) {
                continue;
            }
            let new: Vec<_> = source.log.after(node.log.count()).take_while(|a| a.at <= cut).collect();
            let idle = source.log.last().is_none_or(|last| last.at + IDLE < cut);
            node.received = node.received.max(new.last().map(|a| a.at)).max(idle.then_some(cut));
            new.into_iter().for_each(|ack| node.log.push(ack));
        }
        self.nodes.insert(leader, source);
    }

    /// What a node says about its replication; frozen while that hangs. A
    /// writer has everything; a fenced node's orders may be nobody else's.
    pub fn replication(&self, region: Region, now: Time) -> Result<Replication, Refusal> {
        let node = self.node(region)?;
        if let Some((_, frozen)) = self.frozen.filter(|(r, _)| *r == region && node.role == Role::Standby) {
            return Ok(frozen);
        }
        let leader = self.node(self.leader())?;
        let received_through = match node.role {
            Role::Standby => node.received.unwrap_or(Time::UNIX_EPOCH).min(now),
            Role::Writer => now,
            Role::Fenced => return Err(Refusal(format!("{region} is fenced and follows nobody"))),
        };
        Ok(Replication {
            role: node.role,
            lag_seconds: (now - received_through).num_microseconds().map_or(0.0, |us| us as f64 / 1e6),
            measured_at: now,
            received_through,
            in_sync: node.log.count() == leader.log.count(),
        })
    }
    pub fn set_link_fault(&mut self, fault: LinkFault, on: bool, now: Time) {
        if fault == LinkFault::Frozen {
            let standby = self.nodes.iter().find(|(_, n)| n.role == Role::Standby).map(|(r, _)| *r);
            self.frozen = match on {
                true => self.frozen.or_else(|| Some((standby?, self.replication(standby?, now).ok()?))),
                false => None,
            };
        }
        self.link.set_fault(fault, on, now);
    }

    /// Revokes a region's right to write; nothing to do for one that has none.
    pub fn fence(&mut self, region: Region) -> Result<(), Refusal> {
        let node = self.node_mut(region)?;
        match node.role {
            Role::Writer => node.role = Role::Fenced,
            Role::Fenced => {}
            Role::Standby => return Err(Refusal(format!("{region} is a standby and writes nothing"))),
        }
        Ok(())
    }

    /// Gives a region the right to write. Refused while another may hold it
    /// or where newer orders would be dropped in silence, unless `force`.
    pub fn promote(&mut self, region: Region, force: bool, now: Time) -> Result<(), Refusal> {
        let newest = self.epoch();
        let node = self.node(region)?;
        if node.role == Role::Writer {
            return Ok(());
        }
        if let Some(other) = self.writers().next().filter(|_| !force) {
            return Err(Refusal(format!("{other} still holds the token to write: fence it first")));
        }
        if node.role == Role::Fenced && node.epoch != newest && !force {
            return Err(Refusal(format!("{region} missed the last promotion: make it a standby first")));
        }
        let node = self.node_mut(region)?;
        node.role = Role::Writer;
        node.epoch = newest + 1;
        self.promotions.push(Promotion { region, at: now });
        Ok(())
    }

    /// Makes a node a standby of the leader; what it alone has is dropped.
    pub fn rejoin(&mut self, region: Region, now: Time) -> Result<(), Refusal> {
        let leader = self.leader();
        let copied = self.node(leader)?.log.until(self.link.cut(now).unwrap_or(now));
        let node = self.node_mut(region)?;
        match node.role {
            Role::Standby => return Ok(()),
            _ if region == leader => {
                return Err(Refusal(format!("{region} has the newest orders: promote another first")));
            }
            Role::Writer => return Err(Refusal(format!("{region} still writes: fence it first"))),
            Role::Fenced => {}
        }
        node.received = copied.last().map(|a| a.at);
        node.log = copied;
        node.role = Role::Standby;
        Ok(())
    }

    /// Sends customers to a region; refused for one that may not write.
    pub fn switch_to(&mut self, region: Region) -> Result<(), Refusal> {
        if self.node(region)?.role != Role::Writer {
            return Err(Refusal(format!("{region} may not write: promote it first")));
        }
        self.target = region;
        Ok(())
    }

    /// Counted by the customers: receipts from before the last promotion of
    /// `region` (and after the one before that) for orders it does not have.
    pub fn loss(&self, region: Region) -> Result<Loss, Refusal> {
        let promoted = self.promotions.iter().rposition(|p| p.region == region).filter(|n| *n > 0);
        let n = promoted.ok_or_else(|| Refusal(format!("{region} was not promoted")))?;
        let (from, to) = (self.promotions[n - 1].at, self.promotions[n].at);
        let log = &self.node(region)?.log;
        let has: HashSet<_> = log.iter().map(|a| a.number).collect();
        let from = from.max(log.counted_until().unwrap_or(from));
        let receipts = self.ledger.iter().filter(|a| a.at > from && a.at <= to);
        let (kept, lost): (Vec<_>, Vec<_>) = receipts.partition(|a| has.contains(&a.number));
        let last = |acks: &[Ack]| acks.iter().copied().max_by_key(|a| a.at);
        let (last_surviving, last_lost) = (last(&kept), last(&lost));
        let first_lost = lost.iter().copied().min_by_key(|a| a.at);
        let begin = last_surviving.or(first_lost);
        let seconds = begin.zip(last_lost).map_or(Dur::ZERO, |(a, b)| Dur::between(a.at, b.at));
        Ok(Loss {
            lost: lost.len() as u64,
            seconds: seconds.at_least_zero().as_secs_f64(),
            first_lost,
            last_lost,
            last_surviving,
        })
    }

    /// As kept on disk: the newest orders only.
    pub fn to_keep(&self) -> Self {
        let mut kept = self.clone();
        kept.ledger.keep(10_000);
        kept.nodes.values_mut().for_each(|n| n.log.keep(10_000));
        kept
    }
    /// Back from disk, replicating with `lag`. Numbers skip what may have
    /// been given out since it was kept.
    pub fn resume(mut self, lag: Dur) -> Self {
        self.link = Link::new(lag);
        self.next_number += 10_000;
        self
    }
}
