//! One pass over a section: recall, match, remember. This is disk and CPU work, outside the async
//! threads.

#[cfg(test)]
mod properties;

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::sync::{Arc, Weak};
use std::time::Duration;

use cache_store::{
    Error, MatchKey, MatchRecord, Outcome, Policy, Revision, SectionId, SectionState, Store, View,
    has_recent_metadata, has_shows,
};
use plex_api::{Clock, Private, RatingKey, UnixSeconds};
use rayon::prelude::*;
use tracing::{debug, trace, trace_span};

use crate::answer::{Answer, Confidence, Decision};
use crate::engine::progress::{Phase, Teller};
use crate::engine::remembered::{from_record, rule_of, to_record};
use crate::evidence::Rule;
use crate::matcher::many::match_chunks;
use crate::query::Query;
use crate::report::{LookupCounts, Phases};
use crate::rules::Rules;
use crate::settings::Settings;

/// How old the date of a remembered answer may become before it is written again. The date only
/// shows which answers are no longer used, so a week is exact enough, and it costs one write a
/// week.
const DATED_ANEW: Duration = Duration::from_hours(7 * 24);

/// How many remembered answers are in memory at the same time.
const AT_ONCE: usize = 1 << 14;

/// How many remembered answers one thread reads at a time, and compares with the section.
const RECALLED_RUN: usize = 1 << 11;

/// The input of a pass.
pub(super) struct Pass {
    pub(super) store: Arc<Store>,
    pub(super) settings: Arc<Settings>,
    pub(super) policy: Policy,
    pub(super) clock: Clock,
    pub(super) queries: Arc<Vec<Query>>,
    pub(super) keys: Arc<Vec<MatchKey>>,
    pub(super) section: SectionId,
    /// The positions of the queries to answer.
    pub(super) asked: Vec<usize>,
    pub(super) rules: Rules,
    pub(super) known: Known,
    /// The server cannot be asked. The cache is used as it is, and nothing is written.
    pub(super) stale: bool,
    pub(super) progress: Teller,
    /// Dropped when nobody waits for the pass any more.
    pub(super) asker: Weak<()>,
}

/// What this run found out about a section, in addition to the store.
#[derive(Debug, Clone, Default)]
pub(super) struct Known {
    /// Queries whose absence was proven by a lookup.
    pub(super) absent: HashSet<usize>,
    /// Queries whose file was found by a lookup.
    pub(super) found: HashSet<usize>,
    /// Items that were read again after a change that is not explained.
    pub(super) read: HashSet<RatingKey>,
    /// Titles, years and guids were brought up to date.
    pub(super) metadata: bool,
    /// The section's shows were listed.
    pub(super) shows: bool,
}

/// The result of a pass.
#[derive(Default)]
pub(super) struct Passed {
    /// The revision of the section that was read. `None`: the section is not in the store.
    pub(super) revision: Option<Revision>,
    /// The positions of queries, with their answers.
    pub(super) answers: Vec<(usize, Answer)>,
    /// Queries that were not found, while the section's state cannot prove their absence.
    pub(super) unproven: Vec<usize>,
    /// Items that must be read again before an answer may name them. Nothing was remembered, and
    /// the pass must be repeated.
    pub(super) doubtful: Vec<RatingKey>,
    /// Titles, years and guids must be brought up to date, and then the pass must be repeated.
    pub(super) needs_metadata: bool,
    /// The section's shows must be listed, and then the pass must be repeated.
    pub(super) needs_shows: bool,
    /// Damage was found, so nothing that was read may be used.
    pub(super) damaged: bool,
    /// Remembered answers that were given and need a new date.
    used: Vec<(MatchKey, MatchRecord)>,
    pub(super) lookups: LookupCounts,
    pub(super) phases: Phases,
}

/// A query that must be computed, and what was remembered about it, if anything.
struct Compute {
    at: usize,
    /// In a box, because most queries have none: a record has hundreds of bytes.
    before: Option<Box<MatchRecord>>,
}

/// A query, and what is remembered about it.
struct Recalled {
    at: usize,
    /// The remembered answer, if it still holds.
    answer: Option<Answer>,
    /// The record, if there is no such answer, or if the date of the record's last use must be
    /// renewed.
    record: Option<Box<MatchRecord>>,
}

