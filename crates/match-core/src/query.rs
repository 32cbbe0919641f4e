//! What a host knows of a local file.

use std::io;
use std::path::Path;

use cache_store::Error;
use plex_api::ItemKind;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::names::spelling::non_utf8::{escape, unescape};

/// What the host knows of a local file. Only the path is needed; everything else is evidence.
///
/// ```
/// use match_core::Query;
///
/// let query = Query::new("/mnt/films/Alien.mkv").title("Alien").year(1979).size(7_516_192_768);
/// let json = r#"{"path": "/mnt/films/Alien.mkv", "title": "Alien", "year": 1979,
///     "size": 7516192768}"#;
/// assert_eq!(serde_json::from_str::<Query>(json)?, query);
/// # Ok::<(), serde_json::Error>(())
/// ```
///
/// The form in JSON is stable, both ways: an object with the names of the fields, of which only
/// `path` has to be there. What is not known is left out when it is written, and names that mean
/// nothing here are passed over when it is read. `kind` is the API's name of it (`"episode"`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Query {
    /// The file's path, as the host sees it.
    pub path: String,
    /// Size in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// Duration in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u64>,
    /// Title, from the host's own metadata.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Year of release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub year: Option<u16>,
    /// Guids (`imdb://tt0078748`), in any order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub guids: Vec<String>,
    /// Title of an episode's show.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub show: Option<String>,
    /// Season of an episode.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub season: Option<u32>,
    /// Episode number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub episode: Option<u32>,
    /// Number of an episode counted over all regular seasons.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub absolute: Option<u32>,
    /// The day on which an episode was first on air, `YYYY-MM-DD`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aired: Option<String>,
    /// Whom a track is by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artist: Option<String>,
    /// Title of a track's album.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub album: Option<String>,
    /// Number of a track's disc.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disc: Option<u32>,
    /// Number of a track.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub track: Option<u32>,
    /// Which edition of a movie it is: `Director's Cut`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edition: Option<String>,
    /// What kind of item it is.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "kind_by_name")]
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

    /// A query for a file that is there: its path, made absolute without following links, and its
    /// size. It reads nothing else of the file.
    ///
    /// [`Error::Io`] names the file if there is none, if it is a folder, or if it may not be looked
    /// at.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let failed = |source| Error::Io { doing: "read the size of", path: path.into(), source };
        let found = std::fs::metadata(path).map_err(failed)?;
        if !found.is_file() {
            return Err(failed(io::Error::new(io::ErrorKind::InvalidInput, "it is no file")));
        }
        let absolute = std::path::absolute(path).map_err(failed)?;
        Ok(Self::from_path(&absolute).size(found.len()))
    }

    /// Says its size in bytes.
    #[must_use]
    pub fn size(mut self, size: u64) -> Self {
        self.size = Some(size);
        self
    }

    /// Says its duration in milliseconds.
    #[must_use]
    pub fn duration_ms(mut self, duration_ms: u64) -> Self {
        self.duration_ms = Some(duration_ms);
        self
    }

    /// Says its title.
    #[must_use]
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.title = Some(title.into());
        self
    }

    /// Says its year of release.
    #[must_use]
    pub fn year(mut self, year: u16) -> Self {
        self.year = Some(year);
        self
    }

    /// Says its guids (`imdb://tt0078748`), in place of those that were said before.
    #[must_use]
    pub fn guids(mut self, guids: impl IntoIterator<Item: Into<String>>) -> Self {
        self.guids = guids.into_iter().map(Into::into).collect();
        self
    }

    /// Says the title of an episode's show.
    #[must_use]
    pub fn show(mut self, show: impl Into<String>) -> Self {
        self.show = Some(show.into());
        self
    }

    /// Says the season of an episode.
    #[must_use]
    pub fn season(mut self, season: u32) -> Self {
        self.season = Some(season);
        self
    }

    /// Says the number of an episode within its season.
    #[must_use]
    pub fn episode(mut self, episode: u32) -> Self {
        self.episode = Some(episode);
        self
    }

    /// Says the number of an episode, counted over all regular seasons.
    #[must_use]
    pub fn absolute(mut self, absolute: u32) -> Self {
        self.absolute = Some(absolute);
        self
    }

    /// Says on which day an episode was first on air, `YYYY-MM-DD`.
    #[must_use]
    pub fn aired(mut self, aired: impl Into<String>) -> Self {
        self.aired = Some(aired.into());
        self
    }

    /// Says whom a track is by.
    #[must_use]
    pub fn artist(mut self, artist: impl Into<String>) -> Self {
        self.artist = Some(artist.into());
        self
    }

    /// Says the title of a track's album.
    #[must_use]
    pub fn album(mut self, album: impl Into<String>) -> Self {
        self.album = Some(album.into());
        self
    }

    /// Says the number of a track's disc.
    #[must_use]
    pub fn disc(mut self, disc: u32) -> Self {
        self.disc = Some(disc);
        self
    }

    /// Says the number of a track.
    #[must_use]
    pub fn track(mut self, track: u32) -> Self {
        self.track = Some(track);
        self
    }

    /// Says which edition of a movie it is: `Director's Cut`.
    #[must_use]
    pub fn edition(mut self, edition: impl Into<String>) -> Self {
        self.edition = Some(edition.into());
        self
    }

    /// Says what kind of item it is.
    #[must_use]
    pub fn kind(mut self, kind: ItemKind) -> Self {
        self.kind = Some(kind);
        self
    }

    /// The path's bytes, as they were given to [`Query::from_path`]: on Unix the bytes of the
    /// name, on Windows the encoding of `OsStr::as_encoded_bytes`.
    pub fn path_bytes(&self) -> Vec<u8> {
        unescape(&self.path)
    }
}

