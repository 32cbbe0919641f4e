//! The store row: the server of the file, and the section numbers that were used.

use redb::{ReadableTable, WriteTransaction};

use crate::error::{Broken, Error};
use crate::format::meta::StoreRow;
use crate::format::{envelope, place, tables};

/// Reads the store row inside a write transaction.
pub(crate) fn read_store_row(txn: &WriteTransaction) -> Result<StoreRow, Error> {
    let meta = txn.open_table(tables::META).map_err(Error::storage("reading its meta table"))?;
    store_row(&meta)
}

/// The store row. If it is missing or damaged, the whole file is damaged: without it, the server of
/// the file and the used section numbers are unknown.
pub(crate) fn store_row(
    meta: &impl ReadableTable<&'static str, &'static [u8]>,
) -> Result<StoreRow, Error> {
    let doing = "reading its meta table";
    let row = meta.get(tables::STORE_KEY).map_err(Error::storage(doing))?;
    row.and_then(|bytes| envelope::open(place::store(), bytes.value()).ok()).ok_or_else(|| {
        Error::Storage { doing, source: Box::new(Broken("its store row is damaged".to_owned())) }
    })
}

/// Writes the store row inside a write transaction.
pub(crate) fn put_store_row(txn: &WriteTransaction, row: &StoreRow) -> Result<(), Error> {
    let doing = "writing its meta table";
    let mut bytes = Vec::new();
    envelope::seal(place::store(), row, &mut bytes);
    let mut meta = txn.open_table(tables::META).map_err(Error::storage(doing))?;
    meta.insert(tables::STORE_KEY, bytes.as_slice()).map_err(Error::storage(doing))?;
    Ok(())
}
