//! The results on the terminal.

use std::collections::BTreeMap;
use std::time::Duration;

use comfy_table::{Table, presets::UTF8_HORIZONTAL_ONLY};

use testbed::corpus::Tally;

use crate::bench::compute::outcome::{Assumption, Busy, Outcome, Seen, Series};
use crate::bench::compute::scenario::{Rival, Scenario};

use super::text::ratio;

/// The spans that are phases, and what happens in them.
const PHASES: [(&str, &str); 5] = [
    ("parse", "decoding answers"),
    ("hash", "folding paths, and hashing them into keys"),
    ("recall", "reading remembered answers"),
    ("score", "reading the indexes, folding and scoring candidates"),
    ("write", "transactions, syncing to disk included"),
];

/// The columns of the table.
pub(crate) const HEADER: [&str; 15] = [
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
    "best other",
    "ratio",
    "wall ms",
    "other ms",
];

/// Prints all measurements.
pub(crate) fn print(outcome: &Outcome) {
    for (title, scenarios) in outcome.groups() {
        if !scenarios.is_empty() {
            println!("\n{title}\n{}", table(scenarios));
        }
    }
    if let Some(sample) = outcome.all().filter_map(Scenario::sampled).max() {
        println!(
            "* counted on an even sample of at most {sample} queries, and scaled to all of them"
        );
    }
    print_accuracy(outcome);
    for scenario in outcome.all() {
        for mistake in &scenario.mistakes {
            println!("  {:<8} {mistake}", scenario.name);
        }
    }
    for scenario in &outcome.scenarios {
        for step in &scenario.report.steps {
            println!("  {:<8} {step}", scenario.name);
        }
    }
    print_rivals(outcome);
    if let Some(series) = &outcome.series {
        print_series(series);
    }
    if let Some(server) = &outcome.server {
        print_server(server);
    }
    println!("\nTook {:.1} s", outcome.seconds);
}

fn print_accuracy(outcome: &Outcome) {
    if outcome.accuracy.is_empty() {
        return;
    }
    let sum = |count: fn(&Tally) -> u64| -> u64 {
        outcome.accuracy.iter().map(|line| count(&line.tally)).sum()
    };
    println!(
        "\n{} files in {} distortions (the page has each; `cargo xtask corpus` runs more)\n  \
         {} right, {} ambiguous, {} not found; wrong: {} with low confidence, {} with high",
        sum(|tally| tally.cases),
        outcome.accuracy.len(),
        sum(|tally| tally.high_right + tally.low_right + tally.absent_right),
        sum(|tally| tally.tied + tally.tied_wrong),
        sum(|tally| tally.missed),
        sum(|tally| tally.low_wrong),
        sum(|tally| tally.high_wrong),
    );
}

/// Prints the results of clients without a cache for the same queries.
fn print_rivals(outcome: &Outcome) {
    let with_rivals: Vec<&Scenario> =
        outcome.scenarios.iter().filter(|scenario| !scenario.rivals.is_empty()).collect();
    if with_rivals.is_empty() {
        return;
    }
    println!("\nClients without a cache, on the same server");
    for scenario in with_rivals {
        for Rival { name, calls, wall_ms, wrong, missed, gave_up } in &scenario.rivals {
            let told = if *gave_up {
                "gave up".to_owned()
            } else {
                format!("{wall_ms:.0} ms, {wrong} wrong, {missed} missed")
            };
            println!("  {:<8} {name:<24} {calls:>7} calls, {told}", scenario.name);
        }
    }
}

fn print_series(series: &Series) {
    println!("\nOne file at a time, within the freshness window");
    for one in &series.one_file {
        let (count, timing) = (one.timing.count(), &one.timing);
        println!(
            "  {:<11} {count} files, {} calls: p50 {:.1?}, p99 {:.1?}, max {:.1?}",
            one.name,
            one.calls,
            timing.p50(),
            timing.p99(),
            timing.max()
        );
    }
    println!("\nHit rate over {} runs, 1 % added before each", series.runs.len());
    let rates = series.runs.iter().map(|run| format!("{:.1} %", 100.0 * run.hit_rate));
    println!("  {}", rates.collect::<Vec<_>>().join(", "));
    let calls = series.runs.iter().map(|run| run.calls.to_string());
    println!("  calls: {}", calls.collect::<Vec<_>>().join(", "));
}

/// Prints how a real server behaved, as text for an issue.
fn print_server(server: &Seen) {
    let Seen { version, assumptions } = server;
    println!("\nHow the server (version {version}) behaved against our assumptions");
    for Assumption { question, seen, holds } in assumptions {
        println!("  {:<3} {question:<57} {seen}", if *holds { "yes" } else { "NO" });
    }
    println!("  If one does not hold, answers are right, but cost more calls: please report it.");
}

/// Prints the time by phase.
pub(crate) fn print_profile(sums: &BTreeMap<&'static str, Busy>, outcome: &Outcome) {
    println!("\nTime by phase, all runs and threads added up");
    for (name, what) in PHASES {
        let Busy { times, busy } = sums.get(name).copied().unwrap_or_default();
        println!("  {name:<7} {:>10.1} ms  {times:>7} times  {what}", millis(busy));
    }
    let calls = outcome.all().map(|scenario| scenario.report.calls.total());
    let (count, wait) = calls.fold((0, Duration::ZERO), |(count, wait), calls| {
        (count + calls.count, wait + calls.latency)
    });
    println!(
        "  {:<7} {:>10.1} ms  {count:>7} times  from sending to the last byte; parallel calls add up",
        "wait",
        millis(wait)
    );
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn table(scenarios: &[Scenario]) -> Table {
    let mut table = crate::table::table(&HEADER, 1.., scenarios.iter().map(cells));
    table.load_style(UTF8_HORIZONTAL_ONLY);
    table
}

/// The cells of one line, in the order of [`HEADER`].
pub(crate) fn cells(scenario: &Scenario) -> [String; HEADER.len()] {
    let naive = scenario.naive.calls.map_or("-".to_owned(), |calls| {
        let note = if scenario.is_sampled() { "*" } else { "" };
        format!("{calls}{}", if scenario.naive.gave_up { ", gave up" } else { note })
    });
    let (calls, best) = (scenario.calls.total, scenario.best_rival());
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
        best.map_or("-".to_owned(), |rival| rival.calls.to_string()),
        scenario.ratio().map_or("-".to_owned(), ratio),
        format!("{:.0}", scenario.wall_ms),
        best.map_or("-".to_owned(), |rival| format!("{:.0}", rival.wall_ms)),
    ]
}
