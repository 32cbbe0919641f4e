//! An item's editable fields in the cache. An edit is compared with them.
//!
//! They are kept apart from the item. The item holds what matching needs and is listed by the
//! thousand; only edited items have a row here.

use std::collections::BTreeMap;

use plex_api::{Field, Item, ItemKind, TagField, UnixSeconds};

use crate::model::item::CachedItem;
use crate::model::section::SectionId;

/// An item's editable fields as they were last read, and our own confirmed edits since.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metadata {
    /// What the item is.
    pub kind: ItemKind,
    /// Fields with one value, as an edit spells it. An empty field is left out.
    pub values: BTreeMap<Field, String>,
    /// Tags by field, in the server's order. A field without tags is left out.
    pub tags: BTreeMap<TagField, Vec<String>>,
    /// Names of the fields that the agent may not overwrite, ascending.
    pub locked: Vec<String>,
    /// Other pairs of the API that we last sent, by name. The server does not return them.
    pub sent: BTreeMap<String, String>,
    /// The item's `updatedAt` when it was read. Our own edits change it on the server. The item is
    /// then read once more and shows what we wrote.
    pub updated_at: Option<UnixSeconds>,
    /// When the fields were last read or written, by our clock.
    pub read_at: UnixSeconds,
}

impl Metadata {
    /// Whether all fields, tags and locks are the same, as far as a read tells them.
    pub fn says_the_same(&self, other: &Self) -> bool {
        (&self.values, &self.tags, &self.locked) == (&other.values, &other.tags, &other.locked)
    }

    /// The fields from a full read of an item. `sent` is empty, because a read does not tell it.
    pub fn from_plex(item: &Item, now: UnixSeconds) -> Self {
        let text = |value: &Option<String>| value.clone().filter(|value| !value.is_empty());
        let of = |field| match field {
            Field::Title => text(&Some(item.title.clone())),
            Field::TitleSort => text(&item.title_sort),
            Field::OriginalTitle => text(&item.original_title),
            Field::Summary => text(&item.summary),
            Field::Tagline => text(&item.tagline),
            Field::Studio => text(&item.studio),
            Field::ContentRating => text(&item.content_rating),
            Field::OriginallyAvailableAt => text(&item.originally_available_at),
            Field::AddedAt => item.added_at.map(|at| at.0.to_string()),
            Field::UserRating => item.user_rating.map(|rating| rating.to_string()),
        };
        let values = Field::ALL.into_iter().filter_map(|field| Some((field, of(field)?)));
        let tags = TagField::ALL
            .into_iter()
            .map(|field| (field, item.tags_of(field).map(str::to_owned).collect::<Vec<_>>()));
        let mut locked = item.locked.clone();
        locked.sort_unstable();
        locked.dedup();
        Self {
            kind: item.kind,
            values: values.collect(),
            tags: tags.filter(|(_, tags)| !tags.is_empty()).collect(),
            locked,
            sent: BTreeMap::new(),
            updated_at: item.updated_at,
            read_at: now,
        }
    }
}

/// What the store knows about an item that is to be read or edited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// The item's section.
    pub section: SectionId,
    /// The cached item. `None` for a show, a collection and so on, which are not listed.
    pub item: Option<CachedItem>,
    /// The item's editable fields, if they were ever read.
    pub metadata: Option<Metadata>,
    /// An edit was sent and not confirmed, so the present fields are unknown.
    pub unconfirmed: bool,
    /// The version of the rows that this was read from. If it differs later, the rows were written
    /// since.
    pub(crate) version: u64,
}
