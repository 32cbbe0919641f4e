//! Items on disk.

use plex_api::{ItemKind, RatingKey, UnixSeconds};

use crate::format::envelope::{self, BorrowDecode, Damage, Encode, Place, Record};
use crate::model::item::{CachedItem, CachedPart, ContentHash, Day, ItemRef};
use crate::model::revision::Revision;

/// An item.
#[derive(Debug, Clone, PartialEq, Eq, Encode, BorrowDecode)]
pub(crate) struct ItemRow<S = String> {
    pub(crate) changed_at: u64,
    pub(crate) content: [u8; 16],
    pub(crate) item: ItemFields<S>,
}

impl Record for ItemRow {
    const SCHEMA: u16 = 4;

    /// The content hash changed with each schema.
    fn upgrade(schema: u16, payload: &[u8]) -> Option<Self> {
        let (changed_at, item) = if schema <= 2 {
            let ItemRow2 { changed_at, item, .. } = envelope::decode(payload)?;
            (changed_at, item.into_item())
        } else {
            // Schema 3 has no key of the show at its end. A 0 says that it is not known.
            let Self { changed_at, item, .. } = envelope::decode(&[payload, &[0]].concat())?;
            (changed_at, item.into_item())
        };
        let ContentHash(content) = item.content_hash();
        Some(Self { changed_at, content, item: ItemFields::new(item) })
    }
}

/// An item's fields, as they are spooled and stored.
#[derive(Debug, Clone, PartialEq, Eq, Encode, BorrowDecode)]
pub(crate) struct ItemFields<S> {
    pub(crate) rating_key: u64,
    kind: u32,
    title: S,
    original_title: Option<S>,
    grandparent_title: Option<S>,
    parent_title: Option<S>,
    edition: Option<S>,
    year: Option<u16>,
    aired: Option<u32>,
    parent_index: Option<u32>,
    index: Option<u32>,
    guids: Vec<S>,
    duration_ms: Option<u64>,
    added_at: Option<i64>,
    updated_at: Option<i64>,
    trashed: bool,
    parts: Vec<PartFields<S>>,
    grandparent: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Encode, BorrowDecode)]
struct PartFields<S> {
    id: Option<u64>,
    version: u16,
    file: S,
    size: Option<u64>,
    duration_ms: Option<u64>,
    stamp: Option<i64>,
    optimized: bool,
}

impl<S> ItemFields<S> {
    pub(crate) fn new(item: CachedItem<S>) -> Self {
        let parts = item.parts.into_iter().map(|part| PartFields {
            id: part.id,
            version: part.version,
            file: part.file,
            size: part.size,
            duration_ms: part.duration_ms,
            stamp: part.stamp,
            optimized: part.optimized,
        });
        Self {
            rating_key: item.rating_key.0,
            kind: item.kind.type_number(),
            title: item.title,
            original_title: item.original_title,
            grandparent_title: item.grandparent_title,
            parent_title: item.parent_title,
            edition: item.edition,
            year: item.year,
            aired: item.aired.map(|day| day.0),
            parent_index: item.parent_index,
            index: item.index,
            guids: item.guids,
            duration_ms: item.duration_ms,
            added_at: item.added_at.map(|at| at.0),
            updated_at: item.updated_at.map(|at| at.0),
            trashed: item.trashed,
            parts: parts.collect(),
            grandparent: item.grandparent.map(|key| key.0),
        }
    }

    pub(crate) fn into_item(self) -> CachedItem<S> {
        let parts = self.parts.into_iter().map(PartFields::into_part);
        CachedItem {
            rating_key: RatingKey(self.rating_key),
            kind: ItemKind::from_type_number(self.kind),
            title: self.title,
            original_title: self.original_title,
            grandparent_title: self.grandparent_title,
            grandparent: self.grandparent.map(RatingKey),
            parent_title: self.parent_title,
            edition: self.edition,
            year: self.year,
            aired: self.aired.map(Day),
            parent_index: self.parent_index,
            index: self.index,
            guids: self.guids,
            duration_ms: self.duration_ms,
            added_at: self.added_at.map(UnixSeconds),
            updated_at: self.updated_at.map(UnixSeconds),
            trashed: self.trashed,
            parts: parts.collect(),
        }
    }
}

