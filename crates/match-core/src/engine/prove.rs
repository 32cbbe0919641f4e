//! The proof that a file is in no section: by lookups, or by knowing the section completely.

use cache_store::{Demand, Error, Looked, Wanted};

use crate::engine::Engine;
use crate::engine::run::Asked;
use crate::engine::section_run::{ATTEMPTS, SectionRun, give_up_unproven, not_found, note_failure};
use crate::engine::wanted::wanted;
use crate::report::Report;
use crate::rules::Rules;

impl Engine {
    /// Proves in every section that it has none of the files that were not found. A proof may show
    /// changes, because a lookup or a sweep sees what the delta before it could not see. They may
    /// end another answer. Then the absence of that answer's file has to be proven, too.
    pub(super) async fn prove_all(
        &self,
        runs: &mut [SectionRun],
        asked: &Asked,
        report: &mut Report,
    ) -> Result<(), Error> {
        for _ in 0..ATTEMPTS {
            let mut renewed = false;
            for at in 0..runs.len() {
                let open = not_found(runs, at);
                let Some(run) = runs.get_mut(at).filter(|run| run.failed.is_none()) else {
                    continue;
                };
                let proven = match self.prove(run, asked, open, report).await {
                    Ok(()) => self.renew(run, asked, report).await,
                    Err(error) => Err(error),
                };
                renewed |= matches!(proven, Ok(true));
                note_failure(runs, at, proven.map(drop), report)?;
            }
            if !renewed {
                return Ok(());
            }
        }
        give_up_unproven(runs);
        Ok(())
    }

    /// Proves that files are not in a section, or finds them: by lookups while they are cheaper,
    /// then by a plan after which the section is known completely.
    async fn prove(
        &self,
        run: &mut SectionRun,
        asked: &Asked,
        mut open: Vec<usize>,
        report: &mut Report,
    ) -> Result<(), Error> {
        if open.is_empty() {
            return Ok(());
        }
        if self.look_up(run, asked, &open, report).await? {
            self.settle(run, asked, open.clone(), Rules::Paths, report).await?;
            open.retain(|at| run.unproven.contains(at));
        }
        for _ in 0..ATTEMPTS {
            if open.is_empty() {
                break;
            }
            let demand = Demand { prove: true, ..Demand::files(open.len() as u64) };
            self.refresh_one(run, demand, report).await?;
            self.settle(run, asked, open.clone(), Rules::Paths, report).await?;
            open.retain(|at| run.unproven.contains(at));
        }
        run.give_up(open);
        Ok(())
    }

    /// Looks up the open queries one by one, if that is cheaper than listing the section. `true`:
    /// a file was found or its absence proven, so the queries can be matched again.
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
}
