//! Carries out a plan: asks the server, and ends with one transaction.

use plex_api::{Detail, ErrorKind, Filter, ItemKind, Page, RatingKey, UnixSeconds};

use crate::error::Error;
use crate::model::revision::SectionStamp;
use crate::model::revision::latest;
use crate::model::section::{Lookups, SectionId, SectionState};
use crate::refresh::context::Context;
use crate::refresh::listing::{self, unreadable};
use crate::refresh::plan::{Demand, Plan, Planned, has_recent_metadata, unexplained};
use crate::refresh::reason::PlanReason;
use crate::refresh::recent::Recent;
use crate::share::single_flight::Sighting;
use crate::store::Store;
use crate::store::apply::update::{Applied, Changes, Scope, Update};
use crate::store::staging::Spool;

/// The result of a plan: the new state, or another plan to carry out instead.
pub(crate) type Outcome = Result<(SectionState, Changes), Planned>;

/// How many rows are read together with the total, in a section in which nothing was added. Between
/// two scans, few rows are edited.
const FEW: u32 = 50;

/// The next plan, and why.
pub(crate) fn instead(plan: Plan, reason: PlanReason) -> Outcome {
    Err(Planned { plan, reason })
}

impl Context {
    /// Carries out a plan. The stamp dates from the moment it was seen, which may be long ago if
    /// the server sent no events. What is read now dates from the moment of the request.
    pub(crate) async fn carry_out(
        &self,
        state: &SectionState,
        planned: Planned,
        seen: &Sighting,
        demand: Demand,
    ) -> Result<Outcome, Error> {
        let outcome = match planned.plan {
            Plan::Fresh | Plan::Unchanged => self.observed(state, seen, None).await,
            Plan::Totals => self.totals(state, seen).await,
            Plan::Metadata => self.metadata(state, seen).await,
            Plan::Shows => self.shows(state).await,
            Plan::Delta => self.delta(state, seen, demand).await,
            Plan::Lazy => self.lazy(state, seen).await,
            Plan::Targeted => self.targeted(state, seen).await,
            Plan::Sweep => self.sweep(state, seen).await,
            Plan::Full => self.full(state, seen).await,
            // The host took the data before, so only the observation is noted.
            #[cfg(feature = "shared")]
            Plan::Shared => self.observed(state, seen, None).await,
        };
        match outcome {
            Err(error) if changed_meanwhile(&error) => {
                Ok(instead(planned.plan, PlanReason::ChangedWhileListed))
            }
            outcome => outcome,
        }
    }

    /// Nothing changed. Only the time of the observation is new, and the time of the total if it
    /// was asked for.
    async fn observed(
        &self,
        state: &SectionState,
        seen: &Sighting,
        counted: Option<UnixSeconds>,
    ) -> Result<Outcome, Error> {
        let (base, Sighting { stamp, at, .. }) = (state.clone(), *seen);
        let settles = counted.is_some() && seen.is_after(state);
        let note = move |store: &Store| store.note_unchanged(&base, stamp, at, counted, settles);
        let noted = self.blocking(note).await?;
        Ok(match noted {
            Some(state) => Ok((state, Changes::default())),
            None => instead(Plan::Full, PlanReason::ChangedMeanwhile),
        })
    }

    async fn totals(&self, state: &SectionState, seen: &Sighting) -> Result<Outcome, Error> {
        let (stamp, now) = (seen.stamp, self.clock.now());
        // If metadata are due, they come with the total in the same call.
        let due = !has_recent_metadata(state, now, &self.policy);
        let mut rows = Spool::new();
        let (total, edited) = if due {
            let first = self.recent_first(state, FEW).await?;
            let (total, limit) = (first.total, latest(now, &stamp));
            let read = self.recent(state, first, &mut rows, limit, 0).await?;
            (total, Some(read))
        } else {
            (self.client.total(&listing::request(state, Filter::None)).await?, None)
        };
        let Some(total) = total else {
            // A server that never tells a total must not cause a sweep every hour.
            return if state.stamp == Some(stamp) {
                self.observed(state, seen, Some(now)).await
            } else {
                Ok(instead(Plan::Sweep, PlanReason::NoTotal))
            };
        };
        let (unreadable, metadata) = match edited {
            Some(Recent::Read(keys)) => (keys, true),
            // The metadata stay due.
            _ => (Vec::new(), false),
        };
        if total == state.items + state.unsupported && !metadata {
            return self.observed(state, seen, Some(now)).await;
        }
        // The counter did not move, so nothing was added or replaced. If the total differs, some
        // items vanished.
        let gone = match self.vanished(state, &rows, total).await? {
            Ok(gone) => gone,
            Err(reason) => return Ok(instead(Plan::Sweep, reason)),
        };
        let update = Update {
            settled: seen.is_after(state).then_some(true),
            scope: Scope::Delta(gone),
            unreadable,
            total: Some(total),
            complete: state.complete,
            metadata,
            observed_at: seen.at,
            ..Update::new(state, rows, stamp, now)
        };
        self.apply(update).await
    }

