//! Accounting: how many requests were sent to each endpoint, and what they cost.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The purpose of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Endpoint {
    /// The server's identity.
    Identity,
    /// What the server says about itself.
    Server,
    /// The list of sections with their stamps.
    Sections,
    /// How many rows a listing has.
    Total,
    /// A page of a listing.
    Page,
    /// Items by key.
    Items,
    /// Children or leaves of an item.
    Children,
    /// A search by title.
    SearchTitle,
    /// A lookup by file name.
    LookupFile,
    /// A lookup by guid.
    LookupGuid,
    /// An edit of items.
    Edit,
    /// An upload of an image.
    Upload,
    /// A request to scan a section.
    Scan,
    /// A connection to the event stream.
    Events,
}

impl Endpoint {
    /// Every endpoint, in the order of the counters.
    pub const ALL: [Self; 14] = [
        Self::Identity,
        Self::Server,
        Self::Sections,
        Self::Total,
        Self::Page,
        Self::Items,
        Self::Children,
        Self::SearchTitle,
        Self::LookupFile,
        Self::LookupGuid,
        Self::Edit,
        Self::Upload,
        Self::Scan,
        Self::Events,
    ];

    /// The name used in spans and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Server => "server",
            Self::Sections => "sections",
            Self::Total => "total",
            Self::Page => "page",
            Self::Items => "items",
            Self::Children => "children",
            Self::SearchTitle => "search_title",
            Self::LookupFile => "lookup_file",
            Self::LookupGuid => "lookup_guid",
            Self::Edit => "edit",
            Self::Upload => "upload",
            Self::Scan => "scan",
            Self::Events => "events",
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What the requests to one endpoint cost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// How many requests were sent, repeated ones included. The server received the same number.
    pub count: u64,
    /// How many of them were repetitions.
    pub retries: u64,
    /// How many of them failed.
    pub failures: u64,
    /// Bytes of the bodies received, after decompression.
    pub bytes: u64,
    /// Time from sending to the last byte, summed over the requests.
    #[serde(rename = "latency_us", with = "micros")]
    pub latency: Duration,
}

/// A duration as whole microseconds.
mod micros {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(time: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u64(u64::try_from(time.as_micros()).unwrap_or(u64::MAX))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        u64::deserialize(from).map(Duration::from_micros)
    }
}

impl Tally {
    fn plus(self, other: Self) -> Self {
        Self {
            count: self.count.saturating_add(other.count),
            retries: self.retries.saturating_add(other.retries),
            failures: self.failures.saturating_add(other.failures),
            bytes: self.bytes.saturating_add(other.bytes),
            latency: self.latency.saturating_add(other.latency),
        }
    }

    fn minus(self, earlier: Self) -> Self {
        Self {
            count: self.count.saturating_sub(earlier.count),
            retries: self.retries.saturating_sub(earlier.retries),
            failures: self.failures.saturating_sub(earlier.failures),
            bytes: self.bytes.saturating_sub(earlier.bytes),
            latency: self.latency.saturating_sub(earlier.latency),
        }
    }
}

/// The requests made so far, by endpoint. An endpoint without requests is left out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Calls {
    /// The tally of each endpoint.
    pub by_endpoint: BTreeMap<Endpoint, Tally>,
}

/// As text: `3 calls (2 repeated, 1 failed)`.
impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { count, retries, failures, .. } = *self;
        write!(f, "{}", CallCount(count))?;
        match (retries, failures) {
            (0, 0) => Ok(()),
            (retries, 0) => write!(f, " ({retries} repeated)"),
            (0, failures) => write!(f, " ({failures} failed)"),
            (retries, failures) => write!(f, " ({retries} repeated, {failures} failed)"),
        }
    }
}

struct CallCount(u64);

impl fmt::Display for CallCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} call{}", self.0, if self.0 == 1 { "" } else { "s" })
    }
}

impl Calls {
    /// The sum over all endpoints.
    pub fn total(&self) -> Tally {
        self.by_endpoint.values().fold(Tally::default(), |sum, tally| sum.plus(*tally))
    }

    /// How many requests were sent to one endpoint.
    pub fn count(&self, endpoint: Endpoint) -> u64 {
        self.by_endpoint.get(&endpoint).map_or(0, |tally| tally.count)
    }

    /// The sum of both, endpoint by endpoint.
    #[must_use]
    pub fn plus(mut self, other: &Self) -> Self {
        for (endpoint, tally) in &other.by_endpoint {
            let sum = self.by_endpoint.entry(*endpoint).or_default();
            *sum = sum.plus(*tally);
        }
        self
    }

    /// The requests made since an earlier snapshot.
    #[must_use]
    pub fn minus(&self, earlier: &Self) -> Self {
        let difference = |(endpoint, tally): (&Endpoint, &Tally)| {
            let before = earlier.by_endpoint.get(endpoint).copied().unwrap_or_default();
            (*endpoint, tally.minus(before))
        };
        let by_endpoint = self.by_endpoint.iter().map(difference);
        Self { by_endpoint: by_endpoint.filter(|(_, tally)| tally.count > 0).collect() }
    }
}