impl<S> PartFields<S> {
    fn into_part(self) -> CachedPart<S> {
        CachedPart {
            id: self.id,
            version: self.version,
            file: self.file,
            size: self.size,
            duration_ms: self.duration_ms,
            stamp: self.stamp,
            optimized: self.optimized,
        }
    }
}

/// An encoded [`ItemRow`] without `changed_at`: only what comes from the server. A refresh moves
/// items in this form, so that each is encoded once, and its bytes show whether it changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ItemBody<'a>(&'a [u8]);

impl<'a> ItemBody<'a> {
    /// Appends an encoded item to `out`. `false`: the item cannot be encoded.
    pub(crate) fn encode(item: &CachedItem, out: &mut Vec<u8>) -> bool {
        let ContentHash(content) = item.content_hash();
        envelope::encode(&content, out) && envelope::encode(&ItemFields::new(item.borrowed()), out)
    }

    /// Takes bytes that [`ItemBody::encode`] wrote.
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Opens a sealed item as far as a comparison needs. It also returns the item's `changed_at`.
    pub(crate) fn open(place: Place, bytes: &'a [u8]) -> Result<(Revision, Self), Damage> {
        let payload = envelope::payload(place, ItemRow::SCHEMA, bytes)?;
        let (changed_at, body) = envelope::decode_first(payload).ok_or(Damage::Payload)?;
        Ok((Revision(changed_at), Self(body)))
    }

    /// Opens a sealed item without copying its text.
    pub(crate) fn borrow(place: Place, bytes: &[u8]) -> Result<ItemRef<'_>, Damage> {
        let row: ItemRow<&str> = envelope::borrow(place, ItemRow::SCHEMA, bytes)?;
        Ok(row.item.into_item())
    }

    /// Whether the two items are equal for matching.
    pub(crate) fn same_content(self, other: Self) -> bool {
        self.0.get(..CONTENT).is_some_and(|content| other.0.get(..CONTENT) == Some(content))
    }

    /// The item.
    pub(crate) fn item(self) -> Result<CachedItem, Damage> {
        let fields = self.0.get(CONTENT..).and_then(envelope::decode::<ItemFields<String>>);
        fields.map(ItemFields::into_item).ok_or(Damage::Payload)
    }

    /// Seals the row into `out`.
    pub(crate) fn seal(self, place: Place, changed_at: Revision, out: &mut Vec<u8>) {
        envelope::seal_with::<ItemRow>(place, out, |out| {
            let written = envelope::encode(&changed_at.0, out);
            out.extend_from_slice(self.0);
            written
        });
    }
}

/// Bytes of a content hash.
const CONTENT: usize = 16;

/// The row of schema 2: without album, edition and day of first broadcast.
#[derive(BorrowDecode)]
struct ItemRow2 {
    changed_at: u64,
    _content: [u8; 16],
    item: ItemFields2,
}

#[derive(BorrowDecode)]
struct ItemFields2 {
    rating_key: u64,
    kind: u32,
    title: String,
    original_title: Option<String>,
    grandparent_title: Option<String>,
    year: Option<u16>,
    parent_index: Option<u32>,
    index: Option<u32>,
    guids: Vec<String>,
    duration_ms: Option<u64>,
    added_at: Option<i64>,
    updated_at: Option<i64>,
    trashed: bool,
    parts: Vec<PartFields<String>>,
}

impl ItemFields2 {
    fn into_item(self) -> CachedItem {
        CachedItem {
            rating_key: RatingKey(self.rating_key),
            kind: ItemKind::from_type_number(self.kind),
            title: self.title,
            original_title: self.original_title,
            grandparent_title: self.grandparent_title,
            grandparent: None,
            parent_title: None,
            edition: None,
            year: self.year,
            aired: None,
            parent_index: self.parent_index,
            index: self.index,
            guids: self.guids,
            duration_ms: self.duration_ms,
            added_at: self.added_at.map(UnixSeconds),
            updated_at: self.updated_at.map(UnixSeconds),
            trashed: self.trashed,
            parts: self.parts.into_iter().map(PartFields::into_part).collect(),
        }
    }
}
