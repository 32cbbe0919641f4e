//! Disk work off the async threads.

use std::sync::Arc;

use crate::error::Error;
use crate::store::Store;

/// Runs work on a store on a thread that may wait for the disk.
pub(crate) async fn off_thread<T: Send + 'static>(
    store: &Arc<Store>,
    work: impl FnOnce(&Store) -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let store = Arc::clone(store);
    match tokio::task::spawn_blocking(move || work(&store)).await {
        Ok(done) => done,
        Err(error) => {
            Err(Error::Storage { doing: "working on a blocking thread", source: error.into() })
        }
    }
}
