//! The read-through: a section is brought up to date before it is read.

pub(crate) mod refreshed;
pub(crate) mod selection;
#[cfg(feature = "shared")]
mod shared;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use plex_api::{Client, Clock, Private, RatingKey, UnixSeconds, UnsupportedRow};
use tracing::{Instrument, debug, info_span};

use crate::error::Error;
use crate::library::refreshed::{Refreshed, Step};
use crate::library::selection::{Selection, is_named, is_of, select};
use crate::model::metadata::Metadata;
use crate::model::revision::SectionStamp;
use crate::model::section::{SectionId, SectionState};
use crate::refresh::context::{Context, OnRows};
use crate::refresh::lookup::{Looked, Wanted};
use crate::refresh::plan::{
    Demand, Plan, Planned, Policy, is_count_due, is_fresh, is_recent, plan,
};
use crate::refresh::read_items::ItemRead;
use crate::refresh::reason::PlanReason;
use crate::share::lease::Leased;
use crate::share::single_flight::{Probe, Sighting, Since, Turn};
use crate::store::Store;
use crate::store::apply::Changes;

/// A server's sections, kept up to date in a store.
#[derive(Debug)]
pub struct Library {
    context: Context,
    #[cfg(feature = "shared")]
    tier: Option<Arc<crate::share::tier::Tier>>,
}

impl Library {
    /// Puts a store in front of a server.
    pub fn new(client: Client, store: Arc<Store>, policy: Policy, clock: Clock) -> Self {
        Self {
            context: Context::new(client, store, policy, clock),
            #[cfg(feature = "shared")]
            tier: None,
        }
    }

    /// Names the account whose token is used, where another sees other sections or items. A
    /// file that was bound under one name is refused under another.
    #[must_use]
    pub fn with_profile(mut self, profile: Option<String>) -> Self {
        self.context.profile = profile;
        self
    }

    /// Names whom to tell, page by page, how far a listing or a sweep is.
    #[must_use]
    pub fn with_rows(mut self, on_rows: Option<OnRows>) -> Self {
        self.context.on_rows = on_rows;
        self
    }

    /// The client that is asked.
    pub fn client(&self) -> &Client {
        &self.context.client
    }

    /// The store behind it.
    pub fn store(&self) -> &Arc<Store> {
        &self.context.store
    }

    /// The clock that decides freshness.
    pub fn clock(&self) -> &Clock {
        &self.context.clock
    }

    /// When the server is asked again.
    pub fn policy(&self) -> &Policy {
        &self.context.policy
    }

    pub(crate) fn context(&self) -> &Context {
        &self.context
    }

    /// Reads items of a section by key, because something in it changed that is not explained,
    /// and writes what was read.
    pub async fn read_items(&self, section: SectionId, keys: &[RatingKey]) -> Result<(), Error> {
        self.context.read_items(section, keys).await
    }

    /// Looks files up, as long as that is cheaper than listing the section: the calls spent
    /// since it was last listed may reach what a listing costs, and no more.
    ///
    /// Returns an outcome for each, in order. What was found is written in one transaction.
    pub async fn look_up(
        &self,
        section: SectionId,
        wanted: &[Wanted],
    ) -> Result<Vec<Looked>, Error> {
        self.context.look_up(section, wanted).await
    }

    /// Reads items by key, about 200 a call, and keeps what was read: matching data, and the
    /// fields that can be edited. Items that are gone leave the store.
    ///
    /// Returns what the server says of each key, in order.
    pub async fn read_full(&self, keys: &[RatingKey]) -> Result<Vec<ItemRead>, Error> {
        self.context.read_full(keys).await
    }

    /// Writes through what we edited ourselves, as far as matching reads it, so that titles
    /// are found without asking the server again.
    pub async fn write_through(
        &self,
        section: SectionId,
        edited: Vec<(RatingKey, Metadata)>,
    ) -> Result<(), Error> {
        #[cfg(feature = "shared")]
        if let Some(tier) = &self.tier {
            tier.note_edit(section);
        }
        self.context.write_through(section, edited).await
    }

