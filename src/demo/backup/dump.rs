//! Dumps: one compressed JSON object a line, a file each time.

use std::{
    io::{self, Write},
    time::Duration,
};

use flate2::{Compression, write::GzEncoder};
use lifeboat_core::model::Time;
use serde_json::json;

use crate::demo::{
    region::Region,
    state::{Inner, now},
};

/// One dump job.
#[derive(Debug, Clone)]
pub struct Dump {
    /// The workload; also the folder of its dumps and how their names begin.
    pub name: &'static str,
    pub every: Duration,
    pub from: &'static [Region],
    pub to: &'static [Region],
    /// How many files are kept in each store.
    kept: usize,
    rows: usize,
}

/// The orders' table is the newest so many orders.
const ORDERS: usize = 2_000;

/// All dump jobs; `every` is that of the orders.
pub fn jobs(every: Duration) -> Vec<Dump> {
    let minutes = |n: u64| Duration::from_secs(60 * n);
    use Region::{Frankfurt, Ireland, Virginia};
    let job = |name, every, from, to, rows| Dump { name, every, from, to, kept: 60, rows };
    vec![
        job("orders", every, &Region::NODES, &[Frankfurt, Virginia], ORDERS),
        job("catalogue", minutes(5), &[Ireland], &[Frankfurt, Virginia], 800),
        job("media", minutes(10), &[Ireland], &[Ireland], 400),
        job("reports", minutes(30), &[Virginia], &[Frankfurt], 1_200),
        job("wiki", minutes(120), &[Ireland], &[Frankfurt, Virginia], 300),
    ]
}

fn prefix(name: &str) -> String {
    format!("dumps/{name}")
}

impl Dump {
    pub fn run(&self, inner: &Inner, at: Time) -> io::Result<()> {
        let orders = self.name == "orders";
        let source = match orders {
            true => is_serving(inner) && !inner.has_fault("backup-stopped"),
            false => self.from.iter().any(|r| inner.services(*r).is_open()),
        };
        if !source {
            return Ok(());
        }
        let packed = if orders { pack(&self::orders(inner))? } else { pack(&self.rows(0, self.rows))? };
        let whole = !(orders && inner.has_fault("dump-truncated"));
        let bytes = if whole { &packed[..] } else { &packed[..packed.len() / 3] };
        for region in self.to.iter().filter(|r| inner.store(**r).is_open()) {
            self.write(inner, *region, bytes, at)?;
        }
        Ok(())
    }

    /// Stores one dump and removes the oldest beyond what is kept.
    pub fn write(&self, inner: &Inner, region: Region, bytes: &[u8], at: Time) -> io::Result<()> {
        let folder = prefix(self.name);
        let key = format!("{folder}/{}-{}.json.gz", self.name, at.format("%Y-%m-%dT%H%M%SZ"));
        inner.bucket(region).change(|to| {
            to.put(&key, bytes, at)?;
            let names = to.names(&folder)?;
            let extra = names.len().saturating_sub(self.kept);
            names.iter().take(extra).try_for_each(|name| to.remove(&format!("{folder}/{name}")))
        })
    }

    /// Rows that look like something and compress as badly as real ones.
    pub fn rows(&self, seed: u64, rows: usize) -> Vec<u8> {
        let mut random = fastrand::Rng::with_seed(seed ^ self.rows as u64);
        let mut lines = Vec::new();
        for id in 0..rows {
            let row = json!({ "id": id, "of": self.name, "etag": format!("{:016x}", random.u64(..)) });
            lines.extend(format!("{row}\n").into_bytes());
        }
        lines
    }
    pub fn past(&self, seed: u64) -> io::Result<Vec<u8>> {
        pack(&self.rows(seed, self.rows))
    }
}

/// Whether there is a node of the orders service that has the newest orders.
pub fn is_serving(inner: &Inner) -> bool {
    let writer = inner.orders(|cluster, _| cluster.writers().next());
    writer.is_some_and(|r| inner.services(r).is_open())
}

/// The writer's newest orders, one a line.
pub fn orders(inner: &Inner) -> Vec<u8> {
    let newest: Vec<_> = inner.orders(|cluster, _| {
        let leader = cluster.leader();
        cluster.node(leader).map(|n| n.log.iter().rev().take(ORDERS).collect()).unwrap_or_default()
    });
    let mut lines = Vec::new();
    for ack in newest.into_iter().rev() {
        let row = json!({ "number": ack.number, "acknowledged_at": ack.at, "etag": blake3::hash(&ack.number.to_le_bytes()).to_hex()[..16] });
        lines.extend(format!("{row}\n").into_bytes());
    }
    lines
}

pub fn pack(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut gz = GzEncoder::new(Vec::new(), Compression::default());
    gz.write_all(bytes)?;
    gz.finish()
}

/// Cuts the newest dump of orders to a third, in every store that has one;
/// an upload that broke off looks like this.
pub fn cut_newest(inner: &Inner) -> io::Result<()> {
    let folder = prefix("orders");
    for region in Region::ALL {
        inner.bucket(region).change(|to| {
            let Some(newest) = to.names(&folder)?.pop() else { return Ok(()) };
            let key = format!("{folder}/{newest}");
            let bytes = to.read(&key)?;
            to.put(&key, &bytes[..bytes.len() / 3], now())
        })?;
    }
    Ok(())
}
