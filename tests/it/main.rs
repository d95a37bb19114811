//! One binary: everything that needs the whole program or a real tool.

mod barman;
mod demo_repo;
mod drives;
mod etcd;
mod failover;
mod house;
mod kills;
mod lab;
mod litestream;
mod loss;
mod pgbackrest;
mod pgbackrest_restore;
mod plans;
mod pty;
mod restic;
mod tls;
mod untrusted;
