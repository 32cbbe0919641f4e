//! A report as a text table.

use std::fmt;

use cache_store::Plan;

use crate::mapping::{MappingSuggestion, PathMapping};
use crate::report::{AnswerCounts, FailedSection, Report, StepReport};

/// Width of the names of the rows.
const NAME: usize = 10;

impl fmt::Display for StepReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { section, plan, reason, changes, times } = self;
        write!(f, "{section}: {plan:?} ({reason})")?;
        if *times > 1 {
            write!(f, ", {times} times")?;
        }
        if changes.any() {
            let (added, changed, removed) = (changes.added, changes.changed, changes.removed);
            write!(f, ": {added} added, {changed} changed, {removed} removed")?;
        }
        Ok(())
    }
}

impl fmt::Display for FailedSection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { section, reason, times, .. } = self;
        write!(f, "{section}: {reason}")?;
        if *times > 1 { write!(f, ", {times} times") } else { Ok(()) }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(no_disk) = &self.no_disk {
            row(f, "NOT KEPT", format!("the cache is in memory: {no_disk}"))?;
        }
        if self.runs > 1 {
            row(f, "runs", self.runs)?;
        }
        let answers = &self.answers;
        let text = format!(
            "{} found ({} with low confidence), {} ambiguous, {} absent, {} unknown",
            answers.found(),
            answers.found_low,
            answers.ambiguous,
            answers.absent,
            answers.unknown
        );
        row(f, "answers", text)?;
        for (rule, count) in &self.rules {
            part(f, *count, rule)?;
        }
        let lookups = &self.lookups;
        let text = format!(
            "{} remembered, {} computed, {} asked for one by one",
            lookups.remembered, lookups.computed, lookups.looked_up
        );
        row(f, "lookups", text)?;
        self.calls(f)?;
        for step in &self.steps {
            row(f, "refresh", step)?;
        }
        for failed in &self.failed {
            row(f, if failed.left_out { "left out" } else { "failed" }, failed)?;
        }
        #[cfg(feature = "shared")]
        self.shared(f)?;
        for suggestion in &self.suggested_mappings {
            row(f, "mapping", suggestion)?;
        }
        for PathMapping { local, plex } in &self.unused_mappings {
            let text = format!("not used: {local} as {plex}: it led to no file of this run");
            row(f, "mapping", text)?;
        }
        for (name, timing) in self.phases.named() {
            if timing.count() > 0 {
                row(f, name, timing)?;
            }
        }
        if self.totals_moved > 0 {
            let times = self.totals_moved;
            let text = format!("another total {times} times while the change counter stood");
            row(f, "total", text)?;
        }
        if self.damaged > 0 {
            row(f, "damage", format!("{} values, healed", self.damaged))?;
        }
        write!(f, "{:<NAME$} {}", "store", Bytes(self.store_bytes))
    }
}

impl fmt::Display for MappingSuggestion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { mapping: PathMapping { local, plex }, support, against } = self;
        write!(f, "suggested: {local} is {plex} on the server ({support} files agree")?;
        if *against > 0 {
            write!(f, ", {against} do not")?;
        }
        f.write_str(")")
    }
}

#[cfg(feature = "shared")]
impl Report {
    fn shared(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shared = &self.shared;
        if !shared.any() {
            return Ok(());
        }
        let text = format!(
            "{} probes, {} sections whole, {} caught up, {} published; {} read, {} written, \
             {:.1?}; {} calls saved",
            shared.probes,
            shared.snapshots,
            shared.deltas,
            shared.published,
            Bytes(shared.bytes_read),
            Bytes(shared.bytes_written),
            std::time::Duration::from_micros(shared.micros),
            shared.calls_saved,
        );
        row(f, "shared", text)?;
        for (miss, count) in &shared.misses {
            part(f, *count, miss)?;
        }
        Ok(())
    }
}

impl Report {
    /// The report in one line, without the counts that are zero: `10 files: 9 found (2 with low
    /// confidence), 1 absent; 3 calls, about 18 saved; 1.5ms`. [`Report::calls_saved`] says what
    /// "saved" means. For the whole report, use its [`Display`](fmt::Display).
    pub fn summary(&self) -> String {
        let AnswerCounts { found_low, ambiguous, absent, unknown, .. } = self.answers;
        let (total, found) = (self.answers.total(), self.answers.found());
        let low = match found_low {
            0 => String::new(),
            low => format!(" ({low} with low confidence)"),
        };
        let others = [(ambiguous, "ambiguous"), (absent, "absent"), (unknown, "unknown")];
        let others = others.into_iter().filter(|(count, _)| *count > 0);
        let others: Vec<String> = others.map(|(count, what)| format!(", {count} {what}")).collect();
        let others = others.concat();
        let saved = match self.calls_saved() {
            saved @ 1.. => format!(", about {saved} saved"),
            _ => String::new(),
        };
        let moved = match self.totals_moved {
            0 => String::new(),
            times => format!("; another total {times} times while the change counter stood"),
        };
        let s = if total == 1 { "" } else { "s" };
        let (calls, time) = (self.calls.total(), self.phases.run.total());
        format!("{total} file{s}: {found} found{low}{others}; {calls}{saved}{moved}; {time:.1?}")
    }

