//! Transactions on the open file, and what happens when one fails. A damaged file is replaced in
//! place. A file that redb no longer serves is opened again.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError, RwLock};

use redb::{Database, ReadTransaction, ReadableDatabase, WriteTransaction};
use tracing::{trace_span, warn};

use crate::error::{Error, Remedy};
use crate::file::commit::{commit, guard};
use crate::file::config::{Opened, Opening, Sharing, StoreConfig, Unwritable};
use crate::file::database;
use crate::file::marker::Marker;
use crate::file::open::{self, OpenFile};
use crate::file::overlay::Overlay;
use crate::file::write_buffer::Buffer;
use crate::format::envelope::{self, Place, Record};
use crate::no_disk::NoDisk;

/// The open file. If it is found damaged, it is replaced in place.
struct Handle {
    /// `None` while the file could not be opened again.
    db: Option<Database>,
    /// Goes up with every replacement, and when the file is closed.
    generation: u64,
    file_id: u64,
    /// The host closed the file. It is not opened again.
    closed: bool,
    /// The file in memory, and why it is not on disk.
    memory: Option<(NoDisk, Overlay)>,
}

impl Handle {
    fn new(file: OpenFile) -> (Self, Opened) {
        let mut handle = Self { db: None, generation: 0, file_id: 0, closed: false, memory: None };
        let opened = handle.take(file);
        (handle, opened)
    }

    /// Takes an opened file. Returns what the opening found.
    fn take(&mut self, file: OpenFile) -> Opened {
        let OpenFile { db, opened, file_id, memory } = file;
        self.memory = match (&opened, memory) {
            (Opened::InMemory(no_disk), Some(memory)) => Some((no_disk.clone(), memory)),
            _ => None,
        };
        (self.db, self.file_id) = (Some(db), file_id);
        opened
    }

    /// Why there is no file.
    fn missing(&self, doing: &'static str) -> Error {
        if self.closed {
            return Error::Closed { doing };
        }
        Error::Storage { doing, source: "the file could not be opened again after an error".into() }
    }
}

/// Counts that are not yet added to the file.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) hits: AtomicU64,
    pub(crate) misses: AtomicU64,
    pub(crate) damaged: AtomicU64,
}

/// The cache file in use: its transactions, and the matches that wait to be written.
pub(crate) struct CacheFile {
    handle: RwLock<Handle>,
    pub(crate) config: StoreConfig,
    path: PathBuf,
    /// No section had this number or a higher one. A file that replaces a damaged one starts its
    /// numbers here, so that a number never means two sections within one process.
    pub(crate) first_free: AtomicU32,
    /// The lock of the writer. A writer holds it from its look at the buffered matches until they
    /// are known to be in the file. `true`: a write came to its end.
    writing: Mutex<bool>,
    pub(crate) buffer: Buffer,
    pub(crate) counters: Counters,
    /// How many values were found damaged since the file was opened.
    damaged: AtomicU64,
}

impl CacheFile {
    /// The file in use, and what its opening found.
    pub(crate) fn new(file: OpenFile, path: &Path, config: &StoreConfig) -> (Self, Opened) {
        let (handle, opened) = Handle::new(file);
        let file = Self {
            handle: RwLock::new(handle),
            config: config.clone(),
            path: path.to_owned(),
            first_free: AtomicU32::new(1),
            writing: Mutex::default(),
            buffer: Buffer::default(),
            counters: Counters::default(),
            damaged: AtomicU64::new(0),
        };
        (file, opened)
    }

    /// Why the file is not on disk, if it is in memory.
    pub(crate) fn no_disk(&self) -> Option<NoDisk> {
        let handle = self.handle.read().unwrap_or_else(PoisonError::into_inner);
        handle.memory.as_ref().map(|(no_disk, _)| no_disk.clone())
    }

