//! Situations in which everything is cached.

use std::time::Duration;

use anyhow::Result;
use futures::{FutureExt, Stream, StreamExt};
use match_core::{Engine, Error, Selection, Watched};

use super::measured::{Meter, Played, one_run};
use super::stage::{Stage, to_queries};
use super::{Row, Scale};

/// Beyond the freshness window, but before a section is listed again.
pub(super) const LATER: Duration = Duration::from_hours(1);

pub(super) fn rows() -> Vec<Row> {
    vec![
        Row::new(
            "warm",
            "a host restarts and queries as many files as items in 5 unchanged sections",
            "1",
            |_| 1,
            |scale, _| warm(scale, LATER).boxed(),
        ),
        Row::new(
            "warm-hours",
            "as in `warm`, after more than an hour: one section's total is compared, too",
            "2",
            |_| 2,
            |scale, _| warm(scale, Duration::from_hours(3)).boxed(),
        ),
        Row::new(
            "fresh",
            "as in `warm`, within the freshness window",
            "0",
            |_| 0,
            |scale, _| warm(scale, Duration::from_secs(59)).boxed(),
        ),
        Row::new(
            "live",
            "an hour passes, and the event stream stays live and quiet",
            "0",
            |_| 0,
            |scale, _| live(scale).boxed(),
        ),
        Row::new(
            "scanned",
            "a scan ran, but nothing changed",
            "2",
            |_| 2,
            |scale, _| scanned(scale).boxed(),
        ),
    ]
}

async fn warm(scale: Scale, later: Duration) -> Result<Played> {
    let stage = Stage::sections(scale, 5).await?;
    let asked = stage.queries(scale.items);
    stage.run(&Selection::All, &asked).await?;
    stage.later(later);
    one_run(stage, asked).await
}

async fn scanned(scale: Scale) -> Result<Played> {
    let stage = Stage::movies(scale).await?;
    let asked = stage.queries(scale.items);
    stage.run(&Selection::All, &asked).await?;
    stage.later(LATER);
    stage.pms.edit(|library| library.scan(0));
    one_run(stage, asked).await
}

/// Lets time pass. The server sends only pings, and the host reads them.
pub async fn quiet_for(
    stage: &Stage,
    engine: &Engine,
    watching: &mut (impl Stream<Item = Result<Watched, Error>> + Unpin),
    by: Duration,
) {
    // Less than 45 seconds: a stream that is silent for longer does not count as live.
    const PING: Duration = Duration::from_secs(30);
    let mut left = by;
    while !left.is_zero() {
        let step = left.min(PING);
        left -= step;
        stage.later(step);
        stage.pms.ping();
        while engine.last_heard() != Some(stage.clock.now()) {
            // Only the ping comes, so this waits for nothing else.
            let _ = tokio::time::timeout(Duration::from_millis(1), watching.next()).await;
        }
    }
}

async fn live(scale: Scale) -> Result<Played> {
    let stage = Stage::sections(scale, 5).await?;
    let asked = stage.queries(scale.items);
    let engine = stage.engine().await?;
    engine.match_files(&Selection::All, to_queries(&asked)).await?;
    let mut watching = Box::pin(engine.watch());
    loop {
        match watching.next().await {
            Some(Ok(Watched::Looked { .. })) => break,
            Some(Ok(_)) => {}
            Some(Err(error)) => return Err(error.into()),
            None => anyhow::bail!("the event stream ended"),
        }
    }
    // The host keeps reading, and the pings show that the server is running.
    quiet_for(&stage, &engine, &mut watching, LATER).await;
    let meter = Meter::start(&stage);
    let run = engine.match_files(&Selection::All, to_queries(&asked)).await?;
    drop(watching);
    engine.close().await?;
    Ok(meter.stop(stage, asked, vec![run]))
}
