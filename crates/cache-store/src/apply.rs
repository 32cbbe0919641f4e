//! Applying a refresh: one write transaction in which items, indexes, stamp and revision move
//! together or not at all.

use plex_api::UnixSeconds;
use redb::{ReadableTable, Table, WriteTransaction};

use crate::codec;
use crate::error::Error;
use crate::index::Indexing;
use crate::item::CachedItem;
use crate::postings::Postings;
use crate::record::{ItemFields, ItemRow};
use crate::section::{Lookups, SectionId, SectionState};
use crate::shelf::Division;
use crate::spool::Spool;
use crate::stamp::{Revision, SectionStamp};
use crate::store::{Store, put_section, section_in};
use crate::table::{self, Goes};

/// What a refresh read, and what has to be true for it to count.
pub(crate) struct Update {
    /// The section as it was when the refresh began.
    pub(crate) base: SectionState,
    pub(crate) rows: Spool,
    pub(crate) scope: Scope,
    /// What the items explain afterwards.
    pub(crate) stamp: SectionStamp,
    /// What was observed; differs from `stamp` while a change is not explained.
    pub(crate) observed: SectionStamp,
    pub(crate) now: UnixSeconds,
    /// Rows the server lists that cannot be kept.
    pub(crate) unsupported: u64,
    /// How many rows the server says there are; `None` where only some were looked at.
    pub(crate) total: Option<u64>,
    /// The change counter moved, so a delta that changes nothing explains nothing.
    pub(crate) must_change: bool,
    /// Whether the section is known completely afterwards.
    pub(crate) complete: bool,
    /// Everything that was edited is among the rows.
    pub(crate) metadata: bool,
    /// What lookups have cost and shown so far.
    pub(crate) lookups: Lookups,
}

/// How much of the section the rows are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Scope {
    /// These are all keys there are: others are gone, and those without a row are as they were.
    Complete(Vec<u64>),
    /// What was added or updated, and these keys are gone; everything else stays as it is.
    Delta(Vec<u64>),
}

/// What an update did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Changes {
    /// Items that were not cached before.
    pub added: u64,
    /// Items whose content changed.
    pub changed: u64,
    /// Items that are gone.
    pub removed: u64,
    /// Items that were read again and are as they were.
    pub unchanged: u64,
}

impl Changes {
    /// Whether anything that matching uses is different now.
    pub fn any(&self) -> bool {
        self.added + self.changed + self.removed > 0
    }
}

/// The outcome of an update.
pub(crate) enum Applied {
    /// It was written.
    Done(Box<SectionState>, Changes),
    /// The total does not agree: nothing was written.
    Disagrees,
    /// The change counter moved, and nothing was different: nothing was written.
    Unexplained,
    /// The section changed in the store meanwhile (another refresh, a clear): nothing was
    /// written.
    Moved,
    /// Damaged values were met: nothing was written.
    Damaged,
}

impl Store {
    /// Applies an update, all of it or nothing.
    pub(crate) fn apply(&self, update: Update) -> Result<Applied, Error> {
        let mut outcome = None;
        let written = self.write("writing a refresh", |txn| {
            let applied = run(txn, self.indexing, update)?;
            let done = matches!(applied, Applied::Done(..));
            outcome = Some(applied);
            if done { Ok(()) } else { Err(rolled_back()) }
        });
        match (outcome, written) {
            (Some(applied), _) if !matches!(applied, Applied::Done(..)) => Ok(applied),
            (Some(applied), Ok(())) => Ok(applied),
            (_, Err(error)) => Err(error),
            (None, Ok(())) => Err(rolled_back()),
        }
    }

    /// Drops everything that is cached of a section's items, after damage. Matches stay: the
    /// revision moved, so each is checked before it is believed again.
    pub fn drop_items(&self, section: SectionId) -> Result<(), Error> {
        self.write("dropping a damaged section", |txn| {
            for table in table::ALL.iter().filter(|table| table.goes == Goes::WithItems) {
                table.remove_section(txn, section)?;
            }
            if let Some(mut state) = section_in(txn, section)? {
                state.forget();
                put_section(txn, &state)?;
            }
            Ok(())
        })
    }
}

/// Makes the transaction roll back; never reaches a caller.
fn rolled_back() -> Error {
    Error::Storage { doing: "writing a refresh", source: "rolled back".into() }
}

