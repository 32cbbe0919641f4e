//! Whether an item still holds the file it was matched by. Pure.

use std::slice::from_ref;

use cache_store::CachedItem;

use crate::answer::Answer;
use crate::names::spelling::path::FoldedPath;
use crate::query::Query;
use crate::rules::candidates::{SectionContext, gather};
use crate::rules::{Prepared, paths};

/// How well the files of an item agree with a file, as its path is or as the server would have
/// it: equal components, counted upwards from the file name. 0: it has no file of that name.
pub(super) fn agreement(item: &CachedItem, query: &Prepared<'_>) -> usize {
    let tail = |file: &str| {
        let path = FoldedPath::new(file);
        let mapped = query.mapped.as_ref().map_or(0, |(_, mapped)| mapped.common_tail(&path));
        query.path.common_tail(&path).max(mapped)
    };
    item.parts.iter().map(|part| tail(&part.file)).max().unwrap_or(0)
}

/// Whether an item holds a file, and no worse than it did before. The rules say so, as if there
/// were no other item: of a file that is called `movie.mkv` the name alone says nothing, and one
/// in another folder is another file.
pub(super) fn holds(
    is: &CachedItem,
    before: usize,
    query: &Prepared<'_>,
    section: &SectionContext,
) -> bool {
    agreement(is, query) >= before.max(1) && matches!(decide(is, query, section), Answer::Found(_))
}

/// [`holds`] for a file of which nothing but the path is given. What it was matched by beside its
/// name is not known then: a name that says nothing is enough, unless the folders name another.
pub(super) fn holds_file(
    is: &CachedItem,
    was: Option<&CachedItem>,
    file: &str,
    section: &SectionContext,
) -> bool {
    let query = Query::new(file);
    let query = Prepared::new(&query, section);
    let before = was.map_or(0, |was| agreement(was, &query));
    let by_name = || {
        let is = is.borrowed();
        let candidates = query.file_name().map(|name| gather(name, from_ref(&is), section));
        candidates.is_some_and(|candidates| paths::may_be(&query, &candidates))
    };
    !is.trashed
        && agreement(is, &query) >= before.max(1)
        && match decide(is, &query, section) {
            Answer::Found(_) => true,
            Answer::Ambiguous(_) => by_name(),
            _ => false,
        }
}

fn decide(is: &CachedItem, query: &Prepared<'_>, section: &SectionContext) -> Answer {
    let is = is.borrowed();
    let candidates = query.file_name().map(|name| gather(name, from_ref(&is), section));
    candidates.map_or(Answer::Absent, |candidates| paths::decide(query, &candidates))
}
