//! The kinds of items and sections, with their numbers and names in the API.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The kind of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "u32", into = "u32")]
pub enum ItemKind {
    /// A film, or any video of a movie section.
    Movie,
    /// A series.
    Show,
    /// A season of a series.
    Season,
    /// An episode of a season.
    Episode,
    /// A trailer.
    Trailer,
    /// A comic.
    Comic,
    /// A person.
    Person,
    /// A musician or band.
    Artist,
    /// An album.
    Album,
    /// A track of an album.
    Track,
    /// A picture, the older kind. Photo sections list [`ItemKind::Photo`].
    Picture,
    /// A clip: extras, and videos in photo sections.
    Clip,
    /// A photo.
    Photo,
    /// A folder of photos.
    PhotoAlbum,
    /// A playlist.
    Playlist,
    /// A folder of playlists.
    PlaylistFolder,
    /// A collection.
    Collection,
    /// An optimized version.
    OptimizedVersion,
    /// An item of a user's playlist.
    UserPlaylistItem,
    /// A kind that this client does not know, by its number. 0 when the server sent only a name.
    Other(u32),
}

/// Every named kind with its number and name. All conversions read this table.
const KINDS: [(ItemKind, u32, &str); 19] = [
    (ItemKind::Movie, 1, "movie"),
    (ItemKind::Show, 2, "show"),
    (ItemKind::Season, 3, "season"),
    (ItemKind::Episode, 4, "episode"),
    (ItemKind::Trailer, 5, "trailer"),
    (ItemKind::Comic, 6, "comic"),
    (ItemKind::Person, 7, "person"),
    (ItemKind::Artist, 8, "artist"),
    (ItemKind::Album, 9, "album"),
    (ItemKind::Track, 10, "track"),
    (ItemKind::Picture, 11, "picture"),
    (ItemKind::Clip, 12, "clip"),
    (ItemKind::Photo, 13, "photo"),
    (ItemKind::PhotoAlbum, 14, "photoalbum"),
    (ItemKind::Playlist, 15, "playlist"),
    (ItemKind::PlaylistFolder, 16, "playlistFolder"),
    (ItemKind::Collection, 18, "collection"),
    (ItemKind::OptimizedVersion, 42, "optimizedVersion"),
    (ItemKind::UserPlaylistItem, 1001, "userPlaylistItem"),
];

impl ItemKind {
    /// The number that `type=` takes.
    pub fn type_number(self) -> u32 {
        match self {
            Self::Other(number) => number,
            named => KINDS.iter().find(|(kind, ..)| *kind == named).map_or(0, |(_, n, _)| *n),
        }
    }

    /// The kind with this number, or [`ItemKind::Other`] for an unknown number.
    pub fn from_type_number(number: u32) -> Self {
        KINDS.iter().find(|(_, n, _)| *n == number).map_or(Self::Other(number), |(kind, ..)| *kind)
    }

    /// The kind with this name (`"movie"`), as in the `type` of an item.
    pub fn from_name(name: &str) -> Option<Self> {
        KINDS.iter().find(|(.., n)| n.eq_ignore_ascii_case(name)).map(|(kind, ..)| *kind)
    }

    /// The API's name of the kind, or `"other"` for an unknown kind.
    pub fn name(self) -> &'static str {
        KINDS.iter().find(|(kind, ..)| *kind == self).map_or("other", |(.., name)| *name)
    }
}

impl fmt::Display for ItemKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Other(number) => write!(f, "type {number}"),
            named => f.write_str(named.name()),
        }
    }
}

impl From<u32> for ItemKind {
    fn from(number: u32) -> Self {
        Self::from_type_number(number)
    }
}

impl From<ItemKind> for u32 {
    fn from(kind: ItemKind) -> Self {
        kind.type_number()
    }
}

/// The kind of a section.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum SectionKind {
    /// Movies, and personal videos ("Other Videos").
    Movie,
    /// Series.
    Show,
    /// Music.
    Artist,
    /// Photos.
    Photo,
    /// A kind that this client does not know, as the server spells it.
    Other(String),
}

impl SectionKind {
    /// Reads the `type` of a section.
    pub fn from_name(name: &str) -> Self {
        match name {
            "movie" => Self::Movie,
            "show" => Self::Show,
            "artist" => Self::Artist,
            "photo" => Self::Photo,
            other => Self::Other(other.to_owned()),
        }
    }

    /// The kind of item that has the files in such a section. `None` when it is not known.
    pub fn leaf(&self) -> Option<ItemKind> {
        match self {
            Self::Movie => Some(ItemKind::Movie),
            Self::Show => Some(ItemKind::Episode),
            Self::Artist => Some(ItemKind::Track),
            Self::Photo => Some(ItemKind::Photo),
            Self::Other(_) => None,
        }
    }
}

impl fmt::Display for SectionKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Movie => "movie",
            Self::Show => "show",
            Self::Artist => "artist",
            Self::Photo => "photo",
            Self::Other(name) => name,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_in_the_table_once() {
        for (kind, number, name) in KINDS {
            assert_eq!(kind.type_number(), number);
            assert_eq!(ItemKind::from_type_number(number), kind);
            assert_eq!(ItemKind::from_name(name), Some(kind));
            assert_eq!(kind.name(), name);
        }
        assert_eq!(ItemKind::from_type_number(77), ItemKind::Other(77));
        assert_eq!(ItemKind::Other(77).type_number(), 77);
        assert_eq!(ItemKind::from_name("hologram"), None);
    }
}
