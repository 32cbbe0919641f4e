//! From queries to answers: sections are brought up to date, passed over, and asked for proof
//! where a file was found in none of them.
//!
//! 1. Every section is asked what the paths say (rules 1 to 4).
//! 2. A file that no section has is absent only if each of them can prove it: by being known
//!    completely, by a lookup, or by a sweep.
//! 3. What is then absent, or ambiguous, is asked of titles and guids (rules 5 to 7), with
//!    metadata that are up to date.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use cache_store::{
    Demand, Error, Looked, MatchKey, Plan, Refreshed, SectionId, SectionState, Selection, Wanted,
};
use plex_api::ErrorKind;
use tracing::{info_span, trace_span};

use crate::answer::{Answer, Reason};
use crate::engine::pass::{Known, Pass, Passed};
use crate::engine::progress::Phase;
use crate::engine::run_result::Stale;
use crate::engine::wanted::wanted;
use crate::engine::{Engine, blocking};
use crate::mapping::PathMapping;
use crate::matcher::key::match_keys;
use crate::matcher::merge::{merge, merge_without};
use crate::query::Query;
use crate::report::{Report, calls_without_cache};
use crate::rules::Rules;
use crate::settings::Settings;

/// How often a section is passed over again after items were read, listed or healed.
const ATTEMPTS: usize = 4;

/// How often a run looks again before it answers that a file is absent.
const LOOKS: usize = 3;

/// What is asked in this run.
pub(super) struct Asked {
    pub(super) queries: Arc<Vec<Query>>,
    pub(super) keys: Arc<Vec<MatchKey>>,
    /// Those that the keys were made with.
    pub(super) settings: Arc<Settings>,
}

/// A section in this run.
pub(super) struct SectionRun {
    pub(super) id: SectionId,
    uuid: String,
    title: String,
    /// Known only in part: titles of the rest are not known.
    partial: bool,
    /// One for each query; absent where nothing was found.
    pub(super) answers: Vec<Answer>,
    /// Queries whose absence is not proven.
    unproven: BTreeSet<usize>,
    known: Known,
    /// The server cannot be asked.
    stale: bool,
    /// Why it could not be asked while other sections could.
    failed: Option<Reason>,
}

impl Engine {
    pub(super) async fn answer(
        &self,
        want: &Selection,
        queries: &Arc<Vec<Query>>,
        report: &mut Report,
    ) -> Result<Vec<Answer>, Error> {
        let demand = Demand::files(queries.len() as u64);
        let mut refreshed = self.refresh(want, demand, report).await?;
        let items = refreshed.sections.iter().map(|section| section.items);
        report.estimated_calls =
            calls_without_cache(demand.queries, items, self.library.client().page_size());
        let asked = self.ask(queries, report).await?;
        let mut seen = 0;
        for _ in 0..LOOKS {
            let runs = self.answer_from(&refreshed, &asked, report).await?;
            let answers = merged(&runs, queries.len());
            let changed = report.changes() > std::mem::replace(&mut seen, report.changes());
            let look = if answers.contains(&Answer::Absent) {
                self.look_again(want, demand, &runs, changed, report).await
            } else {
                Ok(None)
            };
            match look {
                Ok(Some(again)) if again.moved() => refreshed = again,
                Ok(_) => {
                    report.unused_mappings = unused_mappings(&runs, &asked);
                    self.suggest(&runs, &asked, report).await?;
                    return Ok(answers);
                }
                // What was found is true all the same.
                Err(Error::Plex(error)) => return Ok(not_absent(answers, &Reason::from(&error))),
                Err(error) => return Err(error),
            }
        }
        let runs = self.answer_from(&refreshed, &asked, report).await?;
        Ok(not_absent(merged(&runs, queries.len()), &Reason::NotProven))
    }

