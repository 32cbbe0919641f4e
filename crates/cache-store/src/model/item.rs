//! An item in the cache: the fields of a Plex item that matching needs, and no others.
//!
//! It is smaller than [`plex_api::Item`] on purpose. Summaries, artwork and tags do not decide a
//! match. Without them, a record stays near 200 bytes.

use std::sync::LazyLock;

use plex_api::{ItemKind, RatingKey, UnixSeconds};

/// A Plex item, reduced to the fields that decide a match. `S` is its text: either owned, or
/// borrowed from the page that holds the item ([`ItemRef`]).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CachedItem<S = String> {
    /// The server's key of this item.
    pub rating_key: RatingKey,
    /// Movie, episode, track, clip, ...
    pub kind: ItemKind,
    /// The item's own title. For an episode this is not the show's title.
    pub title: S,
    /// The title in the original language, when the server has one.
    pub original_title: Option<S>,
    /// Title of the show (episodes) or the artist (tracks).
    pub grandparent_title: Option<S>,
    /// The show of an episode, by its key. `None` for every other kind.
    pub grandparent: Option<RatingKey>,
    /// Title of a track's album. For an episode it would be "Season 1", which says nothing.
    pub parent_title: Option<S>,
    /// The edition of a movie.
    pub edition: Option<S>,
    /// Year of release.
    pub year: Option<u16>,
    /// The day on which an episode was first on air.
    pub aired: Option<Day>,
    /// Season number of an episode, or disc number of a track.
    pub parent_index: Option<u32>,
    /// Episode number or track number.
    pub index: Option<u32>,
    /// The agent's guid first, if there is one, then the external ids (`imdb://tt0078748`).
    pub guids: Vec<S>,
    /// Duration in milliseconds.
    pub duration_ms: Option<u64>,
    /// When the item was added, as the server tells.
    pub added_at: Option<UnixSeconds>,
    /// When the item last changed, as the server tells. A replaced file, labels and collections do
    /// not change it, so it never proves that nothing changed.
    pub updated_at: Option<UnixSeconds>,
    /// The item's files are missing. The item waits in the trash but is still listed.
    pub trashed: bool,
    /// Every media file of every version, in the server's order.
    pub parts: Vec<CachedPart<S>>,
}

/// A day, as the number `YYYYMMDD`. It takes 4 bytes, and its order is the order of days.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(pub u32);

impl Day {
    /// A day of a year from 1000 to 9999. `None`: the year has no such month, or the month no such
    /// day.
    pub fn new(year: u32, month: u32, day: u32) -> Option<Self> {
        let there =
            (1_000..=9_999).contains(&year) && (1..=12).contains(&month) && (1..=31).contains(&day);
        there.then(|| Self(year * 10_000 + month * 100 + day))
    }

    /// Reads `YYYY-MM-DD`.
    pub fn read(text: &str) -> Option<Self> {
        let mut numbers = text.splitn(3, '-').map(str::parse);
        let mut next = || numbers.next()?.ok();
        Self::new(next()?, next()?, next()?)
    }
}

/// One media file of an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CachedPart<S = String> {
    /// The server's id of the part.
    pub id: Option<u64>,
    /// The version (`Media`) of the item that the part belongs to, counted from 0.
    pub version: u16,
    /// The path as the server spells it. It is never folded.
    pub file: S,
    /// Size in bytes.
    pub size: Option<u64>,
    /// Duration in milliseconds.
    pub duration_ms: Option<u64>,
    /// The change stamp in the part's key, which is the file's modification time.
    pub stamp: Option<i64>,
    /// The part belongs to an optimized version, which the server made itself.
    pub optimized: bool,
}

/// An item with borrowed text.
pub type ItemRef<'a> = CachedItem<&'a str>;

/// A part with borrowed text.
pub type PartRef<'a> = CachedPart<&'a str>;

/// blake3 (128 bits) over everything that matching uses of an item.
///
/// If the hashes are equal, nothing that depends on the item has to be computed again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ContentHash(pub [u8; 16]);

impl CachedItem {
    /// An item of which nothing else is known: no file, no id. This is for tests and tools.
    pub fn new(rating_key: RatingKey, kind: ItemKind, title: impl Into<String>) -> Self {
        Self {
            rating_key,
            kind,
            title: title.into(),
            original_title: None,
            grandparent_title: None,
            grandparent: None,
            parent_title: None,
            edition: None,
            year: None,
            aired: None,
            parent_index: None,
            index: None,
            guids: Vec::new(),
            duration_ms: None,
            added_at: None,
            updated_at: None,
            trashed: false,
            parts: Vec::new(),
        }
    }

