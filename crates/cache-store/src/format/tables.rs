//! The tables and their keys. redb gets only integers, byte arrays and our own bytes, so a change
//! of its type encodings cannot cause a misreading.
//!
//! [`ALL`] is the only list of tables. Clearing, statistics, verification, upgrades and the digest
//! walk it. `docs/architecture.md` lists what else a new table needs.

use std::collections::BTreeSet;
use std::ops::{Bound, RangeInclusive};

use redb::{ReadTransaction, ReadableTable, TableDefinition, WriteTransaction};

use crate::error::Error;
use crate::format::edit::EditRow;
use crate::format::envelope;
use crate::format::envelope::{Damage, Place, Record, Resealed};
use crate::format::metadata::MetadataRow;
use crate::format::place::MetaKey;
use crate::format::show::ShowRow;
use crate::format::upload::UploadsRow;
use crate::format::{
    block::BlockRow, item::ItemRow, lease::LeaseRow, remembered::MatchRow, section::SectionRow,
};
use crate::model::index::Index;
use crate::model::section::SectionId;

/// Sealed values by (section, number). Section 0 is for rows of the file as a whole.
pub(crate) type Numbered = TableDefinition<'static, (u32, u64), &'static [u8]>;
/// Sealed values by (section, 128-bit hash).
pub(crate) type Hashed = TableDefinition<'static, (u32, [u8; 16]), &'static [u8]>;

/// The table that describes the file itself, with the keys below. It is read before all others, so
/// `format` and `schemas` are plain bytes that any version can read.
pub(crate) const META: TableDefinition<'static, &'static str, &'static [u8]> =
    TableDefinition::new("meta");
/// (section, 0) -> section row.
pub(crate) const SECTIONS: Numbered = TableDefinition::new("sections");
/// (section, rating key) -> item.
pub(crate) const ITEMS: Numbered = TableDefinition::new("items");
const NAMES: Numbered = TableDefinition::new("names");
const GUIDS: Numbered = TableDefinition::new("guids");
const TITLES: Numbered = TableDefinition::new("titles");
/// (section, match key) -> remembered match.
pub(crate) const MATCHES: Hashed = TableDefinition::new("matches");
/// (section, 0) -> who refreshes the section, and until when.
pub(crate) const LEASES: Numbered = TableDefinition::new("leases");
/// (section, rating key) -> what is known of an item's editable fields.
pub(crate) const METADATA: Numbered = TableDefinition::new("metadata");
/// (section, rating key) -> how far the edit of an item got.
pub(crate) const EDITS: Numbered = TableDefinition::new("edits");
/// (section, rating key) -> hashes of the images last uploaded.
pub(crate) const UPLOADS: Numbered = TableDefinition::new("uploads");

/// (section, rating key) -> show.
pub(crate) const SHOWS: Numbered = TableDefinition::new("shows");

/// Key in [`META`]: the file format, 4 bytes little endian.
pub(crate) const FORMAT_KEY: &str = "format";
/// Key in [`META`]: for each table its number (1 byte) and schema (2 bytes little endian).
pub(crate) const SCHEMAS_KEY: &str = "schemas";
/// The store row.
pub(crate) const STORE: MetaKey = MetaKey { name: "store", number: 0 };
/// The host's totals.
pub(crate) const TOTALS: MetaKey = MetaKey { name: "totals", number: 1 };
/// The counters.
pub(crate) const COUNTERS: MetaKey = MetaKey { name: "counters", number: 2 };
/// The size of the server's pages, where it was seen.
pub(crate) const PAGING: MetaKey = MetaKey { name: "paging", number: 3 };
/// Who asked the server last.
pub(crate) const ASKER: MetaKey = MetaKey { name: "asker", number: 4 };

/// A table, for all code that walks the tables.
pub(crate) struct Table {
    /// The number of the table in the place of its values. It is never used twice.
    pub(crate) number: u8,
    pub(crate) name: &'static str,
    /// The schema of the records that this version writes.
    pub(crate) schema: u16,
    pub(crate) keys: Keys,
    pub(crate) goes: Goes,
    /// Opens a value of the present or an earlier schema, and seals it in the present one.
    pub(crate) reseal: Reseal,
}

type Reseal = fn(Place, &[u8], &mut Vec<u8>) -> Result<Resealed, Damage>;

/// How many rewritten rows an upgrade holds in memory: about a megabyte, whatever the size of the
/// table.
const UPGRADED_AT_ONCE: usize = 4_096;

/// How a table is keyed.
pub(crate) enum Keys {
    Numbered(Numbered),
    Hashed(Hashed),
}

