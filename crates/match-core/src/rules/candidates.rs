//! Candidates: the items that the indexes suggest. A hash is only a filter, so every item is
//! compared.

use std::sync::OnceLock;

use cache_store::{ItemRef, PartRef, SectionState};
use plex_api::{ItemKind, RatingKey};
use smallvec::SmallVec;

use crate::names::spelling::fold::fold_title;
use crate::names::spelling::path::{FoldedPath, depth, folded_file_name};
use crate::names::title_hashes::parent_title;
use crate::rules::shows::KnownShows;
use crate::settings::{FoldedMappings, Settings};

/// A list for one name. It nearly always has one entry, which needs no memory of its own.
pub(crate) type Few<T> = SmallVec<[T; 1]>;

/// A section and the settings, prepared for matching. It belongs to one view.
#[derive(Debug)]
pub struct SectionContext {
    pub(crate) kind: ItemKind,
    pub(crate) mappings: FoldedMappings,
    pub(crate) trust_titles: bool,
    roots: Vec<FoldedPath>,
    /// The section's shows, read when a name first needs them.
    pub(crate) shows: OnceLock<KnownShows>,
}

impl SectionContext {
    /// Folds the section's folders and the mappings, once for all queries.
    pub fn new(section: &SectionState, settings: &Settings) -> Self {
        let roots = section.locations.iter().map(|root| FoldedPath::new(root)).collect();
        Self { roots, ..Self::unknown(section.kind, settings) }
    }

    /// The context of an unknown section.
    pub(crate) fn unknown(kind: ItemKind, settings: &Settings) -> Self {
        Self {
            kind,
            mappings: FoldedMappings::new(settings),
            trust_titles: settings.trust_titles,
            roots: Vec::new(),
            shows: OnceLock::new(),
        }
    }

    /// How many components of a path are below the section's folders. All of them, if the path is
    /// below none of the folders.
    fn depth_below(&self, path: &FoldedPath) -> usize {
        let below = self.roots.iter().filter_map(|root| path.below(root)).map(depth).min();
        below.unwrap_or(path.depth())
    }
}

/// One file on the server, with the items that have it.
#[derive(Debug)]
pub(crate) struct Candidate<'a> {
    /// The folded path of the file.
    pub(crate) path: FoldedPath,
    /// How many of its components are below the section's folder.
    pub(crate) below: usize,
    /// The items that have it, ascending. A file with several episodes has more than one.
    pub(crate) holders: Few<RatingKey>,
    /// The first of them.
    pub(crate) item: &'a ItemRef<'a>,
    /// The file in that item.
    pub(crate) part: &'a PartRef<'a>,
    /// All of these items are in the trash.
    pub(crate) trashed: bool,
}

/// The candidates for a folded file name, among the items that an index suggests. A version that
/// the server made itself comes after the original.
pub(crate) fn gather<'a>(
    file_name: &str,
    items: &'a [ItemRef<'a>],
    section: &SectionContext,
) -> Few<Candidate<'a>> {
    let mut candidates = Few::new();
    for item in items {
        for part in &item.parts {
            // Most other parts of an item have other names, so their folders are not folded.
            let several = item.parts.len() > 1;
            if several && folded_file_name(part.file).is_some_and(|name| name != file_name) {
                continue;
            }
            let path = FoldedPath::new(part.file);
            if path.file_name() != Some(file_name) {
                continue;
            }
            // This is one file. Two names may differ only in case, or in bytes that are not UTF-8.
            let same = |other: &&mut Candidate<'a>| {
                other.part.file == part.file && !part.file.contains('\u{fffd}')
            };
            if let Some(same) = candidates.iter_mut().find(same) {
                same.hold(item, part);
                continue;
            }
            candidates.push(Candidate {
                below: section.depth_below(&path),
                path,
                holders: Few::from_elem(item.rating_key, 1),
                item,
                part,
                trashed: item.trashed,
            });
        }
    }
    if candidates.iter().any(|candidate| !candidate.part.optimized) {
        candidates.retain(|candidate| !candidate.part.optimized);
    }
    // The answer does not depend on the order in which the items came.
    candidates.sort_unstable_by(|a, b| a.path.cmp(&b.path).then_with(|| a.holders.cmp(&b.holders)));
    candidates
}

impl<'a> Candidate<'a> {
    fn hold(&mut self, item: &'a ItemRef<'a>, part: &'a PartRef<'a>) {
        if let Err(at) = self.holders.binary_search(&item.rating_key) {
            self.holders.insert(at, item.rating_key);
            if at == 0 {
                (self.item, self.part) = (item, part);
            }
        }
        self.trashed &= item.trashed;
    }

    /// Title of the movie, show or artist, folded.
    pub(crate) fn title(&self) -> String {
        parent_title(self.item).unwrap_or_else(|| fold_title(self.item.title))
    }

    /// The year that names may mention. An episode's own year is not its show's year, and a track's
    /// year is not its album's.
    pub(crate) fn year(&self) -> Option<u16> {
        self.item.year.filter(|_| names_its_year(self.item))
    }
}

/// Whether the years in a file's names are the item's year.
pub(crate) fn names_its_year(item: &ItemRef<'_>) -> bool {
    !matches!(item.kind, ItemKind::Episode | ItemKind::Track)
}
