//! Reports: what commands print and files keep, as JSON, text, Markdown and HTML.
//! A new report is a file here: values in, text out, no I/O.

mod audit;
mod dependencies;
mod estate;
mod html;
mod posture;
mod run;
mod stores;
mod text;
mod trends;

pub use dependencies::{dependencies, dependencies_text};
pub use estate::{coverage, coverage_text, losses, losses_text};
pub use html::html;
pub use posture::{Read, points, status, what_if};
pub use run::{RunReport, markdown, run};
pub use stores::{Asked, stores, stores_text};
pub use text::{points_text, status_text, what_if_text};
pub use trends::{Remembered, bars, trends, trends_text};
