//! Applying a refresh: one write transaction in which items, indexes, stamp and revision move
//! together or not at all.

use std::ops::Bound;

use plex_api::{RatingKey, UnixSeconds};
use redb::{ReadableTable, Table, WriteTransaction};

use crate::error::{Broken, Error};
use crate::file::sections::{put_section, section_in};
use crate::format::item::{ItemBody, ItemRow};
use crate::format::tables::Goes;
use crate::format::{envelope, place, tables};
use crate::index::external_sort::Entries;
use crate::index::postings::Postings;
use crate::model::index::Indexing;
use crate::model::item::CachedItem;
use crate::model::partition::Division;
#[cfg(feature = "shared")]
use crate::model::position::{CommitId, Position};
use crate::model::revision::{Revision, SectionStamp};
use crate::model::section::{FileFilter, Lookups, SectionId, SectionState};
use crate::store::Store;
use crate::store::cascade::Beside;
use crate::store::staging::{Row, Rows, Spool};

/// What a refresh read, and what has to be true for it to count.
pub(crate) struct Update {
    /// The section as it was when the refresh began.
    pub(crate) base: SectionState,
    pub(crate) rows: Spool,
    pub(crate) scope: Scope,
    /// Keys whose rows cannot be used (any more): what is cached of them goes, and they are counted
    /// with those that cannot be kept.
    pub(crate) unreadable: Vec<u64>,
    /// What the items explain afterwards.
    pub(crate) stamp: SectionStamp,
    /// What was observed; differs from `stamp` while a change is not explained.
    pub(crate) observed: SectionStamp,
    /// When that was.
    pub(crate) observed_at: UnixSeconds,
    /// When what was read was asked for.
    pub(crate) now: UnixSeconds,
    /// Rows the server lists that cannot be kept.
    pub(crate) unsupported: u64,
    /// How many rows the server says there are; `None` where only some were looked at.
    pub(crate) total: Option<u64>,
    /// The change counter moved, so a delta that changes nothing explains nothing.
    pub(crate) must_change: bool,
    /// Whether the section is known completely afterwards.
    pub(crate) complete: bool,
    /// Whether nothing can be missing that happened meanwhile (`SectionState::settled`); `None`: as
    /// before.
    pub(crate) settled: Option<bool>,
    /// Everything that was edited is among the rows.
    pub(crate) metadata: bool,
    /// What lookups have cost and shown so far.
    pub(crate) lookups: Lookups,
    /// What another host says of the items that were taken from it.
    #[cfg(feature = "shared")]
    pub(crate) claims: Option<Claims>,
}

/// How far items that another host read can be trusted, by our clock.
#[cfg(feature = "shared")]
#[derive(Debug, Clone, Copy)]
pub(crate) struct Claims {
    pub(crate) listed_at: UnixSeconds,
    pub(crate) metadata_at: Option<UnixSeconds>,
    pub(crate) changed_until: Option<UnixSeconds>,
    /// What they are in the shared tier.
    pub(crate) commit: CommitId,
}

#[cfg(feature = "shared")]
impl Claims {
    /// What the items are after those of the commit were written. What was touched before, and did
    /// not come with it, may still be newer.
    fn position(
        self,
        before: Option<Position>,
        stamp: SectionStamp,
        whole: bool,
        written: &[u64],
    ) -> Position {
        let mut touched = before.filter(|_| !whole).map_or_else(Vec::new, |before| before.touched);
        touched.retain(|key| !written.contains(key));
        Position { commit: self.commit, stamp, touched }
    }
}

