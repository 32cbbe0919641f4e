//! The time of spans and events in a run of matching, without a subscriber.
//!
//! `remembered` is a run of files with remembered answers. `computed` is a run of the same files
//! under new paths. Both are within the freshness window, so they make no call. The floor is the
//! same with `--features silent`, which compiles without spans and events. The ceiling is 2 % above
//! the floor. `event` is a single event. At the end the bench prints how many spans and events a
//! run has, which does not depend on the number of files.

#![allow(clippy::unwrap_used, reason = "a bench has nobody to report an error to")]

use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};

use criterion::{BatchSize, Criterion};
use match_core::{Engine, Query, Selection};
use testbed::budget::{Scale, Stage, to_queries};
use tokio::runtime::Runtime;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// The number of files of a run.
const FILES: u64 = 10_000;

/// The number of spans and events in our code, all of them disabled.
static PASSED: AtomicU64 = AtomicU64::new(0);

/// A subscriber that disables all spans and events, and counts them.
struct Counting;

impl Subscriber for Counting {
    fn register_callsite(&self, _: &'static Metadata<'static>) -> tracing::subscriber::Interest {
        tracing::subscriber::Interest::sometimes() // calls `enabled` each time
    }
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        let ours = ["plex_api", "cache_store", "match_core"];
        if ours.iter().any(|name| metadata.target().starts_with(name)) {
            PASSED.fetch_add(1, Ordering::Relaxed);
        }
        false
    }
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, _: &Event<'_>) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

/// The same files under another mount.
fn elsewhere(queries: &[Query], mount: u64) -> Vec<Query> {
    let moved =
        |query: &Query| Query { path: format!("/mount-{mount}{}", query.path), ..query.clone() };
    queries.iter().map(moved).collect()
}

fn run(runtime: &Runtime, engine: &Engine, queries: Vec<Query>) {
    let run = runtime.block_on(engine.match_files(&Selection::All, queries)).unwrap();
    assert_eq!(run.report.calls.total().count, 0, "no call is part of the time");
}

fn main() {
    let runtime = Runtime::new().unwrap();
    let stage = runtime.block_on(Stage::movies(Scale::new(FILES))).unwrap();
    let queries = to_queries(&stage.present(FILES));
    let engine = runtime.block_on(stage.engine()).unwrap();
    runtime.block_on(engine.match_files(&Selection::All, queries.clone())).unwrap();

    let mut criterion = Criterion::default().configure_from_args();
    let mut mount = 0;
    let mut group = criterion.benchmark_group("tracing");
    group.bench_function("event", |bencher| {
        bencher.iter(|| tracing::trace!(file = black_box(1), "answered"));
    });
    group.bench_function("remembered", |bencher| {
        let files = || queries.clone();
        bencher.iter_batched(files, |files| run(&runtime, &engine, files), BatchSize::PerIteration);
    });
    group.sample_size(20);
    group.bench_function("computed", |bencher| {
        let files = || {
            mount += 1;
            elsewhere(&queries, mount)
        };
        bencher.iter_batched(files, |files| run(&runtime, &engine, files), BatchSize::PerIteration);
    });
    group.finish();
    criterion.final_summary();

    tracing::subscriber::set_global_default(Counting).unwrap();
    for files in [100, queries.len()] {
        let before = PASSED.load(Ordering::Relaxed);
        run(&runtime, &engine, queries[..files].to_vec());
        let passed = PASSED.load(Ordering::Relaxed) - before;
        println!("{files} remembered files: {passed} spans and events passed");
    }
}
