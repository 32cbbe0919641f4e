//! Which plan to choose: a pure function of the cache, the observation, and the policy.

use std::time::Duration;

use plex_api::UnixSeconds;
use serde::{Deserialize, Serialize};

use crate::model::revision::SectionStamp;
use crate::model::section::SectionState;
use crate::refresh::reason::PlanReason;

/// How long the cache is trusted before the server is asked, and what is done then.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Policy {
    /// A stamp that was observed within this time counts as the present one, without a call.
    /// Default 60 s: a run that matches in several batches probes once.
    pub freshness: Duration,
    /// If all items of a section were last read longer ago than this, it is swept, even if every
    /// delta was explained. A delta cannot see a file that was replaced in place. Default 24 h.
    pub max_sweep_age: Duration,
    /// Titles, years and guids that are older than this are brought up to date before an answer
    /// uses them, because an edit does not move the stamp. Default 15 min. It costs one call for
    /// each section, and a person who edits a title accepts such a delay.
    pub metadata_max_age: Duration,
    /// A delta starts this long before the newest known change, because an item may become visible
    /// some time after its time stamp. Default 5 min.
    pub overlap: Duration,
    /// If a section would have to be listed for at most this many files, they are looked up one by
    /// one instead. Default 8. A lookup costs 1 to 3 calls, and a listing of 10,000 items costs 20.
    /// So above about 8 files a listing costs little more, and it serves every later question.
    pub lazy_queries: u64,
    /// How long an item must be quiet, after the server reported it, before it is read. Default 10
    /// s: a server works on a new item for some time after it appeared, and reports every step.
    pub settle: Duration,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            freshness: Duration::from_mins(1),
            max_sweep_age: Duration::from_hours(24),
            metadata_max_age: Duration::from_mins(15),
            overlap: Duration::from_mins(5),
            lazy_queries: 8,
            settle: Duration::from_secs(10),
        }
    }
}

/// What to do about one section.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Plan {
    /// Nothing: the stamp was observed a moment ago. No call.
    Fresh,
    /// Only the probe: the stamp did not change.
    Unchanged,
    /// Compare the total: a scan ran, and the change counter did not move.
    Totals,
    /// Read what was edited: the stamp did not change, but edits do not move it.
    Metadata,
    /// List the section's shows: a name means a show, and the episodes do not settle which one.
    Shows,
    /// Compare the total, and read what was added or updated.
    Delta,
    /// Look files up one by one. If the stamp moved, read again what earlier lookups found.
    Lazy,
    /// Something changed that no delta explains. Read the items of the answers again by key, look
    /// up what is not found, and leave the rest for a sweep.
    Targeted,
    /// Read the keys and files of every item, and then the items that changed.
    Sweep,
    /// List the whole section.
    Full,
    /// Another host listed the section, and the shared tier has it. The server was not asked.
    #[cfg(feature = "shared")]
    Shared,
}

impl Plan {
    /// Whether this plan asks the server for more than the stamps.
    #[doc(hidden)]
    pub fn asks(self) -> bool {
        !matches!(self, Self::Fresh | Self::Unchanged | Self::Targeted)
    }

    /// Whether this plan brings something that other hosts would also ask for.
    #[cfg(feature = "shared")]
    pub(crate) fn is_worth_sharing(self) -> bool {
        self.asks() && !matches!(self, Self::Lazy | Self::Shows)
    }
}

/// What the answers need from a section.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Demand {
    /// How many files are to be matched.
    pub queries: u64,
    /// An answer "absent" depends on this section, so it has to be known completely.
    pub prove: bool,
    /// An answer uses titles, years or guids, so they have to be up to date.
    pub metadata: bool,
    /// An answer uses the section's shows, so they have to be known.
    pub shows: bool,
}

impl Demand {
    /// A demand for files that are matched by their paths.
    pub fn files(queries: u64) -> Self {
        Self { queries, prove: false, metadata: false, shows: false }
    }
}

/// A plan and why it was chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Planned {
    /// The plan.
    pub plan: Plan,
    /// Why it was chosen, as text for people.
    pub reason: PlanReason,
}

