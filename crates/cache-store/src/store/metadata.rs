//! Reads and writes the items' editable fields. A damaged row counts as missing, so its item is
//! read again.

use std::collections::BTreeMap;

use plex_api::RatingKey;
use redb::{AccessGuard, ReadableTable};
use xxhash_rust::xxh3::Xxh3;

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
    /// What the store knows about items, in the order of `keys`. `None`: no section has the item.
    /// An item that is listed in no section (a show) is found by its metadata.
    pub fn known(&self, keys: &[RatingKey]) -> Result<Vec<Option<Known>>, Error> {
        let doing = "reading items and metadata";
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
                    let edit = edits.get(at).map_err(Error::storage(doing))?;
                    if item.is_none() && fields.is_none() && edit.is_none() {
                        continue;
                    }
                    let version = version_of(fields.as_ref(), edit.as_ref());
                    let item = item.and_then(|value| {
                        let place = place::item(section, key);
                        let row = self.file.opened::<ItemRow>(place, value.value(), doing);
                        Some(row?.item.into_item())
                    });
                    let fields = fields.and_then(|value| {
                        let place = place::metadata(section, key);
                        let row = self.file.opened::<MetadataRow>(place, value.value(), doing);
                        row?.into_metadata()
                    });
                    // A damaged row may have said "sent", so its item is read again, too.
                    let unconfirmed = edit
                        .is_some_and(|value| EditRow::is_unconfirmed(section, key, value.value()));
                    known = Some(Known { section, item, metadata: fields, unconfirmed, version });
                    break;
                }
                all.push(known);
            }
            Ok(all)
        })
    }

    /// Writes the metadata that was read of a section's items, and removes items that are gone.
    pub fn put_metadata(
        &self,
        section: SectionId,
        read: &[(RatingKey, Metadata)],
        gone: &[RatingKey],
    ) -> Result<(), Error> {
        self.replace_metadata(section, read, gone, |_, _| true).map(drop)
    }

    /// Like [`Store::put_metadata`], for items that were requested when the store knew `known`
    /// about them. If an item's rows were written since, they stay: its edit was sent or confirmed,
    /// or a later read came. Returns the keys of those items. Times in seconds would not show which
    /// write came first.
    pub(crate) fn put_metadata_read(
        &self,
        section: SectionId,
        read: &[(RatingKey, Metadata)],
        gone: &[RatingKey],
        known: &BTreeMap<RatingKey, Known>,
    ) -> Result<Vec<RatingKey>, Error> {
        let before = |key| known.get(&key).filter(|known| known.section == section);
        let nothing = version_of(None, None);
        self.replace_metadata(section, read, gone, |key, version| {
            version == before(key).map_or(nothing, |known| known.version)
        })
    }

    /// Replaces the metadata of items if `replaces` accepts the version of their rows. It returns
    /// the other keys.
    fn replace_metadata(
        &self,
        section: SectionId,
        read: &[(RatingKey, Metadata)],
        gone: &[RatingKey],
        replaces: impl Fn(RatingKey, u64) -> bool,
    ) -> Result<Vec<RatingKey>, Error> {
        if read.is_empty() && gone.is_empty() {
            return Ok(Vec::new());
        }
        let doing = "keeping metadata";
        self.write(doing, |txn| {
            let mut others = Vec::new();
            if section_in(txn, section)?.is_none() {
                return Ok(others); // it was cleared meanwhile
            }
            {
                let rows = txn.open_table(tables::METADATA).map_err(Error::storage(doing))?;
                let edits = txn.open_table(tables::EDITS).map_err(Error::storage(doing))?;
                for key in read.iter().map(|(key, _)| key).chain(gone) {
                    let at = (section.0, key.0);
                    let row = rows.get(at).map_err(Error::storage(doing))?;
                    let edit = edits.get(at).map_err(Error::storage(doing))?;
                    let version = version_of(row.as_ref(), edit.as_ref());
                    if !replaces(*key, version) {
                        others.push(*key);
                    }
                }
            }
            others.sort_unstable();
            let is_left = |key: &RatingKey| others.binary_search(key).is_ok();
            let mut beside = Beside::open(txn)?;
            for key in gone.iter().filter(|key| !is_left(key)) {
                beside.remove(section, *key)?;
            }
            drop(beside);
            let mut rows = txn.open_table(tables::METADATA).map_err(Error::storage(doing))?;
            let mut edits = txn.open_table(tables::EDITS).map_err(Error::storage(doing))?;
            let mut bytes = Vec::new();
            for (key, metadata) in read.iter().filter(|(key, _)| !is_left(key)) {
                let at = (section.0, key.0);
                let place = place::metadata(section, key.0);
                envelope::seal(place, &MetadataRow::new(metadata), &mut bytes);
                rows.insert(at, bytes.as_slice()).map_err(Error::storage(doing))?;
                // The read shows what an unconfirmed edit did.
                let value = edits.get(at).map_err(Error::storage(doing))?;
                let seen =
                    value.is_some_and(|v| EditRow::is_unconfirmed(section, key.0, v.value()));
                if seen {
                    edits.remove(at).map_err(Error::storage(doing))?;
                }
            }
            Ok(others)
        })
    }
}

type Value<'a> = AccessGuard<'a, &'static [u8]>;

/// One number for the two rows that say what is known about an item's fields.
fn version_of<'a>(metadata: Option<&Value<'a>>, edit: Option<&Value<'a>>) -> u64 {
    let mut hash = Xxh3::new();
    for row in [metadata, edit] {
        let row = row.map(Value::value);
        hash.update(&row.map_or(u64::MAX, |row| row.len() as u64).to_le_bytes());
        hash.update(row.unwrap_or_default());
    }
    hash.digest()
}
