//! Many queries at once, on rayon.
//!
//! Queries are processed in chunks. So memory does not grow with the batch, and a caller can stop
//! between chunks. Within a chunk, the file is read in its own order: first the index of names by
//! hash, then the items by their keys.

use std::hint::black_box;
use std::ops::ControlFlow;

use cache_store::{Depends, Error, Index, SectionId, SectionState, View};
use plex_api::RatingKey;
use rayon::prelude::*;

use crate::answer::{Answer, Decision, Reason};
use crate::matcher::indexing::name_hash;
use crate::matcher::one::decide;
use crate::matcher::reader::Named;
use crate::names::spelling::generic::{is_generic, stem, telling_tail};
use crate::names::spelling::path::{FoldedPath, folded_file_name};
use crate::query::Query;
use crate::rules::Rules;
use crate::rules::candidates::SectionContext;
use crate::settings::Settings;

/// The number of queries in a chunk: a few MB of decisions. With more queries in a chunk, more of
/// the items are next to each other on a page.
const CHUNK: usize = 1 << 15;

/// Answers queries from one section: the same answers in the same order as
/// [`crate::match_one`] for each, whatever the number of threads.
///
/// Runs in rayon's global pool, or in the caller's own: `pool.install(|| match_all(..))`.
pub fn match_all(
    view: &View<'_>,
    section: &SectionState,
    queries: &[&Query],
    settings: &Settings,
    rules: Rules,
) -> Result<Vec<Decision>, Error> {
    let mut all = Vec::with_capacity(queries.len());
    let take = |decisions| {
        all.extend(decisions);
        ControlFlow::Continue(())
    };
    let _ = match_chunks(view, section, queries.iter().copied(), settings, rules, take)?;
    Ok(all)
}

/// Like [`match_all`], for batches of any size: memory does not grow with the batch. `each` gets
/// the decisions of one chunk after the other, in the order of the queries. It returns `Break` if
/// `each` returned it.
pub fn match_chunks<'q>(
    view: &View<'_>,
    section: &SectionState,
    queries: impl IntoIterator<Item = &'q Query>,
    settings: &Settings,
    rules: Rules,
    mut each: impl FnMut(Vec<Decision>) -> ControlFlow<()>,
) -> Result<ControlFlow<()>, Error> {
    let context = SectionContext::new(section, settings);
    let mut queries = queries.into_iter();
    loop {
        let chunk: Vec<&Query> = queries.by_ref().take(CHUNK).collect();
        if chunk.is_empty() {
            return Ok(ControlFlow::Continue(()));
        }
        // Paths are folded again when they are matched. Keeping the folded paths until then takes
        // memory, and measurements showed no gain in time.
        let mut hashes: Vec<(u64, usize)> =
            chunk.par_iter().enumerate().map(|(at, query)| (first_hash(query), at)).collect();
        hashes.par_sort_unstable();
        let names = read_names(view, section.id, &hashes)?;
        let mut order: Vec<Asked<'_>> = hashes
            .chunk_by(|a, b| a.0 == b.0)
            .zip(names.iter().flat_map(Names::each))
            .flat_map(|(equal, keys)| equal.iter().map(move |&(hash, at)| (hash, at, keys)))
            .map(|(hash, at, rating_keys)| (at, Named { hash, rating_keys }))
            .collect();
        order.par_sort_unstable_by_key(|&(at, named)| (named.rating_keys.first(), at));
        let decide = |run: &[Asked<'_>]| -> Result<Vec<(usize, Decision)>, Error> {
            fetch(run.iter().filter_map(|&(at, _)| chunk.get(at).copied()));
            let mut decided = Vec::with_capacity(run.len());
            for &(at, named) in run {
                let Some(query) = chunk.get(at) else { continue };
                decided.push((at, decide(view, section.id, &context, query, rules, Some(named))?));
            }
            Ok(decided)
        };
        let decided: Vec<_> = order.par_chunks(DECIDED_RUN).map(decide).collect();
        // A decision below replaces each of these values.
        let unknown = Answer::Unknown(Reason::NotProven);
        let nothing =
            Decision { answer: unknown, depends: Depends::default(), rests_on_shows: false };
        let mut in_order = vec![nothing; chunk.len()];
        for run in decided {
            for (at, decision) in run? {
                if let Some(slot) = in_order.get_mut(at) {
                    *slot = decision;
                }
            }
        }
        if each(in_order).is_break() {
            return Ok(ControlFlow::Break(()));
        }
    }
}

