//! Nothing is cached.

use anyhow::Result;
use futures::FutureExt;
use match_core::Selection;

use super::measured::{Meter, Played};
use super::stage::Stage;
use super::{Row, Scale};
use crate::library::FileFilter;
use crate::queries::TruthQuery;

pub(super) fn rows() -> Vec<Row> {
    vec![
        Row::new(
            "cold",
            "cold, as many queries as items",
            "2 + ceil(N/P)",
            |scale| 2 + scale.pages(),
            |scale, _| cold(scale, FileFilter::Ignored, all).boxed(),
        ),
        Row {
            items: &[10_000, 1_000_000],
            test: Scale::small(2_000, 100),
            ..Row::new(
                "cold-one",
                "cold, 1 query, the file is there",
                "4",
                |_| 4,
                |scale, _| cold(scale, FileFilter::Ignored, one).boxed(),
            )
        },
        Row {
            items: &[10_000, 1_000_000],
            test: Scale::small(2_000, 100),
            ..Row::new(
                "cold-one-file",
                "cold, 1 query, the file is there, `file=` honoured",
                "4",
                |_| 4,
                |scale, _| cold(scale, FileFilter::Exact, one).boxed(),
            )
        },
        Row {
            items: &[10_000, 1_000_000],
            test: Scale::small(2_000, 100),
            ..Row::new(
                "cold-absent-file",
                "cold, 1 absent file, `file=` honoured",
                "4",
                |_| 4,
                |scale, _| cold(scale, FileFilter::Exact, one_absent).boxed(),
            )
        },
        Row {
            test: Scale::small(2_000, 100),
            ..Row::new(
                "cold-absent",
                "cold, 1 absent file, `file=` not honoured: one full listing, once",
                "4 + ceil(N/P)",
                |scale| 4 + scale.pages(),
                |scale, _| cold(scale, FileFilter::Ignored, one_absent).boxed(),
            )
        },
    ]
}

/// One run, in a library of which nothing is known.
async fn cold(
    scale: Scale,
    filter: FileFilter,
    asked: fn(&Stage) -> Vec<TruthQuery>,
) -> Result<Played> {
    let stage = Stage::movies(scale).await?;
    stage.pms.edit(|library| library.quirks.file_filter = filter);
    let asked = asked(&stage);
    let meter = Meter::start(&stage);
    let run = stage.run(&Selection::All, &asked).await?;
    Ok(meter.stop(stage, asked, vec![run]))
}

fn one(stage: &Stage) -> Vec<TruthQuery> {
    stage.present(1)
}

fn one_absent(stage: &Stage) -> Vec<TruthQuery> {
    stage.absent(1)
}

fn all(stage: &Stage) -> Vec<TruthQuery> {
    stage.queries(stage.scale.items)
}
