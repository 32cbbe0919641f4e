//! Times of a repeated operation.

use std::fmt;
use std::ops::AddAssign;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Significant digits of a stored time. Percentiles are right to 1 %, and a histogram of years of
/// runs takes a few KB.
const DIGITS: u8 = 2;

/// Times of a repeated operation, in whole microseconds. The sum and the maximum are exact, the
/// percentiles are right to 1 %.
#[derive(Clone, Default, PartialEq)]
pub struct Timing {
    total: Duration,
    max: Duration,
    /// The times in microseconds. `None` until one is recorded, so that an empty report is small.
    spread: Option<Histogram<u64>>,
}

impl Timing {
    /// Adds one time.
    pub fn record(&mut self, time: Duration) {
        // Whole microseconds, as in JSON, so that writing and reading loses nothing.
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let time = Duration::from_micros(micros);
        self.total += time;
        self.max = self.max.max(time);
        self.add(micros, 1);
    }

    /// How many times were recorded.
    pub fn count(&self) -> u64 {
        self.spread.as_ref().map_or(0, Histogram::len)
    }

    /// The sum of all times.
    pub fn total(&self) -> Duration {
        self.total
    }

    /// The longest time.
    pub fn max(&self) -> Duration {
        self.max
    }

    /// The time that `percent` of the times did not exceed. It is zero if there are no times.
    pub fn percentile(&self, percent: f64) -> Duration {
        let micros = |spread: &Histogram<u64>| spread.value_at_percentile(percent);
        // The upper end of a bucket may be above the longest time in it.
        Duration::from_micros(self.spread.as_ref().map_or(0, micros)).min(self.max)
    }

    /// The median: half of the times were not longer.
    pub fn p50(&self) -> Duration {
        self.percentile(50.0)
    }

    /// The 99th percentile: 99 of 100 times were not longer.
    pub fn p99(&self) -> Duration {
        self.percentile(99.0)
    }

    /// The histogram as (upper end of the bucket in microseconds, number of times), ascending.
    pub fn buckets(&self) -> Vec<(u64, u64)> {
        let recorded = self.spread.iter().flat_map(Histogram::iter_recorded);
        recorded.map(|at| (at.value_iterated_to(), at.count_at_value())).collect()
    }

    fn add(&mut self, micros: u64, count: u64) {
        if self.spread.is_none() {
            // This fails only with more than 5 digits.
            self.spread = Histogram::new(DIGITS).ok();
        }
        if let Some(spread) = &mut self.spread {
            // This fails only if a longer range needs more memory than a usize can count.
            let _ = spread.record_n(micros, count);
        }
    }
}

impl AddAssign<&Timing> for Timing {
    fn add_assign(&mut self, other: &Timing) {
        self.total += other.total;
        self.max = self.max.max(other.max);
        for (micros, count) in other.buckets() {
            self.add(micros, count);
        }
    }
}

impl fmt::Debug for Timing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// `12 ms (p50 3 ms, p99 9 ms, max 9 ms of 4)`.
impl fmt::Display for Timing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.1?}", self.total)?;
        if self.count() > 1 {
            let (p50, p99, max, count) = (self.p50(), self.p99(), self.max, self.count());
            write!(f, " (p50 {p50:.1?}, p99 {p99:.1?}, max {max:.1?} of {count})")?;
        }
        Ok(())
    }
}

/// The JSON form. Percentiles are for readers, buckets are for adding times up.
#[derive(Serialize, Deserialize)]
struct Written {
    count: u64,
    total_us: u64,
    p50_us: u64,
    p99_us: u64,
    max_us: u64,
    buckets: Vec<(u64, u64)>,
}

impl Serialize for Timing {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let written = Written {
            count: self.count(),
            total_us: micros(self.total),
            p50_us: micros(self.p50()),
            p99_us: micros(self.p99()),
            max_us: micros(self.max),
            buckets: self.buckets(),
        };
        written.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Timing {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let written = Written::deserialize(deserializer)?;
        let mut timing = Self {
            total: Duration::from_micros(written.total_us),
            max: Duration::from_micros(written.max_us),
            spread: None,
        };
        for (micros, count) in written.buckets {
            timing.add(micros, count);
        }
        Ok(timing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_right_to_one_percent_and_the_longest_is_exact() {
        let mut timing = Timing::default();
        assert_eq!((timing.p50(), timing.max(), timing.count()), Default::default());
        for millis in 1..=1_000 {
            timing.record(Duration::from_millis(millis));
        }
        assert_eq!(timing.total(), Duration::from_millis(500_500));
        assert_eq!(timing.max(), Duration::from_secs(1));
        for (percent, expected) in [(50.0, 500.0), (99.0, 990.0), (100.0, 1_000.0)] {
            let millis = timing.percentile(percent).as_secs_f64() * 1e3;
            assert!((millis - expected).abs() <= expected / 100.0, "p{percent}: {millis} ms");
        }
    }

    #[test]
    fn adding_is_as_if_all_had_been_recorded_in_one() {
        let (mut odd, mut even, mut all) = <(Timing, Timing, Timing)>::default();
        for micros in [3, 900, 77, 1_234_567, 5, 5, 80_000_000] {
            let half = if micros % 2 == 1 { &mut odd } else { &mut even };
            half.record(Duration::from_micros(micros));
            all.record(Duration::from_micros(micros));
        }
        odd += &even;
        assert_eq!(odd, all);
        assert_eq!(odd.buckets(), all.buckets());
    }
}
