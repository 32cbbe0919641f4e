//! When to retry: a pure policy. It decides from the error and the time that is left.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use crate::clock::UnixSeconds;
use crate::error::Error;
use crate::error::kind::Class;

/// How often, and for how long, a request is repeated.
///
/// Only requests that do no harm when repeated are repeated. Each wait is random between zero and a
/// bound that doubles (full jitter), so that many clients do not come back at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetryPolicy {
    /// The number of attempts, the first included. Default 4: enough to outlast a restart of a
    /// proxy.
    pub attempts: u32,
    /// The bound of the first wait. It doubles with each wait. Default 500 ms.
    pub base: Duration,
    /// The largest bound. Default 8 s.
    pub cap: Duration,
    /// The longest `Retry-After` that is obeyed. If the server asks for more, the request fails.
    /// Default 30 s.
    pub retry_after_cap: Duration,
    /// The time from the start of the first attempt to the end of the last. Default 60 s: twice the
    /// time-out of one attempt.
    pub deadline: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            attempts: 4,
            base: Duration::from_millis(500),
            cap: Duration::from_secs(8),
            retry_after_cap: Duration::from_secs(30),
            deadline: Duration::from_mins(1),
        }
    }
}

impl RetryPolicy {
    /// A policy without retries.
    pub fn none() -> Self {
        Self { attempts: 1, ..Self::default() }
    }

    /// How long to wait before the next attempt. `None`: give up.
    ///
    /// `failed` is the number of attempts made. `elapsed` is the time since the first attempt
    /// began. `random` is any number, evenly distributed.
    #[must_use]
    pub(crate) fn wait(
        &self,
        error: &Error,
        failed: u32,
        elapsed: Duration,
        random: u64,
    ) -> Option<Duration> {
        if error.kind().class() == Class::Final || failed >= self.attempts {
            return None;
        }
        let wait = match error.retry_after() {
            Some(asked) if asked > self.retry_after_cap => return None,
            // The server's number is a minimum, so jitter is added to it.
            Some(asked) => asked.saturating_add(self.jitter(1, random)),
            None => self.jitter(failed, random),
        };
        (elapsed.saturating_add(wait) < self.deadline).then_some(wait)
    }

    /// A random wait, up to a bound that doubles with each failed attempt.
    pub(crate) fn jitter(&self, failed: u32, random: u64) -> Duration {
        let doubled = 2_u32.saturating_pow(failed.saturating_sub(1));
        let bound = self.base.saturating_mul(doubled).min(self.cap);
        let nanos = u64::try_from(bound.as_nanos()).unwrap_or(u64::MAX);
        Duration::from_nanos(random.checked_rem(nanos.saturating_add(1)).unwrap_or(random))
    }
}

/// Reads a `Retry-After`: seconds, or a date as HTTP writes it.
pub(crate) fn retry_after(value: &str, now: UnixSeconds) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    http_date(value).map(|moment| moment.since(now))
}

/// Reads `Sun, 06 Nov 1994 08:49:37 GMT`.
fn http_date(text: &str) -> Option<UnixSeconds> {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let mut words = text.split_once(", ")?.1.split(' ');
    let day: i64 = words.next()?.parse().ok()?;
    let name = words.next()?;
    let month = i64::try_from(MONTHS.iter().position(|month| *month == name)?).ok()? + 1;
    let year: i64 = words.next()?.parse().ok().filter(|year| (1970..10_000).contains(year))?;
    let mut time = words.next()?.splitn(3, ':').map(|number| number.parse::<i64>().ok());
    let (hour, minute, second) = (time.next()??, time.next()??, time.next()??);
    if !(1..=31).contains(&day) || hour > 24 || minute > 60 || second > 60 {
        return None;
    }
    // Days since 1970-01-01 in the Gregorian calendar. Years are counted from March, so that the
    // leap day is the last day of its year.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days =
        365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 719_469;
    Some(UnixSeconds(days * 86_400 + hour * 3600 + minute * 60 + second))
}

/// A random number. The standard library gives each of these hashers another seed.
pub(crate) fn random() -> u64 {
    RandomState::new().hash_one(0_u8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::kind::ErrorKind;

    const S: Duration = Duration::from_secs(1);

    #[test]
    fn waits_follow_the_policy() {
        let policy = RetryPolicy::default();
        let error = |kind| Error::new(kind, "");
        let asked = |seconds| {
            error(ErrorKind::TooManyRequests).with_status(429, Some(Duration::from_secs(seconds)))
        };
        let ms = |n| Some(Duration::from_millis(n));
        // (error, failed attempts, elapsed, random, expected wait)
        let table = [
            (error(ErrorKind::Connect), 1, S, 0, ms(0)),
            (error(ErrorKind::Connect), 1, S, 500_000_000, ms(500)),
            (error(ErrorKind::Connect), 2, S, 1_000_000_000, ms(1000)),
            (error(ErrorKind::Server), 3, S, 2_000_000_000, ms(2000)),
            (error(ErrorKind::Connect), 4, S, 0, None),
            (error(ErrorKind::NotFound), 1, S, 0, None),
            (error(ErrorKind::Unauthorized), 1, S, 0, None),
            (asked(3), 1, S, 0, ms(3000)),
            (asked(31), 1, S, 0, None),
            (asked(30), 1, 40 * S, 0, None),
            (error(ErrorKind::Timeout), 1, 60 * S, 0, None),
        ];
        for (error, failed, elapsed, random, expected) in table {
            assert_eq!(policy.wait(&error, failed, elapsed, random), expected, "{error} {failed}");
        }
    }

    #[test]
    fn jitter_never_passes_the_cap() {
        let policy =
            RetryPolicy { attempts: u32::MAX, deadline: Duration::MAX, ..RetryPolicy::default() };
        for failed in [1, 2, 5, 40, u32::MAX - 1] {
            for random in [0, 1, u64::MAX / 2, u64::MAX] {
                assert!(policy.jitter(failed, random) <= policy.cap);
            }
        }
    }

    #[test]
    fn retry_after_is_read_in_both_forms() {
        let now = UnixSeconds(784_111_777);
        for (value, expected) in [
            ("7", Some(7)),
            (" 0 ", Some(0)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(0)),
            ("Sun, 06 Nov 1994 08:50:37 GMT", Some(60)),
            ("Tue, 29 Feb 2000 00:00:00 GMT", Some(951_782_400 - 784_111_777)),
            ("Thu, 01 Jan 1970 00:00:00 GMT", Some(0)),
            ("soon", None),
            ("-1", None),
            ("Sun, 06 Foo 1994 08:49:37 GMT", None),
        ] {
            assert_eq!(retry_after(value, now), expected.map(Duration::from_secs), "{value}");
        }
    }

    #[test]
    fn random_numbers_differ() {
        assert_ne!(random(), random());
    }
}
