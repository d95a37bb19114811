//! What was resolved, for whoever keeps or shows something.

use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use super::Redactor;
use crate::net::Secret;

/// The secrets that were resolved, for whoever writes or shows something.
#[derive(Clone, Default)]
pub(in crate::net) struct Known(Arc<Mutex<Kept>>);

#[derive(Default)]
struct Kept {
    secrets: Vec<Secret>,
    redactor: Option<Arc<Redactor>>,
}

/// More than these are not remembered: what rotates every minute for months is
/// an old secret by then.
const MOST: usize = 4_096;

impl Known {
    fn add(&self, secret: &Secret) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.secrets.iter().any(|known| known == secret) {
            return;
        }
        if kept.secrets.len() >= MOST {
            kept.secrets.remove(0);
        }
        kept.secrets.push(secret.clone());
        kept.redactor = None;
    }
    pub(in crate::net) fn redactor(&self) -> Arc<Redactor> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Kept { secrets, redactor } = &mut *kept;
        redactor.get_or_insert_with(|| Arc::new(Redactor::new(secrets.iter()))).clone()
    }
    /// Remembers it here, and for the log of this process.
    pub(in crate::net) fn learn(&self, secret: &Secret) {
        self.add(secret);
        EVERY.add(secret);
    }
}

/// Every secret that this process resolved. Only the log asks: it is one for
/// all, and whoever logs need not know of secrets.
static EVERY: LazyLock<Known> = LazyLock::new(Known::default);

/// What the log must not hold.
pub fn of_this_process() -> Arc<Redactor> {
    EVERY.redactor()
}
