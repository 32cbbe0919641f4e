//! Nothing is cached.

use anyhow::Result;
use futures::FutureExt;
use match_core::Selection;

use super::measured::{Meter, Played};
use super::stage::Stage;
use super::{Expect, Row, Scale};
use crate::library::FileFilter;

pub(super) fn rows() -> Vec<Row> {
    vec![
        Row {
            name: "cold",
            situation: "cold, as many queries as items",
            calls: "2 + ceil(N/P)",
            items: &[10_000],
            test: Scale::small(600, 50),
            budget: |scale| 2 + scale.pages(),
            naive: true,
            expect: Expect::Truth,
            play: |scale| cold(scale).boxed(),
        },
        Row {
            name: "cold-one",
            situation: "cold, 1 query, the file is there",
            calls: "4",
            items: &[10_000, 1_000_000],
            test: Scale::small(2_000, 100),
            budget: |_| 4,
            naive: true,
            expect: Expect::Truth,
            play: |scale| cold_one(scale, FileFilter::Ignored).boxed(),
        },
        Row {
            name: "cold-one-file",
            situation: "cold, 1 query, the file is there, `file=` honoured",
            calls: "4",
            items: &[10_000, 1_000_000],
            test: Scale::small(2_000, 100),
            budget: |_| 4,
            naive: true,
            expect: Expect::Truth,
            play: |scale| cold_one(scale, FileFilter::Exact).boxed(),
        },
        Row {
            name: "cold-absent-file",
            situation: "cold, 1 absent file, `file=` honoured",
            calls: "4",
            items: &[10_000, 1_000_000],
            test: Scale::small(2_000, 100),
            budget: |_| 4,
            naive: true,
            expect: Expect::Truth,
            play: |scale| cold_absent(scale, FileFilter::Exact).boxed(),
        },
        Row {
            name: "cold-absent",
            situation: "cold, 1 absent file, `file=` not honoured: one full listing, once",
            calls: "4 + ceil(N/P)",
            items: &[10_000],
            test: Scale::small(2_000, 100),
            budget: |scale| 4 + scale.pages(),
            naive: true,
            expect: Expect::Truth,
            play: |scale| cold_absent(scale, FileFilter::Ignored).boxed(),
        },
    ]
}

async fn cold(scale: Scale) -> Result<Played> {
    let stage = Stage::movies(scale).await?;
    let asked = stage.queries(scale.items);
    let meter = Meter::start(&stage);
    let run = stage.run(&Selection::All, &asked).await?;
    Ok(meter.stop(stage, asked, vec![run]))
}

async fn cold_one(scale: Scale, filter: FileFilter) -> Result<Played> {
    let stage = Stage::movies(scale).await?;
    stage.pms.edit(|library| library.quirks.file_filter = filter);
    let asked = stage.present(1);
    let meter = Meter::start(&stage);
    let run = stage.run(&Selection::All, &asked).await?;
    Ok(meter.stop(stage, asked, vec![run]))
}

async fn cold_absent(scale: Scale, filter: FileFilter) -> Result<Played> {
    let stage = Stage::movies(scale).await?;
    stage.pms.edit(|library| library.quirks.file_filter = filter);
    let asked = stage.absent(1);
    let meter = Meter::start(&stage);
    let run = stage.run(&Selection::All, &asked).await?;
    Ok(meter.stop(stage, asked, vec![run]))
}
