//! A read view: one read transaction that the threads of a batch share.
//!
//! A damaged value is read as missing, and the view remembers its section. A result that was
//! computed from a view is valid only if [`View::met_damage`] is false afterwards. A damaged match is
//! only missing.

mod ascending;
mod stored_item;
mod validity;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};

use plex_api::RatingKey;
use redb::{
    ReadOnlyTable, ReadTransaction, ReadableDatabase, ReadableTable, ReadableTableMetadata,
};
use tracing::warn;

use crate::error::Error;
use crate::file::commit::guard;
use crate::file::handle::CacheFile;
use crate::file::view::ascending::Ascending;
use crate::file::write_buffer::Buffered;
use crate::format::block::BlockRef;
use crate::format::{envelope, place, tables};
use crate::format::{
    item::{ItemBody, ItemRow},
    remembered::MatchRow,
    section::SectionRow,
    show::ShowRow,
};
use crate::model::index::{Bucket, Index};
use crate::model::item::{CachedItem, ItemRef};
use crate::model::partition::block;
use crate::model::remembered::{MatchKey, MatchRecord};
use crate::model::revision::Revision;
use crate::model::section::{SectionId, SectionState};
use crate::model::show::CachedShow;

pub use stored_item::StoredItem;

/// An item with the revision at which its content last changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// The item.
    pub item: CachedItem,
    /// When its content last changed.
    pub changed_at: Revision,
}

type Numbered = ReadOnlyTable<(u32, u64), &'static [u8]>;

/// A read view: everything that is read through it is from one moment.
pub struct View<'store> {
    file: &'store CacheFile,
    /// The generation of the file that this view reads.
    generation: u64,
    sections: BTreeMap<SectionId, SectionState>,
    unreadable: Vec<SectionId>,
    /// The sections in which this view met damage. Each view has its own set, so that a reader does
    /// not lose the note to another reader.
    damaged: Mutex<BTreeSet<SectionId>>,
    items: Numbered,
    names: Numbered,
    guids: Numbered,
    titles: Numbered,
    shows: Numbered,
    matches: ReadOnlyTable<(u32, [u8; 16]), &'static [u8]>,
    buffered: Buffered,
}

impl fmt::Debug for View<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sections: Vec<SectionId> = self.sections.keys().copied().collect();
        f.debug_struct("View").field("sections", &sections).finish_non_exhaustive()
    }
}

impl CacheFile {
    /// Takes a read view: everything that is read through it is from one moment.
    pub(crate) fn view(&self) -> Result<View<'_>, Error> {
        // The snapshot is taken before the transaction begins. Matches that leave the buffer in
        // between are then in the file.
        let buffered = self.buffer.snapshot();
        let view = self.with_db("starting to read", |db, at| {
            let txn = db.begin_read().map_err(Error::storage("starting to read"))?;
            View::new(self, &txn, at, buffered)
        })?;
        if let Some(last) = view.last_section() {
            self.first_free.fetch_max(last.0.saturating_add(1), Ordering::Relaxed);
        }
        Ok(view)
    }
}

impl<'store> View<'store> {
    pub(crate) fn new(
        file: &'store CacheFile,
        txn: &ReadTransaction,
        generation: u64,
        buffered: Buffered,
    ) -> Result<Self, Error> {
        let doing = "starting to read";
        let open = |definition| txn.open_table(definition).map_err(Error::storage(doing));
        let mut view = Self {
            file,
            generation,
            sections: BTreeMap::new(),
            unreadable: Vec::new(),
            damaged: Mutex::default(),
            items: open(tables::ITEMS)?,
            names: open(tables::index(Index::Names))?,
            guids: open(tables::index(Index::Guids))?,
            titles: open(tables::index(Index::Titles))?,
            shows: open(tables::SHOWS)?,
            matches: txn.open_table(tables::MATCHES).map_err(Error::storage(doing))?,
            buffered,
        };
        for row in open(tables::SECTIONS)?.iter().map_err(Error::storage(doing))? {
            let (key, value) = row.map_err(Error::storage(doing))?;
            let id = SectionId(key.value().0);
            match envelope::open::<SectionRow>(place::section(id), value.value()) {
                Ok(row) => drop(view.sections.insert(id, row.into_state(id))),
                Err(_) => view.unreadable.push(id),
            }
        }
        for &id in &view.unreadable {
            view.damaged(id, "section");
        }
        Ok(view)
    }

