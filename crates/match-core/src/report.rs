//! What a run did and what it cost: plain data that adds up.
//!
//! A [`Report`] is one run, or several runs added together. Counts and times add up. Equal refresh
//! steps are kept once, with their number.

mod estimate;
#[cfg(feature = "metrics")]
pub(crate) mod metrics;
mod table;
mod timing;

use std::collections::BTreeMap;
use std::ops::{Add, AddAssign};

use cache_store::{Changes, Failed, NoDisk, Plan, Step};
use plex_api::Calls;
use serde::{Deserialize, Serialize};

use crate::answer::{Answer, Confidence};
use crate::evidence::Rule;
use crate::mapping::{MappingSuggestion, PathMapping};

pub use estimate::calls_without_cache;
pub use timing::Timing;

/// What one or more runs did and what they cost.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Report {
    /// How many runs this is.
    pub runs: u64,
    /// Calls to the server, by endpoint, with their retries, bytes and times.
    pub calls: Calls,
    /// An estimate of the calls that a client without a cache would have made in the same runs. 0 in
    /// an outage.
    ///
    /// Such a client lists the sections once a run. For each section it makes the cheaper calls: one
    /// title search for each file, or the whole section in pages. Searches that miss and are
    /// repeated are not counted, so this is the least number of calls.
    pub estimated_calls: u64,
    /// What was done to bring the sections up to date, and why.
    pub steps: Vec<StepReport>,
    /// Sections that could not be asked while others could, and why.
    pub failed: Vec<FailedSection>,
    /// Answers by kind.
    pub answers: AnswerCounts,
    /// Found files by the rule that decided.
    pub rules: BTreeMap<Rule, u64>,
    /// Where the answers came from.
    pub lookups: LookupCounts,
    /// Time by phase.
    pub phases: Phases,
    /// Path mappings that the found files agree on and that the settings do not have. For several
    /// runs, each mapping has its greatest support.
    pub suggested_mappings: Vec<MappingSuggestion>,
    /// Path mappings of the settings that found no file of the last run. Files are then matched
    /// without a mapping, so a wrong or unnecessary mapping shows only here.
    pub unused_mappings: Vec<PathMapping>,
    /// What the shared tier did, if there is one.
    #[cfg(feature = "shared")]
    #[serde(default, skip_serializing_if = "nothing_shared")]
    pub shared: cache_store::SharedCounts,
    /// Why nothing is kept on disk. `None`: the cache is on disk. Otherwise the cache is in memory,
    /// and a later process asks the server again for what this one learned. For several runs, the
    /// last such reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub no_disk: Option<NoDisk>,
    /// How often a section's total differed although its change counter did not move: items came or
    /// went, and only the total showed it. If this happens often, the server's counter does not
    /// show every change.
    pub totals_moved: u64,
    /// Damaged values that were met (and healed).
    pub damaged: u64,
    /// Size of the cache file after the last run, in bytes.
    pub store_bytes: u64,
}

#[cfg(feature = "shared")]
fn nothing_shared(counts: &cache_store::SharedCounts) -> bool {
    !counts.any()
}

impl Report {
    /// Counts answers, by kind and by rule.
    pub(crate) fn count(&mut self, answers: &[Answer]) {
        for answer in answers {
            self.answers.count(answer);
            if let Answer::Found(found) = answer {
                *self.rules.entry(found.evidence.rule).or_default() += 1;
            }
        }
    }

    /// Adds what was done about a section.
    pub(crate) fn did(&mut self, step: Step) {
        self.totals_moved += u64::from(step.total_moved);
        self.step(StepReport::from(step));
    }

    /// Adds a step. Equal steps are counted.
    fn step(&mut self, step: StepReport) {
        let same = |other: &&mut StepReport| {
            other.section == step.section && other.plan == step.plan && other.reason == step.reason
        };
        match self.steps.iter_mut().find(same) {
            Some(known) => {
                known.times += step.times;
                known.changes.added += step.changes.added;
                known.changes.changed += step.changes.changed;
                known.changes.removed += step.changes.removed;
                known.changes.unchanged += step.changes.unchanged;
            }
            None => self.steps.push(step),
        }
    }

    /// How many items were different.
    pub(crate) fn changes(&self) -> u64 {
        let changes = self.steps.iter().map(|step| step.changes);
        changes.map(|changes| changes.added + changes.changed + changes.removed).sum()
    }

    /// Notes that a section could not be asked while others could.
    pub(crate) fn failure(&mut self, failed: &Failed) {
        self.fails(&failed.state.title, &failed.error, failed.is_hidden());
    }

