//! Candidates: the files on the server that have the queried file's name.

use cache_store::{CachedItem, SectionState};
use plex_api::RatingKey;

use crate::fold::fold_title;
use crate::path::FoldedPath;

/// A section, prepared for matching.
#[derive(Debug)]
pub struct SectionContext {
    roots: Vec<FoldedPath>,
}

impl SectionContext {
    /// Folds the section's folders, once for all queries.
    pub fn new(section: &SectionState) -> Self {
        Self { roots: section.locations.iter().map(|root| FoldedPath::new(root)).collect() }
    }

    /// How many of a path's components lie below the section's folders; all of them if it
    /// lies below none.
    fn depth_below(&self, path: &FoldedPath) -> usize {
        let below =
            self.roots.iter().filter_map(|root| path.below(root)).map(<[String]>::len).min();
        below.unwrap_or(path.components().len())
    }
}

/// One file on the server, with the items that hold it.
#[derive(Debug)]
pub(crate) struct Candidate {
    /// The folded path of the file.
    pub(crate) path: FoldedPath,
    /// How many of its components lie below the section's folder.
    pub(crate) below: usize,
    /// The items that hold it, ascending: more than one for a file with several episodes.
    pub(crate) holders: Vec<RatingKey>,
    /// The version of the first holder that the file is.
    pub(crate) version: u16,
    pub(crate) folded_title: String,
    pub(crate) year: Option<u16>,
    pub(crate) size: Option<u64>,
    pub(crate) duration_ms: Option<u64>,
    pub(crate) trashed: bool,
    optimized: bool,
}

/// The candidates for a folded file name among items that an index suggests. A hash is only a
/// filter: every name is compared. A version that the server made itself stands back behind
/// the original.
pub(crate) fn gather<'a>(
    file_name: &str,
    items: impl IntoIterator<Item = &'a CachedItem>,
    section: &SectionContext,
) -> Vec<Candidate> {
    let mut candidates: Vec<Candidate> = Vec::new();
    for item in items {
        for part in &item.parts {
            let path = FoldedPath::new(&part.file);
            if path.file_name() != Some(file_name) {
                continue;
            }
            if let Some(same) = candidates.iter_mut().find(|candidate| candidate.path == path) {
                same.hold(item, part.version);
                continue;
            }
            candidates.push(Candidate {
                below: section.depth_below(&path),
                path,
                holders: vec![item.rating_key],
                version: part.version,
                folded_title: fold_title(item.grandparent_title.as_ref().unwrap_or(&item.title)),
                year: item.year,
                size: part.size,
                duration_ms: part.duration_ms.or(item.duration_ms),
                trashed: item.trashed,
                optimized: part.optimized,
            });
        }
    }
    if candidates.iter().any(|candidate| !candidate.optimized) {
        candidates.retain(|candidate| !candidate.optimized);
    }
    // Whatever order the items came in, the answer is the same.
    candidates.sort_unstable_by(|a, b| a.path.components().cmp(b.path.components()));
    candidates
}

impl Candidate {
    fn hold(&mut self, item: &CachedItem, version: u16) {
        if let Err(at) = self.holders.binary_search(&item.rating_key) {
            if at == 0 {
                self.version = version;
            }
            self.holders.insert(at, item.rating_key);
        }
        self.trashed &= item.trashed;
    }
}
