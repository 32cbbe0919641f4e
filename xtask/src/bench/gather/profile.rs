//! The time by phase: the time in each of our spans, without the spans inside it.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tracing::span::Id;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use super::clock::now;
use crate::bench::compute::outcome::Busy;

/// Sums up the time in each span, without the spans inside it.
#[derive(Clone, Default)]
pub(crate) struct Profile(Arc<Mutex<BTreeMap<&'static str, Busy>>>);

/// A span that a thread has entered.
struct Open {
    name: &'static str,
    since: Instant,
    inside: Duration,
}

thread_local! {
    static OPEN: RefCell<Vec<Open>> = const { RefCell::new(Vec::new()) };
}

impl<S: tracing::Subscriber + for<'a> LookupSpan<'a>> tracing_subscriber::Layer<S> for Profile {
    fn on_enter(&self, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let open = Open { name: span.metadata().name(), since: now(), inside: Duration::ZERO };
        OPEN.with_borrow_mut(|stack| stack.push(open));
    }

    fn on_exit(&self, _: &Id, _: Context<'_, S>) {
        let Some(open) = OPEN.with_borrow_mut(Vec::pop) else { return };
        let elapsed = open.since.elapsed();
        OPEN.with_borrow_mut(|stack| {
            if let Some(outer) = stack.last_mut() {
                outer.inside += elapsed;
            }
        });
        let mut sums = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let sum = sums.entry(open.name).or_default();
        sum.times += 1;
        sum.busy += elapsed.saturating_sub(open.inside);
    }
}

impl Profile {
    /// The time in each span so far, by span name.
    pub(crate) fn sums(&self) -> BTreeMap<&'static str, Busy> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
