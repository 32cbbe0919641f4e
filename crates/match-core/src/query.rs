//! What a host knows about a local file.

use std::io;
use std::path::Path;

use cache_store::Error;
use plex_api::ItemKind;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::names::spelling::non_utf8::{escape, unescape};

/// What the host knows about a local file. Only the path is required. Everything else is evidence.
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
/// The JSON form is stable, for reading and writing: an object with the names of the fields. Only
/// `path` is required. Writing leaves out unknown values, and reading ignores unknown names. `kind`
/// is the API's name for the kind (`"episode"`).
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
    /// An episode's air date, `YYYY-MM-DD`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aired: Option<String>,
    /// Artist of a track.
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
    /// Edition of a movie: `Director's Cut`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edition: Option<String>,
    /// The kind of item.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "kind_by_name")]
    pub kind: Option<ItemKind>,
}

impl Query {
    /// A query with only a path. For a path that is not UTF-8, use [`Query::from_path`].
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

    /// A query for any path of the system, UTF-8 or not. Bytes that are not UTF-8 become private
    /// characters. [`Query::path_bytes`] restores them.
    pub fn from_path(path: &Path) -> Self {
        Self::new(escape(path.as_os_str().as_encoded_bytes()))
    }

    /// A query for an existing file: its absolute path, without following links, and its size. It
    /// reads nothing else of the file.
    ///
    /// If there is no such file, if it is a folder, or if access is denied, [`Error::Io`] names it.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let failed = |source| Error::Io { doing: "read the size of", path: path.into(), source };
        let found = std::fs::metadata(path).map_err(failed)?;
        if !found.is_file() {
            return Err(failed(io::Error::new(io::ErrorKind::InvalidInput, "it is not a file")));
        }
        let absolute = std::path::absolute(path).map_err(failed)?;
        Ok(Self::from_path(&absolute).size(found.len()))
    }

    /// Sets the size in bytes.
    #[must_use]
    pub fn size(mut self, size: u64) -> Self {
        self.size = Some(size);
        self
    }

    /// Sets the duration in milliseconds.
    #[must_use]
    pub fn duration_ms(mut self, duration_ms: u64) -> Self {
        self.duration_ms = Some(duration_ms);
        self
    }

    /// Sets the title.
    #[must_use]
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.title = Some(title.into());
        self
    }

    /// Sets the year of release.
    #[must_use]
    pub fn year(mut self, year: u16) -> Self {
        self.year = Some(year);
        self
    }

    /// Sets the guids (`imdb://tt0078748`), and replaces earlier ones.
    #[must_use]
    pub fn guids(mut self, guids: impl IntoIterator<Item: Into<String>>) -> Self {
        self.guids = guids.into_iter().map(Into::into).collect();
        self
    }

    /// Sets the title of an episode's show.
    #[must_use]
    pub fn show(mut self, show: impl Into<String>) -> Self {
        self.show = Some(show.into());
        self
    }

    /// Sets the season of an episode.
    #[must_use]
    pub fn season(mut self, season: u32) -> Self {
        self.season = Some(season);
        self
    }

    /// Sets the number of an episode within its season.
    #[must_use]
    pub fn episode(mut self, episode: u32) -> Self {
        self.episode = Some(episode);
        self
    }

    /// Sets the number of an episode, counted over all regular seasons.
    #[must_use]
    pub fn absolute(mut self, absolute: u32) -> Self {
        self.absolute = Some(absolute);
        self
    }

    /// Sets an episode's air date, `YYYY-MM-DD`.
    #[must_use]
    pub fn aired(mut self, aired: impl Into<String>) -> Self {
        self.aired = Some(aired.into());
        self
    }

    /// Sets the artist of a track.
    #[must_use]
    pub fn artist(mut self, artist: impl Into<String>) -> Self {
        self.artist = Some(artist.into());
        self
    }

    /// Sets the title of a track's album.
    #[must_use]
    pub fn album(mut self, album: impl Into<String>) -> Self {
        self.album = Some(album.into());
        self
    }

    /// Sets the number of a track's disc.
    #[must_use]
    pub fn disc(mut self, disc: u32) -> Self {
        self.disc = Some(disc);
        self
    }

    /// Sets the number of a track.
    #[must_use]
    pub fn track(mut self, track: u32) -> Self {
        self.track = Some(track);
        self
    }

    /// Sets the edition of a movie: `Director's Cut`.
    #[must_use]
    pub fn edition(mut self, edition: impl Into<String>) -> Self {
        self.edition = Some(edition.into());
        self
    }

    /// Sets the kind of item.
    #[must_use]
    pub fn kind(mut self, kind: ItemKind) -> Self {
        self.kind = Some(kind);
        self
    }

    /// The bytes of the path that [`Query::from_path`] got: on Unix the bytes of the name, on
    /// Windows the encoding of `OsStr::as_encoded_bytes`.
    pub fn path_bytes(&self) -> Vec<u8> {
        unescape(&self.path)
    }
}

/// A kind by the API's name, or by its number if it has no name here.
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
        for (path, why) in
            [(folder.path().join("b.mkv"), "b.mkv: No such file"), (folder.path().into(), "")]
        {
            let error = Query::from_file(&path).unwrap_err();
            assert!(matches!(error, Error::Io { .. }), "{error:?}");
            let text = error.to_string();
            assert!(text.starts_with("could not read the size of /"), "{text}");
            assert!(text.contains(why), "{text}");
        }
    }
}