/// Whether the cached stamp is fresh, so that no probe is needed.
pub fn is_fresh(cached: &SectionState, now: UnixSeconds, policy: &Policy) -> bool {
    cached.stamp.is_some() && cached.observed_at.is_some_and(|at| is_recent(at, now, policy))
}

/// Whether an observation at this time counts as the present state.
pub(crate) fn is_recent(at: UnixSeconds, now: UnixSeconds, policy: &Policy) -> bool {
    younger(at, now, policy.freshness)
}

/// How long a section's total is trusted while its stamp does not change.
const COUNTED: Duration = Duration::from_hours(1);

/// Whether to compare the total although the stamp did not change. After a database was restored,
/// the counter may have a value that it had before.
pub(crate) fn is_count_due(cached: &SectionState, now: UnixSeconds) -> bool {
    let counted = cached.counted_at.max(cached.listed_at);
    let known = !cached.is_partial() && !cached.is_unexplained();
    known && counted.is_none_or(|at| !younger(at, now, COUNTED + Duration::from_secs(1)))
}

/// Whether titles, years and guids are recent enough for answers.
pub fn has_recent_metadata(cached: &SectionState, now: UnixSeconds, policy: &Policy) -> bool {
    cached.metadata_at.is_some_and(|at| younger(at, now, policy.metadata_max_age))
}

/// Whether the section's shows are known: they were listed within
/// [`max_sweep_age`](Policy::max_sweep_age), and no episode of another show came since.
pub fn has_shows(cached: &SectionState, now: UnixSeconds, policy: &Policy) -> bool {
    cached.shows.is_some_and(|shows| younger(shows.at, now, policy.max_sweep_age))
}

/// Chooses the plan for a section whose stamp was just observed. `page` is the number of rows that
/// a call brings.
#[must_use]
pub fn plan(
    cached: &SectionState,
    observed: &SectionStamp,
    now: UnixSeconds,
    policy: &Policy,
    page: u32,
    demand: Demand,
) -> Planned {
    let planned = |plan, reason| Planned { plan, reason };
    let Demand { queries, prove, metadata, shows } = demand;
    let few = queries <= policy.lazy_queries && !prove;
    let Some(stamp) = &cached.stamp else {
        return if few && cached.is_partial() {
            planned(Plan::Lazy, PlanReason::NothingCachedFewAsked)
        } else {
            planned(Plan::Full, PlanReason::NothingCached)
        };
    };
    if cached.is_partial() {
        return match (prove, stamp == observed) {
            (true, _) => planned(Plan::Full, PlanReason::LookupsDoNotPay),
            (false, true) => planned(Plan::Unchanged, PlanReason::StampStands),
            (false, false) => planned(Plan::Lazy, PlanReason::LookupsMayHaveChanged),
        };
    }
    if cached.listed_at.is_none_or(|at| !younger(at, now, policy.max_sweep_age)) {
        return planned(Plan::Sweep, PlanReason::SweepDue);
    }
    if prove && !cached.complete {
        return planned(Plan::Sweep, PlanReason::AbsenceToProve);
    }
    let shows = shows && !has_shows(cached, now, policy);
    if stamp == observed {
        return if metadata && !has_recent_metadata(cached, now, policy) {
            planned(Plan::Metadata, PlanReason::MetadataDue)
        } else if shows {
            planned(Plan::Shows, PlanReason::ShowsUnknown)
        } else {
            planned(Plan::Unchanged, PlanReason::StampStands)
        };
    }
    if cached.observed.as_ref() == Some(observed) {
        if shows {
            return planned(Plan::Shows, PlanReason::ShowsUnknown);
        }
        // A delta was tried at this stamp.
        return unexplained(cached, few, page);
    }
    let counters = stamp.content_changed_at.is_some() && observed.content_changed_at.is_some();
    let counter_moved = stamp.content_changed_at != observed.content_changed_at;
    if counters && !counter_moved && stamp.updated_at == observed.updated_at {
        return planned(Plan::Totals, PlanReason::CounterStands);
    }
    if prove {
        return planned(Plan::Sweep, PlanReason::ChangeAndAbsenceToProve);
    }
    if cached.changed_until.is_none() {
        return planned(Plan::Sweep, PlanReason::NoTimes);
    }
    if counters && counter_moved {
        planned(Plan::Delta, PlanReason::CounterMoved)
    } else if counters {
        planned(Plan::Delta, PlanReason::SettingsChanged)
    } else {
        planned(Plan::Delta, PlanReason::NoCounter)
    }
}

