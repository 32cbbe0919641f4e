//! What decides a match, besides the files themselves.

use crate::mapping::{MappingSuggestion, PathMapping};
use crate::names::spelling::path::FoldedPath;

/// Version of the rules. It is part of every match key, so that answers of other rules are
/// not read: it goes up whenever any query may be answered differently, also through another
/// version of the name parser.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AlgorithmVersion(pub u32);

/// The present rules.
pub const ALGORITHM: AlgorithmVersion = AlgorithmVersion(6);

/// What decides a match. All of it is part of the match key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// Where the host's folders are on the server; the most specific one that fits is used.
    pub mappings: Vec<PathMapping>,
    /// Title and year alone may give high confidence, when exactly one item of the section
    /// has them. Off by default: two releases of one title are told apart by nothing else.
    pub trust_titles: bool,
}

impl Settings {
    /// The path as the server would spell it, by the most specific mapping that fits.
    pub fn to_plex(&self, path: &str) -> Option<String> {
        most_specific(&self.mappings, |mapping| &mapping.local)
            .into_iter()
            .find_map(|mapping| mapping.to_plex(path))
    }

    /// The path as the host would spell it, by the most specific mapping that fits.
    pub fn to_local(&self, path: &str) -> Option<String> {
        most_specific(&self.mappings, |mapping| &mapping.plex)
            .into_iter()
            .find_map(|mapping| mapping.to_local(path))
    }

    /// Takes suggestions over as mappings, behind those that are there: whoever was given a
    /// mapping by a person keeps it. Only suggestions of at least `support` files are taken.
    pub fn adopt(&mut self, suggestions: &[MappingSuggestion], support: u64) {
        for suggestion in suggestions.iter().filter(|suggestion| suggestion.support >= support) {
            let local = FoldedPath::new(&suggestion.mapping.local);
            if self.mappings.iter().all(|known| FoldedPath::new(&known.local) != local) {
                self.mappings.push(suggestion.mapping.clone());
            }
        }
    }
}

fn most_specific(
    mappings: &[PathMapping],
    side: impl Fn(&PathMapping) -> &String,
) -> Vec<&PathMapping> {
    let mut sorted: Vec<&PathMapping> = mappings.iter().collect();
    sorted.sort_by_key(|mapping| std::cmp::Reverse(FoldedPath::new(side(mapping)).depth()));
    sorted
}

/// The mappings of some settings, folded once for all queries.
#[derive(Debug)]
pub(crate) struct FoldedMappings(Vec<(u16, FoldedPath, FoldedPath)>);

impl FoldedMappings {
    pub(crate) fn new(settings: &Settings) -> Self {
        let folded = settings.mappings.iter().zip(0..u16::MAX).map(|(mapping, number)| {
            (number, FoldedPath::new(&mapping.local), FoldedPath::new(&mapping.plex))
        });
        let mut folded: Vec<_> = folded.collect();
        // The most specific first; of equals the first that was given.
        folded.sort_by_key(|(_, local, _)| std::cmp::Reverse(local.depth()));
        Self(folded)
    }

    /// The path as the server would have it, and by which mapping.
    pub(crate) fn map(&self, path: &FoldedPath) -> Option<(u16, FoldedPath)> {
        self.0.iter().find_map(|(number, local, plex)| Some((*number, path.moved(local, plex)?)))
    }
}
