//! An item's editable fields on disk.

use plex_api::{Field, ItemKind, TagField, UnixSeconds};

use crate::format::envelope::{Decode, Encode, Record};
use crate::model::metadata::Metadata;

/// Numbers on disk: the position in this list. Only ever append.
const FIELDS: [Field; 10] = Field::ALL;
/// Numbers on disk: the position in this list. Only ever append.
const TAG_FIELDS: [TagField; 10] = TagField::ALL;

/// [`Metadata`] on disk.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub(crate) struct MetadataRow {
    kind: u32,
    values: Vec<(u8, String)>,
    tags: Vec<(u8, Vec<String>)>,
    locked: Vec<String>,
    sent: Vec<(String, String)>,
    updated_at: Option<i64>,
    pub(crate) read_at: i64,
}

impl Record for MetadataRow {
    const SCHEMA: u16 = 1;
}

impl MetadataRow {
    pub(crate) fn new(metadata: &Metadata) -> Self {
        let values = metadata.values.iter().map(|(f, value)| (number(&FIELDS, f), value.clone()));
        let tags = metadata.tags.iter().map(|(f, tags)| (number(&TAG_FIELDS, f), tags.clone()));
        Self {
            kind: metadata.kind.type_number(),
            values: values.collect(),
            tags: tags.collect(),
            locked: metadata.locked.clone(),
            sent: metadata.sent.clone().into_iter().collect(),
            updated_at: metadata.updated_at.map(|at| at.0),
            read_at: metadata.read_at.0,
        }
    }

    /// `None` when a number on disk is unknown.
    pub(crate) fn into_metadata(self) -> Option<Metadata> {
        let values = self.values.into_iter().map(|(n, v)| Some((*FIELDS.get(usize::from(n))?, v)));
        let tags = self.tags.into_iter().map(|(n, t)| Some((*TAG_FIELDS.get(usize::from(n))?, t)));
        Some(Metadata {
            kind: ItemKind::from_type_number(self.kind),
            values: values.collect::<Option<_>>()?,
            tags: tags.collect::<Option<_>>()?,
            locked: self.locked,
            sent: self.sent.into_iter().collect(),
            updated_at: self.updated_at.map(UnixSeconds),
            read_at: UnixSeconds(self.read_at),
        })
    }
}

fn number<T: PartialEq>(all: &[T], one: &T) -> u8 {
    let at = all.iter().position(|other| other == one);
    at.and_then(|at| u8::try_from(at).ok()).unwrap_or(u8::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The numbers are on disk, so this list and the enums may grow only at the end.
    #[test]
    fn numbers_on_disk_do_not_move() {
        assert_eq!(
            FIELDS.map(Field::name).join(" "),
            "title titleSort originalTitle summary tagline studio contentRating \
             originallyAvailableAt addedAt userRating"
        );
        assert_eq!(
            TAG_FIELDS.map(TagField::name).join(" "),
            "genre collection label director writer producer country actor mood style"
        );
    }
}
