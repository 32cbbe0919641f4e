//! The report of one run, and of all runs together.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use match_core::{
    Change, EditOptions, Engine, Field, OnProgress, Phase, Report, Rule, RunProgress, Selection,
};
use plex_api::Client;
use testbed::budget::{Scale, Stage};
use testbed::server::Fault;

const SCALE: Scale = Scale { items: 600, page: 500 };

/// An empty cache and a first run.
async fn first_run() -> (Stage, Vec<testbed::queries::TruthQuery>, Report) {
    let stage = Stage::movies(SCALE).await.unwrap();
    let asked = stage.queries(SCALE.items);
    let run = stage.run(&Selection::All, &asked).await.unwrap();
    (stage, asked, run.report)
}

#[tokio::test]
async fn a_run_accounts_for_its_calls_answers_and_time() {
    let (stage, asked, report) = first_run().await;
    let queries = asked.len() as u64;
    assert_eq!(report.runs, 1);
    assert_eq!(report.calls.total().count, stage.calls());
    assert!(report.calls.total().bytes > 100 * queries, "{}", report.calls.total().bytes);
    assert_eq!(report.answers.total(), queries);
    assert_eq!(report.rules.values().sum::<u64>(), report.answers.found());
    assert!(report.rules[&Rule::WholePath] > 0);
    assert_eq!(report.lookups.computed, queries);
    assert_eq!(report.estimated_calls, 1 + SCALE.pages());
    assert!(report.store_bytes > 0);
    assert_eq!(report.phases.run.count(), 1);
    for (name, timing) in report.phases.named() {
        // A pass with the path rules, and one with all rules for what they left.
        assert!((1..=2).contains(&timing.count()), "{name}: {}", timing.count());
    }
    let parts = report.phases.refresh.total() + report.phases.matching.total();
    assert!(report.phases.run.total() >= parts, "{report}");
}

/// Equal except for the nanoseconds of latencies, which are written as microseconds.
#[track_caller]
fn check(totals: &Report, sum: &Report) {
    assert_eq!(totals.calls.to_string(), sum.calls.to_string());
    assert_eq!(totals, &Report { calls: totals.calls.clone(), ..sum.clone() });
}

#[tokio::test]
async fn the_file_keeps_the_totals_of_all_runs() {
    let (stage, asked, first) = first_run().await;
    stage.later(Duration::from_hours(1));
    let second = stage.run(&Selection::All, &asked).await.unwrap().report;
    stage.later(Duration::from_hours(1));
    let engine = stage.engine().await.unwrap();
    let totals = engine.lifetime().await.unwrap();
    let sum = first.clone() + second;
    check(&totals, &sum);
    assert_eq!(totals.lookups.remembered, asked.len() as u64);
    assert!(totals.calls_saved() > first.calls_saved());

    // A run that could not ask is counted, but it does not cause a write by itself.
    stage.pms.set_fault(Fault::Outage);
    let queries = testbed::budget::to_queries(&asked);
    engine.match_files(&Selection::All, queries.clone()).await.unwrap();
    assert_eq!(engine.lifetime().await.unwrap().runs, 3);
    engine.close().await.unwrap();
    let engine = stage.engine().await.unwrap();
    check(&engine.lifetime().await.unwrap(), &sum);
    stage.pms.clear_faults();
    engine.match_files(&Selection::All, queries).await.unwrap();
    engine.close().await.unwrap();
    let engine = stage.engine().await.unwrap();
    assert_eq!(engine.lifetime().await.unwrap().runs, 3);
}

/// Runs an engine with a listener for its progress.
async fn listened(stage: &Stage, asked: &[testbed::queries::TruthQuery]) -> Vec<RunProgress> {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let ear = Arc::clone(&heard);
    let mut config = stage.config();
    config.progress = Some(OnProgress::new(move |told| ear.lock().unwrap().push(told)));
    let client = Client::new(stage.client_config()).unwrap();
    let engine = Engine::open(client, config).await.unwrap();
    engine.match_files(&Selection::All, testbed::budget::to_queries(asked)).await.unwrap();
    engine.close().await.unwrap();
    std::mem::take(&mut *heard.lock().unwrap())
}

