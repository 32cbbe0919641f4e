//! The frame around every answer: `{"MediaContainer": {...}}`.

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::json::lenient::{Object, list, scalar};
use crate::json::row::Hoisted;

/// The outermost object. Answers of PMS 0.9 have `_elementType` in place of `MediaContainer`.
#[derive(Deserialize)]
#[serde(bound(deserialize = "C: Deserialize<'de>"))]
pub(crate) struct Envelope<C> {
    #[serde(rename = "MediaContainer")]
    pub(crate) container: Option<Object<C>>,
    #[serde(default, rename = "_elementType")]
    pub(crate) old_generation: Option<IgnoredAny>,
}

/// A list of rows. `R` is an item, or raw text during the search for a row that does not decode.
#[derive(Deserialize)]
#[serde(bound(deserialize = "R: Deserialize<'de>"))]
pub(crate) struct Rows<R> {
    #[serde(default, deserialize_with = "scalar")]
    pub(crate) size: Option<u64>,
    #[serde(default, rename = "totalSize", deserialize_with = "scalar")]
    pub(crate) total: Option<u64>,
    #[serde(default, deserialize_with = "scalar")]
    pub(crate) offset: Option<u64>,
    #[serde(default, rename = "librarySectionUUID", deserialize_with = "scalar")]
    pub(crate) section_uuid: Option<String>,
    #[serde(default, rename = "librarySectionID", deserialize_with = "scalar")]
    section: Option<u64>,
    #[serde(default, rename = "grandparentTitle", deserialize_with = "scalar")]
    grandparent_title: Option<String>,
    #[serde(default, rename = "parentTitle", deserialize_with = "scalar")]
    parent_title: Option<String>,
    #[serde(default, rename = "grandparentRatingKey", deserialize_with = "scalar")]
    grandparent_rating_key: Option<u64>,
    #[serde(default, rename = "parentRatingKey", deserialize_with = "scalar")]
    parent_rating_key: Option<u64>,
    #[serde(default, rename = "parentIndex", deserialize_with = "scalar")]
    parent_index: Option<u64>,
    #[serde(default, rename = "Metadata", deserialize_with = "list")]
    pub(crate) metadata: Vec<R>,
    /// Folders, "All episodes" and similar rows, beside the items.
    #[serde(default, rename = "Directory", deserialize_with = "list")]
    pub(crate) directories: Vec<R>,
    /// Searches wrap each row in an object.
    #[serde(default, rename = "SearchResult", deserialize_with = "list")]
    pub(crate) found: Vec<Found<R>>,
    /// Hubs group their rows.
    #[serde(default, rename = "Hub", deserialize_with = "list")]
    pub(crate) hubs: Vec<Hub<R>>,
}

/// A search result: one row beside its score.
#[derive(Deserialize)]
#[serde(bound(deserialize = "R: Deserialize<'de>"))]
pub(crate) struct Found<R> {
    #[serde(rename = "Metadata")]
    metadata: Option<R>,
    #[serde(rename = "Directory")]
    directory: Option<R>,
}

impl<R> Found<R> {
    pub(crate) fn into_rows(self) -> impl Iterator<Item = R> {
        self.metadata.into_iter().chain(self.directory)
    }
}

/// A group of rows.
#[derive(Deserialize)]
#[serde(bound(deserialize = "R: Deserialize<'de>"))]
pub(crate) struct Hub<R> {
    #[serde(default, rename = "Metadata", deserialize_with = "list")]
    metadata: Vec<R>,
    #[serde(default, rename = "Directory", deserialize_with = "list")]
    directories: Vec<R>,
}

impl<R> Hub<R> {
    pub(crate) fn into_rows(self) -> impl Iterator<Item = R> {
        self.metadata.into_iter().chain(self.directories)
    }
}

impl<R> Rows<R> {
    /// Takes the values that the container gives for all of its rows.
    pub(crate) fn take_hoisted(&mut self) -> Hoisted {
        Hoisted {
            section: self.section,
            grandparent_title: self.grandparent_title.take(),
            parent_title: self.parent_title.take(),
            grandparent_rating_key: self.grandparent_rating_key,
            parent_rating_key: self.parent_rating_key,
            parent_index: self.parent_index,
        }
    }
}

/// A list of sections.
#[derive(Deserialize)]
#[serde(bound(deserialize = "R: Deserialize<'de>"))]
pub(crate) struct Sections<R> {
    #[serde(default, deserialize_with = "scalar")]
    pub(crate) size: Option<u64>,
    #[serde(default, rename = "Directory", deserialize_with = "list")]
    pub(crate) directories: Vec<R>,
}
