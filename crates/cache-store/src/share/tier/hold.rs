//! Which host may refresh a section.

use std::sync::Arc;
use std::time::Duration;

use crate::model::position::CommitId;
use crate::model::section::SectionState;
use crate::share::tier::counts::Miss;
use crate::share::tier::keys::{SectionNames, hex};
use crate::share::tier::{LOOK_EVERY, Look, Tier, new_id, scripts};

/// How long a host waits for another host's listing before it lists the section itself. A million
/// items take one or two minutes.
const PATIENCE: Duration = Duration::from_mins(5);

/// What a host finds when it wants to refresh a section.
pub(crate) enum Hold {
    /// This host has the lease now.
    Mine(Lease),
    /// Another host committed. Look again.
    Again,
    /// The engine is away, or the holder of the lease does not finish. Go on without the tier.
    Without,
}

/// Permission to refresh a section for all hosts. Dropping it gives it back.
pub(crate) struct Lease {
    tier: Arc<Tier>,
    pub(super) names: SectionNames,
    pub(super) holder: CommitId,
    /// Nothing is left to give back.
    pub(super) done: bool,
}

impl Tier {
    /// Waits for the lease of a section, or until another host commits.
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
        // If this fails, the lease expires by itself.
        let _: Result<i64, Miss> =
            self.engine.run(scripts::RELEASE, &[lease], &[hex(holder).as_bytes()]).await;
    }
}

impl Lease {
    /// Runs `work`, and renews the lease as long as the work takes.
    pub(crate) async fn renewing<T>(&self, mut work: impl Future<Output = T> + Unpin) -> T {
        let lasts = self.tier.config.lease;
        let (holder, millis) = (hex(self.holder), lasts.as_millis().to_string());
        loop {
            if let Ok(done) = tokio::time::timeout(lasts / 3, &mut work).await {
                return done;
            }
            // If this fails, the lease expires, and the engine refuses the publication.
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
