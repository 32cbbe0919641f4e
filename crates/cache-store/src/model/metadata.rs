//! What is known of an item's editable fields: what an edit is compared with.
//!
//! It is kept apart from the item, which holds what matching needs and is listed by the
//! thousand: only items that are edited have a row here.

use std::collections::BTreeMap;

use plex_api::{Field, Item, ItemKind, TagField, UnixSeconds};

use crate::model::item::CachedItem;
use crate::model::section::SectionId;

/// An item's editable fields as they were last read, with our own confirmed edits in them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metadata {
    /// What the item is.
    pub kind: ItemKind,
    /// Fields with one value, as an edit spells it. One that is empty is not here.
    pub values: BTreeMap<Field, String>,
    /// Tags by field, in the server's order. A field without tags is not here.
    pub tags: BTreeMap<TagField, Vec<String>>,
    /// Names of the fields that the agent may not overwrite, ascending.
    pub locked: Vec<String>,
    /// Other pairs of the API that we sent last, by name: the server does not tell them.
    pub sent: BTreeMap<String, String>,
    /// The item's `updatedAt` when it was read. Our own edits move it on the server; the item
    /// is read once more then, and shows what we wrote.
    pub updated_at: Option<UnixSeconds>,
    /// When it was last read or written, by our clock.
    pub read_at: UnixSeconds,
}

impl Metadata {
    /// Whether every field, tag and lock that a read tells is the same.
    pub fn says_the_same(&self, other: &Self) -> bool {
        (&self.values, &self.tags, &self.locked) == (&other.values, &other.tags, &other.locked)
    }

    /// What a full read of an item says. `sent`, of which a read says nothing, is empty.
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

/// What the store knows of an item that is to be read or edited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// The section it is in.
    pub section: SectionId,
    /// What matching needs; `None` for a show, a collection and so on, which are not listed.
    pub item: Option<CachedItem>,
    /// Its editable fields, if they were ever read.
    pub metadata: Option<Metadata>,
    /// An edit was sent and not confirmed: what the fields are now, nobody knows.
    pub unconfirmed: bool,
    /// Of the rows that this was read from: another number, and they were written since.
    pub(crate) version: u64,
}
