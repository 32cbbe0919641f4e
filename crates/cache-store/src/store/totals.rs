//! Totals over all runs: a few bytes that the layer above keeps with the cache.
//!
//! Only that layer knows what they mean. They say nothing about the library, so no digest includes
//! them and no answer depends on them.

use crate::error::Error;
use crate::format::meta::TotalsRow;
use crate::format::{envelope, place, tables};
use crate::store::Store;

impl Store {
    /// The bytes that [`Store::put_totals`] last wrote. `None`: none were written, or they were
    /// damaged.
    pub fn totals(&self) -> Result<Option<Vec<u8>>, Error> {
        let doing = "reading the totals of all runs";
        self.read(doing, |txn| {
            let meta = txn.open_table(tables::META).map_err(Error::storage(doing))?;
            let row = meta.get(tables::TOTALS_KEY).map_err(Error::storage(doing))?;
            let place = place::totals();
            let row = row.and_then(|value| envelope::open::<TotalsRow>(place, value.value()).ok());
            Ok(row.map(|row| row.bytes))
        })
    }

    /// Keeps the totals of all runs with the cache.
    pub fn put_totals(&self, totals: &[u8]) -> Result<(), Error> {
        let doing = "writing the totals of all runs";
        let mut sealed = Vec::new();
        let row = TotalsRow { bytes: totals.to_vec() };
        envelope::seal(place::totals(), &row, &mut sealed);
        self.write(doing, |txn| {
            let mut meta = txn.open_table(tables::META).map_err(Error::storage(doing))?;
            meta.insert(tables::TOTALS_KEY, sealed.as_slice()).map_err(Error::storage(doing))?;
            Ok(())
        })
    }

    /// The size of the cache file in bytes, or 0 if it is unknown.
    pub fn file_bytes(&self) -> u64 {
        std::fs::metadata(self.path()).map_or(0, |file| file.len())
    }
}
