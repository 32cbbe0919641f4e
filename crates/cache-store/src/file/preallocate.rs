//! A file that grows in blocks.
//!
//! redb writes page by page, and at a commit in an order that jumps about the file. To the kernel
//! a page of 4 KB in a place where nothing was is a piece of its own, that is allocated and sent
//! to the disk by itself. So where the file has grown since it was opened, a block is filled with
//! zeros, in one piece, before its first page is written: writing and syncing the pages of a large
//! commit then takes little more than half of the time. Nothing is held back: what is written and
//! synced when is redb's affair alone.

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
    /// `None` until the first write: before, the file may not be locked, and still grow.
    grown: Mutex<Option<Grown>>,
}

/// What was written where there was nothing before.
#[derive(Debug)]
struct Grown {
    /// Below this offset there may be anything.
    from: u64,
    /// By number, whether the block was filled or holds nothing but what is below `from`. Those
    /// beyond the end of the list were not.
    filled: Vec<bool>,
}

impl<B: StorageBackend> Growing<B> {
    pub(crate) fn new(file: B) -> Self {
        Self { file, grown: Mutex::new(None) }
    }

    /// Fills the blocks of these bytes, where that was not done and nothing can be in them. Of
    /// the others none: redb may take a page from the far end of a file that is hardly used.
    fn fill(&self, start: u64, end: u64) -> io::Result<()> {
        // Held until they are filled, so that nothing is written there before.
        let mut grown = self.grown.lock().unwrap_or_else(PoisonError::into_inner);
        let grown = match &mut *grown {
            Some(grown) => grown,
            none => none.insert(Grown { from: self.file.len()?, filled: Vec::new() }),
        };
        if end <= grown.from {
            return Ok(());
        }
        for block in start / BLOCK as u64..end.div_ceil(BLOCK as u64) {
            let at = usize::try_from(block).map_err(io::Error::other)?;
            if grown.filled.get(at) == Some(&true) {
                continue;
            }
            let start = (block * BLOCK as u64).max(grown.from);
            let end = ((block + 1) * BLOCK as u64).min(self.file.len()?);
            let length = usize::try_from(end.saturating_sub(start)).map_err(io::Error::other)?;
            if let Some(zeros) = ZEROS.get(..length).filter(|zeros| !zeros.is_empty()) {
                self.file.write(start, zeros)?;
            }
            grown.filled.resize(grown.filled.len().max(at + 1), false);
            if let Some(filled) = grown.filled.get_mut(at) {
                *filled = true;
            }
        }
        Ok(())
    }
}

impl<B: StorageBackend> StorageBackend for Growing<B> {
    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.fill(offset, offset.saturating_add(data.len() as u64))?;
        self.file.write(offset, data)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut grown = self.grown.lock().unwrap_or_else(PoisonError::into_inner);
        self.file.set_len(len)?;
        if let Some(grown) = &mut *grown {
            // The block that is cut stays as it is: there may be pages in it below the cut.
            grown.from = grown.from.min(len);
            grown
                .filled
                .truncate(usize::try_from(len.div_ceil(BLOCK as u64)).unwrap_or(usize::MAX));
        }
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
