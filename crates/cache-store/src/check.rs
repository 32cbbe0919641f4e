//! Looking at the whole file.

use redb::{ReadableDatabase, ReadableTable};
use xxhash_rust::xxh3::Xxh3;

use crate::error::Error;
use crate::index::Index;
use crate::store::Store;
use crate::table;

impl Store {
    /// A hash over everything the file holds, row by row. Two stores with equal digests hold
    /// the same; where the rows are in the file does not matter.
    pub fn digest(&self) -> Result<u64, Error> {
        let doing = "reading all of it";
        let txn = self.db.begin_read().map_err(Error::storage(doing))?;
        let mut hash = Xxh3::new();
        let sections = txn.open_table(table::SECTIONS).map_err(Error::storage(doing))?;
        for row in sections.iter().map_err(Error::storage(doing))? {
            let (key, value) = row.map_err(Error::storage(doing))?;
            hash.update(&key.value().to_le_bytes());
            hash.update(value.value());
        }
        let mut by_section = vec![table::ITEMS];
        by_section.extend(Index::ALL.map(table::index));
        for definition in by_section {
            let rows = txn.open_table(definition).map_err(Error::storage(doing))?;
            for row in rows.iter().map_err(Error::storage(doing))? {
                let (key, value) = row.map_err(Error::storage(doing))?;
                let (section, key) = key.value();
                hash.update(&section.to_le_bytes());
                hash.update(&key.to_le_bytes());
                hash.update(value.value());
            }
        }
        let matches = txn.open_table(table::MATCHES).map_err(Error::storage(doing))?;
        for row in matches.iter().map_err(Error::storage(doing))? {
            let (key, value) = row.map_err(Error::storage(doing))?;
            let (section, key) = key.value();
            hash.update(&section.to_le_bytes());
            hash.update(&key);
            hash.update(value.value());
        }
        Ok(hash.digest())
    }
}
