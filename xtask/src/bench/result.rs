//! What was measured: plain data, for the table, the JSON, the page and the comparison.

use std::collections::BTreeMap;
use std::time::Duration;

use match_core::{Answer, AnswerCounts, Report, Run};
use serde::{Deserialize, Serialize};
use testbed::budget::{EditRow, NAIVE_SAMPLE, Played, PlayedEdits};
use testbed::corpus::Tally;
use testbed::queries::TruthQuery;

use super::assumptions::Assumption;
use super::series::Series;

/// Version of the JSON: goes up when a field changes its meaning or goes away.
pub(crate) const SCHEMA: u32 = 1;

/// A whole run of the bench.
#[derive(Serialize, Deserialize)]
pub(crate) struct Outcome {
    pub(crate) schema: u32,
    /// What it ran on.
    pub(crate) machine: Machine,
    /// Seed of what was generated.
    pub(crate) seed: u64,
    /// Items on the server of `scenarios`.
    pub(crate) items: usize,
    /// What happens to a library, one after the other, on one cache.
    pub(crate) scenarios: Vec<Scenario>,
    /// The rows of the call budget.
    #[serde(default)]
    pub(crate) budget: Vec<Scenario>,
    /// Other sizes, kinds of library, distances and troubles.
    #[serde(default)]
    pub(crate) matrix: Vec<Scenario>,
    /// What is measured over many runs or many single files.
    #[serde(default)]
    pub(crate) series: Option<Series>,
    /// What the rules make of files whose truth is known, by what is done to their names.
    #[serde(default)]
    pub(crate) accuracy: Vec<Accuracy>,
    /// How long all of it took, in seconds.
    #[serde(default)]
    pub(crate) seconds: f64,
    /// How a real server behaved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) server: Option<Seen>,
}

impl Outcome {
    /// A run that has measured nothing yet.
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            schema: SCHEMA,
            machine: Machine::here(),
            seed,
            items: 0,
            scenarios: Vec::new(),
            budget: Vec::new(),
            matrix: Vec::new(),
            series: None,
            accuracy: Vec::new(),
            seconds: 0.0,
            server: None,
        }
    }
}

/// What came of the files of one distortion.
#[derive(Serialize, Deserialize)]
pub(crate) struct Accuracy {
    pub(crate) distortion: String,
    #[serde(flatten)]
    pub(crate) tally: Tally,
}

/// How a real server behaved against our assumptions.
#[derive(Serialize, Deserialize)]
pub(crate) struct Seen {
    pub(crate) version: String,
    pub(crate) assumptions: Vec<Assumption>,
}

/// What it ran on.
#[derive(Serialize, Deserialize)]
pub(crate) struct Machine {
    pub(crate) cores: usize,
    pub(crate) os: String,
    pub(crate) arch: String,
}

impl Machine {
    pub(crate) fn here() -> Self {
        Self {
            cores: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            os: std::env::consts::OS.to_owned(),
            arch: std::env::consts::ARCH.to_owned(),
        }
    }
}

/// One line of the table.
#[derive(Serialize, Deserialize)]
pub(crate) struct Scenario {
    pub(crate) name: String,
    /// What it is, where the name does not say it.
    #[serde(default)]
    pub(crate) situation: String,
    /// Items on the server.
    #[serde(default)]
    pub(crate) items: u64,
    pub(crate) queries: u64,
    pub(crate) answers: Answers,
    /// Another item than the true one, or an item where there is none.
    pub(crate) wrong: u64,
    /// The item is there, and the answer was absent or ambiguous.
    pub(crate) missed: u64,
    pub(crate) calls: Calls,
    /// Calls that may be made, where the budget says so.
    #[serde(default)]
    pub(crate) budget: Option<u64>,
    #[serde(flatten)]
    pub(crate) naive: Naive,
    pub(crate) wall_ms: f64,
    /// What Matchbox itself reports, all runs of the scenario together.
    pub(crate) report: Report,
    #[serde(skip)]
    pub(crate) unexpected_unknown: Option<String>,
    #[serde(skip)]
    pub(crate) problem: Option<String>,
    /// The first few wrong or missed answers, for people.
    #[serde(skip)]
    pub(crate) mistakes: Vec<String>,
    #[serde(skip)]
    pub(crate) lines: Vec<Answered>,
}

