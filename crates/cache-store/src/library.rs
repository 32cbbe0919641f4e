//! The read-through: a section is brought up to date before it is read.

use std::sync::Arc;

use plex_api::{Client, Clock, Detail, ErrorKind, Filter, RatingKey, UnixSeconds};
use serde::Serialize;
use tokio::sync::{Mutex, MutexGuard};
use tracing::{Instrument, debug, info_span};

use crate::apply::{Applied, Changes, Scope, Update};
use crate::error::Error;
use crate::item::CachedItem;
use crate::refresh::listing;
use crate::refresh::plan::{Demand, Plan, Planned, Policy, is_fresh, plan};
use crate::refresh::vanished::Vanished;
use crate::section::{FileFilter, Lookups, SectionState};
use crate::spool::Spool;
use crate::stamp::SectionStamp;
use crate::store::Store;

/// Which sections.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selection {
    /// Every section that holds files.
    All,
    /// The sections with these titles, numeric keys or uuids.
    Named(Vec<String>),
}

impl Selection {
    /// One section, by title, numeric key or uuid.
    pub fn section(name: impl Into<String>) -> Self {
        Self::Named(vec![name.into()])
    }
}

/// What was done about one section.
#[derive(Debug, Clone, Serialize)]
pub struct Step {
    /// The section's title.
    pub section: String,
    /// The plan that was carried out.
    pub plan: Plan,
    /// Why it was chosen.
    pub reason: &'static str,
    /// What it changed in the cache.
    pub changes: Changes,
}

/// Sections that are up to date, and what it took.
#[derive(Debug, Clone)]
pub struct Refreshed {
    /// The selected sections, in the server's order.
    pub sections: Vec<SectionState>,
    /// What was done, in order. A section has more than one step when the first plan did not
    /// explain the change.
    pub steps: Vec<Step>,
}

/// A server's sections, kept up to date in a store.
pub struct Library {
    client: Client,
    store: Arc<Store>,
    policy: Policy,
    clock: Clock,
    /// One refresh at a time: whoever asks meanwhile waits and then finds it done.
    flight: Mutex<()>,
}

impl Library {
    /// Puts a store in front of a server.
    pub fn new(client: Client, store: Arc<Store>, policy: Policy, clock: Clock) -> Self {
        Self { client, store, policy, clock, flight: Mutex::new(()) }
    }

    /// The client that is asked.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The store behind it.
    pub fn store(&self) -> &Arc<Store> {
        &self.store
    }

