//! A file that grows in blocks.
//!
//! redb writes page by page, and at a commit in an order that jumps about the file. To the kernel
//! a page of 4 KB in a place where nothing was is a piece of its own, that is allocated and sent
//! to the disk by itself. So a block is filled with zeros, in one piece, before the first page in
//! it is written: writing and syncing the pages of a large commit then takes little more than half
//! of the time. Nothing is held back: what is written and synced when is redb's affair alone.

use std::io;
use std::ops::Bound;
use std::sync::{Mutex, PoisonError};

use redb::{BackendError, StorageBackend};

/// A block: with 64 KB and with 256 KB the same was measured.
pub(crate) const BLOCK: usize = 1 << 17;

/// A block of zeros.
static ZEROS: [u8; BLOCK] = [0; BLOCK];

/// A file of which nobody else changes anything while it is open.
#[derive(Debug)]
pub(crate) struct Growing<B> {
    file: B,
    /// At this offset and beyond nothing was ever written. `None` until the first write: before,
    /// the file may not be locked, and still grow.
    untouched: Mutex<Option<u64>>,
}

impl<B: StorageBackend> Growing<B> {
    pub(crate) fn new(file: B) -> Self {
        Self { file, untouched: Mutex::new(None) }
    }

    /// Fills the blocks up to the one that `end` is in, as far as they are untouched and lie in
    /// the file.
    fn touch(&self, end: u64) -> io::Result<()> {
        // Held until they are filled, so that nothing is written there before.
        let mut untouched = self.untouched.lock().unwrap_or_else(PoisonError::into_inner);
        let mut at = match *untouched {
            Some(at) if end <= at => return Ok(()),
            Some(at) => at,
            None => *untouched.insert(self.file.len()?),
        };
        let filled = end.next_multiple_of(BLOCK as u64).min(self.file.len()?);
        while at < filled {
            let next = (at + 1).next_multiple_of(BLOCK as u64).min(filled);
            let length = usize::try_from(next - at).unwrap_or(usize::MAX);
            self.file.write(at, ZEROS.get(..length).unwrap_or(&ZEROS))?;
            at = next;
        }
        *untouched = Some(at.max(end));
        Ok(())
    }
}

impl<B: StorageBackend> StorageBackend for Growing<B> {
    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.touch(offset.saturating_add(data.len() as u64))?;
        self.file.write(offset, data)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut untouched = self.untouched.lock().unwrap_or_else(PoisonError::into_inner);
        self.file.set_len(len)?;
        *untouched = untouched.map(|at| at.min(len));
        Ok(())
    }

    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read(offset, out)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn close(&self) -> io::Result<()> {
        self.file.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.file.try_lock_range(start, end)
    }

    fn try_lock_shared_range(
        &self,
        start: Bound<u64>,
        end: Bound<u64>,
    ) -> Result<bool, BackendError> {
        self.file.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.lock_range(start, end)
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.file.query_lock_range(start, end)
    }
}
