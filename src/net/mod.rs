//! The one HTTP client: bounds, error classes, counters, secrets; stores on top of it.
//! A new way to be told "no" is one variant in `error`; a new kind of store one file in `store`.

pub mod dns;
mod error;
mod guard;
mod http;
mod meter;
mod program;
pub mod redact;
mod secret;
pub mod store;
#[cfg(test)]
pub(crate) mod testing;
mod thaws;
mod tls;
mod work;
pub mod xml;

pub use error::{NetError, Side};
pub use guard::{Refusal, check_address, resolve};
pub use http::{Answer, Ask, Http};
pub use meter::Meter;
pub use program::ProgramError;
pub use secret::{Secret, Secrets, leave_no_core};
pub use thaws::{Archived, Thaws};
pub use tls::Tls;
pub use work::Work;
