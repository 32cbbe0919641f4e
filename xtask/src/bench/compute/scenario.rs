//! One line of the table: the cost and the results of a situation.

use std::collections::BTreeMap;

use match_core::{AnswerCounts, Report};
use serde::{Deserialize, Serialize};
use testbed::rivals::Matched;

/// One line of the table.
#[derive(Serialize, Deserialize)]
pub(crate) struct Scenario {
    pub(crate) name: String,
    /// The scenario in words, if the name does not say it.
    #[serde(default)]
    pub(crate) situation: String,
    /// Items on the server.
    #[serde(default)]
    pub(crate) items: u64,
    pub(crate) queries: u64,
    pub(crate) answers: Answers,
    /// Answers with another item than the true one, or with an item where there is none.
    pub(crate) wrong: u64,
    /// Answers that are absent or ambiguous, although the item exists.
    pub(crate) missed: u64,
    pub(crate) calls: Calls,
    /// Calls that the budget allows, if there is one.
    #[serde(default)]
    pub(crate) budget: Option<u64>,
    #[serde(flatten)]
    pub(crate) naive: Naive,
    /// Clients that list everything and match in memory, run on all queries.
    #[serde(default)]
    pub(crate) rivals: Vec<Rival>,
    pub(crate) wall_ms: f64,
    /// Matchbox's own report, all runs of the scenario added up.
    pub(crate) report: Report,
    #[serde(skip)]
    pub(crate) unexpected_unknown: Option<String>,
    #[serde(skip)]
    pub(crate) problem: Option<String>,
    /// The first few wrong or missed answers, as text.
    #[serde(skip)]
    pub(crate) mistakes: Vec<String>,
    #[serde(skip)]
    pub(crate) lines: Vec<Answered>,
}

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
    pub(crate) fn of(report: &Report, total: u64) -> Self {
        let by_endpoint = report.calls.by_endpoint.iter();
        let by_endpoint = by_endpoint.map(|(name, tally)| (name.to_string(), tally.count));
        Self { total, by_endpoint: by_endpoint.collect() }
    }
}

/// The calls of the naive client, counted on a sample and scaled to all queries.
#[derive(Serialize, Deserialize, Default, Clone, Copy)]
pub(crate) struct Naive {
    /// Calls for all queries; `None` if the client was not run.
    #[serde(rename = "naive_calls")]
    pub(crate) calls: Option<u64>,
    /// The number of queries in the sample.
    #[serde(rename = "naive_sample")]
    pub(crate) sample: Option<u64>,
    /// The client ended with an error after these calls, and has no answers.
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

    /// A client that ended with an error after this many calls.
    pub(crate) fn gave_up(calls: u64) -> Self {
        Self { calls: Some(calls), sample: None, gave_up: true }
    }

    /// The cost of asking the same queries this many times.
    pub(crate) fn times(self, times: u64) -> Self {
        Self { calls: self.calls.map(|calls| calls * times), ..self }
    }
}

/// The cost and the results of a client without a cache, for the same queries.
#[derive(Serialize, Deserialize, Clone)]
pub(crate) struct Rival {
    /// What the client does.
    pub(crate) name: String,
    /// Calls for all queries.
    pub(crate) calls: u64,
    pub(crate) wall_ms: f64,
    /// Files with another item than the true one, or with an item where there is none.
    pub(crate) wrong: u64,
    /// Files whose item exists, but no item or several items were found.
    pub(crate) missed: u64,
    /// The client ended with an error, and has no answers.
    #[serde(default)]
    pub(crate) gave_up: bool,
}

impl Rival {
    pub(crate) fn of(name: String, matched: &Matched) -> Self {
        Self {
            name,
            calls: matched.calls,
            wall_ms: matched.elapsed.as_secs_f64() * 1e3,
            wrong: matched.wrong as u64,
            missed: matched.missed as u64,
            gave_up: false,
        }
    }

    /// A client that ended with an error after this many calls.
    pub(crate) fn gave_up(name: String, calls: u64) -> Self {
        Self { name, calls, wall_ms: 0.0, wrong: 0, missed: 0, gave_up: true }
    }

    /// The cost of asking the same queries this many times.
    pub(crate) fn times(self, times: u64) -> Self {
        let Self { calls, wrong, missed, .. } = self;
        #[expect(clippy::cast_precision_loss, reason = "a time, for people")]
        let wall_ms = self.wall_ms * times as f64;
        Self { calls: calls * times, wrong: wrong * times, missed: missed * times, wall_ms, ..self }
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
    /// The size of the naive client's sample, if it did not run on all queries.
    pub(crate) fn sampled(&self) -> Option<u64> {
        let sample = self.naive.sample?;
        (sample < self.queries / self.report.runs.max(1)).then_some(sample)
    }

    pub(crate) fn is_sampled(&self) -> bool {
        self.sampled().is_some()
    }

    /// The client without a cache that makes the fewest calls, if any has answers.
    pub(crate) fn best_rival(&self) -> Option<&Rival> {
        self.rivals.iter().filter(|rival| !rival.gave_up).min_by_key(|rival| rival.calls)
    }

    /// The calls of the best other client for the same queries, as a multiple of ours.
    pub(crate) fn ratio(&self) -> Option<f64> {
        let naive = self.naive.calls.filter(|_| !self.naive.gave_up);
        let calls = self.best_rival().map(|rival| rival.calls).into_iter().chain(naive).min()?;
        Some(self.multiple(calls))
    }

    /// The calls of the naive client, as a multiple of ours.
    pub(crate) fn naive_ratio(&self) -> Option<f64> {
        let calls = self.naive.calls.filter(|_| !self.naive.gave_up)?;
        Some(self.multiple(calls))
    }

    #[expect(clippy::cast_precision_loss, reason = "a ratio, for people")]
    fn multiple(&self, calls: u64) -> f64 {
        calls as f64 / self.calls.total.max(1) as f64
    }
}

/// A scenario for tests.
#[cfg(test)]
pub(crate) fn example(name: &str) -> Scenario {
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
        rivals: Vec::new(),
        wall_ms: 1.0,
        report: Report::default(),
        unexpected_unknown: None,
        problem: None,
        mistakes: Vec::new(),
        lines: Vec::new(),
    }
}