    /// Notes the failure of a section, by its title.
    pub(crate) fn fails(&mut self, section: &str, error: &plex_api::Error, left_out: bool) {
        let (section, reason) = (section.to_owned(), error.to_string());
        self.fail(FailedSection { section, reason, left_out, times: 1 });
    }

    /// Adds a failure. Equal failures are counted.
    fn fail(&mut self, failure: FailedSection) {
        let same = |known: &&mut FailedSection| {
            known.section == failure.section && known.left_out == failure.left_out
        };
        match self.failed.iter_mut().find(same) {
            Some(known) => known.times += failure.times,
            None => self.failed.push(failure),
        }
    }

    /// Adds a suggestion. Of equal ones, the one with more support is kept, because runs ask for
    /// the same files.
    fn suggest(&mut self, suggestion: &MappingSuggestion) {
        let same = |known: &&mut MappingSuggestion| known.mapping == suggestion.mapping;
        match self.suggested_mappings.iter_mut().find(same) {
            Some(known) if known.support >= suggestion.support => {}
            Some(known) => *known = suggestion.clone(),
            None => self.suggested_mappings.push(suggestion.clone()),
        }
    }

    /// Calls saved: the estimate minus the calls made. It can be negative. After a first run of few
    /// files it is below zero, because that run read the sections for all later runs. In an outage
    /// it is below zero, because the attempts count and nothing was learned. It does not include
    /// the calls of verifying, editing and listening. For many runs, use the sum in
    /// [`Engine::lifetime`](crate::Engine::lifetime).
    pub fn calls_saved(&self) -> i64 {
        let signed = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        signed(self.estimated_calls) - signed(self.calls.total().count)
    }
}

impl AddAssign<&Report> for Report {
    fn add_assign(&mut self, other: &Report) {
        self.runs += other.runs;
        self.calls = std::mem::take(&mut self.calls).plus(&other.calls);
        self.estimated_calls += other.estimated_calls;
        for step in &other.steps {
            self.step(step.clone());
        }
        for failure in &other.failed {
            self.fail(failure.clone());
        }
        self.answers += other.answers;
        for (rule, count) in &other.rules {
            *self.rules.entry(*rule).or_default() += count;
        }
        self.lookups += other.lookups;
        self.phases += &other.phases;
        for suggestion in &other.suggested_mappings {
            self.suggest(suggestion);
        }
        #[cfg(feature = "shared")]
        {
            self.shared += &other.shared;
        }
        if other.no_disk.is_some() {
            self.no_disk.clone_from(&other.no_disk);
        }
        self.totals_moved += other.totals_moved;
        self.damaged += other.damaged;
        if other.runs > 0 {
            self.store_bytes = other.store_bytes;
            self.unused_mappings.clone_from(&other.unused_mappings);
        }
    }
}

impl Add for Report {
    type Output = Self;

    fn add(mut self, other: Self) -> Self {
        self += &other;
        self
    }
}

/// A step of a refresh, or several equal steps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepReport {
    /// The section's title.
    pub section: String,
    /// The plan that was carried out.
    pub plan: Plan,
    /// Why the plan was chosen.
    pub reason: String,
    /// What the plan changed in the cache.
    pub changes: Changes,
    /// How often this plan was carried out for this reason.
    pub times: u64,
}

impl From<Step> for StepReport {
    fn from(step: Step) -> Self {
        let Step { section, plan, reason, changes, .. } = step;
        Self { section, plan, reason: reason.to_string(), changes, times: 1 }
    }
}

/// A section that could not be asked, while others could.
///
/// Files that other sections have are answered. The answers absent and ambiguous are not given,
/// because they need all sections.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedSection {
    /// The section's title.
    pub section: String,
    /// What went wrong the first time.
    pub reason: String,
    /// The token's account may not see the section (403), so for this account the section does not
    /// exist: files that no other section has are absent.
    pub left_out: bool,
    /// How often this happened.
    pub times: u64,
}

/// Answers by kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnswerCounts {
    /// One item, with high confidence.
    pub found_high: u64,
    /// One item, with low confidence.
    pub found_low: u64,
    /// Several items that no rule can tell apart.
    pub ambiguous: u64,
    /// In none of the sections, and this is proven.
    pub absent: u64,
    /// The server could not be asked.
    pub unknown: u64,
}

impl AnswerCounts {
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

    /// Found files, with either confidence.
    pub fn found(&self) -> u64 {
        self.found_high + self.found_low
    }

    /// All answers.
    pub fn total(&self) -> u64 {
        self.found() + self.ambiguous + self.absent + self.unknown
    }
}