impl fmt::Display for Calls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", CallCount(self.total().count))?;
        for (position, (endpoint, tally)) in self.by_endpoint.iter().enumerate() {
            write!(f, "{} {} {endpoint}", if position == 0 { ":" } else { "," }, tally.count)?;
        }
        Ok(())
    }
}

/// The live counters, one set per endpoint.
#[derive(Debug, Default)]
pub(crate) struct Counters([Counter; Endpoint::ALL.len()]);

#[derive(Debug, Default)]
struct Counter {
    count: AtomicU64,
    retries: AtomicU64,
    failures: AtomicU64,
    bytes: AtomicU64,
    latency_nanos: AtomicU64,
}

/// How one request ended.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sent {
    pub(crate) retry: bool,
    pub(crate) failed: bool,
    pub(crate) bytes: u64,
    pub(crate) latency: Duration,
}

impl Counters {
    pub(crate) fn add(&self, endpoint: Endpoint, sent: Sent) {
        // The variants stand in the order of `ALL`. A test checks this.
        let Some(counter) = self.0.get(endpoint as usize) else { return };
        let nanos = u64::try_from(sent.latency.as_nanos()).unwrap_or(u64::MAX);
        counter.count.fetch_add(1, Ordering::Relaxed);
        counter.retries.fetch_add(u64::from(sent.retry), Ordering::Relaxed);
        counter.failures.fetch_add(u64::from(sent.failed), Ordering::Relaxed);
        counter.bytes.fetch_add(sent.bytes, Ordering::Relaxed);
        counter.latency_nanos.fetch_add(nanos, Ordering::Relaxed);
    }

    pub(crate) fn snapshot(&self) -> Calls {
        let tallies = Endpoint::ALL.into_iter().zip(&self.0).map(|(endpoint, counter)| {
            let tally = Tally {
                count: counter.count.load(Ordering::Relaxed),
                retries: counter.retries.load(Ordering::Relaxed),
                failures: counter.failures.load(Ordering::Relaxed),
                bytes: counter.bytes.load(Ordering::Relaxed),
                latency: Duration::from_nanos(counter.latency_nanos.load(Ordering::Relaxed)),
            };
            (endpoint, tally)
        });
        Calls { by_endpoint: tallies.filter(|(_, tally)| tally.count > 0).collect() }
    }

    pub(crate) fn reset(&self) {
        for counter in &self.0 {
            counter.count.store(0, Ordering::Relaxed);
            counter.retries.store(0, Ordering::Relaxed);
            counter.failures.store(0, Ordering::Relaxed);
            counter.bytes.store(0, Ordering::Relaxed);
            counter.latency_nanos.store(0, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(retry: bool) -> Sent {
        Sent { retry, failed: !retry, bytes: 10, latency: Duration::from_millis(2) }
    }

    #[test]
    fn every_endpoint_counts_for_itself() {
        let counters = Counters::default();
        for (position, endpoint) in Endpoint::ALL.into_iter().enumerate() {
            assert_eq!(endpoint as usize, position);
            counters.add(endpoint, sent(false));
        }
        counters.add(Endpoint::Page, sent(true));
        let calls = counters.snapshot();
        assert_eq!(calls.by_endpoint.len(), Endpoint::ALL.len());
        assert_eq!(calls.count(Endpoint::Page), 2);
        assert_eq!(calls.total().retries, 1);
        assert_eq!(calls.total().bytes, 150);
        counters.reset();
        assert_eq!(counters.snapshot(), Calls::default());
    }

    #[test]
    fn a_difference_leaves_out_what_did_not_move() {
        let counters = Counters::default();
        counters.add(Endpoint::Sections, sent(false));
        let before = counters.snapshot();
        counters.add(Endpoint::Page, sent(false));
        let since = counters.snapshot().minus(&before);
        assert_eq!(since.to_string(), "1 call: 1 page");
        counters.add(Endpoint::Page, sent(true));
        assert_eq!(since.total().to_string(), "1 call (1 failed)");
        assert_eq!(counters.snapshot().total().to_string(), "3 calls (1 repeated, 2 failed)");
        let since = counters.snapshot().minus(&before);
        assert_eq!(before.plus(&since), counters.snapshot());
        assert_eq!(
            serde_json::to_value(&since).unwrap(),
            serde_json::json!({"by_endpoint": {"page": {
                "count": 2, "retries": 1, "failures": 1, "bytes": 20, "latency_us": 4000
            }}})
        );
        let text = serde_json::to_string(&since).unwrap();
        assert_eq!(serde_json::from_str::<Calls>(&text).unwrap(), since);
    }
}
