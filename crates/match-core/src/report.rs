//! What a run did: plain data, readable as a table.

use std::fmt;
use std::time::Duration;

use cache_store::Step;
use plex_api::Calls;
use serde::Serialize;

use crate::answer::{Answer, Confidence};

/// What a run did and what it cost.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Report {
    /// Calls to the server, by endpoint.
    pub calls: Calls,
    /// What was done to bring the sections up to date, and why.
    pub steps: Vec<StepReport>,
    /// Answers by kind.
    pub answers: AnswerCounts,
    /// Where the answers came from.
    pub lookups: LookupCounts,
    /// Time by phase.
    pub phases: Phases,
    /// Damaged values that were met (and healed).
    pub damaged: u64,
}

/// One step of a refresh, for people and for JSON.
#[derive(Debug, Clone, Serialize)]
#[serde(transparent)]
pub struct StepReport(pub Step);

/// Answers by kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct AnswerCounts {
    /// One item, with high confidence.
    pub found_high: u64,
    /// One item, with low confidence.
    pub found_low: u64,
    /// Several items that nothing tells apart.
    pub ambiguous: u64,
    /// Not in any of the sections, and proven.
    pub absent: u64,
    /// The server could not be asked.
    pub unknown: u64,
}

impl AnswerCounts {
    pub(crate) fn of(answers: &[Answer]) -> Self {
        let mut counts = Self::default();
        for answer in answers {
            counts.count(answer);
        }
        counts
    }

    /// Counts one more answer.
    pub fn count(&mut self, answer: &Answer) {
        let count = match answer {
            Answer::Found(found) => match found.confidence {
                Confidence::High => &mut self.found_high,
                Confidence::Low => &mut self.found_low,
            },
            Answer::Ambiguous(_) => &mut self.ambiguous,
            Answer::Absent => &mut self.absent,
            Answer::Unknown(_) => &mut self.unknown,
        };
        *count += 1;
    }

    /// All answers.
    pub fn total(&self) -> u64 {
        self.found_high + self.found_low + self.ambiguous + self.absent + self.unknown
    }
}

/// Lookups by the layer that answered them; one for each query and section.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct LookupCounts {
    /// A remembered match that still holds.
    pub remembered: u64,
    /// Computed from the local indexes.
    pub computed: u64,
    /// Settled by asking the server for that one file.
    pub looked_up: u64,
}

/// Time by phase.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Phases {
    /// Bringing the sections up to date, the server's time included.
    pub refresh: Duration,
    /// Looking up remembered matches.
    pub recall: Duration,
    /// Matching.
    pub matching: Duration,
    /// Writing new matches.
    pub remember: Duration,
}

impl fmt::Display for StepReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(Step { section, plan, reason, changes }) = self;
        write!(f, "{section}: {plan:?} ({reason})")?;
        if changes.any() {
            write!(
                f,
                ": {} added, {} changed, {} removed",
                changes.added, changes.changed, changes.removed
            )?;
        }
        Ok(())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let answers = &self.answers;
        writeln!(
            f,
            "answers    {} found ({} with low confidence), {} ambiguous, {} absent, {} unknown",
            answers.found_high + answers.found_low,
            answers.found_low,
            answers.ambiguous,
            answers.absent,
            answers.unknown
        )?;
        writeln!(
            f,
            "lookups    {} remembered, {} computed, {} asked for one by one",
            self.lookups.remembered, self.lookups.computed, self.lookups.looked_up
        )?;
        writeln!(f, "calls      {}", self.calls.total().count)?;
        for (endpoint, tally) in &self.calls.by_endpoint {
            writeln!(f, "  {:>7}  {endpoint}", tally.count)?;
        }
        for step in &self.steps {
            writeln!(f, "refresh    {step}")?;
        }
        let phases = &self.phases;
        write!(
            f,
            "time       refresh {:.1?}, recall {:.1?}, matching {:.1?}, remember {:.1?}",
            phases.refresh, phases.recall, phases.matching, phases.remember
        )
    }
}
