//! The speed of the store, and of other stores with the same records.
//!
//!     cargo bench -p benches --bench stores                      # ours alone
//!     cargo bench -p benches --bench stores --features engines   # with SQLite, LMDB, fjall
//!     STORES_N=1000000 cargo bench ...                           # another size than 100,000
//!
//! Our store does the whole work: it hashes contents, seals every record with a checksum, decodes
//! owned items, and proves absences. The other stores take and return bytes of the same length, and
//! have an index of the same form from hash to key. So a store without checksums that is much
//! faster here does less work.

#![allow(clippy::unwrap_used, reason = "a bench has nobody to report an error to")]

#[path = "stores/engine.rs"]
mod engine;
#[cfg(feature = "engines")]
#[path = "stores/fjall.rs"]
mod fjall_engine;
#[cfg(feature = "engines")]
#[path = "stores/lmdb.rs"]
mod lmdb;
#[path = "stores/ours.rs"]
mod ours;
#[path = "stores/process.rs"]
mod process;
#[cfg(feature = "engines")]
#[path = "stores/sqlite.rs"]
mod sqlite;

use cache_store::Sharing;
use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group};
use engine::{Engine, Row, rows, shuffled};

/// The number of rows in one batch.
const BATCH: usize = 10_000;

fn size() -> usize {
    std::env::var("STORES_N").ok().and_then(|n| n.parse().ok()).unwrap_or(100_000)
}

fn bench<E: Engine>(criterion: &mut Criterion) {
    let size = size();
    let all = rows(size);
    let (folder, file_bytes) = {
        let folder = tempfile::tempdir().unwrap();
        let engine = E::open(folder.path());
        engine.load(1, &mut all.clone());
        drop(engine);
        let bytes = engine::bytes_in(folder.path());
        (folder, bytes)
    };
    eprintln!("file: {} {size} rows, {} bytes a row", E::NAME, file_bytes / size as u64);
    let id = |what: &str| BenchmarkId::new(what, format!("{}/{size}", E::NAME));
    let asked: Vec<&Row> = shuffled(size).take(BATCH).map(|at| &all[at]).collect();

    let mut group = criterion.benchmark_group("stores");
    group.sample_size(10);
    group.throughput(Throughput::Elements(size as u64));
    group.bench_function(id("load"), |bencher| {
        bencher.iter_batched(
            || (tempfile::tempdir().unwrap(), all.clone()),
            |(folder, mut rows)| {
                E::open(folder.path()).load(1, &mut rows);
                (folder, rows)
            },
            BatchSize::PerIteration,
        );
    });
    group.throughput(Throughput::Elements(1));
    group.bench_function(id("open_first_get"), |bencher| {
        // Closing is not measured, but must come before the next opening.
        bencher.iter_batched(
            || (),
            |()| {
                let engine = E::open(folder.path());
                assert!(engine.get(1, &asked[..1]) == 1);
                engine
            },
            BatchSize::PerIteration,
        );
    });
    {
        let engine = E::open(folder.path());
        group.throughput(Throughput::Elements(BATCH as u64));
        group.bench_function(id("get"), |bencher| bencher.iter(|| engine.get(1, &asked)));
        group.bench_function(id("get_sorted"), |bencher| {
            bencher.iter(|| engine.get_sorted(1, &asked));
        });
        group.throughput(Throughput::Elements(2 * BATCH as u64));
        group.bench_function(id("get_2_threads"), |bencher| {
            bencher.iter(|| {
                std::thread::scope(|scope| {
                    scope.spawn(|| engine.get(1, &asked));
                    engine.get(1, &asked)
                })
            });
        });
        group.throughput(Throughput::Elements(BATCH as u64));
        let hashes: Vec<u64> = asked.iter().map(|row| row.hash).collect();
        group.bench_function(id("index"), |bencher| bencher.iter(|| engine.index(1, &hashes)));
        group.throughput(Throughput::Elements(size as u64));
        group.bench_function(id("scan"), |bencher| bencher.iter(|| engine.scan(1)));
    }
    group.throughput(Throughput::Elements(1));
    {
        let engine = E::open(folder.path());
        let mut number = 0;
        group.bench_function(id("durable_write"), |bencher| {
            bencher.iter(|| {
                number += 1;
                engine.write_durably(1, number);
            });
        });
        group.bench_function(id("invalidate"), |bencher| {
            bencher.iter(|| {
                number += 1;
                engine.invalidate(1, number);
            });
        });
    }
    group.throughput(Throughput::Elements(size as u64 / 4));
    group.bench_function(id("delete_section"), |bencher| {
        let engine = E::open(folder.path());
        bencher.iter_batched(
            || engine.load(2, &mut all[..size / 4].to_vec()),
            |()| engine.delete(2),
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

/// Measures an opening, up to the first item, after a process was killed during a write.
fn killed(criterion: &mut Criterion) {
    let size = size();
    let folder = tempfile::tempdir().unwrap();
    let engine = ours::Ours::open(folder.path());
    ours::filled(&engine, 1, (1..=size as u64).map(engine::movie));
    drop(engine);
    let first = &rows(1)[0];
    let mut group = criterion.benchmark_group("stores");
    group.sample_size(10);
    for (name, sharing) in [("ours", Sharing::Exclusive), ("ours_shared", Sharing::Shared)] {
        let id = BenchmarkId::new("open_after_kill", format!("{name}/{size}"));
        group.bench_function(id, |bencher| {
            bencher.iter_batched(
                || process::left_by_a_kill(folder.path(), size, sharing),
                |folder| {
                    let engine = process::reopen(&folder, sharing);
                    assert!(engine.get(1, &[first]) == 1);
                    engine
                },
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

fn ours(criterion: &mut Criterion) {
    bench::<ours::Ours>(criterion);
    bench::<ours::OursShared>(criterion);
    killed(criterion);
}

#[cfg(feature = "engines")]
fn engines(criterion: &mut Criterion) {
    bench::<sqlite::Sqlite>(criterion);
    bench::<lmdb::Lmdb>(criterion);
    bench::<fjall_engine::Fjall>(criterion);
}

#[cfg(not(feature = "engines"))]
fn engines(_: &mut Criterion) {}

criterion_group!(stores, ours, engines);

fn main() {
    if process::is_child() {
        return;
    }
    process::print_memory(size());
    stores();
    Criterion::default().configure_from_args().final_summary();
}
