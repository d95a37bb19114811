//! Clients, from outside: numbers are committed one after the other by way of
//! the switch, and each that COMMIT answered for is a receipt. One whose answer
//! was lost is none, and is never tried again.

use std::{
    collections::BTreeSet,
    fs,
    io::Write,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread::JoinHandle,
    time::Duration,
};

use lifeboat_core::model::Time;
use tokio_postgres::{Client, NoTls};

/// Between two transactions.
const PACE: Duration = Duration::from_millis(15);
const GIVE_UP: Duration = Duration::from_secs(3);

pub struct Writer {
    held: Arc<Mutex<Vec<(i64, Time)>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// `front`: the folder of the switch's socket, which is reached from any network.
    pub fn start(front: PathBuf, receipts: PathBuf) -> Self {
        let (held, stop) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let (into, ended) = (held.clone(), stop.clone());
        let thread = std::thread::spawn(move || crate::lab::wait(write(front, receipts, into, ended)));
        Self { held, stop, thread: Some(thread) }
    }
    pub fn count(&self) -> usize {
        self.held.lock().unwrap().len()
    }
    pub fn receipts(&self) -> Vec<(i64, Time)> {
        self.held.lock().unwrap().clone()
    }
    /// Numbers with a receipt since then.
    pub fn since(&self, at: Time) -> BTreeSet<i64> {
        self.receipts().into_iter().filter(|(_, t)| *t > at).map(|(n, _)| n).collect()
    }
    pub fn end(&mut self) {
        self.stop.store(true, Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.end();
    }
}

async fn write(front: PathBuf, receipts: PathBuf, held: Arc<Mutex<Vec<(i64, Time)>>>, stop: Arc<AtomicBool>) {
    let mut file = fs::OpenOptions::new().append(true).create(true).open(receipts).unwrap();
    let (mut number, mut client) = (0_i64, None);
    while !stop.load(Relaxed) {
        if client.is_none() {
            client = tokio::time::timeout(GIVE_UP, connect(&front)).await.ok().flatten();
        }
        let Some(open) = &client else {
            tokio::time::sleep(PACE * 4).await;
            continue;
        };
        number += 1;
        let values: [&(dyn tokio_postgres::types::ToSql + Sync); 1] = [&number];
        let insert = open.execute("insert into orders (n) values ($1)", &values);
        match tokio::time::timeout(GIVE_UP, insert).await {
            Ok(Ok(1)) => {
                let at = chrono::Utc::now();
                writeln!(file, "{number} {}.{:09}", at.timestamp(), at.timestamp_subsec_nanos()).unwrap();
                held.lock().unwrap().push((number, at));
            }
            // A standby refuses by an answer, a primary that died by none.
            _ => client = None,
        }
        tokio::time::sleep(PACE).await;
    }
}

async fn connect(front: &Path) -> Option<Client> {
    let line = format!("host={} port=5432 user=postgres dbname=postgres", front.display());
    let (client, connection) = tokio_postgres::connect(&line, NoTls).await.ok()?;
    tokio::spawn(connection);
    Some(client)
}
