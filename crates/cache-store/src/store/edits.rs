//! Progress of the edits of a run, so that after a crash as little as possible is uncertain.
//!
//! An item has one row from the planning of its edit until the host knows the outcome: planned,
//! sent, confirmed or failed. A row that is left over belongs to a run that ended early. No edit
//! counts as applied before the server confirmed it. One transaction then writes the row and the
//! item's metadata.

use std::collections::BTreeSet;

use plex_api::RatingKey;
use redb::ReadableTable;

use crate::error::Error;
use crate::file::sections::known_sections;
use crate::format::edit::EditRow;
use crate::format::metadata::MetadataRow;
use crate::format::{envelope, place, tables};
use crate::model::edit::{Confirmed, EditProgress, Progress, RunId};
use crate::model::metadata::Metadata;
use crate::model::section::SectionId;
use crate::store::Store;

impl Store {
    /// Writes the progress of edits and the metadata of items whose edit was confirmed, and removes
    /// rows whose outcome the host knows. All of it is written in one transaction, or nothing.
    ///
    /// It returns the items that another run edits at the same time, here or in another process.
    /// Nobody knows what such an item is afterwards, so its metadata are forgotten: it is read before
    /// it is compared again. The note that the other run sent an edit stays until that run, or a
    /// read, ends the doubt.
    pub fn note_edits(
        &self,
        edits: &[EditProgress],
        confirmed: &[Confirmed],
        closed: &[(SectionId, RatingKey)],
    ) -> Result<BTreeSet<RatingKey>, Error> {
        if edits.is_empty() && confirmed.is_empty() && closed.is_empty() {
            return Ok(BTreeSet::new());
        }
        let doing = "noting edits";
        self.write(doing, |txn| {
            let (mut bytes, mut met) = (Vec::new(), BTreeSet::new());
            // A section may have been cleared meanwhile.
            let sections = known_sections(txn)?;
            let mut rows = txn.open_table(tables::EDITS).map_err(Error::storage(doing))?;
            for edit in edits.iter().filter(|edit| sections.contains(&edit.section)) {
                let at = (edit.section.0, edit.rating_key.0);
                let place = place::edit(edit.section, edit.rating_key.0);
                let row = rows.get(at).map_err(Error::storage(doing))?;
                let others = row.is_some_and(|row| {
                    envelope::open::<EditRow>(place, row.value())
                        .is_ok_and(|row| row.is_sent_by_other(edit.run))
                });
                if others {
                    met.insert(edit.rating_key);
                    if edit.progress != Progress::Sent {
                        continue;
                    }
                }
                envelope::seal(place, &EditRow::new(edit), &mut bytes);
                rows.insert(at, bytes.as_slice()).map_err(Error::storage(doing))?;
            }
            for (section, key) in closed {
                rows.remove((section.0, key.0)).map_err(Error::storage(doing))?;
            }
            let mut rows = txn.open_table(tables::METADATA).map_err(Error::storage(doing))?;
            for item in confirmed.iter().filter(|item| sections.contains(&item.section)) {
                let at = (item.section.0, item.rating_key.0);
                let place = place::metadata(item.section, item.rating_key.0);
                let row = rows.get(at).map_err(Error::storage(doing))?;
                let row =
                    row.and_then(|row| envelope::open::<MetadataRow>(place, row.value()).ok());
                let same =
                    |is: Metadata| is.says_the_same(&item.before) && is.sent == item.before.sent;
                if row.and_then(MetadataRow::into_metadata).is_some_and(same) {
                    envelope::seal(place, &MetadataRow::new(&item.after), &mut bytes);
                    rows.insert(at, bytes.as_slice()).map_err(Error::storage(doing))?;
                } else {
                    met.insert(item.rating_key);
                }
            }
            for item in edits.iter().filter(|edit| met.contains(&edit.rating_key)) {
                let at = (item.section.0, item.rating_key.0);
                rows.remove(at).map_err(Error::storage(doing))?;
            }
            Ok(met)
        })
    }

    /// Forgets the edits of a run. If an item's edit was sent and not confirmed, its known fields
    /// are forgotten, too. The item is then read again before it is compared.
    pub fn forget_edits(&self, run: RunId) -> Result<(), Error> {
        let edits = self.edits()?;
        let doing = "forgetting edits";
        self.write(doing, |txn| {
            let mut rows = txn.open_table(tables::EDITS).map_err(Error::storage(doing))?;
            let mut metadata = txn.open_table(tables::METADATA).map_err(Error::storage(doing))?;
            for edit in edits.iter().filter(|edit| edit.run == run) {
                let at = (edit.section.0, edit.rating_key.0);
                rows.remove(at).map_err(Error::storage(doing))?;
                if edit.progress == Progress::Sent {
                    metadata.remove(at).map_err(Error::storage(doing))?;
                }
            }
            Ok(())
        })
    }

    /// The edits of runs that did not end, or ended early, by section and item.
    pub fn edits(&self) -> Result<Vec<EditProgress>, Error> {
        let doing = "reading edits";
        self.read(doing, |txn| {
            let rows = txn.open_table(tables::EDITS).map_err(Error::storage(doing))?;
            let mut edits = Vec::new();
            for row in rows.iter().map_err(Error::storage(doing))? {
                let (key, value) = row.map_err(Error::storage(doing))?;
                let (section, key) = key.value();
                let section = SectionId(section);
                let place = place::edit(section, key);
                let row = self.file.opened::<EditRow>(place, value.value(), doing);
                edits.extend(row.map(|row| row.into_edit(section, RatingKey(key))));
            }
            Ok(edits)
        })
    }
}