/// The plan if something changed that no delta explains: a file was replaced in place, or somebody
/// only made a collection. If `few` files are asked for, it is cheaper to read only their items
/// again.
pub(crate) fn unexplained(cached: &SectionState, few: bool, page: u32) -> Planned {
    // Two files cost at most about this many calls. If a sweep costs no more, it is chosen.
    const WORTH: u64 = 4;
    let pages = (cached.items + cached.unsupported).div_ceil(u64::from(page.max(1)));
    if few && pages > WORTH && cached.lookups.spent < pages {
        Planned { plan: Plan::Targeted, reason: PlanReason::UnexplainedFewAsked }
    } else {
        Planned { plan: Plan::Sweep, reason: PlanReason::Unexplained }
    }
}

/// Whether a time is at most `limit` ago and not in the future. If a clock was set back, an old
/// observation must not seem fresh for years.
fn younger(at: UnixSeconds, now: UnixSeconds, limit: Duration) -> bool {
    let age = now.0.saturating_sub(at.0);
    u64::try_from(age).is_ok_and(|age| age < limit.as_secs())
}

#[cfg(test)]
mod tests {
    use plex_api::{ItemKind, SectionKey, SectionUuid};

    use super::*;
    use crate::model::section::{SectionId, ShowsListed};

    const NOW: UnixSeconds = UnixSeconds(1_700_000_000);

    fn ago(seconds: i64) -> UnixSeconds {
        UnixSeconds(NOW.0 - seconds)
    }

    fn stamp(counter: i64, scanned: i64) -> SectionStamp {
        SectionStamp {
            content_changed_at: Some(counter),
            scanned_at: Some(UnixSeconds(scanned)),
            updated_at: Some(UnixSeconds(5)),
        }
    }

    fn cached() -> SectionState {
        let uuid = SectionUuid("uuid".to_owned());
        let mut state = SectionState::empty(SectionId(1), uuid, SectionKey(1), ItemKind::Movie);
        state.stamp = Some(stamp(100, 7));
        state.observed = state.stamp;
        state.items = 10_000;
        state.complete = true;
        state.observed_at = Some(ago(600));
        state.listed_at = Some(ago(3600));
        state.metadata_at = Some(ago(600));
        state.changed_until = Some(ago(9000));
        state
    }

    const FILES: Demand = Demand { queries: 10_000, prove: false, metadata: false, shows: false };
    const ONE: Demand = Demand { queries: 1, ..FILES };
    const PROOF: Demand = Demand { prove: true, ..ONE };
    const TITLES: Demand = Demand { metadata: true, ..ONE };
    const SHOWS: Demand = Demand { metadata: true, shows: true, ..ONE };

    #[track_caller]
    fn check(
        change: impl FnOnce(&mut SectionState),
        observed: SectionStamp,
        demand: Demand,
        expect: Plan,
    ) {
        let mut state = cached();
        change(&mut state);
        assert_eq!(plan(&state, &observed, NOW, &Policy::default(), 500, demand).plan, expect);
    }

