//! Rows between the server and one write transaction.
//!
//! A refresh must not hold a transaction while it waits for the network, and memory must not grow
//! with the library. So rows are encoded when they arrive, in the form of the file. They wait in
//! memory up to a limit. Above it, they go to an unnamed temporary file if there is space.

use std::borrow::Borrow;
use std::io::{self, BufReader, Read};

use plex_api::UnixSeconds;
use rayon::prelude::*;

use crate::error::Error;
use crate::format::item::ItemBody;
use crate::index::external_sort::{Entries, Entry};
use crate::model::index::Indexing;
use crate::model::item::CachedItem;
use crate::model::section::SectionState;
use crate::spill::{Reader, Spill};

/// How many bytes are kept in memory before a temporary file is used. 4 MiB hold about 18,000
/// movies.
const IN_MEMORY: usize = 4 << 20;

/// How many bytes of rows are read at once.
const CHUNK: usize = 1 << 16;

/// How many items one thread encodes at once. Fewer items are not worth a hand-over.
const SHARE: usize = 128;

/// How many items are encoded before any of them is written: one or two MB. This bounds the memory.
const LOT: usize = 1 << 10;

/// The rows of one refresh, in the order in which they came.
pub(crate) struct Spool {
    bytes: Spill,
    rows: usize,
    keys: Vec<u64>,
    /// Whether each row has a higher key than the row before it.
    ascending: bool,
    newest: Option<UnixSeconds>,
    /// A row does not say when it was updated, or says a time before it was added.
    undated: bool,
    /// The index entries of all rows, if they were asked for.
    entries: Option<(Indexing, Entries)>,
}

impl Spool {
    /// A spool for rows that are mostly unchanged. A changed row is indexed when the change is
    /// seen.
    pub(crate) fn new() -> Self {
        Self {
            bytes: Spill::new(IN_MEMORY),
            rows: 0,
            keys: Vec::new(),
            ascending: true,
            newest: None,
            undated: false,
            entries: None,
        }
    }

    /// A spool for all rows of a section. In an empty section every row is new. Its index entries
    /// are then made here, where the item need not be decoded again.
    pub(crate) fn of_all(section: &SectionState, indexing: Indexing) -> Self {
        let empty = section.items == 0;
        Self { entries: empty.then(|| (indexing, Entries::default())), ..Self::new() }
    }

    /// The index entries of all rows, if they were asked for and no key comes twice. The entries
    /// can be taken once.
    pub(crate) fn take_entries(&mut self) -> Option<Entries> {
        let (_, entries) = self.entries.take()?;
        self.ascending.then_some(entries)
    }

    /// The rating keys of the rows, in the order in which they came. Memory keeps nothing else of a
    /// row: 8 bytes each.
    pub(crate) fn keys(&self) -> &[u64] {
        &self.keys
    }

    /// Takes the keys out. The rows can still be read.
    pub(crate) fn take_keys(&mut self) -> Vec<u64> {
        std::mem::take(&mut self.keys)
    }

    /// The newest `addedAt` or `updatedAt` of the rows that is not later than `limit`. Users can
    /// edit both times, and one item from the future must not hide changes from the next delta.
    pub(crate) fn newest(&self) -> Option<UnixSeconds> {
        self.newest
    }

    /// Whether a new row like one of these could be missing in a listing by `updatedAt`.
    pub(crate) fn undated(&self) -> bool {
        self.undated
    }

    /// Notes the times of an unchanged item, which is not added.
    pub(crate) fn saw(&mut self, item: &CachedItem, limit: UnixSeconds) {
        self.newest = self.newest.max(newest(item, limit));
        self.undated |= is_undated(item);
    }

    /// Adds the items that `item` makes of `things`, in their order. Most of the work is hashing
    /// and encoding, which rayon's threads share: do not call this on a thread of the async
    /// runtime.
    pub(crate) fn extend<T: Send>(
        &mut self,
        things: Vec<T>,
        item: impl Fn(T) -> CachedItem + Send + Sync,
        limit: UnixSeconds,
    ) -> Result<(), Error> {
        let shares = encode(things.into_par_iter().map(item), self.indexing(), limit);
        self.push(shares)
    }

