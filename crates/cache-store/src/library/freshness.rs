//! What is known without a call: the server's list of its sections, and the sections whose stamps
//! were compared a moment ago.

use plex_api::{UnixSeconds, UnsupportedRow};

use crate::error::Error;
use crate::library::Library;
use crate::library::selection::{Selection, is_named, select};
use crate::model::section::{SectionId, SectionState};
use crate::refresh::plan::{Demand, Plan, is_fresh, is_recent};
use crate::share::single_flight::Since;
use crate::store::Store;

impl Library {
    /// The sections that hold files, in the server's order, as they are cached. One call, or none
    /// within the freshness window. No section is listed.
    pub async fn sections(&self) -> Result<Vec<SectionState>, Error> {
        if let Some((listed, _)) = self.recent_list().await? {
            return Ok(listed);
        }
        let probe = self.probe(Since::Ending).await?;
        let states = probe.states.iter();
        let seen = states.filter_map(|state| {
            let stamp = probe.sighting(state)?.stamp;
            let planned = self.plan(state, &stamp, Demand::files(0));
            (planned.plan == Plan::Unchanged).then(|| (state.clone(), stamp))
        });
        self.note(&probe, seen.collect()).await?;
        Ok(probe.states)
    }

    /// The selected sections that are cached, whether the server still lists them or not. No call is
    /// made.
    pub async fn known(&self, want: &Selection) -> Result<Vec<SectionState>, Error> {
        let known = self.context.blocking(Store::sections).await?;
        Ok(known.into_iter().filter(|state| want.has(state) && state.stamp.is_some()).collect())
    }

    /// The selected sections of the server's last list that are cached, and whether these are all
    /// that are selected. If not, a file may be in one that is not cached. No call is made.
    pub async fn last_known(&self, want: &Selection) -> Result<(Vec<SectionState>, bool), Error> {
        let (known, (listed, listed_at)) =
            self.context.blocking(|store| Ok((store.sections()?, store.listed()?))).await?;
        let find = |id: &SectionId| known.iter().find(|state| state.id == *id).cloned();
        let mut selected: Vec<SectionState> = listed.iter().filter_map(find).collect();
        let mut whole = listed_at.is_some() && selected.len() == listed.len();
        selected.retain(|state| want.has(state));
        if let Selection::Named(names) = want {
            let has = |name: &String| selected.iter().any(|state| is_named(name, state));
            whole &= names.iter().all(has);
            selected.sort_unstable_by_key(|state| state.id);
        }
        let count = selected.len();
        selected.retain(|state| state.stamp.is_some());
        whole &= selected.len() == count;
        Ok((selected, whole))
    }

    /// The selected sections, if their stamps and the server's list of its sections were observed a
    /// moment ago. Also `None` if the selection names a section that is not in the list: only the
    /// server can tell whether it exists.
    pub(super) async fn fresh(&self, want: &Selection) -> Result<Option<Vec<SectionState>>, Error> {
        let Some((listed, unreadable)) = self.recent_list().await? else { return Ok(None) };
        let now = self.context.clock.now();
        let fresh = |state: &SectionState| {
            is_fresh(state, now, &self.context.policy)
                || state.stamp.is_some() && self.is_quiet_since(state.observed_at, now)
        };
        let selected = select(want, &listed, &unreadable).ok();
        Ok(selected.filter(|selected| !selected.is_empty() && selected.iter().all(fresh)))
    }

    /// The server's list of its sections, and the rows of it that cannot be read, if it was observed
    /// a moment ago.
    async fn recent_list(&self) -> Result<Option<(Vec<SectionState>, Vec<UnsupportedRow>)>, Error> {
        if !self.context.asked_last().await? {
            return Ok(None);
        }
        let now = self.context.clock.now();
        let (known, (listed, listed_at)) =
            self.context.blocking(|store| Ok((store.sections()?, store.listed()?))).await?;
        // A list with unreadable rows has no date in the file. But this process knows those rows, if
        // it asked itself.
        let (listed_at, unreadable) = match (listed_at, self.context.flights.last_probe()) {
            (Some(at), _) => (at, Vec::new()),
            (None, Some(probe)) if probe.states.iter().map(|state| state.id).eq(listed.clone()) => {
                (probe.at, probe.unreadable)
            }
            (None, _) => return Ok(None),
        };
        if !is_recent(listed_at, now, &self.context.policy)
            && !self.is_quiet_since(Some(listed_at), now)
        {
            return Ok(None);
        }
        let find = |id: &SectionId| known.iter().find(|state| state.id == *id).cloned();
        let listed = listed.iter().map(find).collect::<Option<Vec<_>>>();
        Ok(listed.map(|listed| (listed, unreadable)))
    }

    /// Whether the event stream has been live and quiet since `at`.
    fn is_quiet_since(&self, at: Option<UnixSeconds>, now: UnixSeconds) -> bool {
        at.zip(self.context.hints().quiet_since(now)).is_some_and(|(at, since)| at >= since)
    }
}
