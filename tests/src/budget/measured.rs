//! The result of playing a situation.

use std::time::Duration;

use anyhow::Result;
use match_core::{Answer, AnswerCounts, Report, Run, Selection};
use plex_api::{Clock, Monotonic};

use super::stage::Stage;
use crate::queries::TruthQuery;

/// A situation after it was played.
pub struct Played {
    /// The cost and the results.
    pub measured: Measured,
    /// The server and the cache as the situation left them, for further questions.
    pub stage: Stage,
    /// The queries, with the right answers.
    pub asked: Vec<TruthQuery>,
    /// The runs, in the order in which they were started.
    pub runs: Vec<Run>,
}

/// The cost and the results of a situation.
#[derive(Debug, Clone)]
pub struct Measured {
    /// How many queries were asked, over all runs.
    pub queries: u64,
    /// Answers by kind.
    pub answers: AnswerCounts,
    /// Answers with another item than the true one, with an item where there is none, or with an
    /// absence although the file is there.
    pub wrong: u64,
    /// Answers that are ambiguous or unknown.
    pub missed: u64,
    /// Requests, as the server counted them.
    pub calls: u64,
    /// Requests that the budget allows.
    pub budget: u64,
    /// The engine's own reports, one for each run.
    pub reports: Vec<Report>,
    /// How long it took. On a shared machine this says little.
    pub wall: Duration,
    /// The first few mistakes, for people.
    pub mistakes: Vec<String>,
}

/// How many mistakes are kept.
const SHOWN: usize = 5;

/// A measurement that is running.
pub(super) struct Meter {
    calls: u64,
    started: Monotonic,
}

impl Meter {
    /// Begins a measurement. Earlier requests to the server do not count.
    pub(super) fn start(stage: &Stage) -> Self {
        Self { calls: stage.calls(), started: Clock::system().monotonic() }
    }

    /// Ends the measurement. Every run asked the same queries.
    pub(super) fn stop(self, stage: Stage, asked: Vec<TruthQuery>, runs: Vec<Run>) -> Played {
        let wall = self.started.elapsed();
        let mut measured = Measured {
            queries: 0,
            answers: AnswerCounts::default(),
            wrong: 0,
            missed: 0,
            calls: stage.calls() - self.calls,
            budget: 0,
            reports: runs.iter().map(|run| run.report.clone()).collect(),
            wall,
            mistakes: Vec::new(),
        };
        for run in &runs {
            assert_eq!(asked.len(), run.answers.len(), "one answer for each query");
            for (truth, answer) in asked.iter().zip(&run.answers) {
                measured.judge(truth, answer);
            }
        }
        Played { measured, stage, asked, runs }
    }
}

/// Measures one run.
pub(super) async fn one_run(stage: Stage, asked: Vec<TruthQuery>) -> Result<Played> {
    let meter = Meter::start(&stage);
    let run = stage.run(&Selection::All, &asked).await?;
    Ok(meter.stop(stage, asked, vec![run]))
}

impl Measured {
    fn judge(&mut self, truth: &TruthQuery, answer: &Answer) {
        self.queries += 1;
        self.answers.count(answer);
        let verdict = match (answer, truth.expect) {
            (Answer::Found(found), Some(expect)) => {
                let mut keys = std::iter::once(&found.rating_key).chain(&found.others);
                if keys.any(|key| key.0 == expect) {
                    return;
                }
                &mut self.wrong
            }
            (Answer::Absent, None) => return,
            (Answer::Found(_), None) | (Answer::Absent, Some(_)) => &mut self.wrong,
            (Answer::Ambiguous(_) | Answer::Unknown(_), _) => &mut self.missed,
        };
        *verdict += 1;
        if self.mistakes.len() < SHOWN {
            let text = format!("{}: truth {:?}, answer {answer:?}", truth.path, truth.expect);
            self.mistakes.push(text);
        }
    }
}
