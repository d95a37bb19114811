//! Every pure parser of bytes from outside, in one table: for the property test
//! beside it, for `.ci/long`, and for the fuzz targets of `fuzz/`, one a row.
//! A new one is a row in the table of its own module.

#[cfg(test)]
mod tests;

use crate::{catalog, net};
pub use catalog::Parser;

/// Each takes any bytes and neither panics nor takes long.
pub fn parsers() -> Vec<Parser> {
    let journal: Parser = ("journal", |b| {
        let _ = lifeboat_core::record::parse(b);
    });
    catalog::parsers().chain(net::store::PARSERS.iter().copied()).chain([journal]).collect()
}

/// Feeds one of them, for a fuzz target.
pub fn feed(name: &str, bytes: &[u8]) {
    let known = parsers().into_iter().find(|(own, _)| *own == name);
    known.unwrap_or_else(|| panic!("no parser is called {name}")).1(bytes);
}
