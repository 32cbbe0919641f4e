//! A section as the cache knows it.

use plex_api::{ItemKind, SectionKey, SectionUuid, UnixSeconds};

use crate::model::partition::Division;
use crate::model::revision::{Revision, SectionStamp};

/// The store's own number for a section of this server, never used twice in one file.
///
/// The owner of cached data is the section's uuid. A renamed or moved section keeps its
/// number; one that was removed and created again gets another and starts empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SectionId(pub u32);

/// What is known of a section and how far it can be trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SectionState {
    /// The store's number.
    pub id: SectionId,
    /// The server's lasting identity of the section.
    pub uuid: SectionUuid,
    /// The numeric key under which the server is asked for it.
    pub key: SectionKey,
    /// Title, for people.
    pub title: String,
    /// The kind of item that holds files here.
    pub kind: ItemKind,
    /// Folders of the section, as the server spells them.
    pub locations: Vec<String>,
    /// The stamp that the cached items explain. `None`: nothing is cached.
    pub stamp: Option<SectionStamp>,
    /// The stamp that was last observed. It differs from `stamp` while something changed that
    /// no delta explains and that was not worth a sweep yet.
    pub observed: Option<SectionStamp>,
    /// Our version counter: the last revision that changed an item.
    pub revision: Revision,
    /// How many items are cached.
    pub items: u64,
    /// Rows the server lists and counts but that cannot be kept (no numeric rating key).
    pub unsupported: u64,
    /// The cached items are every item there is at `stamp`, so "not here" means "not there".
    /// A full listing sets it; a delta, which cannot see replaced files, takes it away.
    pub complete: bool,
    /// When a stamp was last observed, by our clock.
    pub observed_at: Option<UnixSeconds>,
    /// When everything that was edited was last read, by our clock: titles, years and guids are
    /// as they were then. The stamp does not move when they are edited.
    pub metadata_at: Option<UnixSeconds>,
    /// When the whole section was last looked at, by our clock.
    pub listed_at: Option<UnixSeconds>,
    /// The newest `addedAt`/`updatedAt` among the items, by the server's clock. The next
    /// delta starts here, so that a difference between the two clocks cannot hide a change.
    pub changed_until: Option<UnixSeconds>,
    /// The section's shows. `None`: they were never listed, or an episode came since whose show is
    /// not among them.
    pub shows: Option<ShowsListed>,
    /// What looking files up one by one has cost and shown.
    pub lookups: Lookups,
    /// How the indexes are divided on disk, in the order of `Index::ALL`.
    pub(crate) divisions: [Division; 3],
    /// Matches verified before this revision do not hold, whatever they depend on.
    pub(crate) matches_from: Revision,
}

/// What is known of a section's shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShowsListed {
    /// When they were listed, by our clock.
    pub at: UnixSeconds,
    /// How many there are.
    pub count: u64,
}

/// What looking files up one by one has cost and shown, since the section was last listed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Lookups {
    /// Calls spent on it. When they reach what a listing costs, the section is listed.
    pub spent: u64,
    /// How many rows the server has, where a lookup happened to show it.
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
    /// It was seen to return everything, to fail, or to miss a file that is there.
    Ignored,
    /// A file that is known to be there was found by it, in another case, and not everything
    /// came back: an empty answer is a proof.
    Honoured,
}

impl SectionState {
    /// Nothing was ever listed: what is cached, if anything, is what lookups showed.
    pub fn is_partial(&self) -> bool {
        self.listed_at.is_none()
    }

    /// Something changed that the cached items do not explain: an item may be another than it
    /// was, and what is asked for is read again by key before it is believed.
    pub fn is_unexplained(&self) -> bool {
        self.observed != self.stamp
    }
}

impl SectionState {
    /// A section of which nothing is cached yet.
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
            observed_at: None,
            metadata_at: None,
            listed_at: None,
            changed_until: None,
            shows: None,
            lookups: Lookups::default(),
            divisions: [Division::default(); 3],
            matches_from: Revision::default(),
        }
    }

    /// Whether the items, and what is known of the server's, are as they were in another state
    /// of the same section. What was read under that state may then be written over this one.
    pub(crate) fn is_version_of(&self, base: &Self) -> bool {
        (self.revision, self.stamp, self.observed) == (base.revision, base.stamp, base.observed)
    }

    /// Ends every match that was verified so far.
    pub(crate) fn end_matches(&mut self) {
        self.revision = self.revision.next();
        self.matches_from = self.revision;
    }

    /// Forgets what was cached, and ends every answer that rests on it: the revision goes up,
    /// because a match that was verified before says nothing about what is listed next.
    pub(crate) fn forget(&mut self) {
        self.stamp = None;
        self.observed = None;
        self.revision = self.revision.next();
        self.items = 0;
        self.unsupported = 0;
        self.complete = false;
        self.observed_at = None;
        self.metadata_at = None;
        self.listed_at = None;
        self.changed_until = None;
        self.shows = None;
        self.lookups = Lookups::default();
        self.divisions = [Division::default(); 3];
    }
}
