//! What a host knows of a local file.

use std::path::Path;

use plex_api::ItemKind;
use serde::{Deserialize, Serialize};

use crate::names::spelling::non_utf8::{escape, unescape};

/// What the host knows of a local file. Only the path is needed; everything else is evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Query {
    /// The file's path, as the host sees it.
    pub path: String,
    /// Size in bytes.
    #[serde(default)]
    pub size: Option<u64>,
    /// Duration in milliseconds.
    #[serde(default)]
    pub duration_ms: Option<u64>,
    /// Title, from the host's own metadata.
    #[serde(default)]
    pub title: Option<String>,
    /// Year of release.
    #[serde(default)]
    pub year: Option<u16>,
    /// Guids (`imdb://tt0078748`), in any order.
    #[serde(default)]
    pub guids: Vec<String>,
    /// Title of an episode's show.
    #[serde(default)]
    pub show: Option<String>,
    /// Season of an episode.
    #[serde(default)]
    pub season: Option<u32>,
    /// Episode number.
    #[serde(default)]
    pub episode: Option<u32>,
    /// Number of an episode counted over all regular seasons.
    #[serde(default)]
    pub absolute: Option<u32>,
    /// The day on which an episode was first on air, `YYYY-MM-DD`.
    #[serde(default)]
    pub aired: Option<String>,
    /// Whom a track is by.
    #[serde(default)]
    pub artist: Option<String>,
    /// Title of a track's album.
    #[serde(default)]
    pub album: Option<String>,
    /// Number of a track's disc.
    #[serde(default)]
    pub disc: Option<u32>,
    /// Number of a track.
    #[serde(default)]
    pub track: Option<u32>,
    /// Which edition of a movie it is: `Director's Cut`.
    #[serde(default)]
    pub edition: Option<String>,
    /// What kind of item it is.
    #[serde(default, skip)]
    pub kind: Option<ItemKind>,
}

impl Query {
    /// A query for a path alone.
    ///
    /// A path that is not UTF-8 comes from [`Query::from_path`].
    pub fn new(path: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            size: None,
            duration_ms: None,
            title: None,
            year: None,
            guids: Vec::new(),
            show: None,
            season: None,
            episode: None,
            absolute: None,
            aired: None,
            artist: None,
            album: None,
            disc: None,
            track: None,
            edition: None,
            kind: None,
        }
    }

    /// A query for a path as the system has it, whether it is UTF-8 or not. What is not
    /// becomes private characters, from which [`Query::path_bytes`] gets it back.
    pub fn from_path(path: &Path) -> Self {
        Self::new(escape(path.as_os_str().as_encoded_bytes()))
    }

    /// The path's bytes, as they were given to [`Query::from_path`]: on Unix the bytes of the
    /// name, on Windows the encoding of `OsStr::as_encoded_bytes`.
    pub fn path_bytes(&self) -> Vec<u8> {
        unescape(&self.path)
    }
}
