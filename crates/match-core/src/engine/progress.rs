//! What takes long says how far it is.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use plex_api::{Client, Clock, Monotonic};

/// What is being done. Those of a run come first, in their order, and are the phases of
/// [`crate::Phases`].
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
    /// Reading items by key, to verify or to edit them.
    Items,
    /// Sending edits.
    Send,
}

impl Phase {
    /// The phase's name, in a report too.
    pub fn name(self) -> &'static str {
        match self {
            Self::Refresh => "refresh",
            Self::Keys => "keys",
            Self::Recall => "recall",
            Self::Matching => "matching",
            Self::Remember => "remember",
            Self::Items => "items",
            Self::Send => "send",
        }
    }

    /// What is counted.
    fn unit(self) -> &'static str {
        match self {
            Self::Refresh => "rows",
            Self::Keys | Self::Recall | Self::Matching | Self::Remember => "files",
            Self::Items | Self::Send => "items",
        }
    }
}

/// How far something is.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct RunProgress {
    /// What is being done. Phases come again for each section, and where a refresh brought more
    /// to match.
    pub phase: Phase,
    /// Title of the section that is read.
    pub section: Option<Arc<str>>,
    /// Rows read, files answered or items done, in this phase.
    pub done: u64,
    /// Of how many.
    pub total: u64,
    /// How many of them a second, since the phase was first told of. `None` before that can be
    /// said.
    pub rate: Option<f64>,
    /// Calls that the engine's client has made so far, those of earlier runs included.
    pub calls: u64,
}

impl RunProgress {
    /// How long the rest of this phase takes at this rate. `None` before that can be said.
    pub fn remaining(&self) -> Option<Duration> {
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        let left = self.total.saturating_sub(self.done) as f64;
        Duration::try_from_secs_f64(left / self.rate?).ok()
    }

    /// What is being done, in words: `reading Movies`.
    pub fn doing(&self) -> String {
        let doing = match self.phase {
            Phase::Refresh => "reading",
            Phase::Keys => "making keys",
            Phase::Recall => "looking up",
            Phase::Matching => "matching",
            Phase::Remember => "remembering",
            Phase::Items => "reading items",
            Phase::Send => "sending edits",
        };
        match &self.section {
            Some(section) => format!("{doing} {section}"),
            None => doing.to_owned(),
        }
    }
}

/// `reading Movies: 1500 of 10000 rows, 3000/s`.
impl fmt::Display for RunProgress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { phase, done, total, rate, .. } = self;
        write!(f, "{}: {done} of {total} {}", self.doing(), phase.unit())?;
        match rate {
            Some(rate) => write!(f, ", {rate:.0}/s"),
            None => Ok(()),
        }
    }
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
    to: Option<OnProgress>,
    client: Client,
    clock: Clock,
    /// What was last told of, and since when.
    current: Arc<Mutex<Option<Current>>>,
}

/// Something that goes on.
#[derive(Debug)]
struct Current {
    phase: Phase,
    section: Option<Arc<str>>,
    since: Monotonic,
    /// How much was done by then, and when it was last told of.
    first: u64,
    last: u64,
}

impl Teller {
    pub(crate) fn new(to: Option<OnProgress>, client: Client, clock: Clock) -> Self {
        Self { to, client, clock, current: Arc::default() }
    }

    /// Whether anybody listens.
    pub(crate) fn is_heard(&self) -> bool {
        self.to.is_some()
    }

    /// Tells of files or items.
    pub(crate) fn tell(&self, phase: Phase, done: u64, total: u64) {
        self.tell_of(phase, None, done, total);
    }

    /// Tells of a section.
    pub(crate) fn tell_of(&self, phase: Phase, section: Option<&str>, done: u64, total: u64) {
        let Some(OnProgress(tell)) = &self.to else { return };
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let same = current.take().filter(|now| {
            now.phase == phase && now.section.as_deref() == section && now.last <= done
        });
        let now = current.insert(match same {
            Some(now) => Current { last: done, ..now },
            None => Current {
                phase,
                section: section.map(Arc::from),
                since: self.clock.monotonic(),
                first: done,
                last: done,
            },
        });
        let seconds = now.since.elapsed().as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        let rate = (done > now.first && seconds > 0.0).then(|| (done - now.first) as f64 / seconds);
        let section = now.section.clone();
        drop(current); // the host's own code runs now
        let calls = self.client.calls().total().count;
        tell(RunProgress { phase, section, done, total, rate, calls });
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_reads_as_a_line_and_says_how_long_it_takes() {
        let progress = RunProgress {
            phase: Phase::Refresh,
            section: Some("Movies".into()),
            done: 1_500,
            total: 10_000,
            rate: Some(500.0),
            calls: 5,
        };
        assert_eq!(progress.to_string(), "reading Movies: 1500 of 10000 rows, 500/s");
        assert_eq!(progress.remaining(), Some(Duration::from_secs(17)));
        let first = RunProgress { rate: None, section: None, phase: Phase::Send, ..progress };
        assert_eq!(first.to_string(), "sending edits: 1500 of 10000 items");
        assert_eq!(first.remaining(), None);
    }
}