    /// Takes the fields that matching needs from an item of the server.
    ///
    /// A part without a file name is left out, because nothing can be compared with it.
    pub fn from_plex(item: &plex_api::Item) -> Self {
        let parts = item.media.iter().enumerate().flat_map(|(version, media)| {
            media.parts.iter().filter_map(move |part| {
                Some(CachedPart {
                    id: part.id.map(|id| id.0),
                    version: u16::try_from(version).unwrap_or(u16::MAX),
                    file: part.file.clone()?,
                    size: part.size,
                    duration_ms: part.duration_ms,
                    stamp: part.stamp,
                    optimized: media.optimized,
                })
            })
        });
        let guids = item.guid.iter().chain(&item.guids).cloned().collect();
        let aired = item.originally_available_at.as_deref().and_then(Day::read);
        Self {
            rating_key: item.rating_key,
            kind: item.kind,
            title: item.title.clone(),
            original_title: item.original_title.clone(),
            grandparent_title: item.grandparent_title.clone(),
            grandparent: item.grandparent_rating_key.filter(|_| item.kind == ItemKind::Episode),
            parent_title: item.parent_title.clone().filter(|_| item.kind == ItemKind::Track),
            edition: item.edition_title.clone().filter(|edition| !edition.is_empty()),
            year: item.year,
            aired: aired.filter(|_| item.kind == ItemKind::Episode),
            parent_index: item.parent_index,
            index: item.index,
            guids,
            duration_ms: item.duration_ms,
            added_at: item.added_at,
            updated_at: item.updated_at,
            trashed: item.deleted_at.is_some(),
            parts: parts.collect(),
        }
    }

    /// The item without a copy of its text.
    pub fn borrowed(&self) -> ItemRef<'_> {
        let parts = self.parts.iter().map(|part| PartRef {
            id: part.id,
            version: part.version,
            file: &part.file,
            size: part.size,
            duration_ms: part.duration_ms,
            stamp: part.stamp,
            optimized: part.optimized,
        });
        ItemRef {
            rating_key: self.rating_key,
            kind: self.kind,
            title: &self.title,
            original_title: self.original_title.as_deref(),
            grandparent_title: self.grandparent_title.as_deref(),
            grandparent: self.grandparent,
            parent_title: self.parent_title.as_deref(),
            edition: self.edition.as_deref(),
            year: self.year,
            aired: self.aired,
            parent_index: self.parent_index,
            index: self.index,
            guids: self.guids.iter().map(String::as_str).collect(),
            duration_ms: self.duration_ms,
            added_at: self.added_at,
            updated_at: self.updated_at,
            trashed: self.trashed,
            parts: parts.collect(),
        }
    }

    /// The hash of everything that matching uses.
    ///
    /// `added_at` and `updated_at` are left out. A background refresh on the server changes them
    /// without any visible change, and no rule reads them.
    pub fn content_hash(&self) -> ContentHash {
        let mut fields = Fields(Vec::with_capacity(512));
        fields.small(self.kind.type_number());
        fields.text(&self.title);
        fields.optional_text(self.original_title.as_deref());
        fields.optional_text(self.grandparent_title.as_deref());
        fields.optional_number(self.grandparent.map(|key| key.0));
        fields.optional_text(self.parent_title.as_deref());
        fields.optional_text(self.edition.as_deref());
        fields.optional_number(self.year.map(u64::from));
        fields.optional_number(self.aired.map(|day| day.0.into()));
        fields.optional_number(self.parent_index.map(u64::from));
        fields.optional_number(self.index.map(u64::from));
        fields.optional_number(self.duration_ms);
        fields.flag(self.trashed);
        fields.length(self.guids.len());
        for guid in &self.guids {
            fields.text(guid);
        }
        for part in &self.parts {
            fields.optional_number(part.id);
            fields.small(part.version.into());
            fields.text(&part.file);
            fields.optional_number(part.size);
            fields.optional_number(part.duration_ms);
            fields.optional_number(part.stamp.map(i64::cast_unsigned));
            fields.flag(part.optimized);
        }
        fields.finish()
    }
}

/// The context of the content hash. When the hashed bytes change, this string must change.
const CONTENT_CONTEXT: &str = "matchbox 2026-11 item content 4";

/// The key for this context. Deriving a key takes as long as hashing an item, so it is derived
/// once.
static CONTENT_KEY: LazyLock<[u8; 32]> = LazyLock::new(|| blake3::derive_key(CONTENT_CONTEXT, &[]));

/// The hashed bytes. Each field stands after its length, so that no two lists of fields give the
/// same bytes. The bytes are few, because hashing them is most of the cost of a listed item. They
/// are hashed in one call: many small updates of blake3 take twice as long.
struct Fields(Vec<u8>);

impl Fields {
    fn flag(&mut self, value: bool) {
        self.0.push(value.into());
    }

    fn small(&mut self, value: u32) {
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    /// A list of more than four billion entries would not be decoded again anyway.
    fn length(&mut self, value: usize) {
        self.small(u32::try_from(value).unwrap_or(u32::MAX));
    }

    fn optional_number(&mut self, value: Option<u64>) {
        self.flag(value.is_some());
        if let Some(value) = value {
            self.0.extend_from_slice(&value.to_le_bytes());
        }
    }

    fn text(&mut self, value: &str) {
        self.length(value.len());
        self.0.extend_from_slice(value.as_bytes());
    }

    fn optional_text(&mut self, value: Option<&str>) {
        self.flag(value.is_some());
        if let Some(value) = value {
            self.text(value);
        }
    }

    fn finish(&self) -> ContentHash {
        let hash = blake3::keyed_hash(&CONTENT_KEY, &self.0);
        let mut bytes = [0; 16];
        bytes.copy_from_slice(hash.as_slice().split_at(16).0);
        ContentHash(bytes)
    }
}
