//! Customers: place numbered orders, one after another, where the switch
//! points, and keep the receipts.

use std::{sync::Arc, time::Duration};

use reqwest::Client;
use serde_json::json;
use tokio::{sync::Semaphore, time::Instant};

use super::log::Ack;
use crate::demo::{region::Region, state::Inner};

/// A customer who was not answered by then goes elsewhere.
const PATIENCE: Duration = Duration::from_secs(1);

/// Places orders for ever, at the world's rate with a seeded jitter of half
/// an interval.
pub async fn shop(world: Arc<Inner>, client: Client, seed: u64) {
    let mut random = fastrand::Rng::with_seed(seed);
    let counter = Arc::new(Semaphore::new(200));
    let mut target = Region::Ireland;
    let mut next = Instant::now();
    loop {
        let rate = world.order_rate();
        next += Duration::from_secs_f64((0.5 + random.f64()) / rate.clamp(0.01, 10_000.0));
        // After a pause of the machine nobody makes up for orders not placed.
        next = next.max(Instant::now() - PATIENCE);
        tokio::time::sleep_until(next).await;
        // With the switch out of reach, customers go on where they went last.
        if world.services(Region::Virginia).is_open() {
            target = world.orders(|cluster, _| cluster.target());
        }
        let Ok(permit) = counter.clone().try_acquire_owned() else { continue };
        let number = world.next_number();
        let url = format!("http://{}/orders/place", world.services(target).addr);
        let (world, client) = (world.clone(), client.clone());
        tokio::spawn(async move {
            match order(&client, &url, number).await {
                Some(ack) => world.acknowledged(ack),
                None => world.turned_away(),
            }
            drop(permit);
        });
    }
}

async fn order(client: &Client, url: &str, number: u64) -> Option<Ack> {
    let answer = client.post(url).json(&json!({ "number": number })).timeout(PATIENCE).send().await;
    answer.ok()?.error_for_status().ok()?.json().await.ok()
}
