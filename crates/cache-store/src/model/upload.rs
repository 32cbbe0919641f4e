//! The images that were last uploaded to an item. The server does not return the hash of an image,
//! so only our own uploads are known.

use plex_api::Artwork;

/// blake3 of an image's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ImageHash(pub [u8; 32]);

impl ImageHash {
    /// The hash of an image.
    pub fn of(image: &[u8]) -> Self {
        Self(*blake3::hash(image).as_bytes())
    }
}

/// The images that were last uploaded to an item.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Uploads {
    /// The poster.
    pub poster: Option<ImageHash>,
    /// The background.
    pub background: Option<ImageHash>,
}

impl Uploads {
    /// The image of this kind.
    pub fn of(&self, artwork: Artwork) -> Option<ImageHash> {
        match artwork {
            Artwork::Poster => self.poster,
            Artwork::Background => self.background,
        }
    }
}
