//! What is known of items' editable fields: reading it, and keeping what was read. A damaged row
//! is a missing one: the item is read again.

use plex_api::RatingKey;
use redb::ReadableTable;

use crate::error::Error;
use crate::file::sections::section_in;
use crate::format::edit::EditRow;
use crate::format::item::ItemRow;
use crate::format::metadata::MetadataRow;
use crate::format::{envelope, place, tables};
use crate::model::metadata::{Known, Metadata};
use crate::model::section::SectionId;
use crate::store::Store;
use crate::store::cascade::Beside;

impl Store {
    /// What is known of items, in the order of `keys`; `None` for one that no section has. An
    /// item that is listed in no section (a show) is found by its metadata.
    pub fn known(&self, keys: &[RatingKey]) -> Result<Vec<Option<Known>>, Error> {
        let doing = "reading what is known of items";
        let sections: Vec<SectionId> = self.sections()?.iter().map(|state| state.id).collect();
        self.read(doing, |txn| {
            let items = txn.open_table(tables::ITEMS).map_err(Error::storage(doing))?;
            let metadata = txn.open_table(tables::METADATA).map_err(Error::storage(doing))?;
            let edits = txn.open_table(tables::EDITS).map_err(Error::storage(doing))?;
            let mut all = Vec::with_capacity(keys.len());
            for &RatingKey(key) in keys {
                let mut known = None;
                for &section in &sections {
                    let at = (section.0, key);
                    let item = items.get(at).map_err(Error::storage(doing))?;
                    let fields = metadata.get(at).map_err(Error::storage(doing))?;
                    if item.is_none() && fields.is_none() {
                        continue;
                    }
                    let item = item.and_then(|value| {
                        let row =
                            envelope::open::<ItemRow>(place::item(section, key), value.value());
                        if row.is_err() {
                            self.file.damaged(doing);
                        }
                        Some(row.ok()?.item.into_item())
                    });
                    let fields = fields.and_then(|value| {
                        let place = place::metadata(section, key);
                        let row = envelope::open::<MetadataRow>(place, value.value());
                        if row.is_err() {
                            self.file.damaged(doing);
                        }
                        row.ok()?.into_metadata()
                    });
                    // A damaged row may have said "sent": then the item is read again too.
                    let unconfirmed = edits
                        .get(at)
                        .map_err(Error::storage(doing))?
                        .is_some_and(|value| EditRow::is_unconfirmed(section, key, value.value()));
                    known = Some(Known { section, item, metadata: fields, unconfirmed });
                    break;
                }
                all.push(known);
            }
            Ok(all)
        })
    }

    /// Keeps what was read of items of a section, and forgets those that are gone.
    pub fn put_metadata(
        &self,
        section: SectionId,
        read: &[(RatingKey, Metadata)],
        gone: &[RatingKey],
    ) -> Result<(), Error> {
        if read.is_empty() && gone.is_empty() {
            return Ok(());
        }
        let doing = "keeping metadata";
        self.write(doing, |txn| {
            if section_in(txn, section)?.is_none() {
                return Ok(()); // it was cleared meanwhile
            }
            let mut beside = Beside::open(txn)?;
            for key in gone {
                beside.remove(section, *key)?;
            }
            drop(beside);
            let mut rows = txn.open_table(tables::METADATA).map_err(Error::storage(doing))?;
            let mut edits = txn.open_table(tables::EDITS).map_err(Error::storage(doing))?;
            let mut bytes = Vec::new();
            for (key, metadata) in read {
                let place = place::metadata(section, key.0);
                let at = (section.0, key.0);
                let newer = {
                    let before = rows.get(at).map_err(Error::storage(doing))?;
                    let before = before.and_then(|row| envelope::open(place, row.value()).ok());
                    before.is_some_and(|before: MetadataRow| before.read_at > metadata.read_at.0)
                };
                if newer {
                    continue; // somebody read it later than we asked, or had an edit confirmed
                }
                envelope::seal(place, &MetadataRow::new(metadata), &mut bytes);
                rows.insert(at, bytes.as_slice()).map_err(Error::storage(doing))?;
                // What an unconfirmed edit did has been seen now, if it was sent before we asked.
                let seen = {
                    let value = edits.get(at).map_err(Error::storage(doing))?;
                    value.is_some_and(|value| {
                        EditRow::is_seen(section, key.0, value.value(), metadata.read_at)
                    })
                };
                if seen {
                    edits.remove(at).map_err(Error::storage(doing))?;
                }
            }
            Ok(())
        })
    }
}
