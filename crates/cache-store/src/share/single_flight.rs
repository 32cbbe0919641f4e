//! Single flight: those who ask at the same time share one probe and one refresh a section.
//! Across processes leases do the same (`lease.rs`).
//!
//! A lock is held while its holder waits for the server, so there is one for each section and
//! one for the probe: whoever waits for a section waits for what they asked for, and for
//! nothing else.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use plex_api::{UnixSeconds, UnsupportedRow};
use tokio::sync::OwnedMutexGuard;

use crate::model::revision::SectionStamp;
use crate::model::section::{SectionId, SectionState};

/// What a probe showed: the sections as the server lists them, and our state of each that
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
    /// A moved counter needs no further explanation.
    pub(crate) explained: bool,
    /// When the section had last been listed when the server was asked.
    listed_before: Option<UnixSeconds>,
}

impl Sighting {
    /// The stamp that was last stored.
    pub(crate) fn stored(state: &SectionState) -> Option<Self> {
        let (stamp, at) = (state.observed?, state.observed_at?);
        Some(Self { stamp, at, probe: 0, explained: false, listed_before: None })
    }

    /// Whether the stamp was asked for after the section was listed as it is now: where it shows
    /// that nothing was added meanwhile, nothing was missed.
    pub(crate) fn is_after(&self, state: &SectionState) -> bool {
        state.complete && state.listed_at.is_some() && state.listed_at == self.listed_before
    }
}

/// Probes so far. Each has a number, higher than all before.
#[derive(Debug, Default)]
struct Probed {
    /// The last that was begun.
    begun: u64,
    /// The last that ended, and how.
    ended: u64,
    outcome: Option<Result<Probe, plex_api::Error>>,
}

/// Which probe somebody may share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Since {
    /// One that ends after they ask: a stamp of a moment ago will do.
    Ending,
    /// One that begins after they ask: something happened that it has to show.
    Beginning,
}

/// Those who are asking now.
#[derive(Debug, Default)]
pub(crate) struct Flights {
    probing: Arc<tokio::sync::Mutex<()>>,
    probed: Mutex<Probed>,
    noting: tokio::sync::Mutex<()>,
    settling: tokio::sync::Mutex<()>,
    sections: Mutex<HashMap<SectionId, Arc<tokio::sync::Mutex<()>>>>,
    /// The probe from which each section's stamp in the store is.
    stored: Mutex<HashMap<SectionId, u64>>,
}

/// What somebody finds who wants to probe.
pub(crate) enum Turn {
    /// A probe that ended while they waited: it is theirs too, an outage as well.
    Shared(Result<Probe, plex_api::Error>),
    /// It is their turn, and the number of their probe; others wait until this is dropped.
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

    /// Notes how a probe ended, for those who wait.
    pub(crate) fn end_probe(&self, number: u64, outcome: Result<Probe, plex_api::Error>) {
        let mut probed = self.probed();
        probed.ended = number;
        probed.outcome = Some(outcome);
    }

    /// The last probe that ended, unless it failed.
    pub(crate) fn last_probe(&self) -> Option<Probe> {
        self.probed().outcome.clone()?.ok()
    }

    /// Whether no later probe than this has ended.
    pub(crate) fn is_last(&self, probe: &Probe) -> bool {
        self.probed().ended <= probe.number
    }

    /// Waits until nobody else notes what a probe showed.
    pub(crate) async fn noting(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.noting.lock().await
    }

    /// Waits until nobody else compares stamps for an absence: what they find settles it for all.
    pub(crate) async fn settling(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.settling.lock().await
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

    fn probed(&self) -> std::sync::MutexGuard<'_, Probed> {
        self.probed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
