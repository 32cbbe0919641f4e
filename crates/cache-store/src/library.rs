//! The read-through: a section is brought up to date before it is read.

mod freshness;
mod probe;
pub(crate) mod refreshed;
pub(crate) mod selection;
#[cfg(feature = "shared")]
mod shared;

use std::collections::BTreeSet;
use std::sync::Arc;

use plex_api::{Client, Clock, Private, RatingKey, UnixSeconds};
use tracing::{Instrument, debug, info_span};

use crate::error::Error;
use crate::library::refreshed::{Refreshed, Step};
use crate::library::selection::{Selection, select};
use crate::model::metadata::Metadata;
use crate::model::revision::SectionStamp;
use crate::model::section::{SectionId, SectionState};
use crate::refresh::context::{Context, OnRows};
use crate::refresh::lookup::{Looked, Wanted};
use crate::refresh::plan::{Demand, Plan, Planned, Policy, is_count_due, plan};
use crate::refresh::read_items::ItemRead;
use crate::refresh::reason::PlanReason;
use crate::share::lease::Leased;
use crate::share::single_flight::{Probe, Sighting, Since};
use crate::store::Store;
use crate::store::apply::update::Changes;

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

    /// Names the account whose token is used. This matters where another account sees other
    /// sections or items: a file that was bound under one name is refused under another.
    #[must_use]
    pub fn with_profile(mut self, profile: Option<String>) -> Self {
        self.context.profile = profile;
        self
    }

    /// Sets a function that is called after each page of a listing or a sweep, with its progress.
    #[must_use]
    pub fn with_rows(mut self, on_rows: Option<OnRows>) -> Self {
        self.context.on_rows = on_rows;
        self
    }

    /// The client that asks the server.
    pub fn client(&self) -> &Client {
        &self.context.client
    }

    /// The store that keeps the sections.
    pub fn store(&self) -> &Arc<Store> {
        &self.context.store
    }

    /// The clock that decides freshness.
    pub fn clock(&self) -> &Clock {
        &self.context.clock
    }

    /// The policy: when the server is asked again.
    pub fn policy(&self) -> &Policy {
        &self.context.policy
    }

    pub(crate) fn context(&self) -> &Context {
        &self.context
    }

    /// Reads items of a section by key and stores them. A caller does this if something in the
    /// section changed and nothing explains the change.
    pub async fn read_items(&self, section: SectionId, keys: &[RatingKey]) -> Result<(), Error> {
        self.context.read_items(section, keys).await
    }

    /// Looks files up by name, as long as that is cheaper than listing the section: since the last
    /// listing, all lookups together may cost as many calls as one listing.
    ///
    /// Returns an outcome for each file, in order. One transaction stores the items that were found.
    pub async fn look_up(
        &self,
        section: SectionId,
        wanted: &[Wanted],
    ) -> Result<Vec<Looked>, Error> {
        self.context.look_up(section, wanted).await
    }

    /// Reads items by key, about 200 in each call, and stores the data for matching and the fields
    /// that can be edited. Items that are gone are removed from the store.
    ///
    /// Returns what the server says about each key, in order.
    pub async fn read_full(&self, keys: &[RatingKey]) -> Result<Vec<ItemRead>, Error> {
        self.context.read_full(keys).await
    }

    /// Stores our own edits of the fields that matching reads. So the new titles are found without
    /// another call.
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

    /// Whether the host reads a stream of [`watch`](crate::watch) and something came within the last
    /// 45 seconds. Then a refresh makes no call until the stream reports a change.
    pub fn is_live(&self) -> bool {
        self.context.hints().is_live(self.context.clock.now())
    }

    /// When a stream of [`watch`](crate::watch) last brought anything, including a ping. `None`
    /// if nobody listens.
    pub fn last_heard(&self) -> Option<UnixSeconds> {
        self.context.hints().last_heard()
    }

    /// Notes that we edit items. Call it before and after the edit: the server also reports our own
    /// edits, and these reports are ignored. If somebody else edits an item within
    /// [`Policy::settle`] of our own edit, this is noticed when the section's metadata are due. A
    /// deletion is noticed at once.
    pub fn mark_ours(&self, keys: impl IntoIterator<Item = RatingKey>) {
        let Context { clock, policy, .. } = &self.context;
        self.context.hints().ours(keys, clock.now(), policy.settle);
    }

    /// Brings the selected sections up to date with the fewest calls that explain every change.
    ///
    /// Tasks that ask at the same time share the calls. A dropped future leaves the store as it
    /// was, and so does an error.
    pub async fn refresh(&self, want: &Selection, demand: Demand) -> Result<Refreshed, Error> {
        self.context.recall_paging().await?;
        if let Some(fresh) = self.fresh(want).await?
            && let Some(refreshed) = self.bring_fresh(fresh, demand).await?
        {
            return Ok(refreshed);
        }
        self.bring_selected(&self.probe(Since::Ending).await?, want, demand).await
    }

    /// Compares the stamps of the selected sections again, and brings up to date what moved. A run
    /// does this before it answers "absent" from `sections` that were listed a moment ago: an item
    /// that moved from one page to another during the listing may be on no page that was read.
    ///
    /// `None`: the stamps of all these `sections` were compared since they were listed, so nothing
    /// was asked. Without `sections` the stamps are compared in any case.
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

    /// Brings up to date those sections of a probe that are selected.
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

    /// Brings sections up to date whose stamps were observed a moment ago. `None`: one of them was
    /// cleared since, so the server has to be asked.
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

    /// Compares the stamps of all cached sections, and brings those up to date that moved.
    ///
    /// `explained`: sections in which an event named a real change. It explains a moved counter, in
    /// this one comparison.
    pub(crate) async fn compare_stamps(
        &self,
        explained: BTreeSet<SectionId>,
    ) -> Result<Vec<Step>, Error> {
        self.context.recall_paging().await?;
        let demand = Demand::files(0);
        let mut result = Refreshed::default();
        // A probe from before the event must not be shared: its stamps would count as present until
        // the next event.
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

    /// The section whose total is due to be compared: of those with an equal stamp, the one that was
    /// compared longest ago. Only one in each run, so that a run on an unchanged library costs at
    /// most two calls.
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

    fn plan(&self, state: &SectionState, observed: &SectionStamp, demand: Demand) -> Planned {
        let page = self.context.client.page_size();
        plan(state, observed, self.context.clock.now(), &self.context.policy, page, demand)
    }

    /// Brings one section up to date with the stamp that a probe showed. Without a probe, with the
    /// stamp that was stored a moment ago.
    ///
    /// `count`: the plan if the total is still due. Returns `None` if that stamp is gone from the
    /// store.
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
            // Another task that held the section before may have done it.
            let read = self.context.blocking(move |store| store.view()?.section(id)).await?;
            state = read.ok_or_else(|| Error::Moved { title: state.title.clone() })?;
            // So our stamp may be older than the one that it stored.
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
            let intent = shared::Intent { state: &state, seen: &seen, plan: planned.plan, demand };
            #[cfg(feature = "shared")]
            if Box::pin(self.share(intent, &mut round, steps)).await? {
                continue; // another host may have changed the section: read it again
            }
            if lease.is_none() && self.context.store.is_shared() && planned.plan.asks() {
                lease = Some(Leased::wait(&self.context.store, id, &self.context.clock).await?);
                continue; // another process may have changed the section while we waited
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

/// The most steps for one section: a plan, the sweep or listing after it if it fails, and two more
/// if the section moves meanwhile.
const MAX_STEPS: usize = 4;