    /// Reads what was edited since the newest known time. The stamp did not change, so no file came
    /// or went.
    async fn metadata(&self, state: &SectionState, seen: &Sighting) -> Result<Outcome, Error> {
        let (stamp, now) = (seen.stamp, self.clock.now());
        let mut rows = Spool::new();
        let limit = latest(now, &stamp);
        let edited = self.changed_since(state, Filter::UpdatedSince, &mut rows, limit).await?;
        let Some(unreadable) = edited else {
            return Ok(instead(Plan::Full, PlanReason::MuchEdited));
        };
        let update = Update {
            unreadable,
            complete: state.complete,
            metadata: true,
            observed_at: seen.at,
            ..Update::new(state, rows, stamp, now)
        };
        self.apply(update).await
    }

    /// Reads the items that were updated last. That answer also has the total. If the answer does
    /// not show everything, reads what was added or updated since the newest known time.
    async fn delta(
        &self,
        state: &SectionState,
        seen: &Sighting,
        demand: Demand,
    ) -> Result<Outcome, Error> {
        let (stamp, now) = (seen.stamp, self.clock.now());
        let limit = latest(now, &stamp);
        let first = self.recent_first(state, self.client.page_size()).await?;
        let Some(total) = first.total else { return Ok(instead(Plan::Sweep, PlanReason::NoTotal)) };
        if first.rows >= total {
            return self.all_at_once(state, seen, first).await;
        }
        // If most items are gone, no other request is needed.
        let known = state.items + state.unsupported;
        if self.is_swept_cheaper(known, known.saturating_sub(total), total) {
            return Ok(instead(Plan::Sweep, PlanReason::ManyVanished));
        }
        let mut rows = Spool::new();
        let most = self.large_delta(state);
        let (mut unreadable, sorted) =
            match self.recent(state, first, &mut rows, limit, most).await? {
                Recent::Read(keys) => (keys, true),
                Recent::Unsorted => (Vec::new(), false),
                Recent::Large => return Ok(instead(Plan::Full, PlanReason::LargeDelta)),
                Recent::Moved => return Ok(instead(Plan::Delta, PlanReason::ChangedWhileListed)),
            };
        let mut asked: Vec<fn(UnixSeconds) -> Filter> = match (sorted, state.dated) {
            (true, true) => vec![],
            (true, false) => vec![Filter::AddedSince],
            (false, _) => vec![Filter::AddedSince, Filter::UpdatedSince],
        };
        let mut by_added = !asked.is_empty();
        let gone = loop {
            for filter in asked.drain(..) {
                match self.changed_since(state, filter, &mut rows, limit).await? {
                    Some(keys) => unreadable.extend(keys),
                    None => return Ok(instead(Plan::Full, PlanReason::LargeDelta)),
                }
            }
            match self.vanished(state, &rows, total).await? {
                Ok(gone) => break gone,
                // An added item has no `updatedAt`.
                Err(PlanReason::MoreThanDelta) if !by_added => asked.push(Filter::AddedSince),
                Err(reason) => return Ok(instead(Plan::Sweep, reason)),
            }
            by_added = true;
        };
        let before = state.stamp.and_then(|stamp| stamp.content_changed_at);
        let update = Update {
            scope: Scope::Delta(gone),
            unreadable,
            total: Some(total),
            must_change: before != stamp.content_changed_at && !seen.explained,
            // A delta cannot see a file that was replaced in place.
            complete: false,
            metadata: true,
            observed_at: seen.at,
            ..Update::new(state, rows, stamp, now)
        };
        match self.apply(update).await? {
            Err(Planned { reason: PlanReason::Unexplained, .. }) => {
                let few = !demand.prove && demand.queries <= self.policy.lazy_queries;
                Ok(Err(unexplained(state, few, self.client.page_size())))
            }
            outcome => Ok(outcome),
        }
    }

