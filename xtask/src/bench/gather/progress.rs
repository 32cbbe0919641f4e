//! Progress on stderr: a bar on a terminal, plain lines elsewhere.

use std::io::IsTerminal;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use match_core::{OnProgress, RunProgress};

use super::clock::now;

/// The shortest time between two plain lines about one run.
const QUIET: Duration = Duration::from_secs(2);

/// The template of a bar, if there is something to count.
const BAR: &str = "{spinner} {prefix} [{bar:30}] {human_pos} of {human_len}, {msg}";
/// The template without a count.
const SPINNER: &str = "{spinner} {prefix} {msg}";

/// Shows the current work.
#[derive(Clone)]
pub(crate) struct Progress {
    bar: Option<ProgressBar>,
    /// The current work, and the time of the last line.
    said: Arc<Mutex<(String, Instant)>>,
}

impl Progress {
    pub(crate) fn new() -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new_spinner().with_style(style(SPINNER));
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        Self { bar, said: Arc::new(Mutex::new((String::new(), now()))) }
    }

    pub(crate) fn say(&self, what: impl Into<String>) {
        let what = what.into();
        match &self.bar {
            Some(bar) => {
                bar.set_style(style(SPINNER));
                bar.set_message("");
                bar.set_prefix(what.clone());
            }
            None => eprintln!("- {what}"),
        }
        *self.said.lock().unwrap_or_else(PoisonError::into_inner) = (what, now());
    }

    /// Shows the progress of an engine, until [`Progress::say`] is called again.
    pub(crate) fn of_a_run(&self) -> OnProgress {
        let progress = self.clone();
        OnProgress::new(move |told| progress.show(&told))
    }

    fn show(&self, told: &RunProgress) {
        let RunProgress { phase, done, total, calls, .. } = *told;
        let doing = format!("{}, {calls} calls", phase.name());
        if let Some(bar) = &self.bar {
            bar.set_style(style(BAR));
            bar.set_length(total);
            bar.set_position(done);
            bar.set_message(doing);
            return;
        }
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if said.1.elapsed() >= QUIET {
            eprintln!("  {}: {done} of {total}, {doing}", said.0);
            said.1 = now();
        }
    }

    pub(crate) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bars_are_templates() {
        for template in [BAR, SPINNER] {
            assert!(ProgressStyle::with_template(template).is_ok(), "{template}");
        }
    }
}
