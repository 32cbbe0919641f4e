//! Results on the terminal, and as files for machines.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::Result;
use comfy_table::{CellAlignment, ContentArrangement, Table, presets::UTF8_HORIZONTAL_ONLY};

use testbed::corpus::Tally;

use super::result::{Outcome, Scenario};

/// The columns.
pub(super) const HEADER: [&str; 13] = [
    "scenario",
    "items",
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
];

impl Outcome {
    pub(crate) fn print(&self) {
        for (title, scenarios) in self.groups() {
            if !scenarios.is_empty() {
                println!("\n{title}\n{}", table(scenarios));
            }
        }
        if let Some(sample) = self.all().filter_map(Scenario::sampled).max() {
            println!(
                "* counted on an even sample of at most {sample} queries, and scaled to all of them"
            );
        }
        self.print_accuracy();
        for scenario in self.all() {
            for mistake in &scenario.mistakes {
                println!("  {:<8} {mistake}", scenario.name);
            }
        }
        for scenario in &self.scenarios {
            for step in &scenario.report.steps {
                println!("  {:<8} {step}", scenario.name);
            }
        }
        if let Some(series) = &self.series {
            series.print();
        }
        if let Some(server) = &self.server {
            super::assumptions::print(&server.version, &server.assumptions);
        }
        println!("\nTook {:.1} s", self.seconds);
    }

    fn print_accuracy(&self) {
        if self.accuracy.is_empty() {
            return;
        }
        let sum = |count: fn(&Tally) -> u64| -> u64 {
            self.accuracy.iter().map(|line| count(&line.tally)).sum()
        };
        println!(
            "\n{} files in {} distortions (the page has each, `cargo xtask corpus` plays more)\n  \
             {} right, {} told as ambiguous, {} not found; wrong: {} with low confidence, {} with high",
            sum(|tally| tally.cases),
            self.accuracy.len(),
            sum(|tally| tally.high_right + tally.low_right + tally.absent_right),
            sum(|tally| tally.tied + tally.tied_wrong),
            sum(|tally| tally.missed),
            sum(|tally| tally.low_wrong),
            sum(|tally| tally.high_wrong),
        );
    }

    /// The groups with their titles.
    pub(crate) fn groups(&self) -> [(&'static str, &[Scenario]); 3] {
        [
            ("What happens to a library", &self.scenarios),
            ("The call budget", &self.budget),
            ("Sizes, kinds, distances, troubles", &self.matrix),
        ]
    }

    /// Every scenario of every group.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Scenario> {
        self.scenarios.iter().chain(&self.budget).chain(&self.matrix)
    }

    pub(crate) fn write_json(&self, path: &Path) -> Result<()> {
        let mut file = BufWriter::new(File::create(path)?);
        serde_json::to_writer_pretty(&mut file, self)?;
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

impl Scenario {
    /// On how many queries the naive client was run, if not on all.
    fn sampled(&self) -> Option<u64> {
        let sample = self.naive.sample?;
        (sample < self.queries / self.report.runs.max(1)).then_some(sample)
    }

    pub(crate) fn is_sampled(&self) -> bool {
        self.sampled().is_some()
    }
}

fn table(scenarios: &[Scenario]) -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_HORIZONTAL_ONLY).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(HEADER);
    for scenario in scenarios {
        table.add_row(cells(scenario));
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

/// The cells of one line, one for each of [`HEADER`].
pub(super) fn cells(scenario: &Scenario) -> [String; HEADER.len()] {
    let naive = scenario.naive.calls.map_or("-".to_owned(), |calls| {
        let note = if scenario.is_sampled() { "*" } else { "" };
        format!("{calls}{}", if scenario.naive.gave_up { ", gave up" } else { note })
    });
    let calls = scenario.calls.total;
    [
        scenario.name.clone(),
        scenario.items.to_string(),
        scenario.queries.to_string(),
        scenario.answers.found.to_string(),
        scenario.answers.ambiguous.to_string(),
        scenario.answers.absent.to_string(),
        scenario.answers.unknown.to_string(),
        scenario.wrong.to_string(),
        scenario.missed.to_string(),
        scenario.budget.map_or(calls.to_string(), |budget| format!("{calls} of {budget}")),
        naive,
        scenario.ratio().map_or("-".to_owned(), |ratio| format!("{ratio} : 1")),
        format!("{:.0}", scenario.wall_ms),
    ]
}
