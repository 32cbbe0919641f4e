//! From queries to answers: the outline of a run.
//!
//! 1. The selected sections are brought up to date.
//! 2. Each section is matched by paths (rules 1 to 4).
//! 3. A file that no section has is absent only if every section proves it: the section is known
//!    completely, or a lookup or a sweep shows it.
//! 4. Files that are then absent or ambiguous are matched by titles and guids (rules 5 to 7), with
//!    metadata that are up to date.
//! 5. Before "absent" is answered from a fresh listing, the stamps are compared once more.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use cache_store::{Demand, Error, MatchKey, Refreshed, SectionId, SectionState, Selection};
use tracing::trace_span;

use crate::answer::{Answer, Reason};
use crate::engine::progress::Phase;
use crate::engine::run_result::Stale;
use crate::engine::section_run::{
    ATTEMPTS, SectionRun, give_up_unproven, merged, not_absent, note_failure, undecided,
};
use crate::engine::{Engine, blocking};
use crate::mapping::PathMapping;
use crate::matcher::key::match_keys;
use crate::query::Query;
use crate::report::{Report, calls_without_cache};
use crate::rules::Rules;
use crate::settings::Settings;

/// How often a run compares the stamps again before it answers that a file is absent.
const LOOKS: usize = 3;

/// The questions of a run.
pub(super) struct Asked {
    pub(super) queries: Arc<Vec<Query>>,
    pub(super) keys: Arc<Vec<MatchKey>>,
    /// The settings that the keys were made with.
    pub(super) settings: Arc<Settings>,
}

impl Engine {
    /// Answers all queries from the selected sections.
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
                // The files that were found do exist. Only "absent" is in doubt.
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
                // Its cached items may compete with an answer of another section.
                run.stale = true;
                let passed = self.pass(&run, asked, all.clone(), Rules::Paths, report).await?;
                run.take(passed);
            }
            runs.push(run);
        }
        for at in 0..runs.len() {
            let Some(run) = runs.get_mut(at).filter(|run| run.failed.is_none()) else { continue };
            let settled = self.settle(run, asked, all.clone(), Rules::Paths, report).await;
            note_failure(&mut runs, at, settled, report)?;
        }
        for round in 0..=ATTEMPTS {
            self.prove_all(&mut runs, asked, report).await?;
            let open = undecided(&runs, count);
            for at in 0..runs.len() {
                let whole = |run: &&mut SectionRun| run.failed.is_none() && !run.partial;
                let Some(run) = runs.get_mut(at).filter(whole) else { continue };
                let settled = self.settle(run, asked, open.clone(), Rules::All, report).await;
                note_failure(&mut runs, at, settled, report)?;
            }
            // The answers of a section that keeps changing are as good as they were when it was read.
            if round == ATTEMPTS || !self.renew_all(&mut runs, asked, report).await? {
                break;
            }
        }
        give_up_unproven(&mut runs);
        Ok(runs)
    }

    /// Answers again in every section that changed after its answers were given: for titles, its
    /// metadata were brought up to date. Returns whether there was one.
    async fn renew_all(
        &self,
        runs: &mut [SectionRun],
        asked: &Asked,
        report: &mut Report,
    ) -> Result<bool, Error> {
        let mut renewed = false;
        for at in 0..runs.len() {
            let Some(run) = runs.get_mut(at).filter(|run| run.failed.is_none()) else { continue };
            let again = self.renew(run, asked, report).await;
            renewed |= matches!(again, Ok(true));
            note_failure(runs, at, again.map(drop), report)?;
        }
        Ok(renewed)
    }

    /// Compares the stamps again before "absent" is answered from sections that were listed a moment
    /// ago. During the listing, an item may have moved from a page not yet read to one that was
    /// already read. Also a file may have moved between two sections that were read one after the
    /// other. `None`: nothing has to be compared.
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

    /// Answers from the cache alone, if it is not older than `at_most`. Makes no call and writes
    /// nothing.
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
            // The file may be in a section that is not cached, or a listing may have missed it.
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
}

/// The mappings that found no file. Empty if there were no queries.
fn unused_mappings(runs: &[SectionRun], asked: &Asked) -> Vec<PathMapping> {
    if asked.queries.is_empty() {
        return Vec::new();
    }
    let found = runs.iter().flat_map(|run| &run.answers).filter_map(Answer::found);
    let used: BTreeSet<u16> = found.filter_map(|found| found.evidence.mapping).collect();
    let mappings = (0..).zip(&asked.settings.mappings);
    mappings.filter(|(number, _)| !used.contains(number)).map(|(_, it)| it.clone()).collect()
}
