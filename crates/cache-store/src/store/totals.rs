//! Three small rows beside the cache: totals over all runs, the size of the server's pages, and who
//! asked last.
//!
//! Only the layer above knows what the totals contain. None of these rows says anything about the
//! library. So the digest does not cover them, and no answer depends on them.

use plex_api::Paging;

use crate::error::Error;
use crate::format::meta::{AskerRow, PagingRow, TotalsRow};
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

    /// Stores the totals of all runs with the cache.
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

    /// What is known about the server's pages, and the version of the server, if it was known.
    /// `None`: nothing is known, or the row was damaged.
    pub(crate) fn paging(&self) -> Result<Option<(Paging, Option<String>)>, Error> {
        let doing = "reading the size of pages";
        self.read(doing, |txn| {
            let meta = txn.open_table(tables::META).map_err(Error::storage(doing))?;
            let row = meta.get(tables::PAGING_KEY).map_err(Error::storage(doing))?;
            let place = place::paging();
            let row = row.and_then(|value| envelope::open::<PagingRow>(place, value.value()).ok());
            Ok(row.map(|PagingRow { rows, at_most, version }| (Paging { rows, at_most }, version)))
        })
    }

    /// Stores the size of pages.
    pub(crate) fn put_paging(&self, paging: Paging, version: Option<String>) -> Result<(), Error> {
        let doing = "writing the size of pages";
        let Paging { rows, at_most } = paging;
        let mut sealed = Vec::new();
        envelope::seal(place::paging(), &PagingRow { rows, at_most, version }, &mut sealed);
        self.write(doing, |txn| {
            let mut meta = txn.open_table(tables::META).map_err(Error::storage(doing))?;
            meta.insert(tables::PAGING_KEY, sealed.as_slice()).map_err(Error::storage(doing))?;
            Ok(())
        })
    }

    /// Who asked the server last. `None`: nobody asked yet, or the row was damaged.
    pub(crate) fn asker(&self) -> Result<Option<[u8; 4]>, Error> {
        let doing = "reading who asked last";
        self.read(doing, |txn| {
            let meta = txn.open_table(tables::META).map_err(Error::storage(doing))?;
            let row = meta.get(tables::ASKER_KEY).map_err(Error::storage(doing))?;
            let open = |bytes: &[u8]| envelope::open::<AskerRow>(place::asker(), bytes).ok();
            Ok(row.and_then(|value| open(value.value())).map(|row| row.hash))
        })
    }

    /// Stores who asked last.
    pub(crate) fn put_asker(&self, hash: [u8; 4]) -> Result<(), Error> {
        let doing = "writing who asked last";
        let mut sealed = Vec::new();
        envelope::seal(place::asker(), &AskerRow { hash }, &mut sealed);
        self.write(doing, |txn| {
            let mut meta = txn.open_table(tables::META).map_err(Error::storage(doing))?;
            meta.insert(tables::ASKER_KEY, sealed.as_slice()).map_err(Error::storage(doing))?;
            Ok(())
        })
    }

    /// The size of the cache file in bytes, on disk or in memory, or 0 if it is unknown.
    pub fn file_bytes(&self) -> u64 {
        self.file.size()
    }
}
