//! Reports the progress of long operations.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use plex_api::{Client, Clock, Monotonic};

/// The operation. The phases of a run come first, in their order. They are the phases of
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
    /// The phase's name, as reports show it.
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

    /// The unit that is counted.
    fn unit(self) -> &'static str {
        match self {
            Self::Refresh => "rows",
            Self::Keys | Self::Recall | Self::Matching | Self::Remember => "files",
            Self::Items | Self::Send => "items",
        }
    }
}

/// The progress of an operation.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct RunProgress {
    /// The operation. A phase repeats for each section, and after a refresh that brought more to
    /// match.
    pub phase: Phase,
    /// Title of the section that is being read.
    pub section: Option<Arc<str>>,
    /// How many rows were read, files were answered or items were done, in this phase.
    pub done: u64,
    /// How many there are in all.
    pub total: u64,
    /// How many are done per second, measured since the first report of this phase. `None` while
    /// this is not known yet.
    pub rate: Option<f64>,
    /// The calls that the engine's client has made so far, also in earlier runs.
    pub calls: u64,
}

impl RunProgress {
    /// How long the rest of this phase takes at this rate. `None` while this is not known yet.
    pub fn remaining(&self) -> Option<Duration> {
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        let left = self.total.saturating_sub(self.done) as f64;
        Duration::try_from_secs_f64(left / self.rate?).ok()
    }

    /// The operation in words: `reading Movies`.
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

/// The function that an engine reports its progress to. It runs on the engine's own threads, so it
/// must not take long. It can, for example, send to a channel.
#[derive(Clone)]
pub struct OnProgress(Arc<dyn Fn(RunProgress) + Send + Sync>);

impl OnProgress {
    /// Makes it from a function.
    pub fn new(tell: impl Fn(RunProgress) + Send + Sync + 'static) -> Self {
        Self(Arc::new(tell))
    }
}

impl fmt::Debug for OnProgress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OnProgress")
    }
}

/// An engine's connection to the host's function.
#[derive(Debug, Clone)]
pub(crate) struct Teller {
    to: Option<OnProgress>,
    client: Client,
    clock: Clock,
    /// The operation of the last report, and when it began.
    current: Arc<Mutex<Option<Current>>>,
}

/// An operation that is running.
#[derive(Debug)]
struct Current {
    phase: Phase,
    section: Option<Arc<str>>,
    since: Monotonic,
    /// How much was done at the first report, and at the last one.
    first: u64,
    last: u64,
}

impl Teller {
    pub(crate) fn new(to: Option<OnProgress>, client: Client, clock: Clock) -> Self {
        Self { to, client, clock, current: Arc::default() }
    }

    /// Whether the host listens.
    pub(crate) fn is_heard(&self) -> bool {
        self.to.is_some()
    }

    /// Reports a number of files or items.
    pub(crate) fn tell(&self, phase: Phase, done: u64, total: u64) {
        self.tell_of(phase, None, done, total);
    }

    /// Reports the progress of a section.
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
        drop(current); // the host's own function runs now
        let calls = self.client.calls().total().count;
        tell(RunProgress { phase, section, done, total, rate, calls });
    }

    /// Reports the beginning and the end of work on `total` files. Without files, it reports
    /// nothing.
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
