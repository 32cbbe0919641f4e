//! Rows on their way from the server to one write transaction.
//!
//! A refresh must not hold a transaction while it waits for the network, and memory must not
//! grow with the library: rows are encoded when they arrive, as they will lie in the file, and
//! spooled: in memory up to a bound and in an unnamed temporary file beyond it.

use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};

use plex_api::UnixSeconds;
use rayon::prelude::*;
use tempfile::SpooledTempFile;

use crate::error::Error;
use crate::index::{Index, Indexing};
use crate::item::CachedItem;
use crate::record::ItemBody;
use crate::section::SectionState;

/// How many bytes are kept in memory before a temporary file takes over. 4 MiB holds about
/// 18,000 movies.
const IN_MEMORY: usize = 4 << 20;

/// Rows are read this many bytes at a time.
const CHUNK: usize = 1 << 16;

/// Items that one thread encodes in one go, at least: fewer are not worth handing over.
const SHARE: usize = 64;

/// Rows of one refresh, in the order they came.
pub(crate) struct Spool {
    file: SpooledTempFile,
    rows: usize,
    keys: Vec<u64>,
    newest: Option<UnixSeconds>,
    /// Every row will be indexed.
    indexing: Option<Indexing>,
}

impl Spool {
    /// For rows of which most are as they were: those that are not are indexed when that is seen.
    pub(crate) fn new() -> Self {
        let file = SpooledTempFile::new(IN_MEMORY);
        Self { file, rows: 0, keys: Vec::new(), newest: None, indexing: None }
    }

    /// For all rows of a section. In one that is empty each is new, so its index keys are made
    /// here, where the item is at hand and need not be decoded again.
    pub(crate) fn of_all(section: &SectionState, indexing: Indexing) -> Self {
        Self { indexing: (section.items == 0).then_some(indexing), ..Self::new() }
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

    /// Notes the times of an item that is not added because it is as it was.
    pub(crate) fn saw(&mut self, item: &CachedItem, limit: UnixSeconds) {
        self.newest = self.newest.max(newest(item, limit));
    }

    /// Adds what `item` makes of some things, in their order. Hashing and encoding items is most
    /// of the work, and is shared by rayon's threads: do it off the async ones.
    pub(crate) fn extend<T: Send>(
        &mut self,
        things: Vec<T>,
        item: impl Fn(T) -> CachedItem + Send + Sync,
        limit: UnixSeconds,
    ) -> Result<(), Error> {
        let indexing = self.indexing;
        let push = |mut rows: Encoded, item| {
            rows.push(item, indexing, limit)?;
            Ok(rows)
        };
        let items = things.into_par_iter().map(item).with_min_len(SHARE);
        let shares = items.try_fold(Encoded::default, push);
        for rows in shares.collect::<Result<Vec<_>, Error>>()? {
            self.file.write_all(&rows.bytes).map_err(failed)?;
            self.rows += rows.keys.len();
            self.keys.extend(rows.keys);
            self.newest = self.newest.max(rows.newest);
        }
        Ok(())
    }

    /// Reads the rows back, in order.
    pub(crate) fn read(mut self) -> Result<Rows, Error> {
        self.file.seek(SeekFrom::Start(0)).map_err(failed)?;
        let file = BufReader::with_capacity(CHUNK, self.file);
        let indexed = self.indexing.is_some();
        Ok(Rows { file, left: self.rows, indexed, key: 0, hashes: 0, bytes: Vec::new() })
    }
}

/// The newest time of an item that is not later than `limit`.
fn newest(item: &CachedItem, limit: UnixSeconds) -> Option<UnixSeconds> {
    [item.added_at, item.updated_at].into_iter().flatten().filter(|&at| at <= limit).max()
}

/// Rows as they lie in the file, each behind its head.
#[derive(Default)]
struct Encoded {
    bytes: Vec<u8>,
    keys: Vec<u64>,
    newest: Option<UnixSeconds>,
}

impl Encoded {
    fn push(
        &mut self,
        item: CachedItem,
        indexing: Option<Indexing>,
        limit: UnixSeconds,
    ) -> Result<(), Error> {
        self.newest = self.newest.max(newest(&item, limit));
        let key = item.rating_key.0;
        let head = self.bytes.len();
        self.bytes.extend_from_slice(&[0; HEAD]);
        if let Some(indexing) = indexing {
            for (index, hash) in (indexing.keys)(&item).all() {
                self.bytes.push(index.number());
                self.bytes.extend_from_slice(&hash.to_le_bytes());
            }
        }
        let body = self.bytes.len();
        if !ItemBody::encode(item, &mut self.bytes) {
            return Err(failed(io::Error::other("an item does not encode")));
        }
        let length = |bytes: usize| {
            u32::try_from(bytes)
                .map_err(|_| failed(io::Error::other("an item is larger than 4 GiB")))
        };
        let lengths = (length(body - head - HEAD)?, length(self.bytes.len() - body)?);
        if let Some(place) = self.bytes.get_mut(head..).and_then(<[u8]>::first_chunk_mut) {
            *place = head_of(key, lengths);
        }
        self.keys.push(key);
        Ok(())
    }
}

/// Bytes before a row: its key, and the lengths of its index keys and its body.
const HEAD: usize = 16;

fn head_of(key: u64, (hashes, body): (u32, u32)) -> [u8; HEAD] {
    let lengths = u64::from(hashes) << 32 | u64::from(body);
    (u128::from(lengths) << 64 | u128::from(key)).to_le_bytes()
}

/// Bytes of an index key: the number of the index, and the hash.
const HASH: usize = 9;

/// The rows of a spool, one at a time.
pub(crate) struct Rows {
    file: BufReader<SpooledTempFile>,
    left: usize,
    indexed: bool,
    key: u64,
    /// How many of `bytes` are index keys; the rest is the body.
    hashes: usize,
    bytes: Vec<u8>,
}

/// A row.
#[derive(Clone, Copy)]
pub(crate) struct Row<'a> {
    /// The rating key.
    pub(crate) key: u64,
    pub(crate) body: ItemBody<'a>,
    hashes: Option<&'a [u8]>,
}

