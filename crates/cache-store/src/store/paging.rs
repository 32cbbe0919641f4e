//! How large the pages are that the server takes: seen once, kept for the next process.

use plex_api::Paging;

use crate::error::Error;
use crate::format::meta::PagingRow;
use crate::format::{envelope, place, tables};
use crate::store::Store;

impl Store {
    /// What was seen of the server's pages, and of which version of it, where that was known.
    /// `None`: nothing, or it was damaged.
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

    /// Keeps it.
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
}
