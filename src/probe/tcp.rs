//! `tcp = "host:port"`: whether a connection opens.

use lifeboat_core::model::{Dur, Probe, ProbeReading, Problem, clean_line};
use tokio::time::Instant;

use super::{
    Prober,
    dial::{address, dial, within},
    millis, target,
};
use crate::net::Side;

pub(super) async fn ask(prober: &Prober, probe: &Probe, timeout: Dur) -> Result<ProbeReading, Problem> {
    let text = target(probe)?;
    let subject = clean_line(text);
    let (host, port) = address(text)?;
    let begun = Instant::now();
    let opened =
        async { dial(host, port, &prober.meter).await.map_err(|e| e.problem(Side::Probe, &subject)) };
    within(timeout, &subject, opened).await?;
    let latency_ms = millis(begun);
    let detail = format!("connected in {latency_ms} ms");
    Ok(ProbeReading { holds: true, value: None, text: None, as_of: None, latency_ms, detail })
}
