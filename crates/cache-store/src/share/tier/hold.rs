//! Whose turn it is to refresh a section.

use std::sync::Arc;
use std::time::Duration;

use crate::model::position::CommitId;
use crate::model::section::SectionState;
use crate::share::tier::counts::Miss;
use crate::share::tier::keys::{SectionNames, hex};
use crate::share::tier::{LOOK_EVERY, Look, Tier, new_id, scripts};

/// Whoever waits longer for another's listing does it themselves: a million items take a minute
/// or two.
const PATIENCE: Duration = Duration::from_mins(5);

/// What a host that wants to refresh a section finds.
pub(crate) enum Hold {
    /// It is their turn.
    Mine(Lease),
    /// Somebody else was at it: look again.
    Again,
    /// The engine is away, or whoever is at it does not come to an end.
    Without,
}

/// Leave to refresh a section for all. It is given back when this is dropped.
pub(crate) struct Lease {
    tier: Arc<Tier>,
    pub(super) names: SectionNames,
    pub(super) holder: CommitId,
    /// There is nothing to give back any more.
    pub(super) done: bool,
}

impl Tier {
    /// Waits for the lease of a section, or until somebody else committed.
    pub(crate) async fn hold(self: &Arc<Self>, state: &SectionState, seen: &Look) -> Hold {
        let Some(names) = self.section_names(state) else { return Hold::Without };
        let began = self.clock.monotonic();
        let mut pause = LOOK_EVERY.0;
        let mut busy = seen.busy;
        loop {
            if !busy {
                match self.try_hold(&names).await {
                    Ok(Some(lease)) => return Hold::Mine(lease),
                    Ok(None) => {}
                    Err(_) => return Hold::Without,
                }
            }
            if began.elapsed() > PATIENCE {
                self.counting.miss(Miss::WaitedInVain);
                return Hold::Without;
            }
            tokio::time::sleep(pause).await;
            self.counting.took(pause);
            pause = (pause * 3 / 2).min(LOOK_EVERY.1);
            match self.look_at(&names.head(), &names.lease()).await {
                Ok((_, commit, ..)) if commit != seen.commit => return Hold::Again,
                Ok((.., held, _)) => busy = held,
                Err(miss) => {
                    self.counting.miss(miss);
                    return Hold::Without;
                }
            }
        }
    }

    /// Takes the lease of a section if nobody has it.
    pub(crate) async fn hold_now(self: &Arc<Self>, state: &SectionState) -> Option<Lease> {
        let names = self.section_names(state)?;
        self.try_hold(&names).await.ok().flatten()
    }

    async fn try_hold(self: &Arc<Self>, names: &SectionNames) -> Result<Option<Lease>, Miss> {
        let holder = new_id();
        let taken = self.engine.set_new(&names.lease(), &hex(holder), self.config.lease).await;
        if let Err(miss) = taken {
            self.counting.miss(miss);
        }
        let lease = || Lease { tier: Arc::clone(self), names: names.clone(), holder, done: false };
        Ok(taken?.then(lease))
    }

    pub(super) async fn release(&self, lease: &str, holder: CommitId) {
        // If that fails, it expires.
        let _: Result<i64, Miss> =
            self.engine.run(scripts::RELEASE, &[lease], &[hex(holder).as_bytes()]).await;
    }
}

impl Lease {
    /// Does something, and renews the lease for as long as it takes.
    pub(crate) async fn renewing<T>(&self, mut work: impl Future<Output = T> + Unpin) -> T {
        let lasts = self.tier.config.lease;
        let (holder, millis) = (hex(self.holder), lasts.as_millis().to_string());
        loop {
            if let Ok(done) = tokio::time::timeout(lasts / 3, &mut work).await {
                return done;
            }
            // If that fails, it expires, and what is published is refused.
            let arguments = [holder.as_bytes(), millis.as_bytes()];
            let key = self.names.lease();
            let _: Result<i64, Miss> =
                self.tier.engine.run(scripts::RENEW, &[&key], &arguments).await;
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        if !self.done {
            let (tier, lease, holder) = (Arc::clone(&self.tier), self.names.lease(), self.holder);
            runtime.spawn(async move { tier.release(&lease, holder).await });
        }
    }
}