impl Pass {
    pub(super) fn run(self) -> Result<Passed, Error> {
        let mut passed = Passed::default();
        let revisions = self.store.revisions(); // before anything is read
        let view = self.store.view()?;
        let Some(section) = view.section(self.section)? else {
            passed.damaged = view.met_damage(self.section);
            passed.unproven = self.asked;
            return Ok(passed);
        };
        passed.revision = Some(section.revision);
        passed.answers.reserve(self.asked.len());
        let started = self.clock.monotonic();
        let recall =
            || trace_span!("recall").in_scope(|| self.recall(&view, &section, &mut passed));
        let compute = self.progress.around(Phase::Recall, self.asked.len(), recall)?;
        passed.phases.recall.record(started.elapsed());
        if passed.needs_metadata {
            passed.damaged = view.met_damage(self.section);
            return Ok(passed);
        }

        let started = self.clock.monotonic();
        let count = compute.len();
        let mut records = Vec::with_capacity(count + passed.used.len());
        let score = || {
            trace_span!("score")
                .in_scope(|| self.compute(&view, &section, compute, &mut passed, &mut records))
        };
        if self.progress.around(Phase::Matching, count, score)?.is_break() {
            return Ok(passed); // nobody waits for the result
        }
        passed.phases.matching.record(started.elapsed());
        records.append(&mut passed.used);
        passed.damaged = view.met_damage(self.section);
        drop(view);
        if passed.damaged {
            return Ok(passed);
        }
        if passed.doubtful.is_empty() && !passed.needs_shows && !self.stale {
            let started = self.clock.monotonic();
            let count = records.len();
            let write = || self.store.remember_since(revisions, section.id, records);
            self.progress.around(Phase::Remember, count, write)?;
            if count > 0 && !self.known.absent.is_empty() {
                // The proofs cost calls, so these answers do not wait for the next transaction.
                self.store.flush()?;
            }
            passed.phases.remember.record(started.elapsed());
        }
        self.tell(&passed);
        Ok(passed)
    }

    /// Logs hits and misses, and with `trace` every answer.
    fn tell(&self, passed: &Passed) {
        let LookupCounts { remembered, computed, .. } = passed.lookups;
        debug!(section = self.section.0, remembered, computed, "looked up");
        if tracing::enabled!(tracing::Level::TRACE) {
            for (at, answer) in &passed.answers {
                let file = Private(self.queries.get(*at).map_or("", |query| query.path.as_str()));
                trace!(%file, answer = answer.kind(), "answered");
            }
        }
    }

    /// Answers from memory where a remembered answer still holds. Returns the queries that must be
    /// computed.
    fn recall(
        &self,
        view: &View<'_>,
        section: &SectionState,
        passed: &mut Passed,
    ) -> Result<Vec<Compute>, Error> {
        let mut by_key = self.asked.clone();
        by_key.par_sort_unstable_by_key(|&at| self.keys.get(at).copied());
        let mut compute = Vec::new();
        let mut by_title = false;
        let now = self.clock.now();
        for chunk in by_key.chunks(AT_ONCE) {
            let read = |run: &[usize]| self.remembered(view, section, run, now);
            let runs: Result<Vec<_>, Error> = chunk.par_chunks(RECALLED_RUN).map(read).collect();
            for Recalled { at, answer, record } in runs?.into_iter().flatten() {
                match answer {
                    Some(Answer::Found(found)) if !found.evidence.rule.is_path() => {
                        // The path alone says absent. The title is tried later.
                        let paths_only = self.rules == Rules::Paths;
                        by_title |= !paths_only;
                        let answer = if paths_only { Answer::Absent } else { Answer::Found(found) };
                        passed.answers.push((at, answer));
                    }
                    Some(answer) => passed.answers.push((at, answer)),
                    None => {
                        compute.push(Compute { at, before: record });
                        continue;
                    }
                }
                let used = record
                    .zip(self.keys.get(at))
                    .map(|(record, key)| (*key, MatchRecord { last_used: now, ..*record }));
                passed.used.extend(used);
            }
        }
        compute.sort_unstable_by_key(|compute| compute.at);
        // A query counts once for each section and pass, no matter how many rules are tried.
        if self.rules == Rules::Paths {
            passed.lookups.remembered = passed.answers.len() as u64;
            passed.lookups.computed = compute.len() as u64;
            self.store.count(passed.lookups.remembered, passed.lookups.computed);
        }
        let recent =
            self.known.metadata || self.stale || has_recent_metadata(section, now, &self.policy);
        passed.needs_metadata =
            self.rules == Rules::All && !recent && (by_title || !compute.is_empty());
        Ok(compute)
    }

    /// Reads what is remembered about `some` of the queries. Their keys must be in ascending order.
    fn remembered(
        &self,
        view: &View<'_>,
        section: &SectionState,
        some: &[usize],
        now: UnixSeconds,
    ) -> Result<Vec<Recalled>, Error> {
        let key = |&at: &usize| self.keys.get(at).copied().unwrap_or(MatchKey([0; 16]));
        let keys: Vec<MatchKey> = some.iter().map(key).collect();
        let records = view.many_remembered(section.id, &keys)?;
        let hold = view.hold(section, &records)?;
        let recalled = some.iter().zip(records).zip(hold).map(|((&at, record), holds)| {
            let sufficient =
                record.as_ref().filter(|record| holds && self.suffices(section, record));
            let answer = sufficient.and_then(from_record);
            let old = |record: &MatchRecord| now.since(record.last_used) >= DATED_ANEW;
            let record = record.filter(|record| answer.is_none() || old(record)).map(Box::new);
            Recalled { at, answer, record }
        });
        Ok(recalled.collect())
    }

