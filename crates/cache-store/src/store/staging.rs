//! Rows on their way from the server to one write transaction.
//!
//! A refresh must not hold a transaction while it waits for the network, and memory must not
//! grow with the library: rows are encoded when they arrive, as they will lie in the file, and
//! spooled: in memory up to a bound and in an unnamed temporary file beyond it.

use std::borrow::Borrow;
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};

use plex_api::UnixSeconds;
use rayon::prelude::*;
use tempfile::SpooledTempFile;

use crate::error::Error;
use crate::format::item::ItemBody;
use crate::index::external_sort::{Entries, Entry};
use crate::model::index::Indexing;
use crate::model::item::CachedItem;
use crate::model::section::SectionState;

/// How many bytes are kept in memory before a temporary file takes over. 4 MiB holds about
/// 18,000 movies.
const IN_MEMORY: usize = 4 << 20;

/// Rows are read this many bytes at a time.
const CHUNK: usize = 1 << 16;

/// Items that one thread encodes in one go: fewer are not worth handing over.
const SHARE: usize = 128;

/// Items that are encoded before any of them is written, so that memory does not grow with
/// their number: a MB or two.
const LOT: usize = 1 << 10;

/// Rows of one refresh, in the order they came.
pub(crate) struct Spool {
    file: SpooledTempFile,
    rows: usize,
    keys: Vec<u64>,
    /// Each row has a higher key than the one before it.
    ascending: bool,
    newest: Option<UnixSeconds>,
    /// A row does not say when it was updated, or says a time before it was added.
    undated: bool,
    /// Of every row, if that was asked for.
    entries: Option<(Indexing, Entries)>,
}

impl Spool {
    /// For rows of which most are as they were: those that are not are indexed when that is seen.
    pub(crate) fn new() -> Self {
        let file = SpooledTempFile::new(IN_MEMORY);
        Self {
            file,
            rows: 0,
            keys: Vec::new(),
            ascending: true,
            newest: None,
            undated: false,
            entries: None,
        }
    }

    /// For all rows of a section. In one that is empty each is new, so its index entries are made
    /// here, where the item is at hand and need not be decoded again.
    pub(crate) fn of_all(section: &SectionState, indexing: Indexing) -> Self {
        let empty = section.items == 0;
        Self { entries: empty.then(|| (indexing, Entries::default())), ..Self::new() }
    }

    /// The index entries of all rows, if they were asked for and no key comes twice. They can be
    /// taken once.
    pub(crate) fn take_entries(&mut self) -> Option<Entries> {
        let (_, entries) = self.entries.take()?;
        self.ascending.then_some(entries)
    }

    /// The rating keys of the rows, in the order they came: all of a row that is kept in
    /// memory, 8 bytes each.
    pub(crate) fn keys(&self) -> &[u64] {
        &self.keys
    }

    /// Takes the keys out: the rows can still be read.
    pub(crate) fn take_keys(&mut self) -> Vec<u64> {
        std::mem::take(&mut self.keys)
    }

    /// The newest `addedAt`/`updatedAt` among the rows that is not later than `limit`: both
    /// can be edited by hand, and one item from the future must not blind the next delta.
    pub(crate) fn newest(&self) -> Option<UnixSeconds> {
        self.newest
    }

    /// Whether there is a row that a listing by `updatedAt` would not show when it is new.
    pub(crate) fn undated(&self) -> bool {
        self.undated
    }

    /// Notes the times of an item that is not added because it is as it was.
    pub(crate) fn saw(&mut self, item: &CachedItem, limit: UnixSeconds) {
        self.newest = self.newest.max(newest(item, limit));
        self.undated |= is_undated(item);
    }

    /// Adds what `item` makes of some things, in their order. Hashing and encoding items is most
    /// of the work, and is shared by rayon's threads: do it off the async ones.
    pub(crate) fn extend<T: Send>(
        &mut self,
        things: Vec<T>,
        item: impl Fn(T) -> CachedItem + Send + Sync,
        limit: UnixSeconds,
    ) -> Result<(), Error> {
        let shares = encode(things.into_par_iter().map(item), self.indexing(), limit);
        self.push(shares)
    }

