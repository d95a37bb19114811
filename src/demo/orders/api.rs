//! The HTTP faces of the orders service.

use std::{str::FromStr, sync::Arc};

use axum::{
    Json, Router,
    extract::{Path, Query, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Refusal, cluster::Role};
use crate::demo::{region::Region, state::Inner};

type World = Arc<Inner>;
type Answer = Result<Json<Value>, Refused>;

/// 409 with the sentence, 404 for a region that is none, 503 for one that
/// does not answer.
pub struct Refused(StatusCode, String);

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        (self.0, Json(json!({ "error": self.1 }))).into_response()
    }
}
impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self(StatusCode::CONFLICT, refusal.to_string())
    }
}

fn region(id: &str) -> Result<Region, Refused> {
    Region::from_str(id).map_err(|why| Refused(StatusCode::NOT_FOUND, why))
}

/// What one region's node answers; below its own address.
pub fn node_router(world: World, here: Region) -> Router {
    Router::new()
        .route("/orders/health", get(move |State(w)| async move { health(&w, here) }))
        .route("/orders/last_write", get(move |State(w)| async move { last_write(&w, here) }))
        .route("/orders/replication", get(move |State(w)| async move { replication(&w, here) }))
        .route("/orders/place", post(move |State(w), body| async move { place(&w, here, body) }))
        .with_state(world)
}

/// `{role, serving, epoch, orders, last_order_at}`; 503 for a fenced node.
/// It serves when it acknowledged an order within the last three seconds.
fn health(world: &World, here: Region) -> Result<Response, Refused> {
    world.orders(|cluster, now| {
        let node = cluster.node(here)?;
        let last = node.log.last();
        let recent = last.is_some_and(|a| (now - a.at).num_seconds() < 3);
        let status = match node.role {
            Role::Fenced => StatusCode::SERVICE_UNAVAILABLE,
            Role::Writer | Role::Standby => StatusCode::OK,
        };
        let body = json!({
            "region": here,
            "role": node.role,
            "serving": node.role == Role::Writer && cluster.target() == here && recent,
            "epoch": node.epoch,
            "orders": node.log.count(),
            "last_order_at": last.map(|a| a.at),
        });
        Ok((status, Json(body)).into_response())
    })
}

/// `{at, number}` of the newest order acknowledged or received here.
fn last_write(world: &World, here: Region) -> Answer {
    world.orders(|cluster, _| match cluster.node(here)?.log.last() {
        Some(ack) => Ok(Json(json!({ "at": ack.at, "number": ack.number }))),
        None => Err(Refused(StatusCode::NOT_FOUND, "no order yet".into())),
    })
}

/// `{role, lag_seconds, measured_at, received_through, in_sync}`.
fn replication(world: &World, here: Region) -> Answer {
    let told = world.orders(|cluster, now| cluster.replication(here, now))?;
    Ok(Json(json!(told)))
}

#[derive(Deserialize)]
pub struct Order {
    number: u64,
}

/// `{number}` in, `{number, at}` out: acknowledged.
fn place(world: &World, here: Region, Json(order): Json<Order>) -> Answer {
    let ack = world.orders(|cluster, now| cluster.place(here, order.number, now))?;
    Ok(Json(json!(ack)))
}

/// The switch, which owns the right to write and points the traffic, and the
/// customers' ledger; both in Virginia.
///
/// Each `POST` may be repeated: what holds already is answered as done.
pub fn switch_router(world: World) -> Router {
    Router::new()
        .route("/switch", get(|State(w): State<World>| async move { Ok::<_, Refused>(posture(&w)) }))
        .route("/switch/fences/{region}", get(fenced).post(fence))
        .route("/switch/writers/{region}", get(writer).post(promote))
        .route("/switch/standbys/{region}", get(standby).post(rejoin))
        .route("/switch/target/{region}", get(target).post(switch))
        .route("/ledger", get(ledger))
        .route("/ledger/loss", get(loss))
        .with_state(world)
}

fn posture(world: &World) -> Json<Value> {
    world.orders(|cluster, _| {
        Json(json!({
            "target": cluster.target(),
            "epoch": cluster.epoch(),
            "writers": cluster.writers().collect::<Vec<_>>(),
        }))
    })
}

fn role(world: &World, id: &str) -> Result<Role, Refused> {
    let region = region(id)?;
    Ok(world.orders(|cluster, _| cluster.node(region).map(|n| n.role))?)
}

/// The region, where its node can be reached: a switch changes no node that
/// does not answer.
fn reached(world: &World, id: &str) -> Result<Region, Refused> {
    let region = region(id)?;
    match world.services(region).is_open() {
        true => Ok(region),
        false => Err(Refused(StatusCode::SERVICE_UNAVAILABLE, format!("{region} does not answer"))),
    }
}

async fn fenced(State(world): State<World>, Path(id): Path<String>) -> Answer {
    Ok(Json(json!({ "region": id, "fenced": role(&world, &id)? == Role::Fenced })))
}

/// Works without the region: the switch takes its token and sends it nobody.
async fn fence(State(world): State<World>, Path(id): Path<String>) -> Answer {
    let region = region(&id)?;
    world.orders(|cluster, _| cluster.fence(region))?;
    Ok(Json(json!({ "region": id, "fenced": true })))
}

async fn writer(State(world): State<World>, Path(id): Path<String>) -> Answer {
    Ok(Json(json!({ "region": id, "writer": role(&world, &id)? == Role::Writer })))
}

#[derive(Deserialize)]
struct Promote {
    #[serde(default)]
    force: bool,
}

async fn promote(
    State(world): State<World>,
    Path(id): Path<String>,
    Query(Promote { force }): Query<Promote>,
) -> Answer {
    let region = reached(&world, &id)?;
    let epoch = world.orders(|cluster, now| {
        cluster.promote(region, force, now)?;
        Ok::<_, Refusal>(cluster.epoch())
    })?;
    Ok(Json(json!({ "region": id, "writer": true, "epoch": epoch })))
}

async fn standby(State(world): State<World>, Path(id): Path<String>) -> Answer {
    Ok(Json(json!({ "region": id, "standby": role(&world, &id)? == Role::Standby })))
}

async fn rejoin(State(world): State<World>, Path(id): Path<String>) -> Answer {
    let region = reached(&world, &id)?;
    world.orders(|cluster, now| cluster.rejoin(region, now))?;
    Ok(Json(json!({ "region": id, "standby": true })))
}

async fn target(State(world): State<World>, Path(id): Path<String>) -> Answer {
    let region = region(&id)?;
    let points = world.orders(|cluster, _| cluster.target() == region);
    Ok(Json(json!({ "region": id, "target": points })))
}

async fn switch(State(world): State<World>, Path(id): Path<String>) -> Answer {
    let region = reached(&world, &id)?;
    world.orders(|cluster, _| cluster.switch_to(region))?;
    Ok(Json(json!({ "region": id, "target": true })))
}

/// `{acknowledged, last}`: what customers hold receipts for.
async fn ledger(State(world): State<World>) -> Answer {
    let (acknowledged, last) = world.orders(|c, _| (c.ledger().count(), c.ledger().last()));
    Ok(Json(json!({ "acknowledged": acknowledged, "last": last })))
}

#[derive(Deserialize)]
struct Where {
    region: String,
}

/// `{lost, seconds, first_lost, last_lost, last_surviving}`; 409 for a region
/// that was never promoted.
async fn loss(State(world): State<World>, Query(Where { region: id }): Query<Where>) -> Answer {
    let region = region(&id)?;
    let counted = world.orders(|cluster, _| cluster.loss(region))?;
    Ok(Json(json!(counted)))
}