/// The hash of names that a match asks for first. A name that says nothing is looked for together
/// with the nearest folder that does.
fn first_hash(query: &Query) -> u64 {
    let Some(name) = folded_file_name(&query.path) else { return 0 };
    if is_generic(stem(&name))
        && let Some(tail) = telling_tail(&FoldedPath::new(&query.path))
    {
        return name_hash(tail);
    }
    name_hash(&name)
}

/// A query, by its position in a chunk, and the result for its first hash.
type Asked<'n> = (usize, Named<'n>);

/// How many queries one thread decides in a row. They are so few that the data fetched for them are
/// still in the processor's cache.
const DECIDED_RUN: usize = 64;

/// Loads the paths of queries into the processor's cache. They are at random places in memory.
/// Together they load at the same time; one by one, each load has to wait.
fn fetch<'q>(queries: impl Iterator<Item = &'q Query>) {
    let ends = queries.map(|query| query.path.as_bytes().first().zip(query.path.as_bytes().last()));
    black_box(ends.flatten().fold(0, |all, (first, last)| all ^ first ^ last));
}

/// How many hashes one thread reads in a row. Neighbours are in one block.
const HASHED_RUN: usize = 512;

/// The rating keys under some hashes in one list, and the end of each hash's keys. A separate list
/// for each hash would be one more random access to memory.
struct Names {
    keys: Vec<RatingKey>,
    ends: Vec<usize>,
}

impl Names {
    fn each(&self) -> impl Iterator<Item = &[RatingKey]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, &end)| self.keys.get(start..end).unwrap_or_default())
    }
}

/// Reads what the index of names has under sorted hashes. Equal hashes are read once.
fn read_names(
    view: &View<'_>,
    section: SectionId,
    sorted: &[(u64, usize)],
) -> Result<Vec<Names>, Error> {
    let mut hashes: Vec<u64> = sorted.iter().map(|&(hash, _)| hash).collect();
    hashes.dedup();
    let read = |run: &[u64]| {
        let mut names = Names { keys: Vec::with_capacity(run.len()), ends: Vec::new() };
        for bucket in view.buckets(Index::Names, section, run)? {
            names.keys.extend(bucket.into_iter().flat_map(|bucket| bucket.rating_keys));
            names.ends.push(names.keys.len());
        }
        Ok(names)
    };
    hashes.par_chunks(HASHED_RUN).map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matcher::one::match_one;
    use crate::testing::{OneSection, movie};

    /// More than one chunk. Every third file does not exist, and some names are in two folders.
    fn section_and_queries() -> (OneSection, Vec<Query>) {
        let mut one = OneSection::new();
        one.list((0..400_u64).map(|n| {
            let title = format!("Movie {}", n / 2);
            movie(n + 1, &title, Some(1990), &format!("/data/films/{n} of {title}/{title}.mkv"))
        }));
        let queries = (0..CHUNK + 100).map(|n| {
            let (folder, name) = (n % 600, n % 600 / 2);
            Query::new(format!("/mnt/{folder} of Movie {name}/Movie {name}.mkv"))
        });
        (one, queries.collect())
    }

    #[test]
    fn any_number_of_threads_answers_as_one_by_one() {
        let (one, queries) = section_and_queries();
        let (view, state, settings) = (one.store.view().unwrap(), one.state(), Settings::default());
        let context = SectionContext::new(&state, &settings);
        let one = |query| match_one(&view, state.id, &context, query, Rules::Paths).unwrap();
        let one_by_one: Vec<Decision> = queries.iter().map(one).collect();
        let asked: Vec<&Query> = queries.iter().collect();
        for threads in [1, 2, 4] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let all = pool.install(|| match_all(&view, &state, &asked, &settings, Rules::Paths));
            assert!(all.unwrap() == one_by_one, "{threads} threads");
        }
    }

    #[test]
    fn a_batch_comes_in_chunks_and_can_be_broken_off() {
        let (one, queries) = section_and_queries();
        let (view, state, settings) = (one.store.view().unwrap(), one.state(), Settings::default());
        let run = |stop_after: usize| {
            let mut sizes = Vec::new();
            let flow = match_chunks(&view, &state, &queries, &settings, Rules::Paths, |chunk| {
                sizes.push(chunk.len());
                if sizes.len() == stop_after {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(())
                }
            });
            (flow.unwrap().is_break(), sizes)
        };
        assert_eq!(run(9), (false, vec![CHUNK, 100]));
        assert_eq!(run(1), (true, vec![CHUNK]));
    }
}