/// The operation that removes a section's rows from a table.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Goes {
    /// Dropping the section's items, which are then listed again.
    WithItems,
    /// Clearing matches.
    WithMatches,
    /// Clearing the section by hand. The server cannot be asked for these rows again.
    WithSection,
    /// Only the removal of the section itself.
    Never,
}

/// A key of a table.
trait Key: redb::Key + for<'k> redb::Value<SelfType<'k> = Self> + Copy + 'static {
    /// The section's number, and the key within the section as a value's checksum covers it.
    fn in_place(self) -> (u32, u128);

    /// All keys of a section.
    fn whole(section: SectionId) -> RangeInclusive<Self>;
}

impl Key for (u32, u64) {
    fn in_place(self) -> (u32, u128) {
        (self.0, u128::from(self.1))
    }

    fn whole(section: SectionId) -> RangeInclusive<Self> {
        whole(section)
    }
}

impl Key for (u32, [u8; 16]) {
    fn in_place(self) -> (u32, u128) {
        (self.0, u128::from_le_bytes(self.1))
    }

    fn whole(section: SectionId) -> RangeInclusive<Self> {
        (section.0, [0; 16])..=(section.0, [0xFF; 16])
    }
}

/// Every table but [`META`], in the order of the digest.
pub(crate) static ALL: [Table; 11] = [
    numbered::<SectionRow>(0x11, "sections", Goes::Never),
    numbered::<ItemRow>(0x12, "items", Goes::WithItems),
    numbered::<BlockRow>(1, "names", Goes::WithItems),
    numbered::<BlockRow>(2, "guids", Goes::WithItems),
    numbered::<BlockRow>(3, "titles", Goes::WithItems),
    hashed::<MatchRow>(0x13, "matches", Goes::WithMatches),
    numbered::<LeaseRow>(0x14, "leases", Goes::Never),
    numbered::<MetadataRow>(0x15, "metadata", Goes::WithItems),
    numbered::<EditRow>(0x16, "edits", Goes::WithSection),
    numbered::<UploadsRow>(0x17, "uploads", Goes::WithSection),
    numbered::<ShowRow>(0x18, "shows", Goes::WithItems),
];

const fn numbered<R: Record>(number: u8, name: &'static str, goes: Goes) -> Table {
    let keys = Keys::Numbered(Numbered::new(name));
    Table { number, name, schema: R::SCHEMA, keys, goes, reseal: envelope::reseal::<R> }
}

const fn hashed<R: Record>(number: u8, name: &'static str, goes: Goes) -> Table {
    let keys = Keys::Hashed(Hashed::new(name));
    Table { number, name, schema: R::SCHEMA, keys, goes, reseal: envelope::reseal::<R> }
}

impl Table {
    /// Creates the table if it is missing.
    pub(crate) fn create(&self, txn: &WriteTransaction) -> Result<(), Error> {
        let created = match self.keys {
            Keys::Numbered(definition) => txn.open_table(definition).map(drop),
            Keys::Hashed(definition) => txn.open_table(definition).map(drop),
        };
        created.map_err(Error::storage("creating its tables"))
    }

    /// Calls `visit` with every row, in key order.
    pub(crate) fn scan(
        &self,
        txn: &ReadTransaction,
        visit: impl FnMut(Place, &[u8]),
    ) -> Result<(), Error> {
        match self.keys {
            Keys::Numbered(definition) => self.scan_rows(txn, definition, visit),
            Keys::Hashed(definition) => self.scan_rows(txn, definition, visit),
        }
    }

    fn scan_rows<K: Key>(
        &self,
        txn: &ReadTransaction,
        definition: TableDefinition<'static, K, &'static [u8]>,
        mut visit: impl FnMut(Place, &[u8]),
    ) -> Result<(), Error> {
        let doing = "reading all of it";
        let rows = txn.open_table(definition).map_err(Error::storage(doing))?;
        for row in rows.iter().map_err(Error::storage(doing))? {
            let (key, value) = row.map_err(Error::storage(doing))?;
            visit(self.place(key.value()), value.value());
        }
        Ok(())
    }

    /// Removes every row of a section, and returns their number.
    pub(crate) fn remove_section(
        &self,
        txn: &WriteTransaction,
        section: SectionId,
    ) -> Result<u64, Error> {
        match self.keys {
            Keys::Numbered(definition) => remove_rows(txn, definition, section),
            Keys::Hashed(definition) => remove_rows(txn, definition, section),
        }
    }

