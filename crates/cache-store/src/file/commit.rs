//! One write transaction on an open file. Panics of redb become errors.

use std::panic::{AssertUnwindSafe, catch_unwind};

use redb::{Database, WriteTransaction};
use tracing::warn;

use crate::error::{Broken, Error};

/// Runs one write transaction on a file.
pub(crate) fn commit<T>(
    db: &Database,
    doing: &'static str,
    work: impl FnOnce(&WriteTransaction) -> Result<T, Error>,
) -> Result<T, Error> {
    let mut txn = db.begin_write().map_err(Error::storage(doing))?;
    // After a crash the next opening then takes a millisecond instead of a walk over the file.
    txn.set_quick_repair(true);
    let done = work(&txn)?;
    txn.commit().map_err(Error::storage(doing))?;
    Ok(done)
}

/// Turns a panic inside redb into an error. redb panics on some damaged pages.
pub(crate) fn guard<T>(
    doing: &'static str,
    work: impl FnOnce() -> Result<T, Error>,
) -> Result<T, Error> {
    caught(work)
        .unwrap_or_else(|what| Err(Error::Storage { doing, source: Box::new(Broken(what)) }))
}

/// Runs work on a file. If redb panics, it says what it met, here and in the log: the panic hook has
/// already printed a message, and somebody may wonder about it.
pub(crate) fn caught<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| {
        let text = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| panic.downcast_ref::<&str>().copied())
            .unwrap_or("no message");
        warn!(text, "redb panicked on a damaged page, as expected; the cache heals");
        format!("the storage engine met a damaged page: {text}")
    })
}
