//! What is known of an item's editable fields: what an edit is compared with.
//!
//! It is kept apart from the item, which holds what matching needs and is listed by the
//! thousand: only items that are edited have a row here. A damaged row is a missing one: the
//! item is read again.

use std::collections::BTreeMap;

use plex_api::{Field, Item, ItemKind, RatingKey, TagField, UnixSeconds};
use redb::ReadableTable;

use crate::beside::Beside;
use crate::codec::{self, Decode, Encode, Record};
use crate::edits::EditRow;
use crate::error::Error;
use crate::item::CachedItem;
use crate::record::ItemRow;
use crate::section::SectionId;
use crate::sections::section_in;
use crate::store::Store;
use crate::table;

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
}

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
    read_at: i64,
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

    /// `None` when a number is not one of ours.
    fn into_metadata(self) -> Option<Metadata> {
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

impl Store {
    /// What is known of items, in the order of `keys`; `None` for one that no section has. An
    /// item that is listed in no section (a show) is found by its metadata.
    pub fn known(&self, keys: &[RatingKey]) -> Result<Vec<Option<Known>>, Error> {
        let doing = "reading what is known of items";
        let sections: Vec<SectionId> = self.sections()?.iter().map(|state| state.id).collect();
        self.read(doing, |txn| {
            let items = txn.open_table(table::ITEMS).map_err(Error::storage(doing))?;
            let metadata = txn.open_table(table::METADATA).map_err(Error::storage(doing))?;
            let edits = txn.open_table(table::EDITS).map_err(Error::storage(doing))?;
            let mut all = Vec::with_capacity(keys.len());
            for &RatingKey(key) in keys {
                let mut known = None;
                for &section in &sections {
                    let at = (section.0, key);
                    let item = items.get(at).map_err(Error::storage(doing))?;
                    let fields = metadata.get(at).map_err(Error::storage(doing))?;
                    if item.is_none() && fields.is_none() {
                        continue;
                    }
                    let item = item.and_then(|value| {
                        let row =
                            codec::open::<ItemRow>(table::item_place(section, key), value.value());
                        if row.is_err() {
                            self.damaged(doing);
                        }
                        Some(row.ok()?.item.into_item())
                    });
                    let fields = fields.and_then(|value| {
                        let place = table::metadata_place(section, key);
                        let row = codec::open::<MetadataRow>(place, value.value());
                        if row.is_err() {
                            self.damaged(doing);
                        }
                        row.ok()?.into_metadata()
                    });
                    // A damaged row may have said "sent": then the item is read again too.
                    let unconfirmed = edits
                        .get(at)
                        .map_err(Error::storage(doing))?
                        .is_some_and(|value| EditRow::is_unconfirmed(section, key, value.value()));
                    known = Some(Known { section, item, metadata: fields, unconfirmed });
                    break;
                }
                all.push(known);
            }
            Ok(all)
        })
    }

    /// Keeps what was read of items of a section, and forgets those that are gone.
    pub fn put_metadata(
        &self,
        section: SectionId,
        read: &[(RatingKey, Metadata)],
        gone: &[RatingKey],
    ) -> Result<(), Error> {
        if read.is_empty() && gone.is_empty() {
            return Ok(());
        }
        let doing = "keeping metadata";
        self.write(doing, |txn| {
            if section_in(txn, section)?.is_none() {
                return Ok(()); // it was cleared meanwhile
            }
            let mut beside = Beside::open(txn)?;
            for key in gone {
                beside.remove(section, *key)?;
            }
            drop(beside);
            let mut rows = txn.open_table(table::METADATA).map_err(Error::storage(doing))?;
            let mut edits = txn.open_table(table::EDITS).map_err(Error::storage(doing))?;
            let mut bytes = Vec::new();
            for (key, metadata) in read {
                let place = table::metadata_place(section, key.0);
                let at = (section.0, key.0);
                let newer = {
                    let before = rows.get(at).map_err(Error::storage(doing))?;
                    let before = before.and_then(|row| codec::open(place, row.value()).ok());
                    before.is_some_and(|before: MetadataRow| before.read_at > metadata.read_at.0)
                };
                if newer {
                    continue; // somebody read it later than we asked, or had an edit confirmed
                }
                codec::seal(place, &MetadataRow::new(metadata), &mut bytes);
                rows.insert(at, bytes.as_slice()).map_err(Error::storage(doing))?;
                // What an unconfirmed edit did has been seen now, if it was sent before we asked.
                let seen = {
                    let value = edits.get(at).map_err(Error::storage(doing))?;
                    value.is_some_and(|value| {
                        EditRow::is_seen(section, key.0, value.value(), metadata.read_at)
                    })
                };
                if seen {
                    edits.remove(at).map_err(Error::storage(doing))?;
                }
            }
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The numbers are on disk: this list and the enums may grow at the end only.
    #[test]
    fn numbers_on_disk_do_not_move() {
        let names: Vec<&str> = FIELDS.iter().map(|field| field.name()).collect();
        assert_eq!(
            names,
            [
                "title",
                "titleSort",
                "originalTitle",
                "summary",
                "tagline",
                "studio",
                "contentRating",
                "originallyAvailableAt",
                "addedAt",
                "userRating"
            ]
        );
        let names: Vec<&str> = TAG_FIELDS.iter().map(|field| field.name()).collect();
        assert_eq!(
            names,
            [
                "genre",
                "collection",
                "label",
                "director",
                "writer",
                "producer",
                "country",
                "actor",
                "mood",
                "style"
            ]
        );
    }
}
