//! Holders of the lease that are killed, sleep, and wake up again. They are real processes.

use match_core::Miss;
use testbed::budget::Arguments;
use testbed::budget::child::{ToldAnswer, start_host};
use testbed::queries::TruthQuery;
use testbed::server::{Fault, FaultRule, Route};
use testbed::shared::Hosts;

use super::{SCALE, ask, counts};

/// The arguments that make this program do a child's work.
const CHILD: Arguments = &["budget::child_process", "--exact", "--nocapture"];

fn paths(asked: &[TruthQuery]) -> Vec<String> {
    asked.iter().map(|truth| truth.path.clone()).collect()
}

/// The fifth page is held until the test releases it.
fn hold_page(hosts: &Hosts, fault: Fault) {
    hosts.stage.pms.script(FaultRule::once(Route::Listing, 5, fault));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_is_killed_while_it_lists_costs_one_more_listing() {
    let Some(hosts) = Hosts::start(SCALE, &[]).await.unwrap() else { return };
    let asked = hosts.stage.present(50);
    hold_page(&hosts, Fault::Hang);
    let child =
        start_host(&hosts.stage, CHILD, 9, paths(&asked), Some(hosts.child_tier())).unwrap();
    child.kill_when(hosts.stage.pms.arrived(Route::Listing, 5)).await.unwrap();
    let spent = hosts.stage.calls();
    assert!(spent <= 2 + SCALE.pages(), "{spent}");
    let engines = hosts.engines(0..4).await.unwrap();
    let (runs, _) = ask(&hosts, &engines, &asked).await;
    let more = hosts.stage.calls() - spent;
    assert!(more <= 1 + SCALE.pages(), "one listing, and the server's identity: {more} calls");
    assert_eq!(counts(&runs).snapshots, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_slept_past_its_lease_writes_nothing() {
    let Some(hosts) = Hosts::start(SCALE, &[]).await.unwrap() else { return };
    let asked = hosts.stage.present(50);
    hold_page(&hosts, Fault::Held);
    let sleeper =
        start_host(&hosts.stage, CHILD, 9, paths(&asked), Some(hosts.child_tier())).unwrap();
    hosts.stage.pms.held().await;
    sleeper.signal("STOP").unwrap();
    // Another host waits until the lease has expired, and then lists and publishes.
    let engines = hosts.engines(0..1).await.unwrap();
    let (runs, _) = ask(&hosts, &engines, &asked).await;
    assert_eq!(counts(&runs).published, 1, "{}", runs[0].report);
    let mut redis = hosts.valkey.client().unwrap();
    let heads: Vec<String> = redis::cmd("KEYS").arg("*:head").query(&mut redis).unwrap();
    let mut head =
        || -> Vec<u8> { redis::cmd("HGET").arg(&heads[0]).arg("c").query(&mut redis).unwrap() };
    let before = head();
    hosts.stage.pms.release();
    sleeper.signal("CONT").unwrap();
    let told = sleeper.told().await.unwrap();
    let right = told.answers.iter().zip(&asked).all(|(answer, truth)| {
        matches!((answer, truth.expect), (ToldAnswer::Found(key), Some(expect)) if *key == expect)
    });
    assert!(right, "its own answers are right");
    assert_eq!(told.report.shared.published, 0);
    assert_eq!(told.report.shared.misses.get(&Miss::LeaseLost), Some(&1), "{}", told.report);
    assert_eq!(head(), before, "the publication of the other host stays");
}
