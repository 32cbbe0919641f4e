//! Remembering matches, and writing what waits.

use std::sync::atomic::Ordering;

use redb::ReadableTable;

use crate::codec;
use crate::error::Error;
use crate::matches::{MatchKey, MatchRecord};
use crate::record::{CountersRow, MatchRow};
use crate::section::SectionId;
use crate::store::Store;
use crate::table;

impl Store {
    /// Remembers answers. They are found at once, by every view taken from now on, and reach
    /// the file with the next transaction, when enough of them wait, by [`Store::flush`], or at
    /// closing. An answer whose proof cost calls is worth a flush.
    pub fn remember(
        &self,
        section: SectionId,
        matches: Vec<(MatchKey, MatchRecord)>,
    ) -> Result<(), Error> {
        if matches.is_empty() {
            return Ok(());
        }
        let rows = matches.into_iter().map(|(key, record)| (key, MatchRow::new(&record)));
        if self.buffer.add(section, rows) { self.flush() } else { Ok(()) }
    }

    /// Writes matches that wait, and adds what was counted to the counters in the file. Does
    /// nothing when there is nothing to write.
    pub fn flush(&self) -> Result<(), Error> {
        let counters = &self.counters;
        let take = |counter: &std::sync::atomic::AtomicU64| counter.swap(0, Ordering::Relaxed);
        let counted = CountersRow {
            hits: take(&counters.hits),
            misses: take(&counters.misses),
            damaged: take(&counters.damaged),
        };
        if self.buffer.snapshot().is_empty() && counted == CountersRow::default() {
            return Ok(());
        }
        self.write("remembering matches", |txn| {
            let doing = "counting";
            let mut meta = txn.open_table(table::META).map_err(Error::storage(doing))?;
            let before = meta.get(table::COUNTERS_KEY).map_err(Error::storage(doing))?;
            let before: Option<CountersRow> =
                before.and_then(|bytes| codec::open(table::counters_place(), bytes.value()).ok());
            let before = before.unwrap_or_default();
            let sum = CountersRow {
                hits: before.hits.saturating_add(counted.hits),
                misses: before.misses.saturating_add(counted.misses),
                damaged: before.damaged.saturating_add(counted.damaged),
            };
            let mut bytes = Vec::new();
            codec::seal(table::counters_place(), &sum, &mut bytes);
            meta.insert(table::COUNTERS_KEY, bytes.as_slice()).map_err(Error::storage(doing))?;
            Ok(())
        })?;
        self.keep_within_limit()
    }
}