/// How many mistakes are shown.
const SHOWN: usize = 5;

#[derive(Serialize, Deserialize, Default)]
pub(crate) struct Answers {
    pub(crate) found: u64,
    pub(crate) ambiguous: u64,
    pub(crate) absent: u64,
    pub(crate) unknown: u64,
}

impl From<AnswerCounts> for Answers {
    fn from(counts: AnswerCounts) -> Self {
        let AnswerCounts { ambiguous, absent, unknown, .. } = counts;
        Self { found: counts.found(), ambiguous, absent, unknown }
    }
}

#[derive(Serialize, Deserialize)]
pub(crate) struct Calls {
    pub(crate) total: u64,
    pub(crate) by_endpoint: BTreeMap<String, u64>,
}

impl Calls {
    fn of(report: &Report, total: u64) -> Self {
        let by_endpoint = report.calls.by_endpoint.iter();
        let by_endpoint = by_endpoint.map(|(name, tally)| (name.to_string(), tally.count));
        Self { total, by_endpoint: by_endpoint.collect() }
    }
}

/// What the naive client needed, counted on a sample and scaled to all queries.
#[derive(Serialize, Deserialize, Default, Clone, Copy)]
pub(crate) struct Naive {
    /// Calls for all queries; `None` where it was not run.
    #[serde(rename = "naive_calls")]
    pub(crate) calls: Option<u64>,
    /// How many queries it was run on.
    #[serde(rename = "naive_sample")]
    pub(crate) sample: Option<u64>,
    /// It ended with an error after these calls, and answered nothing.
    #[serde(rename = "naive_gave_up", default)]
    pub(crate) gave_up: bool,
}

impl Naive {
    pub(crate) fn scaled(counted: u64, sample: u64, queries: u64) -> Self {
        let scaled = u128::from(counted) * u128::from(queries) / u128::from(sample.max(1));
        Self {
            calls: Some(scaled.try_into().unwrap_or(u64::MAX)),
            sample: Some(sample),
            gave_up: false,
        }
    }

    /// It ended with an error after so many calls.
    pub(crate) fn gave_up(calls: u64) -> Self {
        Self { calls: Some(calls), sample: None, gave_up: true }
    }

    /// The same queries asked this many times.
    pub(crate) fn times(self, times: u64) -> Self {
        Self { calls: self.calls.map(|calls| calls * times), ..self }
    }
}

/// One answer, as a JSON line.
#[derive(Serialize)]
pub(crate) struct Answered {
    pub(crate) path: String,
    pub(crate) answer: &'static str,
    pub(crate) rating_key: Option<String>,
    pub(crate) confidence: Option<&'static str>,
    pub(crate) rule: Option<String>,
}

impl Scenario {
    /// Holds every answer of a run against the truth.
    pub(crate) fn judge(
        name: impl Into<String>,
        items: u64,
        queries: &[TruthQuery],
        run: &Run,
        wall: Duration,
    ) -> Self {
        let mut answers = AnswerCounts::default();
        let (mut wrong, mut missed) = (0, 0);
        let mut mistakes = Vec::new();
        for (query, answer) in queries.iter().zip(&run.answers) {
            let before = wrong + missed;
            answers.count(answer);
            match answer {
                Answer::Found(found) => {
                    let mut keys = std::iter::once(&found.rating_key).chain(&found.others);
                    let right = query.expect.is_some_and(|truth| keys.any(|key| key.0 == truth));
                    wrong += u64::from(!right);
                }
                Answer::Ambiguous(_) | Answer::Absent => {
                    missed += u64::from(query.expect.is_some());
                }
                Answer::Unknown(_) => {}
            }
            if wrong + missed > before && mistakes.len() < SHOWN {
                let truth = query.expect.map_or("nothing".to_owned(), |key| format!("item {key}"));
                mistakes.push(format!("{} is {truth}, answered {answer:?}", query.path));
            }
        }
        let lines = queries.iter().zip(&run.answers);
        let lines = lines.map(|(query, answer)| super::story::answered(query, answer));
        Self {
            name: name.into(),
            situation: String::new(),
            items,
            queries: queries.len() as u64,
            answers: answers.into(),
            wrong,
            missed,
            calls: Calls::of(&run.report, run.report.calls.total().count),
            budget: None,
            naive: Naive::default(),
            wall_ms: wall.as_secs_f64() * 1e3,
            report: run.report.clone(),
            unexpected_unknown: None,
            problem: None,
            mistakes,
            lines: lines.collect(),
        }
    }

