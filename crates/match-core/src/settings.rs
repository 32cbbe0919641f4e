//! The settings that decide a match, together with the files.

use crate::mapping::{MappingSuggestion, PathMapping};
use crate::names::spelling::path::FoldedPath;

/// The version of the rules. It is part of every match key, so that answers of other versions are
/// not used. It goes up when any query may get another answer, also because of a change in the
/// reading of names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AlgorithmVersion(pub u32);

/// The version of the current rules.
pub const ALGORITHM: AlgorithmVersion = AlgorithmVersion(7);

/// The settings that decide a match. All of them are part of the match key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// The path mappings. The most specific one that fits is used.
    pub mappings: Vec<PathMapping>,
    /// Title and year alone may give high confidence, if exactly one item of the section has them.
    /// Off by default, because nothing else tells two releases of one title apart.
    pub trust_titles: bool,
}

impl Settings {
    /// The server's path for a local path, by the most specific mapping that fits.
    pub fn to_plex(&self, path: &str) -> Option<String> {
        most_specific(&self.mappings, |mapping| &mapping.local)
            .into_iter()
            .find_map(|mapping| mapping.to_plex(path))
    }

    /// The local path for a path of the server, by the most specific mapping that fits.
    pub fn to_local(&self, path: &str) -> Option<String> {
        most_specific(&self.mappings, |mapping| &mapping.plex)
            .into_iter()
            .find_map(|mapping| mapping.to_local(path))
    }

    /// Adds suggestions with at least `support` files as mappings, after the existing ones. It does
    /// not replace existing mappings.
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
        // The most specific mapping comes first; of equal ones, the first that was given.
        folded.sort_by_key(|(_, local, _)| std::cmp::Reverse(local.depth()));
        Self(folded)
    }

    /// The server's path, with the number of the mapping that fits.
    pub(crate) fn map(&self, path: &FoldedPath) -> Option<(u16, FoldedPath)> {
        self.0.iter().find_map(|(number, local, plex)| Some((*number, path.moved(local, plex)?)))
    }
}