/// A kind as the API names it; one that has no name here, by its number.
mod kind_by_name {
    use super::{Deserialize, Deserializer, ItemKind, Serialize, Serializer};

    #[derive(Serialize, Deserialize)]
    #[serde(untagged)]
    enum Written {
        Name(String),
        Number(u32),
    }

    #[expect(clippy::ref_option, clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
    pub(super) fn serialize<S: Serializer>(
        kind: &Option<ItemKind>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let written = kind.map(|kind| match kind {
            ItemKind::Other(number) => Written::Number(number),
            named => Written::Name(named.name().to_owned()),
        });
        written.serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<ItemKind>, D::Error> {
        let unknown = |name: &str| {
            let text = format!("\"{name}\" is no kind of item; movie, episode and track are");
            serde::de::Error::custom(text)
        };
        Ok(match Option::<Written>::deserialize(deserializer)? {
            None => None,
            Some(Written::Number(number)) => Some(ItemKind::from_type_number(number)),
            Some(Written::Name(name)) => {
                Some(ItemKind::from_name(&name).ok_or_else(|| unknown(&name))?)
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_comes_back_from_json() {
        let full = Query::new("/a/b.mkv")
            .size(1)
            .duration_ms(2)
            .title("t")
            .year(1979)
            .guids(["imdb://tt1"])
            .show("s")
            .season(3)
            .episode(4)
            .absolute(5)
            .aired("1999-01-10")
            .artist("a")
            .album("b")
            .disc(6)
            .track(7)
            .edition("e")
            .kind(ItemKind::Episode);
        let json = serde_json::to_value(&full).unwrap();
        assert_eq!(json.as_object().unwrap().len(), 17, "{json}");
        assert_eq!(json["kind"], "episode");
        assert_eq!(serde_json::from_value::<Query>(json).unwrap(), full);
        let bare = Query::new("/a/b.mkv");
        let json = serde_json::to_string(&bare).unwrap();
        assert_eq!(json, r#"{"path":"/a/b.mkv"}"#);
        assert_eq!(serde_json::from_str::<Query>(&json).unwrap(), bare);
        let error = serde_json::from_str::<Query>(r#"{"path": "x", "kind": "film"}"#).unwrap_err();
        assert!(error.to_string().contains("\"film\" is no kind of item"), "{error}");
    }

    #[test]
    fn a_file_that_is_there_has_its_size_and_one_that_is_not_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.mkv");
        std::fs::write(&file, b"12345").unwrap();
        let query = Query::from_file(&file).unwrap();
        assert_eq!((query.path.as_str(), query.size), (file.to_str().unwrap(), Some(5)));
        for (path, why) in [(folder.path().join("b.mkv"), "b.mkv"), (folder.path().into(), "")] {
            let error = Query::from_file(&path).unwrap_err();
            assert!(matches!(error, Error::Io { .. }), "{error:?}");
            let text = error.to_string();
            assert!(text.starts_with("could not read the size of /"), "{text}");
            assert!(text.ends_with(why), "{text}");
        }
    }
}
