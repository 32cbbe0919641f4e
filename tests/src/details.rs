//! Data from people and agents that matching does not read: texts, tags, locks, images. Edits set
//! them, and rows contain them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use crate::row::Shape;

/// The tag fields: the name in edits, the name in rows.
pub(crate) const TAGS: [(&str, &str); 11] = [
    ("genre", "Genre"),
    ("collection", "Collection"),
    ("label", "Label"),
    ("director", "Director"),
    ("writer", "Writer"),
    ("producer", "Producer"),
    ("country", "Country"),
    ("actor", "Role"),
    ("mood", "Mood"),
    ("style", "Style"),
    ("similar", "Similar"),
];

/// The most tags of a field that a listing sends. Only a read by key sends all.
const TAGS_OF_A_LISTING: usize = 3;

/// Data from people and agents for which [`Item`](crate::library::Item) has no fields.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Details {
    /// Values by field name: `tagline`, `studio`, `userRating`, ...
    pub fields: BTreeMap<String, Value>,
    /// Tags by the field's name in edits: `genre`, `label`, ...
    pub tags: BTreeMap<String, Vec<String>>,
    /// Names of fields that agents may not overwrite.
    pub locked: BTreeSet<String>,
    /// The server answers every edit of this item with 400.
    pub poisoned: bool,
    /// Uploaded images, oldest first.
    pub images: Vec<Image>,
}

/// An uploaded image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// `posters` or `arts`.
    pub kind: &'static str,
    /// The image.
    pub bytes: Vec<u8>,
}

impl Details {
    /// The tags of a field, by its name in edits.
    pub fn tags_of(&self, field: &str) -> &[String] {
        self.tags.get(field).map_or(&[], Vec::as_slice)
    }

    /// The part of a row with these data.
    pub(crate) fn row(&self, shape: &Shape) -> Map<String, Value> {
        let mut row = Map::new();
        for (name, value) in &self.fields {
            if !shape.leaves_out_field(name) {
                row.insert(name.clone(), value.clone());
            }
        }
        for (name, element) in TAGS {
            let tags = self.tags_of(name);
            let count = if shape.full { tags.len() } else { TAGS_OF_A_LISTING.min(tags.len()) };
            if count > 0 && !shape.leaves_out_element(element) {
                let tags = tags[..count].iter().map(|tag| json!({ "tag": tag }));
                row.insert(element.to_owned(), tags.collect());
            }
        }
        if shape.full && !self.locked.is_empty() && !shape.leaves_out_element("Field") {
            let locked = self.locked.iter().map(|name| json!({ "locked": true, "name": name }));
            row.insert("Field".to_owned(), locked.collect());
        }
        row
    }
}
