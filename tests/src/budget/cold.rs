//! Situations in which nothing is cached.

use anyhow::Result;
use futures::FutureExt;

use super::measured::{Played, one_run};
use super::stage::Stage;
use super::{Row, Scale};
use crate::library::FileFilter;
use crate::queries::TruthQuery;
use crate::server::{Fault, FaultRule, Pms, Route};

pub(super) fn rows() -> Vec<Row> {
    vec![
        Row::new(
            "cold",
            "the cache is empty, there are as many queries as items, and all are found",
            "2 + ceil(N/P)",
            |scale| 2 + scale.pages(),
            |scale, _| cold(scale, FileFilter::Ignored, all).boxed(),
        )
        .stated(&[10_000, 100_000, 1_000_000]),
        Row::new(
            "cold-some-absent",
            "as in `cold`, but 1 file in 50 is absent: the stamps are compared once more",
            "3 + ceil(N/P)",
            |scale| 3 + scale.pages(),
            |scale, _| cold(scale, FileFilter::Ignored, some_absent).boxed(),
        ),
        Row::new(
            "cold-one",
            "the cache is empty, and 1 file is queried and found",
            "4",
            |_| 4,
            |scale, _| cold(scale, FileFilter::Ignored, one).boxed(),
        )
        .stated(&[10_000, 1_000_000])
        .tested(2_000, 100),
        Row::new(
            "cold-one-file",
            "as in `cold-one`, and the server honours `file=`",
            "4",
            |_| 4,
            |scale, _| cold(scale, FileFilter::Exact, one).boxed(),
        )
        .stated(&[10_000, 1_000_000])
        .tested(2_000, 100),
        Row::new(
            "cold-absent-file",
            "the cache is empty, 1 file is absent, and the server honours `file=`",
            "4",
            |_| 4,
            |scale, _| cold(scale, FileFilter::Exact, one_absent).boxed(),
        )
        .stated(&[10_000, 1_000_000])
        .tested(2_000, 100),
        Row::new(
            "cold-absent",
            "as in `cold-absent-file`, but the server ignores `file=`: one full listing",
            "5 + ceil(N/P)",
            |scale| 5 + scale.pages(),
            |scale, _| cold(scale, FileFilter::Ignored, one_absent).boxed(),
        )
        .tested(2_000, 100),
    ]
}

/// Servers that refuse pages of 1,000, or are too slow for them.
pub(super) fn gentle() -> Vec<Row> {
    let row = |row: Row| row.tested(4_000, 1_000);
    vec![
        row(Row::new(
            "cold-refused",
            "the cache is empty, and the server refuses pages of more than 100 rows",
            "2 + ceil(1.1 N/100)",
            |scale| 2 + tenth_more(scale.items, 100),
            |scale, _| {
                gentle_cold(scale, |pms| {
                    pms.edit(|library| library.quirks.most_rows = Some(100));
                })
                .boxed()
            },
        )),
        row(Row::new(
            "cold-slow-rows",
            "the cache is empty, and the server takes 2 s for 1,000 rows, and 1 s for 500",
            "2 + ceil(1.1 N/500)",
            |scale| 2 + tenth_more(scale.items, 500),
            |scale, _| gentle_cold(scale, |pms| slow(pms, Fault::RowsASecond(500))).boxed(),
        )),
        row(Row::new(
            "cold-slow",
            "the cache is empty, and the server takes 2 s for a page of any size",
            "2 + ceil(1.1 N/P)",
            |scale| 2 + tenth_more(scale.items, u64::from(scale.page)),
            |scale, _| gentle_cold(scale, |pms| slow(pms, Fault::Takes(2))).boxed(),
        )),
    ]
}

fn tenth_more(items: u64, page: u64) -> u64 {
    (items * 11).div_ceil(page * 10)
}

fn slow(pms: &Pms, fault: Fault) {
    pms.script(FaultRule::next(Route::Listing, u64::MAX, fault));
}

async fn gentle_cold(scale: Scale, trouble: fn(&Pms)) -> Result<Played> {
    let stage = Stage::movies(scale).await?;
    trouble(&stage.pms);
    let asked = all(&stage);
    one_run(stage, asked).await
}

/// One run in an unknown library.
async fn cold(
    scale: Scale,
    filter: FileFilter,
    asked: fn(&Stage) -> Vec<TruthQuery>,
) -> Result<Played> {
    let stage = Stage::movies(scale).await?;
    stage.pms.edit(|library| library.quirks.file_filter = filter);
    let asked = asked(&stage);
    one_run(stage, asked).await
}

fn one(stage: &Stage) -> Vec<TruthQuery> {
    stage.present(1)
}

fn one_absent(stage: &Stage) -> Vec<TruthQuery> {
    stage.absent(1)
}

fn all(stage: &Stage) -> Vec<TruthQuery> {
    stage.present(stage.scale.items)
}

fn some_absent(stage: &Stage) -> Vec<TruthQuery> {
    stage.queries(stage.scale.items)
}