    /// Answers from sections that are up to date.
    async fn answer_from(
        &self,
        refreshed: &Refreshed,
        asked: &Asked,
        report: &mut Report,
    ) -> Result<Vec<SectionRun>, Error> {
        let count = asked.queries.len();
        let all: Vec<usize> = (0..count).collect();
        let mut runs: Vec<SectionRun> =
            refreshed.sections.iter().map(|state| SectionRun::new(state, count)).collect();
        for failed in &refreshed.failed {
            report.failure(failed);
            if failed.is_hidden() {
                continue;
            }
            let mut run = SectionRun::new(&failed.state, count);
            run.failed = Some(Reason::from(&failed.error));
            if failed.state.stamp.is_some() {
                // What it had when it could last be asked speaks against what others have.
                run.stale = true;
                let passed = self.pass(&run, asked, all.clone(), Rules::Paths, report).await?;
                run.take(passed);
            }
            runs.push(run);
        }
        for at in 0..runs.len() {
            let Some(run) = runs.get_mut(at).filter(|run| run.failed.is_none()) else { continue };
            let settled = self.settle(run, asked, all.clone(), Rules::Paths, report).await;
            bear(&mut runs, at, settled, report)?;
        }
        self.prove_all(&mut runs, asked, report).await?;
        let open = undecided(&runs, count);
        for at in 0..runs.len() {
            let whole = |run: &&mut SectionRun| run.failed.is_none() && !run.partial;
            let Some(run) = runs.get_mut(at).filter(whole) else { continue };
            let settled = self.settle(run, asked, open.clone(), Rules::All, report).await;
            bear(&mut runs, at, settled, report)?;
        }
        Ok(runs)
    }

    /// Compares the stamps again before an absence is answered that rests on what was listed a
    /// moment ago: while it was listed, an item may have moved from a page that was not read to one
    /// that was. The same holds for several sections that were read one after the other, between
    /// which a file may have moved. `None`: there is nothing to compare.
    async fn look_again(
        &self,
        want: &Selection,
        demand: Demand,
        runs: &[SectionRun],
        changed: bool,
        report: &mut Report,
    ) -> Result<Option<Refreshed>, Error> {
        let looked_up = runs.iter().any(|run| !run.known.absent.is_empty());
        let unsettled = if runs.len() > 1 && (changed || looked_up) {
            None
        } else {
            let ids: Vec<SectionId> = runs.iter().map(|run| run.id).collect();
            Some(ids)
        };
        let started = self.library.clock().monotonic();
        let again = self.library.look_again(want, demand, unsettled.as_deref()).await;
        report.phases.refresh.record(started.elapsed());
        let again = again?;
        for step in again.iter().flat_map(|again| &again.steps).filter(|step| step.plan.asks()) {
            report.did(step.clone());
        }
        Ok(again)
    }

    /// What would be answered from the cache alone, which is at most so old; nothing is asked
    /// and nothing is written.
    pub(super) async fn answer_stale(
        &self,
        want: &Selection,
        queries: &Arc<Vec<Query>>,
        at_most: Duration,
        report: &mut Report,
    ) -> Result<Option<Stale>, Error> {
        let now = self.library.clock().now();
        let (states, whole) = self.library.last_known(want).await?;
        let ages = states.iter().map(|state| state.observed_at.map(|at| now.since(at)));
        let Some(age) = ages.max().flatten().filter(|age| *age <= at_most) else {
            return Ok(None);
        };
        let asked = self.ask(queries, report).await?;
        let mut runs: Vec<SectionRun> =
            states.iter().map(|state| SectionRun::new(state, queries.len())).collect();
        for run in &mut runs {
            run.stale = true;
            let all = (0..queries.len()).collect();
            let passed = self.pass(run, &asked, all, Rules::Paths, report).await?;
            run.take(passed);
            let unproven = run.unproven.iter().copied().collect();
            run.give_up(unproven);
        }
        let open = undecided(&runs, queries.len());
        for run in runs.iter_mut().filter(|run| !run.partial && !open.is_empty()) {
            let passed = self.pass(run, &asked, open.clone(), Rules::All, report).await?;
            run.take(passed);
        }
        let mut answers = merged(&runs, queries.len());
        if !whole || states.iter().any(SectionState::is_unsettled) {
            // The file may be in a section of which nothing is cached, or may have been missed.
            answers = not_absent(answers, &Reason::NotProven);
        }
        Ok(Some(Stale { answers, age }))
    }

