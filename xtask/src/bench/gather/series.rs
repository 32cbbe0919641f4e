//! Measurements over many runs or many single files: the hit rate over runs, and the time of one
//! file.

use std::time::Duration;

use anyhow::Result;
use match_core::{Query, Selection, Timing};
use testbed::budget::{Scale, Stage, to_queries};
use testbed::generate::add_movie;
use testbed::queries::TruthQuery;

use super::clock::now;
use super::progress::Progress;
use crate::bench::compute::outcome::{OneFile, Run, Series};

/// The number of runs for the hit rate.
const RUNS: usize = 10;

/// The number of single files.
const FILES: usize = 500;

/// The time between two runs, on the engine's clock.
const LATER: Duration = Duration::from_hours(1);

/// Measures in a library of `items` movies.
pub(crate) async fn measure(items: u64, progress: &Progress) -> Result<Series> {
    progress.say(format!("hit rate over {RUNS} runs, {items} items"));
    let (stage, runs, asked) = growing(items).await?;
    progress.say(format!("{FILES} files, one at a time"));
    let one_file = one_file(&stage, &asked).await?;
    stage.pms.stop().await;
    Ok(Series { runs, one_file })
}

/// Makes the runs. Before each run except the first, 1 % is added to the library.
async fn growing(items: u64) -> Result<(Stage, Vec<Run>, Vec<TruthQuery>)> {
    let stage = Stage::movies(Scale::new(items)).await?;
    let mut asked = stage.present(items);
    let mut runs = Vec::with_capacity(RUNS);
    for run in 0..RUNS {
        if run > 0 {
            stage.later(LATER);
            asked.extend(stage.pms.edit(|library| {
                let added = (0..items.div_ceil(100)).map(|at| {
                    let (key, path) = add_movie(library, 0, &format!("New No {run} {at} (2026)"));
                    TruthQuery::new(path, Some(key))
                });
                let added: Vec<_> = added.collect();
                library.scan(0);
                added
            }));
        }
        let report = stage.run(&Selection::All, &asked).await?.report;
        runs.push(Run {
            items: asked.len() as u64,
            calls: report.calls.total().count,
            hit_rate: hit_rate(&report),
        });
    }
    Ok((stage, runs, asked))
}

/// The share of lookups that a remembered match answered, 0 to 1.
#[expect(clippy::cast_precision_loss, reason = "a rate, for a plot")]
pub(crate) fn hit_rate(report: &match_core::Report) -> f64 {
    let lookups = &report.lookups;
    let all = lookups.remembered + lookups.computed;
    lookups.remembered as f64 / all.max(1) as f64
}

/// Measures single files within the freshness window, so that the time includes no call. Each file
/// is asked for under a remembered path and under a new path.
async fn one_file(stage: &Stage, asked: &[TruthQuery]) -> Result<Vec<OneFile>> {
    let engine = stage.engine().await?;
    engine.match_files(&Selection::section("Movies"), to_queries(&asked[..1])).await?;
    let step = (asked.len() / FILES).max(1);
    let remembered: Vec<Query> = to_queries(asked).into_iter().step_by(step).take(FILES).collect();
    let mut elsewhere = remembered.clone();
    for query in &mut elsewhere {
        query.path.insert_str(0, "/another/mount");
    }
    let mut results = Vec::new();
    for (name, what, queries) in [
        ("remembered", "the answer is remembered", remembered),
        ("computed", "computed from the local indexes, and remembered", elsewhere),
    ] {
        let mut timing = Timing::default();
        let before = stage.calls();
        for query in queries {
            let started = now();
            engine.match_files(&Selection::section("Movies"), vec![query]).await?;
            timing.record(started.elapsed());
        }
        let calls = stage.calls() - before;
        results.push(OneFile { name: name.to_owned(), what: what.to_owned(), calls, timing });
    }
    engine.close().await?;
    Ok(results)
}
