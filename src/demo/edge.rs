//! The public address of the services, in Virginia: passes requests on to
//! the region that serves, as an edge network or a global balancer does.

use std::{sync::Arc, time::Duration};

use axum::{
    Json, Router,
    extract::{Path, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use reqwest::Client;
use serde_json::json;

use super::{region::Region, state::Inner};

const PATIENCE: Duration = Duration::from_secs(2);

#[derive(Clone)]
struct Edge {
    world: Arc<Inner>,
    client: Client,
}

/// `/public/PATH`: as the region answers that the switch points to;
/// `/regions/REGION/PATH`: as that region answers. 502 where it does not.
pub fn router(world: Arc<Inner>, client: Client) -> Router {
    Router::new()
        .route("/public/{*path}", get(public))
        .route("/regions/{region}/{*path}", get(of_region))
        .with_state(Edge { world, client })
}

async fn public(State(edge): State<Edge>, Path(path): Path<String>) -> Response {
    let target = edge.world.orders(|cluster, _| cluster.target());
    forward(&edge, target, &path).await
}

async fn of_region(State(edge): State<Edge>, Path((region, path)): Path<(String, String)>) -> Response {
    match region.parse() {
        Ok(region) => forward(&edge, region, &path).await,
        Err(why) => (StatusCode::NOT_FOUND, Json(json!({ "error": why }))).into_response(),
    }
}

async fn forward(edge: &Edge, region: Region, path: &str) -> Response {
    let url = format!("http://{}/{path}", edge.world.services(region).addr);
    let asked = async {
        let answer = edge.client.get(url).timeout(PATIENCE).send().await?;
        Ok::<_, reqwest::Error>((answer.status(), answer.bytes().await?))
    };
    match asked.await {
        Ok((status, body)) => (status, [(header::CONTENT_TYPE, "application/json")], body).into_response(),
        Err(_) => {
            let error = format!("{region} does not answer");
            (StatusCode::BAD_GATEWAY, Json(json!({ "error": error }))).into_response()
        }
    }
}
