//! Writing items and their index entries, within the transaction of an update.

use std::ops::Bound;

use plex_api::RatingKey;
use redb::{ReadableTable, Table, WriteTransaction};

use crate::error::Error;
use crate::format::item::{ItemBody, ItemRow};
use crate::format::{envelope, place, tables};
use crate::index::external_sort::Entries;
use crate::index::postings::Postings;
use crate::model::index::Indexing;
use crate::model::item::CachedItem;
use crate::model::partition::Division;
use crate::model::revision::Revision;
use crate::model::section::{SectionId, SectionState};
use crate::store::apply::update::{Changes, Scope};
use crate::store::cascade::Beside;
use crate::store::staging::{Row, Rows, Spool};

/// Writes the rows of an update, and removes the items that are gone. `None`: damage was met, and
/// the transaction has to roll back.
pub(super) fn write_rows(
    txn: &WriteTransaction,
    indexing: Indexing,
    section: &SectionState,
    mut rows: Spool,
    scope: Scope,
    unreadable: &[u64],
) -> Result<Option<Written>, Error> {
    let mut writer = Writer::new(txn, indexing, section)?;
    match rows.take_entries() {
        Some(entries) if writer.first => writer.put_first(rows.read(), entries)?,
        _ => writer.put_all(rows.read())?,
    }
    match scope {
        Scope::Complete(listed) => writer.remove_others(listed)?,
        // Another refresh may have removed some of them before, so their number is not checked.
        Scope::Delta(gone) => drop(writer.remove(&gone)?),
    }
    let unreadable = writer.remove(unreadable)? as u64;
    writer.finish(unreadable)
}

/// What was written.
pub(super) struct Written {
    pub(super) changes: Changes,
    /// How many items there are now.
    pub(super) items: u64,
    /// How many items were removed because their rows cannot be read.
    pub(super) unreadable: u64,
    pub(super) divisions: [Division; 3],
    /// An episode was added whose show is not known.
    pub(super) strange: bool,
    /// Keys of items that were written or removed, if the section has a position.
    pub(super) touched: Vec<u64>,
    /// The section was empty before.
    pub(super) first: bool,
}

struct Writer<'txn> {
    section: SectionId,
    revision: Revision,
    items: Table<'txn, (u32, u64), &'static [u8]>,
    beside: Beside<'txn>,
    postings: Postings<'txn>,
    /// The known shows; `None`: the section's shows were not listed yet.
    shows: Option<Table<'txn, (u32, u64), &'static [u8]>>,
    /// An episode was added whose show is not among them.
    strange: bool,
    /// The section was empty, so rows need no comparison.
    first: bool,
    count: u64,
    changes: Changes,
    /// Keys of items that were written or removed; `None` if the section has no position in a shared
    /// tier.
    touched: Option<Vec<u64>>,
    damaged: bool,
    bytes: Vec<u8>,
}

/// How an item in the file compares with the row that was read.
enum Before {
    /// There is no such item in the file.
    None,
    /// All bytes are equal.
    Equal,
    /// The fields that matching uses are equal, so `changed_at` stays. It is given here.
    SameContent(Revision),
    /// The content differs. This is the item in the file.
    Other(Box<CachedItem>),
}

impl<'txn> Writer<'txn> {
    fn new(
        txn: &'txn WriteTransaction,
        indexing: Indexing,
        section: &SectionState,
    ) -> Result<Self, Error> {
        let revision = section.revision.next();
        Ok(Self {
            section: section.id,
            revision,
            items: txn.open_table(tables::ITEMS).map_err(Error::storage("writing items"))?,
            beside: Beside::open(txn)?,
            postings: Postings::new(txn, indexing, section, revision),
            shows: section
                .shows
                .map(|_| txn.open_table(tables::SHOWS))
                .transpose()
                .map_err(Error::storage("writing items"))?,
            strange: false,
            first: section.items == 0,
            count: section.items,
            changes: Changes::default(),
            touched: section.position.is_some().then(Vec::new),
            damaged: false,
            bytes: Vec::new(),
        })
    }

    fn put_all(&mut self, mut rows: Rows) -> Result<(), Error> {
        while rows.advance()? {
            self.put(rows.row())?;
        }
        Ok(())
    }

    /// Appends the rows of an empty section, and then writes their indexes. The server was asked for
    /// ascending keys, so the file's pages are filled once and in order.
    fn put_first(&mut self, mut rows: Rows, entries: Entries) -> Result<(), Error> {
        let doing = "writing items";
        let Self { section, revision, items, postings, bytes, .. } = self;
        let end = Bound::Included((section.0, u64::MAX));
        let mut cursor = items.upper_bound_mut(end).map_err(Error::storage(doing))?;
        let before = cursor.peek_prev().map_err(Error::storage(doing))?;
        if before.is_some_and(|(key, _)| key.value().0 == section.0) {
            // The section counts no items, but has one.
            self.damaged = true;
            return Ok(());
        }
        let mut added = 0;
        while rows.advance()? {
            let Row { key, body } = rows.row();
            body.seal(place::item(*section, key), *revision, bytes);
            cursor
                .insert_before((section.0, key), bytes.as_slice())
                .map_err(Error::storage(doing))?;
            added += 1;
        }
        cursor.close().map_err(Error::storage(doing))?;
        drop(rows); // the temporary file goes before the indexes are written
        self.count += added;
        self.changes.added += added;
        postings.enter_all(entries)
    }

