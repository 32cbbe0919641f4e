//! Removes the rows that an item has beside its own row: its editable fields, the progress of its
//! edit, and the images last uploaded to it. They go with the item. After a repair of its database,
//! a server may give the rating key to another item. If the rows stayed, that item would never get
//! its poster.

use plex_api::RatingKey;
use redb::{Table, WriteTransaction};

use crate::error::Error;
use crate::format::tables;
use crate::model::section::SectionId;

/// The tables that can hold such rows of an item.
pub(crate) struct Beside<'txn>([Table<'txn, (u32, u64), &'static [u8]>; 3]);

impl<'txn> Beside<'txn> {
    pub(crate) fn open(txn: &'txn WriteTransaction) -> Result<Self, Error> {
        let open = |definition| {
            txn.open_table(definition).map_err(Error::storage("opening the tables of edits"))
        };
        Ok(Self([open(tables::METADATA)?, open(tables::EDITS)?, open(tables::UPLOADS)?]))
    }

    /// Removes these rows of an item that is gone, and returns their number.
    pub(crate) fn remove(&mut self, section: SectionId, key: RatingKey) -> Result<u64, Error> {
        let mut removed = 0;
        for rows in &mut self.0 {
            let row = rows.remove((section.0, key.0));
            let row = row.map_err(Error::storage("removing an item's edits"))?;
            removed += u64::from(row.is_some());
        }
        Ok(removed)
    }
}
