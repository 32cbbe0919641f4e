//! An update: what a refresh read, and what came of it.

use plex_api::UnixSeconds;

#[cfg(feature = "shared")]
use crate::model::position::{CommitId, Position};
use crate::model::revision::SectionStamp;
use crate::model::section::{FileFilter, Lookups, SectionState};
use crate::store::staging::Spool;

/// What a refresh read, and the conditions under which it is written.
pub(crate) struct Update {
    /// The section as it was when the refresh began.
    pub(crate) base: SectionState,
    pub(crate) rows: Spool,
    pub(crate) scope: Scope,
    /// Keys whose rows can no longer be read. Their items are removed, and they count as
    /// unsupported rows.
    pub(crate) unreadable: Vec<u64>,
    /// The stamp of the items after the update.
    pub(crate) stamp: SectionStamp,
    /// The stamp that was observed. It differs from `stamp` while a change is not explained.
    pub(crate) observed: SectionStamp,
    /// When it was observed.
    pub(crate) observed_at: UnixSeconds,
    /// When the rows were asked for.
    pub(crate) now: UnixSeconds,
    /// Rows that the server lists and that cannot be kept.
    pub(crate) unsupported: u64,
    /// How many rows the server says there are; `None` if it was not asked.
    pub(crate) total: Option<u64>,
    /// The change counter moved, so a delta that changes nothing explains nothing.
    pub(crate) must_change: bool,
    /// Whether the section is known completely afterwards.
    pub(crate) complete: bool,
    /// Whether no change during the reading can be missing (`SectionState::settled`); `None`: as
    /// before.
    pub(crate) settled: Option<bool>,
    /// All items that were edited are among the rows.
    pub(crate) metadata: bool,
    /// The cost and the results of lookups so far.
    pub(crate) lookups: Lookups,
    /// What another host says about the items, if they were taken from it.
    #[cfg(feature = "shared")]
    pub(crate) claims: Option<Claims>,
}

impl Update {
    /// An update with rows of some items. All other items stay. After the update, the items have
    /// the stamp that was observed.
    pub(crate) fn new(
        state: &SectionState,
        rows: Spool,
        stamp: SectionStamp,
        now: UnixSeconds,
    ) -> Self {
        // If the stamp moved, the server may have another version. So the filter has to be tested
        // again.
        let same = state.observed == Some(stamp);
        let filter = if same { state.lookups.filter } else { FileFilter::Unknown };
        Self {
            base: state.clone(),
            rows,
            scope: Scope::Delta(Vec::new()),
            unreadable: Vec::new(),
            stamp,
            observed: stamp,
            observed_at: now,
            now,
            unsupported: state.unsupported,
            total: None,
            must_change: false,
            complete: false,
            settled: None,
            metadata: false,
            lookups: Lookups { filter, ..state.lookups },
            #[cfg(feature = "shared")]
            claims: None,
        }
    }
}

/// When another host read the items that are taken from it, by our clock.
#[cfg(feature = "shared")]
#[derive(Debug, Clone, Copy)]
pub(crate) struct Claims {
    pub(crate) listed_at: UnixSeconds,
    pub(crate) metadata_at: Option<UnixSeconds>,
    pub(crate) changed_until: Option<UnixSeconds>,
    /// Their commit in the shared tier.
    pub(crate) commit: CommitId,
}

#[cfg(feature = "shared")]
impl Claims {
    /// The section's position after the items of the commit were written. Items that were touched
    /// before and are not among the written ones may be newer than the commit, so they stay noted.
    pub(super) fn position(
        self,
        before: Option<Position>,
        stamp: SectionStamp,
        whole: bool,
        written: &[u64],
    ) -> Position {
        let mut touched = before.filter(|_| !whole).map_or_else(Vec::new, |before| before.touched);
        touched.retain(|key| !written.contains(key));
        Position { commit: self.commit, stamp, touched }
    }
}

/// Which part of the section the rows are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Scope {
    /// The rows and the keys of the whole section: all other items are gone. An item without a row
    /// stays as it was.
    Complete(Vec<u64>),
    /// Items that were added or updated, and the keys of those that are gone. All other items stay.
    Delta(Vec<u64>),
}

/// What an update did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Changes {
    /// Items that were not cached before.
    pub added: u64,
    /// Items whose content changed.
    pub changed: u64,
    /// Items that are gone.
    pub removed: u64,
    /// Items that were read again and did not change.
    pub unchanged: u64,
}

impl Changes {
    /// Whether anything that matching uses is different now.
    pub fn any(&self) -> bool {
        self.added + self.changed + self.removed > 0
    }
}

/// The outcome of an update.
pub(crate) enum Applied {
    /// It was written.
    Done(Box<SectionState>, Changes),
    /// The server's total differs from the items: nothing was written.
    Disagrees,
    /// The change counter moved, but no item changed: nothing was written.
    Unexplained,
    /// The section changed in the store meanwhile (another refresh, a clear): nothing was
    /// written.
    Moved,
    /// A value in the file is damaged: nothing was written.
    Damaged,
}
