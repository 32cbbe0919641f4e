//! Totals over all runs: a few bytes that the layer above keeps with the cache.
//!
//! What is in them is its business. They say nothing about the library, so no digest covers
//! them and no answer depends on them.

use crate::codec::{self, Decode, Encode, Record};
use crate::error::Error;
use crate::store::Store;
use crate::table;

/// One row in `meta`.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub(crate) struct TotalsRow {
    pub(crate) bytes: Vec<u8>,
}

impl Record for TotalsRow {
    const SCHEMA: u16 = 1;
}

impl Store {
    /// What [`Store::put_totals`] last wrote. `None`: nothing, or it was damaged.
    pub fn totals(&self) -> Result<Option<Vec<u8>>, Error> {
        let doing = "reading the totals of all runs";
        self.read(doing, |txn| {
            let meta = txn.open_table(table::META).map_err(Error::storage(doing))?;
            let row = meta.get(table::TOTALS_KEY).map_err(Error::storage(doing))?;
            let place = table::totals_place();
            let row = row.and_then(|value| codec::open::<TotalsRow>(place, value.value()).ok());
            Ok(row.map(|row| row.bytes))
        })
    }

    /// Keeps the totals of all runs with the cache.
    pub fn put_totals(&self, totals: &[u8]) -> Result<(), Error> {
        let doing = "writing the totals of all runs";
        let mut sealed = Vec::new();
        let row = TotalsRow { bytes: totals.to_vec() };
        codec::seal(table::totals_place(), &row, &mut sealed);
        self.write(doing, |txn| {
            let mut meta = txn.open_table(table::META).map_err(Error::storage(doing))?;
            meta.insert(table::TOTALS_KEY, sealed.as_slice()).map_err(Error::storage(doing))?;
            Ok(())
        })
    }

    /// Size of the cache file, in bytes; 0 if it cannot be told.
    pub fn file_bytes(&self) -> u64 {
        std::fs::metadata(self.path()).map_or(0, |file| file.len())
    }
}
