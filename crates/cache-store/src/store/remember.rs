//! Remembers matches, and writes those that wait.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use redb::WriteTransaction;

use crate::error::Error;
use crate::file::meta::{put_row, row};
use crate::file::view::View;
use crate::file::write_buffer::{AT_MOST, write_matches};
use crate::format::{meta::CountersRow, remembered::MatchRow, tables};
use crate::model::remembered::{MatchKey, MatchRecord};
use crate::model::section::SectionId;
use crate::store::Store;

/// The matches to remember in one section.
type Revised = (SectionId, Vec<(MatchKey, MatchRecord)>);

impl Store {
    /// Remembers answers. Every view that is taken from now on finds them. They reach the file with
    /// the next transaction, when enough of them wait, by [`Store::flush`], or at closing. An
    /// answer whose proof cost calls is worth a flush. Thousands at once are written at once.
    pub fn remember(
        &self,
        section: SectionId,
        matches: Vec<(MatchKey, MatchRecord)>,
    ) -> Result<(), Error> {
        if matches.is_empty() {
            return Ok(());
        }
        if matches.len() >= AT_MOST {
            return self.write_many(section, &matches);
        }
        let rows = matches.into_iter().map(|(key, record)| (key, MatchRow::new(&record)));
        if self.file.buffer.add(section, rows) { self.flush() } else { Ok(()) }
    }

    /// Writes matches that need not wait, because they are worth a transaction of their own. As rows
    /// in the buffer they would take as much memory again.
    fn write_many(
        &self,
        section: SectionId,
        matches: &[(MatchKey, MatchRecord)],
    ) -> Result<(), Error> {
        let mut sorted: Vec<&(MatchKey, MatchRecord)> = matches.iter().collect();
        sorted.sort_by_key(|(key, _)| *key); // if a key comes twice, the later match is the last
        let row =
            |(key, record): &&(MatchKey, MatchRecord)| ((section.0, key.0), MatchRow::new(record));
        let write = |txn: &WriteTransaction| write_matches(txn, sorted.iter().map(row));
        if let Err(error) = self.write_now(self.take_counts(), write) {
            let rows = matches.iter().map(|(key, record)| (*key, MatchRow::new(record)));
            self.file.buffer.add(section, rows); // until the next write
            return Err(error);
        }
        self.file.buffer.uncounted.fetch_add(matches.len() as u64, Ordering::Relaxed);
        self.keep_within_limit()
    }

    /// How often [`Store::revise`] was called. Code that computes answers asks for it before it
    /// reads.
    pub fn revisions(&self) -> u64 {
        *self.revisions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// [`Store::remember`] for answers that were computed from reads after [`Store::revisions`]
    /// returned `since`. If the host reported on a match meanwhile, the report stays, and the
    /// answer is computed again when it is next asked for.
    pub fn remember_since(
        &self,
        since: u64,
        section: SectionId,
        mut matches: Vec<(MatchKey, MatchRecord)>,
    ) -> Result<(), Error> {
        let revisions = self.revisions.lock().unwrap_or_else(PoisonError::into_inner);
        if *revisions != since {
            let view = self.view()?;
            let mut kept = Vec::with_capacity(matches.len());
            for (key, record) in matches {
                let now = view.remembered(section, &key)?;
                let said = now.map_or((None, None), |now| (now.applied_at, now.failed));
                if said == (record.applied_at, record.failed.clone()) {
                    kept.push((key, record));
                }
            }
            matches = kept;
        }
        self.remember(section, matches)
    }

    /// Changes remembered matches, computed from the present ones. Only one call runs at a time,
    /// and no answer that was computed earlier overwrites its result. The change is written at
    /// once.
    pub fn revise(
        &self,
        revise: impl FnOnce(&View<'_>) -> Result<Vec<Revised>, Error>,
    ) -> Result<(), Error> {
        let mut revisions = self.revisions.lock().unwrap_or_else(PoisonError::into_inner);
        let revised = revise(&self.view()?)?;
        *revisions += 1;
        for (section, matches) in revised {
            self.remember(section, matches)?;
        }
        self.flush()
    }

    /// Writes the matches that wait, and adds the counts to the counters in the file. It does
    /// nothing when there is nothing to write.
    pub fn flush(&self) -> Result<(), Error> {
        let counted = self.take_counts();
        if self.file.buffer.snapshot().is_empty() && counted == CountersRow::default() {
            return Ok(());
        }
        self.write_now(counted, |_| Ok(()))?;
        self.keep_within_limit()
    }

    /// Takes the counts that are not in the file yet.
    fn take_counts(&self) -> CountersRow {
        let counters = &self.file.counters;
        let take = |counter: &std::sync::atomic::AtomicU64| counter.swap(0, Ordering::Relaxed);
        CountersRow {
            hits: take(&counters.hits),
            misses: take(&counters.misses),
            damaged: take(&counters.damaged),
        }
    }

    /// Writes the matches that wait and what `more` writes, and adds `counted` to the counters.
    fn write_now(
        &self,
        counted: CountersRow,
        mut more: impl FnMut(&WriteTransaction) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.write("remembering matches", |txn| {
            more(txn)?;
            let doing = "counting";
            let meta = txn.open_table(tables::META).map_err(Error::storage(doing))?;
            let before: CountersRow = row(&meta, tables::COUNTERS, doing)?.unwrap_or_default();
            drop(meta);
            let sum = CountersRow {
                hits: before.hits.saturating_add(counted.hits),
                misses: before.misses.saturating_add(counted.misses),
                damaged: before.damaged.saturating_add(counted.damaged),
            };
            put_row(txn, tables::COUNTERS, &sum, doing)
        })
    }
}