    /// Makes the keys under which answers are remembered.
    pub(super) async fn ask(
        &self,
        queries: &Arc<Vec<Query>>,
        report: &mut Report,
    ) -> Result<Asked, Error> {
        let started = self.library.clock().monotonic();
        let settings = self.settings();
        let keyed_by = Arc::clone(&settings);
        let keyed = Arc::clone(queries);
        let progress = self.progress.clone();
        let keys = blocking(move || {
            let make = || trace_span!("hash").in_scope(|| match_keys(&keyed, &keyed_by));
            Ok(progress.around(Phase::Keys, keyed.len(), make))
        });
        let keys = Arc::new(keys.await?);
        let asked = Asked { queries: Arc::clone(queries), keys, settings };
        report.phases.keys.record(started.elapsed());
        Ok(asked)
    }

    /// Passes over a section until every answer may be believed, apart from absences that are
    /// not proven.
    async fn settle(
        &self,
        run: &mut SectionRun,
        asked: &Asked,
        open: Vec<usize>,
        rules: Rules,
        report: &mut Report,
    ) -> Result<(), Error> {
        if open.is_empty() {
            return Ok(());
        }
        let mut demand = Demand::files(open.len() as u64);
        for _ in 0..ATTEMPTS {
            let passed = self.pass(run, asked, open.clone(), rules, report).await?;
            if passed.damaged {
                // Nothing that was read may be believed: start the section anew, look again.
                let (store, section) = (Arc::clone(self.store()), run.id);
                blocking(move || store.drop_items(section)).await?;
                self.refresh_one(run, Demand { prove: true, ..demand }, report).await?;
            } else if passed.needs_metadata {
                demand.metadata = true;
                self.refresh_one(run, demand, report).await?;
                run.known.metadata = true;
            } else if passed.needs_shows {
                demand.shows = true;
                self.refresh_one(run, demand, report).await?;
            } else if !passed.doubtful.is_empty() {
                report.lookups.read_again += passed.doubtful.len() as u64;
                self.library.read_items(run.id, &passed.doubtful).await?;
                run.known.read.extend(passed.doubtful);
            } else {
                run.take(passed);
                return Ok(());
            }
        }
        run.give_up(open);
        Ok(())
    }

    /// Proves in every section that the files that none of them has are not there. What is
    /// found out on the way may end an answer of another kind, which then has to be proven, too.
    async fn prove_all(
        &self,
        runs: &mut [SectionRun],
        asked: &Asked,
        report: &mut Report,
    ) -> Result<(), Error> {
        for _ in 0..ATTEMPTS {
            let mut changed = false;
            for at in 0..runs.len() {
                let open = not_found(runs, at);
                let Some(run) = runs.get_mut(at).filter(|run| run.failed.is_none()) else {
                    continue;
                };
                let proven = self.prove(run, asked, open, report).await;
                changed |= proven.as_ref().is_ok_and(|changed| *changed);
                bear(runs, at, proven.map(drop), report)?;
            }
            if !changed {
                return Ok(());
            }
        }
        for at in 0..runs.len() {
            let open = not_found(runs, at);
            if let Some(run) = runs.get_mut(at) {
                run.give_up(open);
            }
        }
        Ok(())
    }

    /// Proves that files are not in a section, or finds them: by lookups as long as they are
    /// cheaper, then by knowing the section completely. Returns whether that showed changes:
    /// then the section's other answers were given anew, because a sweep sees what the delta
    /// before it could not.
    async fn prove(
        &self,
        run: &mut SectionRun,
        asked: &Asked,
        mut open: Vec<usize>,
        report: &mut Report,
    ) -> Result<bool, Error> {
        if open.is_empty() {
            return Ok(false);
        }
        if self.look_up(run, asked, &open, report).await? {
            self.settle(run, asked, open.clone(), Rules::Paths, report).await?;
            open.retain(|at| run.unproven.contains(at));
        }
        let mut changed = false;
        for _ in 0..ATTEMPTS {
            if open.is_empty() {
                break;
            }
            let demand = Demand { prove: true, ..Demand::files(open.len() as u64) };
            changed |= self.refresh_one(run, demand, report).await?;
            self.settle(run, asked, open.clone(), Rules::Paths, report).await?;
            open.retain(|at| run.unproven.contains(at));
        }
        run.give_up(open);
        if changed {
            let answered = (0..run.answers.len()).filter(|at| !run.unproven.contains(at));
            let answered = answered.collect();
            self.settle(run, asked, answered, Rules::Paths, report).await?;
        }
        Ok(changed)
    }

