//! The cache file in use: how it is opened and closed, what it is bound to, and damage in it.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError, RwLock};
use std::time::Duration;

use plex_api::{Private, UnixSeconds};
use redb::{ReadableDatabase, ReadableTable, WriteTransaction};
use tracing::warn;

use crate::buffer::Buffer;
use crate::codec;
use crate::error::{Broken, Error};
use crate::index::Indexing;
use crate::open::{self, OpenFile};
use crate::record::StoreRow;
use crate::section::SectionId;
use crate::table;
use crate::transaction::{Handle, guard};
use crate::upgrade::{Upgrade, draw};
use crate::view::View;

/// How a store is opened.
#[derive(Debug, Clone)]
pub struct StoreConfig {
    /// How items are indexed.
    pub indexing: Indexing,
    /// Memory for pages of the file, in bytes. The default, 128 MiB, holds a library of about
    /// 400,000 items, or the pages that 20,000 files need of a million: with half of it such a
    /// batch takes longer by half (`docs/benchmarks.md`). It is a ceiling, small libraries use
    /// less.
    pub cache_size: usize,
    /// How long to wait for another process to let go of the file. Default 5 s.
    pub open_wait: Duration,
    /// Who else may have the file open. Default: nobody.
    pub sharing: Sharing,
    /// Size in bytes that the file may reach before remembered matches are dropped, those that
    /// were not used for longest first. Default 512 MiB. Items are never dropped for it: listing
    /// them again would cost calls at every run.
    pub max_bytes: u64,
    /// Names a damaged file when it is moved aside.
    pub now: UnixSeconds,
}

/// Who may have a cache file open at once. Every process must open it in the same way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Sharing {
    /// One process. Everybody else waits, then is told that the file is in use.
    #[default]
    Exclusive,
    /// Any number of processes read and write; a write waits for the write of another. For
    /// hosts that start one process a job. Reads and writes take a few system calls more
    /// (`docs/format.md` has the numbers). Linux, macOS and Windows only, and not on network
    /// file systems without byte-range locks.
    Shared,
}

impl StoreConfig {
    /// The defaults, for an indexing function.
    pub fn new(indexing: Indexing, now: UnixSeconds) -> Self {
        Self {
            indexing,
            cache_size: 128 << 20,
            open_wait: Duration::from_secs(5),
            sharing: Sharing::Exclusive,
            max_bytes: 512 << 20,
            now,
        }
    }
}

/// What opening found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opened {
    /// There was no file (or an empty one): a new one was created.
    Created,
    /// The file was opened as it was.
    Existing,
    /// An earlier version wrote the file, or indexed it in another way: it was brought up to
    /// date. Nothing has to be asked of the server for it, unless something was dropped.
    Upgraded(Upgrade),
    /// The file was damaged. It was moved aside and a fresh one was started.
    Recovered {
        /// Where the damaged file is now.
        moved_to: PathBuf,
    },
}

/// A section as we last knew it, on disk: one file a server.
///
/// redb panics on some damaged pages. Every call here catches that and answers with an error or
/// a replaced file, but the panic hook runs before anything is caught: the usual one prints a
/// message, and one that ends the process ends it. The hook is the host's; none is set here.
/// Built with `panic = "abort"`, nothing can be caught.
pub struct Store {
    pub(crate) handle: RwLock<Handle>,
    pub(crate) config: StoreConfig,
    pub(crate) indexing: Indexing,
    pub(crate) path: PathBuf,
    opened: Opened,
    /// Tells this store from every other that has the file open.
    pub(crate) holder: u64,
    /// The last turn in which this store took each section's lease.
    pub(crate) turns: Mutex<BTreeMap<SectionId, u64>>,
    /// No section had this number or a higher one: a file that replaces a damaged one goes on
    /// from here, so that a number never means two sections within one process.
    pub(crate) first_free: AtomicU32,
    /// Values that were found damaged since it was opened.
    damaged: AtomicU64,
    /// Held by whoever writes, from the moment what is buffered is looked at until it is known to
    /// be in the file.
    pub(crate) writing: Mutex<()>,
    /// How often the host said something of matches ([`Store::revise`]); held while it does.
    pub(crate) revisions: Mutex<u64>,
    pub(crate) buffer: Buffer,
    pub(crate) counters: Counters,
}

/// What is counted until it is added to the file.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) hits: AtomicU64,
    pub(crate) misses: AtomicU64,
    pub(crate) damaged: AtomicU64,
}

impl Store {
    /// Opens the cache file at `path`, creating it and its folder when there is none.
    ///
    /// A file that is not a Matchbox cache, or that a newer version wrote, is refused and
    /// left as it is. A damaged cache is moved aside and a fresh one is started:
    /// [`Store::opened`] tells.
    pub fn open(path: &Path, config: &StoreConfig) -> Result<Self, Error> {
        Ok(Self::over(open::open(path, config, 1)?, path, config))
    }

    pub(crate) fn over(file: OpenFile, path: &Path, config: &StoreConfig) -> Self {
        let OpenFile { db, opened, file_id } = file;
        Self {
            handle: RwLock::new(Handle { db: Some(db), generation: 0, file_id }),
            config: config.clone(),
            indexing: config.indexing,
            path: path.to_owned(),
            opened,
            holder: draw(),
            turns: Mutex::default(),
            first_free: AtomicU32::new(1),
            damaged: AtomicU64::new(0),
            writing: Mutex::default(),
            revisions: Mutex::default(),
            buffer: Buffer::default(),
            counters: Counters::default(),
        }
    }

