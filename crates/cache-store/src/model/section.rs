//! A section in the cache.

use plex_api::{ItemKind, SectionKey, SectionUuid, UnixSeconds};

use crate::model::partition::Division;
use crate::model::position::Position;
use crate::model::revision::{Revision, SectionStamp};

/// The store's own number for a section of this server. It is never used twice in one file.
///
/// The section's uuid owns the cached data. A section that is renamed or moved keeps its number. A
/// section that was removed and created again gets another number and starts empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SectionId(pub u32);

/// What the cache knows about a section, and how far it can be trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SectionState {
    /// The store's number.
    pub id: SectionId,
    /// The server's lasting identity of the section.
    pub uuid: SectionUuid,
    /// The number that addresses the section on the server.
    pub key: SectionKey,
    /// Title, for people.
    pub title: String,
    /// The kind of item that holds files here.
    pub kind: ItemKind,
    /// Folders of the section, as the server spells them.
    pub locations: Vec<String>,
    /// The stamp that the cached items explain. `None`: the items explain no stamp.
    pub stamp: Option<SectionStamp>,
    /// The stamp that was last observed. It differs from `stamp` while there is a change that no
    /// delta explains and that was not yet worth a sweep.
    pub observed: Option<SectionStamp>,
    /// Our version counter: the last revision that changed an item.
    pub revision: Revision,
    /// How many items are cached.
    pub items: u64,
    /// Rows that the server lists and counts but that cannot be kept (no numeric rating key).
    pub unsupported: u64,
    /// The cached items are all items at `stamp`, so a file that is not here is not on the server.
    /// A full listing sets this. A delta clears it, because it cannot see replaced files.
    pub complete: bool,
    /// No item can be missing because something changed during the listing. Either one answer had
    /// every row, or the stamp was asked for again after the listing and had not moved. Until then,
    /// an item that moved across the edge of a page may be missing
    /// ([`is_unsettled`](Self::is_unsettled)).
    pub settled: bool,
    /// When a stamp was last observed, by our clock.
    pub observed_at: Option<UnixSeconds>,
    /// When all edited items were last read, by our clock. Titles, years and guids are as they were
    /// then: an edit of them does not change the stamp.
    pub metadata_at: Option<UnixSeconds>,
    /// When the whole section was last listed or swept, by our clock.
    pub listed_at: Option<UnixSeconds>,
    /// When the server last told how many rows the section has, by our clock.
    pub counted_at: Option<UnixSeconds>,
    /// The newest `addedAt` or `updatedAt` of the items, by the server's clock. The next delta
    /// starts here, so that a difference between the two clocks cannot hide a change.
    pub changed_until: Option<UnixSeconds>,
    /// The section's shows. `None`: they were never listed, or an episode came since whose show is
    /// not in the list.
    pub shows: Option<ShowsListed>,
    /// Every item has a time of its last update, and none is before the time when it was added. So
    /// a listing by `updatedAt` also shows new items. Some servers leave `updatedAt` out of some
    /// rows. A full listing or a sweep finds out, and any single row may disprove it.
    pub dated: bool,
    /// The cost and the results of looking files up one by one.
    pub lookups: Lookups,
    /// How the indexes are divided on disk, in the order of `Index::ALL`.
    pub(crate) divisions: [Division; 3],
    /// Matches that were verified before this revision do not hold, whatever they depend on.
    pub(crate) matches_from: Revision,
    /// The section's position in the shared tier. `None`: it has none.
    pub(crate) position: Option<Position>,
}

/// What is known about a section's shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShowsListed {
    /// When they were listed, by our clock.
    pub at: UnixSeconds,
    /// How many there are.
    pub count: u64,
}

/// The cost and the results of looking files up one by one, since the section was last listed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Lookups {
    /// The calls that lookups cost. When they reach the cost of a listing, the section is listed.
    pub spent: u64,
    /// How many rows the server has, if a lookup showed it.
    pub total: Option<u64>,
    /// What is known of the undocumented `file=` filter.
    pub filter: FileFilter,
}

/// Whether this server honours the undocumented `file=` filter.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum FileFilter {
    /// Not tried yet.
    #[default]
    Unknown,
    /// The filter was seen to return everything, to fail, or to miss a file that is there.
    Ignored,
    /// The filter found a known file under a name in another case, and did not return everything.
    /// So an empty answer is a proof.
    Honoured,
}

impl SectionState {
    /// Whether the section was never listed. Then only lookups filled the cache.
    pub fn is_partial(&self) -> bool {
        self.listed_at.is_none()
    }

    /// Whether there is a change that the cached items do not explain. Any item may have changed
    /// then. So an item is read again by key before an answer uses it.
    pub fn is_unexplained(&self) -> bool {
        self.observed != self.stamp
    }

    /// Whether an absence needs one more look at the stamps before it is answered.
    pub fn is_unsettled(&self) -> bool {
        self.complete && !self.settled
    }
}

impl SectionState {
    /// A section without cached items.
    pub(crate) fn empty(id: SectionId, uuid: SectionUuid, key: SectionKey, kind: ItemKind) -> Self {
        Self {
            id,
            uuid,
            key,
            title: String::new(),
            kind,
            locations: Vec::new(),
            stamp: None,
            observed: None,
            revision: Revision::default(),
            items: 0,
            unsupported: 0,
            complete: false,
            settled: false,
            observed_at: None,
            metadata_at: None,
            listed_at: None,
            counted_at: None,
            changed_until: None,
            shows: None,
            dated: false,
            lookups: Lookups::default(),
            divisions: [Division::default(); 3],
            matches_from: Revision::default(),
            position: None,
        }
    }

    /// Whether this state and `base` have the same items and the same view of the server. Then data
    /// that was read under `base` may be written over this state.
    pub(crate) fn is_version_of(&self, base: &Self) -> bool {
        (self.revision, self.stamp, self.observed) == (base.revision, base.stamp, base.observed)
    }

    /// Whether this is the same listing that `base` has, and nothing overwrote it since.
    pub(crate) fn is_listing_of(&self, base: &Self) -> bool {
        self.is_version_of(base) && self.listed_at == base.listed_at
    }

    /// Ends every match that was verified so far.
    pub(crate) fn end_matches(&mut self) {
        self.revision = self.revision.next();
        self.matches_from = self.revision;
    }

    /// Forgets the cached items, and ends every answer that rests on them. The revision goes up,
    /// because a match that was verified before says nothing about the next listing.
    pub(crate) fn forget(&mut self) {
        *self = Self {
            title: std::mem::take(&mut self.title),
            locations: std::mem::take(&mut self.locations),
            revision: self.revision.next(),
            matches_from: self.matches_from,
            ..Self::empty(self.id, self.uuid.clone(), self.key, self.kind)
        };
    }
}