    /// The clock that decides freshness.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Waits until nobody else asks the server.
    pub(crate) async fn flight(&self) -> MutexGuard<'_, ()> {
        self.flight.lock().await
    }

    /// Brings the selected sections up to date with as few calls as explain every change.
    ///
    /// Dropping the future leaves the store as it was; so does any error.
    pub async fn refresh(&self, want: &Selection, demand: Demand) -> Result<Refreshed, Error> {
        let _one_at_a_time = self.flight().await;
        let now = self.clock.now();
        let known = self.blocking(Store::sections).await?;
        if let Some(sections) = select_known(want, &known)
            && sections.iter().all(|state| is_fresh(state, now, &self.policy))
        {
            return self.refresh_fresh(sections, now, demand).await;
        }

        let listed = self.client.sections().await?;
        self.check_server(&known, &listed).await?;
        let noted = listed.clone();
        let states = self.blocking(move |store| store.note_sections(&noted)).await?;
        let selected = select(want, &states, &listed)?;
        let mut result = Refreshed { sections: Vec::new(), steps: Vec::new() };
        for state in selected {
            let Some(section) = listed.iter().find(|section| section.uuid == state.uuid) else {
                continue;
            };
            let observed = SectionStamp::of(section);
            let span = info_span!("refresh", section = %state.title);
            let state = self
                .refresh_section(state, observed, now, demand, &mut result.steps)
                .instrument(span)
                .await?;
            result.sections.push(state);
        }
        Ok(result)
    }

    /// The stamps were observed a moment ago: nothing is asked, unless an absence has to be
    /// proven, and then without another probe.
    async fn refresh_fresh(
        &self,
        sections: Vec<SectionState>,
        now: UnixSeconds,
        demand: Demand,
    ) -> Result<Refreshed, Error> {
        let fresh = Planned { plan: Plan::Fresh, reason: "the stamp was observed a moment ago" };
        let mut result = Refreshed { sections: Vec::new(), steps: Vec::new() };
        for state in sections {
            match state.stamp {
                Some(stamp) if demand.prove && !state.complete => {
                    let steps = &mut result.steps;
                    let state = self.refresh_section(state, stamp, now, demand, steps).await?;
                    result.sections.push(state);
                }
                _ => {
                    result.steps.push(step(&state, fresh, Changes::default()));
                    result.sections.push(state);
                }
            }
        }
        Ok(result)
    }

    /// Refuses another server before anything is read or written. The uuids of the sections
    /// tell, so a server that is known costs no call.
    async fn check_server(
        &self,
        known: &[SectionState],
        listed: &[plex_api::Section],
    ) -> Result<(), Error> {
        let bound = self.blocking(Store::server).await?;
        let recognised =
            listed.iter().any(|section| known.iter().any(|state| state.uuid == section.uuid));
        if bound.is_some() && recognised {
            return Ok(());
        }
        let identity = self.client.identity().await?;
        self.blocking(move |store| store.bind(&identity.machine_identifier)).await
    }

    async fn refresh_section(
        &self,
        mut state: SectionState,
        observed: SectionStamp,
        now: UnixSeconds,
        demand: Demand,
        steps: &mut Vec<Step>,
    ) -> Result<SectionState, Error> {
        let mut planned = plan(&state, &observed, now, &self.policy, demand);
        for _ in 0..MAX_STEPS {
            debug!(plan = ?planned.plan, reason = planned.reason, "planned");
            let carried_out = match planned.plan {
                Plan::Fresh | Plan::Unchanged => Ok(self.observed(&state, observed, now).await?),
                Plan::Totals => self.totals(&state, observed, now).await?,
                Plan::Delta => self.delta(&state, observed, now).await?,
                Plan::Lazy => self.lazy(&state, observed, now).await?,
                Plan::Full => self.full(&state, observed, now).await?,
            };
            match carried_out {
                Ok((state, changes)) => {
                    steps.push(step(&state, planned, changes));
                    return Ok(state);
                }
                Err(reason) => {
                    steps.push(step(&state, planned, Changes::default()));
                    planned = Planned { plan: Plan::Full, reason };
                    let id = state.id;
                    let read = self.blocking(move |store| store.view()?.section(id)).await?;
                    state = read.ok_or_else(|| Error::Moved { title: state.title.clone() })?;
                }
            }
        }
        Err(Error::Moved { title: state.title })
    }

    /// Nothing changed: only the moment of observation is new.
    async fn observed(
        &self,
        state: &SectionState,
        stamp: SectionStamp,
        now: UnixSeconds,
    ) -> Result<(SectionState, Changes), Error> {
        let mut state = state.clone();
        state.stamp = Some(stamp);
        state.observed_at = Some(now);
        let written = state.clone();
        self.blocking(move |store| store.put_state(&written)).await?;
        Ok((state, Changes::default()))
    }

    async fn totals(
        &self,
        state: &SectionState,
        stamp: SectionStamp,
        now: UnixSeconds,
    ) -> Result<Outcome, Error> {
        let total = self.client.total(&listing::request(state, Filter::None)).await?;
        if total == state.items + state.unsupported {
            return Ok(Ok(self.observed(state, stamp, now).await?));
        }
        // The counter did not move, so nothing was added or replaced: some items vanished.
        let rows = Spool::new();
        let found = match self.vanished(state, &rows, total).await? {
            Ok(found) => found,
            Err(reason) => return Ok(Err(reason)),
        };
        self.apply(Update {
            base: state.clone(),
            rows,
            scope: Scope::Delta(found),
            stamp,
            now,
            unsupported: state.unsupported,
            total: Some(total),
            must_change: true,
            complete: state.complete,
            lookups: state.lookups,
        })
        .await
    }

    async fn delta(
        &self,
        state: &SectionState,
        stamp: SectionStamp,
        now: UnixSeconds,
    ) -> Result<Outcome, Error> {
        let overlap = i64::try_from(self.policy.overlap.as_secs()).unwrap_or(i64::MAX);
        let since = UnixSeconds(state.changed_until.map_or(0, |at| at.0.saturating_sub(overlap)));
        let limit = latest(now, &stamp);
        let mut rows = Spool::new();
        for filter in [Filter::AddedSince(since), Filter::UpdatedSince(since)] {
            let wanted = listing::request(state, filter);
            // Two deltas of half a section cost as much as the section listed once.
            let at_most = (state.items / 2).max(LARGE_DELTA);
            if listing::read(&self.client, wanted, at_most, limit, &mut rows).await?.is_none() {
                return Ok(Err("a delta would read half of the section"));
            }
        }
        let total = self.client.total(&listing::request(state, Filter::None)).await?;
        let gone = match self.vanished(state, &rows, total).await? {
            Ok(gone) => gone,
            Err(reason) => return Ok(Err(reason)),
        };
        let before = state.stamp.and_then(|stamp| stamp.content_changed_at);
        self.apply(Update {
            base: state.clone(),
            rows,
            scope: Scope::Delta(gone),
            stamp,
            now,
            unsupported: state.unsupported,
            total: Some(total),
            must_change: before != stamp.content_changed_at,
            // A delta cannot see a file that was replaced in place.
            complete: false,
            // Whether the filter is honoured is found out anew.
            lookups: Lookups { filter: FileFilter::Unknown, ..state.lookups },
        })
        .await
    }

    /// The keys that vanished, if the total says that some did and they are cheaper to find
    /// than the section is to list.
    async fn vanished(
        &self,
        state: &SectionState,
        rows: &Spool,
        total: u64,
    ) -> Result<Result<Vec<u64>, &'static str>, Error> {
        let id = state.id;
        let mut ours = self.blocking(move |store| store.view()?.keys(id)).await?;
        ours.extend_from_slice(rows.keys());
        ours.sort_unstable();
        ours.dedup();
        let expected = ours.len() as u64 + state.unsupported;
        let Some(count) = expected.checked_sub(total) else {
            return Ok(Err("the server lists more than a delta brought"));
        };
        if count == 0 {
            return Ok(Ok(Vec::new()));
        }
        if state.unsupported > 0 {
            return Ok(Err("items vanished among rows that cannot be told apart"));
        }
        let page = self.client.page_size();
        let items = ours.len() as u64;
        if Vanished::estimate(items, count, page) >= total.div_ceil(u64::from(page)) {
            return Ok(Err("so many items vanished that a listing is cheaper"));
        }
        let mut search = Vanished::new(ours, total, page);
        let wanted = listing::keys(state);
        while let Some((offset, size)) = search.wanted() {
            let size = u32::try_from(size).unwrap_or(page);
            let read = self.client.page(&wanted, offset, size).await?;
            let keys: Vec<u64> = read.items.iter().map(|item| item.rating_key.0).collect();
            if search.read(&keys).is_err() {
                return Ok(Err("this server does not sort by id"));
            }
        }
        Ok(Ok(search.gone()))
    }

    /// Nothing is listed. If the stamp moved, what lookups showed is read again by key.
    async fn lazy(
        &self,
        state: &SectionState,
        stamp: SectionStamp,
        now: UnixSeconds,
    ) -> Result<Outcome, Error> {
        let id = state.id;
        let keys = self.blocking(move |store| store.view()?.keys(id)).await?;
        let keys: Vec<RatingKey> = keys.into_iter().map(RatingKey).collect();
        let mut rows = Spool::new();
        let mut gone = Vec::new();
        if !keys.is_empty() {
            let batch = self.client.items_with(&keys, Detail::Lean).await?;
            for item in &batch.items {
                rows.push(CachedItem::from_plex(item), latest(now, &stamp))?;
            }
            gone.extend(batch.missing.iter().map(|key| key.0));
        }
        // Whether the filter is honoured is found out anew: the server may be another version.
        let lookups = Lookups { filter: FileFilter::Unknown, ..state.lookups };
        self.apply(Update {
            base: state.clone(),
            rows,
            scope: Scope::Delta(gone),
            stamp,
            now,
            unsupported: 0,
            total: None,
            must_change: false,
            complete: false,
            lookups,
        })
        .await
    }

    async fn full(
        &self,
        state: &SectionState,
        stamp: SectionStamp,
        now: UnixSeconds,
    ) -> Result<Outcome, Error> {
        let mut rows = Spool::new();
        let wanted = listing::request(state, Filter::None);
        let read =
            match listing::read(&self.client, wanted, u64::MAX, latest(now, &stamp), &mut rows)
                .await
            {
                Ok(Some(read)) => read,
                Ok(None) => return Ok(Err("the section is larger than can be")),
                Err(Error::Plex(error)) if error.kind() == ErrorKind::ListingChanged => {
                    return Ok(Err("the section changed while it was listed"));
                }
                Err(error) => return Err(error),
            };
        let update = Update {
            base: state.clone(),
            rows,
            scope: Scope::Complete,
            stamp,
            now,
            unsupported: read.unsupported,
            total: Some(read.total),
            must_change: false,
            complete: true,
            lookups: Lookups::default(),
        };
        self.apply(update).await
    }

    async fn apply(&self, update: Update) -> Result<Outcome, Error> {
        let section = update.base.id;
        match self.blocking(move |store| store.apply(update)).await? {
            Applied::Done(state, changes) => Ok(Ok((*state, changes))),
            Applied::NotExplained(reason) => Ok(Err(reason)),
            Applied::Moved => Ok(Err("the section was changed in the store meanwhile")),
            Applied::Damaged => {
                self.blocking(move |store| store.drop_items(section)).await?;
                Ok(Err("damaged records were dropped"))
            }
        }
    }

    /// Runs disk work off the async threads.
    pub(crate) async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Store) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let store = Arc::clone(&self.store);
        match tokio::task::spawn_blocking(move || work(&store)).await {
            Ok(done) => done,
            Err(error) => {
                Err(Error::Storage { doing: "working on a blocking thread", source: error.into() })
            }
        }
    }
}

