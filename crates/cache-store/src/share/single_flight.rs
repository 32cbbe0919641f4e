//! Single flight: tasks that ask at the same time share one probe, and one refresh of each section.
//! Between processes, leases do the same (`lease.rs`).
//!
//! A lock is held while its holder waits for the server. So there is one lock for each section and
//! one for the probe: a task that needs a section waits only for that section.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use plex_api::{UnixSeconds, UnsupportedRow};
use tokio::sync::OwnedMutexGuard;

use crate::model::revision::SectionStamp;
use crate::model::section::{SectionId, SectionState};

/// What a probe showed: the sections as the server lists them, and our state of each section that
/// holds files.
#[derive(Debug, Clone)]
pub(crate) struct Probe {
    pub(crate) listed: Arc<Vec<plex_api::Section>>,
    pub(crate) states: Vec<SectionState>,
    /// Rows of sections that cannot be read.
    pub(crate) unreadable: Vec<UnsupportedRow>,
    /// Our states as they were before the server was asked.
    pub(crate) before: Arc<Vec<SectionState>>,
    /// When the server was asked, by our clock.
    pub(crate) at: UnixSeconds,
    /// Goes up with every probe of this process. A time in seconds cannot tell two probes apart.
    pub(crate) number: u64,
    /// Sections whose moved counter is explained: events named the changed items, and those were
    /// really different.
    pub(crate) explained: BTreeSet<SectionId>,
}

impl Probe {
    /// The stamp of a section in this probe; `None` if the server does not list it.
    pub(crate) fn sighting(&self, state: &SectionState) -> Option<Sighting> {
        let listed = self.listed.iter().find(|section| section.uuid == state.uuid)?;
        let explained = self.explained.contains(&state.id);
        let before = self.before.iter().find(|before| before.id == state.id);
        Some(Sighting {
            stamp: SectionStamp::of(listed),
            at: self.at,
            probe: self.number,
            explained,
            listed_before: before.and_then(|before| before.listed_at),
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
    /// The moved counter needs no further explanation.
    pub(crate) explained: bool,
    /// When the section had last been listed, as of the moment when the server was asked.
    listed_before: Option<UnixSeconds>,
}

impl Sighting {
    /// The stamp that was last stored.
    pub(crate) fn stored(state: &SectionState) -> Option<Self> {
        let (stamp, at) = (state.observed?, state.observed_at?);
        Some(Self { stamp, at, probe: 0, explained: false, listed_before: None })
    }

    /// Whether the stamp was asked for after the listing that the section has now. If such a stamp
    /// shows that nothing was added meanwhile, nothing was missed.
    pub(crate) fn is_after(&self, state: &SectionState) -> bool {
        state.complete && state.listed_at.is_some() && state.listed_at == self.listed_before
    }
}

/// The probes so far. Each has a number that is higher than all numbers before.
#[derive(Debug, Default)]
struct Probed {
    /// The number of the last probe that began.
    begun: u64,
    /// The number of the last probe that ended, and its outcome.
    ended: u64,
    outcome: Option<Result<Probe, plex_api::Error>>,
}

/// Which probe a task may share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Since {
    /// A probe that ends after the task asks. A stamp from a moment ago is good enough.
    Ending,
    /// A probe that begins after the task asks. It has to show something that just happened.
    Beginning,
}

/// The tasks that ask at this moment.
#[derive(Debug, Default)]
pub(crate) struct Flights {
    probing: Arc<tokio::sync::Mutex<()>>,
    probed: Mutex<Probed>,
    noting: tokio::sync::Mutex<()>,
    settling: tokio::sync::Mutex<()>,
    sections: Mutex<HashMap<SectionId, Arc<tokio::sync::Mutex<()>>>>,
    /// For each section, the number of the probe that its stored stamp comes from.
    stored: Mutex<HashMap<SectionId, u64>>,
}

/// What a task finds when it wants a probe.
pub(crate) enum Turn {
    /// The outcome of a probe that ended while the task waited. The task shares it, even if it is
    /// an outage.
    Shared(Result<Probe, plex_api::Error>),
    /// The task makes the probe itself, with this number. Others wait until this is dropped.
    Mine(OwnedMutexGuard<()>, u64),
}

impl Flights {
    /// Waits until nobody else probes.
    pub(crate) async fn probe(&self, since: Since) -> Turn {
        let arrived = {
            let probed = self.probed();
            match since {
                Since::Ending => probed.ended,
                Since::Beginning => probed.begun,
            }
        };
        let guard = Arc::clone(&self.probing).lock_owned().await;
        let mut probed = self.probed();
        match &probed.outcome {
            Some(outcome) if probed.ended > arrived => Turn::Shared(outcome.clone()),
            _ => {
                probed.begun += 1;
                Turn::Mine(guard, probed.begun)
            }
        }
    }

    /// Notes how a probe ended, for the tasks that wait.
    pub(crate) fn end_probe(&self, number: u64, outcome: Result<Probe, plex_api::Error>) {
        let mut probed = self.probed();
        probed.ended = number;
        probed.outcome = Some(outcome);
    }

    /// The last probe that ended, unless it failed.
    pub(crate) fn last_probe(&self) -> Option<Probe> {
        self.probed().outcome.clone()?.ok()
    }

    /// Whether no later probe has ended.
    pub(crate) fn is_last(&self, probe: &Probe) -> bool {
        self.probed().ended <= probe.number
    }

    /// Waits until no other task notes what a probe showed.
    pub(crate) async fn noting(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.noting.lock().await
    }

    /// Waits until no other task compares stamps for an absence. One comparison then serves all.
    pub(crate) async fn settling(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.settling.lock().await
    }

    /// Notes which probe a section's stored stamp comes from.
    pub(crate) fn stored(&self, section: SectionId, sighting: &Sighting) {
        let mut stored = self.stored.lock().unwrap_or_else(PoisonError::into_inner);
        let number = stored.entry(section).or_default();
        *number = (*number).max(sighting.probe);
    }

    /// Whether a section's stored state comes from a later probe than this one. The later probe may
    /// be of this process or of another.
    pub(crate) fn is_outdated(&self, state: &SectionState, sighting: &Sighting) -> bool {
        let stored = self.stored.lock().unwrap_or_else(PoisonError::into_inner);
        stored.get(&state.id).is_some_and(|number| *number > sighting.probe)
            || state.observed_at.is_some_and(|at| at > sighting.at)
    }

    /// Waits until no other task asks for this section.
    pub(crate) async fn section(&self, id: SectionId) -> OwnedMutexGuard<()> {
        let flight = {
            let mut sections = self.sections.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(sections.entry(id).or_default())
        };
        flight.lock_owned().await
    }

    fn probed(&self) -> std::sync::MutexGuard<'_, Probed> {
        self.probed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
