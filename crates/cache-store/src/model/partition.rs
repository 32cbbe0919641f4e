//! The division of an index into blocks, by the top bits of a hash.

/// How many buckets a block has when an index is built. It can have up to twice as many.
const BUCKETS: u64 = 8;

/// With more buckets than this in an average block, the index is divided further.
const TOO_MANY: u64 = 8 * BUCKETS;

/// The division of one index of one section.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Division {
    /// The index has 2^`bits` blocks. `None`: no block was written, so nothing is indexed.
    pub(crate) bits: Option<u8>,
    /// The number of buckets in all blocks.
    pub(crate) buckets: u64,
}

impl Division {
    /// The `bits` for about this many buckets.
    pub(crate) fn bits_for(buckets: u64) -> u8 {
        let bits = (buckets / BUCKETS).checked_ilog2().unwrap_or(0);
        u8::try_from(bits).unwrap_or(0).min(MAX_BITS)
    }

    /// Whether the index should be divided further.
    pub(crate) fn is_crowded(self) -> bool {
        self.bits.is_some_and(|bits| bits < MAX_BITS && self.buckets >> bits > TOO_MANY)
    }

    /// The number of blocks.
    pub(crate) fn blocks(self) -> u64 {
        self.bits.map_or(0, |bits| 1 << bits.min(MAX_BITS))
    }
}

/// The block of a hash in an index of 2^`bits` blocks.
pub(crate) fn block(bits: u8, hash: u64) -> u64 {
    hash.checked_shr(64 - u32::from(bits.min(MAX_BITS))).unwrap_or(0)
}

/// The largest useful `bits`: 2^32 blocks hold 34 billion buckets.
const MAX_BITS: u8 = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_is_divided_by_its_size() {
        for (buckets, bits) in [(0, 0), (15, 0), (16, 1), (31, 1), (32, 2), (800_000, 16)] {
            assert_eq!(Division::bits_for(buckets), bits, "{buckets} buckets");
        }
        assert!(!Division { bits: Some(0), buckets: 64 }.is_crowded());
        assert!(Division { bits: Some(0), buckets: 65 }.is_crowded());
    }
}
