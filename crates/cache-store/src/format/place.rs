//! The place of each value, which its checksum covers. The table numbers are those of
//! [`crate::format::tables::ALL`], and no number is used twice.

use crate::format::envelope::Place;
use crate::model::index::Index;
use crate::model::remembered::MatchKey;
use crate::model::section::SectionId;

/// A sealed row of the meta table.
#[derive(Clone, Copy)]
pub(crate) struct MetaKey {
    /// Its key in the table.
    pub(crate) name: &'static str,
    /// The number in its place. No number is used twice.
    pub(crate) number: u128,
}

/// A sealed row of the meta table.
pub(crate) fn meta(row: MetaKey) -> Place {
    Place { table: 0x10, section: 0, key: row.number }
}

/// A section.
pub(crate) fn section(section: SectionId) -> Place {
    Place { table: 0x11, section: section.0, key: 0 }
}

/// An item.
pub(crate) fn item(section: SectionId, rating_key: u64) -> Place {
    Place { table: 0x12, section: section.0, key: u128::from(rating_key) }
}

/// A block of an index.
pub(crate) fn block(index: Index, section: SectionId, block: u64) -> Place {
    Place { table: index.number(), section: section.0, key: u128::from(block) }
}

/// A remembered match.
pub(crate) fn remembered(section: SectionId, key: &MatchKey) -> Place {
    Place { table: 0x13, section: section.0, key: u128::from_le_bytes(key.0) }
}

/// A section's lease.
pub(crate) fn lease(section: SectionId) -> Place {
    Place { table: 0x14, section: section.0, key: 0 }
}

/// An item's editable fields.
pub(crate) fn metadata(section: SectionId, rating_key: u64) -> Place {
    Place { table: 0x15, section: section.0, key: u128::from(rating_key) }
}

/// How far the edit of an item got.
pub(crate) fn edit(section: SectionId, rating_key: u64) -> Place {
    Place { table: 0x16, section: section.0, key: u128::from(rating_key) }
}

/// The images last uploaded to an item.
pub(crate) fn uploads(section: SectionId, rating_key: u64) -> Place {
    Place { table: 0x17, section: section.0, key: u128::from(rating_key) }
}

/// A show.
pub(crate) fn show(section: SectionId, rating_key: u64) -> Place {
    Place { table: 0x18, section: section.0, key: u128::from(rating_key) }
}
