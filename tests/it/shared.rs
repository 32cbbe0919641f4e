//! Many hosts with a cache file each, one server, and a real engine beside them. What is asserted
//! first is how many calls were made to the server; then the answers.

use std::time::Duration;

use match_core::{Answer, Run};
use testbed::budget::Scale;
use testbed::queries::TruthQuery;
use testbed::shared::{Hosts, ask_all};

const SCALE: Scale = Scale::small(1_000, 100);

/// Every answer of every run is the true one.
#[track_caller]
fn check(asked: &[TruthQuery], runs: &[Run]) {
    for run in runs {
        assert_eq!(run.answers.len(), asked.len());
        for (truth, answer) in asked.iter().zip(&run.answers) {
            match (answer, truth.expect) {
                (Answer::Absent, None) => {}
                (Answer::Found(found), Some(expect)) if found.rating_key.0 == expect => {}
                _ => panic!("{}: truth {:?}, answer {answer:?}", truth.path, truth.expect),
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn eight_hosts_cost_as_one() {
    let Some(hosts) = Hosts::start(SCALE, &[]).await.unwrap() else { return };
    let asked = hosts.stage.queries(200);
    let engines = hosts.engines(0..8).await.unwrap();
    let runs = ask_all(&engines, &asked).await.unwrap();
    check(&asked, &runs);
    for run in &runs {
        println!("{}", run.report);
    }
    assert_eq!(hosts.stage.calls(), 2 + SCALE.pages(), "sections, identity, and one listing");

    let ninth = hosts.engines(8..9).await.unwrap();
    let before = hosts.stage.calls();
    let runs = ask_all(&ninth, &asked).await.unwrap();
    check(&asked, &runs);
    assert_eq!(hosts.stage.calls() - before, 0, "{}", runs[0].report);

    hosts.stage.later(Duration::from_secs(61));
    let tenth = hosts.engines(9..10).await.unwrap();
    let before = hosts.stage.calls();
    let runs = ask_all(&tenth, &asked).await.unwrap();
    check(&asked, &runs);
    assert_eq!(hosts.stage.calls() - before, 1, "{}", runs[0].report);
}
