//! Items as the other crates see them, independent of how JSON spells them.

use crate::clock::UnixSeconds;
use crate::domain::id::{MediaId, PartId, RatingKey, SectionKey};
use crate::domain::kind::ItemKind;

/// What a server lists: a movie, an episode, a track, a show, ...
///
/// Every field but the key may be missing: servers leave out empty fields, and fields that a
/// [`Detail`](crate::Detail) did not ask for. Only full reads fill the fields from `summary` on.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// The server's key.
    pub rating_key: RatingKey,
    /// What it is. `Other(0)` when the server sent an unknown name or none.
    pub kind: ItemKind,
    /// The section of the item, where the answer says so.
    pub section: Option<SectionKey>,
    /// The item's own title. Empty when the server sent none.
    pub title: String,
    /// The title in the original language.
    pub original_title: Option<String>,
    /// The title to sort by, when it differs.
    pub title_sort: Option<String>,
    /// Year of release.
    pub year: Option<u16>,
    /// The edition of a movie, such as `Director's Cut`.
    pub edition_title: Option<String>,
    /// Date of first release, `YYYY-MM-DD`. For an episode, the day on which it was first on air. A
    /// time of day is cut off.
    pub originally_available_at: Option<String>,
    /// The agent's identity of the item: `plex://movie/...`, `local://1`, `com.plexapp.agents...`.
    /// Not unique within a server.
    pub guid: Option<String>,
    /// External ids: `imdb://tt0078748`, `tmdb://348`, `tvdb://...`.
    pub guids: Vec<String>,
    /// When the item was added. Users can edit this time.
    pub added_at: Option<UnixSeconds>,
    /// When the item last changed, as the server tells. A replaced file, labels and collections do
    /// not change it.
    pub updated_at: Option<UnixSeconds>,
    /// Set while the item's files are missing. The item then waits in the trash and is still
    /// listed.
    pub deleted_at: Option<UnixSeconds>,
    /// Duration in milliseconds.
    pub duration_ms: Option<u64>,
    /// Title of an episode's show, or of a track's artist.
    pub grandparent_title: Option<String>,
    /// Title of an episode's season, or of a track's album.
    pub parent_title: Option<String>,
    /// Key of the show or artist.
    pub grandparent_rating_key: Option<RatingKey>,
    /// Key of the season or album. Missing when seasons are hidden.
    pub parent_rating_key: Option<RatingKey>,
    /// Number of the episode, season or track.
    pub index: Option<u32>,
    /// Number of an episode's season, or of a track's disc.
    pub parent_index: Option<u32>,
    /// The versions of the item, each with its files.
    pub media: Vec<Media>,
    /// Description.
    pub summary: Option<String>,
    /// Tagline.
    pub tagline: Option<String>,
    /// Studio, network or record label.
    pub studio: Option<String>,
    /// Content rating: `PG-13`, `de/16`.
    pub content_rating: Option<String>,
    /// Rating by the account the token belongs to, 0 to 10.
    pub user_rating: Option<f64>,
    /// Genres, collections, labels and so on. Listings show only a few of them.
    pub tags: Vec<Tag>,
    /// Names of fields that the agent may not overwrite (`title`, `genre`).
    pub locked: Vec<String>,
}

impl Item {
    /// The tags of one field, in the server's order.
    pub fn tags_of(&self, field: TagField) -> impl Iterator<Item = &str> {
        self.tags.iter().filter(move |tag| tag.field == field).map(|tag| tag.text.as_str())
    }

    /// Every media file of every version, in the server's order.
    pub fn parts(&self) -> impl Iterator<Item = &Part> {
        self.media.iter().flat_map(|media| &media.parts)
    }

    /// Whether a field is locked, by its name (`title`). Listings do not tell locks, so an item
    /// from a listing has no locked field.
    pub fn is_locked(&self, field: &str) -> bool {
        self.locked.iter().any(|name| name == field)
    }
}

/// One version of an item.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Media {
    /// The server's id of the version.
    pub id: Option<MediaId>,
    /// Duration in milliseconds.
    pub duration_ms: Option<u64>,
    /// The server made this version itself (`proxyType` 42). It is not one of the host's files.
    pub optimized: bool,
    /// The files of the version. A stacked version has several.
    pub parts: Vec<Part>,
}

/// One media file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Part {
    /// The server's id of the file.
    pub id: Option<PartId>,
    /// The path as the server spells it.
    pub file: Option<String>,
    /// Size in bytes.
    pub size: Option<u64>,
    /// Duration in milliseconds. Missing until the server has analysed the file.
    pub duration_ms: Option<u64>,
    /// The change stamp in the part's key: the file's modification time in seconds. With the id and
    /// the size, it is the cheapest sign that a file was replaced.
    pub stamp: Option<i64>,
}

/// A tag of an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tag {
    /// The field it belongs to.
    pub field: TagField,
    /// The tag.
    pub text: String,
}

/// The tag fields of an item that a host can read and edit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TagField {
    /// Genre.
    Genre,
    /// Collection.
    Collection,
    /// Label.
    Label,
    /// Director.
    Director,
    /// Writer.
    Writer,
    /// Producer.
    Producer,
    /// Country.
    Country,
    /// Role: an actor's name. Servers return roles but do not accept edits of them.
    Role,
    /// Mood (music).
    Mood,
    /// Style (music).
    Style,
}

impl TagField {
    /// Every field.
    pub const ALL: [Self; 10] = [
        Self::Genre,
        Self::Collection,
        Self::Label,
        Self::Director,
        Self::Writer,
        Self::Producer,
        Self::Country,
        Self::Role,
        Self::Mood,
        Self::Style,
    ];

    /// The field's name in edits and in the list of locked fields.
    pub fn name(self) -> &'static str {
        match self {
            Self::Genre => "genre",
            Self::Collection => "collection",
            Self::Label => "label",
            Self::Director => "director",
            Self::Writer => "writer",
            Self::Producer => "producer",
            Self::Country => "country",
            Self::Role => "actor",
            Self::Mood => "mood",
            Self::Style => "style",
        }
    }
}
