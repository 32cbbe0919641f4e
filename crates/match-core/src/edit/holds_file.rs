//! Whether an item still has the file by which it was matched. Pure.

use std::slice::from_ref;

use cache_store::CachedItem;

use crate::answer::Answer;
use crate::names::spelling::path::FoldedPath;
use crate::query::Query;
use crate::rules::candidates::{SectionContext, gather};
use crate::rules::{Prepared, paths};

/// How well the best file of an item agrees with a query: the number of equal path components,
/// counted upwards from the file name. Both the query's path and its mapped path count. 0 if the
/// item has no file of that name.
pub(super) fn agreement(item: &CachedItem, query: &Prepared<'_>) -> usize {
    let tail = |file: &str| {
        let path = FoldedPath::new(file);
        let mapped = query.mapped.as_ref().map_or(0, |(_, mapped)| mapped.common_tail(&path));
        query.path.common_tail(&path).max(mapped)
    };
    item.parts.iter().map(|part| tail(&part.file)).max().unwrap_or(0)
}

/// Whether an item has a file, with at least as many equal path components as before. The path
/// rules decide, with this item as the only candidate. So a generic name (`movie.mkv`) alone is not
/// enough, and a file in another folder is another file.
pub(super) fn holds(
    is: &CachedItem,
    before: usize,
    query: &Prepared<'_>,
    section: &SectionContext,
) -> bool {
    agreement(is, query) >= before.max(1) && matches!(decide(is, query, section), Answer::Found(_))
}

/// The same as [`holds`] if only the path of the file is known, and not how it was matched. So a
/// generic name is enough, unless the folders name another work.
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
