//! What a run is doing, told while it does it.

use std::fmt;
use std::sync::Arc;

use plex_api::Client;

/// What a run is doing. The same phases as in [`crate::Phases`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Phase {
    /// Reading rows of a section from the server.
    Refresh,
    /// Making the keys under which answers are remembered.
    Keys,
    /// Looking up remembered answers in a section.
    Recall,
    /// Matching files from a section's indexes.
    Matching,
    /// Writing new answers.
    Remember,
}

impl Phase {
    /// The phase's name in a report.
    pub fn name(self) -> &'static str {
        match self {
            Self::Refresh => "refresh",
            Self::Keys => "keys",
            Self::Recall => "recall",
            Self::Matching => "matching",
            Self::Remember => "remember",
        }
    }
}

/// How far a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunProgress {
    /// What it is doing. Phases come again for each section, and where a refresh brought more
    /// to match.
    pub phase: Phase,
    /// Rows read, or files answered, in this phase.
    pub done: u64,
    /// Of how many.
    pub total: u64,
    /// Calls that the engine's client has made so far, those of earlier runs included.
    pub calls: u64,
}

/// Whom an engine tells how far it is. Called on the engine's own threads, so what takes long
/// belongs elsewhere: a channel's sending end is a good thing to call.
#[derive(Clone)]
pub struct OnProgress(Arc<dyn Fn(RunProgress) + Send + Sync>);

impl OnProgress {
    /// Calls `tell`.
    pub fn new(tell: impl Fn(RunProgress) + Send + Sync + 'static) -> Self {
        Self(Arc::new(tell))
    }
}

impl fmt::Debug for OnProgress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OnProgress")
    }
}

/// An engine's way to tell.
#[derive(Debug, Clone)]
pub(crate) struct Teller {
    pub(crate) to: Option<OnProgress>,
    pub(crate) client: Client,
}

impl Teller {
    pub(crate) fn tell(&self, phase: Phase, done: u64, total: u64) {
        if let Some(OnProgress(tell)) = &self.to {
            tell(RunProgress { phase, done, total, calls: self.client.calls().total().count });
        }
    }

    /// Tells of the beginning and the end of work on `total` files; of no files, nothing.
    pub(crate) fn around<T>(&self, phase: Phase, total: usize, work: impl FnOnce() -> T) -> T {
        let total = total as u64;
        if total == 0 {
            return work();
        }
        self.tell(phase, 0, total);
        let done = work();
        self.tell(phase, total, total);
        done
    }
}
