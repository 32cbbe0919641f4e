//! One write transaction on an open file. Panics of redb become errors.

use std::panic::{AssertUnwindSafe, catch_unwind};

use redb::{Database, WriteTransaction};

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
