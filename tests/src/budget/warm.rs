//! Everything is cached.

use std::time::Duration;

use anyhow::Result;
use futures::FutureExt;
use match_core::Selection;

use super::measured::{Meter, Played};
use super::stage::Stage;
use super::{Expect, Row, Scale};

/// Beyond the freshness window, and within the age at which a section is listed anew.
pub(super) const LATER: Duration = Duration::from_hours(1);

pub(super) fn rows() -> Vec<Row> {
    vec![
        Row {
            name: "warm",
            situation: "warm, unchanged, as many queries as items over 5 sections, after a restart",
            calls: "1",
            items: &[10_000],
            test: Scale::small(600, 50),
            budget: |_| 1,
            naive: true,
            expect: Expect::Truth,
            play: |scale| warm(scale, LATER).boxed(),
        },
        Row {
            name: "fresh",
            situation: "the same within the freshness window, after a restart",
            calls: "0",
            items: &[10_000],
            test: Scale::small(600, 50),
            budget: |_| 0,
            naive: true,
            expect: Expect::Truth,
            play: |scale| warm(scale, Duration::from_secs(59)).boxed(),
        },
        Row {
            name: "scanned",
            situation: "a scan ran, nothing changed",
            calls: "2",
            items: &[10_000],
            test: Scale::small(600, 50),
            budget: |_| 2,
            naive: true,
            expect: Expect::Truth,
            play: |scale| scanned(scale).boxed(),
        },
    ]
}

async fn warm(scale: Scale, later: Duration) -> Result<Played> {
    let stage = Stage::sections(scale, 5).await?;
    let asked = stage.queries(scale.items);
    stage.run(&Selection::All, &asked).await?;
    stage.later(later);
    let meter = Meter::start(&stage);
    let run = stage.run(&Selection::All, &asked).await?;
    Ok(meter.stop(stage, asked, vec![run]))
}

async fn scanned(scale: Scale) -> Result<Played> {
    let stage = Stage::movies(scale).await?;
    let asked = stage.queries(scale.items);
    stage.run(&Selection::All, &asked).await?;
    stage.later(LATER);
    stage.pms.edit(|library| library.scan(0));
    let meter = Meter::start(&stage);
    let run = stage.run(&Selection::All, &asked).await?;
    Ok(meter.stop(stage, asked, vec![run]))
}
