//! Keeps the file small: removes what is no longer used, and compacts the file.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use plex_api::{Private, UnixSeconds};
use redb::ReadableTable;
use serde::Serialize;
use tracing::info;

use crate::error::Error;
use crate::file::sections::read_sections;
use crate::format::remembered::MatchRow;
use crate::format::{envelope, place, tables};
use crate::model::section::{SectionId, SectionState};
use crate::store::Store;
use crate::store::clear::Cleared;

/// The most bytes that a match adds to the file, with its key and its share of partly filled pages.
const MATCH_BYTES: u64 = 256;

/// What compacting did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Compacted {
    /// Size of the file before, in bytes.
    pub before: u64,
    /// Size of the file after, in bytes.
    pub after: u64,
}

impl Store {
    /// Removes sections that the server does not list any more and that nobody observed since
    /// `before`. Both conditions are needed. A server lists only what a token may see, and a host
    /// with another token may use the same file. If such a host comes later after all, it lists the
    /// section once more.
    ///
    /// `listed`: the complete list, as the server gave it a moment ago. `known`: the sections of
    /// the file, read before. If no section is to be removed, nothing is written.
    pub(crate) fn forget_gone(
        &self,
        known: &[SectionState],
        listed: &[SectionState],
        before: UnixSeconds,
    ) -> Result<Cleared, Error> {
        let is_gone = |state: &SectionState| {
            // A section that was never observed has no items.
            state.observed_at.or(state.listed_at).is_some_and(|at| at < before)
                && listed.iter().all(|listed| listed.uuid != state.uuid)
        };
        if !known.iter().any(is_gone) {
            return Ok(Cleared::default());
        }
        self.write("removing sections that are gone", |txn| {
            let mut cleared = Cleared::default();
            // The rows are read again, because another process may have observed a section since.
            for state in read_sections(txn)?.iter().filter(|state| is_gone(state)) {
                info!(section = state.id.0, title = %Private(&state.title), "a section that is gone for long was removed");
                cleared.rows(txn, state.id, |_| true)?;
            }
            Ok(cleared)
        })
    }

    /// Returns free pages to the file system. This is worth it when the file is twice as large as
    /// its live data. It needs the file alone: it returns [`Error::InUse`] while a view is open,
    /// here or in another process.
    pub fn compact(&self) -> Result<Compacted, Error> {
        self.flush()?;
        let doing = "compacting it";
        let before = self.file_bytes();
        self.file.with_db_mut(doing, |db| match db.compact() {
            Ok(_) => Ok(()),
            Err(redb::CompactionError::TransactionInProgress) => Err(Error::InUse { doing }),
            Err(error) => Err(Error::storage(doing)(error)),
        })?;
        // Compaction does not record which pages are free; closing the file does. Only then does
        // the file get its length.
        self.file.reopen()?;
        Ok(Compacted { before, after: self.file_bytes() })
    }

    /// Drops matches when the content of the file exceeds the limit, those first that were not used
    /// for the longest time.
    pub(crate) fn keep_within_limit(&self) -> Result<(), Error> {
        let limit = self.file.config.max_bytes;
        // The length is cheap to read and never below the content, but it can be twice as much.
        // Counting the content is a walk over the file: a quarter of a second at a million items.
        // So it is counted only after matches may have added a hundredth of the limit.
        let added = self.file.buffer.uncounted.load(Ordering::Relaxed).saturating_mul(MATCH_BYTES);
        if self.file_bytes() <= limit || added < limit / 100 {
            return Ok(());
        }
        self.file.buffer.uncounted.store(0, Ordering::Relaxed);
        // This repeats, because half-empty pages give back less than their share.
        for _ in 0..16 {
            let tables = self.stats()?.tables;
            let used: u64 = tables.iter().map(|table| table.page_bytes).sum();
            let Some(matches) = tables.iter().find(|table| table.name == "matches") else { break };
            if used <= limit || matches.rows == 0 {
                break;
            }
            // A tenth more than needed is dropped, so that not every flush has to drop matches.
            let surplus = used - limit + limit / 10;
            let share = surplus.saturating_mul(matches.rows).div_ceil(matches.page_bytes.max(1));
            self.drop_oldest(share.clamp(1, matches.rows))?;
        }
        Ok(())
    }

    /// Drops at least `count` matches, the least recently used first, by whole days.
    fn drop_oldest(&self, count: u64) -> Result<u64, Error> {
        let doing = "dropping old matches";
        self.write(doing, |txn| {
            let mut matches = txn.open_table(tables::MATCHES).map_err(Error::storage(doing))?;
            let mut by_day: BTreeMap<u32, u64> = BTreeMap::new();
            for row in matches.iter().map_err(Error::storage(doing))? {
                let (key, value) = row.map_err(Error::storage(doing))?;
                let (section, key) = key.value();
                let day = last_used_day(section, key, value.value()).unwrap_or(0);
                *by_day.entry(day).or_default() += 1;
            }
            let mut left = count;
            let mut last = 0;
            let mut of_last = 0;
            for (day, rows) in by_day {
                (last, of_last) = (day, left.min(rows));
                left -= of_last;
                if left == 0 {
                    break;
                }
            }
            let mut dropped = 0;
            matches
                .retain(|(section, key), value| {
                    let day = last_used_day(section, key, value).unwrap_or(0);
                    let goes = day < last || (day == last && of_last > 0);
                    of_last -= u64::from(goes && day == last);
                    dropped += u64::from(goes);
                    !goes
                })
                .map_err(Error::storage(doing))?;
            Ok(dropped)
        })
    }
}

/// `None` for a damaged row, which is dropped first.
fn last_used_day(section: u32, key: [u8; 16], value: &[u8]) -> Option<u32> {
    let place = place::remembered(SectionId(section), &crate::MatchKey(key));
    envelope::open::<MatchRow>(place, value).ok().map(|row| row.last_used_day)
}
