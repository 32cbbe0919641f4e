//! The rows of the meta table: the store as a whole, the counters, the host's totals.

use crate::format::envelope::{self, Decode, Encode, Record};

/// The store as a whole: one row in `meta`.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub(crate) struct StoreRow {
    /// The server's `machineIdentifier`, once it is known.
    pub(crate) server: Option<String>,
    /// The next section number, which was never used.
    pub(crate) next_section: u32,
    /// The version of the indexing function that built the indexes.
    pub(crate) indexing: u32,
    /// The sections that the server last listed, in its order, by our numbers.
    pub(crate) listed: Vec<u32>,
    /// When the server listed them, by our clock.
    pub(crate) listed_at: Option<i64>,
    /// A number drawn when the file was created. It differs from that of another file at the same
    /// path.
    pub(crate) file_id: u64,
}

impl Record for StoreRow {
    const SCHEMA: u16 = 2;

    fn upgrade(schema: u16, payload: &[u8]) -> Option<Self> {
        (schema == 1).then(|| envelope::decode::<StoreRow1>(payload)).flatten().map(Self::from)
    }
}

/// The counters over all runs: one row in `meta`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Encode, Decode)]
pub(crate) struct CountersRow {
    pub(crate) hits: u64,
    pub(crate) misses: u64,
    pub(crate) damaged: u64,
}

impl Record for CountersRow {
    const SCHEMA: u16 = 1;
}

/// Totals that the layer above keeps with the cache: one row in `meta`.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub(crate) struct TotalsRow {
    pub(crate) bytes: Vec<u8>,
}

impl Record for TotalsRow {
    const SCHEMA: u16 = 1;
}

/// The size of the pages that the server accepts: one row in `meta`, once it is known.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub(crate) struct PagingRow {
    /// How many rows to request at once.
    pub(crate) rows: u32,
    /// The server refused pages with more rows. `u32::MAX`: it refused none.
    pub(crate) at_most: u32,
    /// The server's version, if it was known.
    pub(crate) version: Option<String>,
}

impl Record for PagingRow {
    const SCHEMA: u16 = 1;
}

/// Who asked the server last: one row in `meta`.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub(crate) struct AskerRow {
    /// 32 bits of a hash of the server's address and the token. They are enough to notice another
    /// asker, but too few to reveal anything about the token.
    pub(crate) hash: [u8; 4],
}

impl Record for AskerRow {
    const SCHEMA: u16 = 1;
}

/// The row before files had an id and remembered the server's list.
#[derive(Decode)]
struct StoreRow1 {
    server: Option<String>,
    next_section: u32,
    indexing: u32,
}

impl From<StoreRow1> for StoreRow {
    fn from(row: StoreRow1) -> Self {
        let StoreRow1 { server, next_section, indexing } = row;
        Self { server, next_section, indexing, listed: Vec::new(), listed_at: None, file_id: 0 }
    }
}
