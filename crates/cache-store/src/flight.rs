//! Single flight: those who ask at the same time share one probe and one refresh a section.
//! Within a process by locks, across processes by leases in the store.
//!
//! A lock is held while its holder waits for the server, so there is one for each section and
//! one for the probe: whoever waits for a section waits for what they asked for, and for
//! nothing else.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::OwnedMutexGuard;

use plex_api::{Private, UnixSeconds};

use crate::error::Error;
use crate::lease::Lease;
use crate::library::Library;
use crate::section::{SectionId, SectionState};
use crate::stamp::SectionStamp;
use crate::store::Store;

/// How long a process has a section to itself without saying so again: a process that dies
/// holds the others up for no longer. A refresh that takes longer renews it at half-time; one that
/// cannot is not wrong, only dearer: of two, the one that is written last finds the section moved.
const LEASE: Duration = Duration::from_mins(2);

/// How often a process that waits looks whether the lease is free.
const LOOK_EVERY: Duration = Duration::from_millis(50);

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

impl Library {
    /// Does something that takes the section's lease, if it is held, for as long as it takes.
    pub(crate) async fn renewing<T>(
        &self,
        lease: Option<&Leased>,
        mut work: impl Future<Output = T> + Unpin,
    ) -> T {
        let Some(lease) = lease else { return work.await };
        loop {
            match tokio::time::timeout(LEASE / 2, &mut work).await {
                Ok(done) => return done,
                Err(_) => {
                    // If that fails, it expires; if another has it by now, two do the same work.
                    match self.take_lease(lease.section).await {
                        Ok(Lease::Held { turn, .. }) => lease.turn.store(turn, Ordering::Relaxed),
                        Ok(Lease::Busy { .. }) => {}
                        Err(error) => {
                            tracing::debug!(error = %Private(&error), "a lease was not renewed");
                        }
                    }
                }
            }
        }
    }

    async fn take_lease(&self, section: SectionId) -> Result<Lease, Error> {
        let now = self.clock().now();
        self.blocking(move |store| store.take_lease(section, now, LEASE)).await
    }

    /// Waits for the lease of a section.
    pub(crate) async fn lease(&self, section: SectionId) -> Result<Leased, Error> {
        loop {
            if let Lease::Held { turn, .. } = self.take_lease(section).await? {
                let turn = AtomicU64::new(turn);
                let leased = Leased { store: Arc::clone(self.store()), section, turn };
                return Ok(leased);
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

/// What a probe showed: the sections as the server lists them, and our state of each that
/// holds files.
#[derive(Debug, Clone)]
pub(crate) struct Probe {
    pub(crate) listed: Arc<Vec<plex_api::Section>>,
    pub(crate) states: Vec<SectionState>,
    /// The title of a section whose row cannot be read, if there is one.
    pub(crate) unreadable: Option<String>,
    /// When the server was asked, by our clock.
    pub(crate) at: UnixSeconds,
    /// Goes up with every probe of this process: seconds do not tell two of them apart.
    pub(crate) number: u64,
    /// Sections whose moved counter is explained: what events told of was really different.
    pub(crate) explained: BTreeSet<SectionId>,
}

impl Probe {
    /// The stamp of a section in this probe; `None` if the server does not list it.
    pub(crate) fn sighting(&self, state: &SectionState) -> Option<Sighting> {
        let listed = self.listed.iter().find(|section| section.uuid == state.uuid)?;
        let explained = self.explained.contains(&state.id);
        Some(Sighting {
            stamp: SectionStamp::of(listed),
            at: self.at,
            probe: self.number,
            explained,
        })
    }
}

/// A section's stamp, and when it was seen.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sighting {
    pub(crate) stamp: SectionStamp,
    pub(crate) at: UnixSeconds,
    /// The number of the probe; 0 for one that was read from the store.
    probe: u64,
    /// A moved counter needs no further explanation.
    pub(crate) explained: bool,
}

impl Sighting {
    /// The stamp that was last stored.
    pub(crate) fn stored(state: &SectionState) -> Option<Self> {
        Some(Self { stamp: state.observed?, at: state.observed_at?, probe: 0, explained: false })
    }
}

/// Those who are asking now.
#[derive(Debug, Default)]
pub(crate) struct Flights {
    probing: Arc<tokio::sync::Mutex<()>>,
    /// How many probes have ended, and how the last one did.
    probed: Mutex<(u64, Option<Result<Probe, plex_api::Error>>)>,
    sections: Mutex<HashMap<SectionId, Arc<tokio::sync::Mutex<()>>>>,
    /// The last number that was given to a probe.
    number: AtomicU64,
    /// The probe from which each section's stamp in the store is.
    stored: Mutex<HashMap<SectionId, u64>>,
}

/// What somebody finds who wants to probe.
pub(crate) enum Turn {
    /// A probe that ended while they waited: it is theirs too, an outage as well.
    Shared(Result<Probe, plex_api::Error>),
    /// It is their turn; others wait until this is dropped.
    Mine(OwnedMutexGuard<()>),
}

impl Flights {
    /// Waits until nobody else probes.
    pub(crate) async fn probe(&self) -> Turn {
        let arrived = self.probed().0;
        let guard = Arc::clone(&self.probing).lock_owned().await;
        match &*self.probed() {
            (ended, Some(outcome)) if *ended > arrived => Turn::Shared(outcome.clone()),
            _ => Turn::Mine(guard),
        }
    }

    /// Notes how a probe ended, for those who wait.
    pub(crate) fn end_probe(&self, outcome: Result<Probe, plex_api::Error>) {
        let mut probed = self.probed();
        probed.0 += 1;
        probed.1 = Some(outcome);
    }

    /// A number for a probe, higher than all before.
    pub(crate) fn next_number(&self) -> u64 {
        self.number.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Notes from which probe the stamp of a section in the store is.
    pub(crate) fn stored(&self, section: SectionId, sighting: &Sighting) {
        let mut stored = self.stored.lock().unwrap_or_else(PoisonError::into_inner);
        let number = stored.entry(section).or_default();
        *number = (*number).max(sighting.probe);
    }

    /// Whether a section's state in the store rests on a later probe than this one, of this
    /// process or of another.
    pub(crate) fn is_outdated(&self, state: &SectionState, sighting: &Sighting) -> bool {
        let stored = self.stored.lock().unwrap_or_else(PoisonError::into_inner);
        stored.get(&state.id).is_some_and(|number| *number > sighting.probe)
            || state.observed_at.is_some_and(|at| at > sighting.at)
    }

    /// Waits until nobody else asks for a section.
    pub(crate) async fn section(&self, id: SectionId) -> OwnedMutexGuard<()> {
        let flight = {
            let mut sections = self.sections.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(sections.entry(id).or_default())
        };
        flight.lock_owned().await
    }

    fn probed(&self) -> std::sync::MutexGuard<'_, (u64, Option<Result<Probe, plex_api::Error>>)> {
        self.probed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