impl Rows {
    /// Goes to the next row; `false`: there is none.
    pub(crate) fn advance(&mut self) -> Result<bool, Error> {
        let Some(left) = self.left.checked_sub(1) else { return Ok(false) };
        self.left = left;
        let mut head = [0; HEAD];
        self.file.read_exact(&mut head).map_err(failed)?;
        let [key @ .., _, _, _, _, _, _, _, _] = head;
        let [_, _, _, _, _, _, _, _, b0, b1, b2, b3, hashes @ ..] = head;
        self.key = u64::from_le_bytes(key);
        self.hashes = u32::from_le_bytes(hashes) as usize;
        let body = u32::from_le_bytes([b0, b1, b2, b3]) as usize;
        self.bytes.resize(self.hashes + body, 0);
        self.file.read_exact(&mut self.bytes).map_err(failed)?;
        Ok(true)
    }

    /// The row that was gone to.
    pub(crate) fn row(&self) -> Row<'_> {
        let (hashes, body) = self.bytes.split_at_checked(self.hashes).unwrap_or_default();
        let hashes = self.indexed.then_some(hashes);
        Row { key: self.key, body: ItemBody::new(body), hashes }
    }
}

impl Row<'_> {
    /// The item.
    pub(crate) fn item(&self) -> Result<CachedItem, Error> {
        let damaged = |_| failed(io::Error::other("a spooled item does not decode"));
        self.body.item().map_err(damaged)
    }

    /// Its index keys, if they were made when it was spooled.
    pub(crate) fn hashes(&self) -> Option<impl Iterator<Item = (Index, u64)>> {
        let (hashes, _) = self.hashes?.as_chunks::<HASH>();
        Some(hashes.iter().filter_map(|&[number, ref hash @ ..]| {
            Some((Index::of_number(number)?, u64::from_le_bytes(*hash)))
        }))
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
            assert!(rows.row().hashes().is_none(), "not asked for");
        }
        assert!(!rows.advance().unwrap());
    }
}