fn run(txn: &WriteTransaction, indexing: Indexing, update: Update) -> Result<Applied, Error> {
    let Update { base, rows, scope, stamp, observed, now, .. } = update;
    let Update { unsupported, total, must_change, complete, metadata, lookups, .. } = update;
    let Some(current) = section_in(txn, base.id)? else { return Ok(Applied::Moved) };
    let version = |state: &SectionState| (state.revision, state.stamp, state.observed);
    if version(&current) != version(&base) {
        return Ok(Applied::Moved);
    }
    let newest = rows.newest();
    let mut writer = Writer::new(txn, indexing, &current, rows.keys().len() as u64)?;
    for item in rows.read()? {
        writer.put(item?)?;
    }
    let whole = matches!(scope, Scope::Complete(_));
    match scope {
        Scope::Complete(listed) => writer.remove_others(listed)?,
        Scope::Delta(gone) => writer.remove(&gone)?,
    }
    let Some(Written { changes, items, divisions }) = writer.finish()? else {
        return Ok(Applied::Damaged);
    };
    if total.is_some_and(|total| items + unsupported != total) {
        return Ok(Applied::Disagrees);
    }
    if must_change && !changes.any() {
        return Ok(Applied::Unexplained);
    }
    // An absence holds as long as the revision stands. When its proof is lost, the revision
    // moves even though no item did.
    let versions = (Some(stamp), Some(observed));
    let unproven = !complete && (current.complete || (current.stamp, current.observed) != versions);
    let moved = changes.any() || unproven;
    let mut state = current;
    if moved {
        state.revision = state.revision.next();
    }
    state.stamp = Some(stamp);
    state.observed = Some(observed);
    state.items = items;
    state.unsupported = unsupported;
    state.observed_at = Some(now);
    state.complete = complete;
    state.lookups = lookups;
    state.divisions = divisions;
    if metadata {
        state.metadata_at = Some(now);
    }
    if whole {
        state.listed_at = Some(now);
        state.changed_until = newest;
    } else if metadata {
        // Rows that are not everything since then must not move where the next delta begins.
        state.changed_until = state.changed_until.max(newest);
    }
    put_section(txn, &state)?;
    Ok(Applied::Done(Box::new(state), changes))
}

/// What a writer wrote.
struct Written {
    changes: Changes,
    /// How many items there are now.
    items: u64,
    divisions: [Division; 3],
}

struct Writer<'txn> {
    section: SectionId,
    revision: Revision,
    items: Table<'txn, (u32, u64), &'static [u8]>,
    postings: Postings<'txn>,
    /// The section was empty, so there is nothing to compare with.
    first: bool,
    highest: Option<u64>,
    count: u64,
    changes: Changes,
    damaged: bool,
    bytes: Vec<u8>,
}

impl<'txn> Writer<'txn> {
    fn new(
        txn: &'txn WriteTransaction,
        indexing: Indexing,
        section: &SectionState,
        rows: u64,
    ) -> Result<Self, Error> {
        let revision = section.revision.next();
        Ok(Self {
            section: section.id,
            revision,
            items: txn.open_table(table::ITEMS).map_err(Error::storage("writing items"))?,
            postings: Postings::new(txn, indexing, section, revision, rows),
            first: section.items == 0,
            highest: None,
            count: section.items,
            changes: Changes::default(),
            damaged: false,
            bytes: Vec::new(),
        })
    }

    fn put(&mut self, item: CachedItem) -> Result<(), Error> {
        let key = item.rating_key.0;
        let content = item.content_hash();
        // In a section that was empty, a key above all before it cannot be there already.
        let new = self.first && self.highest.is_none_or(|highest| key > highest);
        self.highest = self.highest.max(Some(key));
        let before = if new { None } else { self.read(key)? };
        match before {
            Some(before) if before.content == content.0 => {
                self.changes.unchanged += 1;
                // Backdating: the content is the same, so `changed_at` stays where it was.
                let row = ItemRow::new(Revision(before.changed_at), content, ItemFields::new(item));
                if row != before {
                    self.write(key, &row)?;
                }
            }
            before => {
                let was = before.is_some();
                self.changes.changed += u64::from(was);
                self.changes.added += u64::from(!was);
                self.count += u64::from(!was);
                if let Some(before) = before {
                    self.postings.leave(&before.item.into_item())?;
                }
                self.postings.enter(&item)?;
                let row = ItemRow::new(self.revision, content, ItemFields::new(item));
                self.write(key, &row)?;
            }
        }
        Ok(())
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
        let range = table::whole(self.section);
        for row in self.items.range(range).map_err(Error::storage(doing))? {
            let (key, _) = row.map_err(Error::storage(doing))?;
            let (_, key) = key.value();
            if listed.binary_search(&key).is_err() {
                gone.push(key);
            }
        }
        self.remove(&gone)?;
        // Every other key was removed: one more can only be an item that is counted and was
        // not found.
        self.damaged |= self.count > listed.len() as u64;
        Ok(())
    }

    fn remove(&mut self, gone: &[u64]) -> Result<(), Error> {
        let doing = "removing items that are gone";
        for &key in gone {
            // The key was seen a moment ago; that it is not found now is damage.
            let Some(before) = self.read(key)? else {
                self.damaged = true;
                continue;
            };
            self.postings.leave(&before.item.into_item())?;
            self.items.remove((self.section.0, key)).map_err(Error::storage(doing))?;
            self.changes.removed += 1;
            self.count = self.count.saturating_sub(1);
        }
        Ok(())
    }

    /// `None` when damage was met.
    fn finish(self) -> Result<Option<Written>, Error> {
        let Some(divisions) = self.postings.finish()? else { return Ok(None) };
        let written = Written { changes: self.changes, items: self.count, divisions };
        Ok((!self.damaged).then_some(written))
    }

    fn read(&mut self, key: u64) -> Result<Option<ItemRow>, Error> {
        let doing = "comparing items";
        let value = self.items.get((self.section.0, key)).map_err(Error::storage(doing))?;
        let Some(value) = value else { return Ok(None) };
        let row = codec::open(table::item_place(self.section, key), value.value());
        self.damaged |= row.is_err();
        Ok(row.ok())
    }

    fn write(&mut self, key: u64, row: &ItemRow) -> Result<(), Error> {
        codec::seal(table::item_place(self.section, key), row, &mut self.bytes);
        self.items
            .insert((self.section.0, key), self.bytes.as_slice())
            .map_err(Error::storage("writing items"))?;
        Ok(())
    }
}