impl AddAssign for AnswerCounts {
    fn add_assign(&mut self, other: Self) {
        self.found_high += other.found_high;
        self.found_low += other.found_low;
        self.ambiguous += other.ambiguous;
        self.absent += other.absent;
        self.unknown += other.unknown;
    }
}

/// Lookups by the layer that answered them. Each query counts once for each section.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LookupCounts {
    /// A remembered match that still holds.
    pub remembered: u64,
    /// Computed from the local indexes.
    pub computed: u64,
    /// Answered by asking the server about this one file.
    pub looked_up: u64,
    /// Items read again by key, because a change of the section was not explained.
    pub read_again: u64,
    /// Files whose item is gone and that another item has now: the item has a new rating key.
    pub rekeyed: u64,
}

impl AddAssign for LookupCounts {
    fn add_assign(&mut self, other: Self) {
        self.remembered += other.remembered;
        self.computed += other.computed;
        self.looked_up += other.looked_up;
        self.read_again += other.read_again;
        self.rekeyed += other.rekeyed;
    }
}

/// Time by phase.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Phases {
    /// Bringing the sections up to date and looking files up, with the server's time; one
    /// measurement each time.
    pub refresh: Timing,
    /// Making the keys under which answers are remembered; one measurement for each run.
    pub keys: Timing,
    /// Looking up remembered matches; one measurement for each pass over a section.
    pub recall: Timing,
    /// Matching from the local indexes; one measurement for each pass over a section.
    pub matching: Timing,
    /// Writing new matches; one measurement for each pass over a section.
    pub remember: Timing,
    /// Whole runs.
    pub run: Timing,
}

impl Phases {
    /// The phases with their names, in their order.
    pub fn named(&self) -> [(&'static str, &Timing); 6] {
        [
            ("refresh", &self.refresh),
            ("keys", &self.keys),
            ("recall", &self.recall),
            ("matching", &self.matching),
            ("remember", &self.remember),
            ("run", &self.run),
        ]
    }
}

impl AddAssign<&Phases> for Phases {
    fn add_assign(&mut self, other: &Phases) {
        self.refresh += &other.refresh;
        self.keys += &other.keys;
        self.recall += &other.recall;
        self.matching += &other.matching;
        self.remember += &other.remember;
        self.run += &other.run;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn run(added: u64, millis: u64) -> Report {
        let mut report =
            Report { runs: 1, store_bytes: added, estimated_calls: 20, ..Report::default() };
        let changes = Changes { added, ..Changes::default() };
        let (section, reason) = ("Movies".to_owned(), "the change counter moved".to_owned());
        report.step(StepReport { section, plan: Plan::Delta, reason, changes, times: 1 });
        report.phases.refresh.record(Duration::from_millis(millis));
        report.rules.insert(Rule::Folders, added);
        report.answers.found_high = added;
        report.lookups.computed = added;
        report
    }

    #[test]
    fn reports_add_up_and_come_back_from_json() {
        let sum = run(3, 10) + run(4, 30);
        assert_eq!((sum.runs, sum.estimated_calls, sum.store_bytes), (2, 40, 4));
        assert_eq!(sum.calls_saved(), 40);
        assert_eq!(sum.rules[&Rule::Folders], 7);
        assert_eq!((sum.answers.total(), sum.lookups.computed), (7, 7));
        assert_eq!(sum.steps.len(), 1, "equal plans for equal reasons are one line");
        assert_eq!((sum.steps[0].times, sum.steps[0].changes.added), (2, 7));
        assert_eq!(sum.phases.refresh.count(), 2);
        assert_eq!(sum.phases.refresh.total(), Duration::from_millis(40));
        let text = serde_json::to_string(&sum).unwrap();
        assert_eq!(serde_json::from_str::<Report>(&text).unwrap(), sum);
    }

    #[test]
    fn of_equal_suggestions_the_better_supported_is_kept() {
        let mapping = PathMapping { local: "/mnt".to_owned(), plex: "/data".to_owned() };
        let suggesting = |support| Report {
            suggested_mappings: vec![MappingSuggestion {
                mapping: mapping.clone(),
                support,
                against: 0,
            }],
            ..Report::default()
        };
        let sum = suggesting(7) + suggesting(9) + suggesting(8);
        assert_eq!(sum, suggesting(9));
    }

    #[test]
    fn nothing_added_changes_nothing() {
        assert_eq!(run(3, 10) + Report::default(), run(3, 10));
        let before_this_field_was: Report = serde_json::from_str("{\"runs\": 2}").unwrap();
        assert_eq!(before_this_field_was.runs, 2);
    }
}