    /// What opening found.
    pub fn opened(&self) -> &Opened {
        &self.opened
    }

    /// Whether other processes may have the file open too.
    pub(crate) fn is_shared(&self) -> bool {
        self.config.sharing == Sharing::Shared
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes what is buffered and closes the file. Dropping the store does the same, without
    /// a word about errors.
    pub fn close(self) -> Result<(), Error> {
        let flushed = self.flush();
        let db = self.handle.write().unwrap_or_else(PoisonError::into_inner).db.take();
        let closed = match db {
            Some(db) => guard("closing it", || db.close().map_err(Error::storage("closing it"))),
            None => Ok(()),
        };
        flushed.and(closed)
    }

    /// Takes a read view: everything read through it is of one moment.
    pub fn view(&self) -> Result<View<'_>, Error> {
        // Before the transaction begins: what leaves the buffer meanwhile is in the file.
        let buffered = self.buffer.snapshot();
        let mut generation = 0;
        let view = self.with_db("starting to read", |db, at| {
            generation = at;
            let txn = db.begin_read().map_err(Error::storage("starting to read"))?;
            View::new(self, &txn, at, buffered)
        })?;
        if let Some(last) = view.last_section() {
            self.first_free.fetch_max(last.0.saturating_add(1), Ordering::Relaxed);
        }
        Ok(view)
    }

    /// The `machineIdentifier` of the server the file is bound to.
    pub fn server(&self) -> Result<Option<String>, Error> {
        Ok(self.store_row()?.server)
    }

    /// Binds the file to a server, or checks that it is this one.
    pub fn bind(&self, machine_identifier: &str) -> Result<(), Error> {
        let found = || machine_identifier.to_owned();
        match self.server()? {
            Some(expected) if expected == machine_identifier => Ok(()),
            Some(expected) => Err(Error::WrongServer { expected, found: found() }),
            None => self.write("binding it to its server", |txn| {
                let mut row = read_store_row(txn)?;
                match row.server.replace(found()) {
                    Some(expected) if expected != machine_identifier => {
                        Err(Error::WrongServer { expected, found: found() })
                    }
                    _ => put_store_row(txn, &row),
                }
            }),
        }
    }

    pub(crate) fn store_row(&self) -> Result<StoreRow, Error> {
        let doing = "reading its meta table";
        self.read(doing, |txn| {
            store_row(&txn.open_table(table::META).map_err(Error::storage(doing))?)
        })
    }

    /// Notes a damaged value that was read outside a view: it is read as missing.
    pub(crate) fn damaged(&self, what: &'static str) {
        self.count_damaged();
        warn!(what, "damaged record: it is read as missing");
    }

    /// Counts a damaged value.
    pub(crate) fn count_damaged(&self) {
        self.damaged.fetch_add(1, Ordering::Relaxed);
        self.counters.damaged.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts remembered matches that answered and those that did not, for [`Store::stats`].
    pub fn count(&self, hits: u64, misses: u64) {
        self.counters.hits.fetch_add(hits, Ordering::Relaxed);
        self.counters.misses.fetch_add(misses, Ordering::Relaxed);
    }

    /// How many damaged values were met since the store was opened.
    pub fn damaged_values(&self) -> u64 {
        self.damaged.load(Ordering::Relaxed)
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        // After `close` there is nothing to write and no file to write it to.
        if let Err(error) = self.flush() {
            warn!(error = %Private(&error), "matches that were not yet written are lost; they will be computed again");
        }
        // redb reads pages when it closes, and panics on a damaged one.
        let db = self.handle.get_mut().unwrap_or_else(PoisonError::into_inner).db.take();
        drop(catch_unwind(AssertUnwindSafe(|| drop(db))));
    }
}

/// Reads the store row inside a write transaction.
pub(crate) fn read_store_row(txn: &WriteTransaction) -> Result<StoreRow, Error> {
    let meta = txn.open_table(table::META).map_err(Error::storage("reading its meta table"))?;
    store_row(&meta)
}

/// The store row. That there is none, or a damaged one, is damage to the whole file: nobody
/// can say any more which server it belongs to and which section numbers were used.
pub(crate) fn store_row(
    meta: &impl ReadableTable<&'static str, &'static [u8]>,
) -> Result<StoreRow, Error> {
    let doing = "reading its meta table";
    let row = meta.get(table::STORE_KEY).map_err(Error::storage(doing))?;
    row.and_then(|bytes| codec::open(table::store_place(), bytes.value()).ok()).ok_or_else(|| {
        Error::Storage { doing, source: Box::new(Broken("its store row is damaged".to_owned())) }
    })
}

/// Writes the store row inside a write transaction.
pub(crate) fn put_store_row(txn: &WriteTransaction, row: &StoreRow) -> Result<(), Error> {
    let doing = "writing its meta table";
    let mut bytes = Vec::new();
    codec::seal(table::store_place(), row, &mut bytes);
    let mut meta = txn.open_table(table::META).map_err(Error::storage(doing))?;
    meta.insert(table::STORE_KEY, bytes.as_slice()).map_err(Error::storage(doing))?;
    Ok(())
}