    /// Stores a first page that has the whole section. The section is then known completely, as
    /// after a listing.
    async fn all_at_once(
        &self,
        state: &SectionState,
        seen: &Sighting,
        page: Page,
    ) -> Result<Outcome, Error> {
        let (stamp, now) = (seen.stamp, self.clock.now());
        let mut rows = Spool::new();
        self.spool(&mut rows, page.items, latest(now, &stamp)).await?;
        let update = Update {
            scope: Scope::Complete(rows.take_keys()),
            unsupported: page.unsupported.len() as u64,
            total: page.total,
            complete: true,
            settled: Some(true),
            metadata: true,
            lookups: Lookups::default(),
            observed_at: seen.at,
            ..Update::new(state, rows, stamp, now)
        };
        self.apply(update).await
    }

    /// Streams the items that were added or updated since the newest known time. Returns the keys
    /// of rows that cannot be used. `None`: the changed items are half of the section, so a listing
    /// costs no more.
    async fn changed_since(
        &self,
        state: &SectionState,
        filter: fn(UnixSeconds) -> Filter,
        rows: &mut Spool,
        limit: UnixSeconds,
    ) -> Result<Option<Vec<u64>>, Error> {
        let since = state.changed_until.unwrap_or_default().saturating_sub(self.policy.overlap);
        let wanted = listing::request(state, filter(since));
        let read = listing::read(self, wanted, self.large_delta(state), limit, rows).await?;
        Ok(read.map(|read| read.unreadable))
    }

    /// Lists nothing. If the stamp moved, the items that lookups found are read again by key.
    async fn lazy(&self, state: &SectionState, seen: &Sighting) -> Result<Outcome, Error> {
        let (stamp, now) = (seen.stamp, self.clock.now());
        let id = state.id;
        let keys = self.blocking(move |store| store.view()?.keys(id)).await?;
        let keys: Vec<RatingKey> = keys.into_iter().map(RatingKey).collect();
        let mut rows = Spool::new();
        let again = self.read_again(&keys, &mut rows, latest(now, &stamp), None).await?;
        let update = Update {
            scope: Scope::Delta(again.gone),
            unreadable: again.unreadable,
            unsupported: 0,
            observed_at: seen.at,
            ..Update::new(state, rows, stamp, now)
        };
        self.apply(update).await
    }

    /// Reads nothing yet. From now on, every item is read again before an answer uses it.
    async fn targeted(&self, state: &SectionState, seen: &Sighting) -> Result<Outcome, Error> {
        let Sighting { stamp: observed, at, .. } = *seen;
        if state.observed == Some(observed) {
            return Ok(Ok((state.clone(), Changes::default())));
        }
        let Some(stamp) = state.stamp else {
            return Ok(instead(Plan::Full, PlanReason::NothingCached));
        };
        let update = Update { observed, ..Update::new(state, Spool::new(), stamp, at) };
        self.apply(update).await
    }

    /// Reads items of a section by key, because something in the section changed without an
    /// explanation, and writes what was read.
    pub(crate) async fn read_items(
        &self,
        section: SectionId,
        keys: &[RatingKey],
    ) -> Result<(), Error> {
        let _one_at_a_time = self.flights.section(section).await;
        let read = self.blocking(move |store| store.view()?.section(section)).await?;
        let Some(state) = read else { return Ok(()) };
        let (Some(stamp), Some(observed)) = (state.stamp, state.observed) else { return Ok(()) };
        let now = state.observed_at.unwrap_or(self.clock.now());
        let mut rows = Spool::new();
        let again = self.read_again(keys, &mut rows, latest(now, &observed), None).await?;
        let spent = state.lookups.spent + (keys.len() as u64).div_ceil(BATCH);
        let update = Update {
            lookups: Lookups { spent, ..state.lookups },
            unreadable: again.unreadable,
            ..unmoved(&state, rows, again.gone, stamp, observed, now)
        };
        // If the section changed in the store meanwhile, the next reader of it notices that.
        self.apply(update).await?.map_or_else(|_| Ok(()), |_| Ok(()))
    }

