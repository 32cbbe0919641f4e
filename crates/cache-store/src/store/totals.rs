//! Three small rows beside the cache: totals over all runs, the size of the server's pages, and who
//! asked the server last.
//!
//! Only the layer above knows what the totals contain. None of these rows says anything about the
//! library, so the digest does not cover them.

use plex_api::Paging;

use crate::error::Error;
use crate::file::meta::{put_row, row};
use crate::format::envelope::Record;
use crate::format::meta::{AskerRow, PagingRow, TotalsRow};
use crate::format::place::MetaKey;
use crate::format::tables;
use crate::store::Store;

impl Store {
    /// The bytes that [`Store::put_totals`] last wrote. `None`: none were written, or they were
    /// damaged.
    pub fn totals(&self) -> Result<Option<Vec<u8>>, Error> {
        let row = self.row(tables::TOTALS, "reading the totals of all runs")?;
        Ok(row.map(|TotalsRow { bytes }| bytes))
    }

    /// Stores the totals of all runs with the cache.
    pub fn put_totals(&self, totals: &[u8]) -> Result<(), Error> {
        let row = TotalsRow { bytes: totals.to_vec() };
        self.put_row(tables::TOTALS, &row, "writing the totals of all runs")
    }

    /// The page size that the server takes, and the server's version, if it was known. `None`:
    /// nothing was written, or the row was damaged.
    pub(crate) fn paging(&self) -> Result<Option<(Paging, Option<String>)>, Error> {
        let row = self.row(tables::PAGING, "reading the size of pages")?;
        Ok(row.map(|PagingRow { rows, at_most, version }| (Paging { rows, at_most }, version)))
    }

    /// Keeps the page size that the server takes.
    pub(crate) fn put_paging(&self, paging: Paging, version: Option<String>) -> Result<(), Error> {
        let Paging { rows, at_most } = paging;
        let row = PagingRow { rows, at_most, version };
        self.put_row(tables::PAGING, &row, "writing the size of pages")
    }

    /// A hash that shows who asked the server last. `None`: nothing was written, or the row was
    /// damaged.
    pub(crate) fn asker(&self) -> Result<Option<[u8; 4]>, Error> {
        let row = self.row(tables::ASKER, "reading who asked last")?;
        Ok(row.map(|AskerRow { hash }| hash))
    }

    /// Keeps who asked the server last.
    pub(crate) fn put_asker(&self, hash: [u8; 4]) -> Result<(), Error> {
        let row = AskerRow { hash };
        self.put_row(tables::ASKER, &row, "writing who asked last")
    }

    fn row<R: Record>(&self, key: MetaKey, doing: &'static str) -> Result<Option<R>, Error> {
        self.read(doing, |txn| {
            row(&txn.open_table(tables::META).map_err(Error::storage(doing))?, key, doing)
        })
    }

    fn put_row<R: Record>(&self, key: MetaKey, row: &R, doing: &'static str) -> Result<(), Error> {
        self.write(doing, |txn| put_row(txn, key, row, doing))
    }

    /// The size of the cache file in bytes, on disk or in memory, or 0 if it is unknown.
    pub fn file_bytes(&self) -> u64 {
        self.file.size()
    }
}
