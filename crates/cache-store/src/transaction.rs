//! Transactions on the open file, and what is done when one fails: a damaged file is replaced
//! in place, and one that redb gave up on is opened again.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use redb::{Database, ReadTransaction, ReadableDatabase, WriteTransaction};
use tracing::trace_span;

use crate::error::{Broken, Error, Remedy};
use crate::open::{self, OpenFile};
use crate::store::{Opened, Sharing, Store};

/// The open file. It is replaced, in place, when it turns out to be damaged.
pub(crate) struct Handle {
    /// `None` while it could not be opened again.
    pub(crate) db: Option<Database>,
    /// Goes up with every replacement.
    pub(crate) generation: u64,
    pub(crate) file_id: u64,
}

impl Store {
    /// Reads within one transaction.
    pub(crate) fn read<T>(
        &self,
        doing: &'static str,
        work: impl FnOnce(&ReadTransaction) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.with_db(doing, |db, _| work(&db.begin_read().map_err(Error::storage(doing))?))
    }

    /// Runs one write transaction: all of it, or nothing. Matches that wait in the buffer are
    /// written with it, before `work`, which so finds every match in its table.
    ///
    /// `work` must not read through the store: a replacement of the file would wait for it,
    /// and it for the replacement.
    pub(crate) fn write<T>(
        &self,
        doing: &'static str,
        work: impl FnOnce(&WriteTransaction) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let _span = trace_span!("write", doing).entered();
        // Nobody else writes from here until the buffer knows what is in the file. Else matches that
        // were looked at before another's write would be written after it: older over newer, and
        // cleared ones back.
        let _alone = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let buffered = self.buffer.snapshot();
        let done = self.with_db(doing, |db, _| {
            commit(db, doing, |txn| {
                buffered.write(txn)?;
                work(txn)
            })
        })?;
        self.buffer.written(&buffered);
        Ok(done)
    }

    /// Uses the open file exclusively, for what redb wants it exclusively.
    pub(crate) fn with_db_mut<T>(
        &self,
        doing: &'static str,
        work: impl FnOnce(&mut Database) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let (done, generation) = {
            let mut handle = self.handle.write().unwrap_or_else(PoisonError::into_inner);
            let generation = handle.generation;
            let Some(db) = handle.db.as_mut() else { return Err(closed(doing)) };
            (guard(doing, || work(db)), generation)
        };
        done.map_err(|error| self.heal(error, generation))
    }

    /// Closes the file and opens it again.
    pub(crate) fn reopen(&self) -> Result<(), Error> {
        let doing = "opening it again";
        let mut handle = self.handle.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(db) = handle.db.take() {
            guard(doing, || db.close().map_err(Error::storage(doing)))?;
        }
        handle.generation += 1;
        let first = self.first_free.load(Ordering::Relaxed);
        let OpenFile { db, file_id, .. } = open::open(&self.path, &self.config, first)?;
        (handle.db, handle.file_id) = (Some(db), file_id);
        Ok(())
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
                None => Err(closed(doing)),
            };
            (done, handle.generation)
        };
        done.map_err(|error| self.heal(error, generation))
    }

    /// Does what an error calls for: a damaged file is moved aside and a fresh one is started;
    /// one that redb gave up on after an I/O error is opened again. The error then says so.
    ///
    /// The caller must hold no lock on the handle.
    pub(crate) fn heal(&self, error: Error, generation: u64) -> Error {
        let remedy = error.remedy();
        if remedy == Remedy::None {
            return error;
        }
        let mut handle = self.handle.write().unwrap_or_else(PoisonError::into_inner);
        if handle.generation != generation {
            return error; // another thread was here first
        }
        let db = handle.db.take();
        drop(catch_unwind(AssertUnwindSafe(|| drop(db))));
        let what = error.damage().unwrap_or_default();
        // A file that is shared may have been replaced by another process.
        let ours = self.config.sharing == Sharing::Exclusive
            || open::file_id(&self.path, &self.config).is_none_or(|id| id == handle.file_id);
        let first = self.first_free.load(Ordering::Relaxed);
        let opened = if remedy == Remedy::Replace && ours && self.path.exists() {
            open::replace(&self.path, &self.config, first, &what)
        } else {
            open::open(&self.path, &self.config, first)
        };
        handle.generation += 1;
        match opened {
            Ok(OpenFile { db, opened, file_id }) => {
                handle.db = Some(db);
                handle.file_id = file_id;
                match opened {
                    Opened::Recovered { moved_to } => {
                        Error::Damaged { path: self.path.clone(), what, moved_to }
                    }
                    _ => error,
                }
            }
            Err(error) => error,
        }
    }
}

/// Runs one write transaction on a file.
pub(crate) fn commit<T>(
    db: &Database,
    doing: &'static str,
    work: impl FnOnce(&WriteTransaction) -> Result<T, Error>,
) -> Result<T, Error> {
    let mut txn = db.begin_write().map_err(Error::storage(doing))?;
    // A crash then costs the next opening a millisecond and not a walk over the file.
    txn.set_quick_repair(true);
    let done = work(&txn)?;
    txn.commit().map_err(Error::storage(doing))?;
    Ok(done)
}

/// Turns a panic inside redb (it panics on some damaged pages) into an error.
pub(crate) fn guard<T>(
    doing: &'static str,
    work: impl FnOnce() -> Result<T, Error>,
) -> Result<T, Error> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let text = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| panic.downcast_ref::<&str>().copied())
            .unwrap_or("no message");
        let what = format!("the storage engine met a damaged page: {text}");
        Err(Error::Storage { doing, source: Box::new(Broken(what)) })
    })
}

fn closed(doing: &'static str) -> Error {
    Error::Storage { doing, source: "the file could not be opened again after an error".into() }
}
