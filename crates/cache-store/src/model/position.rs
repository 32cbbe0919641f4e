//! What of the shared tier a section's items are.

use crate::model::revision::SectionStamp;

/// The random name of a commit, a snapshot or the holder of a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct CommitId(pub(crate) [u8; 16]);

/// Which commit a host's own items are, or are newer than.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) commit: CommitId,
    /// The stamp of the commit: under another the items are something else.
    pub(crate) stamp: SectionStamp,
    /// Items that were written or removed since, by ascending key: whatever differs is among them.
    pub(crate) touched: Vec<u64>,
}

impl Position {
    /// Where the items are after these were written or removed. `None`: so many are told of by
    /// telling all.
    pub(crate) fn touch(mut self, keys: &[u64]) -> Option<Self> {
        self.touched.extend_from_slice(keys);
        self.touched.sort_unstable();
        self.touched.dedup();
        (self.touched.len() <= TOUCHED_AT_MOST).then_some(self)
    }
}

/// More items are about a MiB, and no entry of the log.
const TOUCHED_AT_MOST: usize = 5_000;
