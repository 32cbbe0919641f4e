//! Situations in which many tasks ask at once, or the server has a problem.

use std::time::Duration;

use anyhow::Result;
use futures::FutureExt;
use futures::future::try_join_all;
use match_core::Selection;
use plex_api::RetryPolicy;

use super::change::warmed;
use super::measured::{Meter, Played, one_run};
use super::stage::{Stage, to_queries};
use super::{Expect, Row, Scale};
use crate::faults::{Fault, FaultRule};
use crate::server::Route;

/// How many tasks ask at once.
const TASKS: usize = 8;

pub(super) fn rows() -> Vec<Row> {
    vec![
        Row::new(
            "tasks-8",
            "8 tasks ask at once, the cache is empty, and some files are absent: one lists",
            "3 + ceil(N/P)",
            |scale| 3 + scale.pages(),
            |scale, _| tasks(scale).boxed(),
        ),
        Row {
            expect: Expect::Unknown,
            ..Row::new(
                "down",
                "the server is down, with as many queries as items: one call and its retries",
                "4",
                |_| u64::from(RetryPolicy::default().attempts),
                |scale, _| down(scale).boxed(),
            )
        },
        Row::new(
            "page-7",
            "page 7 of a sweep fails once with 503, and is requested again",
            "1 + ceil(N/P) + 1",
            |scale| 1 + scale.pages() + 1,
            |scale, _| page_7(scale).boxed(),
        ),
    ]
}

async fn tasks(scale: Scale) -> Result<Played> {
    let stage = Stage::movies(scale).await?;
    let asked = stage.queries(scale.items);
    let meter = Meter::start(&stage);
    let engine = stage.engine().await?;
    let ask = || engine.match_files(&Selection::All, to_queries(&asked));
    let runs = try_join_all((0..TASKS).map(|_| ask())).await?;
    engine.close().await?;
    Ok(meter.stop(stage, asked, runs))
}

async fn down(scale: Scale) -> Result<Played> {
    let (stage, asked) = warmed(scale).await?;
    stage.pms.script(FaultRule::always(Fault::Outage));
    one_run(stage, asked).await
}

async fn page_7(scale: Scale) -> Result<Played> {
    let (stage, asked) = warmed(scale).await?;
    stage.later(Duration::from_hours(25));
    stage.pms.script(FaultRule::once(Route::Listing, 7, Fault::Status(503)));
    one_run(stage, asked).await
}
