//! What decides a match, besides the files themselves.

use crate::path::FoldedPath;

/// Version of the rules. It is part of every match key, so that answers of other rules are
/// not read: it goes up whenever any query may be answered differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AlgorithmVersion(pub u32);

/// The present rules.
pub const ALGORITHM: AlgorithmVersion = AlgorithmVersion(1);

/// What decides a match. All of it is part of the match key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// Where the host's folders are on the server; the most specific one that fits is used.
    pub mappings: Vec<PathMapping>,
}

/// A folder of the host, and where the server has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathMapping {
    /// The folder as the host sees it.
    pub local: String,
    /// The same folder as the server sees it.
    pub plex: String,
}

impl Settings {
    /// The path as the server would spell it, after the most specific mapping that fits.
    pub(crate) fn map(&self, path: &FoldedPath) -> Option<FoldedPath> {
        let fitting = self.mappings.iter().filter_map(|mapping| {
            let local = FoldedPath::new(&mapping.local);
            let moved = path.moved(&local, &FoldedPath::new(&mapping.plex))?;
            Some((local.components().len(), moved))
        });
        fitting.max_by_key(|(depth, _)| *depth).map(|(_, moved)| moved)
    }
}
