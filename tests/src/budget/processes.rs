//! Situations in which several processes ask at once.

use anyhow::Result;
use futures::FutureExt;
use futures::future::try_join_all;

use super::child::{self, Arguments, Task};
use super::measured::{Meter, Played};
use super::stage::Stage;
use super::{Row, Scale};

/// How many processes ask at once.
const PROCESSES: u64 = 8;

pub(super) fn rows() -> Vec<Row> {
    vec![Row::new(
        "processes-8",
        "8 processes share an empty cache file and ask at once: one lists, each adds 2 calls",
        "2 + ceil(N/P) + 16",
        |scale| 2 + scale.pages() + 2 * PROCESSES,
        |scale, child| processes(scale, child).boxed(),
    )]
}

/// Starts the children at once on an empty cache. Each asks for every file.
async fn processes(scale: Scale, arguments: Arguments) -> Result<Played> {
    let stage = Stage::movies(scale).await?;
    let asked = stage.queries(scale.items);
    let paths: Vec<String> = asked.iter().map(|query| query.path.clone()).collect();
    let meter = Meter::start(&stage);
    let children = (0..PROCESSES)
        .map(|number| child::start(&stage, arguments, number, Task::Match(paths.clone())));
    let children = children.collect::<Result<Vec<_>>>()?;
    let told = try_join_all(children.into_iter().map(child::Working::told)).await?;
    let mut played = meter.stop(stage, asked, Vec::new());
    child::add_up(told, &mut played)?;
    Ok(played)
}
