//! Results: a table for people, JSON for machines, answers as JSON lines.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use comfy_table::{CellAlignment, ContentArrangement, Table, presets::UTF8_HORIZONTAL_ONLY};
use match_core::{Answer, Report, Run};
use serde::Serialize;
use testbed::queries::TruthQuery;

/// Version of the JSON: goes up when a field changes its meaning or goes away.
const SCHEMA: u32 = 1;

/// A whole run.
pub(crate) struct Outcome {
    pub(crate) items: usize,
    pub(crate) scenarios: Vec<Scenario>,
}

/// One scenario.
#[derive(Serialize)]
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) queries: usize,
    pub(crate) answers: Answers,
    /// Another item than the true one, or an item where there is none.
    pub(crate) wrong: usize,
    /// The item is there, and the answer was absent or ambiguous.
    pub(crate) missed: usize,
    pub(crate) calls: Calls,
    #[serde(flatten, serialize_with = "naive_fields")]
    pub(crate) naive: Option<NaiveCalls>,
    pub(crate) wall_ms: f64,
    /// What Matchbox itself reports.
    report: Report,
    #[serde(skip)]
    pub(crate) unexpected_unknown: Option<String>,
    #[serde(skip)]
    pub(crate) problem: Option<String>,
    /// The first few wrong or missed answers, for people.
    #[serde(skip)]
    mistakes: Vec<String>,
    #[serde(skip)]
    lines: Vec<Answered>,
}

/// How many mistakes are shown.
const SHOWN: usize = 5;

#[derive(Serialize, Default)]
pub(crate) struct Answers {
    found: usize,
    ambiguous: usize,
    absent: usize,
    unknown: usize,
}

#[derive(Serialize)]
pub(crate) struct Calls {
    pub(crate) total: u64,
    by_endpoint: BTreeMap<String, u64>,
}

/// What the naive client needed, counted on a sample and scaled to all queries.
pub(crate) struct NaiveCalls {
    calls: u64,
    sample: usize,
    sampled: bool,
}

impl NaiveCalls {
    pub(crate) fn scaled(counted: u64, sample: usize, queries: usize) -> Self {
        let scaled = u128::from(counted) * queries as u128 / sample.max(1) as u128;
        Self { calls: scaled.try_into().unwrap_or(u64::MAX), sample, sampled: sample < queries }
    }
}

#[expect(clippy::ref_option, reason = "serde hands the field over by reference")]
fn naive_fields<S: serde::Serializer>(
    naive: &Option<NaiveCalls>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    use serde::ser::SerializeMap;
    let mut map = serializer.serialize_map(None)?;
    map.serialize_entry("naive_calls", &naive.as_ref().map(|naive| naive.calls))?;
    map.serialize_entry("naive_sample", &naive.as_ref().map(|naive| naive.sample))?;
    map.end()
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
    /// Holds every answer against the truth.
    pub(crate) fn judge(
        name: &'static str,
        queries: &[TruthQuery],
        run: &Run,
        wall: Duration,
    ) -> Self {
        let mut answers = Answers::default();
        let (mut wrong, mut missed) = (0, 0);
        let mut mistakes = Vec::new();
        for (query, answer) in queries.iter().zip(&run.answers) {
            let before = wrong + missed;
            match answer {
                Answer::Found(found) => {
                    answers.found += 1;
                    let keys = std::iter::once(&found.rating_key).chain(&found.others);
                    let right = query
                        .expect
                        .is_some_and(|truth| keys.into_iter().any(|key| key.0 == truth));
                    wrong += usize::from(!right);
                }
                Answer::Ambiguous(_) => {
                    answers.ambiguous += 1;
                    missed += usize::from(query.expect.is_some());
                }
                Answer::Absent => {
                    answers.absent += 1;
                    missed += usize::from(query.expect.is_some());
                }
                Answer::Unknown(_) => answers.unknown += 1,
            }
            if wrong + missed > before && mistakes.len() < SHOWN {
                let truth = query.expect.map_or("nothing".to_owned(), |key| format!("item {key}"));
                mistakes.push(format!("{} is {truth}, answered {answer:?}", query.path));
            }
        }
        let lines = queries
            .iter()
            .zip(&run.answers)
            .map(|(query, answer)| super::scenarios::answered(query, answer));
        let by_endpoint = run.report.calls.by_endpoint.iter();
        Self {
            name,
            queries: queries.len(),
            answers,
            wrong,
            missed,
            calls: Calls {
                total: run.report.calls.total().count,
                by_endpoint: by_endpoint
                    .map(|(name, tally)| (name.to_string(), tally.count))
                    .collect(),
            },
            naive: None,
            wall_ms: wall.as_secs_f64() * 1e3,
            report: run.report.clone(),
            unexpected_unknown: None,
            problem: None,
            mistakes,
            lines: lines.collect(),
        }
    }
}

