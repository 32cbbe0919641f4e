//! What a server holds: sections, and items with their files.

use serde_json::Value;

use crate::details::Details;
use crate::parents::Parents;

/// A section.
#[derive(Debug, Clone)]
pub struct Section {
    /// The numeric key.
    pub key: u32,
    /// The permanent identity.
    pub uuid: String,
    /// The title.
    pub title: String,
    /// The kind of its items.
    pub kind: SectionKind,
    /// The metadata agent.
    pub agent: String,
    /// Folders, with their ids.
    pub locations: Vec<(u32, String)>,
    /// When it was created.
    pub created_at: i64,
    /// When its settings were last edited.
    pub updated_at: i64,
    /// End of the last scan.
    pub scanned_at: i64,
    /// The change counter.
    pub content_changed_at: i64,
    /// Whether a scan is running.
    pub refreshing: bool,
    /// The collections, in the order of creation.
    pub collections: Vec<Collection>,
    /// The items, by rating key.
    pub(super) items: Vec<Item>,
    pub(crate) parents: Parents,
}

impl Section {
    /// The number of items.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether there are no items.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// The items, by rating key.
    pub fn items(&self) -> &[Item] {
        &self.items
    }

    /// One item.
    pub fn item(&self, key: u64) -> Option<&Item> {
        let at = self.items.binary_search_by_key(&key, |item| item.rating_key).ok()?;
        self.items.get(at)
    }
}

/// A collection of a section. Its members have its title as a tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Collection {
    /// The rating key, from the same sequence as the keys of items.
    pub rating_key: u64,
    /// The title, which no other collection of the section has.
    pub title: String,
}

/// The kind of a section.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SectionKind {
    /// Movies, and videos without an agent.
    Movie,
    /// Shows.
    Show,
    /// Music.
    Artist,
    /// Photos.
    Photo,
}

impl SectionKind {
    /// The name in `type`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Movie => "movie",
            Self::Show => "show",
            Self::Artist => "artist",
            Self::Photo => "photo",
        }
    }

    /// The type number of the items in a listing without a `type`.
    pub fn top(self) -> u32 {
        match self {
            Self::Show => 2,
            Self::Artist => 8,
            other => other.leaf(),
        }
    }

    /// The type number of the items with files.
    pub fn leaf(self) -> u32 {
        match self {
            Self::Movie => 1,
            Self::Show => 4,
            Self::Artist => 10,
            Self::Photo => 13,
        }
    }
}

/// An item with files.
#[derive(Debug, Clone, Default)]
pub struct Item {
    /// The rating key; 0 until the item is added.
    pub rating_key: u64,
    /// The type number.
    pub kind: u32,
    /// The title.
    pub title: String,
    /// The season or album. It is created with the first item that names it.
    pub parent: Option<u64>,
    /// The show or artist.
    pub grandparent: Option<u64>,
    /// Title of the show or artist.
    pub grandparent_title: Option<String>,
    /// Season or disc.
    pub parent_index: Option<u32>,
    /// Episode or track.
    pub index: Option<u32>,
    /// Year of release.
    pub year: Option<u16>,
    /// The agent's guid.
    pub guid: String,
    /// External ids.
    pub guids: Vec<String>,
    /// A summary, so that rows are as large as real ones.
    pub summary: String,
    /// When it was added.
    pub added_at: i64,
    /// When it was last changed.
    pub updated_at: i64,
    /// When it was moved to the trash.
    pub deleted_at: Option<i64>,
    /// Duration in milliseconds.
    pub duration_ms: u64,
    /// Versions.
    pub media: Vec<Media>,
    /// A captured row, which is served unchanged instead of the fields above.
    pub captured: Option<Value>,
    /// Data that matching does not read.
    pub details: Details,
    /// The `Guid` list of its row has an unknown form.
    pub malformed_guid: bool,
    /// Its row has an unknown form in answers without guids.
    pub malformed_trimmed: bool,
}

impl Item {
    /// Every file of every version.
    pub fn parts(&self) -> impl Iterator<Item = &Part> {
        self.media.iter().flat_map(|media| &media.parts)
    }
}

/// A version of an item.
#[derive(Debug, Clone, Default)]
pub struct Media {
    /// The server-wide id; 0 until the item is added.
    pub id: u64,
    /// 42 if the server made the version.
    pub proxy_type: Option<u32>,
    /// The files.
    pub parts: Vec<Part>,
}

/// A file.
#[derive(Debug, Clone, Default)]
pub struct Part {
    /// The server-wide id; 0 until the item is added.
    pub id: u64,
    /// The path, as the server sees it.
    pub file: String,
    /// Size in bytes.
    pub size: u64,
    /// Duration in milliseconds.
    pub duration_ms: u64,
    /// The file's modification time, which is the change stamp in the part's key.
    pub mtime: i64,
}
