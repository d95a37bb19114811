//! The pure heart of Lifeboat: what an estate is, what its loss would cost,
//! how a run moves, and what a journal says.
//!
//! Nothing here reads a file, opens a socket, asks a clock or draws a random
//! number: instants are passed in, and every function is from values to values.

pub mod assess;
pub mod model;
pub mod record;
pub mod run;