    fn put(&mut self, row: Row<'_>) -> Result<(), Error> {
        let Row { key, body, .. } = row;
        match self.before(key, body)? {
            Before::Equal => self.changes.unchanged += 1,
            Before::SameContent(changed_at) => {
                self.changes.unchanged += 1;
                // Backdating: the content is the same, so `changed_at` stays where it was.
                self.write(key, changed_at, body)?;
            }
            Before::None => {
                self.changes.added += 1;
                self.count += 1;
                let item = row.item()?;
                self.meet(&item)?;
                self.postings.enter(&item)?;
                self.write(key, self.revision, body)?;
            }
            Before::Other(before) => {
                self.changes.changed += 1;
                let item = row.item()?;
                if item.grandparent != before.grandparent {
                    self.meet(&item)?;
                }
                self.postings.leave(&before)?;
                self.postings.enter(&item)?;
                self.write(key, self.revision, body)?;
            }
        }
        Ok(())
    }

    /// Checks whether the show of an item is known.
    fn meet(&mut self, item: &CachedItem) -> Result<(), Error> {
        if let Some(shows) = &self.shows {
            let doing = "looking for a show";
            let known = match item.grandparent {
                Some(key) => shows.get((self.section.0, key.0)).map_err(Error::storage(doing))?,
                None => None,
            };
            self.strange |= known.is_none();
        }
        Ok(())
    }

    fn before(&mut self, key: u64, body: ItemBody<'_>) -> Result<Before, Error> {
        let doing = "comparing items";
        let value = self.items.get((self.section.0, key)).map_err(Error::storage(doing))?;
        let Some(value) = value else { return Ok(Before::None) };
        let opened = ItemBody::open(place::item(self.section, key), value.value());
        let before = opened.and_then(|(changed_at, before)| {
            Ok(match before {
                before if before == body => Before::Equal,
                before if before.same_content(body) => Before::SameContent(changed_at),
                before => Before::Other(Box::new(before.item()?)),
            })
        });
        self.damaged |= before.is_err();
        Ok(before.unwrap_or(Before::None))
    }

    /// Removes every item that was not listed.
    fn remove_others(&mut self, mut listed: Vec<u64>) -> Result<(), Error> {
        let doing = "removing items that are gone";
        listed.sort_unstable();
        listed.dedup();
        if listed.len() as u64 == self.count {
            return Ok(());
        }
        let mut gone = Vec::new();
        let range = tables::whole(self.section);
        for row in self.items.range(range).map_err(Error::storage(doing))? {
            let (key, _) = row.map_err(Error::storage(doing))?;
            let (_, key) = key.value();
            if listed.binary_search(&key).is_err() {
                gone.push(key);
            }
        }
        // All these keys were just read from the table. If one is not found now, this is damage.
        self.damaged |= self.remove(&gone)? < gone.len();
        // Now only listed items are left. If the section counts more items than were listed, a
        // counted item is not in the file.
        self.damaged |= self.count > listed.len() as u64;
        Ok(())
    }

    /// Removes items; returns how many there were.
    fn remove(&mut self, gone: &[u64]) -> Result<usize, Error> {
        let mut found = 0;
        let doing = "removing items that are gone";
        for &key in gone {
            self.beside.remove(self.section, RatingKey(key))?;
            let removed =
                self.items.remove((self.section.0, key)).map_err(Error::storage(doing))?;
            let Some(removed) = removed else { continue };
            found += 1;
            let place = place::item(self.section, key);
            let Ok(before) = envelope::open::<ItemRow>(place, removed.value()) else {
                self.damaged = true;
                continue;
            };
            drop(removed);
            self.touched.iter_mut().for_each(|touched| touched.push(key));
            self.postings.leave(&before.item.into_item())?;
            self.changes.removed += 1;
            self.count = self.count.saturating_sub(1);
        }
        Ok(found)
    }

    /// `None`: damage was met.
    fn finish(self, unreadable: u64) -> Result<Option<Written>, Error> {
        let Some(divisions) = self.postings.finish()? else { return Ok(None) };
        // After the first listing, items are not compared with the known shows one by one.
        let strange = self.strange || self.first;
        let touched = self.touched.unwrap_or_default();
        let Self { changes, count: items, first, .. } = self;
        let written = Written { changes, items, unreadable, divisions, strange, touched, first };
        Ok((!self.damaged).then_some(written))
    }

    fn write(&mut self, key: u64, changed_at: Revision, body: ItemBody<'_>) -> Result<(), Error> {
        self.touched.iter_mut().for_each(|touched| touched.push(key));
        body.seal(place::item(self.section, key), changed_at, &mut self.bytes);
        self.items
            .insert((self.section.0, key), self.bytes.as_slice())
            .map_err(Error::storage("writing items"))?;
        Ok(())
    }
}
