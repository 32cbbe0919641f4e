//! Uploads posters and backgrounds, each image once.

use std::fmt;

use cache_store::{Error, ImageHash, ItemRead, SectionId};
use plex_api::{Artwork, ErrorKind, RatingKey};
use serde::Serialize;

use crate::answer::Reason;
use crate::edit::outcome::{EditFailure, NotTried};
use crate::edit::send::stops;
use crate::engine::Engine;

/// The outcome of an upload.
///
/// As JSON: `{"outcome": "done"}`, `"unchanged"`, `"failed"` or `"not_tried"`, the last two with
/// `why`. A failure also has `in_doubt`: whether the server may have done the upload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Uploaded {
    /// The server confirmed the upload.
    Done,
    /// The image is the last one that was uploaded to the item: nothing was sent.
    Unchanged,
    /// The upload failed.
    Failed(EditFailure),
    /// Nothing was sent. The upload can be tried again.
    NotTried(NotTried),
}

impl fmt::Display for Uploaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done => f.write_str("done"),
            Self::Unchanged => f.write_str("unchanged"),
            Self::Failed(why) => write!(f, "failed: {why}"),
            Self::NotTried(why) => write!(f, "not tried: {why}"),
        }
    }
}

impl Engine {
    /// Uploads an image to an item. If it is the image that was last uploaded to the item (by its
    /// blake3 hash), no call is made. Changes that others make to the images of the item are not
    /// noticed.
    ///
    /// If this future is dropped, the server may still have the image. The next upload sends it
    /// again.
    pub async fn upload(
        &self,
        key: RatingKey,
        artwork: Artwork,
        image: Vec<u8>,
    ) -> Result<Uploaded, Error> {
        let section = match self.section_of(key).await {
            Ok(Ok(section)) => section,
            Ok(Err(failure)) => return Ok(Uploaded::Failed(failure)),
            Err(Error::Plex(error)) => return Ok(Uploaded::NotTried(stopped(&error))),
            Err(error) => return Err(error),
        };
        let hash = ImageHash::of(&image);
        let last = self.with_store(move |store| store.uploads(section, key)).await?;
        if last.of(artwork) == Some(hash) {
            return Ok(Uploaded::Unchanged);
        }
        self.library.mark_ours([key]); // see `put`
        let sent = self.library.client().upload(key, artwork, image).await;
        self.library.mark_ours([key]);
        self.tell_calls();
        let Err(error) = sent else {
            self.with_store(move |store| store.put_upload(section, key, artwork, hash)).await?;
            return Ok(Uploaded::Done);
        };
        Ok(match error.kind() {
            ErrorKind::NotFound => Uploaded::Failed(EditFailure::Gone),
            kind if error.is_in_doubt() || kind.is_outage() && !stops(kind) => {
                Uploaded::Failed(EditFailure::Unconfirmed(error.to_string()))
            }
            kind if stops(kind) => Uploaded::NotTried(stopped(&error)),
            _ => Uploaded::Failed(EditFailure::Rejected(error.to_string())),
        })
    }

    async fn section_of(&self, key: RatingKey) -> Result<Result<SectionId, EditFailure>, Error> {
        let known = self.known(vec![key]).await?.pop().flatten();
        if let Some(known) = known {
            return Ok(Ok(known.section));
        }
        Ok(match self.library.read_full(&[key]).await?.pop() {
            Some(ItemRead::Found(_, Some(section))) => Ok(section),
            Some(ItemRead::Found(item, None)) => {
                Err(EditFailure::Refused(crate::edit::Refusal::OtherSection(item.section)))
            }
            _ => Err(EditFailure::Gone),
        })
    }
}

fn stopped(error: &plex_api::Error) -> NotTried {
    NotTried::Stopped(Reason::from(error))
}
