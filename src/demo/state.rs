//! What the parts of the world share, and how faults change it.

use std::{
    collections::BTreeSet,
    io,
    path::Path,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use lifeboat_core::model::{Code, Dur, Problem, Time};

use super::{
    backup,
    control::Counts,
    faults::Wanted,
    gate::{Door, Gate},
    orders::{Ack, Cluster, LinkFault},
    place::Ports,
    region::Region,
    store::Bucket,
};

/// What the parts of the world share.
pub struct Inner {
    services: [Gate; 3],
    stores: [Gate; 3],
    buckets: [Arc<Bucket>; 3],
    cluster: Mutex<Cluster>,
    /// Bits of a float: orders a second.
    rate: AtomicU64,
    turned_away: AtomicU64,
    faults: Mutex<BTreeSet<(&'static str, Option<Region>)>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// To the millisecond, as instants are written.
pub fn now() -> Time {
    let now = Time::from(std::time::SystemTime::now());
    Time::from_timestamp_millis(now.timestamp_millis()).unwrap_or(now)
}

impl Inner {
    /// A world without faults around `cluster`; its stores lie below `state`.
    pub fn new(ports: &Ports, state: &Path, cluster: Cluster, order_rate: f64) -> io::Result<Self> {
        let gate = |port: u16| Gate::new(([127, 0, 0, 1], port).into());
        let bucket = |region| Bucket::new(&state.join("stores"), &state.join("spool"), region).map(Arc::new);
        Ok(Self {
            services: ports.regions.map(|p| gate(p.services)),
            stores: ports.regions.map(|p| gate(p.store)),
            buckets: [bucket(Region::Ireland)?, bucket(Region::Frankfurt)?, bucket(Region::Virginia)?],
            cluster: Mutex::new(cluster),
            rate: AtomicU64::new(order_rate.to_bits()),
            turned_away: AtomicU64::new(0),
            faults: Mutex::default(),
        })
    }
    pub fn services(&self, region: Region) -> &Gate {
        &self.services[region.index()]
    }
    pub fn store(&self, region: Region) -> &Gate {
        &self.stores[region.index()]
    }
    pub fn bucket(&self, region: Region) -> &Arc<Bucket> {
        &self.buckets[region.index()]
    }
    /// Asks or changes the orders service, replication carried to this instant.
    pub fn orders<T>(&self, ask: impl FnOnce(&mut Cluster, Time) -> T) -> T {
        let mut cluster = lock(&self.cluster);
        let now = now();
        cluster.advance(now, |r| self.services(r).is_open());
        ask(&mut cluster, now)
    }
    pub fn next_number(&self) -> u64 {
        let mut cluster = lock(&self.cluster);
        cluster.next_number += 1;
        cluster.next_number - 1
    }
    pub fn acknowledged(&self, ack: Ack) {
        lock(&self.cluster).record(ack);
    }
    pub fn turned_away(&self) {
        self.turned_away.fetch_add(1, Ordering::Relaxed);
    }
    pub fn order_rate(&self) -> f64 {
        f64::from_bits(self.rate.load(Ordering::Relaxed))
    }
    pub fn set_order_rate(&self, per_second: f64) {
        self.rate.store(per_second.to_bits(), Ordering::Relaxed);
    }
    pub fn set_lag(&self, lag: Dur) {
        self.orders(|cluster, _| cluster.set_lag(lag));
    }
    pub fn has_fault(&self, name: &str) -> bool {
        lock(&self.faults).iter().any(|(n, _)| *n == name)
    }

    /// Brings a fault about or ends it. Blocks.
    pub fn apply(&self, wanted: Wanted, on: bool) -> Result<String, Problem> {
        let Wanted { def, region } = wanted;
        match on {
            true => lock(&self.faults).insert((def.name, region)),
            false => lock(&self.faults).remove(&(def.name, region)),
        };
        match (def.name, region) {
            ("region-gone" | "store-hang", Some(region)) => self.set_doors(region),
            ("lag-grow", _) => self.orders(|c, now| c.set_link_fault(LinkFault::Grow, on, now)),
            ("lag-frozen", _) => self.orders(|c, now| c.set_link_fault(LinkFault::Frozen, on, now)),
            ("dump-truncated", _) if on => backup::cut_newest_dumps(self)
                .map_err(|e| Problem::new(Code::DEMO_WORLD, def.name).because(e))?,
            // Read by the jobs when they next run.
            _ => {}
        }
        let place = region.map(|r| format!(" in {} ({r})", r.name())).unwrap_or_default();
        let state = if on { "on" } else { "off" };
        Ok(format!("{state}: {}{place}", def.name))
    }

    /// A region's doors as its faults have them. Replication is settled up
    /// to the instant at which they change.
    fn set_doors(&self, region: Region) {
        let faults = lock(&self.faults);
        let has = |name| faults.contains(&(name, Some(region)));
        self.orders(|_, _| {
            let gone = has("region-gone");
            self.services(region).set(if gone { Door::Gone } else { Door::Open });
            self.store(region).set(match (gone, has("store-hang")) {
                (true, _) => Door::Gone,
                (false, true) => Door::Hung,
                (false, false) => Door::Open,
            });
        });
    }

    pub fn counts(&self) -> Counts {
        let named = |(name, region): &(&str, Option<Region>)| match region {
            Some(region) => format!("{name}:{region}"),
            None => (*name).to_owned(),
        };
        let faults = lock(&self.faults).iter().map(named).collect();
        let turned_away = self.turned_away.load(Ordering::Relaxed);
        self.orders(|cluster, _| Counts {
            acknowledged: cluster.ledger().count(),
            turned_away,
            faults,
            writers: cluster.writers().map(|r| r.to_string()).collect(),
            target: cluster.target().to_string(),
        })
    }
}
