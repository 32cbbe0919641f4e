//! The probe: one call that lists all sections with their stamps. What it shows is stored.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use plex_api::{UnixSeconds, UnsupportedRow};

use crate::error::Error;
use crate::library::Library;
use crate::model::revision::SectionStamp;
use crate::model::section::{SectionId, SectionState};
use crate::share::single_flight::{Probe, Since, Turn};
use crate::store::Store;

impl Library {
    /// Asks for all sections in one call. If another server answers, this is an error, and nothing is
    /// written.
    pub(super) async fn probe(&self, since: Since) -> Result<Probe, Error> {
        let (_mine, number) = match self.context.flights.probe(since).await {
            Turn::Shared(outcome) => return outcome.map_err(Error::Plex),
            Turn::Mine(guard, number) => (guard, number),
        };
        #[cfg(feature = "shared")]
        let observed = Box::pin(self.observe_shared(since)).await;
        #[cfg(not(feature = "shared"))]
        let observed = self.observe().await;
        let (listed, others, before, at) = match observed {
            Ok(Observed { listed, others, before, at }) => (Arc::new(listed), others, before, at),
            Err(error) => {
                if let Error::Plex(error) = &error {
                    self.context.flights.end_probe(number, Err(error.clone()));
                }
                return Err(error);
            }
        };
        let known = self.context.blocking(Store::sections).await?;
        self.check_server(&known, &listed).await?;
        self.context.note_asked().await?;
        let noted = Arc::clone(&listed);
        let (whole, long_ago) = (others.is_empty(), at.saturating_sub(FORGOTTEN_AFTER));
        let states = self.context.blocking(move |store| {
            let states = store.note_sections(&noted)?;
            if whole {
                store.forget_gone(&known, &states, long_ago)?;
            }
            Ok(states)
        });
        let states = states.await?;
        let explained = BTreeSet::new();
        let probe = Probe { listed, states, unreadable: others, before, at, number, explained };
        self.context.flights.end_probe(number, Ok(probe.clone()));
        Ok(probe)
    }

    /// Asks the server for its sections.
    pub(super) async fn observe(&self) -> Result<Observed, Error> {
        let before = Arc::new(self.context.blocking(Store::sections).await?);
        // The answer shows what was true at this moment or later.
        let at = self.context.clock.now();
        let (listed, others) = self.context.client.section_rows().await?;
        Ok(Observed { listed, others, before, at })
    }

    /// Refuses another server. A known section uuid shows that it is the same server, without a
    /// call. But a copy of a server has the same uuids, so this counts only at the same address. A
    /// file without cached data belongs to no server; it is bound when the first section is listed.
    async fn check_server(
        &self,
        known: &[SectionState],
        listed: &[plex_api::Section],
    ) -> Result<(), Error> {
        let bound = self.context.blocking(Store::server).await?.is_some();
        let recognised =
            listed.iter().any(|section| known.iter().any(|state| state.uuid == section.uuid));
        let same = recognised && !self.context.another_asked_last().await?;
        if (bound && same) || (!bound && known.is_empty()) {
            return Ok(());
        }
        self.context.bind().await
    }

    /// Stores what a probe showed: the list of sections, and the time at which the `unchanged` ones
    /// were observed.
    pub(super) async fn note(
        &self,
        probe: &Probe,
        unchanged: Vec<(SectionState, SectionStamp)>,
    ) -> Result<(), Error> {
        let listed: Vec<SectionId> = probe.states.iter().map(|state| state.id).collect();
        #[cfg(feature = "shared")]
        Box::pin(self.offer(&unchanged)).await?;
        let (at, whole) = (probe.at, probe.unreadable.is_empty());
        let before = Arc::clone(&probe.before);
        let _one_at_a_time = self.context.flights.noting().await;
        let list = self.context.flights.is_last(probe).then_some(listed);
        let note = move |store: &Store| {
            store.note_probe(list.as_deref().map(|list| (list, whole)), &unchanged, &before, at)
        };
        self.context.blocking(note).await
    }
}

/// How long a section stays in the file after the server stopped listing it. It may be hidden from
/// this token, or its disk may be away for a while, and listing it again costs a call for each page.
const FORGOTTEN_AFTER: Duration = Duration::from_hours(30 * 24);

/// What the server answered about its sections.
pub(super) struct Observed {
    pub(super) listed: Vec<plex_api::Section>,
    /// Rows that cannot be read.
    pub(super) others: Vec<UnsupportedRow>,
    /// Our states from before the server was asked. Empty if another host asked.
    pub(super) before: Arc<Vec<SectionState>>,
    /// When the server was asked, by our clock.
    pub(super) at: UnixSeconds,
}
