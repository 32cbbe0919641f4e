//! One section in a run: it is matched again until all its answers can be trusted.

use std::sync::Arc;

use cache_store::{Demand, Error, Plan, Refreshed, Selection};
use tracing::info_span;

use crate::engine::pass::{Pass, Passed};
use crate::engine::run::Asked;
use crate::engine::section_run::{ATTEMPTS, SectionRun};
use crate::engine::{Engine, blocking};
use crate::report::Report;
use crate::rules::Rules;

impl Engine {
    /// Matches the `open` queries in a section until all answers can be trusted, except absences that
    /// are not proven.
    pub(super) async fn settle(
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
        // If the section changes, all its queries are answered again.
        let mut demand = Demand::files(asked.queries.len() as u64);
        for _ in 0..ATTEMPTS {
            let passed = self.pass(run, asked, open.clone(), rules, report).await?;
            run.has_read(passed.revision);
            if passed.damaged {
                // Nothing that was read can be trusted, so the section is listed again.
                let section = run.id;
                self.with_store(move |store| store.drop_items(section)).await?;
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

    /// Answers the section's queries again if it changed in this run after they were answered.
    /// Returns whether it did. Where nothing that an answer rests on has changed, the answer is
    /// remembered, and nothing is computed.
    pub(super) async fn renew(
        &self,
        run: &mut SectionRun,
        asked: &Asked,
        report: &mut Report,
    ) -> Result<bool, Error> {
        if !run.is_outdated() {
            return Ok(false);
        }
        let again = run.not_given_up();
        self.settle(run, asked, again, Rules::Paths, report).await?;
        run.mark_renewed();
        Ok(true)
    }

    /// Brings one section up to date.
    pub(super) async fn refresh_one(
        &self,
        run: &mut SectionRun,
        demand: Demand,
        report: &mut Report,
    ) -> Result<(), Error> {
        let only = Selection::section(run.uuid.clone());
        let refreshed = self.refresh(&only, demand, report).await?;
        if let Some(state) = refreshed.sections.first() {
            run.id = state.id;
            run.partial = state.is_partial();
        }
        run.known.shows |= refreshed.steps.iter().any(|step| step.plan == Plan::Shows);
        Ok(())
    }

    /// Brings the selected sections up to date, and reports each step.
    pub(super) async fn refresh(
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
    pub(super) async fn pass(
        &self,
        run: &SectionRun,
        asked: &Asked,
        open: Vec<usize>,
        rules: Rules,
        report: &mut Report,
    ) -> Result<Passed, Error> {
        // The run holds this while it waits. If the run is dropped, the pass stops at the next chunk.
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
