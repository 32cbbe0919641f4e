//! Reports numbers to the `metrics` facade. `docs/observability.md` lists them.

use std::sync::Once;

use metrics::{
    Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram,
};
use plex_api::Calls;

use crate::report::Report;

/// Describes each number, once.
fn describe() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        describe_counter!("matchbox_calls_total", "Requests to the server, repeated ones included");
        describe_counter!("matchbox_call_retries_total", "Requests that were repetitions");
        describe_counter!("matchbox_call_failures_total", "Requests that failed");
        describe_counter!(
            "matchbox_received_bytes_total",
            Unit::Bytes,
            "Bodies received, after decompression"
        );
        describe_counter!("matchbox_runs_total", "Runs of matching");
        describe_counter!("matchbox_outages_total", "Runs that could not ask the server");
        describe_counter!("matchbox_answers_total", "Answers by kind");
        describe_counter!("matchbox_found_total", "Found files by the rule that decided");
        describe_counter!(
            "matchbox_lookups_total",
            "Answers by layer, one for each file and section"
        );
        describe_counter!("matchbox_rekeyed_total", "Files whose item has a new rating key");
        describe_counter!(
            "matchbox_refreshes_total",
            "Steps to bring a section up to date, by plan"
        );
        describe_counter!(
            "matchbox_changes_total",
            "Items that refreshes added, changed or removed"
        );
        describe_counter!(
            "matchbox_totals_moved_total",
            "Totals that differed although the change counter did not move"
        );
        describe_counter!(
            "matchbox_damaged_values_total",
            "Damaged values found in the cache, healed"
        );
        describe_counter!("matchbox_edits_total", "Changes of items by outcome");
        describe_gauge!("matchbox_cache_bytes", Unit::Bytes, "Size of the cache file");
        describe_gauge!(
            "matchbox_calls_saved",
            "Estimated calls of a client without a cache, less those made, since the process \
             started; below zero after a first run and in an outage"
        );
        describe_histogram!(
            "matchbox_phase_duration_seconds",
            Unit::Seconds,
            "Time by phase of a run; the whole run is the phase run"
        );
    });
}

/// Adds calls to the numbers.
pub(crate) fn calls(calls: &Calls) {
    for (endpoint, tally) in &calls.by_endpoint {
        let endpoint = endpoint.name();
        counter!("matchbox_calls_total", "endpoint" => endpoint).increment(tally.count);
        counter!("matchbox_call_retries_total", "endpoint" => endpoint).increment(tally.retries);
        counter!("matchbox_call_failures_total", "endpoint" => endpoint).increment(tally.failures);
        counter!("matchbox_received_bytes_total", "endpoint" => endpoint).increment(tally.bytes);
    }
}

/// Adds a run to the numbers, except its calls.
pub(crate) fn run(report: &Report, outage: bool) {
    describe();
    counter!("matchbox_runs_total").increment(1);
    counter!("matchbox_outages_total").increment(u64::from(outage));
    let answers = &report.answers;
    for (answer, count) in [
        ("found_high", answers.found_high),
        ("found_low", answers.found_low),
        ("ambiguous", answers.ambiguous),
        ("absent", answers.absent),
        ("unknown", answers.unknown),
    ] {
        counter!("matchbox_answers_total", "answer" => answer).increment(count);
    }
    for (rule, count) in &report.rules {
        counter!("matchbox_found_total", "rule" => rule.to_string()).increment(*count);
    }
    let lookups = &report.lookups;
    for (layer, count) in [
        ("remembered", lookups.remembered),
        ("computed", lookups.computed),
        ("looked_up", lookups.looked_up),
        ("read_again", lookups.read_again),
    ] {
        counter!("matchbox_lookups_total", "layer" => layer).increment(count);
    }
    counter!("matchbox_rekeyed_total").increment(lookups.rekeyed);
    for step in &report.steps {
        let plan = format!("{:?}", step.plan).to_lowercase();
        counter!("matchbox_refreshes_total", "plan" => plan).increment(step.times);
        for (change, count) in [
            ("added", step.changes.added),
            ("changed", step.changes.changed),
            ("removed", step.changes.removed),
        ] {
            counter!("matchbox_changes_total", "change" => change).increment(count);
        }
    }
    counter!("matchbox_totals_moved_total").increment(report.totals_moved);
    counter!("matchbox_damaged_values_total").increment(report.damaged);
    #[expect(clippy::cast_precision_loss, reason = "a gauge is a float, exact up to 2^53")]
    {
        gauge!("matchbox_cache_bytes").set(report.store_bytes as f64);
        gauge!("matchbox_calls_saved").increment(report.calls_saved() as f64);
    }
    for (phase, timing) in report.phases.named() {
        let times = histogram!("matchbox_phase_duration_seconds", "phase" => phase);
        for (micros, count) in timing.buckets() {
            let seconds = std::time::Duration::from_micros(micros).as_secs_f64();
            times.record_many(seconds, usize::try_from(count).unwrap_or(usize::MAX));
        }
    }
}

/// Adds the outcomes of edits to the numbers.
pub(crate) fn edits(outcomes: [(&'static str, usize); 4]) {
    describe();
    for (outcome, count) in outcomes {
        counter!("matchbox_edits_total", "outcome" => outcome).increment(count as u64);
    }
}
