//! Compares a run with an earlier one. Counts must not rise, and times only within the noise.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};

use super::outcome::{Outcome, SCHEMA};
use super::scenario::Scenario;

/// A time is worse if it is more than this many times the earlier one and more than [`NOISE_MS`]
/// above it. On a shared machine with two cores, equal runs differed by half. A time that doubled
/// has a cause.
const NOISE_RATIO: f64 = 2.0;
/// Smaller differences, in milliseconds, are ignored: one more sync of the file system takes that
/// long.
const NOISE_MS: f64 = 50.0;

/// Scenarios whose counts differ from run to run, within their budget. They depend on which task or
/// process comes first, because the others find what it has remembered.
const UNSTEADY: &[&str] = &["processes-8", "tasks-8"];

/// The numbers that are compared.
#[derive(Serialize, Deserialize)]
struct Baseline {
    schema: u32,
    /// The counts, by scenario name and number of items.
    scenarios: BTreeMap<String, Counts>,
}

#[derive(Serialize, Deserialize, Clone, Copy)]
struct Counts {
    queries: u64,
    wrong: u64,
    missed: u64,
    calls: u64,
    /// Answers that had to be computed.
    computed: u64,
    /// Only in a baseline that is the full JSON of a run on the same machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    wall_ms: Option<f64>,
}

impl Baseline {
    fn of(outcome: &Outcome, with_times: bool) -> Self {
        let counts = |scenario: &Scenario| Counts {
            queries: scenario.queries,
            wrong: scenario.wrong,
            missed: scenario.missed,
            calls: scenario.calls.total,
            computed: scenario.report.lookups.computed,
            wall_ms: with_times.then_some(scenario.wall_ms),
        };
        let named = outcome.groups().into_iter().flat_map(|(group, scenarios)| {
            let steady = scenarios.iter().filter(|scenario| !UNSTEADY.contains(&&*scenario.name));
            steady.map(move |scenario| {
                (format!("{group}: {}, {} items", scenario.name, scenario.items), counts(scenario))
            })
        });
        Self { schema: SCHEMA, scenarios: named.collect() }
    }

    /// Reads a baseline of counts, or the full JSON of an earlier run.
    fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("could not read the baseline {}", path.display()))?;
        let value: serde_json::Value = serde_json::from_str(&text)
            .with_context(|| format!("the baseline {} is not JSON", path.display()))?;
        let schema = value["schema"].as_u64();
        ensure!(
            schema == Some(u64::from(SCHEMA)),
            "the baseline {} has schema {schema:?}, and this bench writes {SCHEMA}",
            path.display()
        );
        let what = || format!("the baseline {} is of another kind", path.display());
        if value["scenarios"].is_array() {
            let outcome: Outcome = serde_json::from_value(value).with_context(what)?;
            return Ok(Self::of(&outcome, true));
        }
        serde_json::from_value(value).with_context(what)
    }
}

/// Writes the counts of a run as a baseline.
pub(crate) fn write(path: &Path, outcome: &Outcome) -> Result<()> {
    let text = serde_json::to_string_pretty(&Baseline::of(outcome, false))?;
    std::fs::write(path, format!("{text}\n"))?;
    Ok(())
}

/// Fails if something is worse than in the baseline.
pub(crate) fn compare(path: &Path, outcome: &Outcome) -> Result<()> {
    let before = Baseline::read(path)?.scenarios;
    let after = Baseline::of(outcome, true).scenarios;
    let mut worse = Vec::new();
    let mut compared = 0;
    let mut better = 0;
    for (name, now) in &after {
        let Some(then) = before.get(name) else { continue };
        if now.queries != then.queries {
            worse.push(format!("{name}: {} queries, and {} before", now.queries, then.queries));
            continue;
        }
        compared += 1;
        for (what, now, then) in [
            ("wrong answers", now.wrong, then.wrong),
            ("missed files", now.missed, then.missed),
            ("calls", now.calls, then.calls),
            ("answers computed", now.computed, then.computed),
        ] {
            if now > then {
                worse.push(format!("{name}: {now} {what}, and {then} before"));
            }
            better += u32::from(now < then);
        }
        if let (Some(now), Some(then)) = (now.wall_ms, then.wall_ms)
            && now > then * NOISE_RATIO
            && now > then + NOISE_MS
        {
            worse.push(format!("{name}: {now:.0} ms, and {then:.0} ms before"));
        }
    }
    ensure!(
        compared > 0 || !worse.is_empty(),
        "this run and {} have no scenario in common",
        path.display()
    );
    println!(
        "\nCompared with {}: {compared} scenarios, {} counts or times worse, {better} counts better \
         (a time is worse beyond {NOISE_RATIO} times and {NOISE_MS} ms)",
        path.display(),
        worse.len(),
    );
    for line in &worse {
        println!("  {line}");
    }
    match worse.first() {
        None => Ok(()),
        Some(first) => bail!("worse than the baseline: {first}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::compute::scenario::example;

    fn outcome(calls: u64, wall_ms: f64) -> Outcome {
        let mut scenario = example("cold");
        scenario.calls.total = calls;
        scenario.wall_ms = wall_ms;
        Outcome { items: 10, scenarios: vec![scenario], ..Outcome::new(1) }
    }

    #[test]
    fn counts_must_not_rise_and_times_only_within_the_noise() {
        let folder = tempfile::tempdir().unwrap();
        let (counts, whole) = (folder.path().join("counts"), folder.path().join("whole"));
        write(&counts, &outcome(20, 100.0)).unwrap();
        std::fs::write(&whole, serde_json::to_vec(&outcome(20, 100.0)).unwrap()).unwrap();
        for (calls, wall_ms, against_counts, against_whole) in [
            (20, 100.0, true, true),
            (19, 190.0, true, true),
            (21, 100.0, false, false),
            (20, 210.0, true, false),
        ] {
            let now = outcome(calls, wall_ms);
            assert_eq!(compare(&counts, &now).is_ok(), against_counts, "{calls} {wall_ms}");
            assert_eq!(compare(&whole, &now).is_ok(), against_whole, "{calls} {wall_ms}");
        }
    }

    #[test]
    fn what_is_no_baseline_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let now = outcome(1, 1.0);
        assert!(compare(&path, &now).unwrap_err().to_string().contains("could not read"));
        for (text, message) in [
            ("x", "not JSON"),
            ("{\"schema\": 99}", "schema"),
            ("{\"schema\": 1, \"scenarios\": 3}", "another kind"),
            ("{\"schema\": 1, \"scenarios\": {}}", "no scenario in common"),
        ] {
            std::fs::write(&path, text).unwrap();
            let error = compare(&path, &now).unwrap_err().to_string();
            assert!(error.contains(message), "{text}: {error}");
        }
    }
}