    /// Whether a stream of [`watch`](crate::watch) is read and was heard of within the last 45
    /// seconds: then a refresh makes no call as long as nothing is told.
    pub fn is_live(&self) -> bool {
        self.context.hints().is_live(self.context.clock.now())
    }

    /// When a stream of [`watch`](crate::watch) last brought anything, a ping included; `None`
    /// while nobody listens.
    pub fn last_heard(&self) -> Option<UnixSeconds> {
        self.context.hints().last_heard()
    }

    /// Says that items are written to by us, before and after it is done: the server tells of
    /// that too, and it is no news. An item that somebody else edits within [`Policy::settle`]
    /// of our own edit is noticed when its metadata are due; that it is gone, at once.
    pub fn mark_ours(&self, keys: impl IntoIterator<Item = RatingKey>) {
        let Context { clock, policy, .. } = &self.context;
        self.context.hints().ours(keys, clock.now(), policy.settle);
    }

    /// The sections that hold files, in the server's order, as they are cached: one call, none
    /// within the freshness window. Nothing is listed.
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

    /// Brings the selected sections up to date with as few calls as explain every change.
    ///
    /// Those who ask at the same time share the calls. Dropping the future leaves the store as
    /// it was; so does any error.
    pub async fn refresh(&self, want: &Selection, demand: Demand) -> Result<Refreshed, Error> {
        self.context.recall_paging().await?;
        if let Some(fresh) = self.fresh(want).await?
            && let Some(refreshed) = self.bring_fresh(fresh, demand).await?
        {
            return Ok(refreshed);
        }
        self.bring_selected(&self.probe(Since::Ending).await?, want, demand).await
    }

    /// Compares the stamps of the selected sections again, because an absence is about to be
    /// answered that rests on these sections, which were listed a moment ago: an item that moved
    /// from page to page meanwhile may be on none of them. Without sections they are compared in any
    /// case. Brings what moved up to date. `None`: nothing has to be asked, because the stamps were
    /// compared since.
    pub async fn look_again(
        &self,
        want: &Selection,
        demand: Demand,
        sections: Option<&[SectionId]>,
    ) -> Result<Option<Refreshed>, Error> {
        let _one_at_a_time = self.context.flights.settling().await;
        let known = self.context.blocking(Store::sections).await?;
        let unsettled = |id: &SectionId| {
            known.iter().find(|state| state.id == *id).is_none_or(SectionState::is_unsettled)
        };
        if sections.is_some_and(|sections| !sections.iter().any(unsettled)) {
            return Ok(None);
        }
        let probe = self.probe(Since::Beginning).await?;
        self.bring_selected(&probe, want, demand).await.map(Some)
    }

    /// Brings the selected ones of the sections up to date that a probe showed.
    async fn bring_selected(
        &self,
        probe: &Probe,
        want: &Selection,
        demand: Demand,
    ) -> Result<Refreshed, Error> {
        let mut result = Refreshed::default();
        let selected = select(want, &probe.states, &probe.unreadable);
        let selected = selected.map_err(|refusal| refusal.into_error(probe))?;
        self.bring_all(probe, selected, demand, &mut result).await?;
        result.some_left()
    }

    /// Brings sections up to date whose stamps were observed a moment ago. `None`: what was
    /// known of one of them is gone since (a clear), so the server has to be asked.
    async fn bring_fresh(
        &self,
        fresh: Vec<SectionState>,
        demand: Demand,
    ) -> Result<Option<Refreshed>, Error> {
        let mut result = Refreshed::default();
        for state in fresh {
            let before = state.clone();
            let brought = match result.of_all() {
                Some(error) => Err(error),
                None => self.bring(state, None, None, demand, &mut result.steps).await,
            };
            let Some(brought) = brought.transpose() else { return Ok(None) };
            result.take(&before, brought)?;
        }
        result.some_left().map(Some)
    }