    /// A row of the call budget after it was played. Calls are the server's own count.
    pub(crate) fn played(row: &testbed::budget::Row, items: u64, played: &Played) -> Self {
        let measured = &played.measured;
        let report = measured.reports.iter().fold(Report::default(), |mut sum, report| {
            sum += report;
            sum
        });
        Self {
            name: row.name.to_owned(),
            situation: row.situation.to_owned(),
            items,
            queries: measured.queries,
            answers: measured.answers.into(),
            wrong: measured.wrong,
            // An answer "unknown" misses nothing: it says that the server could not be asked.
            missed: measured.missed.saturating_sub(measured.answers.unknown),
            calls: Calls::of(&report, measured.calls),
            budget: Some(measured.budget),
            naive: Naive::default(),
            wall_ms: measured.wall.as_secs_f64() * 1e3,
            report,
            unexpected_unknown: None,
            problem: None,
            mistakes: if measured.wrong > 0 { measured.mistakes.clone() } else { Vec::new() },
            lines: Vec::new(),
        }
    }

    /// A row of the budget of edits after it was played: "found" are the items that are as they
    /// shall be, confirmed or left alone.
    pub(crate) fn edited(row: &EditRow, items: u64, acted_on: u64, played: &PlayedEdits) -> Self {
        let counts = played.counts;
        let requests = played.requests.by_endpoint.iter();
        let by_endpoint =
            requests.map(|(endpoint, count)| (format!("{endpoint:?}").to_lowercase(), *count));
        Self {
            name: row.name.to_owned(),
            situation: row.situation.to_owned(),
            items,
            queries: acted_on,
            answers: Answers {
                found: (counts.done + counts.unchanged) as u64,
                unknown: counts.not_tried as u64,
                ..Answers::default()
            },
            wrong: played.wrong,
            missed: 0,
            calls: Calls { total: played.requests.total(), by_endpoint: by_endpoint.collect() },
            budget: Some(row.total(acted_on)),
            naive: Naive {
                calls: Some(played.naive),
                sample: Some(acted_on.min(NAIVE_SAMPLE as u64)),
                gave_up: false,
            },
            wall_ms: played.wall.as_secs_f64() * 1e3,
            report: Report::default(),
            unexpected_unknown: None,
            problem: row.problem(acted_on, played),
            mistakes: Vec::new(),
            lines: Vec::new(),
        }
    }

    /// How many times as many calls the naive client makes for the same answers.
    pub(crate) fn ratio(&self) -> Option<u64> {
        let calls = self.naive.calls.filter(|_| !self.naive.gave_up)?;
        Some(calls / self.calls.total.max(1))
    }
}

/// A scenario for tests.
#[cfg(test)]
pub(super) fn example(name: &str) -> Scenario {
    Scenario {
        name: name.to_owned(),
        situation: "a <test>".to_owned(),
        items: 10,
        queries: 10,
        answers: Answers { found: 10, ..Answers::default() },
        wrong: 0,
        missed: 0,
        calls: Calls { total: 1, by_endpoint: BTreeMap::new() },
        budget: Some(1),
        naive: Naive::scaled(5, 5, 10),
        wall_ms: 1.0,
        report: Report::default(),
        unexpected_unknown: None,
        problem: None,
        mistakes: Vec::new(),
        lines: Vec::new(),
    }
}
