//! The circuit breaker: after repeated outages, no request is sent for a while.
//!
//! The breaker counts requests in a row that failed with an outage after all their retries. Any
//! answer of the server, even a 404, proves that the server is there and closes the circuit.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::error::Error;
use crate::error::kind::ErrorKind;

/// When the circuit opens and for how long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BreakerPolicy {
    /// How many failed requests in a row open the circuit. 0 never opens it. Default 3: with their
    /// retries, 12 attempts without an answer.
    pub failures: u32,
    /// How long the circuit stays open before one request is let through as a probe. Default 15 s.
    pub cool_down: Duration,
}

impl Default for BreakerPolicy {
    fn default() -> Self {
        Self { failures: 3, cool_down: Duration::from_secs(15) }
    }
}

/// The longest wait that gives a valid moment: 30 years.
const FOREVER: Duration = Duration::from_hours(30 * 365 * 24);

#[derive(Debug)]
enum State {
    Closed { failures: u32 },
    Open { until: Instant, cause: ErrorKind },
    Probing { cause: ErrorKind },
}

/// One circuit, shared by all clones of a client.
#[derive(Debug)]
pub(crate) struct Breaker {
    policy: BreakerPolicy,
    state: Mutex<State>,
}

/// Permission to send one request. If the caller drops a probe without a result, the next request
/// becomes the probe.
#[derive(Debug)]
pub(crate) struct Admission {
    breaker: Arc<Breaker>,
    probe: bool,
    settled: bool,
}

impl Breaker {
    pub(crate) fn new(policy: BreakerPolicy) -> Self {
        Self { policy, state: Mutex::new(State::Closed { failures: 0 }) }
    }

    /// Gives permission to send, or [`ErrorKind::CircuitOpen`].
    pub(crate) fn admit(self: &Arc<Self>, now: Instant) -> Result<Admission, Error> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let probe = match *state {
            State::Closed { .. } => false,
            State::Open { until, cause } if now >= until => {
                *state = State::Probing { cause };
                true
            }
            State::Open { until, cause } => {
                // Rounded up, so that after this wait a request is let through.
                let wait = (until - now).as_millis().div_ceil(1_000);
                let text = format!("the last failure was: {cause}; ask again in {wait} s");
                return Err(Error::new(ErrorKind::CircuitOpen, text));
            }
            State::Probing { cause } => {
                let text = format!(
                    "the last failure was: {cause}; another request is trying: wait for it"
                );
                return Err(Error::new(ErrorKind::CircuitOpen, text));
            }
        };
        Ok(Admission { breaker: Arc::clone(self), probe, settled: false })
    }
}

impl Breaker {
    /// Whether requests under way should not be repeated.
    pub(crate) fn is_open(&self) -> bool {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        !matches!(*state, State::Closed { .. })
    }
}

impl Admission {
    /// Whether this request is the probe. A probe is not repeated.
    pub(crate) fn is_probe(&self) -> bool {
        self.probe
    }

    /// The server answered.
    pub(crate) fn answered(mut self) {
        self.settled = true;
        *self.breaker.state.lock().unwrap_or_else(PoisonError::into_inner) =
            State::Closed { failures: 0 };
    }

    /// The request failed with this kind after all its retries.
    pub(crate) fn failed(mut self, kind: ErrorKind, now: Instant) {
        if kind == ErrorKind::Config {
            return; // nothing was sent, so nothing was learned
        }
        if !kind.is_outage() {
            return self.answered();
        }
        self.settled = true;
        let policy = &self.breaker.policy;
        let mut state = self.breaker.state.lock().unwrap_or_else(PoisonError::into_inner);
        let failures = match *state {
            State::Closed { failures } => failures.saturating_add(1),
            // These requests began before the circuit opened. Their failures do not prolong the
            // wait.
            State::Open { .. } => return,
            State::Probing { .. } if !self.probe => return,
            State::Probing { .. } => policy.failures,
        };
        *state = if policy.failures > 0 && failures >= policy.failures {
            State::Open { until: now + policy.cool_down.min(FOREVER), cause: kind }
        } else {
            State::Closed { failures }
        };
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        if self.settled || !self.probe {
            return;
        }
        let mut state = self.breaker.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let State::Probing { cause } = *state {
            *state = State::Open { until: crate::clock::timer_now(), cause };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::timer_now;

    fn breaker(failures: u32) -> Arc<Breaker> {
        Arc::new(Breaker::new(BreakerPolicy { failures, cool_down: Duration::from_secs(15) }))
    }

    #[test]
    fn opens_after_outages_in_a_row_and_lets_one_probe_through() {
        let breaker = breaker(2);
        let start = timer_now();
        let later = start + Duration::from_secs(15);
        for _ in 0..2 {
            breaker.admit(start).unwrap().failed(ErrorKind::Connect, start);
        }
        let refused = breaker.admit(start).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::CircuitOpen);
        assert_eq!(
            refused.to_string(),
            "not asked after repeated outages: the last failure was: no connection; ask again in 15 s"
        );
        let probe = breaker.admit(later).unwrap();
        assert!(probe.is_probe());
        assert!(breaker.admit(later).is_err(), "only one at a time");
        probe.failed(ErrorKind::Timeout, later);
        assert!(breaker.admit(later).is_err(), "open again");
        let probe = breaker.admit(later + Duration::from_secs(15)).unwrap();
        probe.answered();
        assert!(!breaker.admit(later).unwrap().is_probe(), "closed again");
    }

    #[test]
    fn an_answer_of_any_kind_proves_the_server_is_there() {
        let breaker = breaker(2);
        let now = timer_now();
        for kind in [ErrorKind::NotFound, ErrorKind::Server, ErrorKind::Unauthorized] {
            breaker.admit(now).unwrap().failed(ErrorKind::Connect, now);
            breaker.admit(now).unwrap().failed(kind, now);
        }
        breaker.admit(now).unwrap().failed(ErrorKind::Connect, now);
        assert!(breaker.admit(now).is_ok());
    }

    #[test]
    fn a_probe_that_is_dropped_makes_room_for_the_next() {
        let breaker = breaker(1);
        let now = timer_now();
        breaker.admit(now).unwrap().failed(ErrorKind::Connect, now);
        let later = now + Duration::from_secs(20);
        drop(breaker.admit(later).unwrap());
        assert!(breaker.admit(later).unwrap().is_probe());
    }

    #[test]
    fn a_cool_down_without_end_stays_open() {
        let policy = BreakerPolicy { failures: 1, cool_down: Duration::MAX };
        let breaker = Arc::new(Breaker::new(policy));
        let now = timer_now();
        breaker.admit(now).unwrap().failed(ErrorKind::Connect, now);
        assert!(breaker.admit(now + Duration::from_hours(24)).is_err());
    }

    #[test]
    fn what_was_never_sent_says_nothing_of_the_server() {
        let breaker = breaker(1);
        let now = timer_now();
        breaker.admit(now).unwrap().failed(ErrorKind::Config, now);
        breaker.admit(now).unwrap().failed(ErrorKind::Connect, now);
        let later = now + Duration::from_secs(20);
        breaker.admit(later).unwrap().failed(ErrorKind::Config, later);
        assert!(breaker.admit(later + Duration::from_secs(1)).unwrap().is_probe(), "not closed");
    }

    #[test]
    fn zero_failures_never_open_it() {
        let breaker = breaker(0);
        let now = timer_now();
        for _ in 0..50 {
            breaker.admit(now).unwrap().failed(ErrorKind::Connect, now);
        }
        assert!(breaker.admit(now).is_ok());
    }
}
