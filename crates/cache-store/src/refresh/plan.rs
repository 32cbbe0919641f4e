//! Which plan: a pure function of what is cached, what was observed, and the policy.

use std::time::Duration;

use plex_api::UnixSeconds;
use serde::{Deserialize, Serialize};

use crate::section::SectionState;
use crate::stamp::SectionStamp;

/// How far cached state is trusted before the server is asked, and what is done then.
#[derive(Debug, Clone)]
pub struct Policy {
    /// A stamp observed within this time is taken as the present one, without a call.
    /// Default 60 s: a run that matches in several batches probes once.
    pub freshness: Duration,
    /// A section that was not listed whole for this long is listed again even if every
    /// delta was explained, because a delta cannot see a file replaced in place.
    /// Default 24 h.
    pub max_sweep_age: Duration,
    /// A delta starts this much before the newest change known, because items can become
    /// visible after their time stamp. Default 5 min.
    pub overlap: Duration,
    /// With no more files to match than this, a section of which nothing is cached is not
    /// listed: each file is looked up. Default 8. A lookup costs 1 to 3 calls, and a listing
    /// 20 for 10,000 items: from about here on the listing, which pays for every later
    /// question, is not much dearer.
    pub lazy_queries: u64,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            freshness: Duration::from_mins(1),
            max_sweep_age: Duration::from_hours(24),
            overlap: Duration::from_mins(5),
            lazy_queries: 8,
        }
    }
}

/// What to do about one section.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Plan {
    /// Nothing: the stamp was observed a moment ago. No call.
    Fresh,
    /// Nothing more than the probe: the stamp is what it was.
    Unchanged,
    /// Compare the total: a scan ran, and the change counter did not move.
    Totals,
    /// Read what was added and updated, and compare the total.
    Delta,
    /// Look files up one by one, and read again what earlier lookups showed if the stamp
    /// moved since.
    Lazy,
    /// List the whole section.
    Full,
}

/// What the answers need of a section.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Demand {
    /// How many files are to be matched.
    pub queries: u64,
    /// An answer "absent" hangs on it: the section has to be known completely.
    pub prove: bool,
}

/// A plan and why it was chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Planned {
    /// The plan.
    pub plan: Plan,
    /// Why, for people.
    pub reason: &'static str,
}

/// Whether a section has to be probed at all.
pub fn is_fresh(cached: &SectionState, now: UnixSeconds, policy: &Policy) -> bool {
    cached.stamp.is_some()
        && cached.observed_at.is_some_and(|at| younger(at, now, policy.freshness))
}

/// Chooses the plan for a section whose stamp was just observed.
#[must_use]
pub fn plan(
    cached: &SectionState,
    observed: &SectionStamp,
    now: UnixSeconds,
    policy: &Policy,
    demand: Demand,
) -> Planned {
    let planned = |plan, reason| Planned { plan, reason };
    let Demand { queries, prove } = demand;
    let Some(stamp) = &cached.stamp else {
        return if queries > policy.lazy_queries || prove {
            planned(Plan::Full, "nothing is cached")
        } else {
            planned(Plan::Lazy, "nothing is cached, and few files are asked for")
        };
    };
    if cached.is_partial() {
        return match (prove, stamp == observed) {
            (true, _) => planned(Plan::Full, "lookups do not pay, or do not prove"),
            (false, true) => planned(Plan::Unchanged, "the stamp is what it was"),
            (false, false) => planned(Plan::Lazy, "what lookups showed may have changed"),
        };
    }
    if cached.listed_at.is_none_or(|at| !younger(at, now, policy.max_sweep_age)) {
        return planned(Plan::Full, "the last full listing is too long ago");
    }
    if prove && !cached.complete {
        return planned(Plan::Full, "an absence has to be proven");
    }
    if stamp == observed {
        return planned(Plan::Unchanged, "the stamp is what it was");
    }
    let counters = stamp.content_changed_at.is_some() && observed.content_changed_at.is_some();
    let counter_moved = stamp.content_changed_at != observed.content_changed_at;
    if counters && !counter_moved && stamp.updated_at == observed.updated_at {
        return planned(Plan::Totals, "a scan ran, the change counter did not move");
    }
    if prove {
        return planned(Plan::Full, "something changed, and an absence has to be proven");
    }
    if cached.changed_until.is_none() {
        return planned(Plan::Full, "something changed, and the items carry no times");
    }
    if counters && counter_moved {
        planned(Plan::Delta, "the change counter moved")
    } else if counters {
        planned(Plan::Delta, "the section's settings changed")
    } else {
        planned(Plan::Delta, "a scan ran, and this server has no change counter")
    }
}

