//! The time to write a refresh in which 1 % of the items changed. The floor is one durable write,
//! the ceiling is a listing of the section into an empty file.
//!
//!     cargo bench -p benches --bench refresh
//!     STORES_N=1000000 cargo bench ...              # another size than 100,000
//!
//! No server is asked: only the store is measured. `delta` gets only the changed items, as in a
//! delta from the server. `listing` gets all items, as in a sweep, and finds the changes itself.
//! Both write only what differs.

#![allow(clippy::unwrap_used, reason = "a bench has nobody to report an error to")]

#[path = "stores/engine.rs"]
#[expect(dead_code, reason = "only the other engines need it")]
mod engine;
#[path = "stores/ours.rs"]
mod ours;

use std::fs::File;
use std::io::{Seek, SeekFrom, Write};

use cache_store::{CachedItem, SectionId, Sharing};
use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use engine::{Engine, movie};
use ours::{CACHE, NOW, STAMP, filled, open_with};

fn size() -> u64 {
    std::env::var("STORES_N").ok().and_then(|n| n.parse().ok()).unwrap_or(100_000)
}

/// The items of a section. Every hundredth item has the year of this `edition`.
fn items(size: u64, edition: u64) -> Vec<CachedItem> {
    let item = |key| CachedItem { year: year(key, edition), ..movie(key) };
    (1..=size).map(item).collect()
}

fn year(key: u64, edition: u64) -> Option<u16> {
    u16::try_from(if key.is_multiple_of(100) { 1_900 + edition % 100 } else { 1989 }).ok()
}

fn changed(size: u64, edition: u64) -> Vec<CachedItem> {
    let item = |key| CachedItem { year: year(key, edition), ..movie(key) };
    (1..=size / 100).map(|n| item(n * 100)).collect()
}

fn refresh(criterion: &mut Criterion) {
    let size = size();
    let folder = tempfile::tempdir().unwrap();
    let engine = open_with(folder.path(), Sharing::Exclusive, CACHE);
    filled(&engine, 1, items(size, 0));
    let mut edition = 0;
    let mut group = criterion.benchmark_group("refresh");
    group.sample_size(10);
    let id = |what: &str| BenchmarkId::new(what, size);

    let mut file = File::create(folder.path().join("plain")).unwrap();
    group.bench_function(id("floor_plain_file"), |bencher| {
        bencher.iter(|| {
            file.seek(SeekFrom::Start(0)).unwrap();
            file.write_all(&[7; 4_096]).unwrap();
            file.sync_data().unwrap();
        });
    });
    group.bench_function(id("floor_one_record"), |bencher| {
        bencher.iter(|| {
            edition += 1;
            engine.write_durably(1, edition);
        });
    });
    group.throughput(Throughput::Elements(size / 100));
    group.bench_function(id("delta"), |bencher| {
        bencher.iter_batched(
            || {
                edition += 1;
                changed(size, edition)
            },
            |items| {
                let changes = engine.0.update(SectionId(1), items, &[], STAMP, NOW).unwrap();
                assert_eq!(changes.changed, size / 100);
            },
            BatchSize::PerIteration,
        );
    });
    group.throughput(Throughput::Elements(size));
    group.bench_function(id("listing"), |bencher| {
        bencher.iter_batched(
            || {
                edition += 1;
                items(size, edition)
            },
            |items| {
                let changes = engine.0.fill(SectionId(1), items, STAMP, NOW).unwrap();
                assert_eq!((changes.changed, changes.unchanged), (size / 100, size - size / 100));
            },
            BatchSize::PerIteration,
        );
    });
    group.bench_function(id("ceiling_listing_into_nothing"), |bencher| {
        bencher.iter_batched(
            || (tempfile::tempdir().unwrap(), items(size, 0)),
            |(folder, items)| {
                filled(&open_with(folder.path(), Sharing::Exclusive, CACHE), 1, items);
                folder
            },
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

criterion_group!(benches, refresh);
criterion_main!(benches);
