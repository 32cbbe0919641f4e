//! The tables and their keys. redb is handed integers, byte arrays and our own bytes, and
//! nothing else, so that no change of its type encodings can be misread.

use redb::TableDefinition;

use crate::codec::Place;
use crate::index::Index;
use crate::matches::MatchKey;
use crate::record;
use crate::section::SectionId;

/// Sealed values, by section and 64-bit key.
pub(crate) type BySection = TableDefinition<'static, (u32, u64), &'static [u8]>;

/// `format` -> the file format as 4 bytes little endian, readable by any version;
/// `store` -> the sealed store row; `totals` -> the host's totals, sealed.
pub(crate) const META: TableDefinition<'static, &'static str, &'static [u8]> =
    TableDefinition::new("meta");
/// Section number -> sealed section row.
pub(crate) const SECTIONS: TableDefinition<'static, u32, &'static [u8]> =
    TableDefinition::new("sections");
/// (section, rating key) -> sealed item.
pub(crate) const ITEMS: BySection = TableDefinition::new("items");
const NAMES: BySection = TableDefinition::new("names");
const GUIDS: BySection = TableDefinition::new("guids");
const TITLES: BySection = TableDefinition::new("titles");
/// (section, match key) -> sealed match.
pub(crate) const MATCHES: TableDefinition<'static, (u32, [u8; 16]), &'static [u8]> =
    TableDefinition::new("matches");

/// Key of the file format in [`META`].
pub(crate) const FORMAT_KEY: &str = "format";
/// Key of the store row in [`META`].
pub(crate) const STORE_KEY: &str = "store";
/// Key of the host's totals in [`META`].
pub(crate) const TOTALS_KEY: &str = "totals";

/// (section, hash) -> sealed bucket, of one index.
pub(crate) fn index(index: Index) -> BySection {
    match index {
        Index::Names => NAMES,
        Index::Guids => GUIDS,
        Index::Titles => TITLES,
    }
}

/// All keys of a section in a table of [`BySection`].
pub(crate) fn whole(section: SectionId) -> std::ops::RangeInclusive<(u32, u64)> {
    (section.0, 0)..=(section.0, u64::MAX)
}

/// All match keys of a section.
pub(crate) fn whole_matches(section: SectionId) -> std::ops::RangeInclusive<(u32, [u8; 16])> {
    (section.0, [0; 16])..=(section.0, [0xFF; 16])
}

pub(crate) fn store_place() -> Place {
    Place { table: 0x10, section: 0, key: 0 }
}

pub(crate) fn totals_place() -> Place {
    Place { table: 0x10, section: 0, key: 1 }
}

pub(crate) fn section_place(section: SectionId) -> Place {
    Place { table: 0x11, section: section.0, key: 0 }
}

pub(crate) fn item_place(section: SectionId, rating_key: u64) -> Place {
    Place { table: 0x12, section: section.0, key: u128::from(rating_key) }
}

pub(crate) fn bucket_place(index: Index, section: SectionId, hash: u64) -> Place {
    Place { table: record::number(index), section: section.0, key: u128::from(hash) }
}

pub(crate) fn match_place(section: SectionId, key: &MatchKey) -> Place {
    Place { table: 0x13, section: section.0, key: u128::from_le_bytes(key.0) }
}