    fn calls(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let total = self.calls.total();
        let (count, bytes) = (total.count, Bytes(total.bytes));
        let mut text =
            format!("{count} ({} retries, {} failed), {bytes}", total.retries, total.failures);
        // In an outage there is no estimate.
        if self.estimated_calls > 0 {
            text.extend(["; about ", &self.estimated_calls.to_string(), " without a cache"]);
            if self.calls_saved() > 0 {
                text.extend([": ", &self.calls_saved().to_string(), " saved"]);
            }
        }
        let reads = |step: &StepReport| matches!(step.plan, Plan::Full | Plan::Lazy);
        if self.runs == 1 && self.calls_saved() < 0 && self.steps.iter().any(reads) {
            text += " (the first run pays for those to come)";
        }
        row(f, "calls", text)?;
        for (endpoint, tally) in &self.calls.by_endpoint {
            part(f, tally.count, endpoint)?;
        }
        Ok(())
    }
}

fn row(f: &mut fmt::Formatter<'_>, name: &str, text: impl fmt::Display) -> fmt::Result {
    writeln!(f, "{name:<NAME$} {text}")
}

fn part(f: &mut fmt::Formatter<'_>, count: u64, of: impl fmt::Display) -> fmt::Result {
    writeln!(f, "{:NAME$} {count:>7}  {of}", "")
}

/// A number of bytes, in a suitable unit.
struct Bytes(u64);

impl fmt::Display for Bytes {
    #[expect(clippy::cast_precision_loss, reason = "one digit after the point is shown")]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.0 as f64;
        match self.0 {
            0..1_000 => write!(f, "{} B", self.0),
            1_000..1_000_000 => write!(f, "{:.1} kB", bytes / 1e3),
            1_000_000..1_000_000_000 => write!(f, "{:.1} MB", bytes / 1e6),
            _ => write!(f, "{:.1} GB", bytes / 1e9),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use cache_store::{Changes, Plan};

    use super::*;
    use crate::evidence::Rule;

    #[test]
    fn a_report_reads_as_a_table() {
        let mut report = Report { runs: 1, estimated_calls: 21, ..Report::default() };
        report.answers.found_high = 9;
        report.answers.absent = 1;
        report.rules.insert(Rule::WholePath, 9);
        report.lookups.computed = 10;
        report.store_bytes = 1_572_864;
        report.phases.run.record(Duration::from_micros(1_500));
        report.steps.push(StepReport {
            section: "Movies".to_owned(),
            plan: Plan::Delta,
            reason: "the change counter moved".to_owned(),
            changes: Changes { added: 1, ..Changes::default() },
            times: 2,
        });
        let mapping = PathMapping { local: "/mnt/films".to_owned(), plex: "/data".to_owned() };
        report.suggested_mappings.push(MappingSuggestion { mapping, support: 9, against: 1 });
        report.unused_mappings.push(PathMapping::new("/films", "/wrong"));
        let expected = "\
answers    9 found (0 with low confidence), 0 ambiguous, 1 absent, 0 unknown
                 9  whole_path
lookups    0 remembered, 10 computed, 0 asked for one by one
calls      0 (0 retries, 0 failed), 0 B; about 21 without a cache: 21 saved
refresh    Movies: Delta (the change counter moved), 2 times: 1 added, 0 changed, 0 removed
mapping    suggested: /mnt/films is /data on the server (9 files agree, 1 do not)
mapping    not used: /films as /wrong: it led to no file of this run
run        1.5ms
store      1.6 MB";
        assert_eq!(report.to_string(), expected);
        let line = "10 files: 9 found, 1 absent; 0 calls, about 21 saved; 1.5ms";
        assert_eq!(report.summary(), line);
        report.answers = AnswerCounts { found_low: 1, ..AnswerCounts::default() };
        report.estimated_calls = 0;
        let line = "1 file: 1 found (1 with low confidence); 0 calls; 1.5ms";
        assert_eq!(report.summary(), line);
    }

    #[test]
    fn more_calls_than_without_a_cache_are_explained() {
        let calls = plex_api::Tally { count: 3, bytes: 12, ..plex_api::Tally::default() };
        let mut report = Report { runs: 1, estimated_calls: 2, ..Report::default() };
        report.calls.by_endpoint.insert(plex_api::Endpoint::Page, calls);
        let line = |report: &Report| {
            report.to_string().lines().find(|line| line.starts_with("calls")).unwrap().to_owned()
        };
        let plain = "calls      3 (0 retries, 0 failed), 12 B; about 2 without a cache";
        assert_eq!(line(&report), plain);
        report.steps.push(StepReport {
            section: "Movies".to_owned(),
            plan: Plan::Full,
            reason: "nothing is cached".to_owned(),
            changes: Changes::default(),
            times: 1,
        });
        assert_eq!(line(&report), format!("{plain} (the first run pays for those to come)"));
        report.estimated_calls = 0;
        report.steps.clear();
        assert_eq!(line(&report), "calls      3 (0 retries, 0 failed), 12 B", "an outage");
    }
}
