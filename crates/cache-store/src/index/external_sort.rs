//! Sorts more than memory holds: the index entries of a section that is listed for the first time.
//! Sorted runs go to an unnamed temporary file, if there is room for it, and are merged when they are
//! read back.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io;

use crate::error::Error;
use crate::model::index::Index;
use crate::spill::Spill;

/// A rating key under a hash: index, hash, key.
pub(crate) type Entry = (Index, u64, u64);

/// The bytes of an entry in the file: number of the index, hash and key, little endian.
const ENTRY: usize = 17;

/// How many entries of a run are in memory during the merge: 35 KB.
const AT_ONCE: u64 = 2_048;

/// How many entries are sorted, or index changes applied, at once. An entry takes 24 bytes, so a
/// batch takes 3 MiB, and half as much again while it is sorted. This bounds the memory. Tests use
/// small batches, so that every test has several.
pub(crate) const BATCH: usize = if cfg!(test) { 1 << 8 } else { 1 << 17 };

/// The entries of indexes that will be built, in any order.
#[derive(Default)]
pub(crate) struct Entries {
    gathered: Vec<Entry>,
    /// The entries that do not fit into `gathered`.
    runs: Option<Runs>,
    counts: [u64; 3],
}

impl Entries {
    pub(crate) fn push(&mut self, entry: Entry) {
        let at = Index::ALL.iter().position(|&index| index == entry.0);
        if let Some(count) = at.and_then(|at| self.counts.get_mut(at)) {
            *count += 1;
        }
        self.gathered.push(entry);
        if self.gathered.len() >= BATCH {
            self.runs.get_or_insert_with(Runs::new).push(&mut self.gathered);
        }
    }

    /// The number of entries, by index.
    pub(crate) fn counts(&self) -> [u64; 3] {
        self.counts
    }

    /// Every entry, in order.
    pub(crate) fn sorted(
        mut self,
    ) -> Result<Box<dyn Iterator<Item = Result<Entry, Error>>>, Error> {
        let Some(mut runs) = self.runs else {
            self.gathered.sort_unstable();
            return Ok(Box::new(self.gathered.into_iter().map(Ok)));
        };
        runs.push(&mut self.gathered);
        Ok(Box::new(runs.merge()?))
    }
}

/// Sorted runs, one after the other.
struct Runs {
    bytes: Spill,
    /// The end of each run, in entries.
    ends: Vec<u64>,
}

impl Runs {
    fn new() -> Self {
        Self { bytes: Spill::new(0), ends: Vec::new() }
    }

    /// Sorts `entries`, writes them as a run, and leaves the list empty.
    fn push(&mut self, entries: &mut Vec<Entry>) {
        entries.sort_unstable();
        let mut bytes = Vec::with_capacity(1 << 16);
        for &(index, hash, key) in &*entries {
            bytes.push(index.number());
            bytes.extend_from_slice(&hash.to_le_bytes());
            bytes.extend_from_slice(&key.to_le_bytes());
            if bytes.len() + ENTRY > bytes.capacity() {
                self.bytes.push(&bytes);
                bytes.clear();
            }
        }
        self.bytes.push(&bytes);
        let start = self.ends.last().copied().unwrap_or(0);
        self.ends.push(start + entries.len() as u64);
        entries.clear();
    }

    /// Every entry of all runs, in order.
    fn merge(self) -> Result<impl Iterator<Item = Result<Entry, Error>>, Error> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        let runs = starts.zip(&self.ends).map(|(next, &end)| Run { next, end, read: Vec::new() });
        let mut merge =
            Merge { spilled: self.bytes, runs: runs.collect(), first: BinaryHeap::new() };
        for run in 0..merge.runs.len() {
            merge.refill(run)?;
        }
        Ok(std::iter::from_fn(move || merge.next().transpose()))
    }
}

struct Run {
    /// The position of the next entry to read from the file.
    next: u64,
    end: u64,
    /// The entries that were read, the last one first.
    read: Vec<Entry>,
}

struct Merge {
    spilled: Spill,
    runs: Vec<Run>,
    /// The first entry of each run that has entries left.
    first: BinaryHeap<Reverse<(Entry, usize)>>,
}

impl Merge {
    fn next(&mut self) -> Result<Option<Entry>, Error> {
        let Some(Reverse((entry, run))) = self.first.pop() else { return Ok(None) };
        self.refill(run)?;
        Ok(Some(entry))
    }

    /// Adds the next entry of a run to `first`.
    fn refill(&mut self, at: usize) -> Result<(), Error> {
        let Some(run) = self.runs.get_mut(at) else { return Ok(()) };
        if run.read.is_empty() && run.next < run.end {
            let count = AT_ONCE.min(run.end - run.next);
            let mut bytes = vec![0; usize::try_from(count).unwrap_or(0) * ENTRY];
            self.spilled.read_at(run.next * ENTRY as u64, &mut bytes).map_err(failed)?;
            let (entries, _) = bytes.as_chunks::<ENTRY>();
            run.read = entries.iter().rev().filter_map(entry).collect();
            run.next += count;
        }
        if let Some(entry) = run.read.pop() {
            self.first.push(Reverse((entry, at)));
        }
        Ok(())
    }
}

fn entry(bytes: &[u8; ENTRY]) -> Option<Entry> {
    let (&number, rest) = bytes.split_first()?;
    let (hash, key) = rest.split_first_chunk::<8>()?;
    let key = u64::from_le_bytes(*key.first_chunk()?);
    Some((Index::of_number(number)?, u64::from_le_bytes(*hash), key))
}

fn failed(source: io::Error) -> Error {
    let path = std::env::temp_dir();
    Error::Io { doing: "sort an index in the temporary folder", path, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_merged_in_order() {
        let entry = |n: u64| {
            let index = Index::ALL[usize::try_from(n % 3).unwrap()];
            (index, n.wrapping_mul(0x9E37_79B9_7F4A_7C15), n / 2)
        };
        let mut runs = Runs::new();
        let mut all = Vec::new();
        for (run, count) in [5_000, 1, 0, 3_000].into_iter().enumerate() {
            let mut some: Vec<Entry> = (0..count).map(|n| entry(n + run as u64 * 777)).collect();
            all.extend_from_slice(&some);
            runs.push(&mut some);
            assert!(some.is_empty());
        }
        all.sort_unstable();
        let merged: Vec<Entry> = runs.merge().unwrap().map(Result::unwrap).collect();
        assert_eq!(merged, all);
    }
}