impl Outcome {
    pub(crate) fn print(&self) {
        let mut table = Table::new();
        table
            .load_style(UTF8_HORIZONTAL_ONLY)
            .set_content_arrangement(ContentArrangement::Disabled);
        table.set_header([
            "scenario",
            "queries",
            "found",
            "ambig.",
            "absent",
            "unknown",
            "wrong",
            "missed",
            "Plex calls",
            "naive calls",
            "ratio",
            "wall ms",
        ]);
        let mut sampled = None;
        for scenario in &self.scenarios {
            let (naive, ratio) = match &scenario.naive {
                None => ("-".to_owned(), "-".to_owned()),
                Some(naive) => {
                    sampled = sampled.or(naive.sampled.then_some(naive.sample));
                    let mark = if naive.sampled { "*" } else { "" };
                    let ratio = naive.calls / scenario.calls.total.max(1);
                    (format!("{}{mark}", naive.calls), format!("{ratio} : 1"))
                }
            };
            table.add_row([
                scenario.name.to_owned(),
                scenario.queries.to_string(),
                scenario.answers.found.to_string(),
                scenario.answers.ambiguous.to_string(),
                scenario.answers.absent.to_string(),
                scenario.answers.unknown.to_string(),
                scenario.wrong.to_string(),
                scenario.missed.to_string(),
                scenario.calls.total.to_string(),
                naive,
                ratio,
                format!("{:.0}", scenario.wall_ms),
            ]);
        }
        for column in table.column_iter_mut().skip(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        println!("{} items on the server", self.items);
        println!("{table}");
        if let Some(sample) = sampled {
            println!("* counted on an even sample of {sample} queries, and scaled to all of them");
        }
        for scenario in &self.scenarios {
            for mistake in &scenario.mistakes {
                println!("  {:<8} {mistake}", scenario.name);
            }
            for step in &scenario.report.steps {
                println!("  {:<8} {}", scenario.name, step);
            }
        }
    }

    pub(crate) fn write_json(&self, path: &Path) -> Result<()> {
        #[derive(Serialize)]
        struct Document<'a> {
            schema: u32,
            items: usize,
            scenarios: &'a [Scenario],
        }
        let mut file = BufWriter::new(File::create(path)?);
        let document = Document { schema: SCHEMA, items: self.items, scenarios: &self.scenarios };
        serde_json::to_writer_pretty(&mut file, &document)?;
        writeln!(file)?;
        file.flush()?;
        Ok(())
    }

    /// The answers of the first scenario that is reported.
    pub(crate) fn write_answers(&self, path: &Path) -> Result<()> {
        let mut file = BufWriter::new(File::create(path)?);
        for line in self.scenarios.iter().take(1).flat_map(|scenario| &scenario.lines) {
            serde_json::to_writer(&mut file, line)?;
            writeln!(file)?;
        }
        file.flush()?;
        Ok(())
    }
}
