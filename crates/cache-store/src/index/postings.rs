//! Writing the indexes of one section.
//!
//! Changes are collected and applied in the order of the blocks. So a batch reads and writes each
//! block once, even if many of its buckets change. If nothing is indexed yet, all entries are
//! sorted before the first block is written, and each block is written once.

use std::ops::Bound;

use plex_api::RatingKey;
use redb::{ReadableTable, Table, WriteTransaction};

use crate::error::Error;
use crate::format::block::Block;
use crate::format::envelope::Damage;
use crate::format::{place, tables};
use crate::index::external_sort::{BATCH, Entries, Entry};
use crate::model::index::{Index, Indexing};
use crate::model::item::CachedItem;
use crate::model::partition::{Division, block};
use crate::model::revision::Revision;
use crate::model::section::{SectionId, SectionState};

/// A rating key that enters or leaves a bucket.
#[derive(Debug, Clone, Copy)]
struct Change {
    index: Index,
    hash: u64,
    key: u64,
    enters: bool,
}

/// Collects index changes of a section and writes them.
pub(crate) struct Postings<'txn> {
    txn: &'txn WriteTransaction,
    indexing: Indexing,
    section: SectionId,
    revision: Revision,
    divisions: [Division; 3],
    pending: Vec<Change>,
    /// Set while nothing is indexed yet and items only enter. It holds their entries until all of
    /// them are sorted and written at once.
    first: Option<Entries>,
    damaged: bool,
    bytes: Vec<u8>,
}

impl<'txn> Postings<'txn> {
    /// Starts to change the indexes of a section. Changed buckets get `revision`.
    pub(crate) fn new(
        txn: &'txn WriteTransaction,
        indexing: Indexing,
        section: &SectionState,
        revision: Revision,
    ) -> Self {
        let nothing = section.divisions.iter().all(|division| division.bits.is_none());
        Self {
            txn,
            indexing,
            section: section.id,
            revision,
            divisions: section.divisions,
            pending: Vec::new(),
            first: nothing.then(Entries::default),
            damaged: false,
            bytes: Vec::new(),
        }
    }

    /// Adds an item of the section.
    pub(crate) fn enter(&mut self, item: &CachedItem) -> Result<(), Error> {
        let keys = (self.indexing.keys)(item);
        let key = item.rating_key.0;
        keys.all().try_for_each(|(index, hash)| self.enter_key((index, hash, key)))
    }

    /// Adds all items of the section, given as their entries, and writes them.
    pub(crate) fn enter_all(&mut self, entries: Entries) -> Result<(), Error> {
        if self.first.is_some() {
            self.first = Some(entries);
            return self.build();
        }
        entries.sorted()?.try_for_each(|entry| self.enter_key(entry?))
    }

    /// Removes an item in its old form from the section.
    pub(crate) fn leave(&mut self, item: &CachedItem) -> Result<(), Error> {
        self.build()?;
        let keys = (self.indexing.keys)(item);
        let key = item.rating_key.0;
        let change = |(index, hash)| Change { index, hash, key, enters: false };
        self.pending.extend(keys.all().map(change));
        self.apply_if_many()
    }

    fn enter_key(&mut self, entry: Entry) -> Result<(), Error> {
        if let Some(first) = &mut self.first {
            first.push(entry);
            return Ok(());
        }
        let (index, hash, key) = entry;
        self.pending.push(Change { index, hash, key, enters: true });
        self.apply_if_many()
    }

    fn apply_if_many(&mut self) -> Result<(), Error> {
        if self.pending.len() >= BATCH { self.apply() } else { Ok(()) }
    }

    /// Writes the remaining changes. It returns the divisions for the section row, or `None` when
    /// damage was met.
    pub(crate) fn finish(mut self) -> Result<Option<[Division; 3]>, Error> {
        self.build()?;
        self.apply()?;
        for (index, mut division) in Index::ALL.into_iter().zip(self.divisions) {
            if division.is_crowded() {
                self.divide(index, &mut division)?;
                self.set(index, division);
            }
        }
        Ok((!self.damaged).then_some(self.divisions))
    }

    /// Writes every block of indexes that are new. It does nothing for indexes that exist.
    fn build(&mut self) -> Result<(), Error> {
        let Some(first) = self.first.take() else { return Ok(()) };
        let doing = "writing an index";
        let section = self.section;
        let counts = first.counts();
        let mut entries = first.sorted()?.peekable();
        let mut here: Vec<Change> = Vec::new();
        let mut taken = [0; 3];
        for ((index, count), taken) in Index::ALL.into_iter().zip(counts).zip(&mut taken) {
            let bits = Division::bits_for(count);
            let mut division = Division { bits: Some(bits), buckets: 0 };
            let mut table =
                self.txn.open_table(tables::index(index)).map_err(Error::storage(doing))?;
            // Removes the blocks of a forgotten division, if there are any.
            table.retain_in(tables::whole(section), |_, _| false).map_err(Error::storage(doing))?;
            let end = Bound::Included((section.0, u64::MAX));
            let mut cursor = table.upper_bound_mut(end).map_err(Error::storage(doing))?;
            for number in 0..division.blocks() {
                here.clear();
                let belongs = |entry: &Result<Entry, Error>| match entry {
                    Ok((of, hash, _)) => *of == index && block(bits, *hash) == number,
                    Err(_) => true,
                };
                while let Some(entry) = entries.next_if(belongs) {
                    let (index, hash, key) = entry?;
                    here.push(Change { index, hash, key, enters: true });
                    *taken += 1;
                }
                let mut content = Block::default();
                self.change(&mut content, &here);
                division.buckets += content.len();
                content.seal(place::block(index, section, number), bits, &mut self.bytes);
                cursor
                    .insert_before((section.0, number), self.bytes.as_slice())
                    .map_err(Error::storage(doing))?;
            }
            cursor.close().map_err(Error::storage(doing))?;
            self.set(index, division);
        }
        // A block proves what is absent, so entries that the temporary file lost must not go
        // unnoticed.
        self.damaged |= taken != counts;
        Ok(())
    }

