//! Counts and times for the `metrics` facade. Without the feature there is nothing here to do.

#[cfg(feature = "metrics")]
use std::sync::{Mutex, PoisonError};

use plex_api::Calls;

use crate::report::Report;

/// What the facade was told so far.
#[derive(Debug, Default)]
pub(crate) struct Numbers {
    /// Calls are counted by the client from its beginning, and told by what was added.
    #[cfg(feature = "metrics")]
    told: Mutex<Calls>,
}

impl Numbers {
    /// Tells the calls that were made since it was last said.
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

    /// Tells what a run did.
    pub(crate) fn run(report: &Report, outage: bool) {
        #[cfg(feature = "metrics")]
        crate::report::metrics::run(report, outage);
        #[cfg(not(feature = "metrics"))]
        let _ = (report, outage);
    }

    /// Tells what became of edits: names of outcomes, and how many.
    pub(crate) fn edits(outcomes: [(&'static str, usize); 4]) {
        #[cfg(feature = "metrics")]
        crate::report::metrics::edits(outcomes);
        #[cfg(not(feature = "metrics"))]
        let _ = outcomes;
    }
}
