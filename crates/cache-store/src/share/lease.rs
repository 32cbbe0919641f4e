//! Across processes one refreshes a section and the others wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use plex_api::{Clock, Private};

use crate::error::Error;
use crate::model::section::SectionId;
use crate::share::off_thread::off_thread;
use crate::store::Store;
use crate::store::leases::Lease;

/// How long a process has a section to itself without saying so again: a process that dies
/// holds the others up for no longer. A refresh that takes longer renews it at half-time; one that
/// cannot is not wrong, only dearer: of two, the one that is written last finds the section moved.
const LEASE: Duration = Duration::from_mins(2);

/// How soon a process that waits looks again whether the lease is free; then less and less often.
const LOOK_AGAIN: Duration = Duration::from_millis(25);

/// A look costs a read of the file. Most refreshes take seconds.
const LOOK_AT_LEAST: Duration = Duration::from_millis(400);

/// A lease that is held. It is given back when this is dropped, also when the refresh was.
pub(crate) struct Leased {
    store: Arc<Store>,
    section: SectionId,
    /// Another one after each renewal.
    turn: AtomicU64,
}

impl Drop for Leased {
    fn drop(&mut self) {
        let (store, section) = (Arc::clone(&self.store), self.section);
        let turn = self.turn.load(Ordering::Relaxed);
        let release = move || {
            // If that fails, it expires.
            if let Err(error) = store.release_lease(section, turn) {
                tracing::debug!(error = %Private(&error), "a lease was not given back");
            }
        };
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn_blocking(release)),
            Err(_) => release(),
        }
    }
}

impl Leased {
    /// Waits for the lease of a section.
    pub(crate) async fn wait(
        store: &Arc<Store>,
        section: SectionId,
        clock: &Clock,
    ) -> Result<Self, Error> {
        let mut pause = LOOK_AGAIN;
        loop {
            if let Lease::Held { turn, .. } = take(store, section, clock).await? {
                let turn = AtomicU64::new(turn);
                return Ok(Self { store: Arc::clone(store), section, turn });
            }
            tokio::time::sleep(pause).await;
            pause = (2 * pause).min(LOOK_AT_LEAST);
        }
    }

    /// Does something, and renews the lease for as long as it takes.
    pub(crate) async fn renewing<T>(
        &self,
        clock: &Clock,
        mut work: impl Future<Output = T> + Unpin,
    ) -> T {
        loop {
            match tokio::time::timeout(LEASE / 2, &mut work).await {
                Ok(done) => return done,
                Err(_) => {
                    // If that fails, it expires; if another has it by now, two do the same work.
                    match take(&self.store, self.section, clock).await {
                        Ok(Lease::Held { turn, .. }) => self.turn.store(turn, Ordering::Relaxed),
                        Ok(Lease::Busy { .. }) => {}
                        Err(error) => {
                            tracing::debug!(error = %Private(&error), "a lease was not renewed");
                        }
                    }
                }
            }
        }
    }
}

async fn take(store: &Arc<Store>, section: SectionId, clock: &Clock) -> Result<Lease, Error> {
    let now = clock.now();
    off_thread(store, move |store| store.take_lease(section, now, LEASE)).await
}
