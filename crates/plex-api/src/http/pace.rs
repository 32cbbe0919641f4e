//! Pacing: limits how many requests begin in a second, and spreads them evenly.

use std::num::NonZeroU32;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::clock::timer_now;

/// Decides when each request may begin. Without a rate, nobody waits.
#[derive(Debug)]
pub(crate) struct Pace {
    interval: Option<Duration>,
    /// When the next request may begin. The lock belongs to the caller who waits for that moment.
    /// So a caller who stops waiting takes no moment from the others.
    next: Mutex<Option<Instant>>,
}

impl Pace {
    pub(crate) fn new(per_second: Option<NonZeroU32>) -> Self {
        let interval = per_second.map(|rate| Duration::from_secs(1) / rate.get());
        Self { interval, next: Mutex::new(None) }
    }

    /// Waits until the next request may begin, in the order of the callers.
    pub(crate) async fn wait(&self) {
        let Some(interval) = self.interval else { return };
        let mut next = self.next.lock().await;
        let now = timer_now();
        let moment = next.map_or(now, |next| next.max(now));
        tokio::time::sleep_until(moment).await;
        *next = Some(moment + interval);
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
    #[tokio::test(start_paused = true)]
    async fn who_stops_waiting_keeps_nobody_waiting() {
        let start = timer_now();
        let pace = Pace::new(NonZeroU32::new(1));
        pace.wait().await;
        let leaving =
            (0..200).map(|_| tokio::time::timeout(Duration::from_millis(10), pace.wait()));
        for outcome in futures::future::join_all(leaving).await {
            outcome.unwrap_err();
        }
        pace.wait().await;
        assert_eq!(start.elapsed().as_millis(), 1000);
    }
}