    /// Every section the file knows, by its number.
    pub fn sections(&self) -> Result<Vec<SectionState>, Error> {
        Ok(self.sections.values().cloned().collect())
    }

    /// One section.
    pub fn section(&self, id: SectionId) -> Result<Option<SectionState>, Error> {
        Ok(self.sections.get(&id).cloned())
    }

    /// The sections whose rows cannot be decoded.
    pub(crate) fn unreadable_sections(&self) -> &[SectionId] {
        &self.unreadable
    }

    /// The highest section number in use.
    pub(crate) fn last_section(&self) -> Option<SectionId> {
        self.sections.keys().chain(&self.unreadable).max().copied()
    }

    /// One item.
    pub fn item(&self, section: SectionId, key: RatingKey) -> Result<Option<Kept>, Error> {
        let doing = "reading an item";
        self.guarded(doing, || {
            let value = self.items.get((section.0, key.0)).map_err(Error::storage(doing))?;
            let Some(value) = value else { return Ok(None) };
            let row = envelope::open::<ItemRow>(place::item(section, key.0), value.value());
            if row.is_err() {
                self.damaged(section, doing);
            }
            Ok(row.ok().map(kept))
        })
    }

    /// An item that a bucket names, on its page. A missing item is damage, because one transaction
    /// writes items and indexes together.
    pub fn indexed_item(
        &self,
        section: SectionId,
        key: RatingKey,
    ) -> Result<Option<StoredItem<'_>>, Error> {
        let doing = "reading an item";
        let value = self
            .guarded(doing, || self.items.get((section.0, key.0)).map_err(Error::storage(doing)))?;
        if value.is_none() {
            self.damaged(section, "an indexed item");
        }
        Ok(value.map(|value| StoredItem::new(section, key, value)))
    }

    /// Reads an item without copying its text. `None`: the item is damaged.
    pub fn read<'a>(&self, stored: &'a StoredItem<'_>) -> Result<Option<ItemRef<'a>>, Error> {
        let StoredItem { section, key, value, .. } = stored;
        let doing = "reading an item";
        // redb panics when it takes a value from some damaged pages.
        self.guarded(doing, || {
            let item = ItemBody::borrow(place::item(*section, key.0), value.value());
            if item.is_err() {
                self.damaged(*section, doing);
            }
            Ok(item.ok())
        })
    }

    /// Every item of a section, by ascending rating key. A damaged item is reported and left out.
    /// If the number of items differs from the section's count, that is reported at the end.
    pub fn scan(
        &self,
        section: SectionId,
    ) -> Result<impl Iterator<Item = Result<(RatingKey, Kept), Error>> + '_, Error> {
        let doing = "reading the items of a section";
        let expected = self.sections.get(&section).map_or(0, |state| state.items);
        let mut rows = self.guarded(doing, || {
            self.items.range(tables::whole(section)).map_err(Error::storage(doing))
        })?;
        let mut seen = 0_u64;
        let mut next = move || -> Result<Option<(RatingKey, Kept)>, Error> {
            for row in rows.by_ref() {
                let (key, value) = row.map_err(Error::storage(doing))?;
                let (_, key) = key.value();
                seen += 1;
                match envelope::open::<ItemRow>(place::item(section, key), value.value()) {
                    Ok(row) => return Ok(Some((RatingKey(key), kept(row)))),
                    Err(_) => self.damaged(section, "an item"),
                }
            }
            if seen != expected {
                self.damaged(section, "the count of items");
            }
            Ok(None)
        };
        let mut ended = false;
        Ok(std::iter::from_fn(move || {
            if ended {
                return None;
            }
            let item = self.guarded(doing, &mut next).transpose();
            ended = !matches!(item, Some(Ok(_)));
            item
        }))
    }

    /// The shows of a section, by ascending rating key. Damaged shows are left out.
    pub fn shows(&self, section: SectionId) -> Result<Vec<CachedShow>, Error> {
        let doing = "reading the shows of a section";
        self.guarded(doing, || {
            let mut shows = Vec::new();
            for row in self.shows.range(tables::whole(section)).map_err(Error::storage(doing))? {
                let (key, value) = row.map_err(Error::storage(doing))?;
                let (_, key) = key.value();
                match envelope::open::<ShowRow>(place::show(section, key), value.value()) {
                    Ok(row) => shows.push(row.into_show(RatingKey(key))),
                    Err(_) => self.damaged(section, "a show"),
                }
            }
            // A show that vanished would look like a show that the section does not have.
            let count = self.sections.get(&section).and_then(|state| Some(state.shows?.count));
            if count.is_some_and(|count| count != shows.len() as u64) {
                self.damaged(section, "the count of shows");
            }
            Ok(shows)
        })
    }

    /// The first items of a section. Damaged items are left out.
    pub(crate) fn first_items(
        &self,
        section: SectionId,
        count: usize,
    ) -> Result<Vec<CachedItem>, Error> {
        let doing = "reading an item";
        self.guarded(doing, || {
            let rows = self.items.range(tables::whole(section)).map_err(Error::storage(doing))?;
            let mut items = Vec::new();
            for row in rows.take(count) {
                let (key, value) = row.map_err(Error::storage(doing))?;
                let (_, key) = key.value();
                let row = envelope::open::<ItemRow>(place::item(section, key), value.value());
                items.extend(row.map(|row| row.item.into_item()));
            }
            Ok(items)
        })
    }

    /// The rating keys of a section, ascending.
    pub fn keys(&self, section: SectionId) -> Result<Vec<u64>, Error> {
        let doing = "reading the keys of a section";
        self.guarded(doing, || {
            let mut keys = Vec::new();
            for row in self.items.range(tables::whole(section)).map_err(Error::storage(doing))? {
                let (key, _) = row.map_err(Error::storage(doing))?;
                keys.push(key.value().1);
            }
            Ok(keys)
        })
    }

    /// The items that share a hash in an index. `Ok(None)` proves that there are none, unless
    /// damage is reported: the whole block that should hold the bucket was read.
    pub fn bucket(
        &self,
        index: Index,
        section: SectionId,
        hash: u64,
    ) -> Result<Option<Bucket>, Error> {
        Ok(self.buckets(index, section, &[hash])?.pop().flatten())
    }

    /// [`View::bucket`] for many hashes, with results in their order. Blocks are read in the order
    /// of the file, which is several times as fast as one by one.
    pub fn buckets(
        &self,
        index: Index,
        section: SectionId,
        hashes: &[u64],
    ) -> Result<Vec<Option<Bucket>>, Error> {
        let mut buckets = vec![None; hashes.len()];
        let Some(state) = self.sections.get(&section) else {
            // The caller knows the section, so its row existed.
            self.damaged(section, "section");
            return Ok(buckets);
        };
        let at = Index::ALL.iter().position(|&other| other == index);
        let division = at.and_then(|at| state.divisions.get(at)).copied().unwrap_or_default();
        // The sealed section row says that nothing was ever indexed.
        let Some(bits) = division.bits else { return Ok(buckets) };
        let table = match index {
            Index::Names => &self.names,
            Index::Guids => &self.guids,
            Index::Titles => &self.titles,
        };
        let doing = "reading an index";
        let mut order: Vec<(u64, usize)> =
            hashes.iter().enumerate().map(|(at, &hash)| (hash, at)).collect();
        order.sort_unstable();
        let number = |(hash, _): &(u64, usize)| block(bits, *hash);
        let (Some(first), Some(last)) = (order.first().map(number), order.last().map(number))
        else {
            return Ok(buckets);
        };
        let ends = ((section.0, first), (section.0, last));
        self.guarded(doing, || {
            let each = order.chunk_by(|a, b| number(a) == number(b));
            let (asked, between) = (each.clone().count(), u128::from(last - first));
            let mut blocks = Ascending::new(table, doing, ends, asked, between)?;
            for of_block in each {
                let Some(number) = of_block.first().map(number) else { continue };
                let value = blocks.get((section.0, number))?;
                let place = place::block(index, section, number);
                let found = value.ok_or(envelope::Damage::Envelope).and_then(|value| {
                    let content = BlockRef::open(place, bits, value)?;
                    for &(hash, at) in of_block {
                        let bucket = content.find(hash)?;
                        if let Some(slot) = buckets.get_mut(at) {
                            *slot = bucket;
                        }
                    }
                    Ok(())
                });
                if found.is_err() {
                    self.damaged(section, doing);
                }
            }
            Ok(())
        })?;
        Ok(buckets)
    }

    /// A remembered match, whether it still holds or not.
    pub fn remembered(
        &self,
        section: SectionId,
        key: &MatchKey,
    ) -> Result<Option<MatchRecord>, Error> {
        let row = if let Some(row) = self.buffered.get(section, key) {
            Some(row.clone())
        } else {
            let doing = "reading a match";
            let place = place::remembered(section, key);
            self.guarded(doing, || {
                let value = self.matches.get((section.0, key.0)).map_err(Error::storage(doing))?;
                Ok(value.and_then(|value| self.file.opened(place, value.value(), doing)))
            })?
        };
        Ok(row.and_then(MatchRow::into_record))
    }

    /// [`View::remembered`] for many keys, which must be ascending, in their order. This is several
    /// times as fast as one by one if nearly every match between them is asked for.
    pub fn many_remembered(
        &self,
        section: SectionId,
        keys: &[MatchKey],
    ) -> Result<Vec<Option<MatchRecord>>, Error> {
        let doing = "reading a match";
        let (Some(first), Some(last)) = (keys.first(), keys.last()) else { return Ok(Vec::new()) };
        let ends = ((section.0, first.0), (section.0, last.0));
        self.guarded(doing, || {
            let rows = self.matches.len().map_err(Error::storage(doing))?;
            let between = rows_between(rows, first, last);
            let mut rows = Ascending::new(&self.matches, doing, ends, keys.len(), between)?;
            let mut records = Vec::with_capacity(keys.len());
            for key in keys {
                let found = if let Some(buffered) = self.buffered.get(section, key) {
                    Some(buffered.clone())
                } else {
                    let place = place::remembered(section, key);
                    let value = rows.get((section.0, key.0))?;
                    value.and_then(|value| self.file.opened(place, value, doing))
                };
                records.push(found.and_then(MatchRow::into_record));
            }
            Ok(records)
        })
    }

    /// Whether this view met damage in a section. If so, nothing that was read from the section is
    /// valid.
    pub fn met_damage(&self, section: SectionId) -> bool {
        self.damaged.lock().unwrap_or_else(PoisonError::into_inner).contains(&section)
    }

    fn damaged(&self, section: SectionId, what: &'static str) {
        let first = self.damaged.lock().unwrap_or_else(PoisonError::into_inner).insert(section);
        self.file.count_damaged();
        if first {
            warn!(section = section.0, what, "damaged record: the section will be listed again");
        }
    }

    /// Runs a read. If redb meets damage, this view ends, because the file is replaced.
    fn guarded<T>(
        &self,
        doing: &'static str,
        work: impl FnOnce() -> Result<T, Error>,
    ) -> Result<T, Error> {
        guard(doing, work).map_err(|error| self.file.heal(error, self.generation))
    }
}

/// How many of a table's rows are expected between two keys, because keys are hashes.
fn rows_between(rows: u64, first: &MatchKey, last: &MatchKey) -> u128 {
    let place = |key: &MatchKey| u128::from_be_bytes(key.0) >> 64;
    (u128::from(rows) * place(last).saturating_sub(place(first))) >> 64
}

fn kept(row: ItemRow) -> Kept {
    Kept { changed_at: Revision(row.changed_at), item: row.item.into_item() }
}