    /// Looks the open queries up one by one, if that is cheaper than listing the section.
    /// `true`: something was found or proven, and they can be matched again.
    async fn look_up(
        &self,
        run: &mut SectionRun,
        asked: &Asked,
        open: &[usize],
        report: &mut Report,
    ) -> Result<bool, Error> {
        let wanted: Vec<Wanted> =
            open.iter().filter_map(|&at| asked.queries.get(at)).filter_map(wanted).collect();
        if wanted.len() != open.len() {
            return Ok(false); // a path without a file name cannot be looked up
        }
        let started = self.library.clock().monotonic();
        let looked = self.library.look_up(run.id, &wanted).await;
        report.phases.refresh.record(started.elapsed());
        let looked = looked?;
        let absent = open.iter().zip(&looked).filter(|(_, looked)| **looked == Looked::Absent);
        run.known.absent.extend(absent.map(|(&at, _)| at));
        for (&at, looked) in open.iter().zip(&looked) {
            if let Looked::Found(keys) = looked {
                run.known.read.extend(keys);
                run.known.found.insert(at);
            }
        }
        let settled = looked.iter().filter(|looked| **looked != Looked::Unproven).count() as u64;
        report.lookups.looked_up += settled;
        Ok(settled > 0)
    }

    /// Brings one section up to date; returns whether anything in it was different.
    async fn refresh_one(
        &self,
        run: &mut SectionRun,
        demand: Demand,
        report: &mut Report,
    ) -> Result<bool, Error> {
        let only = Selection::section(run.uuid.clone());
        let refreshed = self.refresh(&only, demand, report).await?;
        if let Some(state) = refreshed.sections.first() {
            run.id = state.id;
            run.partial = state.is_partial();
        }
        run.known.shows |= refreshed.steps.iter().any(|step| step.plan == Plan::Shows);
        Ok(refreshed.steps.iter().any(|step| step.changes.any()))
    }

    async fn refresh(
        &self,
        want: &Selection,
        demand: Demand,
        report: &mut Report,
    ) -> Result<Refreshed, Error> {
        let started = self.library.clock().monotonic();
        let refreshed = self.library.refresh(want, demand).await;
        report.phases.refresh.record(started.elapsed());
        let refreshed = refreshed?;
        for step in refreshed.steps.iter().cloned() {
            report.did(step);
        }
        Ok(refreshed)
    }

    /// One pass over a section: recall, match, remember.
    async fn pass(
        &self,
        run: &SectionRun,
        asked: &Asked,
        open: Vec<usize>,
        rules: Rules,
        report: &mut Report,
    ) -> Result<Passed, Error> {
        // Whoever waits for the answers holds this; a run that is dropped stops at the next chunk.
        let waits = Arc::new(());
        let pass = Pass {
            asker: Arc::downgrade(&waits),
            store: Arc::clone(self.store()),
            settings: Arc::clone(&asked.settings),
            policy: self.library.policy().clone(),
            clock: self.library.clock().clone(),
            queries: Arc::clone(&asked.queries),
            keys: Arc::clone(&asked.keys),
            section: run.id,
            asked: open,
            rules,
            known: run.known.clone(),
            stale: run.stale,
            progress: self.progress.clone(),
        };
        let passed = blocking(move || info_span!("match").in_scope(|| pass.run())).await?;
        report.lookups += passed.lookups;
        report.phases += &passed.phases;
        Ok(passed)
    }
}

impl SectionRun {
    fn new(state: &SectionState, queries: usize) -> Self {
        Self {
            id: state.id,
            uuid: state.uuid.0.clone(),
            title: state.title.clone(),
            partial: state.is_partial(),
            answers: vec![Answer::Absent; queries],
            unproven: BTreeSet::new(),
            known: Known::default(),
            stale: false,
            failed: None,
        }
    }

