//! Whether an item still holds the file it was matched by. Pure.

use cache_store::CachedItem;

use crate::path::FoldedPath;

/// How well the files of an item agree with a path: equal components, counted upwards from the
/// file name, folded as the matcher folds them. 0: it has no file of that name.
pub(super) fn agreement(item: &CachedItem, path: &str) -> usize {
    let wanted = FoldedPath::new(path);
    let tails = item.parts.iter().map(|part| FoldedPath::new(&part.file).common_tail(&wanted));
    tails.max().unwrap_or(0)
}

/// Whether an item holds a file, and no worse than it did before: of a file that is called
/// `movie.mkv` the name alone says nothing, and one in another folder is another file.
pub(super) fn holds(is: &CachedItem, before: usize, path: &str) -> bool {
    agreement(is, path) >= before.max(1)
}