    /// Reads items by key into `rows`: all of them, or only those of one kind. Returns the keys of
    /// the others.
    pub(crate) async fn read_again(
        &self,
        keys: &[RatingKey],
        rows: &mut Spool,
        limit: UnixSeconds,
        kind: Option<ItemKind>,
    ) -> Result<Again, Error> {
        if keys.is_empty() {
            return Ok(Again::default());
        }
        let mut batch = self.client.items_with(keys, Detail::Lean).await?;
        batch.items.retain(|item| kind.is_none_or(|kind| item.kind == kind));
        let unreadable = unreadable(&batch.unsupported);
        self.spool(rows, batch.items, limit).await?;
        Ok(Again { gone: batch.missing.iter().map(|key| key.0).collect(), unreadable })
    }

    pub(crate) async fn full(
        &self,
        state: &SectionState,
        seen: &Sighting,
    ) -> Result<Outcome, Error> {
        let (stamp, now) = (seen.stamp, self.clock.now());
        if self.blocking(Store::server).await?.is_none() {
            self.bind().await?;
        }
        self.check_paging(state).await?;
        let mut rows = Spool::of_all(state, self.store.indexing);
        let wanted = listing::request(state, Filter::None);
        let limit = latest(now, &stamp);
        let read = listing::read(self, wanted, u64::MAX, limit, &mut rows).await?;
        let Some(read) = read else { return Ok(instead(Plan::Full, PlanReason::TooLarge)) };
        let update = Update {
            scope: Scope::Complete(rows.take_keys()),
            unsupported: read.unsupported,
            total: Some(read.total),
            complete: true,
            settled: Some(read.pages <= 1),
            metadata: true,
            lookups: Lookups::default(),
            observed_at: seen.at,
            ..Update::new(state, rows, stamp, now)
        };
        self.apply(update).await
    }

    pub(crate) async fn apply(&self, update: Update) -> Result<Outcome, Error> {
        let section = update.base.id;
        Ok(match self.blocking(move |store| store.apply(update)).await? {
            Applied::Done(state, changes) => Ok((*state, changes)),
            Applied::Disagrees => instead(Plan::Sweep, PlanReason::TotalDisagrees),
            Applied::Unexplained => instead(Plan::Sweep, PlanReason::Unexplained),
            Applied::Moved => instead(Plan::Full, PlanReason::ChangedMeanwhile),
            Applied::Damaged => {
                self.blocking(move |store| store.drop_items(section)).await?;
                instead(Plan::Full, PlanReason::DamageDropped)
            }
        })
    }
}

/// Keys that were read again without getting an item.
#[derive(Debug, Default)]
pub(crate) struct Again {
    /// The item does not exist any more.
    pub(crate) gone: Vec<u64>,
    /// The item exists, but its row cannot be used. What the cache has of it may be wrong.
    pub(crate) unreadable: Vec<u64>,
}

/// An update after some items were read by key. It says nothing about the other items, so the
/// section's stamp and its completeness stay as they are.
pub(crate) fn unmoved(
    state: &SectionState,
    rows: Spool,
    gone: Vec<u64>,
    stamp: SectionStamp,
    observed: SectionStamp,
    now: UnixSeconds,
) -> Update {
    Update {
        observed,
        scope: Scope::Delta(gone),
        complete: state.complete,
        lookups: state.lookups,
        ..Update::new(state, rows, stamp, now)
    }
}

pub(crate) fn changed_meanwhile(error: &Error) -> bool {
    matches!(error, Error::Plex(error) if error.kind() == ErrorKind::ListingChanged)
}

/// How many items are read by key in one call.
pub(crate) const BATCH: u64 = 200;