    /// Compares the stamps of all sections of which something is cached, and brings those up to
    /// date that moved.
    /// `explained`: sections in which something that was told of was really different, so that a
    /// moved counter needs no other explanation. That holds for this one comparison.
    pub(crate) async fn compare_stamps(
        &self,
        explained: BTreeSet<SectionId>,
    ) -> Result<Vec<Step>, Error> {
        self.context.recall_paging().await?;
        let demand = Demand::files(0);
        let mut result = Refreshed::default();
        // An answer from before what was told would be believed for as long as nothing is told.
        let probe = Probe { explained, ..self.probe(Since::Beginning).await? };
        let cached = probe.states.iter().filter(|state| state.stamp.is_some()).cloned().collect();
        self.bring_all(&probe, cached, demand, &mut result).await?;
        let steps = std::mem::take(&mut result.steps);
        result.whole().map(|_| steps)
    }

    async fn bring_all(
        &self,
        probe: &Probe,
        selected: Vec<SectionState>,
        demand: Demand,
        result: &mut Refreshed,
    ) -> Result<(), Error> {
        let mut unchanged = Vec::new();
        let mut counted = self.to_count(probe, &selected, demand);
        for mut state in selected {
            let Some(sighting) = probe.sighting(&state) else { continue };
            let count = counted.take_if(|id| *id == state.id);
            let count = count.map(|_| Planned { plan: Plan::Totals, reason: PlanReason::CountDue });
            let planned = count.unwrap_or_else(|| self.plan(&state, &sighting.stamp, demand));
            if planned.plan == Plan::Unchanged {
                result.steps.push(Step::new(&state, planned, Changes::default()));
                unchanged.push((state.clone(), sighting.stamp));
                state.observed = Some(sighting.stamp);
                result.sections.push(state);
                continue;
            }
            let span = info_span!("refresh", section = state.id.0, title = %Private(&state.title));
            let title = state.title.clone();
            let before = state.clone();
            let brought = if let Some(error) = result.of_all() {
                Err(error)
            } else {
                let steps = &mut result.steps;
                let bringing = self.bring(state, Some(sighting), count, demand, steps);
                bringing.instrument(span).await
            };
            let brought = brought.and_then(|state| state.ok_or(Error::Moved { title }));
            result.take(&before, brought)?;
        }
        self.note(probe, unchanged).await
    }

    /// Of the sections whose stamp stands, the one whose total was not compared for longest, if
    /// that is due: one a run, so that a run on an unchanged library never costs more than two calls.
    fn to_count(
        &self,
        probe: &Probe,
        selected: &[SectionState],
        demand: Demand,
    ) -> Option<SectionId> {
        let now = self.context.clock.now();
        let due = selected.iter().filter(|state| {
            let sighting = probe.sighting(state);
            let stands =
                |seen: Sighting| self.plan(state, &seen.stamp, demand).plan == Plan::Unchanged;
            demand.queries > 0 && is_count_due(state, now) && sighting.is_some_and(stands)
        });
        due.min_by_key(|state| state.counted_at.max(state.listed_at)).map(|state| state.id)
    }