    fn apply(&mut self) -> Result<(), Error> {
        let mut pending = std::mem::take(&mut self.pending);
        // The sort is stable: of several changes to one key in one bucket, the last one counts.
        pending.sort_by_key(|change| (change.index, change.hash, change.key));
        for (index, mut division) in Index::ALL.into_iter().zip(self.divisions) {
            let start = pending.partition_point(|change| change.index < index);
            let end = pending.partition_point(|change| change.index <= index);
            let changes = pending.get(start..end).unwrap_or_default();
            self.write(index, &mut division, changes)?;
            self.set(index, division);
        }
        pending.clear();
        self.pending = pending;
        Ok(())
    }

    fn set(&mut self, index: Index, division: Division) {
        let at = Index::ALL.iter().position(|&other| other == index);
        if let Some(slot) = at.and_then(|at| self.divisions.get_mut(at)) {
            *slot = division;
        }
    }

    fn write(
        &mut self,
        index: Index,
        division: &mut Division,
        changes: &[Change],
    ) -> Result<(), Error> {
        if changes.is_empty() {
            return Ok(());
        }
        let doing = "writing an index";
        let mut table = self.txn.open_table(tables::index(index)).map_err(Error::storage(doing))?;
        let Some(bits) = division.bits else {
            // One index of the section exists and another does not.
            self.damaged = true;
            return Ok(());
        };
        for here in changes.chunk_by(|a, b| block(bits, a.hash) == block(bits, b.hash)) {
            let Some(first) = here.first() else { continue };
            let number = block(bits, first.hash);
            let Some(mut content) = self.take(&table, index, bits, number)? else { continue };
            division.buckets = division.buckets.saturating_sub(content.len());
            self.change(&mut content, here);
            division.buckets += content.len();
            self.put(&mut table, index, bits, number, &content)?;
        }
        Ok(())
    }

    /// Divides an index further, from the last block to the first. The parts of a block get its
    /// number or higher numbers, and those blocks are already divided by then.
    fn divide(&mut self, index: Index, division: &mut Division) -> Result<(), Error> {
        let doing = "dividing an index";
        let mut table = self.txn.open_table(tables::index(index)).map_err(Error::storage(doing))?;
        let (Some(before), after) = (division.bits, Division::bits_for(division.buckets)) else {
            return Ok(());
        };
        let parts = 1_u64 << after.saturating_sub(before);
        for number in (0..division.blocks()).rev() {
            let Some(whole) = self.take(&table, index, before, number)? else { continue };
            let mut divided = whole.divide(after).peekable();
            for part in (number * parts)..(number + 1) * parts {
                let here = divided.next_if(|(at, _)| *at == part);
                let content = here.map(|(_, content)| content).unwrap_or_default();
                self.put(&mut table, index, after, part, &content)?;
            }
        }
        division.bits = Some(after);
        Ok(())
    }

    /// Reads a block that must exist. `None`: it is damaged.
    fn take(
        &mut self,
        table: &Table<'_, (u32, u64), &'static [u8]>,
        index: Index,
        bits: u8,
        number: u64,
    ) -> Result<Option<Block>, Error> {
        let value =
            table.get((self.section.0, number)).map_err(Error::storage("writing an index"))?;
        let place = place::block(index, self.section, number);
        let read =
            value.ok_or(Damage::Envelope).and_then(|bytes| Block::open(place, bits, bytes.value()));
        self.damaged |= read.is_err();
        Ok(read.ok())
    }

    fn put(
        &mut self,
        table: &mut Table<'_, (u32, u64), &'static [u8]>,
        index: Index,
        bits: u8,
        number: u64,
        content: &Block,
    ) -> Result<(), Error> {
        content.seal(place::block(index, self.section, number), bits, &mut self.bytes);
        table
            .insert((self.section.0, number), self.bytes.as_slice())
            .map_err(Error::storage("writing an index"))?;
        Ok(())
    }

    /// Applies the sorted changes of one block.
    fn change(&self, content: &mut Block, changes: &[Change]) {
        for of_bucket in changes.chunk_by(|a, b| a.hash == b.hash) {
            let Some(first) = of_bucket.first() else { continue };
            content.change(first.hash, |bucket| {
                // The revision changes even if the keys are the same: an item in the bucket
                // changed, and an answer that rejected it may now be another.
                bucket.changed_at = self.revision;
                let keys = &mut bucket.rating_keys;
                for of_key in of_bucket.chunk_by(|a, b| a.key == b.key) {
                    let Some(&Change { key, enters, .. }) = of_key.last() else { continue };
                    let key = RatingKey(key);
                    match (keys.binary_search(&key), enters) {
                        (Err(at), true) => keys.insert(at, key),
                        (Ok(at), false) => {
                            keys.remove(at);
                        }
                        _ => {}
                    }
                }
            });
        }
    }
}
