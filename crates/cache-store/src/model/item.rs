//! An item as the cache knows it: what matching needs of a Plex item, and nothing more.
//!
//! It is smaller than [`plex_api::Item`] on purpose. Summaries, artwork and tags are not
//! here: they do not decide a match, and leaving them out keeps a record near 200 bytes.

use std::sync::LazyLock;

use plex_api::{ItemKind, RatingKey, UnixSeconds};

/// A Plex item, reduced to what decides a match. Its text is `S`: its own, or of the page that it
/// was read from ([`ItemRef`]).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CachedItem<S = String> {
    /// The server's key of this item.
    pub rating_key: RatingKey,
    /// Movie, episode, track, clip, ...
    pub kind: ItemKind,
    /// The item's own title (an episode's title, not its show's).
    pub title: S,
    /// The title in the original language, when the server has one.
    pub original_title: Option<S>,
    /// Title of the show (episodes) or the artist (tracks).
    pub grandparent_title: Option<S>,
    /// The show of an episode, by its key. `None` for every other kind.
    pub grandparent: Option<RatingKey>,
    /// Title of the album of a track. What it is for an episode ("Season 1") says nothing.
    pub parent_title: Option<S>,
    /// Which edition of a movie it is.
    pub edition: Option<S>,
    /// Year of release.
    pub year: Option<u16>,
    /// The day on which an episode was first on air.
    pub aired: Option<Day>,
    /// Season number of an episode, disc number of a track.
    pub parent_index: Option<u32>,
    /// Episode number, track number.
    pub index: Option<u32>,
    /// The agent's guid first (when there is one), then the external ids (`imdb://tt0078748`).
    pub guids: Vec<S>,
    /// Duration in milliseconds.
    pub duration_ms: Option<u64>,
    /// When the server says the item was added.
    pub added_at: Option<UnixSeconds>,
    /// When the server says the item last changed. Misses file replacement, labels and
    /// collections, so it is never used as proof that nothing changed.
    pub updated_at: Option<UnixSeconds>,
    /// The item's files are missing and it waits in the trash, but it is still listed.
    pub trashed: bool,
    /// Every media file of every version, in the server's order.
    pub parts: Vec<CachedPart<S>>,
}

/// A day, as the number `YYYYMMDD`: 4 bytes, and ordered as days are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(pub u32);

impl Day {
    /// A day of some year from 1000 to 9999; `None`: there is no such month, or day of a month.
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
    /// Which version (`Media`) of the item the part belongs to, counted from 0.
    pub version: u16,
    /// The path as the server spells it, never folded.
    pub file: S,
    /// Size in bytes.
    pub size: Option<u64>,
    /// Duration in milliseconds.
    pub duration_ms: Option<u64>,
    /// The change stamp in the part's key, which is the file's modification time.
    pub stamp: Option<i64>,
    /// The part belongs to an optimized version that the server made itself.
    pub optimized: bool,
}

/// An item whose text is somebody else's.
pub type ItemRef<'a> = CachedItem<&'a str>;

/// A part whose text is somebody else's.
pub type PartRef<'a> = CachedPart<&'a str>;

/// blake3 (128 bits) over everything that matching uses of an item.
///
/// Equal hashes mean that nothing which depends on the item has to be computed again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ContentHash(pub [u8; 16]);

impl CachedItem {
    /// Takes what matching needs from an item as the server sent it.
    ///
    /// Parts without a file name are left out: there is nothing to compare them with.
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
    /// `added_at` and `updated_at` are left out: a background refresh on the server moves
    /// them without any visible change, and no rule reads them.
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

/// Context of the content hash. Changing what is hashed means changing this string.
const CONTENT_CONTEXT: &str = "matchbox 2026-11 item content 4";

/// The key for that context: deriving it takes as long as hashing an item.
static CONTENT_KEY: LazyLock<[u8; 32]> = LazyLock::new(|| blake3::derive_key(CONTENT_CONTEXT, &[]));

/// Fields behind their lengths, so that no two lists of fields are the same bytes; few bytes,
/// because hashing them is most of what a listed item costs. They are hashed in one go: many
/// small updates of blake3 take twice as long.
struct Fields(Vec<u8>);

impl Fields {
    fn flag(&mut self, value: bool) {
        self.0.push(value.into());
    }

    fn small(&mut self, value: u32) {
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    /// More than four billion of anything is not decoded again anyway.
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
