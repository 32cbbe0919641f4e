//! Compares each block of `docs/json.md` with the JSON that the code writes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use cache_store::RunId;
use plex_api::{Calls, Endpoint, ErrorKind, ItemKind, RatingKey, SectionKey, Tally};
use serde_json::Value;

use crate::answer::{Answer, Confidence, Match, Reason};
use crate::edit::{EditFailure, EditOutcome, EditRun, NotTried, Verification, Verified};
use crate::engine::describe::Described;
use crate::engine::run_result::{Run, Stale};
use crate::evidence::{Evidence, Rule, Source};
use crate::mapping::{MappingSuggestion, PathMapping};
use crate::query::Query;
use crate::report::Report;

/// The blocks of the page, by name.
fn blocks() -> BTreeMap<String, Value> {
    let page = include_str!("../../../docs/json.md");
    let blocks = page.split("```json ").skip(1).map(|block| {
        let (name, rest) = block.split_once('\n').unwrap();
        let (text, _) = rest.split_once("```").unwrap();
        let value = serde_json::from_str(text).unwrap_or_else(|error| panic!("{name}: {error}"));
        (name.to_owned(), value)
    });
    blocks.collect()
}

fn written(value: impl serde::Serialize) -> Value {
    serde_json::to_value(value).unwrap()
}

#[test]
fn the_page_shows_what_is_written() {
    let query = Query::new("/mnt/tv/Firefly/S01E02.mkv")
        .size(734_003_200)
        .duration_ms(2_520_000)
        .title("The Train Job")
        .year(2002)
        .guids(["tvdb://297989"])
        .show("Firefly")
        .season(1)
        .episode(2)
        .absolute(2)
        .aired("2002-09-20")
        .kind(ItemKind::Episode);
    let evidence = Evidence {
        rule: Rule::WholePath,
        components: 4,
        score: 1_000,
        runner_up: 500,
        rival: Some(RatingKey(17)),
        mapping: Some(0),
        source: Source::Index,
    };
    let found = Match {
        rating_key: RatingKey(7),
        others: vec![RatingKey(8)],
        version: 0,
        confidence: Confidence::High,
        evidence,
    };
    let unknown = |text: &str| Reason::Server(ErrorKind::Connect, text.into());
    let tally = Tally {
        count: 3,
        retries: 2,
        failures: 3,
        bytes: 0,
        latency: Duration::from_micros(1_500),
    };
    let mapping = PathMapping { local: "/mnt/films".into(), plex: "/data/movies".into() };
    let mut report = Report {
        runs: 1,
        calls: Calls { by_endpoint: BTreeMap::from([(Endpoint::Sections, tally)]) },
        suggested_mappings: vec![MappingSuggestion { mapping, support: 9, against: 1 }],
        unused_mappings: vec![PathMapping::new("/films", "/wrong")],
        store_bytes: 73_728,
        ..Report::default()
    };
    report.answers.unknown = 1;
    let run = Run {
        queries: Arc::new(vec![Query::new("/mnt/films/Alien.mkv")]),
        answers: vec![Answer::Unknown(unknown("no connection"))],
        outage: Some(unknown("no connection")),
        stale: Some(Stale { answers: vec![Answer::Absent], age: Duration::from_mins(10) }),
        report,
    };
    let described = Described {
        rating_key: RatingKey(7),
        section: "TV Shows".into(),
        section_key: SectionKey(2),
        kind: ItemKind::Episode,
        title: "The Train Job".into(),
        year: Some(2002),
        show: Some("Firefly".into()),
        season: Some(1),
        episode: Some(2),
        files: vec!["/data/tv/Firefly/S01E02.mkv".into()],
    };
    let done = EditOutcome::Done { fields: vec!["summary".into()], overwritten: vec![] };
    let edits = EditRun {
        id: RunId(42),
        outcomes: vec![EditOutcome::NotTried(NotTried::DryRun)],
        planned: vec![],
        calls: Calls::default(),
    };
    let verification = Verification {
        results: vec![Verified::Unknown(unknown("no connection"))],
        outage: Some(unknown("no connection")),
        calls: Calls::default(),
    };
    let expected = BTreeMap::from([
        ("query", written(&query)),
        ("found", written(Answer::Found(found))),
        ("ambiguous", written(Answer::Ambiguous(vec![RatingKey(7), RatingKey(9)]))),
        ("absent", written(Answer::Absent)),
        ("unknown", written(Answer::Unknown(unknown("listing the sections: no connection")))),
        ("run", written(run)),
        ("described", written(described)),
        ("right", written(Verified::Right)),
        ("unclear", written(Verified::Unclear(vec![RatingKey(7)]))),
        ("verification", written(verification)),
        ("done", written(done)),
        ("failed", written(EditOutcome::Failed(EditFailure::Gone))),
        ("edits", written(edits)),
    ]);
    let blocks = blocks();
    for (name, value) in &expected {
        assert_eq!(blocks.get(*name), Some(value), "{name}");
    }
    assert_eq!(blocks.len(), expected.len(), "each block is compared");
    // The written query reads as the same query.
    let read: Query = serde_json::from_value(blocks["query"].clone()).unwrap();
    assert_eq!(read, query);
}
