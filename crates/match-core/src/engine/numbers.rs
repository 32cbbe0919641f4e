//! Counts and times for the `metrics` facade. Without that feature, this module does nothing.

#[cfg(feature = "metrics")]
use std::sync::{Mutex, PoisonError};

use plex_api::Calls;

use crate::report::Report;

/// What was reported to the facade so far.
#[derive(Debug, Default)]
pub(crate) struct Numbers {
    /// The client counts all its calls. Only the new ones are reported.
    #[cfg(feature = "metrics")]
    told: Mutex<Calls>,
}

impl Numbers {
    /// Reports the calls that were made since the last report.
    #[cfg_attr(
        not(feature = "metrics"),
        expect(clippy::unused_self, reason = "nothing to do without the feature")
    )]
    pub(crate) fn calls(&self, now: impl FnOnce() -> Calls) {
        #[cfg(feature = "metrics")]
        {
            let now = now();
            let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
            crate::report::metrics::calls(&now.minus(&told));
            *told = now;
        }
        #[cfg(not(feature = "metrics"))]
        let _ = now;
    }

    /// Reports one run.
    pub(crate) fn run(report: &Report, outage: bool) {
        #[cfg(feature = "metrics")]
        crate::report::metrics::run(report, outage);
        #[cfg(not(feature = "metrics"))]
        let _ = (report, outage);
    }

    /// Reports the outcomes of edits: the name of each outcome, and how many there are.
    pub(crate) fn edits(outcomes: [(&'static str, usize); 4]) {
        #[cfg(feature = "metrics")]
        crate::report::metrics::edits(outcomes);
        #[cfg(not(feature = "metrics"))]
        let _ = outcomes;
    }
}