impl Update {
    /// Rows of some items; everything else stays as it is, and the items explain the stamp
    /// that was observed.
    pub(crate) fn new(
        state: &SectionState,
        rows: Spool,
        stamp: SectionStamp,
        now: UnixSeconds,
    ) -> Self {
        // Whether the filter is honoured is found out anew when the stamp moved: the server may
        // be another version.
        let same = state.observed == Some(stamp);
        let filter = if same { state.lookups.filter } else { FileFilter::Unknown };
        Self {
            base: state.clone(),
            rows,
            scope: Scope::Delta(Vec::new()),
            unreadable: Vec::new(),
            stamp,
            observed: stamp,
            observed_at: now,
            now,
            unsupported: state.unsupported,
            total: None,
            must_change: false,
            complete: false,
            settled: None,
            metadata: false,
            lookups: Lookups { filter, ..state.lookups },
            #[cfg(feature = "shared")]
            claims: None,
        }
    }
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
        // The rows are read once. If the disk failed meanwhile, they have to be asked for again.
        let (mut update, mut lost) = (Some(update), false);
        let written = self.write("writing a refresh", |txn| {
            let Some(update) = update.take() else {
                lost = true;
                return Err(rolled_back());
            };
            let applied = run(txn, self.indexing, update)?;
            let done = matches!(applied, Applied::Done(..));
            outcome = Some(applied);
            if done { Ok(()) } else { Err(rolled_back()) }
        });
        if lost {
            return Err(self.no_disk().map_or_else(rolled_back, Error::NoDisk));
        }
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
        let doing = "dropping a damaged section";
        self.write(doing, |txn| {
            for table in tables::ALL.iter().filter(|table| table.goes == Goes::WithItems) {
                table.remove_section(txn, section)?;
                // A flipped bit in a key puts it out of order. Then redb does not find all rows, and
                // the section would be listed for them again and again.
                if !table.is_without(txn, section)? {
                    let what = format!("{} has rows that cannot be removed", table.name);
                    return Err(Error::Storage { doing, source: Box::new(Broken(what)) });
                }
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
    let Update { base, mut rows, scope, unreadable, stamp, observed, .. } = update;
    let Update { observed_at, now, .. } = update;
    #[cfg(feature = "shared")]
    let claims = update.claims;
    let Update { mut unsupported, total, must_change, complete, metadata, lookups, .. } = update;
    let Some(current) = section_in(txn, base.id)? else { return Ok(Applied::Moved) };
    if !current.is_version_of(&base) {
        return Ok(Applied::Moved);
    }
    let settled = update.settled.unwrap_or(current.settled) && complete;
    let (newest, undated) = (rows.newest(), rows.undated());
    let mut writer = Writer::new(txn, indexing, &current)?;
    let first = writer.first;
    match rows.take_entries() {
        Some(entries) if writer.first => writer.put_first(rows.read(), entries)?,
        _ => writer.put_all(rows.read())?,
    }
    let whole = matches!(scope, Scope::Complete(_));
    match scope {
        Scope::Complete(listed) => writer.remove_others(listed)?,
        // One that is not there went before: of items read by key, another refresh may have
        // seen it first.
        Scope::Delta(gone) => drop(writer.remove(&gone)?),
    }
    unsupported += writer.remove(&unreadable)? as u64;
    let Some(Written { changes, items, divisions, strange, touched }) = writer.finish()? else {
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
    let position = state.position.take().filter(|_| !first);
    #[cfg(feature = "shared")]
    let position = match claims {
        Some(claims) => Some(claims.position(position, stamp, whole, &touched)),
        None => position.and_then(|position| position.touch(&touched)),
    };
    #[cfg(not(feature = "shared"))]
    let position = position.and_then(|position| position.touch(&touched));
    state.position = position;
    if moved {
        state.revision = state.revision.next();
    }
    // What is known to be so at a later moment stays known.
    let later =
        state.observed_at.filter(|at| state.observed == Some(observed) && *at > observed_at);
    state.stamp = Some(stamp);
    state.observed = Some(observed);
    state.items = items;
    state.unsupported = unsupported;
    state.observed_at = later.or(Some(observed_at));
    state.complete = complete;
    state.settled = settled;
    state.counted_at = total.map(|_| now).or(state.counted_at);
    state.lookups = lookups;
    state.divisions = divisions;
    state.dated = !undated && (whole || state.dated);
    if strange {
        state.shows = None;
    }
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
    #[cfg(feature = "shared")]
    if let Some(claims) = claims {
        state.listed_at = Some(claims.listed_at);
        state.metadata_at = claims.metadata_at;
        state.changed_until = claims.changed_until;
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
    /// An episode came whose show is not known.
    strange: bool,
    touched: Vec<u64>,
}

struct Writer<'txn> {
    section: SectionId,
    revision: Revision,
    items: Table<'txn, (u32, u64), &'static [u8]>,
    beside: Beside<'txn>,
    postings: Postings<'txn>,
    /// The shows that are known; `None`: nobody asked for them yet.
    shows: Option<Table<'txn, (u32, u64), &'static [u8]>>,
    /// An episode came whose show is not among them.
    strange: bool,
    /// The section was empty, so there is nothing to compare with.
    first: bool,
    count: u64,
    changes: Changes,
    /// Keys that were written or removed, where the section has a position that they concern.
    touched: Option<Vec<u64>>,
    damaged: bool,
    bytes: Vec<u8>,
}

/// An item in the file, held against the one that was read.
enum Before {
    None,
    /// Not a byte differs.
    Equal,
    /// What matching uses is the same, and `changed_at` with it.
    SameContent(Revision),
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

    /// Appends the rows of an empty section, whose keys ascend, which is how they are asked for:
    /// pages are filled once and in order. Then their indexes are written.
    fn put_first(&mut self, mut rows: Rows, entries: Entries) -> Result<(), Error> {
        let doing = "writing items";
        let Self { section, revision, items, postings, bytes, .. } = self;
        let end = Bound::Included((section.0, u64::MAX));
        let mut cursor = items.upper_bound_mut(end).map_err(Error::storage(doing))?;
        let before = cursor.peek_prev().map_err(Error::storage(doing))?;
        if before.is_some_and(|(key, _)| key.value().0 == section.0) {
            // The section is not as empty as it is counted.
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

    /// Looks whether the show of an item is known.
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
        // The keys were seen a moment ago; that one is not found now is damage.
        self.damaged |= self.remove(&gone)? < gone.len();
        // Every other key was removed: one more can only be an item that is counted and was
        // not found.
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

    /// `None` when damage was met.
    fn finish(self) -> Result<Option<Written>, Error> {
        let Some(divisions) = self.postings.finish()? else { return Ok(None) };
        // What is listed in one go is not looked at item by item.
        let strange = self.strange || self.first;
        let touched = self.touched.unwrap_or_default();
        let written =
            Written { changes: self.changes, items: self.count, divisions, strange, touched };
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
