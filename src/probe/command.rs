//! `command = ["prog", "arg"]`: a program of the estate answers by how it ends:
//! 0 holds, 1 does not, anything else cannot tell. What it prints may carry a
//! figure. Held to trust where programs are run (`net::Secrets`).

use lifeboat_core::model::{Code, Dur, Probe, ProbeReading, Problem, clean_line};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{
    Prober,
    figure::{Body, judge},
    millis,
};
use crate::net::ProgramError;

const MAX_OUTPUT: usize = 256 << 10;

pub(super) async fn ask(prober: &Prober, probe: &Probe, timeout: Dur) -> Result<ProbeReading, Problem> {
    let argv: Vec<String> = super::table(probe)?;
    let subject = clean_line(argv.first().map_or("command", String::as_str));
    let begun = Instant::now();
    prober.meter.request();
    let cancel = CancellationToken::new();
    let ran = prober.secrets.run(&argv, &[], timeout, MAX_OUTPUT, &cancel).await?;
    let ms = millis(begun);
    let failed = |code: Code, why: &dyn std::fmt::Display| Problem::new(code, &subject).because(why);
    match ran {
        Ok(printed) => {
            judge(probe, &Body::of(&printed), Ok(format!("it ended with 0 in {ms} ms")), None, ms, &subject)
        }
        Err(ProgramError::Failed { status, said }) if status.code() == Some(1) => {
            let detail = clean_line(&format!("it ended with 1{said}"));
            Ok(ProbeReading { holds: false, value: None, text: None, as_of: None, latency_ms: ms, detail })
        }
        Err(error @ (ProgramError::TimedOut(_) | ProgramError::Cancelled)) => {
            Err(failed(Code::PROBE_TIMEOUT, &error))
        }
        Err(error) => Err(failed(Code::PROBE_ANSWER, &error)),
    }
}
