//! Runs the other clients beside Matchbox. The naive client runs on a sample if all queries would
//! take minutes. The clients that list everything run on all queries.

use anyhow::Result;
use testbed::queries::TruthQuery;
use testbed::rivals::lister::Lister;
use testbed::rivals::naive::Naive as Client;

use crate::bench::compute::scenario::{Naive, Rival};

/// How many rows the naive client may read if its title searches find nothing. Each such file costs
/// it a listing in pages of 100, so the sample is smaller for a larger library. Reading this many
/// rows takes about a second.
const ROWS: u64 = 40_000;

/// The smallest and the largest sample.
const SAMPLE: std::ops::RangeInclusive<u64> = 2..=100;

/// Runs the naive client on an even sample of the queries, in a library of `items` items. The first
/// error ends it, as in the tools that it represents.
pub(crate) async fn naive(
    (url, token): (&str, &str),
    section: Option<&str>,
    queries: &[TruthQuery],
    items: u64,
) -> Result<Naive> {
    let size = (ROWS / items.max(1)).clamp(*SAMPLE.start(), *SAMPLE.end());
    let step = queries.len().div_ceil(usize::try_from(size)?).max(1);
    let sample: Vec<_> = queries.iter().step_by(step).cloned().collect();
    let client = Client::new(url, token);
    let asked = async {
        let sections = client.sections(section).await?;
        client.run(&sections, &sample).await
    };
    Ok(match asked.await {
        Ok(outcome) => Naive::scaled(outcome.calls, sample.len() as u64, queries.len() as u64),
        Err(_) => Naive::gave_up(client.calls()),
    })
}

/// The page sizes of the clients that list everything: that of the client library that most tools
/// use, and the largest size that a careful client requests.
pub(crate) const PAGES: [usize; 2] = [100, 1_000];

/// Runs the client that lists everything on all queries. An error ends it.
pub(crate) async fn lister(
    (url, token): (&str, &str),
    section: Option<&str>,
    queries: &[TruthQuery],
    page: usize,
) -> Rival {
    let client = Lister::new(url, token, page);
    let name = format!("lists in pages of {page}");
    match client.run(section, queries).await {
        Ok(matched) => Rival::of(name, &matched),
        Err(_) => Rival::gave_up(name, client.calls()),
    }
}