/// Not older than `limit`, and not from the future: a clock that was set back must not make
/// an old observation look fresh for years.
fn younger(at: UnixSeconds, now: UnixSeconds, limit: Duration) -> bool {
    let age = now.0.saturating_sub(at.0);
    u64::try_from(age).is_ok_and(|age| age < limit.as_secs())
}

#[cfg(test)]
mod tests {
    use plex_api::{ItemKind, SectionKey, SectionUuid};

    use super::*;
    use crate::section::SectionId;

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
        state.items = 10;
        state.complete = true;
        state.observed_at = Some(ago(600));
        state.listed_at = Some(ago(3600));
        state.changed_until = Some(ago(9000));
        state
    }

    const FILES: Demand = Demand { queries: 10_000, prove: false };
    const PROOF: Demand = Demand { queries: 1, prove: true };
    const ONE: Demand = Demand { queries: 1, prove: false };

    #[track_caller]
    fn check(
        change: impl FnOnce(&mut SectionState),
        observed: SectionStamp,
        demand: Demand,
        expect: Plan,
    ) {
        let mut state = cached();
        change(&mut state);
        assert_eq!(plan(&state, &observed, NOW, &Policy::default(), demand).plan, expect);
    }

    #[test]
    fn the_situations_of_the_design() {
        let same = stamp(100, 7);
        let no_counter = SectionStamp { content_changed_at: None, ..stamp(0, 8) };
        let settings = SectionStamp { updated_at: Some(UnixSeconds(6)), ..same };
        check(|_| {}, same, FILES, Plan::Unchanged);
        check(|_| {}, same, PROOF, Plan::Unchanged);
        check(|state| state.stamp = None, same, FILES, Plan::Full);
        check(|state| state.stamp = None, same, ONE, Plan::Lazy);
        check(|state| state.stamp = None, same, PROOF, Plan::Full);
        check(|state| state.listed_at = None, same, FILES, Plan::Unchanged);
        check(|state| state.listed_at = None, stamp(101, 8), FILES, Plan::Lazy);
        check(|state| state.listed_at = None, same, PROOF, Plan::Full);
        check(|_| {}, stamp(100, 8), FILES, Plan::Totals);
        check(|_| {}, stamp(100, 8), PROOF, Plan::Totals);
        check(|_| {}, stamp(101, 8), FILES, Plan::Delta);
        check(|_| {}, stamp(101, 7), FILES, Plan::Delta);
        check(|_| {}, stamp(99, 8), FILES, Plan::Delta); // a restored database: lower is different
        check(|_| {}, stamp(101, 8), PROOF, Plan::Full);
        check(|_| {}, settings, FILES, Plan::Delta);
        check(|_| {}, no_counter, FILES, Plan::Delta);
        check(|state| state.changed_until = None, stamp(101, 8), FILES, Plan::Full);
        check(|state| state.complete = false, same, FILES, Plan::Unchanged);
        check(|state| state.complete = false, same, PROOF, Plan::Full);
        check(|state| state.listed_at = Some(ago(86_400)), same, FILES, Plan::Full);
        check(|state| state.listed_at = Some(ago(86_399)), same, FILES, Plan::Unchanged);
        check(|state| state.listed_at = Some(ago(-50)), same, FILES, Plan::Full); // a clock set back
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