    /// Adds all items. While one lot is encoded, the one before it is written and the next is
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
                // Items are freed by the thread that took them: others would wait for it, and it
                // for them.
                drop(done);
                // Pushed by this thread and not by one of rayon's: what the growing list of keys
                // leaves behind in memory is then used again by the transaction that follows.
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
            self.file.write_all(&bytes).map_err(failed)?;
            self.rows += keys.len();
            for key in keys {
                self.ascending &= self.keys.last().is_none_or(|&last| last < key);
                self.keys.push(key);
            }
            self.newest = self.newest.max(newest);
            self.undated |= undated;
            if let Some((_, all)) = &mut self.entries {
                entries.into_iter().try_for_each(|entry| all.push(entry))?;
            }
        }
        Ok(())
    }

    /// Reads the rows back, in order.
    pub(crate) fn read(mut self) -> Result<Rows, Error> {
        self.file.seek(SeekFrom::Start(0)).map_err(failed)?;
        let file = BufReader::with_capacity(CHUNK, self.file);
        Ok(Rows { file, left: self.rows, key: 0, bytes: Vec::new() })
    }
}

/// The newest time of an item that is not later than `limit`.
fn newest(item: &CachedItem, limit: UnixSeconds) -> Option<UnixSeconds> {
    [item.added_at, item.updated_at].into_iter().flatten().filter(|&at| at <= limit).max()
}

fn is_undated(item: &CachedItem) -> bool {
    item.updated_at.is_none_or(|updated| item.added_at.is_some_and(|added| updated < added))
}

/// Items as they will be spooled, in shares, by rayon's threads.
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

/// Some rows as they lie in the file, each behind its head, and what is noted of them.
struct Encoded {
    bytes: Vec<u8>,
    keys: Vec<u64>,
    entries: Vec<Entry>,
    newest: Option<UnixSeconds>,
    undated: bool,
}

impl Encoded {
    fn new() -> Self {
        // 300 bytes hold a movie; a list that grows is copied again and again.
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
            return Err(failed(io::Error::other("an item does not encode")));
        }
        let length = self.bytes.len() - head - HEAD;
        if let Some(place) = self.bytes.get_mut(head..).and_then(<[u8]>::first_chunk_mut) {
            *place = head_of(key, length);
        }
        self.keys.push(key);
        Ok(())
    }
}

/// Bytes before a row: its key, and the length of its body.
const HEAD: usize = 16;

fn head_of(key: u64, length: usize) -> [u8; HEAD] {
    (u128::from(length as u64) << 64 | u128::from(key)).to_le_bytes()
}

/// The rows of a spool, one at a time.
pub(crate) struct Rows {
    file: BufReader<SpooledTempFile>,
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
    /// Goes to the next row; `false`: there is none.
    pub(crate) fn advance(&mut self) -> Result<bool, Error> {
        let Some(left) = self.left.checked_sub(1) else { return Ok(false) };
        self.left = left;
        let mut head = [0; HEAD];
        self.file.read_exact(&mut head).map_err(failed)?;
        let [key @ .., _, _, _, _, _, _, _, _] = head;
        let [_, _, _, _, _, _, _, _, length @ ..] = head;
        self.key = u64::from_le_bytes(key);
        let length = usize::try_from(u64::from_le_bytes(length))
            .map_err(|_| failed(io::Error::other("an item is larger than memory")))?;
        self.bytes.resize(length, 0);
        self.file.read_exact(&mut self.bytes).map_err(failed)?;
        Ok(true)
    }

    /// The row that was gone to.
    pub(crate) fn row(&self) -> Row<'_> {
        Row { key: self.key, body: ItemBody::new(&self.bytes) }
    }
}

impl Row<'_> {
    /// The item.
    pub(crate) fn item(&self) -> Result<CachedItem, Error> {
        let damaged = |_| failed(io::Error::other("a spooled item does not decode"));
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

    /// More than is kept in memory, so that the file is written and read, too.
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
        let mut rows = spool.read().unwrap();
        for item in &items {
            assert!(rows.advance().unwrap());
            assert_eq!(rows.row().item().unwrap(), *item);
        }
        assert!(!rows.advance().unwrap());
    }
}
