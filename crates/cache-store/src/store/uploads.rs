//! The images that were last uploaded to an item.

use plex_api::{Artwork, RatingKey};
use redb::ReadableTable;

use crate::error::Error;
use crate::file::sections::section_in;
use crate::format::upload::UploadsRow;
use crate::format::{envelope, place, tables};
use crate::model::section::SectionId;
use crate::model::upload::{ImageHash, Uploads};
use crate::store::Store;

impl Store {
    /// The images that were last uploaded to an item. A damaged row counts as missing, so the image
    /// is uploaded again.
    pub fn uploads(&self, section: SectionId, key: RatingKey) -> Result<Uploads, Error> {
        let doing = "reading uploads";
        self.read(doing, |txn| {
            let rows = txn.open_table(tables::UPLOADS).map_err(Error::storage(doing))?;
            let value = rows.get((section.0, key.0)).map_err(Error::storage(doing))?;
            let place = place::uploads(section, key.0);
            let row = value.and_then(|value| self.file.opened(place, value.value(), doing));
            let row: UploadsRow = row.unwrap_or_default();
            Ok(Uploads {
                poster: row.poster.map(ImageHash),
                background: row.background.map(ImageHash),
            })
        })
    }

    /// Writes that an image was uploaded and that the server confirmed it.
    pub fn put_upload(
        &self,
        section: SectionId,
        key: RatingKey,
        artwork: Artwork,
        hash: ImageHash,
    ) -> Result<(), Error> {
        let doing = "noting an upload";
        self.write(doing, |txn| {
            if section_in(txn, section)?.is_none() {
                return Ok(()); // it was cleared meanwhile
            }
            let mut rows = txn.open_table(tables::UPLOADS).map_err(Error::storage(doing))?;
            let place = place::uploads(section, key.0);
            let at = (section.0, key.0);
            let before = rows.get(at).map_err(Error::storage(doing))?;
            let before =
                before.and_then(|value| envelope::open::<UploadsRow>(place, value.value()).ok());
            let mut row = before.unwrap_or_default();
            match artwork {
                Artwork::Poster => row.poster = Some(hash.0),
                Artwork::Background => row.background = Some(hash.0),
            }
            let mut bytes = Vec::new();
            envelope::seal(place, &row, &mut bytes);
            rows.insert(at, bytes.as_slice()).map_err(Error::storage(doing))?;
            Ok(())
        })
    }
}
