//! A section in a run: its answers so far, and whether it failed.

use std::collections::BTreeSet;

use cache_store::{Error, Revision, SectionId, SectionState};
use plex_api::ErrorKind;

use crate::answer::{Answer, Reason};
use crate::engine::pass::{Known, Passed};
use crate::evidence::Source;
use crate::matcher::merge::{merge, merge_without};
use crate::report::Report;

/// How many passes a section gets: after items were read or listed, or damage was repaired, it is
/// matched again.
pub(super) const ATTEMPTS: usize = 4;

/// Which state of which section a pass read.
type Read = (SectionId, Option<Revision>);

/// A section in this run.
pub(super) struct SectionRun {
    pub(super) id: SectionId,
    pub(super) uuid: String,
    title: String,
    /// Only some of its items are cached, so titles cannot be searched.
    pub(super) partial: bool,
    /// The section, as the latest pass read it.
    read_at: Read,
    /// The section, as the pass read it that answered all queries.
    answered_at: Option<Read>,
    /// One for each query; `Absent` if nothing was found.
    pub(super) answers: Vec<Answer>,
    /// Queries that were not found, without a proof that the file is absent.
    pub(super) unproven: BTreeSet<usize>,
    pub(super) known: Known,
    /// Answers come from the cache as it is: the server cannot be asked.
    pub(super) stale: bool,
    /// Why the section failed; the other sections go on.
    pub(super) failed: Option<Reason>,
}

impl SectionRun {
    pub(super) fn new(state: &SectionState, queries: usize) -> Self {
        Self {
            id: state.id,
            uuid: state.uuid.0.clone(),
            title: state.title.clone(),
            partial: state.is_partial(),
            read_at: (state.id, None),
            answered_at: None,
            answers: vec![Answer::Absent; queries],
            unproven: BTreeSet::new(),
            known: Known::default(),
            stale: false,
            failed: None,
        }
    }

    /// Notes which state of the section a pass read.
    pub(super) fn has_read(&mut self, revision: Option<Revision>) {
        self.read_at = (self.id, revision);
    }

    /// Takes what a pass found. The first pass answers all queries.
    pub(super) fn take(&mut self, passed: Passed) {
        self.answered_at.get_or_insert(self.read_at);
        for at in passed.unproven {
            self.unproven.insert(at);
            if let Some(slot) = self.answers.get_mut(at) {
                *slot = Answer::Absent;
            }
        }
        for (at, mut answer) in passed.answers {
            self.unproven.remove(&at);
            if let Answer::Found(found) = &mut answer
                && self.known.found.contains(&at)
            {
                found.evidence.source = Source::LookedUp;
            }
            if let Some(slot) = self.answers.get_mut(at) {
                *slot = answer;
            }
        }
    }

    /// Whether the section changed in this run after its queries were answered: a lookup, a listing
    /// or a read by key for some of the queries may show that the answer of another one is wrong.
    pub(super) fn is_outdated(&self) -> bool {
        self.answered_at.is_some_and(|answered| answered != self.read_at)
    }

    /// The queries that were not given up.
    pub(super) fn not_given_up(&self) -> Vec<usize> {
        let given_up = |at: &usize| matches!(self.answers.get(*at), Some(Answer::Unknown(_)));
        (0..self.answers.len()).filter(|at| !given_up(at)).collect()
    }

    /// Notes that all queries were answered again.
    pub(super) fn mark_renewed(&mut self) {
        self.answered_at = Some(self.read_at);
    }

    /// Answers "unknown": the section kept changing, or the cache file kept failing.
    pub(super) fn give_up(&mut self, open: Vec<usize>) {
        for at in open {
            if let Some(slot) = self.answers.get_mut(at) {
                *slot = Answer::Unknown(Reason::NotProven);
            }
        }
    }
}

/// Queries that no section has found by their paths, and whose absence from the section `at` is not
/// proven. A query that is ambiguous in another section counts as not found: its whole path may be
/// here.
pub(super) fn not_found(runs: &[SectionRun], at: usize) -> Vec<usize> {
    let Some(run) = runs.get(at) else { return Vec::new() };
    let healthy = || runs.iter().filter(|run| run.failed.is_none());
    let found = |query: usize| {
        let mut answers = healthy().filter_map(|run| run.answers.get(query));
        answers.any(is_found_by_path)
    };
    (0..run.answers.len()).filter(|query| run.unproven.contains(query) && !found(*query)).collect()
}

/// Gives up the queries that [`not_found`] still has in any section.
pub(super) fn give_up_unproven(runs: &mut [SectionRun]) {
    for at in 0..runs.len() {
        let open = not_found(runs, at);
        if let Some(run) = runs.get_mut(at) {
            run.give_up(open);
        }
    }
}

/// An answer by title is no reason to leave a query out: a title is compared with those of every
/// section.
fn is_found_by_path(answer: &Answer) -> bool {
    answer.found().is_some_and(|found| found.evidence.rule.is_path())
}

/// Queries that paths do not decide: no section has found them by their paths.
pub(super) fn undecided(runs: &[SectionRun], queries: usize) -> Vec<usize> {
    let healthy = || runs.iter().filter(|run| run.failed.is_none());
    let decided = |query: &usize| {
        let mut answers = healthy().filter_map(|run| run.answers.get(*query));
        answers.any(|answer| is_found_by_path(answer) || matches!(answer, Answer::Unknown(_)))
    };
    (0..queries).filter(|query| !decided(query)).collect()
}

/// Notes that the section `at` failed, so that the other sections go on. The run fails if there is no
/// other section, or if the token is refused.
pub(super) fn note_failure(
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

/// Joins the answers of all sections.
pub(super) fn merged(runs: &[SectionRun], queries: usize) -> Vec<Answer> {
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

/// Replaces "absent" by "unknown".
pub(super) fn not_absent(mut answers: Vec<Answer>, reason: &Reason) -> Vec<Answer> {
    for answer in answers.iter_mut().filter(|answer| **answer == Answer::Absent) {
        *answer = Answer::Unknown(reason.clone());
    }
    answers
}
