//! The cache file as the layers above see it: what they can read from it and write to it.

pub(crate) mod apply;
pub(crate) mod bulk_load;
pub(crate) mod cascade;
pub(crate) mod check;
pub(crate) mod clear;
pub(crate) mod edits;
pub(crate) mod leases;
pub(crate) mod metadata;
pub(crate) mod prune;
pub(crate) mod remember;
pub(crate) mod sections;
pub(crate) mod shows;
pub(crate) mod staging;
pub(crate) mod stats;
pub(crate) mod totals;
pub(crate) mod uploads;

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::Ordering;

use plex_api::Private;
use redb::{ReadTransaction, WriteTransaction};
use tracing::warn;

use crate::error::Error;
use crate::file::config::{Opened, Opening, Sharing, StoreConfig};
use crate::file::handle::CacheFile;
use crate::file::meta::{put_store_row, read_store_row, store_row};
use crate::file::open::{self, OpenFile};
use crate::file::view::View;
use crate::format::meta::StoreRow;
use crate::format::tables;
use crate::model::index::Indexing;
use crate::model::section::SectionId;
use crate::no_disk::NoDisk;
use crate::random_id::draw;

/// The cache of one server's sections on disk, in one file.
///
/// redb panics on some damaged pages. Every call here catches the panic, and returns an error or
/// replaces the file. But the panic hook runs before the catch. The default hook prints a message,
/// which a warning in the log explains. A hook that ends the process does end it. The hook is the
/// host's; the store sets none. A build with `panic = "abort"` cannot catch panics: there the
/// process ends, and the next opening finds the damage and moves the file aside (`docs/format.md`,
/// 8).
pub struct Store {
    pub(crate) file: CacheFile,
    pub(crate) indexing: Indexing,
    opened: Opened,
    /// A number that identifies this store among all that have the file open.
    pub(crate) holder: u64,
    /// The number of this store's last acquisition of each section's lease.
    pub(crate) turns: Mutex<BTreeMap<SectionId, u64>>,
    /// How often the host reported on matches ([`Store::revise`]). The lock is held during a
    /// report.
    pub(crate) revisions: Mutex<u64>,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = Private(self.path().display());
        f.debug_struct("Store").field("path", &format_args!("{path}")).finish_non_exhaustive()
    }
}

impl Store {
    /// Opens the cache file at `path`. If there is none, it creates the file and its folder.
    ///
    /// Refuses a file that is not a Matchbox cache, or that a newer version wrote, and leaves it as
    /// it is. Moves a damaged cache aside and starts a new one: [`Store::opened`] tells.
    pub fn open(path: &Path, config: &StoreConfig) -> Result<Self, Error> {
        let file = open::open(Opening { path, config, first_section: 1 })?;
        Ok(Self::over(file, path, config))
    }

    pub(crate) fn over(file: OpenFile, path: &Path, config: &StoreConfig) -> Self {
        let (file, opened) = CacheFile::new(file, path, config);
        Self {
            file,
            indexing: config.indexing,
            opened,
            holder: draw(),
            turns: Mutex::default(),
            revisions: Mutex::default(),
        }
    }

    /// What the opening found.
    pub fn opened(&self) -> &Opened {
        &self.opened
    }

    /// Why nothing is kept on disk. `None`: the cache is on disk. Otherwise the file could not be
    /// written, when it was opened or later, and the cache is in memory
    /// ([`Unwritable::Memory`](crate::Unwritable::Memory)).
    pub fn no_disk(&self) -> Option<NoDisk> {
        self.file.no_disk()
    }

    /// Whether other processes may have the file open too.
    pub(crate) fn is_shared(&self) -> bool {
        self.file.config.sharing == Sharing::Shared
    }

    /// The path of the file.
    pub fn path(&self) -> &Path {
        self.file.path()
    }

    /// Writes what is buffered and closes the file, even if others hold the store too. Every later
    /// call returns [`Error::Closed`]. It waits for a write that is running. Closing twice is no
    /// error. Dropping the store does the same, but reports no errors.
    pub fn close(&self) -> Result<(), Error> {
        if self.file.is_closed() {
            return Ok(());
        }
        let flushed = self.flush();
        let closed = self.file.close();
        flushed.and(closed)
    }

    /// Takes a read view: everything that is read through it is from one moment.
    pub fn view(&self) -> Result<View<'_>, Error> {
        self.file.view()
    }

    /// Runs a read in one transaction.
    pub(crate) fn read<T>(
        &self,
        doing: &'static str,
        work: impl FnOnce(&ReadTransaction) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.file.read(doing, work)
    }

    /// Runs one write transaction: all of it, or nothing. See [`CacheFile::write`].
    pub(crate) fn write<T>(
        &self,
        doing: &'static str,
        work: impl FnMut(&WriteTransaction) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.file.write(doing, work)
    }

    /// The `machineIdentifier` of the server the file is bound to.
    pub fn server(&self) -> Result<Option<String>, Error> {
        Ok(self.store_row()?.server)
    }

    /// Binds the file to a server, or checks that the file belongs to this server.
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
            store_row(&txn.open_table(tables::META).map_err(Error::storage(doing))?)
        })
    }

    /// Counts, for [`Store::stats`], remembered matches that answered and matches that did not.
    pub fn count(&self, hits: u64, misses: u64) {
        self.file.counters.hits.fetch_add(hits, Ordering::Relaxed);
        self.file.counters.misses.fetch_add(misses, Ordering::Relaxed);
    }

    /// How many damaged values were met since the store was opened.
    pub fn damaged_values(&self) -> u64 {
        self.file.damaged_values()
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        // After `close` nothing is left to write, and there is no file to write to.
        if let Err(error) = self.flush() {
            warn!(error = %Private(&error), "matches that were not yet written are lost; they will be computed again");
        }
    }
}