    /// The length of the file in bytes, on disk or in memory; 0 if it cannot be read.
    pub(crate) fn size(&self) -> u64 {
        let handle = self.handle.read().unwrap_or_else(PoisonError::into_inner);
        match &handle.memory {
            Some((_, memory)) => memory.size(),
            None => std::fs::metadata(&self.path).map_or(0, |file| file.len()),
        }
    }

    /// The path of the file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Opens a record that no listing would write again, such as a match. A damaged one is noted
    /// and read as missing: it is written anew when it is known again.
    pub(crate) fn opened<R: Record>(
        &self,
        place: Place,
        value: &[u8],
        what: &'static str,
    ) -> Option<R> {
        let record = envelope::open(place, value);
        if record.is_err() {
            self.count_damaged();
            warn!(what, "damaged record: it is read as missing");
        }
        record.ok()
    }

    /// Counts a damaged value.
    pub(crate) fn count_damaged(&self) {
        self.damaged.fetch_add(1, Ordering::Relaxed);
        self.counters.damaged.fetch_add(1, Ordering::Relaxed);
    }

    /// How many damaged values were met since the file was opened.
    pub(crate) fn damaged_values(&self) -> u64 {
        self.damaged.load(Ordering::Relaxed)
    }

    /// Whether it was closed.
    pub(crate) fn is_closed(&self) -> bool {
        self.handle.read().unwrap_or_else(PoisonError::into_inner).closed
    }

    /// Closes the file. The buffered matches are not written.
    pub(crate) fn close(&self) -> Result<(), Error> {
        let db = {
            let mut handle = self.handle.write().unwrap_or_else(PoisonError::into_inner);
            // A read that is running now fails, and nobody takes the failure for damage.
            handle.generation += 1;
            handle.closed = true;
            handle.db.take()
        };
        match db {
            Some(db) => guard("closing it", || db.close().map_err(Error::storage("closing it"))),
            None => Ok(()),
        }
    }

    /// Runs a read in one transaction.
    pub(crate) fn read<T>(
        &self,
        doing: &'static str,
        work: impl FnOnce(&ReadTransaction) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.with_db(doing, |db, _| work(&db.begin_read().map_err(Error::storage(doing))?))
    }

    /// Runs one write transaction: all of it is written, or nothing. The transaction writes the
    /// buffered matches before it calls `work`, so `work` finds every match in its table.
    ///
    /// If the disk fails and the file goes on in memory, `work` runs once more, there.
    ///
    /// `work` must not read through the store. Otherwise a replacement of the file would wait for
    /// `work`, and `work` for the replacement.
    pub(crate) fn write<T>(
        &self,
        doing: &'static str,
        mut work: impl FnMut(&WriteTransaction) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let _span = trace_span!("write", doing).entered();
        // No other writer may run from here until the buffer knows what is in the file. Otherwise
        // this writer could read the buffer, wait for another write, and then write its old
        // matches: over newer ones, or back after they were cleared.
        let mut has_written = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        // The first commit reads what no opening reads: which pages are free. Damage there can end
        // the process, with two panics of redb at once. The next start then checks the file.
        let first = !*has_written && self.no_disk().is_none();
        let _marker = first.then(|| Marker::set(&self.path)).flatten();
        let buffered = self.buffer.snapshot();
        let mut write = || {
            self.with_db(doing, |db, _| {
                commit(db, doing, |txn| {
                    buffered.write(txn)?;
                    work(txn)
                })
            })
        };
        let done = match write() {
            Err(Error::NoDisk(_)) => write()?,
            done => done?,
        };
        self.buffer.written(&buffered);
        *has_written = true;
        Ok(done)
    }

    /// Uses the open file alone, for operations that redb runs only in this way.
    pub(crate) fn with_db_mut<T>(
        &self,
        doing: &'static str,
        work: impl FnOnce(&mut Database) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let (done, generation) = {
            let mut handle = self.handle.write().unwrap_or_else(PoisonError::into_inner);
            let generation = handle.generation;
            let missing = handle.missing(doing);
            let Some(db) = handle.db.as_mut() else { return Err(missing) };
            (guard(doing, || work(db)), generation)
        };
        done.map_err(|error| self.heal(error, generation))
    }

