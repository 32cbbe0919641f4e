//! Which images were last uploaded to an item. The server does not tell an image's hash, so
//! this is known only of our own uploads.

use plex_api::{Artwork, RatingKey};
use redb::ReadableTable;

use crate::codec::{self, Decode, Encode, Record};
use crate::error::Error;
use crate::section::SectionId;
use crate::sections::section_in;
use crate::store::Store;
use crate::table;

/// blake3 of an image's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ImageHash(pub [u8; 32]);

impl ImageHash {
    /// The hash of an image.
    pub fn of(image: &[u8]) -> Self {
        Self(*blake3::hash(image).as_bytes())
    }
}

/// The images last uploaded to an item.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Uploads {
    /// The poster.
    pub poster: Option<ImageHash>,
    /// The background.
    pub background: Option<ImageHash>,
}

impl Uploads {
    /// The one of a kind.
    pub fn of(&self, artwork: Artwork) -> Option<ImageHash> {
        match artwork {
            Artwork::Poster => self.poster,
            Artwork::Background => self.background,
        }
    }
}

/// [`Uploads`] on disk.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Encode, Decode)]
pub(crate) struct UploadsRow {
    pub(crate) poster: Option<[u8; 32]>,
    pub(crate) background: Option<[u8; 32]>,
}

impl Record for UploadsRow {
    const SCHEMA: u16 = 1;
}

impl Store {
    /// The images last uploaded to an item. A damaged row is a missing one: the image is
    /// uploaded again.
    pub fn uploads(&self, section: SectionId, key: RatingKey) -> Result<Uploads, Error> {
        let doing = "reading uploads";
        self.read(doing, |txn| {
            let rows = txn.open_table(table::UPLOADS).map_err(Error::storage(doing))?;
            let value = rows.get((section.0, key.0)).map_err(Error::storage(doing))?;
            let row = value.and_then(|value| {
                let place = table::uploads_place(section, key.0);
                let row = codec::open::<UploadsRow>(place, value.value());
                if row.is_err() {
                    self.damaged(doing);
                }
                row.ok()
            });
            let row = row.unwrap_or_default();
            Ok(Uploads {
                poster: row.poster.map(ImageHash),
                background: row.background.map(ImageHash),
            })
        })
    }

    /// Notes that an image was uploaded: the server confirmed it.
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
            let mut rows = txn.open_table(table::UPLOADS).map_err(Error::storage(doing))?;
            let place = table::uploads_place(section, key.0);
            let at = (section.0, key.0);
            let before = rows.get(at).map_err(Error::storage(doing))?;
            let before =
                before.and_then(|value| codec::open::<UploadsRow>(place, value.value()).ok());
            let mut row = before.unwrap_or_default();
            match artwork {
                Artwork::Poster => row.poster = Some(hash.0),
                Artwork::Background => row.background = Some(hash.0),
            }
            let mut bytes = Vec::new();
            codec::seal(place, &row, &mut bytes);
            rows.insert(at, bytes.as_slice()).map_err(Error::storage(doing))?;
            Ok(())
        })
    }
}