/// What became of a plan: the new state, or why it was not enough.
type Outcome = Result<(SectionState, Changes), &'static str>;

/// A plan, the listing it may fall back to, and one more if the section moved meanwhile.
const MAX_STEPS: usize = 3;

/// A delta of this many rows is read whatever the section's size: it is one page.
const LARGE_DELTA: u64 = 500;

/// Time stamps of items beyond this are not from the past, whichever clock is right.
pub(crate) fn latest(now: UnixSeconds, stamp: &SectionStamp) -> UnixSeconds {
    stamp.scanned_at.map_or(now, |scanned| scanned.max(now))
}

fn step(state: &SectionState, planned: Planned, changes: Changes) -> Step {
    Step { section: state.title.clone(), plan: planned.plan, reason: planned.reason, changes }
}

fn is_named(name: &str, state: &SectionState) -> bool {
    state.title == name || state.uuid.0 == name || state.key.0.to_string() == name
}

/// The selected sections among those already known; `None` if the server has to be asked.
fn select_known(want: &Selection, known: &[SectionState]) -> Option<Vec<SectionState>> {
    // Whether there are more sections than we know, only the server can tell.
    let Selection::Named(names) = want else { return None };
    let find = |name: &String| known.iter().find(|state| is_named(name, state)).cloned();
    names.iter().map(find).collect()
}

fn select(
    want: &Selection,
    states: &[SectionState],
    listed: &[plex_api::Section],
) -> Result<Vec<SectionState>, Error> {
    let Selection::Named(names) = want else { return Ok(states.to_vec()) };
    let mut selected: Vec<SectionState> = Vec::with_capacity(names.len());
    for name in names {
        let found = states.iter().filter(|state| is_named(name, state)).collect::<Vec<_>>();
        if found.is_empty() {
            if let Some(section) = listed.iter().find(|section| &section.title == name) {
                return Err(Error::Unmatchable { title: section.title.clone() });
            }
            let known = listed.iter().map(|section| section.title.clone()).collect();
            return Err(Error::NoSection { wanted: name.clone(), known });
        }
        for state in found {
            if selected.iter().all(|other| other.id != state.id) {
                selected.push(state.clone());
            }
        }
    }
    Ok(selected)
}