    /// Closes the file and opens it again. A file in memory stays as it is.
    pub(crate) fn reopen(&self) -> Result<(), Error> {
        let doing = "opening it again";
        let mut handle = self.handle.write().unwrap_or_else(PoisonError::into_inner);
        if handle.closed {
            return Err(handle.missing(doing));
        }
        if handle.memory.is_some() {
            return Ok(());
        }
        if let Some(db) = handle.db.take() {
            guard(doing, || db.close().map_err(Error::storage(doing)))?;
        }
        handle.generation += 1;
        handle.take(open::open(self.opening())?);
        Ok(())
    }

    fn opening(&self) -> Opening<'_> {
        let first_section = self.first_free.load(Ordering::Relaxed);
        Opening { path: &self.path, config: &self.config, first_section }
    }

    pub(crate) fn with_db<T>(
        &self,
        doing: &'static str,
        work: impl FnOnce(&Database, u64) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let (done, generation) = {
            let handle = self.handle.read().unwrap_or_else(PoisonError::into_inner);
            let done = match &handle.db {
                Some(db) => guard(doing, || work(db, handle.generation)),
                None => Err(handle.missing(doing)),
            };
            (done, handle.generation)
        };
        done.map_err(|error| self.heal(error, generation))
    }

    /// Takes the action that an error calls for. A damaged file is moved aside and a new file is
    /// started. A file that redb gave up on after an I/O error is opened again. A file that cannot be
    /// written is left, and the cache goes on in memory. The returned error then says so.
    ///
    /// The caller must hold no lock on the handle.
    pub(crate) fn heal(&self, error: Error, generation: u64) -> Error {
        let remedy = match error.remedy() {
            Remedy::Memory(_) if self.config.unwritable == Unwritable::Refuse => Remedy::None,
            remedy => remedy,
        };
        if remedy == Remedy::None {
            return error;
        }
        let mut handle = self.handle.write().unwrap_or_else(PoisonError::into_inner);
        if handle.generation != generation {
            // Another thread was faster, or the file was closed.
            return match (&handle.memory, remedy) {
                (Some((no_disk, _)), Remedy::Memory(_) | Remedy::Reopen) if !handle.closed => {
                    Error::NoDisk(no_disk.clone())
                }
                _ => error,
            };
        }
        let db = handle.db.take();
        drop(catch_unwind(AssertUnwindSafe(|| drop(db))));
        let what = error.damage().unwrap_or_default();
        // Another process may have replaced a shared file.
        let ours = || {
            self.config.sharing == Sharing::Exclusive
                || database::file_id(&self.path, &self.config).is_none_or(|id| id == handle.file_id)
        };
        let opening = self.opening();
        let opened = match (&handle.memory, remedy) {
            // Changes that were in memory over an unreadable file are lost with it.
            (Some((no_disk, _)), _) => open::over_nothing(opening, no_disk.clone()),
            (None, Remedy::Memory(no_disk)) => open::in_memory(opening, no_disk),
            (None, Remedy::Replace) if ours() && self.path.exists() => {
                open::replace(opening, &what)
            }
            (None, _) => open::open(opening),
        };
        handle.generation += 1;
        match opened.map(|file| handle.take(file)) {
            Ok(Opened::Recovered { moved_to }) => {
                Error::Damaged { path: self.path.clone(), what, moved_to }
            }
            Ok(Opened::InMemory(no_disk)) => Error::NoDisk(no_disk),
            Ok(_) => error,
            Err(error) => error,
        }
    }
}

impl Drop for CacheFile {
    fn drop(&mut self) {
        // redb reads pages when it closes a file, and it panics on a damaged page.
        let db = self.handle.get_mut().unwrap_or_else(PoisonError::into_inner).db.take();
        drop(catch_unwind(AssertUnwindSafe(|| drop(db))));
    }
}
