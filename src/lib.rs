//! Lifeboat: a terminal dashboard for disaster recovery.
//!
//! A row may use the rows above it; `lifeboat_core` (pure) lies under all.
//! See ARCHITECTURE.md for the map.

pub mod config;

pub mod net;

pub mod catalog;
pub mod probe;

pub mod act;
pub mod keep;

pub mod engine;

pub mod app;

pub mod term;
pub mod ui;

pub mod report;

pub mod demo;

pub mod cli;

#[doc(hidden)]
pub mod parsers;
