//! The stamps of all sections: one host asks the server, and the others take its answer.

use std::time::Duration;

use plex_api::{Section, UnixSeconds};

use crate::model::position::CommitId;
use crate::share::tier::counts::Miss;
use crate::share::tier::keys::{Names, hex};
use crate::share::tier::protocol::{EngineTime, age};
use crate::share::tier::wire::SharedProbe;
use crate::share::tier::{At, DATA, LOOK_EVERY, Tier, new_id, scripts};

/// How long a host has for its probe before another host makes one.
const PROBE_LEASE: Duration = Duration::from_secs(5);

/// What a host finds when it wants to know the stamps.
pub(crate) enum Probed {
    /// Another host asked the server, at this time.
    Shared(Vec<Section>, UnixSeconds),
    /// This host has to ask the server: with a lease, and with the probe that was last known.
    Ask(Option<ProbeLease>, Option<SharedProbe>),
}

/// Permission to probe for all hosts.
pub(crate) struct ProbeLease {
    holder: CommitId,
    at: EngineTime,
}

impl Tier {
    async fn look_probe(&self, names: &Names) -> Result<(Option<SharedProbe>, bool, At), Miss> {
        let key = names.probe();
        let (value, _, busy, at) = self.look_at(&key, &names.probe_lease()).await?;
        if value.is_empty() {
            self.counting.miss(Miss::Nothing);
            return Ok((None, busy, at));
        }
        let probe = self.seal.open(&key, &value).and_then(SharedProbe::decode);
        if probe.is_none() {
            self.counting.miss(Miss::NotVerified);
        }
        Ok((probe, busy, at))
    }

    /// Takes a probe that is recent enough. If there is none, it waits for the host that probes, or
    /// for the lease.
    pub(crate) async fn probe(&self, freshness: Duration) -> Probed {
        let Some(names) = self.names() else { return Probed::Ask(None, None) };
        let mut waited = false;
        let mut pause = LOOK_EVERY.0;
        let began = self.clock.monotonic();
        loop {
            let Ok((probe, busy, at)) = self.look_probe(&names).await else {
                return Probed::Ask(None, None);
            };
            let recent = probe.as_ref().filter(|_| self.config.trust_probe).filter(|probe| {
                let fresh = i64::try_from(freshness.as_secs()).unwrap_or(i64::MAX);
                age(at.engine, probe.at).is_some_and(|age| age < fresh)
            });
            if let Some(recent) = recent {
                let mut counts = self.counting.change();
                counts.probes += 1;
                counts.calls_saved += 1;
                return Probed::Shared(recent.sections.clone(), at.ours(recent.at));
            }
            if !self.config.trust_probe {
                return Probed::Ask(None, probe);
            }
            if !busy {
                // The host that this one waited for got no answer. Then each host asks for itself.
                if waited {
                    return Probed::Ask(None, probe);
                }
                let holder = new_id();
                let taken =
                    self.engine.set_new(&names.probe_lease(), &hex(holder), PROBE_LEASE).await;
                match taken {
                    // Another host may have published since the last look.
                    Ok(true) => {
                        return self
                            .look_again(
                                &names,
                                freshness,
                                ProbeLease { holder, at: at.engine },
                                probe,
                            )
                            .await;
                    }
                    Ok(false) => {}
                    Err(_) => return Probed::Ask(None, probe),
                }
            }
            if began.elapsed() > PROBE_LEASE {
                self.counting.miss(Miss::WaitedInVain);
                return Probed::Ask(None, probe);
            }
            waited = true;
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LOOK_EVERY.1);
        }
    }

    async fn look_again(
        &self,
        names: &Names,
        freshness: Duration,
        lease: ProbeLease,
        before: Option<SharedProbe>,
    ) -> Probed {
        let Ok((probe, _, at)) = self.look_probe(names).await else {
            return Probed::Ask(Some(lease), before);
        };
        let fresh = i64::try_from(freshness.as_secs()).unwrap_or(i64::MAX);
        match probe {
            Some(probe) if age(at.engine, probe.at).is_some_and(|age| age < fresh) => {
                self.release(&names.probe_lease(), lease.holder).await;
                let mut counts = self.counting.change();
                counts.probes += 1;
                counts.calls_saved += 1;
                let ours = at.ours(probe.at);
                Probed::Shared(probe.sections, ours)
            }
            probe => {
                let lease = ProbeLease { at: at.engine, ..lease };
                Probed::Ask(Some(lease), probe.or(before))
            }
        }
    }

    /// The engine's present time. It dates what the server is asked next.
    pub(crate) async fn time(&self) -> Option<ProbeLease> {
        let names = self.names()?;
        let (.., at) = self.look_at(&names.probe(), &names.probe_lease()).await.ok()?;
        Some(ProbeLease { holder: new_id(), at: at.engine })
    }

    /// Publishes the server's list of sections, and gives the lease back.
    pub(crate) async fn put_probe(&self, lease: ProbeLease, sections: Vec<Section>) {
        let Some(names) = self.names() else { return };
        let key = names.probe();
        let probe = SharedProbe { at: lease.at, sections };
        let value = self.seal.seal(&key, &probe.encode());
        let (at, ttl) = (lease.at.0.to_string(), DATA.as_millis().to_string());
        let holder = hex(lease.holder);
        let arguments = [at.as_bytes(), &value, ttl.as_bytes(), holder.as_bytes()];
        let keys = [key.as_str(), &names.probe_lease()];
        let put: Result<i64, Miss> = self.engine.run(scripts::PUT_PROBE, &keys, &arguments).await;
        match put {
            Ok(_) => self.counting.change().bytes_written += value.len() as u64,
            Err(miss) => self.counting.miss(miss),
        }
    }

    /// Gives a probe's lease back without an answer.
    pub(crate) async fn drop_probe(&self, lease: ProbeLease) {
        if let Some(names) = self.names() {
            self.release(&names.probe_lease(), lease.holder).await;
        }
    }
}
