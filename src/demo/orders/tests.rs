use lifeboat_core::model::{Dur, Time};

use super::{
    Cluster, LinkFault,
    cluster::{Replication, Role},
};
use crate::demo::region::Region::{self, Frankfurt, Ireland, Virginia};

fn at(ms: i64) -> Time {
    Time::UNIX_EPOCH + Dur::secs(1_000_000) + Dur::millis(ms)
}

/// A service with an order each 100 ms, and its clock.
struct Shop {
    cluster: Cluster,
    ms: i64,
    down: Vec<Region>,
}

impl Shop {
    fn open(lag: i64) -> Self {
        Self { cluster: Cluster::new(at(0), Dur::secs(lag), 1), ms: 0, down: Vec::new() }
    }
    fn now(&self) -> Time {
        at(self.ms)
    }
    /// Lets time pass, with customers at whatever the switch points to.
    fn sell(&mut self, seconds: i64) {
        for _ in 0..seconds * 10 {
            self.ms += 100;
            self.advance();
            let number = self.cluster.next_number;
            self.cluster.next_number += 1;
            let target = self.cluster.target();
            if !self.down.contains(&target)
                && let Ok(ack) = self.cluster.place(target, number, self.now())
            {
                self.cluster.record(ack);
            }
        }
    }
    fn idle(&mut self, seconds: i64) {
        self.ms += seconds * 1_000;
        self.advance();
    }
    fn advance(&mut self) {
        let now = self.now();
        self.cluster.advance(now, |r| !self.down.contains(&r));
    }
    fn replication(&self, region: Region) -> Replication {
        self.cluster.replication(region, self.now()).unwrap()
    }
    fn fail_over(&mut self) {
        self.cluster.fence(Ireland).unwrap();
        self.cluster.promote(Frankfurt, false, self.now()).unwrap();
        self.cluster.switch_to(Frankfurt).unwrap();
    }
    fn role(&self, region: Region) -> Role {
        self.cluster.node(region).unwrap().role
    }
}

#[test]
fn the_standby_is_about_as_far_behind_as_the_link() {
    let mut shop = Shop::open(6);
    shop.sell(120);
    let told = shop.replication(Frankfurt);
    assert!((4.9..=7.2).contains(&told.lag_seconds), "{told:?}");
    assert_eq!(told.measured_at, shop.now());
    assert!(!told.in_sync);
    assert_eq!(shop.replication(Ireland).lag_seconds, 0.0);
}

#[test]
fn an_idle_writer_keeps_its_standby_fresh() {
    let mut shop = Shop::open(2);
    shop.sell(10);
    shop.idle(60);
    let told = shop.replication(Frankfurt);
    assert!(told.lag_seconds < 3.0, "{told:?}");
    assert!(told.in_sync);
}

#[test]
fn lag_grows_while_the_link_crawls_and_comes_back() {
    let mut shop = Shop::open(2);
    shop.sell(20);
    shop.cluster.set_link_fault(LinkFault::Grow, true, shop.now());
    shop.sell(50);
    let grown = shop.replication(Frankfurt).lag_seconds;
    assert!((45.0..=49.0).contains(&grown), "{grown}");
    shop.cluster.set_link_fault(LinkFault::Grow, false, shop.now());
    shop.sell(1);
    assert!(shop.replication(Frankfurt).lag_seconds < 3.0);
}

#[test]
fn a_frozen_figure_stands_still_with_its_instant() {
    let mut shop = Shop::open(2);
    shop.sell(20);
    shop.cluster.set_link_fault(LinkFault::Frozen, true, shop.now());
    let before = shop.replication(Frankfurt);
    let had = shop.cluster.node(Frankfurt).unwrap().log.count();
    shop.sell(30);
    assert_eq!(shop.replication(Frankfurt), before);
    assert_eq!(shop.cluster.node(Frankfurt).unwrap().log.count(), had, "nothing arrives any more");
    shop.cluster.set_link_fault(LinkFault::Frozen, false, shop.now());
    shop.sell(1);
    assert!(shop.replication(Frankfurt).measured_at > before.measured_at);
}

