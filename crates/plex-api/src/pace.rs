//! Pacing: at most so many requests begun in a second, evenly spread.

use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::clock::timer_now;

/// Hands out moments to begin a request. Without a rate it never waits.
#[derive(Debug)]
pub(crate) struct Pace {
    interval: Option<Duration>,
    next: Mutex<Option<Instant>>,
}

impl Pace {
    pub(crate) fn new(per_second: Option<NonZeroU32>) -> Self {
        let interval = per_second.map(|rate| Duration::from_secs(1) / rate.get());
        Self { interval, next: Mutex::new(None) }
    }

    /// Waits until the next request may begin.
    pub(crate) async fn wait(&self) {
        if let Some(interval) = self.interval {
            tokio::time::sleep_until(self.reserve(interval)).await;
        }
    }

    fn reserve(&self, interval: Duration) -> Instant {
        let now = timer_now();
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let moment = next.map_or(now, |next| next.max(now));
        *next = Some(moment + interval);
        moment
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn requests_are_spread_evenly() {
        let start = timer_now();
        let pace = Pace::new(NonZeroU32::new(10));
        for _ in 0..5 {
            pace.wait().await;
        }
        assert_eq!(start.elapsed().as_millis(), 400);
        let unlimited = Pace::new(None);
        for _ in 0..1000 {
            unlimited.wait().await;
        }
        assert_eq!(start.elapsed().as_millis(), 400);
    }
}
