//! Many hosts, each with its own cache file, with one server and one real engine. Each test first
//! checks the number of calls to the server, and then the answers.

mod engine;
mod holders;
mod kinds;
mod lies;
mod log;

use std::time::Duration;

use match_core::{
    Answer, Change, EditOptions, Engine, Field, Miss, Query, RatingKey, Run, Selection,
    SharedCounts,
};
use testbed::budget::{Scale, to_queries};
use testbed::generate::add_movie;
use testbed::queries::TruthQuery;
use testbed::shared::{Hosts, ask_all};

const SCALE: Scale = Scale::small(1_000, 100);

/// Checks that every answer of every run is the true one.
#[track_caller]
fn check(asked: &[TruthQuery], runs: &[Run]) {
    for run in runs {
        testbed::queries::check(asked, &run.answers);
    }
}

/// Asks all hosts at once, and checks the answers. Returns the runs, and the calls that the server
/// received.
async fn ask(hosts: &Hosts, engines: &[Engine], asked: &[TruthQuery]) -> (Vec<Run>, u64) {
    let before = hosts.stage.calls();
    let runs = ask_all(engines, asked).await.unwrap();
    check(asked, &runs);
    (runs, hosts.stage.calls() - before)
}

/// The counts of the tier in all runs.
fn counts(runs: &[Run]) -> SharedCounts {
    runs.iter().fold(SharedCounts::default(), |mut sum, run| {
        sum += &run.report.shared;
        sum
    })
}

/// Adds a new film.
fn add(hosts: &Hosts, name: &str) -> TruthQuery {
    let (key, file) = hosts.stage.pms.edit(|library| {
        library.advance(60);
        let added = add_movie(library, 0, name);
        library.scan(0);
        added
    });
    TruthQuery::new(file, Some(key))
}

