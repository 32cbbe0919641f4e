//! A row of a listing: an item as JSON spells it.

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny};

use crate::clock::UnixSeconds;
use crate::domain::id::{MediaId, PartId, RatingKey, SectionKey};
use crate::domain::item::{Item, Media, Part, Tag, TagField};
use crate::domain::kind::ItemKind;
use crate::domain::page::{UnsupportedReason, UnsupportedRow};
use crate::json::lenient::{self, Peek, list, scalar};

/// How much of a row is read. The two extents share all other fields, so there is one [`Row`].
pub(crate) trait Extent {
    /// A text that only full reads use.
    type Text: for<'de> Deserialize<'de> + Default + Into<Option<String>>;
    /// A list of tags that only full reads use.
    type Tags: for<'de> Deserialize<'de> + Default + Into<Vec<String>>;
}

/// Reads what matching needs, and skips the rest without storing it.
pub(crate) struct Lean;

/// Reads everything.
pub(crate) struct Full;

impl Extent for Lean {
    type Text = Skip;
    type Tags = Skip;
}

impl Extent for Full {
    type Text = Text;
    type Tags = Tags;
}

/// A value that is skipped.
#[derive(Default)]
pub(crate) struct Skip;

impl<'de> Deserialize<'de> for Skip {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        IgnoredAny::deserialize(deserializer).map(|_| Self)
    }
}

impl From<Skip> for Option<String> {
    fn from(_: Skip) -> Self {
        None
    }
}

impl From<Skip> for Vec<String> {
    fn from(_: Skip) -> Self {
        Self::new()
    }
}