#[test]
fn nobody_writes_before_the_old_writer_is_fenced() {
    let mut shop = Shop::open(2);
    shop.sell(5);
    let now = shop.now();
    assert!(shop.cluster.promote(Frankfurt, false, now).unwrap_err().0.contains("fence it first"));
    assert!(shop.cluster.switch_to(Frankfurt).is_err());
    assert!(shop.cluster.fence(Frankfurt).is_err(), "a standby has nothing to take");
    assert!(shop.cluster.node(Virginia).is_err());
    shop.cluster.fence(Ireland).unwrap();
    shop.cluster.fence(Ireland).unwrap();
    assert!(shop.cluster.place(Ireland, 9_000, now).is_err());
    assert!(shop.cluster.replication(Ireland, now).is_err(), "it follows nobody");
    shop.cluster.promote(Frankfurt, false, now).unwrap();
    shop.cluster.promote(Frankfurt, false, now).unwrap();
    assert_eq!(shop.cluster.epoch(), 2, "asked twice, promoted once");
    assert!(shop.cluster.promote(Ireland, false, now).is_err());
}

#[test]
fn force_makes_two_writers() {
    let mut shop = Shop::open(2);
    shop.sell(5);
    shop.cluster.promote(Frankfurt, true, shop.now()).unwrap();
    assert_eq!(shop.cluster.writers().collect::<Vec<_>>(), [Ireland, Frankfurt]);
}

#[test]
fn the_loss_is_what_customers_hold_and_the_survivor_lacks() {
    let mut shop = Shop::open(4);
    shop.sell(60);
    shop.down.push(Ireland);
    shop.sell(3);
    let received = shop.replication(Frankfurt).received_through;
    shop.fail_over();
    let loss = shop.cluster.loss(Frankfurt).unwrap();
    let (surviving, last) = (loss.last_surviving.unwrap(), loss.last_lost.unwrap());
    assert_eq!(surviving.at, received, "what the standby said it had is what it has");
    assert_eq!(last.at, at(60_000), "and the last receipt is from just before the region went");
    assert_eq!(loss.lost, last.number - surviving.number, "orders are lost without a gap");
    assert_eq!(loss.seconds, Dur::between(surviving.at, last.at).as_secs_f64());
    assert!((3.0..=5.0).contains(&loss.seconds), "{loss:?}");

    shop.sell(20);
    assert_eq!(shop.cluster.loss(Frankfurt).unwrap(), loss, "what comes after changes nothing");
    assert!(shop.cluster.loss(Ireland).is_err());
}

#[test]
fn the_way_back_loses_nothing() {
    let mut shop = Shop::open(2);
    shop.sell(30);
    shop.down.push(Ireland);
    shop.sell(2);
    shop.fail_over();
    shop.sell(30);
    shop.down.clear();
    assert!(shop.cluster.promote(Ireland, true, shop.now()).is_ok(), "forced, it would be a split brain");

    let mut shop = Shop { ms: 0, ..Shop::open(2) };
    shop.sell(30);
    shop.down.push(Ireland);
    shop.sell(2);
    shop.fail_over();
    shop.sell(30);
    shop.down.clear();
    shop.cluster.rejoin(Ireland, shop.now()).unwrap();
    assert_eq!(shop.role(Ireland), Role::Standby);
    assert!(shop.cluster.rejoin(Frankfurt, shop.now()).is_err(), "the newest orders are not thrown away");
    shop.sell(10);
    assert!(!shop.replication(Ireland).in_sync);
    shop.cluster.fence(Frankfurt).unwrap();
    shop.sell(5);
    assert!(shop.replication(Ireland).in_sync, "a fenced writer still hands over what it has");
    shop.cluster.promote(Ireland, false, shop.now()).unwrap();
    shop.cluster.switch_to(Ireland).unwrap();
    shop.cluster.rejoin(Frankfurt, shop.now()).unwrap();
    shop.sell(10);
    assert_eq!(shop.cluster.loss(Ireland).unwrap().lost, 0);
    assert_eq!(shop.role(Frankfurt), Role::Standby);
}

#[test]
fn a_restart_remembers_who_writes_and_gives_no_number_twice() {
    let mut shop = Shop::open(2);
    shop.sell(10);
    shop.fail_over();
    let next = shop.cluster.next_number;
    let kept = serde_json::to_string(&shop.cluster.to_keep()).unwrap();
    let back = serde_json::from_str::<Cluster>(&kept).unwrap().resume(Dur::secs(2));
    assert_eq!((back.target(), back.epoch()), (Frankfurt, 2));
    assert!(back.next_number > next);
}
