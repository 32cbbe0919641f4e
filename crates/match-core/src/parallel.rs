//! Many queries at once, on rayon.

use cache_store::{Error, MatchKey, SectionState, View};
use rayon::prelude::*;

use crate::answer::Decision;
use crate::candidates::SectionContext;
use crate::key::match_key;
use crate::matcher::match_one;
use crate::path::FoldedPath;
use crate::query::Query;
use crate::rules::Rules;
use crate::settings::Settings;

/// Answers queries from one section: the same answers in the same order as [`match_one`] for
/// each, whatever the number of threads. Runs in the caller's rayon pool.
///
/// Queries are worked on in the order of their file names' hashes, because that is the order
/// of the index on disk.
pub fn match_all(
    view: &View<'_>,
    section: &SectionState,
    queries: &[&Query],
    settings: &Settings,
    rules: Rules,
) -> Result<Vec<Decision>, Error> {
    let context = SectionContext::new(section, settings);
    let mut order: Vec<(u64, usize)> = queries
        .par_iter()
        .enumerate()
        .map(|(at, query)| {
            let path = FoldedPath::new(&query.path);
            (path.file_name().map_or(0, crate::index::name_hash), at)
        })
        .collect();
    order.par_sort_unstable();
    let mut decided: Vec<(usize, Decision)> = order
        .par_iter()
        .filter_map(|&(_, at)| Some((at, *queries.get(at)?)))
        .map(|(at, query)| Ok((at, match_one(view, section.id, &context, query, rules)?)))
        .collect::<Result<_, Error>>()?;
    decided.sort_unstable_by_key(|(at, _)| *at);
    Ok(decided.into_iter().map(|(_, decision)| decision).collect())
}

/// The keys under which the answers to queries are remembered, in order.
pub(crate) fn match_keys(queries: &[Query], settings: &Settings) -> Vec<MatchKey> {
    queries.par_iter().map(|query| match_key(query, settings)).collect()
}