#[derive(Default, Deserialize)]
pub(crate) struct Text(#[serde(deserialize_with = "scalar")] Option<String>);

impl From<Text> for Option<String> {
    fn from(text: Text) -> Self {
        text.0
    }
}

#[derive(Default, Deserialize)]
pub(crate) struct Tags(#[serde(deserialize_with = "list")] Vec<TagRow>);

impl From<Tags> for Vec<String> {
    fn from(tags: Tags) -> Self {
        tags.0.into_iter().filter_map(|tag| tag.tag).collect()
    }
}

#[derive(Deserialize)]
struct TagRow {
    #[serde(default, deserialize_with = "scalar")]
    tag: Option<String>,
}

/// An item.
#[derive(Deserialize)]
#[serde(bound(deserialize = "X: Extent"))]
pub(crate) struct Row<X: Extent> {
    #[serde(default, rename = "ratingKey", deserialize_with = "rating_key")]
    rating_key: Option<Key>,
    #[serde(default, rename = "type", deserialize_with = "kind")]
    kind: Option<ItemKind>,
    #[serde(default, rename = "librarySectionID", deserialize_with = "scalar")]
    section: Option<u64>,
    #[serde(default, deserialize_with = "scalar")]
    title: Option<String>,
    #[serde(default, rename = "originalTitle", deserialize_with = "scalar")]
    original_title: Option<String>,
    #[serde(default, rename = "titleSort", deserialize_with = "scalar")]
    title_sort: Option<String>,
    #[serde(default, deserialize_with = "scalar")]
    year: Option<u64>,
    #[serde(default, rename = "editionTitle", deserialize_with = "scalar")]
    edition_title: Option<String>,
    #[serde(default, rename = "originallyAvailableAt", deserialize_with = "scalar")]
    originally_available_at: Option<String>,
    #[serde(default, deserialize_with = "scalar")]
    guid: Option<String>,
    #[serde(default, rename = "Guid", deserialize_with = "list")]
    guids: Vec<GuidRow>,
    #[serde(default, rename = "addedAt", deserialize_with = "scalar")]
    added_at: Option<i64>,
    #[serde(default, rename = "updatedAt", deserialize_with = "scalar")]
    updated_at: Option<i64>,
    #[serde(default, rename = "deletedAt", deserialize_with = "scalar")]
    deleted_at: Option<i64>,
    #[serde(default, deserialize_with = "scalar")]
    duration: Option<u64>,
    #[serde(default, rename = "grandparentTitle", deserialize_with = "scalar")]
    grandparent_title: Option<String>,
    #[serde(default, rename = "parentTitle", deserialize_with = "scalar")]
    parent_title: Option<String>,
    #[serde(default, rename = "grandparentRatingKey", deserialize_with = "scalar")]
    grandparent_rating_key: Option<u64>,
    #[serde(default, rename = "parentRatingKey", deserialize_with = "scalar")]
    parent_rating_key: Option<u64>,
    #[serde(default, deserialize_with = "scalar")]
    index: Option<u64>,
    #[serde(default, rename = "parentIndex", deserialize_with = "scalar")]
    parent_index: Option<u64>,
    #[serde(default, rename = "Media", deserialize_with = "list")]
    media: Vec<MediaRow>,
    #[serde(default)]
    summary: X::Text,
    #[serde(default)]
    tagline: X::Text,
    #[serde(default)]
    studio: X::Text,
    #[serde(default, rename = "contentRating")]
    content_rating: X::Text,
    #[serde(default, rename = "userRating")]
    user_rating: X::Text,
    #[serde(default, rename = "Genre")]
    genres: X::Tags,
    #[serde(default, rename = "Collection")]
    collections: X::Tags,
    #[serde(default, rename = "Label")]
    labels: X::Tags,
    #[serde(default, rename = "Director")]
    directors: X::Tags,
    #[serde(default, rename = "Writer")]
    writers: X::Tags,
    #[serde(default, rename = "Producer")]
    producers: X::Tags,
    #[serde(default, rename = "Country")]
    countries: X::Tags,
    #[serde(default, rename = "Role")]
    roles: X::Tags,
    #[serde(default, rename = "Mood")]
    moods: X::Tags,
    #[serde(default, rename = "Style")]
    styles: X::Tags,
    #[serde(default, rename = "Field", deserialize_with = "list")]
    fields: Vec<FieldRow>,
}

/// Values that a container gives for all of its rows, where the rows do not have them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Hoisted {
    pub(crate) section: Option<u64>,
    pub(crate) grandparent_title: Option<String>,
    pub(crate) parent_title: Option<String>,
    pub(crate) grandparent_rating_key: Option<u64>,
    pub(crate) parent_rating_key: Option<u64>,
    pub(crate) parent_index: Option<u64>,
}

impl<X: Extent> Row<X> {
    /// The item, or the reason why the row is not an item.
    pub(crate) fn into_item(self, hoisted: &Hoisted) -> Result<Item, UnsupportedRow> {
        let rating_key = match self.rating_key {
            Some(Key::Number(number)) => RatingKey(number),
            Some(Key::Other(text)) => {
                let reason = UnsupportedReason::RatingKeyNotNumeric;
                return Err(UnsupportedRow { rating_key: Some(text), title: self.title, reason });
            }
            None => {
                let reason = UnsupportedReason::NoRatingKey;
                return Err(UnsupportedRow { rating_key: None, title: self.title, reason });
            }
        };
        let number = |number: Option<u64>| number.and_then(|n| u32::try_from(n).ok());
        let mut tags = Vec::new();
        for (field, list) in [
            (TagField::Genre, self.genres.into()),
            (TagField::Collection, self.collections.into()),
            (TagField::Label, self.labels.into()),
            (TagField::Director, self.directors.into()),
            (TagField::Writer, self.writers.into()),
            (TagField::Producer, self.producers.into()),
            (TagField::Country, self.countries.into()),
            (TagField::Role, self.roles.into()),
            (TagField::Mood, self.moods.into()),
            (TagField::Style, self.styles.into()),
        ] {
            tags.extend(list.into_iter().map(|text| Tag { field, text }));
        }
        let user_rating: Option<String> = self.user_rating.into();
        Ok(Item {
            rating_key,
            kind: self.kind.unwrap_or(ItemKind::Other(0)),
            section: number(self.section.or(hoisted.section)).map(SectionKey),
            title: self.title.unwrap_or_default(),
            original_title: self.original_title,
            title_sort: self.title_sort,
            year: self.year.and_then(|year| u16::try_from(year).ok()).filter(|year| *year > 0),
            edition_title: self.edition_title,
            originally_available_at: self.originally_available_at.map(date_only),
            guid: self.guid,
            guids: self.guids.into_iter().filter_map(|guid| guid.id).collect(),
            added_at: self.added_at.map(UnixSeconds),
            updated_at: self.updated_at.map(UnixSeconds),
            deleted_at: self.deleted_at.map(UnixSeconds),
            duration_ms: self.duration,
            grandparent_title: self.grandparent_title.or_else(|| hoisted.grandparent_title.clone()),
            parent_title: self.parent_title.or_else(|| hoisted.parent_title.clone()),
            grandparent_rating_key: self
                .grandparent_rating_key
                .or(hoisted.grandparent_rating_key)
                .map(RatingKey),
            parent_rating_key: self.parent_rating_key.or(hoisted.parent_rating_key).map(RatingKey),
            index: number(self.index),
            parent_index: number(self.parent_index.or(hoisted.parent_index)),
            media: self.media.into_iter().map(MediaRow::into_media).collect(),
            summary: self.summary.into(),
            tagline: self.tagline.into(),
            studio: self.studio.into(),
            content_rating: self.content_rating.into(),
            user_rating: user_rating.as_deref().and_then(<f64 as lenient::Scalar>::from_text),
            tags,
            locked: self.fields.into_iter().filter_map(FieldRow::locked_name).collect(),
        })
    }
}

/// `1999-03-31 00:00:00` is the day `1999-03-31`.
fn date_only(mut moment: String) -> String {
    if let Some(end) = moment.find([' ', 'T']) {
        moment.truncate(end);
    }
    moment
}

/// A rating key as the server sent it.
enum Key {
    Number(u64),
    Other(String),
}

fn rating_key<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Key>, D::Error> {
    let read = |text: &str| match lenient::number(text) {
        Some(number) => Key::Number(number),
        None => Key::Other(text.to_owned()),
    };
    deserializer.deserialize_any(Peek(read))
}

/// Reads the kind of an item. An unknown name does not lose the row.
fn kind<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<ItemKind>, D::Error> {
    let read =
        |text: &str| ItemKind::from_name(text).or_else(|| Some(text.parse::<u32>().ok()?.into()));
    deserializer.deserialize_any(Peek(read)).map(Option::flatten)
}

#[derive(Deserialize)]
struct GuidRow {
    #[serde(default, deserialize_with = "scalar")]
    id: Option<String>,
}

#[derive(Deserialize)]
struct FieldRow {
    #[serde(default, deserialize_with = "scalar")]
    name: Option<String>,
    #[serde(default, deserialize_with = "scalar")]
    locked: Option<bool>,
}

impl FieldRow {
    fn locked_name(self) -> Option<String> {
        self.name.filter(|_| self.locked == Some(true))
    }
}

/// The `proxyType` of a version that the server made itself.
const OPTIMIZED: u64 = 42;

#[derive(Deserialize)]
struct MediaRow {
    #[serde(default, deserialize_with = "scalar")]
    id: Option<u64>,
    #[serde(default, deserialize_with = "scalar")]
    duration: Option<u64>,
    #[serde(default, rename = "proxyType", deserialize_with = "scalar")]
    proxy_type: Option<u64>,
    #[serde(default, rename = "Part", deserialize_with = "list")]
    parts: Vec<PartRow>,
}

impl MediaRow {
    fn into_media(self) -> Media {
        Media {
            id: self.id.map(MediaId),
            duration_ms: self.duration,
            optimized: self.proxy_type == Some(OPTIMIZED),
            parts: self.parts.into_iter().map(PartRow::into_part).collect(),
        }
    }
}

#[derive(Deserialize)]
struct PartRow {
    #[serde(default, deserialize_with = "scalar")]
    id: Option<u64>,
    #[serde(default, rename = "key", deserialize_with = "stamp")]
    stamp: Option<i64>,
    #[serde(default, deserialize_with = "scalar")]
    file: Option<String>,
    #[serde(default, deserialize_with = "scalar")]
    size: Option<u64>,
    #[serde(default, deserialize_with = "scalar")]
    duration: Option<u64>,
}

impl PartRow {
    fn into_part(self) -> Part {
        Part {
            id: self.id.map(PartId),
            file: self.file,
            size: self.size,
            duration_ms: self.duration,
            stamp: self.stamp,
        }
    }
}

/// The change stamp in `/library/parts/{id}/{stamp}/file.ext`.
fn stamp<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    let read = |key: &str| key.strip_prefix("/library/parts/")?.split('/').nth(1)?.parse().ok();
    deserializer.deserialize_any(Peek(read)).map(Option::flatten)
}