    /// Adds all items. While one lot is encoded, the lot before it is written and the next lot is
    /// taken.
    pub(crate) fn extend_all(
        &mut self,
        items: impl IntoIterator<Item = CachedItem>,
    ) -> Result<(), Error> {
        let mut items = items.into_iter();
        let mut take = || {
            let mut lot = Vec::with_capacity(LOT);
            lot.extend(items.by_ref().take(LOT));
            lot
        };
        let (indexing, limit) = (self.indexing(), UnixSeconds(i64::MAX));
        let (mut lot, mut done, mut shares) = (take(), Vec::new(), Vec::new());
        while !lot.is_empty() {
            let mut encoded = Vec::new();
            let next = rayon::in_place_scope(|scope| {
                scope.spawn(|_| encoded = encode(lot.par_iter(), indexing, limit));
                // The thread that took the items frees them. Otherwise threads would wait for each
                // other.
                drop(done);
                // This thread pushes the rows, and no thread of rayon. The growing list of keys
                // leaves free memory behind, and the transaction that follows on this thread uses
                // it again.
                self.push(shares).map(|()| take())
            })?;
            done = std::mem::replace(&mut lot, next);
            shares = encoded;
        }
        self.push(shares)
    }

    fn indexing(&self) -> Option<Indexing> {
        self.entries.as_ref().map(|(indexing, _)| *indexing)
    }

    fn push(&mut self, shares: Vec<Result<Encoded, Error>>) -> Result<(), Error> {
        for share in shares {
            let Encoded { bytes, keys, entries, newest, undated } = share?;
            self.bytes.push(&bytes);
            self.rows += keys.len();
            for key in keys {
                self.ascending &= self.keys.last().is_none_or(|&last| last < key);
                self.keys.push(key);
            }
            self.newest = self.newest.max(newest);
            self.undated |= undated;
            if let Some((_, all)) = &mut self.entries {
                for entry in entries {
                    all.push(entry);
                }
            }
        }
        Ok(())
    }

    /// Reads the rows back, in order.
    pub(crate) fn read(self) -> Rows {
        let spilled = BufReader::with_capacity(CHUNK, self.bytes.reader());
        Rows { spilled, left: self.rows, key: 0, bytes: Vec::new() }
    }
}

/// The newest time of an item that is not later than `limit`.
fn newest(item: &CachedItem, limit: UnixSeconds) -> Option<UnixSeconds> {
    [item.added_at, item.updated_at].into_iter().flatten().filter(|&at| at <= limit).max()
}

fn is_undated(item: &CachedItem) -> bool {
    item.updated_at.is_none_or(|updated| item.added_at.is_some_and(|added| updated < added))
}

/// Encodes items for the spool, in shares, on rayon's threads.
fn encode(
    items: impl IndexedParallelIterator<Item: Borrow<CachedItem>>,
    indexing: Option<Indexing>,
    limit: UnixSeconds,
) -> Vec<Result<Encoded, Error>> {
    let push = |share: Result<Encoded, Error>, item: _| {
        let mut share = share?;
        share.push(Borrow::borrow(&item), indexing, limit)?;
        Ok(share)
    };
    items.fold_chunks(SHARE, || Ok(Encoded::new()), push).collect()
}

/// Some rows in the form of the file, each after its head, and what is noted about them.
struct Encoded {
    bytes: Vec<u8>,
    keys: Vec<u64>,
    entries: Vec<Entry>,
    newest: Option<UnixSeconds>,
    undated: bool,
}

impl Encoded {
    fn new() -> Self {
        // A movie takes 300 bytes. A list that grows is copied again and again.
        let bytes = Vec::with_capacity(SHARE * 320);
        let keys = Vec::with_capacity(SHARE);
        Self { bytes, keys, entries: Vec::new(), newest: None, undated: false }
    }

