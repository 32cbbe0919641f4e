//! Time. This is the only file of the three crates that reads a clock.
//!
//! Wall-clock time decides freshness. It comes in as a [`Clock`], so that a test can move it by
//! hand. Reported latencies are always measured with the real monotonic clock. Waiting (retries,
//! deadlines, pacing) follows tokio's timer, which tests can pause.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// A moment in seconds since 1970-01-01 UTC, the unit of every time in Plex's API.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct UnixSeconds(pub i64);

impl UnixSeconds {
    /// The moment `duration` later, in whole seconds. It stops at the end of the range.
    #[must_use]
    pub fn saturating_add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(whole_seconds(duration)))
    }

    /// The moment `duration` earlier, in whole seconds. It stops at the start of the range.
    #[must_use]
    pub fn saturating_sub(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(whole_seconds(duration)))
    }

    /// How long ago `earlier` was. Zero when `earlier` lies in the future.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_secs(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl fmt::Display for UnixSeconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

fn whole_seconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_secs()).unwrap_or(i64::MAX)
}

/// The source of the time of day.
#[derive(Debug, Clone, Default)]
pub enum Clock {
    /// The system's clock.
    #[default]
    System,
    /// A clock that stands still until it is moved. All clones show the same time.
    Manual(Arc<AtomicI64>),
}

impl Clock {
    /// The system's clock.
    pub fn system() -> Self {
        Self::System
    }

    /// A clock that shows `start` until [`Clock::advance`] moves it.
    pub fn manual(start: UnixSeconds) -> Self {
        Self::Manual(Arc::new(AtomicI64::new(start.0)))
    }

    /// The current time of day.
    pub fn now(&self) -> UnixSeconds {
        match self {
            Self::System => system_now(),
            Self::Manual(hand) => UnixSeconds(hand.load(Ordering::SeqCst)),
        }
    }

    /// Moves a manual clock forward, for every clone of it. The system's clock cannot be moved:
    /// nothing happens.
    pub fn advance(&self, by: Duration) {
        if let Self::Manual(hand) = self {
            hand.fetch_add(whole_seconds(by), Ordering::SeqCst);
        }
    }

    /// The time since a moment that is given on both clocks. The monotonic clock measures it. A
    /// manual clock measures it in whole seconds of its own time, so that a test can say how slow a
    /// server is.
    pub(crate) fn took(&self, started: Monotonic, at: UnixSeconds) -> Duration {
        match self {
            Self::System => started.elapsed(),
            Self::Manual(_) => self.now().since(at),
        }
    }

    /// Starts measuring a latency, always with the real monotonic clock, even for a manual clock.
    #[expect(clippy::disallowed_methods, reason = "this file is where the clock is read")]
    pub fn monotonic(&self) -> Monotonic {
        Monotonic(Instant::now())
    }
}

/// A moment of the monotonic clock.
#[derive(Debug, Clone, Copy)]
pub struct Monotonic(Instant);

impl Monotonic {
    /// The time passed since this moment.
    pub fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

#[expect(clippy::disallowed_methods, reason = "this file is where the clock is read")]
fn system_now() -> UnixSeconds {
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => UnixSeconds(whole_seconds(since)),
        // The machine's clock is set to a time before 1970.
        Err(before) => UnixSeconds(whole_seconds(before.duration()).saturating_neg()),
    }
}

/// The current moment of tokio's timer. Deadlines are set against it.
pub(crate) fn timer_now() -> tokio::time::Instant {
    tokio::time::Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_of_a_manual_clock_share_one_hand() {
        let clock = Clock::manual(UnixSeconds(100));
        let other = clock.clone();
        clock.advance(Duration::from_millis(5900));
        assert_eq!(other.now(), UnixSeconds(105));
    }

    #[test]
    fn moments_saturate() {
        assert_eq!(UnixSeconds(i64::MAX).saturating_add(Duration::MAX), UnixSeconds(i64::MAX));
        assert_eq!(UnixSeconds(i64::MIN).saturating_sub(Duration::MAX), UnixSeconds(i64::MIN));
        assert_eq!(UnixSeconds(3).since(UnixSeconds(9)), Duration::ZERO);
        assert_eq!(UnixSeconds(9).since(UnixSeconds(3)), Duration::from_secs(6));
    }
}
