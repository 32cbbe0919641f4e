//! How far the edits of a run got, so that after a crash as little as possible is in doubt.
//!
//! An item has one row from the planning of its edit until the host knows the outcome: planned,
//! sent, confirmed or failed. A row that is left over belongs to a run that ended early. No edit
//! counts as applied before the server confirmed it. One transaction then writes the row and the
//! item's metadata.

use plex_api::RatingKey;
use redb::ReadableTable;

use crate::error::Error;
use crate::file::sections::known_sections;
use crate::format::edit::EditRow;
use crate::format::metadata::MetadataRow;
use crate::format::{envelope, place, tables};
use crate::model::edit::{EditProgress, Progress, RunId};
use crate::model::metadata::Metadata;
use crate::model::section::SectionId;
use crate::store::Store;

impl Store {
    /// Writes the progress of edits and the metadata of items whose edit was confirmed, and removes
    /// rows whose outcome the host knows. All of it is written in one transaction, or nothing.
    pub fn note_edits(
        &self,
        edits: &[EditProgress],
        confirmed: &[(SectionId, RatingKey, Metadata)],
        closed: &[(SectionId, RatingKey)],
    ) -> Result<(), Error> {
        if edits.is_empty() && confirmed.is_empty() && closed.is_empty() {
            return Ok(());
        }
        let doing = "noting edits";
        self.write(doing, |txn| {
            let mut bytes = Vec::new();
            // A section may have been cleared meanwhile.
            let sections = known_sections(txn)?;
            let mut rows = txn.open_table(tables::EDITS).map_err(Error::storage(doing))?;
            for edit in edits.iter().filter(|edit| sections.contains(&edit.section)) {
                let key = edit.rating_key.0;
                envelope::seal(place::edit(edit.section, key), &EditRow::new(edit), &mut bytes);
                let at = (edit.section.0, key);
                rows.insert(at, bytes.as_slice()).map_err(Error::storage(doing))?;
            }
            for (section, key) in closed {
                rows.remove((section.0, key.0)).map_err(Error::storage(doing))?;
            }
            let mut rows = txn.open_table(tables::METADATA).map_err(Error::storage(doing))?;
            for (section, key, metadata) in
                confirmed.iter().filter(|(section, ..)| sections.contains(section))
            {
                let place = place::metadata(*section, key.0);
                envelope::seal(place, &MetadataRow::new(metadata), &mut bytes);
                let at = (section.0, key.0);
                rows.insert(at, bytes.as_slice()).map_err(Error::storage(doing))?;
            }
            Ok(())
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
                match envelope::open::<EditRow>(place::edit(section, key), value.value()) {
                    Ok(row) => edits.push(row.into_edit(section, RatingKey(key))),
                    Err(_) => self.file.damaged(doing),
                }
            }
            Ok(edits)
        })
    }
}
