//! The orders service: `cluster` holds what both nodes, the switch and the
//! ledger know (pure: the time is passed in), `log` one node's orders, `link`
//! the replication between them, `api` their HTTP, `customers` who buys.

mod api;
mod cluster;
mod customers;
mod link;
mod log;

#[cfg(test)]
mod tests;

pub(super) use api::{node_router, switch_router};
pub(super) use cluster::{Cluster, Refusal};
pub(super) use customers::shop;
pub(super) use link::LinkFault;
pub(super) use log::Ack;
