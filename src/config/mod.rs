//! TOML to `Estate` against a `Vocabulary`: diagnostics, schema, trust.
//! A new key is one line in `keys/`; what it must agree with, one check in `check/`.

mod check;
mod cursor;
mod diagnostic;
mod find;
mod init;
mod keys;
mod load;
mod names;
mod nearest;
mod packs;
mod parse;
mod reference;
mod schema;
mod shape;
mod source;
mod template;
pub mod trust;

pub use diagnostic::{Diagnostic, Diagnostics, Excerpt, Severity};
pub use find::{find, slug};
pub use init::init;
pub use load::{Loaded, LoadedFile, load};
pub use nearest::nearest;
pub use reference::reference;
pub use schema::schema;
pub use source::{MAX_ESTATE, MAX_FILE};
pub use trust::TrustedEstate;

#[cfg(test)]
mod tests;