    fn take(&mut self, passed: Passed) {
        for at in passed.unproven {
            self.unproven.insert(at);
            if let Some(slot) = self.answers.get_mut(at) {
                *slot = Answer::Absent;
            }
        }
        for (at, answer) in passed.answers {
            self.unproven.remove(&at);
            if let Some(slot) = self.answers.get_mut(at) {
                *slot = answer;
            }
        }
    }

    /// The section kept changing, or the file kept failing: what is not proven is unknown.
    fn give_up(&mut self, open: Vec<usize>) {
        for at in open {
            if let Some(slot) = self.answers.get_mut(at) {
                *slot = Answer::Unknown(Reason::NotProven);
            }
        }
    }
}

/// The mappings by which no file was found. None if nothing was asked.
fn unused_mappings(runs: &[SectionRun], asked: &Asked) -> Vec<PathMapping> {
    if asked.queries.is_empty() {
        return Vec::new();
    }
    let found = runs.iter().flat_map(|run| &run.answers).filter_map(Answer::found);
    let used: BTreeSet<u16> = found.filter_map(|found| found.evidence.mapping).collect();
    let mappings = (0..).zip(&asked.settings.mappings);
    mappings.filter(|(number, _)| !used.contains(number)).map(|(_, it)| it.clone()).collect()
}

/// Queries whose absence is not proven at a run, and that no run has found. That a file is one
/// of several in another section says nothing about this one: it may lie here by its whole path.
fn not_found(runs: &[SectionRun], at: usize) -> Vec<usize> {
    let Some(run) = runs.get(at) else { return Vec::new() };
    let healthy = || runs.iter().filter(|run| run.failed.is_none());
    let found = |query: usize| {
        let mut answers = healthy().filter_map(|run| run.answers.get(query));
        answers.any(|answer| matches!(answer, Answer::Found(_)))
    };
    (0..run.answers.len()).filter(|query| run.unproven.contains(query) && !found(*query)).collect()
}

/// Queries of which the paths leave something to say: found in no section.
fn undecided(runs: &[SectionRun], queries: usize) -> Vec<usize> {
    let healthy = || runs.iter().filter(|run| run.failed.is_none());
    let decided = |query: &usize| {
        let mut answers = healthy().filter_map(|run| run.answers.get(*query));
        answers.any(|answer| matches!(answer, Answer::Found(_) | Answer::Unknown(_)))
    };
    (0..queries).filter(|query| !decided(query)).collect()
}

/// A section failed in this run: the others go on. If there is no other, the run fails; and so it
/// does if the token is refused.
fn bear(
    runs: &mut [SectionRun],
    at: usize,
    done: Result<(), Error>,
    report: &mut Report,
) -> Result<(), Error> {
    let error = match done {
        Err(Error::Plex(error)) => error,
        done => return done,
    };
    let others = runs.iter().enumerate().any(|(other, run)| other != at && run.failed.is_none());
    match runs.get_mut(at).filter(|_| others && error.kind() != ErrorKind::Unauthorized) {
        Some(run) => {
            report.fails(&run.title, &error, false);
            run.failed = Some(Reason::from(&error));
            Ok(())
        }
        None => Err(Error::Plex(error)),
    }
}

fn not_absent(mut answers: Vec<Answer>, reason: &Reason) -> Vec<Answer> {
    for answer in answers.iter_mut().filter(|answer| **answer == Answer::Absent) {
        *answer = Answer::Unknown(reason.clone());
    }
    answers
}

fn merged(runs: &[SectionRun], queries: usize) -> Vec<Answer> {
    let failed = runs.iter().find_map(|run| run.failed.clone()).map(Answer::Unknown);
    let of = |at: usize| runs.iter().filter_map(move |run| run.answers.get(at));
    let healthy = |at: usize| {
        let healthy = runs.iter().filter(|run| run.failed.is_none());
        healthy.filter_map(move |run| run.answers.get(at))
    };
    let merge_at = |at: usize| match &failed {
        None => merge(of(at)),
        Some(unknown) => merge_without(healthy(at), of(at), unknown),
    };
    (0..queries).map(merge_at).collect()
}