    /// Notes what a probe showed: the list of sections, and those whose stamp is what it was.
    async fn note(
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

    /// The selected sections, if their stamps and the server's list of its sections were
    /// observed a moment ago. They are chosen from that list as they are from a probe; what it
    /// cannot decide (a name that nothing in it has), only the server can.
    async fn fresh(&self, want: &Selection) -> Result<Option<Vec<SectionState>>, Error> {
        let Some((listed, unreadable)) = self.recent_list().await? else { return Ok(None) };
        let now = self.context.clock.now();
        let fresh = |state: &SectionState| {
            is_fresh(state, now, &self.context.policy)
                || state.stamp.is_some() && self.is_told_since(state.observed_at, now)
        };
        let selected = select(want, &listed, &unreadable).ok();
        Ok(selected.filter(|selected| !selected.is_empty() && selected.iter().all(fresh)))
    }

    /// The server's list of its sections, and its rows that cannot be read, if it was observed a
    /// moment ago.
    async fn recent_list(&self) -> Result<Option<(Vec<SectionState>, Vec<UnsupportedRow>)>, Error> {
        if !self.context.asked_last().await? {
            return Ok(None);
        }
        let now = self.context.clock.now();
        let (known, (listed, listed_at)) =
            self.context.blocking(|store| Ok((store.sections()?, store.listed()?))).await?;
        // A list that is not whole is not dated in the file; but who asked knows what is not in it.
        let (listed_at, unreadable) = match (listed_at, self.context.flights.last_probe()) {
            (Some(at), _) => (at, Vec::new()),
            (None, Some(probe)) if probe.states.iter().map(|state| state.id).eq(listed.clone()) => {
                (probe.at, probe.unreadable)
            }
            (None, _) => return Ok(None),
        };
        if !is_recent(listed_at, now, &self.context.policy)
            && !self.is_told_since(Some(listed_at), now)
        {
            return Ok(None);
        }
        let find = |id: &SectionId| known.iter().find(|state| state.id == *id).cloned();
        let listed = listed.iter().map(find).collect::<Option<Vec<_>>>();
        Ok(listed.map(|listed| (listed, unreadable)))
    }

    /// Whether the event stream has been live and quiet since then.
    fn is_told_since(&self, at: Option<UnixSeconds>, now: UnixSeconds) -> bool {
        at.zip(self.context.hints().quiet_since(now)).is_some_and(|(at, since)| at >= since)
    }

    /// The selected sections among those that are cached, as they are: whatever the server lists
    /// now. Those that are not known are left out; no call is made.
    pub async fn known(&self, want: &Selection) -> Result<Vec<SectionState>, Error> {
        let known = self.context.blocking(Store::sections).await?;
        let named = |state: &SectionState| match want {
            Selection::Named(names) => names.iter().any(|name| is_named(name, state)),
            Selection::Kind(kind) => is_of(kind, state),
            Selection::All => true,
        };
        let cached = |state: &SectionState| state.stamp.is_some();
        Ok(known.into_iter().filter(|state| named(state) && cached(state)).collect())
    }

    /// The selected ones of the sections that the server last listed, as far as they are cached,
    /// and whether that is all of them: else a file may be in one that is not. No call is made.
    pub async fn last_known(&self, want: &Selection) -> Result<(Vec<SectionState>, bool), Error> {
        let (known, (listed, listed_at)) =
            self.context.blocking(|store| Ok((store.sections()?, store.listed()?))).await?;
        let find = |id: &SectionId| known.iter().find(|state| state.id == *id).cloned();
        let found: Vec<SectionState> = listed.iter().filter_map(find).collect();
        let mut whole = listed_at.is_some() && found.len() == listed.len();
        let mut selected = match want {
            Selection::All => found,
            Selection::Kind(kind) => found.into_iter().filter(|state| is_of(kind, state)).collect(),
            Selection::Named(names) => {
                let mut selected = Vec::new();
                for name in names {
                    match select(&Selection::section(name), &found, &[]) {
                        Ok(sections) => selected.extend(sections),
                        Err(_) => whole = false,
                    }
                }
                selected.sort_unstable_by_key(|state| state.id);
                selected.dedup_by_key(|state| state.id);
                selected
            }
        };
        let count = selected.len();
        selected.retain(|state| state.stamp.is_some());
        whole &= selected.len() == count;
        Ok((selected, whole))
    }

    /// Asks for all sections in one call, and refuses another server before anything is
    /// written.
    async fn probe(&self, since: Since) -> Result<Probe, Error> {
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
    async fn observe(&self) -> Result<Observed, Error> {
        let before = Arc::new(self.context.blocking(Store::sections).await?);
        // What the answer shows was so when the question was asked, or later.
        let at = self.context.clock.now();
        let (listed, others) = self.context.client.section_rows().await?;
        Ok(Observed { listed, others, before, at })
    }

    /// Refuses another server. The uuids of the sections tell, so a server that is known costs no
    /// call, as long as it is asked at the same address: a copy of a server has the same uuids. A
    /// file in which nothing is cached yet belongs to nobody: it is bound when the first section is
    /// listed.
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

    fn plan(&self, state: &SectionState, observed: &SectionStamp, demand: Demand) -> Planned {
        let page = self.context.client.page_size();
        plan(state, observed, self.context.clock.now(), &self.context.policy, page, demand)
    }

    /// Brings one section up to date with the stamp that a probe showed; without one, with the
    /// stamp that was stored a moment ago. `count`: what is done if its total is still due. `None`:
    /// there is no such stamp any more.
    async fn bring(
        &self,
        mut state: SectionState,
        sighting: Option<Sighting>,
        count: Option<Planned>,
        demand: Demand,
        steps: &mut Vec<Step>,
    ) -> Result<Option<SectionState>, Error> {
        let id = state.id;
        self.context.name(state.key, &state.title);
        let _one_at_a_time = self.context.flights.section(id).await;
        let mut forced = None;
        let mut lease = None;
        #[cfg(feature = "shared")]
        let mut round = shared::Round::default();
        let mut left = MAX_STEPS;
        while left > 0 {
            // Whoever was here before may have done it.
            let read = self.context.blocking(move |store| store.view()?.section(id)).await?;
            state = read.ok_or_else(|| Error::Moved { title: state.title.clone() })?;
            // So a stamp from before they came may be older than the one they stored.
            let newer =
                sighting.filter(|sighting| !self.context.flights.is_outdated(&state, sighting));
            let stored = || Sighting::stored(&state).or(sighting);
            let Some(seen) = newer.or_else(stored) else { return Ok(None) };
            let observed = seen.stamp;
            let count = count.filter(|_| {
                state.stamp == Some(observed) && is_count_due(&state, self.context.clock.now())
            });
            let planned = forced.or(count).unwrap_or_else(|| self.plan(&state, &observed, demand));
            if planned.plan == Plan::Unchanged && state.observed == Some(observed) {
                let reason = PlanReason::StampIsFresh;
                let planned = Planned { plan: Plan::Fresh, reason };
                steps.push(Step::new(&state, planned, Changes::default()));
                return Ok(Some(state));
            }
            #[cfg(feature = "shared")]
            if Box::pin(self.share(&state, &seen, planned, demand, &mut round, steps)).await? {
                continue; // what another host did is looked at first
            }
            if lease.is_none() && self.context.store.is_shared() && planned.plan.asks() {
                lease = Some(Leased::wait(&self.context.store, id, &self.context.clock).await?);
                continue; // what another process did while we waited is looked at first
            }
            debug!(plan = ?planned.plan, reason = %planned.reason, "planned");
            left -= 1;
            let work = Box::pin(self.context.carry_out(&state, planned, &seen, demand));
            #[cfg(feature = "shared")]
            let work = round.renewing(work);
            let outcome = match &lease {
                Some(lease) => lease.renewing(&self.context.clock, work).await?,
                None => work.await?,
            };
            self.context.keep_paging().await?;
            match outcome {
                Ok((state, changes)) => {
                    self.context.flights.stored(id, &seen);
                    #[cfg(feature = "shared")]
                    let state = Box::pin(self.tell(state, round)).await?;
                    steps.push(Step::new(&state, planned, changes));
                    return Ok(Some(state));
                }
                Err(next) => {
                    steps.push(Step::instead(&state, planned, next));
                    forced = Some(next);
                }
            }
        }
        Err(Error::Moved { title: state.title })
    }
}

/// How long a section that the server does not list any more stays in the file. It may be hidden from
/// this token, or its disk may be away for a while: listing it again costs a call for each page.
const FORGOTTEN_AFTER: Duration = Duration::from_hours(30 * 24);

/// What the server answered about its sections.
struct Observed {
    listed: Vec<plex_api::Section>,
    /// Those that cannot be read.
    others: Vec<UnsupportedRow>,
    /// Our states as they were before it was asked; none where another host asked.
    before: Arc<Vec<SectionState>>,
    /// When it was asked, by our clock.
    at: UnixSeconds,
}

/// A plan, the sweep or listing it may fall back to, and one more if the section moved
/// meanwhile.
const MAX_STEPS: usize = 4;
