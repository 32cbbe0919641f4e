//! A file in memory, used when the disk cannot be written. It begins with the content of a file on
//! disk, or empty. It never writes that file, and only the differences take memory.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;
use std::io;
use std::ops::Bound;
use std::sync::{Arc, PoisonError, RwLock};

use redb::backends::FileBackend;
use redb::{BackendError, StorageBackend};

/// The size of one piece in memory: a page of redb.
const PAGE: usize = 4_096;

/// The file. All clones are the same file.
#[derive(Clone)]
pub(crate) struct Overlay(Arc<Inner>);

struct Inner {
    base: Option<FileBackend>,
    locks: Locks,
    state: RwLock<State>,
}

/// How the base is locked while it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Locks {
    /// Other processes may read it too.
    Shared,
    /// No other process may have it open. The base must be open for writing.
    Alone,
}

struct State {
    len: u64,
    /// How many bytes of the base are still visible where nothing was written.
    shown: u64,
    /// The written pages.
    pages: BTreeMap<u64, Box<[u8; PAGE]>>,
}

impl fmt::Debug for Overlay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Overlay").field("len", &self.size()).finish_non_exhaustive()
    }
}

impl Overlay {
    /// Begins with the content of an open file, or empty.
    pub(crate) fn new(base: Option<FileBackend>, locks: Locks) -> io::Result<Self> {
        let len = base.as_ref().map_or(Ok(0), StorageBackend::len)?;
        let state = State { len, shown: len, pages: BTreeMap::new() };
        Ok(Self(Arc::new(Inner { base, locks, state: RwLock::new(state) })))
    }

    /// The length in bytes.
    pub(crate) fn size(&self) -> u64 {
        self.0.state.read().unwrap_or_else(PoisonError::into_inner).len
    }

    fn base(&self) -> Result<&FileBackend, BackendError> {
        self.0.base.as_ref().ok_or(BackendError::Unsupported)
    }
}

impl Inner {
    /// Reads what lies under the written pages: the base, and zeros after its end.
    fn below(&self, shown: u64, at: u64, out: &mut [u8]) -> io::Result<()> {
        out.fill(0);
        let count = usize::try_from(shown.saturating_sub(at)).unwrap_or(usize::MAX);
        let count = count.min(out.len());
        match (&self.base, out.get_mut(..count)) {
            (Some(base), Some(out)) if count > 0 => base.read(at, out),
            _ => Ok(()),
        }
    }
}

/// The page of an offset, the offset in that page, and how many of `left` bytes the page has.
fn piece(at: u64, left: usize) -> (u64, usize, usize) {
    let within = usize::try_from(at % PAGE as u64).unwrap_or(0);
    (at / PAGE as u64, within, left.min(PAGE - within))
}

fn beyond_the_end() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "beyond the end of a file in memory")
}

fn check(state: &State, at: u64, length: usize) -> io::Result<()> {
    let inside = at.checked_add(length as u64).is_some_and(|end| end <= state.len);
    inside.then_some(()).ok_or_else(beyond_the_end)
}

impl StorageBackend for Overlay {
    fn len(&self) -> io::Result<u64> {
        Ok(self.size())
    }

    fn read(&self, mut at: u64, out: &mut [u8]) -> io::Result<()> {
        let state = self.0.state.read().unwrap_or_else(PoisonError::into_inner);
        check(&state, at, out.len())?;
        let mut left = out;
        while !left.is_empty() {
            let (number, within, count) = piece(at, left.len());
            let (out, more) = left.split_at_mut(count);
            match state.pages.get(&number).and_then(|page| page.get(within..within + count)) {
                Some(page) => out.copy_from_slice(page),
                None => self.0.below(state.shown, at, out)?,
            }
            (at, left) = (at + count as u64, more);
        }
        Ok(())
    }

