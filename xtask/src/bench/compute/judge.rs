//! Compares the answers of a run with the truth, and makes a line of the table.

use std::time::Duration;

use match_core::{Answer, AnswerCounts, Confidence, Report, Run};
use testbed::budget::{EditRow, NAIVE_SAMPLE, Played, PlayedEdits};
use testbed::queries::TruthQuery;

use super::scenario::{Answered, Answers, Calls, Naive, Scenario};

/// How many mistakes are shown.
const SHOWN: usize = 5;

impl Scenario {
    /// Compares every answer of a run with the truth.
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
        let lines = lines.map(|(query, answer)| answered(query, answer));
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
            rivals: Vec::new(),
            wall_ms: wall.as_secs_f64() * 1e3,
            report: run.report.clone(),
            unexpected_unknown: None,
            problem: None,
            mistakes,
            lines: lines.collect(),
        }
    }

    /// The result of a row of the call budget. The server counted the calls.
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
            // "Unknown" does not count as missed: it only says that the server could not be asked.
            missed: measured.missed.saturating_sub(measured.answers.unknown),
            calls: Calls::of(&report, measured.calls),
            budget: Some(measured.budget),
            naive: Naive::default(),
            rivals: Vec::new(),
            wall_ms: measured.wall.as_secs_f64() * 1e3,
            report,
            unexpected_unknown: None,
            problem: None,
            mistakes: if measured.wrong > 0 { measured.mistakes.clone() } else { Vec::new() },
            lines: Vec::new(),
        }
    }

    /// The result of a row of the budget of edits. "Found" counts the items that have the new
    /// values: the edit was confirmed, or the item had them already.
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
            rivals: Vec::new(),
            wall_ms: played.wall.as_secs_f64() * 1e3,
            report: Report::default(),
            unexpected_unknown: None,
            problem: row.problem(acted_on, played),
            mistakes: Vec::new(),
            lines: Vec::new(),
        }
    }
}

/// An answer as one of the JSON lines.
fn answered(query: &TruthQuery, answer: &Answer) -> Answered {
    let mut line = Answered {
        path: query.path.clone(),
        answer: "unknown",
        rating_key: None,
        confidence: None,
        rule: None,
    };
    match answer {
        Answer::Found(found) => {
            line.answer = "found";
            line.rating_key = Some(found.rating_key.to_string());
            line.confidence = Some(match found.confidence {
                Confidence::High => "high",
                Confidence::Low => "low",
            });
            line.rule = Some(found.evidence.rule.to_string());
        }
        Answer::Ambiguous(_) => line.answer = "ambiguous",
        Answer::Absent => line.answer = "absent",
        Answer::Unknown(_) => {}
    }
    line
}
