//! The life of the world on its own thread: what is made ready, what is
//! started, what is kept for the next time.

use std::{
    io,
    net::TcpListener,
    path::{Path, PathBuf},
    sync::{Arc, mpsc},
    time::Duration,
};

use axum::{Json, Router, routing::get};
use http::Request;
use hyper::body::Incoming;
use lifeboat_core::model::Dur;
use serde_json::json;
use tokio::{runtime, sync::oneshot, task::JoinSet};
use tower::ServiceExt;

use super::{
    backup::Jobs,
    control::{self, Ticket},
    edge,
    gate::Gate,
    orders::{self, Cluster},
    place::{self, Place},
    region::{Region, SIDE_SERVICES},
    state::{Inner, now},
    store::S3,
    world::Options,
};

/// The life of the world, on its own thread.
pub fn live(
    place: Place,
    options: &Options,
    ready: &mpsc::Sender<io::Result<()>>,
    stopped: oneshot::Receiver<()>,
) {
    let built =
        runtime::Builder::new_multi_thread().worker_threads(2).thread_name("demo").enable_all().build();
    let runtime = match built {
        Ok(runtime) => runtime,
        Err(error) => return drop(ready.send(Err(error))),
    };
    let dir = place.dir.clone();
    let prepared = prepare(&place, options);
    let (inner, jobs) = match prepared {
        Ok(prepared) => prepared,
        Err(error) => return drop(ready.send(Err(error))),
    };
    runtime.block_on(async {
        let mut tasks = JoinSet::new();
        match populate(place, options, &inner, jobs, &mut tasks) {
            Ok(_lock) => {
                let _ = ready.send(Ok(()));
                let _ = stopped.await;
                tasks.shutdown().await;
                keep(&inner, &dir);
                let _ = std::fs::remove_file(control::ticket_path(&dir));
            }
            Err(error) => drop(ready.send(Err(error))),
        }
    });
    runtime.shutdown_timeout(Duration::from_secs(2));
}

fn kept_path(dir: &Path) -> PathBuf {
    place::state_dir(dir).join("orders.json")
}

/// Keeps the orders service over a restart. A full disk costs that memory,
/// never the running world.
fn keep(inner: &Inner, dir: &Path) {
    let kept = inner.orders(|cluster, _| cluster.to_keep());
    if let Err(error) = place::write_json(&kept_path(dir), &kept, 0o644) {
        tracing::warn!(%error, "the demo's orders are not kept");
    }
}

/// The state of the world as it was left, or a new one with a past.
fn prepare(place: &Place, options: &Options) -> io::Result<(Arc<Inner>, Jobs)> {
    let state = place::state_dir(&place.dir);
    let lag = Dur::from(options.lag);
    let cluster = place::read_json::<Cluster>(&kept_path(&place.dir)).map(|kept| kept.resume(lag));
    let cluster = cluster.unwrap_or_else(|| {
        let mut new = Cluster::new(now(), lag, 48_000 + options.seed % 1_000);
        new.seed_past(now(), 2_000, options.order_rate);
        new
    });
    let inner = Arc::new(Inner::new(&place.ports, &state, cluster, options.order_rate)?);
    let jobs = Jobs::new(&inner, &state, options)?;
    Ok((inner, jobs))
}

/// Starts every server and task; the answer holds the folder's lock.
fn populate(
    place: Place,
    options: &Options,
    inner: &Arc<Inner>,
    jobs: Jobs,
    tasks: &mut JoinSet<()>,
) -> io::Result<impl Sized + use<>> {
    let state = place::state_dir(&place.dir);
    let client = reqwest::Client::builder().no_proxy().build().map_err(io::Error::other)?;
    let Place { dir, doors, control: listener, keys, lock, .. } = place;
    for ((region, (services, store)), keys) in Region::ALL.into_iter().zip(doors).zip(&keys) {
        let router = region_router(inner, region, &client);
        serve(tasks, inner.services(region).clone(), services, router)?;
        let s3 = S3::new(&state.join("stores"), region, keys, inner.bucket(region).clone())?;
        let store = tokio_listener(store)?;
        let gate = inner.store(region).clone();
        tasks.spawn(async move {
            let served = gate.serve(store, move |request| s3.clone().answer(request)).await;
            tracing::error!(?served, %region, "the demo's store ended");
        });
    }
    let ticket =
        Ticket { address: listener.local_addr()?, token: place::random(16)?, pid: std::process::id() };
    place::write_json(&control::ticket_path(&dir), &ticket, 0o600)?;
    serve(tasks, Gate::new(ticket.address), listener, control::router(inner.clone(), ticket.token))?;
    tasks.spawn(orders::shop(inner.clone(), client, options.seed));
    jobs.spawn(inner, tasks);
    let inner = inner.clone();
    tasks.spawn(async move {
        loop {
            tokio::time::sleep(Duration::from_secs(5)).await;
            let (inner, dir) = (inner.clone(), dir.clone());
            let _ = tokio::task::spawn_blocking(move || keep(&inner, &dir)).await;
        }
    });
    Ok(lock)
}

fn tokio_listener(listener: TcpListener) -> io::Result<tokio::net::TcpListener> {
    listener.set_nonblocking(true)?;
    tokio::net::TcpListener::from_std(listener)
}

fn serve(tasks: &mut JoinSet<()>, gate: Gate, listener: TcpListener, router: Router) -> io::Result<()> {
    let listener = tokio_listener(listener)?;
    tasks.spawn(async move {
        let handler = move |request: Request<Incoming>| {
            let router = router.clone();
            async move { router.oneshot(request).await.unwrap_or_else(|never| match never {}) }
        };
        let addr = gate.addr;
        let served = gate.serve(listener, handler).await;
        tracing::error!(?served, %addr, "a server of the demo ended");
    });
    Ok(())
}

/// All services of one region.
fn region_router(inner: &Arc<Inner>, region: Region, client: &reqwest::Client) -> Router {
    let healthy = move || async move { Json(json!({ "region": region, "status": "ok" })) };
    let mut router = Router::new().route("/health", get(healthy));
    for (service, _) in SIDE_SERVICES.iter().filter(|(_, regions)| regions.contains(&region)) {
        router = router.route(&format!("/{service}/health"), get(healthy));
    }
    if Region::NODES.contains(&region) {
        router = router.merge(orders::node_router(inner.clone(), region));
    }
    if region == Region::Virginia {
        router = router.merge(orders::switch_router(inner.clone()));
        router = router.merge(edge::router(inner.clone(), client.clone()));
    }
    router
}
