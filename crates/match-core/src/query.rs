//! What a host knows of a local file.

use std::path::Path;

use cache_store::Wanted;
use plex_api::ItemKind;
use serde::{Deserialize, Serialize};

use crate::bytes::{escape, lossy, unescape};
use crate::fold::{fold, fold_title};
use crate::generic::{is_generic, stem};
use crate::index::name_hash;
use crate::path::{FoldedPath, raw_file_name};

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

/// What to ask the server for, if this one file is looked up. `None`: the path has no file
/// name.
pub(crate) fn wanted(query: &Query) -> Option<Wanted> {
    let folded = FoldedPath::new(&query.path);
    let name_hash = name_hash(folded.file_name()?);
    let file_name = lossy(raw_file_name(&query.path)?).into_owned();
    let own = stem(&file_name);
    // "movie.mkv" says nothing, the folder it is in says all.
    let named = if is_generic(&fold(own)) {
        folded.folders().rev().find(|folder| !is_generic(folder)).unwrap_or(own)
    } else {
        own
    };
    let mut titles: Vec<String> = query.title.iter().cloned().collect();
    titles.extend(likely_title(named));
    titles.dedup_by_key(|title| fold_title(title));
    Some(Wanted { file_name, name_hash, titles })
}

/// What stands before the year or the first bracket of a file name: for a search only, which
/// finds every title that contains it.
fn likely_title(stem: &str) -> Option<String> {
    let words: Vec<&str> = stem
        .split(['.', '_', ' '])
        .take_while(|word| {
            let digits = word.trim_matches(|letter: char| !letter.is_alphanumeric());
            let year = digits.len() == 4 && digits.bytes().all(|byte| byte.is_ascii_digit());
            !year && !word.starts_with(['(', '[', '{'])
        })
        .collect();
    let title = words.join(" ").trim_matches([' ', '-']).to_owned();
    if title.is_empty() { None } else { Some(title) }
}
