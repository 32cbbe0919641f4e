//! Rows on their way from the server to one write transaction.
//!
//! A refresh must not hold a transaction while it waits for the network, and memory must not
//! grow with the library: pages are spooled, in memory up to a bound and in an unnamed
//! temporary file beyond it.

use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};

use plex_api::UnixSeconds;
use tempfile::SpooledTempFile;

use crate::codec;
use crate::error::Error;
use crate::item::CachedItem;
use crate::record::ItemFields;

/// How many bytes are kept in memory before a temporary file takes over. 32 MiB holds about
/// 150,000 movies.
const IN_MEMORY: usize = 32 << 20;

/// Rows of one refresh, in the order they came.
pub(crate) struct Spool {
    file: SpooledTempFile,
    buffer: Vec<u8>,
    keys: Vec<u64>,
    newest: Option<UnixSeconds>,
}

impl Spool {
    pub(crate) fn new() -> Self {
        let file = SpooledTempFile::new(IN_MEMORY);
        Self { file, buffer: Vec::new(), keys: Vec::new(), newest: None }
    }

    /// The rating keys of the rows, in the order they came: all of a row that is kept in
    /// memory, 8 bytes each.
    pub(crate) fn keys(&self) -> &[u64] {
        &self.keys
    }

    /// The newest `addedAt`/`updatedAt` among the rows that is not later than `limit`: both
    /// can be edited by hand, and one item from the future must not blind the next delta.
    pub(crate) fn newest(&self) -> Option<UnixSeconds> {
        self.newest
    }

    /// Notes the times of an item, also of one that is not pushed because it is as it was.
    pub(crate) fn saw(&mut self, item: &CachedItem, limit: UnixSeconds) {
        let stamps = [item.added_at, item.updated_at];
        let newest = stamps.into_iter().flatten().filter(|&at| at <= limit).max();
        self.newest = self.newest.max(newest);
    }

    pub(crate) fn push(&mut self, item: CachedItem, limit: UnixSeconds) -> Result<(), Error> {
        self.saw(&item, limit);
        self.keys.push(item.rating_key.0);
        self.buffer.clear();
        self.buffer.extend_from_slice(&[0; 4]);
        if !codec::encode(&ItemFields::new(item), &mut self.buffer) {
            return Err(failed(io::Error::other("an item does not encode")));
        }
        let length = u32::try_from(self.buffer.len() - 4)
            .map_err(|_| failed(io::Error::other("an item is larger than 4 GiB")))?;
        if let Some(prefix) = self.buffer.first_chunk_mut() {
            *prefix = length.to_le_bytes();
        }
        self.file.write_all(&self.buffer).map_err(failed)
    }

    /// Reads the rows back, in order.
    pub(crate) fn read(mut self) -> Result<impl Iterator<Item = Result<CachedItem, Error>>, Error> {
        self.file.seek(SeekFrom::Start(0)).map_err(failed)?;
        let mut file = BufReader::with_capacity(1 << 16, self.file);
        let mut left = self.keys.len();
        let mut buffer = self.buffer;
        Ok(std::iter::from_fn(move || {
            left = left.checked_sub(1)?;
            Some(read_row(&mut file, &mut buffer))
        }))
    }
}

fn read_row(file: &mut impl Read, buffer: &mut Vec<u8>) -> Result<CachedItem, Error> {
    let mut prefix = [0; 4];
    file.read_exact(&mut prefix).map_err(failed)?;
    buffer.resize(u32::from_le_bytes(prefix) as usize, 0);
    file.read_exact(buffer).map_err(failed)?;
    codec::decode::<ItemFields>(buffer)
        .map(ItemFields::into_item)
        .ok_or_else(|| failed(io::Error::other("a spooled item does not decode")))
}

fn failed(source: io::Error) -> Error {
    Error::Io {
        doing: "spool a listing in the temporary folder",
        path: std::env::temp_dir(),
        source,
    }
}