#[tokio::test(flavor = "multi_thread")]
async fn eight_cold_hosts_cost_as_one_and_a_ninth_nothing() {
    let Some(hosts) = Hosts::start(SCALE, &[]).await.unwrap() else { return };
    let asked = hosts.stage.queries(200);
    let engines = hosts.engines(0..8).await.unwrap();
    let (runs, _) = ask(&hosts, &engines, &asked).await;
    let text = "sections, identity, one listing, and the sections again";
    assert_eq!(hosts.stage.calls(), 3 + SCALE.pages(), "{text}");
    let all = counts(&runs);
    assert_eq!((all.probes, all.snapshots, all.published), (7, 7, 1));
    assert_eq!(all.calls_saved, 7 * (1 + SCALE.pages()));

    let ninth = hosts.engines(8..9).await.unwrap();
    let (runs, calls) = ask(&hosts, &ninth, &asked).await;
    assert_eq!(calls, 0, "{}", runs[0].report);

    hosts.stage.later(Duration::from_secs(61));
    let tenth = hosts.engines(9..10).await.unwrap();
    let (runs, calls) = ask(&hosts, &tenth, &asked).await;
    assert_eq!(calls, 1, "{}", runs[0].report);

    // Each host has the same items as the host that listed them.
    drop((engines, ninth, tenth));
    let items = |host| {
        let store = cache_store::StoreConfig::new(match_core::INDEXING, hosts.stage.clock.now());
        let store = cache_store::Store::open(&hosts.stage.host(host).cache, &store).unwrap();
        let view = store.view().unwrap();
        let section = view.sections().unwrap().remove(0).id;
        let items = view.scan(section).unwrap().map(|item| item.unwrap().1.item);
        items.collect::<Vec<_>>()
    };
    let first = items(0);
    assert_eq!(first.len() as u64, SCALE.items);
    assert!((1..10).all(|host| items(host) == first));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_hour_of_eight_warm_hosts_costs_a_probe_a_minute() {
    let Some(hosts) = Hosts::start(Scale::small(60, 100), &[]).await.unwrap() else { return };
    let asked = hosts.stage.present(20);
    let engines = hosts.engines(0..8).await.unwrap();
    ask(&hosts, &engines, &asked).await;
    let before = hosts.stage.calls();
    for _ in 0..60 {
        hosts.stage.later(Duration::from_mins(1));
        ask(&hosts, &engines, &asked).await;
    }
    assert_eq!(hosts.stage.calls() - before, 60);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_added_is_asked_once_and_caught_up_with_from_the_log() {
    let Some(hosts) = Hosts::start(SCALE, &[]).await.unwrap() else { return };
    let mut asked = hosts.stage.present(50);
    let engines = hosts.engines(0..8).await.unwrap();
    ask_all(&engines, &asked).await.unwrap();
    for name in ["An Added Film (2021)", "Another Added Film (2022)"] {
        asked.push(add(&hosts, name));
        hosts.stage.later(Duration::from_secs(61));
        let (runs, calls) = ask(&hosts, &engines, &asked).await;
        assert!(calls <= 4, "{calls}");
        let all = counts(&runs);
        assert_eq!((all.snapshots, all.deltas, all.published), (0, 7, 1));
        assert!(all.bytes_read < 20_000, "{} bytes for one film", all.bytes_read);
    }
    // A cold host reads the snapshot and the log.
    let cold = hosts.engines(8..9).await.unwrap();
    let (runs, calls) = ask(&hosts, &cold, &asked).await;
    assert_eq!(calls, 0, "{}", runs[0].report);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_deleted_is_gone_for_all() {
    let Some(hosts) = Hosts::start(SCALE, &[]).await.unwrap() else { return };
    let mut asked = hosts.stage.present(50);
    let engines = hosts.engines(0..3).await.unwrap();
    ask_all(&engines, &asked).await.unwrap();
    let gone = asked[3].expect.unwrap();
    hosts.stage.pms.edit(|library| {
        library.remove_item(0, gone);
        library.scan(0);
    });
    asked
        .iter_mut()
        .filter(|truth| truth.expect == Some(gone))
        .for_each(|truth| truth.expect = None);
    hosts.stage.later(Duration::from_secs(61));
    ask(&hosts, &engines, &asked).await;
    let cold = hosts.engines(8..9).await.unwrap();
    ask(&hosts, &cold, &asked).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_lost_everything_is_filled_by_a_warm_host_without_a_listing() {
    let Some(mut hosts) = Hosts::start(SCALE, &[]).await.unwrap() else { return };
    let asked = hosts.stage.present(50);
    let engines = hosts.engines(0..2).await.unwrap();
    ask_all(&engines, &asked).await.unwrap();
    hosts.valkey.restart().unwrap();
    hosts.stage.later(Duration::from_secs(61));
    let (runs, calls) = ask(&hosts, &engines[..1], &asked).await;
    assert_eq!((calls, counts(&runs).published), (1, 1));
    let cold = hosts.engines(8..9).await.unwrap();
    let (runs, calls) = ask(&hosts, &cold, &asked).await;
    assert_eq!(calls, 0, "{}", runs[0].report);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cold_host_begins_from_what_is_old() {
    let Some(hosts) = Hosts::start(SCALE, &[]).await.unwrap() else { return };
    let mut asked = hosts.stage.present(50);
    let engines = hosts.engines(0..1).await.unwrap();
    ask_all(&engines, &asked).await.unwrap();
    asked.push(add(&hosts, "An Added Film (2021)"));
    hosts.stage.later(Duration::from_secs(61));
    let cold = hosts.engines(8..9).await.unwrap();
    let (runs, calls) = ask(&hosts, &cold, &asked).await;
    assert!(calls <= 4, "a delta and not a listing: {calls}\n{}", runs[0].report);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_secret_one_total_is_compared_and_another_accounts_items_are_left() {
    let Some(hosts) = Hosts::start(SCALE, &[]).await.unwrap() else { return };
    let asked = hosts.stage.present(50);
    let engine = async |host| {
        let mut config = hosts.config(host);
        let mut tier = match_core::SharedTier::new(hosts.valkey.url());
        tier.server = hosts.tier().server;
        config.shared = Some(tier);
        Engine::open(hosts.stage.client().unwrap(), config).await.unwrap()
    };
    let first = engine(0).await;
    let all = Selection::All;
    first.match_files(&all, to_queries(&asked)).await.unwrap();
    let second = engine(1).await;
    let before = hosts.stage.calls();
    let run = second.match_files(&all, to_queries(&asked)).await.unwrap();
    check(&asked, std::slice::from_ref(&run));
    assert_eq!(hosts.stage.calls() - before, 1, "one total: {}", run.report);

    // The server shows the next host fewer items, under the same stamp.
    let hidden = asked[0].expect.unwrap();
    hosts.stage.pms.edit(|library| {
        library.quirks.counter_moves_on_delete = false;
        library.remove_item(0, hidden);
    });
    let third = engine(2).await;
    let run = third.match_files(&all, to_queries(&asked)).await.unwrap();
    assert_eq!(run.report.shared.misses.get(&Miss::OtherAccount), Some(&1), "{}", run.report);
    assert_eq!(run.answers[0], Answer::Absent);
    assert_eq!(run.report.shared.published, 0);
}

/// The position in the log is in the cache file.
#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_starts_again_catches_up_from_the_log_and_not_from_the_snapshot() {
    let Some(hosts) = Hosts::start(SCALE, &[]).await.unwrap() else { return };
    let mut asked = hosts.stage.present(50);
    let first = hosts.engines(0..1).await.unwrap();
    ask_all(&first, &asked).await.unwrap();
    let second = hosts.engines(1..2).await.unwrap();
    ask_all(&second, &asked).await.unwrap();
    second[0].close().await.unwrap();
    drop(second);

    asked.push(add(&hosts, "An Added Film (2021)"));
    hosts.stage.later(Duration::from_secs(61));
    ask(&hosts, &first, &asked).await;

    let before = hosts.stage.calls();
    let again = hosts.engines(1..2).await.unwrap();
    let (runs, _) = ask(&hosts, &again, &asked).await;
    assert_eq!(hosts.stage.calls() - before, 0, "{}", runs[0].report);
    let all = counts(&runs);
    assert_eq!((all.snapshots, all.deltas), (0, 1), "{}", runs[0].report);
    assert!(all.bytes_read < 20_000, "{} bytes for one film", all.bytes_read);
}

/// An edit of a title moves no stamp of its section. So the other hosts learn of it when metadata
/// are due, and then one host asks for all of them.
#[tokio::test(flavor = "multi_thread")]
async fn what_one_host_edits_the_others_read_from_the_tier() {
    let Some(hosts) = Hosts::start(SCALE, &[]).await.unwrap() else { return };
    let asked = hosts.stage.present(50);
    let engines = hosts.engines(0..4).await.unwrap();
    ask_all(&engines, &asked).await.unwrap();

    let keys: Vec<u64> = asked.iter().take(20).map(|truth| truth.expect.unwrap()).collect();
    let change =
        |&key: &u64| Change::new(RatingKey(key)).set(Field::Title, format!("Edited {key}"));
    let changes = keys.iter().map(change).collect();
    let edited = engines[0].edit(&Selection::All, changes, EditOptions::default()).await.unwrap();
    assert_eq!(edited.counts().done, 20);

    hosts.stage.later(Duration::from_hours(25));
    let before = hosts.stage.calls();
    // The title is not in any path: only who has read the edit can know it.
    let told = |key: u64| Query {
        title: Some(format!("Edited {key}")),
        ..Query::new(format!("/elsewhere/{key}.mkv"))
    };
    let queries: Vec<Query> = keys.iter().map(|&key| told(key)).collect();
    for (host, engine) in engines.iter().enumerate() {
        let run = engine.match_files(&Selection::All, queries.clone()).await.unwrap();
        // The daily sweep of the first host.
        let calls = hosts.stage.calls() - before;
        assert_eq!(calls, 3 + SCALE.pages(), "host {host}: {}", run.report);
        if host > 0 {
            assert_eq!((run.report.shared.snapshots, run.report.shared.deltas), (0, 1));
        }
        for (&key, answer) in keys.iter().zip(&run.answers) {
            let found = answer.found().map(|found| found.rating_key.0);
            assert_eq!(found, Some(key), "host {host}: {answer:?}");
        }
    }
}