    /// Whether the table has no row of a section, seen from the row before the next section.
    pub(crate) fn is_without(
        &self,
        txn: &WriteTransaction,
        section: SectionId,
    ) -> Result<bool, Error> {
        let last = match self.keys {
            Keys::Numbered(definition) => last_section(txn, definition, section),
            Keys::Hashed(definition) => last_section(txn, definition, section),
        };
        Ok(last? != Some(section.0))
    }

    /// Rewrites every row of an earlier schema in the present one, and removes rows that cannot be
    /// rewritten. It returns the sections that lost rows.
    pub(crate) fn upgrade(&self, txn: &WriteTransaction) -> Result<BTreeSet<u32>, Error> {
        match self.keys {
            Keys::Numbered(definition) => self.upgrade_rows(txn, definition),
            Keys::Hashed(definition) => self.upgrade_rows(txn, definition),
        }
    }

    fn upgrade_rows<K: Key>(
        &self,
        txn: &WriteTransaction,
        definition: TableDefinition<'static, K, &'static [u8]>,
    ) -> Result<BTreeSet<u32>, Error> {
        let doing = "upgrading its records";
        let mut rows = txn.open_table(definition).map_err(Error::storage(doing))?;
        let mut lost = BTreeSet::new();
        let mut bytes = Vec::new();
        let mut from = Bound::Unbounded;
        loop {
            let mut reached = None;
            let mut changes: Vec<(K, Option<Vec<u8>>)> = Vec::new();
            for row in rows.range((from, Bound::Unbounded)).map_err(Error::storage(doing))? {
                let (key, value) = row.map_err(Error::storage(doing))?;
                let key = key.value();
                reached = Some(key);
                let place = self.place(key);
                match (self.reseal)(place, value.value(), &mut bytes) {
                    Ok(Resealed::AsItWas) => continue,
                    Ok(Resealed::Upgraded) => changes.push((key, Some(bytes.clone()))),
                    Err(_) => {
                        lost.insert(place.section);
                        changes.push((key, None));
                    }
                }
                if changes.len() >= UPGRADED_AT_ONCE {
                    break;
                }
            }
            let Some(key) = reached else { return Ok(lost) };
            from = Bound::Excluded(key);
            for (key, bytes) in changes {
                match bytes {
                    Some(bytes) => rows.insert(key, bytes.as_slice()).map(drop),
                    None => rows.remove(key).map(drop),
                }
                .map_err(Error::storage(doing))?;
            }
        }
    }

    fn place(&self, key: impl Key) -> Place {
        let (section, key) = key.in_place();
        Place { table: self.number, section, key }
    }
}

fn remove_rows<K: Key>(
    txn: &WriteTransaction,
    definition: TableDefinition<'static, K, &'static [u8]>,
    section: SectionId,
) -> Result<u64, Error> {
    let doing = "removing rows of a section";
    let mut removed = 0;
    let mut rows = txn.open_table(definition).map_err(Error::storage(doing))?;
    rows.retain_in(K::whole(section), |_, _| {
        removed += 1;
        false
    })
    .map_err(Error::storage(doing))?;
    Ok(removed)
}

/// The section of the last row up to the end of a section.
fn last_section<K: Key>(
    txn: &WriteTransaction,
    definition: TableDefinition<'static, K, &'static [u8]>,
    section: SectionId,
) -> Result<Option<u32>, Error> {
    let doing = "removing rows of a section";
    let rows = txn.open_table(definition).map_err(Error::storage(doing))?;
    let (_, end) = K::whole(section).into_inner();
    let last = rows.range(..=end).map_err(Error::storage(doing))?.next_back();
    let last = last.transpose().map_err(Error::storage(doing))?;
    Ok(last.map(|(key, _)| key.value().in_place().0))
}

/// The table of an index.
pub(crate) fn index(index: Index) -> Numbered {
    match index {
        Index::Names => NAMES,
        Index::Guids => GUIDS,
        Index::Titles => TITLES,
    }
}

/// All keys of a section in a [`Numbered`] table.
pub(crate) fn whole(section: SectionId) -> RangeInclusive<(u32, u64)> {
    (section.0, 0)..=(section.0, u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_number_and_no_name_is_used_twice() {
        let numbers: BTreeSet<u8> = ALL.iter().map(|table| table.number).collect();
        let names: BTreeSet<&str> = ALL.iter().map(|table| table.name).collect();
        assert_eq!((numbers.len(), names.len()), (ALL.len(), ALL.len()));
        assert!(!numbers.contains(&0x10), "0x10 is the meta table's");
    }
}
