//! Where the time went, by phase: each of our spans with the time spent in it alone.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tracing::span::Id;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use super::result::Outcome;
use super::story::now;

/// The spans that are phases, and what they are.
const PHASES: [(&str, &str); 5] = [
    ("parse", "decoding answers"),
    ("hash", "folding paths, and hashing them into keys"),
    ("recall", "reading remembered answers"),
    ("score", "reading the indexes, folding and scoring candidates"),
    ("write", "transactions, syncing to disk included"),
];

/// Sums up the time in each span, without the spans inside it.
#[derive(Clone, Default)]
pub(crate) struct Profile(Arc<Mutex<BTreeMap<&'static str, Sum>>>);

#[derive(Default, Clone, Copy)]
struct Sum {
    times: u64,
    busy: Duration,
}

/// A span that a thread is in.
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
    pub(super) fn print(&self, outcome: &Outcome) {
        let sums = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        println!("\nWhere the time went, all runs together (threads add up)");
        for (name, what) in PHASES {
            let Sum { times, busy } = sums.get(name).copied().unwrap_or_default();
            println!("  {name:<7} {:>10.1} ms  {times:>7} times  {what}", millis(busy));
        }
        let calls = outcome.all().map(|scenario| scenario.report.calls.total());
        let (count, wait) = calls.fold((0, Duration::ZERO), |(count, wait), calls| {
            (count + calls.count, wait + calls.latency)
        });
        println!(
            "  {:<7} {:>10.1} ms  {count:>7} times  from sending to the last byte; calls at once add up",
            "wait",
            millis(wait)
        );
    }
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
