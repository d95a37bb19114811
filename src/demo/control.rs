//! How another process (or a key of the dashboard) breaks the demo: a small
//! HTTP interface on loopback, whose address and token lie in
//! `DIR/.lifeboat/control.json`, readable by the owner only.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use axum::{
    Json, Router,
    extract::{Request, State},
    http::{StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use lifeboat_core::model::{Code, Dur, Problem};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{faults::Wanted, place, state::Inner};

const PATIENCE: Duration = Duration::from_secs(5);

/// The contents of `control.json`.
#[derive(Serialize, Deserialize)]
pub(super) struct Ticket {
    pub address: SocketAddr,
    pub token: String,
    pub pid: u32,
}

pub(super) fn ticket_path(dir: &Path) -> PathBuf {
    place::state_dir(dir).join("control.json")
}

/// What the world counts, for tests and for a headless demo's log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Counts {
    /// Orders that customers hold a receipt for.
    pub acknowledged: u64,
    /// Orders that found no one to take them.
    pub turned_away: u64,
    /// Faults that are on, as they are named.
    pub faults: Vec<String>,
    /// Regions that may write; more than one is a split brain.
    pub writers: Vec<String>,
    /// Where the switch sends customers.
    pub target: String,
}

#[derive(Serialize, Deserialize)]
struct FaultCall {
    name: String,
    off: bool,
}
#[derive(Serialize, Deserialize)]
struct LagCall {
    seconds: f64,
}
#[derive(Serialize, Deserialize)]
struct RateCall {
    per_second: f64,
}

/// The world's side.
pub(super) fn router(world: Arc<Inner>, token: String) -> Router {
    Router::new()
        .route("/counts", get(|State(w): State<Arc<Inner>>| async move { Json(w.counts()) }))
        .route("/fault", post(fault))
        .route("/lag", post(lag))
        .route("/rate", post(rate))
        .with_state(world)
        .layer(middleware::from_fn(move |request, next| admit(token.clone(), request, next)))
}

async fn admit(token: String, request: Request, next: Next) -> Response {
    let given = request.headers().get(header::AUTHORIZATION).map(|v| v.as_bytes().to_vec());
    match given == Some(format!("Bearer {token}").into_bytes()) {
        true => next.run(request).await,
        false => StatusCode::UNAUTHORIZED.into_response(),
    }
}

fn refused(problem: Problem) -> Response {
    (StatusCode::BAD_REQUEST, Json(problem)).into_response()
}

async fn fault(State(world): State<Arc<Inner>>, Json(call): Json<FaultCall>) -> Response {
    let applied = tokio::task::spawn_blocking(move || {
        let wanted = Wanted::parse(&call.name)?;
        world.apply(wanted, !call.off)
    });
    match applied.await {
        Ok(Ok(said)) => Json(said).into_response(),
        Ok(Err(problem)) => refused(problem),
        Err(error) => refused(Problem::new(Code::DEMO_WORLD, "fault").because(error)),
    }
}

async fn lag(State(world): State<Arc<Inner>>, Json(call): Json<LagCall>) -> Response {
    match Dur::from_secs_f64(call.seconds).filter(|d| *d >= Dur::ZERO) {
        Some(lag) => {
            world.set_lag(lag);
            Json(format!("replication of orders is {lag} behind")).into_response()
        }
        None => {
            refused(Problem::new(Code::DEMO_FAULT, "lag").because("it is a number of seconds, 0 or more"))
        }
    }
}

async fn rate(State(world): State<Arc<Inner>>, Json(call): Json<RateCall>) -> Response {
    match call.per_second.is_finite() && call.per_second > 0.0 {
        true => {
            world.set_order_rate(call.per_second);
            Json(format!("{} orders a second", call.per_second)).into_response()
        }
        false => refused(Problem::new(Code::DEMO_FAULT, "rate").because("it is a number above 0")),
    }
}

/// The caller's side: any process of the same user. Each call blocks for at
/// most a few seconds.
#[derive(Debug, Clone)]
pub struct Control {
    dir: PathBuf,
}

impl Control {
    /// For the demo that runs from `dir`; `DEMO_ABSENT` where none does.
    pub fn of(dir: &Path) -> Result<Self, Problem> {
        let control = Self { dir: dir.to_owned() };
        control.ticket().map(|_| control)
    }
    /// `name` is one of [`super::FAULTS`], some followed by `:REGION`. The
    /// answer is one sentence for a person.
    pub fn fault(&self, name: &str, off: bool) -> Result<String, Problem> {
        Wanted::parse(name)?;
        self.call("/fault", Some(&FaultCall { name: name.to_owned(), off }))
    }
    pub fn set_lag(&self, lag: Duration) -> Result<String, Problem> {
        self.call("/lag", Some(&LagCall { seconds: lag.as_secs_f64() }))
    }
    /// Orders a second.
    pub fn set_order_rate(&self, per_second: f64) -> Result<String, Problem> {
        self.call("/rate", Some(&RateCall { per_second }))
    }
    pub fn counts(&self) -> Result<Counts, Problem> {
        self.call("/counts", None::<&()>)
    }

    fn absent(&self) -> Problem {
        Problem::new(Code::DEMO_ABSENT, self.dir.display())
    }
    fn ticket(&self) -> Result<Ticket, Problem> {
        place::read_json(&ticket_path(&self.dir)).ok_or_else(|| self.absent())
    }

    fn call<B: Serialize, T: DeserializeOwned>(&self, path: &str, body: Option<&B>) -> Result<T, Problem> {
        let ticket = self.ticket()?;
        let body = body.map(serde_json::to_string).transpose();
        let body = body.map_err(|e| Problem::new(Code::DEMO_WORLD, path).because(e))?;
        let (status, answer) =
            exchange(&ticket, path, body.as_deref()).map_err(|e| self.absent().because(e))?;
        let garbled = |e: serde_json::Error| Problem::new(Code::DEMO_WORLD, path).because(e);
        match status {
            200 => serde_json::from_slice(&answer).map_err(garbled),
            400 => Err(serde_json::from_slice::<Problem>(&answer).unwrap_or_else(garbled)),
            401 => Err(self.absent().because("another program answers at its address")),
            other => Err(Problem::new(Code::DEMO_WORLD, path).because(format_args!("status {other}"))),
        }
    }
}

/// One request on a connection of its own. Plain and blocking, so that it
/// works in any thread of any process.
fn exchange(ticket: &Ticket, path: &str, body: Option<&str>) -> std::io::Result<(u16, Vec<u8>)> {
    let mut stream = TcpStream::connect_timeout(&ticket.address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let Ticket { address, token, .. } = ticket;
    let method = if body.is_some() { "POST" } else { "GET" };
    let body = body.unwrap_or_default();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    stream.take(1 << 20).read_to_end(&mut answer)?;
    let garbled = || std::io::Error::other("no HTTP answer");
    let end = answer.windows(4).position(|w| w == b"\r\n\r\n").ok_or_else(garbled)?;
    let head = String::from_utf8_lossy(&answer[..end]);
    let status = head.split(' ').nth(1).and_then(|s| s.parse().ok()).ok_or_else(garbled)?;
    Ok((status, answer.split_off(end + 4)))
}
