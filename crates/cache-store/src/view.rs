//! A read view: one read transaction, shared by the threads of a batch.
//!
//! A damaged value is reported to the store and read as missing. What was computed from a
//! view may be believed only if [`crate::Store::take_damaged`] then names no section of it.

use plex_api::RatingKey;
use redb::{ReadOnlyTable, ReadTransaction, ReadableTable};

use crate::codec;
use crate::error::Error;
use crate::index::{Bucket, Index};
use crate::item::CachedItem;
use crate::lookup::longest_plain_name;
use crate::matches::{MatchKey, MatchRecord, Outcome};
use crate::record::{BucketRow, ItemRow, MatchRow, SectionRow};
use crate::section::{SectionId, SectionState};
use crate::stamp::Revision;
use crate::store::{Damage, unwound};
use crate::table;

/// An item with the revision at which it last really changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// The item.
    pub item: CachedItem,
    /// When its content last changed.
    pub changed_at: Revision,
}

/// Everything read through a view is of one moment.
pub struct View<'store> {
    damage: &'store Damage,
    sections: ReadOnlyTable<u32, &'static [u8]>,
    items: ReadOnlyTable<(u32, u64), &'static [u8]>,
    names: ReadOnlyTable<(u32, u64), &'static [u8]>,
    guids: ReadOnlyTable<(u32, u64), &'static [u8]>,
    titles: ReadOnlyTable<(u32, u64), &'static [u8]>,
    matches: ReadOnlyTable<(u32, [u8; 16]), &'static [u8]>,
}

impl<'store> View<'store> {
    pub(crate) fn new(txn: &ReadTransaction, damage: &'store Damage) -> Result<Self, Error> {
        let doing = "starting to read";
        let index = |index| txn.open_table(table::index(index)).map_err(Error::storage(doing));
        Ok(Self {
            damage,
            sections: txn.open_table(table::SECTIONS).map_err(Error::storage(doing))?,
            items: txn.open_table(table::ITEMS).map_err(Error::storage(doing))?,
            names: index(Index::Names)?,
            guids: index(Index::Guids)?,
            titles: index(Index::Titles)?,
            matches: txn.open_table(table::MATCHES).map_err(Error::storage(doing))?,
        })
    }

    /// Every section the file knows, by its number.
    pub fn sections(&self) -> Result<Vec<SectionState>, Error> {
        let doing = "reading its sections";
        unwound(doing, || {
            let mut states = Vec::new();
            for row in self.sections.iter().map_err(Error::storage(doing))? {
                let (key, value) = row.map_err(Error::storage(doing))?;
                let id = SectionId(key.value());
                match codec::open::<SectionRow>(table::section_place(id), value.value()) {
                    Ok(row) => states.push(row.into_state(id)),
                    Err(_) => self.damage.found(id, "section"),
                }
            }
            Ok(states)
        })
    }

    /// One section.
    pub fn section(&self, id: SectionId) -> Result<Option<SectionState>, Error> {
        let doing = "reading a section";
        let place = table::section_place(id);
        let row = self.get::<SectionRow, _>(&self.sections, id.0, place, id, doing)?;
        Ok(row.map(|row| row.into_state(id)))
    }

    /// One item.
    pub fn item(&self, section: SectionId, key: RatingKey) -> Result<Option<Kept>, Error> {
        let place = table::item_place(section, key.0);
        let doing = "reading an item";
        let row = self.get::<ItemRow, _>(&self.items, (section.0, key.0), place, section, doing)?;
        Ok(row.map(|row| Kept { changed_at: Revision(row.changed_at), item: row.item.into_item() }))
    }

    /// An item of a section and the name of its file, if there is one near the beginning whose
    /// name can be spelled in one way only.
    pub(crate) fn any_plain_file(
        &self,
        section: SectionId,
    ) -> Result<Option<(RatingKey, String)>, Error> {
        let doing = "reading an item";
        unwound(doing, || {
            let rows = self.items.range(table::whole(section)).map_err(Error::storage(doing))?;
            let mut items = Vec::new();
            for row in rows.take(100) {
                let (key, value) = row.map_err(Error::storage(doing))?;
                let (_, key) = key.value();
                let place = table::item_place(section, key);
                items.extend(codec::open::<ItemRow>(place, value.value()));
            }
            Ok(longest_plain_name(items.into_iter().map(|row| row.item.into_item())))
        })
    }

