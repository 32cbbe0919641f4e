//! The rows of the meta table. The store row names the server of the file, and the section numbers
//! that were used.

use redb::{ReadableTable, WriteTransaction};

use crate::error::{Broken, Error};
use crate::format::envelope::Record;
use crate::format::meta::StoreRow;
use crate::format::place::MetaKey;
use crate::format::{envelope, place, tables};

/// A row of the meta table. `None`: there is none, or it is damaged.
pub(crate) fn row<R: Record>(
    meta: &impl ReadableTable<&'static str, &'static [u8]>,
    key: MetaKey,
    doing: &'static str,
) -> Result<Option<R>, Error> {
    let row = meta.get(key.name).map_err(Error::storage(doing))?;
    Ok(row.and_then(|bytes| envelope::open(place::meta(key), bytes.value()).ok()))
}

/// Writes a row of the meta table inside a write transaction.
pub(crate) fn put_row<R: Record>(
    txn: &WriteTransaction,
    key: MetaKey,
    row: &R,
    doing: &'static str,
) -> Result<(), Error> {
    let mut bytes = Vec::new();
    envelope::seal(place::meta(key), row, &mut bytes);
    let mut meta = txn.open_table(tables::META).map_err(Error::storage(doing))?;
    meta.insert(key.name, bytes.as_slice()).map_err(Error::storage(doing))?;
    Ok(())
}

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
    row(meta, tables::STORE, doing)?.ok_or_else(|| Error::Storage {
        doing,
        source: Box::new(Broken("its store row is damaged".to_owned())),
    })
}

/// Writes the store row inside a write transaction.
pub(crate) fn put_store_row(txn: &WriteTransaction, row: &StoreRow) -> Result<(), Error> {
    put_row(txn, tables::STORE, row, "writing its meta table")
}
