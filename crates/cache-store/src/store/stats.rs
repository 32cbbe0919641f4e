//! Statistics of the file.

use redb::{ReadTransaction, ReadableTableMetadata};
use serde::Serialize;

use crate::error::Error;
use crate::file::meta::{row, store_row};
use crate::format::meta::CountersRow;
use crate::format::tables::{self, ALL, Keys, Table};
use crate::model::revision::Revision;
use crate::store::Store;

/// The statistics of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Stats {
    /// The server the file is bound to.
    pub server: Option<String>,
    /// Size of the file in bytes.
    pub file_bytes: u64,
    /// Bytes of keys and values.
    pub live_bytes: u64,
    /// Whether [`Store::compact`] is worth it: the file is larger than a megabyte, and more than
    /// half of it is neither data nor the pages that the data need.
    pub worth_compacting: bool,
    /// The statistics of each table.
    pub tables: Vec<TableStats>,
    /// The statistics of each section.
    pub sections: Vec<SectionStats>,
    /// How many remembered matches were asked for and held, in all runs.
    pub hits: u64,
    /// How many matches were asked for and were missing or did not hold any more, in all runs.
    pub misses: u64,
    /// How many damaged values were met, in all runs.
    pub damaged: u64,
    /// How many matches wait in memory and are not yet in the file.
    pub waiting: u64,
}

/// A table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TableStats {
    /// Its name.
    pub name: &'static str,
    /// How many rows it has.
    pub rows: u64,
    /// Bytes of its keys and values.
    pub bytes: u64,
    /// Bytes of the pages they are on.
    pub page_bytes: u64,
}

/// A section.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SectionStats {
    /// Its title.
    pub title: String,
    /// Its number in this file.
    pub number: u32,
    /// How many items are cached.
    pub items: u64,
    /// Whether these are all items of the section.
    pub complete: bool,
    /// Our version counter.
    pub revision: Revision,
    /// When its stamp was last observed, seconds since 1970.
    pub observed_at: Option<i64>,
    /// When it was last listed, seconds since 1970.
    pub listed_at: Option<i64>,
}

/// A file up to this many bytes is not worth compacting.
const SMALL: u64 = 1 << 20;

impl Store {
    /// Counts the content of the file. It walks over every page: a quarter of a second at a million
    /// items.
    pub fn stats(&self) -> Result<Stats, Error> {
        let waiting = self.file.buffer.len();
        let sections = self.view()?.sections()?.into_iter().map(|state| SectionStats {
            number: state.id.0,
            items: state.items,
            complete: state.complete,
            revision: state.revision,
            observed_at: state.observed_at.map(|at| at.0),
            listed_at: state.listed_at.map(|at| at.0),
            title: state.title,
        });
        let sections = sections.collect();
        let file_bytes = self.file_bytes();
        self.read("counting", |txn| {
            let doing = "counting";
            let meta = txn.open_table(tables::META).map_err(Error::storage(doing))?;
            let counters = row(&meta, tables::COUNTERS, doing)?;
            let counters: CountersRow = counters.unwrap_or_default();
            let tables =
                ALL.iter().map(|table| stats_of(table, txn)).collect::<Result<Vec<_>, Error>>()?;
            Ok(Stats {
                server: store_row(&meta)?.server,
                file_bytes,
                worth_compacting: file_bytes > SMALL
                    && file_bytes > 2 * tables.iter().map(|table| table.page_bytes).sum::<u64>(),
                live_bytes: tables.iter().map(|table| table.bytes).sum(),
                tables,
                sections,
                hits: counters.hits,
                misses: counters.misses,
                damaged: counters.damaged,
                waiting,
            })
        })
    }
}

fn stats_of(table: &Table, txn: &ReadTransaction) -> Result<TableStats, Error> {
    let doing = "counting";
    let (rows, stats) = match table.keys {
        Keys::Numbered(definition) => {
            let rows = txn.open_table(definition).map_err(Error::storage(doing))?;
            (rows.len(), rows.stats())
        }
        Keys::Hashed(definition) => {
            let rows = txn.open_table(definition).map_err(Error::storage(doing))?;
            (rows.len(), rows.stats())
        }
    };
    let stats = stats.map_err(Error::storage(doing))?;
    Ok(TableStats {
        name: table.name,
        rows: rows.map_err(Error::storage(doing))?,
        bytes: stats.stored_bytes(),
        page_bytes: stats.stored_bytes() + stats.metadata_bytes() + stats.fragmented_bytes(),
    })
}
