//! One binary: everything that needs the whole program or a real tool.

mod barman;
mod demo_repo;
mod drives;
mod etcd;
mod failover;
mod git;
mod history;
mod house;
mod kills;
mod lab;
mod litestream;
mod loss;
mod oci;
mod pgbackrest;
mod pgbackrest_restore;
mod plans;
mod posture;
mod programs;
mod pty;
mod restic;
mod servers;
mod stores;
mod tls;
mod untrusted;
mod whole_estate;
