//! Runs disk work outside the async threads.

use std::sync::Arc;

use tokio::runtime::Handle;

use crate::error::Error;
use crate::store::Store;

/// Runs work on a store, on a thread that may wait for the disk.
pub(crate) async fn off_thread<T: Send + 'static>(
    store: &Arc<Store>,
    work: impl FnOnce(&Store) -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let store = Arc::clone(store);
    blocking(move || work(&store)).await
}

/// Runs work on a thread that may wait for the disk or may compute for a long time.
pub async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let Ok(runtime) = Handle::try_current() else { return Err(Error::NoRuntime) };
    match runtime.spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => {
            Err(Error::Storage { doing: "working on a blocking thread", source: error.into() })
        }
    }
}