#[tokio::test]
async fn a_run_tells_how_far_it_is() {
    let stage = Stage::movies(Scale { items: 600, page: 200 }).await.unwrap();
    let asked = stage.present(400);
    let heard = listened(&stage, &asked).await;
    let of = |phase| -> Vec<(u64, u64)> {
        let heard = heard.iter().filter(|told| told.phase == phase);
        heard.map(|told| (told.done, told.total)).collect()
    };
    assert_eq!(of(Phase::Refresh), [(200, 600), (400, 600), (600, 600)], "page by page");
    let rows = heard.iter().filter(|told| told.phase == Phase::Refresh);
    for (at, told) in rows.enumerate() {
        assert_eq!(told.section.as_deref(), Some("Movies"));
        assert_eq!(told.rate.is_some(), at > 0, "a rate after the first page: {told}");
    }
    for phase in [Phase::Keys, Phase::Recall, Phase::Matching, Phase::Remember] {
        assert_eq!(of(phase), [(0, 400), (400, 400)], "{phase:?}");
    }
    let mut names: Vec<&str> = heard.iter().map(|told| told.phase.name()).collect();
    names.dedup();
    let phases = match_core::Phases::default().named().map(|(name, _)| name);
    assert_eq!(names, phases[..5], "in the order of the report");
    assert!(heard.is_sorted_by_key(|told| told.calls) && heard[0].calls >= 2, "{heard:?}");
    assert_eq!(heard.last().unwrap().calls, stage.calls());

    // Nothing changed: no row is read, and nothing has to be computed.
    stage.later(Duration::from_hours(1));
    let heard = listened(&stage, &asked).await;
    let heard: Vec<_> =
        heard.iter().map(|told| (told.phase, told.done, told.total, told.calls)).collect();
    let expect = [(Phase::Keys, 0), (Phase::Keys, 400), (Phase::Recall, 0), (Phase::Recall, 400)];
    assert_eq!(heard, expect.map(|(phase, done)| (phase, done, 400, 1)));
}

#[tokio::test]
async fn verifying_and_editing_tell_how_far_they_are() {
    let stage = Stage::movies(Scale { items: 1_500, page: 500 }).await.unwrap();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let ear = Arc::clone(&heard);
    let mut config = stage.config();
    config.progress = Some(OnProgress::new(move |told| ear.lock().unwrap().push(told)));
    let engine = Engine::open(stage.client().unwrap(), config).await.unwrap();
    let queries = testbed::budget::to_queries(&stage.present(1_500));
    let run = engine.match_files(&Selection::All, queries).await.unwrap();
    let found = run.pairs().filter_map(|(query, answer)| Some((query.clone(), answer.high()?)));
    let matches: Vec<_> = found.map(|(query, found)| (query, found.rating_key)).collect();
    let distinct = run.keys().len() as u64;
    assert!(distinct > 1_000, "{distinct}");
    let of = |phase| -> Vec<(u64, u64)> {
        let told = std::mem::take(&mut *heard.lock().unwrap());
        let told = told.into_iter().filter(|told: &RunProgress| told.phase == phase);
        told.map(|told| (told.done, told.total)).collect()
    };
    of(Phase::Items);
    let before = stage.calls();
    engine.verify(&Selection::All, &matches).await.unwrap();
    let whole = [(0, distinct), (1_000, distinct), (distinct, distinct)];
    assert_eq!(of(Phase::Items), whole);
    assert_eq!(stage.calls() - before, distinct.div_ceil(200), "reporting progress costs no call");
    let changes: Vec<Change> = run
        .keys()
        .into_iter()
        .map(|key| Change::new(key).set(Field::Summary, format!("Item {key}")))
        .collect();
    engine.edit(&Selection::All, changes, EditOptions::default()).await.unwrap();
    let told = of(Phase::Send);
    assert_eq!((told[0], told[told.len() - 1]), (whole[0], whole[2]));
    assert!(told.is_sorted() && told.len() > 3, "{told:?}");
}
