//! Candidates: what the indexes suggest. A hash is only a filter, so everything is compared.

use std::sync::OnceLock;

use cache_store::{ItemRef, PartRef, SectionState};
use plex_api::{ItemKind, RatingKey};
use smallvec::SmallVec;

use crate::names::spelling::fold::fold_title;
use crate::names::spelling::path::{FoldedPath, depth, folded_file_name};
use crate::names::title_hashes::parent_title;
use crate::rules::shows::KnownShows;
use crate::settings::{FoldedMappings, Settings};

/// What is gathered for one name: nearly always one, which needs no memory of its own.
pub(crate) type Few<T> = SmallVec<[T; 1]>;

/// A section and the settings, prepared for matching: of the moment of one view.
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

    /// The context of a section of which nothing is known.
    pub(crate) fn unknown(kind: ItemKind, settings: &Settings) -> Self {
        Self {
            kind,
            mappings: FoldedMappings::new(settings),
            trust_titles: settings.trust_titles,
            roots: Vec::new(),
            shows: OnceLock::new(),
        }
    }

    /// How many of a path's components lie below the section's folders; all of them if it
    /// lies below none.
    fn depth_below(&self, path: &FoldedPath) -> usize {
        let below = self.roots.iter().filter_map(|root| path.below(root)).map(depth).min();
        below.unwrap_or(path.depth())
    }
}

/// One file on the server, with the items that hold it.
#[derive(Debug)]
pub(crate) struct Candidate<'a> {
    /// The folded path of the file.
    pub(crate) path: FoldedPath,
    /// How many of its components lie below the section's folder.
    pub(crate) below: usize,
    /// The items that hold it, ascending: more than one for a file with several episodes.
    pub(crate) holders: Few<RatingKey>,
    /// The first of them.
    pub(crate) item: &'a ItemRef<'a>,
    /// The file, in that item.
    pub(crate) part: &'a PartRef<'a>,
    /// All of them wait in the trash.
    pub(crate) trashed: bool,
}

/// The candidates for a folded file name among items that an index suggests. A version that
/// the server made itself stands back behind the original.
pub(crate) fn gather<'a>(
    file_name: &str,
    items: &'a [ItemRef<'a>],
    section: &SectionContext,
) -> Few<Candidate<'a>> {
    let mut candidates = Few::new();
    for item in items {
        for part in &item.parts {
            // Most of the other parts of an item have another name: their folders stay unfolded.
            let several = item.parts.len() > 1;
            if several && folded_file_name(part.file).is_some_and(|name| name != file_name) {
                continue;
            }
            let path = FoldedPath::new(part.file);
            if path.file_name() != Some(file_name) {
                continue;
            }
            // One file, and not two whose names differ in case or in what was not UTF-8.
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
    // Whatever order the items came in, the answer is the same.
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

    /// The year that names may speak of. An episode's own year is not its show's, and a
    /// track's not its album's.
    pub(crate) fn year(&self) -> Option<u16> {
        self.item.year.filter(|_| names_its_year(self.item))
    }
}

/// Whether the years in a file's names are those of its item.
pub(crate) fn names_its_year(item: &ItemRef<'_>) -> bool {
    !matches!(item.kind, ItemKind::Episode | ItemKind::Track)
}
