//! An index on disk. Its form proves what is not in the index.
//!
//! The top bits of the hash divide a section's index into 2^b *blocks*. A block is
//! one sealed record with every bucket of its range. Every block exists, even an empty one, and the
//! sealed section row holds b. So a sealed record that should hold a hash proves that it is absent.
//! With one record for each bucket, a hash would be absent when redb finds no key. But redb can
//! find nothing, without an error, when a flipped bit in an inner page leads it to a wrong page.
//! With blocks, that is a missing block: it is damage, and never a proof.
//!
//! Blocks are also smaller and faster to write: about ten buckets share one envelope and one redb
//! key.

use plex_api::RatingKey;

use crate::format::envelope::{
    self, BorrowDecode, Damage, Decode, Encode, Place, Record, de, enc, error,
};
use crate::model::index::{Bucket, RatingKeys};
use crate::model::partition::block;
use crate::model::revision::Revision;

/// A bucket in a block: `changed_at`, and then the keys, as bincode has an `u64` and a `Vec<u64>`.
impl Encode for Bucket {
    fn encode<E: enc::Encoder>(&self, encoder: &mut E) -> Result<(), error::EncodeError> {
        self.changed_at.0.encode(encoder)?;
        (self.rating_keys.len() as u64).encode(encoder)?;
        self.rating_keys.iter().try_for_each(|key| key.0.encode(encoder))
    }
}

impl<'de, C> BorrowDecode<'de, C> for Bucket {
    fn borrow_decode<D: de::BorrowDecoder<'de>>(
        decoder: &mut D,
    ) -> Result<Self, error::DecodeError> {
        let changed_at = Revision(u64::decode(decoder)?);
        let count = u64::decode(decoder)?;
        let count =
            usize::try_from(count).map_err(|_| error::DecodeError::OutsideUsizeRange(count))?;
        // The limit on memory holds for the whole list, before room is made for it.
        decoder.claim_container_read::<u64>(count)?;
        let mut rating_keys = RatingKeys::with_capacity(count);
        for _ in 0..count {
            decoder.unclaim_bytes_read(size_of::<u64>());
            rating_keys.push(RatingKey(u64::decode(decoder)?));
        }
        Ok(Self { changed_at, rating_keys })
    }
}

/// A block on disk. `hashes` holds 8 bytes for each hash, ascending. `ends` holds 4 bytes for each
/// hash: the end of its bucket in `body`. All numbers are little endian.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub(crate) struct BlockRow {
    /// The `bits` of the index when the block was written.
    bits: u8,
    hashes: Vec<u8>,
    ends: Vec<u8>,
    /// The bucket records, one after the other.
    body: Vec<u8>,
}

impl Record for BlockRow {
    /// Schema 1 had one record for each bucket. Such an index is rebuilt from the items.
    const SCHEMA: u16 = 2;
}

/// A [`BlockRow`] that borrows from its page.
#[derive(BorrowDecode)]
pub(crate) struct BlockRef<'a> {
    bits: u8,
    hashes: &'a [u8],
    ends: &'a [u8],
    body: &'a [u8],
}

impl<'a> BlockRef<'a> {
    /// Opens a sealed block. A block of another division is damage.
    pub(crate) fn open(place: Place, bits: u8, bytes: &'a [u8]) -> Result<Self, Damage> {
        let block: Self = envelope::borrow(place, BlockRow::SCHEMA, bytes)?;
        let aligned =
            block.hashes.len() == 2 * block.ends.len() && block.ends.len().is_multiple_of(4);
        if block.bits == bits && aligned { Ok(block) } else { Err(Damage::Payload) }
    }

    /// The bucket of a hash. `Ok(None)` proves that there is none.
    pub(crate) fn find(&self, hash: u64) -> Result<Option<Bucket>, Damage> {
        let (hashes, _) = self.hashes.as_chunks::<8>();
        match hashes.binary_search_by_key(&hash, |bytes| u64::from_le_bytes(*bytes)) {
            Ok(at) => self.bucket(at).map(Some),
            Err(_) => Ok(None),
        }
    }

    /// Every bucket, by ascending hash.
    pub(crate) fn buckets(&self) -> impl Iterator<Item = Result<(u64, Bucket), Damage>> + '_ {
        let (hashes, _) = self.hashes.as_chunks::<8>();
        hashes
            .iter()
            .enumerate()
            .map(|(at, hash)| self.bucket(at).map(|bucket| (u64::from_le_bytes(*hash), bucket)))
    }

    fn bucket(&self, at: usize) -> Result<Bucket, Damage> {
        let (ends, _) = self.ends.as_chunks::<4>();
        let end = |at: usize| ends.get(at).map(|bytes| u32::from_le_bytes(*bytes) as usize);
        let start = at.checked_sub(1).map_or(Some(0), end);
        let bytes = start.zip(end(at)).and_then(|(start, end)| self.body.get(start..end));
        bytes.and_then(envelope::decode).ok_or(Damage::Payload)
    }
}

/// A block in memory, while it is changed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Block {
    /// The buckets, ascending by hash, each once.
    buckets: Vec<(u64, Bucket)>,
}

impl Block {
    pub(crate) fn open(place: Place, bits: u8, bytes: &[u8]) -> Result<Self, Damage> {
        let buckets = BlockRef::open(place, bits, bytes)?.buckets().collect::<Result<_, _>>()?;
        Ok(Self { buckets })
    }