    /// Computes answers in chunks, as long as somebody waits for them.
    fn compute(
        &self,
        view: &View<'_>,
        section: &SectionState,
        compute: Vec<Compute>,
        passed: &mut Passed,
        records: &mut Vec<(MatchKey, MatchRecord)>,
    ) -> Result<ControlFlow<()>, Error> {
        let positions: Vec<usize> = compute.iter().map(|compute| compute.at).collect();
        let queries = positions.iter().filter_map(|&at| self.queries.get(at));
        let total = positions.len() as u64;
        let mut done = 0;
        let mut open = compute.into_iter();
        let mut failed = None;
        let take = |decisions: Vec<Decision>| {
            done += decisions.len() as u64;
            if done < total {
                self.progress.tell(Phase::Matching, done, total);
            }
            let chunk = open.by_ref().take(decisions.len());
            if let Err(error) = self.judge(view, section, chunk, decisions, passed, records) {
                failed = Some(error);
            }
            let stop = failed.is_some() || self.asker.strong_count() == 0;
            if stop { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let flow = match_chunks(view, section, queries, &self.settings, self.rules, take)?;
        failed.map_or(Ok(flow), Err)
    }

    /// Takes the decisions that may be trusted, and notes those that are worth remembering.
    fn judge(
        &self,
        view: &View<'_>,
        section: &SectionState,
        compute: impl Iterator<Item = Compute>,
        decisions: Vec<Decision>,
        passed: &mut Passed,
        records: &mut Vec<(MatchKey, MatchRecord)>,
    ) -> Result<(), Error> {
        let now = self.clock.now();
        let knows_shows = self.known.shows || self.stale || has_shows(section, now, &self.policy);
        for (Compute { at, before }, mut decision) in compute.zip(decisions) {
            if decision.rests_on_shows && !knows_shows {
                passed.needs_shows = true;
                continue;
            }
            let proven = section.complete || self.known.absent.contains(&at);
            if decision.answer == Answer::Absent && !proven {
                passed.unproven.push(at);
                continue;
            }
            if section.is_unexplained() && !self.stale {
                let unread = decision.answer.keys().filter(|key| !self.known.read.contains(key));
                passed.doubtful.extend(unread);
            }
            doubt(&mut decision, section, before.as_deref());
            let mut record = to_record(&decision, self.rules, section.revision, now);
            if let (Some(record), Some(before)) = (&mut record, before) {
                if gone(view, section.id, &before.outcome, &record.outcome)? {
                    passed.lookups.rekeyed += 1;
                }
                carry_over(record, *before);
            }
            records.extend(self.keys.get(at).copied().zip(record));
            passed.answers.push((at, decision.answer));
        }
        Ok(())
    }

    /// Whether a remembered answer that still holds answers the present question.
    ///
    /// An answer by guid or title also says that no item has the file's path, and that was proven
    /// at the time. After a change, this stays proven only if the section is known completely.
    fn suffices(&self, section: &SectionState, record: &MatchRecord) -> bool {
        if self.rules == Rules::All && !record.all_rules {
            return false;
        }
        let changed = section.revision > record.verified_at;
        let rule = rule_of(record);
        // The confidence may be low only because little was known about the section.
        let low = matches!(record.outcome, Outcome::Found { high: false, .. });
        if low && rule == Some(Rule::FileName) && changed {
            return false;
        }
        rule.is_none_or(Rule::is_path) || section.complete || !changed
    }
}

/// Lowers the confidence of an answer if too little is known about the section, or if the host
/// reported that the answer is wrong.
fn doubt(decision: &mut Decision, section: &SectionState, before: Option<&MatchRecord>) {
    let Answer::Found(found) = &mut decision.answer else { return };
    // In a section that is only partly known, nobody can say that a file name is unique.
    let known = !section.is_partial() && !section.is_unexplained();
    if found.evidence.rule == Rule::FileName && !known {
        found.confidence = Confidence::Low;
    }
    // The host reported that this is not the item.
    let failed = before.and_then(|before| before.failed.as_ref());
    if failed.is_some_and(|failed| failed.rating_key == found.rating_key) {
        found.confidence = Confidence::Low;
    }
}

/// Whether the item of the earlier answer is gone and another item is the answer now. Then the item
/// has a new rating key.
fn gone(
    view: &View<'_>,
    section: SectionId,
    before: &Outcome,
    now: &Outcome,
) -> Result<bool, Error> {
    let (Outcome::Found { rating_key: old, .. }, Outcome::Found { rating_key: new, .. }) =
        (before, now)
    else {
        return Ok(false);
    };
    Ok(old != new && view.item(section, *old)?.is_none())
}

/// Keeps what the host reported about a match.
fn carry_over(record: &mut MatchRecord, before: MatchRecord) {
    let same = match (&record.outcome, &before.outcome) {
        (Outcome::Found { rating_key: now, .. }, Outcome::Found { rating_key: then, .. }) => {
            now == then
        }
        _ => false,
    };
    record.applied_at = before.applied_at.filter(|_| same);
    record.failed = before.failed;
}