    /// The rating keys of a section, ascending.
    pub fn keys(&self, section: SectionId) -> Result<Vec<u64>, Error> {
        let doing = "reading the keys of a section";
        unwound(doing, || {
            let mut keys = Vec::new();
            for row in self.items.range(table::whole(section)).map_err(Error::storage(doing))? {
                let (key, _) = row.map_err(Error::storage(doing))?;
                keys.push(key.value().1);
            }
            Ok(keys)
        })
    }

    /// The items that share a hash in an index.
    pub fn bucket(
        &self,
        index: Index,
        section: SectionId,
        hash: u64,
    ) -> Result<Option<Bucket>, Error> {
        let table = match index {
            Index::Names => &self.names,
            Index::Guids => &self.guids,
            Index::Titles => &self.titles,
        };
        let place = table::bucket_place(index, section, hash);
        let doing = "reading an index";
        let row = self.get::<BucketRow, _>(table, (section.0, hash), place, section, doing)?;
        Ok(row.map(BucketRow::into_bucket))
    }

    /// A remembered match, whether it still holds or not.
    pub fn remembered(
        &self,
        section: SectionId,
        key: &MatchKey,
    ) -> Result<Option<MatchRecord>, Error> {
        let doing = "reading a match";
        let place = table::match_place(section, key);
        let row =
            self.get::<MatchRow, _>(&self.matches, (section.0, key.0), place, section, doing)?;
        Ok(row.and_then(MatchRow::into_record))
    }

    /// A remembered match, if there is one and it still holds.
    pub fn valid_match(
        &self,
        section: &SectionState,
        key: &MatchKey,
    ) -> Result<Option<MatchRecord>, Error> {
        let Some(record) = self.remembered(section.id, key)? else { return Ok(None) };
        Ok(self.holds(section, &record)?.then_some(record))
    }

    /// Whether a remembered match still holds.
    ///
    /// Cheapest test first: nothing in the section changed since it was verified; else, for
    /// an answer that names items, neither the items nor the buckets it was made from did. In
    /// a section with a change that is not explained only the first test counts.
    pub fn holds(&self, section: &SectionState, record: &MatchRecord) -> Result<bool, Error> {
        if section.revision <= record.verified_at {
            return Ok(true);
        }
        if section.is_unexplained() {
            return Ok(false);
        }
        let (first, rest) = match &record.outcome {
            Outcome::Absent => return Ok(false),
            _ if record.depends.whole_section => return Ok(false),
            Outcome::Found { rating_key, others, .. } => (Some(rating_key), others),
            Outcome::Ambiguous(keys) => (None, keys),
        };
        for &key in first.into_iter().chain(rest) {
            match self.item(section.id, key)? {
                Some(kept) if kept.changed_at <= record.verified_at => {}
                _ => return Ok(false),
            }
        }
        for &(index, hash) in &record.depends.buckets {
            match self.bucket(index, section.id, hash)? {
                Some(bucket) if bucket.changed_at > record.verified_at => return Ok(false),
                // An empty bucket holds none of the items answered with (they did not change),
                // so whatever was in it had been rejected, and stays so.
                Some(_) | None => {}
            }
        }
        Ok(true)
    }

    fn get<R: codec::Record, K: redb::Key + 'static>(
        &self,
        table: &ReadOnlyTable<K, &'static [u8]>,
        key: impl for<'k> std::borrow::Borrow<K::SelfType<'k>>,
        place: codec::Place,
        section: SectionId,
        doing: &'static str,
    ) -> Result<Option<R>, Error> {
        unwound(doing, || {
            let Some(value) = table.get(key).map_err(Error::storage(doing))? else {
                return Ok(None);
            };
            let record = codec::open::<R>(place, value.value());
            if record.is_err() {
                self.damage.found(section, doing);
            }
            Ok(record.ok())
        })
    }
}
