//! What the shared tier did for a host.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What the shared tier did and what it could not do. The counts only grow.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SharedCounts {
    /// Probes that were taken from other hosts instead of the server.
    pub probes: u64,
    /// Sections that were read from the tier as a whole.
    pub snapshots: u64,
    /// Sections of which only the changes were read from the tier.
    pub deltas: u64,
    /// Commits that were published.
    pub published: u64,
    /// Bytes of values read.
    pub bytes_read: u64,
    /// Bytes of values written.
    pub bytes_written: u64,
    /// Time spent asking the engine and waiting for other hosts, in microseconds.
    pub micros: u64,
    /// Calls to the server that were saved: one for each probe, and for each section the calls of
    /// the host that listed it.
    pub calls_saved: u64,
    /// How often something could not be used, by reason.
    pub misses: BTreeMap<Miss, u64>,
}

/// Why something in the shared tier could not be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Miss {
    /// Nothing is there: nobody published it, it expired, or the engine evicted it.
    Nothing,
    /// It belongs to another stamp than the present one.
    OtherStamp,
    /// The seal of a value is wrong: another secret, a flipped bit, or the value of another key.
    NotVerified,
    /// A chunk of a snapshot or an entry of the log is missing.
    Incomplete,
    /// The engine cannot be reached, or did not answer in time.
    Away,
    /// The engine refused the command: no permission, full memory, or a read-only replica.
    Refused,
    /// This host lost the lease to another one, so it did not publish.
    LeaseLost,
    /// This host waited for the lease, but the holder did not finish in time.
    WaitedInVain,
    /// The section is larger than `SharedTier::max_bytes` allows.
    TooLarge,
    /// The server shows this account another number of items. The account needs a profile of its
    /// own.
    OtherAccount,
    /// The local file changed while it was read.
    Moved,
}

impl fmt::Display for Miss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nothing => "nothing there",
            Self::OtherStamp => "of another stamp",
            Self::NotVerified => "not verified",
            Self::Incomplete => "incomplete",
            Self::Away => "engine away",
            Self::Refused => "engine refused",
            Self::LeaseLost => "lease lost",
            Self::WaitedInVain => "waited in vain",
            Self::TooLarge => "too large",
            Self::OtherAccount => "another account's",
            Self::Moved => "changed meanwhile",
        })
    }
}

impl SharedCounts {
    /// The counts since an earlier moment.
    #[must_use]
    pub fn minus(&self, earlier: &Self) -> Self {
        let misses = self.misses.iter().map(|(miss, count)| {
            (*miss, count.saturating_sub(earlier.misses.get(miss).copied().unwrap_or_default()))
        });
        Self {
            probes: self.probes.saturating_sub(earlier.probes),
            snapshots: self.snapshots.saturating_sub(earlier.snapshots),
            deltas: self.deltas.saturating_sub(earlier.deltas),
            published: self.published.saturating_sub(earlier.published),
            bytes_read: self.bytes_read.saturating_sub(earlier.bytes_read),
            bytes_written: self.bytes_written.saturating_sub(earlier.bytes_written),
            micros: self.micros.saturating_sub(earlier.micros),
            calls_saved: self.calls_saved.saturating_sub(earlier.calls_saved),
            misses: misses.filter(|(_, count)| *count > 0).collect(),
        }
    }

    /// Whether any count is above zero.
    pub fn any(&self) -> bool {
        *self != Self::default()
    }
}

impl std::ops::AddAssign<&SharedCounts> for SharedCounts {
    fn add_assign(&mut self, other: &SharedCounts) {
        self.probes += other.probes;
        self.snapshots += other.snapshots;
        self.deltas += other.deltas;
        self.published += other.published;
        self.bytes_read += other.bytes_read;
        self.bytes_written += other.bytes_written;
        self.micros += other.micros;
        self.calls_saved += other.calls_saved;
        for (miss, count) in &other.misses {
            *self.misses.entry(*miss).or_default() += count;
        }
    }
}

/// The counts of one host while it works.
#[derive(Debug, Default)]
pub(crate) struct Counting(Mutex<SharedCounts>);

impl Counting {
    pub(crate) fn now(&self) -> SharedCounts {
        self.change().clone()
    }

    pub(crate) fn change(&self) -> MutexGuard<'_, SharedCounts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn miss(&self, miss: Miss) {
        *self.change().misses.entry(miss).or_default() += 1;
    }

    pub(crate) fn took(&self, time: Duration) {
        self.change().micros += u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_add_up_and_are_told_apart() {
        let counting = Counting::default();
        counting.miss(Miss::Away);
        let before = counting.now();
        counting.miss(Miss::Away);
        counting.miss(Miss::Nothing);
        counting.change().probes += 2;
        let since = counting.now().minus(&before);
        assert_eq!(since.misses, [(Miss::Nothing, 1), (Miss::Away, 1)].into());
        assert_eq!(since.probes, 2);
        let mut sum = before;
        sum += &since;
        assert_eq!(sum, counting.now());
    }
}