    pub(crate) fn len(&self) -> u64 {
        self.buckets.len() as u64
    }

    /// Changes the bucket of a hash. A missing bucket is created, and an empty one is removed.
    pub(crate) fn change(&mut self, hash: u64, change: impl FnOnce(&mut Bucket)) {
        let at = match self.buckets.binary_search_by_key(&hash, |(hash, _)| *hash) {
            Ok(at) => at,
            Err(at) => {
                self.buckets.insert(at, (hash, Bucket::default()));
                at
            }
        };
        let Some((_, bucket)) = self.buckets.get_mut(at) else { return };
        change(bucket);
        if bucket.rating_keys.is_empty() {
            self.buckets.remove(at);
        }
    }

    /// Divides the block among the blocks `first..` of a finer division.
    pub(crate) fn divide(self, bits: u8) -> impl Iterator<Item = (u64, Self)> {
        let mut parts: std::collections::BTreeMap<u64, Self> = std::collections::BTreeMap::new();
        for (hash, bucket) in self.buckets {
            parts.entry(block(bits, hash)).or_default().buckets.push((hash, bucket));
        }
        parts.into_iter()
    }

    /// Seals the block into `out`.
    pub(crate) fn seal(&self, place: Place, bits: u8, out: &mut Vec<u8>) {
        let mut row = BlockRow { bits, hashes: Vec::new(), ends: Vec::new(), body: Vec::new() };
        for (hash, bucket) in &self.buckets {
            envelope::encode(bucket, &mut row.body);
            row.hashes.extend_from_slice(&hash.to_le_bytes());
            // A body above 4 GiB is far too large to be decoded again.
            let end = u32::try_from(row.body.len()).unwrap_or(u32::MAX);
            row.ends.extend_from_slice(&end.to_le_bytes());
        }
        envelope::seal(place, &row, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: Place = Place { table: 1, section: 1, key: 3 };

    fn filled(hashes: &[u64]) -> Block {
        let mut block = Block::default();
        for &hash in hashes {
            block.change(hash, |bucket| {
                bucket.changed_at = Revision(hash % 7);
                bucket.rating_keys = [hash, hash.wrapping_add(1)].map(RatingKey).into();
            });
        }
        block
    }

    #[test]
    fn a_block_reads_back_and_proves_absence() {
        let block = filled(&[9, 3, u64::MAX, 70_000]);
        let mut bytes = Vec::new();
        block.seal(PLACE, 2, &mut bytes);
        let read = BlockRef::open(PLACE, 2, &bytes).unwrap();
        assert_eq!(read.find(9).unwrap().unwrap().rating_keys[..], [9, 10].map(RatingKey));
        assert_eq!(read.find(70_000).unwrap().unwrap().changed_at, Revision(0));
        assert_eq!(read.find(10), Ok(None));
        assert_eq!(Block::open(PLACE, 2, &bytes), Ok(block));
        assert_eq!(BlockRef::open(PLACE, 3, &bytes).err(), Some(Damage::Payload), "other bits");
    }

    /// Once, half a million files with one name were written but could not be read back.
    #[test]
    fn a_bucket_of_millions_of_items_reads_back() {
        // Keys that take one, three, five and nine bytes. The first two cases are just above a
        // memory limit.
        for (count, first) in [(600_000, 0), (530_000, 1 << 40), (2_200_000, 1 << 20)] {
            let mut block = filled(&[9, 3]);
            block.change(5, |bucket| {
                bucket.rating_keys = (first..first + count).map(RatingKey).collect();
            });
            let mut bytes = Vec::new();
            block.seal(PLACE, 2, &mut bytes);
            let read = BlockRef::open(PLACE, 2, &bytes).unwrap();
            assert_eq!(read.find(5).unwrap().unwrap().rating_keys.len() as u64, count);
            assert_eq!(read.find(3).unwrap().unwrap().rating_keys[..], [3, 4].map(RatingKey));
            assert_eq!(Block::open(PLACE, 2, &bytes), Ok(block));
        }
    }

    #[test]
    fn the_borrowed_and_the_owned_record_are_the_same_bytes() {
        let mut bytes = Vec::new();
        filled(&[1, 2, 3]).seal(PLACE, 0, &mut bytes);
        let owned: BlockRow = envelope::open(PLACE, &bytes).unwrap();
        let borrowed = BlockRef::open(PLACE, 0, &bytes).unwrap();
        assert_eq!(
            (owned.hashes.as_slice(), owned.ends.as_slice()),
            (borrowed.hashes, borrowed.ends)
        );
        assert_eq!((owned.bits, owned.body.as_slice()), (borrowed.bits, borrowed.body));
    }

    #[test]
    fn an_emptied_bucket_leaves_the_block() {
        let mut block = filled(&[5, 6]);
        block.change(5, |bucket| bucket.rating_keys.clear());
        assert_eq!(block, filled(&[6]));
        block.change(7, |_| {});
        assert_eq!(block, filled(&[6]), "nothing entered");
    }

    #[test]
    fn blocks_are_ranges_of_the_hash() {
        assert_eq!(block(0, u64::MAX), 0);
        assert_eq!(block(1, u64::MAX), 1);
        assert_eq!(block(3, 0b101 << 61), 0b101);
        let parts: Vec<_> = filled(&[1, 1 << 63, (1 << 63) + 1]).divide(1).collect();
        assert_eq!(parts, [(0, filled(&[1])), (1, filled(&[1 << 63, (1 << 63) + 1]))]);
    }
}