    fn push(
        &mut self,
        item: &CachedItem,
        indexing: Option<Indexing>,
        limit: UnixSeconds,
    ) -> Result<(), Error> {
        self.newest = self.newest.max(newest(item, limit));
        self.undated |= is_undated(item);
        let key = item.rating_key.0;
        if let Some(indexing) = indexing {
            let keys = (indexing.keys)(item);
            self.entries.extend(keys.all().map(|(index, hash)| (index, hash, key)));
        }
        let head = self.bytes.len();
        self.bytes.extend_from_slice(&[0; HEAD]);
        if !ItemBody::encode(item, &mut self.bytes) {
            return Err(failed(io::Error::other("an item cannot be encoded")));
        }
        let length = self.bytes.len() - head - HEAD;
        if let Some(place) = self.bytes.get_mut(head..).and_then(<[u8]>::first_chunk_mut) {
            *place = head_of(key, length);
        }
        self.keys.push(key);
        Ok(())
    }
}

/// The bytes before a row: its key, and the length of its body.
const HEAD: usize = 16;

fn head_of(key: u64, length: usize) -> [u8; HEAD] {
    (u128::from(length as u64) << 64 | u128::from(key)).to_le_bytes()
}

/// The rows of a spool, one at a time.
pub(crate) struct Rows {
    spilled: BufReader<Reader>,
    left: usize,
    key: u64,
    bytes: Vec<u8>,
}

/// A row.
#[derive(Clone, Copy)]
pub(crate) struct Row<'a> {
    /// The rating key.
    pub(crate) key: u64,
    pub(crate) body: ItemBody<'a>,
}

impl Rows {
    /// Moves to the next row. `false`: there is none.
    pub(crate) fn advance(&mut self) -> Result<bool, Error> {
        let Some(left) = self.left.checked_sub(1) else { return Ok(false) };
        self.left = left;
        let mut head = [0; HEAD];
        self.spilled.read_exact(&mut head).map_err(failed)?;
        let [key @ .., _, _, _, _, _, _, _, _] = head;
        let [_, _, _, _, _, _, _, _, length @ ..] = head;
        self.key = u64::from_le_bytes(key);
        let length = usize::try_from(u64::from_le_bytes(length))
            .map_err(|_| failed(io::Error::other("an item is larger than memory")))?;
        self.bytes.resize(length, 0);
        self.spilled.read_exact(&mut self.bytes).map_err(failed)?;
        Ok(true)
    }

    /// The present row.
    pub(crate) fn row(&self) -> Row<'_> {
        Row { key: self.key, body: ItemBody::new(&self.bytes) }
    }
}

impl Row<'_> {
    /// The item.
    pub(crate) fn item(&self) -> Result<CachedItem, Error> {
        let damaged = |_| failed(io::Error::other("a spooled item cannot be decoded"));
        self.body.item().map_err(damaged)
    }
}

fn failed(source: io::Error) -> Error {
    Error::Io {
        doing: "spool a listing in the temporary folder",
        path: std::env::temp_dir(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use std::convert::identity;

    use super::*;
    use crate::tests::movie;

    /// This is more than memory keeps, so the file is written and read, too.
    #[test]
    fn rows_come_back_as_they_came() {
        let items: Vec<CachedItem> = (0..30_000).map(|n| movie(n * 7 % 30_011, n % 3)).collect();
        let at = |item: &CachedItem| newest(item, UnixSeconds(i64::MAX));
        let limit = items.iter().filter_map(at).max().unwrap();
        let mut spool = Spool::new();
        for page in items.chunks(7_000) {
            spool.extend(page.to_vec(), identity, limit).unwrap();
        }
        let keys: Vec<u64> = items.iter().map(|item| item.rating_key.0).collect();
        assert_eq!((spool.keys(), spool.newest()), (keys.as_slice(), Some(limit)));
        let mut rows = spool.read();
        for item in &items {
            assert!(rows.advance().unwrap());
            assert_eq!(rows.row().item().unwrap(), *item);
        }
        assert!(!rows.advance().unwrap());
    }
}