    #[test]
    fn the_situations_of_the_design() {
        let same = stamp(100, 7);
        let no_counter = SectionStamp { content_changed_at: None, ..stamp(0, 8) };
        let settings = SectionStamp { updated_at: Some(UnixSeconds(6)), ..same };
        check(|_| {}, same, FILES, Plan::Unchanged);
        check(|_| {}, same, PROOF, Plan::Unchanged);
        check(|state| state.stamp = None, same, FILES, Plan::Full);
        check(|state| state.stamp = None, same, ONE, Plan::Full); // it was invalidated
        let never = |state: &mut SectionState| (state.stamp, state.listed_at) = (None, None);
        check(never, same, ONE, Plan::Lazy);
        check(|state| state.stamp = None, same, PROOF, Plan::Full);
        check(|state| state.listed_at = None, same, FILES, Plan::Unchanged);
        check(|state| state.listed_at = None, stamp(101, 8), FILES, Plan::Lazy);
        check(|state| state.listed_at = None, same, PROOF, Plan::Full);
        check(|_| {}, stamp(100, 8), FILES, Plan::Totals);
        check(|_| {}, stamp(100, 8), PROOF, Plan::Totals);
        check(|_| {}, stamp(101, 8), FILES, Plan::Delta);
        check(|_| {}, stamp(101, 7), FILES, Plan::Delta);
        check(|_| {}, stamp(99, 8), FILES, Plan::Delta); // a restored database: lower is different
        check(|_| {}, stamp(101, 8), PROOF, Plan::Sweep);
        check(|_| {}, settings, FILES, Plan::Delta);
        check(|_| {}, no_counter, FILES, Plan::Delta);
        check(|state| state.changed_until = None, stamp(101, 8), FILES, Plan::Sweep);
        check(|state| state.complete = false, same, FILES, Plan::Unchanged);
        check(|state| state.complete = false, same, PROOF, Plan::Sweep);
        check(|state| state.listed_at = Some(ago(86_400)), same, FILES, Plan::Sweep);
        check(|state| state.listed_at = Some(ago(86_399)), same, FILES, Plan::Unchanged);
        check(|state| state.listed_at = Some(ago(-50)), same, FILES, Plan::Sweep); // a clock set back
    }

    #[test]
    fn metadata_is_read_when_it_is_old_and_needed() {
        let same = stamp(100, 7);
        check(|_| {}, same, TITLES, Plan::Unchanged);
        check(|state| state.metadata_at = Some(ago(900)), same, TITLES, Plan::Metadata);
        check(|state| state.metadata_at = Some(ago(900)), same, FILES, Plan::Unchanged);
        check(|state| state.metadata_at = None, same, TITLES, Plan::Metadata);
        // Any other plan brings the metadata anyway, or is followed by a second look.
        check(|state| state.metadata_at = None, stamp(101, 8), TITLES, Plan::Delta);
    }

    #[test]
    fn shows_are_listed_once_they_are_needed_and_after_what_is_due_before() {
        let same = stamp(100, 7);
        let listed = |age| {
            let shows = Some(ShowsListed { at: ago(age), count: 7 });
            move |state: &mut SectionState| state.shows = shows
        };
        check(|_| {}, same, SHOWS, Plan::Shows);
        check(|_| {}, same, TITLES, Plan::Unchanged);
        check(listed(86_399), same, SHOWS, Plan::Unchanged);
        check(listed(86_400), same, SHOWS, Plan::Shows);
        check(|state| state.metadata_at = None, same, SHOWS, Plan::Metadata);
        check(|_| {}, stamp(101, 8), SHOWS, Plan::Delta);
        // A change without an explanation is read item by item, and that says nothing about shows.
        let tried = |state: &mut SectionState| state.observed = Some(stamp(101, 8));
        check(tried, stamp(101, 8), SHOWS, Plan::Shows);
        check(|state| state.stamp = None, same, SHOWS, Plan::Full);
    }

    #[test]
    fn a_change_that_no_delta_explains_is_swept_when_that_is_cheaper() {
        let moved = stamp(101, 8);
        let tried = |state: &mut SectionState| {
            state.observed = Some(stamp(101, 8));
            state.complete = false;
        };
        check(tried, moved, ONE, Plan::Targeted);
        check(tried, moved, FILES, Plan::Sweep);
        check(tried, moved, PROOF, Plan::Sweep);
        check(tried, stamp(102, 9), ONE, Plan::Delta); // it moved again
        check(tried, stamp(100, 7), ONE, Plan::Unchanged); // and back
        let small = |state: &mut SectionState| {
            tried(state);
            state.items = 2_000;
        };
        check(small, moved, ONE, Plan::Sweep);
        let spent = |state: &mut SectionState| {
            tried(state);
            state.lookups.spent = 20;
        };
        check(spent, moved, ONE, Plan::Sweep);
    }

    #[test]
    fn freshness_is_a_half_open_window_that_excludes_the_future() {
        for (age, fresh) in [(0, true), (59, true), (60, false), (-1, false)] {
            let mut state = cached();
            state.observed_at = Some(ago(age));
            assert_eq!(is_fresh(&state, NOW, &Policy::default()), fresh, "age {age}");
        }
    }
}
