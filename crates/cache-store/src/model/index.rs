//! The input of the indexes: an item gives hashes, and a hash gives rating keys.
//!
//! The store does not know how to fold a file name or a title. The matcher knows, and gives the
//! store one plain function with a version. A hash is only a filter: a reader that finds a rating
//! key through an index compares the item itself.

use plex_api::RatingKey;
use smallvec::SmallVec;

use crate::model::item::CachedItem;
use crate::model::revision::Revision;

/// Which of the three indexes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Index {
    /// Folded file names of parts.
    Names,
    /// Folded guids.
    Guids,
    /// Folded titles, and the variants that the matcher adds.
    Titles,
}

impl Index {
    /// All indexes, in the order they are written.
    pub const ALL: [Self; 3] = [Self::Names, Self::Guids, Self::Titles];

    /// The index's number on disk.
    pub(crate) fn number(self) -> u8 {
        match self {
            Self::Names => 1,
            Self::Guids => 2,
            Self::Titles => 3,
        }
    }

    /// The index with this number.
    pub(crate) fn of_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|index| index.number() == number)
    }
}

/// The 64-bit hashes under which an item can be found, by index.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IndexKeys {
    /// Hashes of the folded file names of the item's parts.
    pub names: Vec<u64>,
    /// Hashes of the item's folded guids.
    pub guids: Vec<u64>,
    /// Hashes of the item's folded titles.
    pub titles: Vec<u64>,
}

impl IndexKeys {
    /// The hashes of one index.
    pub fn of(&self, index: Index) -> &[u64] {
        match index {
            Index::Names => &self.names,
            Index::Guids => &self.guids,
            Index::Titles => &self.titles,
        }
    }

    /// The hashes of all indexes.
    pub(crate) fn all(&self) -> impl Iterator<Item = (Index, u64)> {
        Index::ALL
            .into_iter()
            .flat_map(|index| self.of(index).iter().map(move |&hash| (index, hash)))
    }
}

/// How items are indexed: a pure function of the item, and its version.
///
/// When a store of another version is opened, it rebuilds its indexes from its own items, without a
/// call.
#[derive(Debug, Clone, Copy)]
pub struct Indexing {
    /// The version. It must go up whenever `keys` gives another result for any item.
    pub version: u32,
    /// The hashes under which an item is found.
    pub keys: fn(&CachedItem) -> IndexKeys,
}

/// The rating keys of a bucket. Nearly every bucket has one, which takes no memory of its own.
pub type RatingKeys = SmallVec<[RatingKey; 2]>;

/// One index bucket: all items of a section that share a hash.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bucket {
    /// The revision at which a key last entered or left this bucket, or an item in it changed.
    pub changed_at: Revision,
    /// The rating keys of the items, ascending.
    pub rating_keys: RatingKeys,
}
