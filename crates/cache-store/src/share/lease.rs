//! Between processes: one process refreshes a section, and the others wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use plex_api::{Clock, Private};

use crate::error::Error;
use crate::model::section::SectionId;
use crate::share::off_thread::off_thread;
use crate::store::Store;
use crate::store::leases::Lease;

/// How long a process has a section to itself before it must renew the lease. If a process dies,
/// the others wait no longer than this. A longer refresh renews the lease at half-time. If the
/// renewal fails, the answers stay right and only calls are lost: of two processes, the one that
/// writes last finds that the section changed.
const LEASE: Duration = Duration::from_mins(2);

/// The first pause of a process that waits before it looks again whether the lease is free. Later
/// pauses grow.
const LOOK_AGAIN: Duration = Duration::from_millis(25);

/// The longest pause. A look costs a read of the file, and most refreshes take seconds.
const LOOK_AT_LEAST: Duration = Duration::from_millis(400);

/// A lease that this process holds. Dropping it gives it back, also if the refresh was dropped.
pub(crate) struct Leased {
    store: Arc<Store>,
    section: SectionId,
    /// The number of the turn. Each renewal gets a new one.
    turn: AtomicU64,
}

impl Drop for Leased {
    fn drop(&mut self) {
        let (store, section) = (Arc::clone(&self.store), self.section);
        let turn = self.turn.load(Ordering::Relaxed);
        let release = move || {
            // If this fails, the lease expires by itself.
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

    /// Runs `work`, and renews the lease as long as the work takes.
    pub(crate) async fn renewing<T>(
        &self,
        clock: &Clock,
        mut work: impl Future<Output = T> + Unpin,
    ) -> T {
        loop {
            match tokio::time::timeout(LEASE / 2, &mut work).await {
                Ok(done) => return done,
                Err(_) => {
                    // If this fails, the lease expires. If another process has it by then, two do
                    // the same work.
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
