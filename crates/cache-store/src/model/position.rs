//! The position of a section in the shared tier.

use crate::model::revision::SectionStamp;

/// The random name of a commit, a snapshot or the holder of a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct CommitId(pub(crate) [u8; 16]);

/// The commit that a host's items are equal to or newer than.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) commit: CommitId,
    /// The stamp of the commit. Under another stamp the position does not count.
    pub(crate) stamp: SectionStamp,
    /// The items that were written or removed since, by ascending key. Every item that differs from
    /// the commit is among them.
    pub(crate) touched: Vec<u64>,
}

impl Position {
    /// The position after these items were written or removed. `None`: so many items differ that a
    /// snapshot is better.
    pub(crate) fn touch(mut self, keys: &[u64]) -> Option<Self> {
        self.touched.extend_from_slice(keys);
        self.touched.sort_unstable();
        self.touched.dedup();
        (self.touched.len() <= TOUCHED_AT_MOST).then_some(self)
    }
}

/// The items of more changes would fill about a MiB, which is too much for an entry of the log.
const TOUCHED_AT_MOST: usize = 5_000;