    fn write(&self, mut at: u64, data: &[u8]) -> io::Result<()> {
        let mut state = self.0.state.write().unwrap_or_else(PoisonError::into_inner);
        check(&state, at, data.len())?;
        let shown = state.shown;
        let mut left = data;
        while !left.is_empty() {
            let (number, within, count) = piece(at, left.len());
            let (data, more) = left.split_at(count);
            let page = match state.pages.entry(number) {
                Entry::Occupied(page) => page.into_mut(),
                Entry::Vacant(place) => {
                    let mut page = Box::new([0; PAGE]);
                    if count < PAGE {
                        self.0.below(shown, number * PAGE as u64, &mut page[..])?;
                    }
                    place.insert(page)
                }
            };
            let out = page.get_mut(within..within + count).ok_or_else(beyond_the_end)?;
            out.copy_from_slice(data);
            (at, left) = (at + count as u64, more);
        }
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut state = self.0.state.write().unwrap_or_else(PoisonError::into_inner);
        let (last, within, _) = piece(len, 0);
        state.pages.split_off(&len.div_ceil(PAGE as u64));
        // The bytes after the new end become zeros, because they must read as zeros if the file
        // grows again.
        if let Some(tail) = state.pages.get_mut(&last).and_then(|page| page.get_mut(within..)) {
            tail.fill(0);
        }
        state.shown = state.shown.min(len);
        state.len = len;
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn close(&self) -> io::Result<()> {
        self.0.base.as_ref().map_or(Ok(()), StorageBackend::close)
    }

    // redb takes the locks of a writer, but the base is only read. So the locks can be shared:
    // several processes may read the file then, and no process may write it.

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        match self.0.locks {
            Locks::Shared => self.base()?.try_lock_shared_range(start, end),
            Locks::Alone => self.base()?.try_lock_range(start, end),
        }
    }

    fn try_lock_shared_range(
        &self,
        start: Bound<u64>,
        end: Bound<u64>,
    ) -> Result<bool, BackendError> {
        self.base()?.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        match self.0.locks {
            Locks::Shared => self.base()?.lock_shared_range(start, end),
            Locks::Alone => self.base()?.lock_range(start, end),
        }
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.base()?.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.base()?.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.base()?.query_lock_range(start, end)
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};

    use super::*;
    use crate::tests::Dice;

    /// Writes bytes of any length at any offset and changes the length in between, over a file and
    /// over nothing. Every read must return what was written, and the file must stay as it was.
    #[test]
    fn what_was_written_is_read_and_the_file_stays_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let before: Vec<u8> = (0..5 * PAGE + 100).map(|n| u8::try_from(n % 251).unwrap()).collect();
        fs::write(&path, &before).unwrap();
        for begin in [before.clone(), Vec::new()] {
            let file = || FileBackend::new(File::open(&path).unwrap()).unwrap();
            let overlay = Overlay::new((!begin.is_empty()).then(file), Locks::Shared).unwrap();
            let mut expect = begin;
            let mut dice = Dice(1);
            for turn in 0..2_000_u32 {
                let mut pick = |below: usize| usize::try_from(dice.roll(below as u64)).unwrap();
                if expect.is_empty() || pick(10) == 0 {
                    expect.resize(pick(8 * PAGE), 0);
                    overlay.set_len(expect.len() as u64).unwrap();
                } else {
                    let at = pick(expect.len());
                    let count = pick((expect.len() - at).min(3 * PAGE) + 1);
                    let data = vec![u8::try_from(turn % 256).unwrap(); count];
                    overlay.write(at as u64, &data).unwrap();
                    expect[at..at + count].copy_from_slice(&data);
                }
                let at = pick(expect.len() + 1);
                let mut read = vec![0xEE; expect.len() - at];
                overlay.read(at as u64, &mut read).unwrap();
                assert!(read == expect[at..] && overlay.size() == expect.len() as u64);
            }
            let end = overlay.size();
            assert!(overlay.write(end, &[1]).is_err() && overlay.read(end, &mut [0]).is_err());
        }
        assert!(fs::read(&path).unwrap() == before);
    }
}
