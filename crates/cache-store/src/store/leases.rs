//! Leases: of several processes, one refreshes a section and the others wait.
//!
//! A lease expires by itself, so a process that dies delays the others only for a short time. A
//! lease is not a lock. A refresh that ends after its lease expired still writes only if the
//! section is unchanged since the refresh began.

use std::collections::BTreeMap;
use std::sync::{MutexGuard, PoisonError};
use std::time::Duration;

use plex_api::UnixSeconds;
use redb::{ReadableTable, WriteTransaction};

use crate::error::Error;
use crate::file::sections::section_in;
use crate::format::lease::LeaseRow;
use crate::format::{envelope, place, tables};
use crate::model::section::SectionId;
use crate::store::Store;

/// The answer to a request for a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Lease {
    /// This store holds the lease.
    Held {
        /// When the lease expires.
        until: UnixSeconds,
        /// The number of this acquisition. The store releases only the lease with this number.
        turn: u64,
    },
    /// Another process, or another store of this process, holds the lease.
    Busy {
        /// When the lease expires at the latest.
        until: UnixSeconds,
    },
}

impl Store {
    /// Takes the lease of a section for `length` from `now`. It succeeds if the lease is free or
    /// expired. It also succeeds if this store holds the lease, and renews it then. Taking it is
    /// one write transaction. To find it busy is only a read, so processes that wait do not delay
    /// processes that write.
    pub fn take_lease(
        &self,
        section: SectionId,
        now: UnixSeconds,
        length: Duration,
    ) -> Result<Lease, Error> {
        let until = now.saturating_add(length);
        // If a clock was set back, a lease must not last for years.
        let busy = |row: &LeaseRow| {
            row.holder != self.holder
                && row.until > now.0
                && row.until <= now.saturating_add(LONGEST).0
        };
        let doing = "reading a lease";
        let read = self.read(doing, |txn| {
            lease_in(&txn.open_table(tables::LEASES).map_err(Error::storage(doing))?, section)
        });
        if let Some(row) = read?.filter(busy) {
            return Ok(Lease::Busy { until: UnixSeconds(row.until) });
        }
        self.write("taking a lease", |txn| {
            // Another process may have taken it since.
            if let Some(row) = lease_of(txn, section)?.filter(busy) {
                return Ok(Lease::Busy { until: UnixSeconds(row.until) });
            }
            let turn = self.next_turn(section);
            if section_in(txn, section)?.is_none() {
                // The section was cleared meanwhile. The task that works on it will find out.
                return Ok(Lease::Held { until, turn });
            }
            let doing = "taking a lease";
            let mut bytes = Vec::new();
            let row = LeaseRow { holder: self.holder, until: until.0 };
            envelope::seal(place::lease(section), &row, &mut bytes);
            let mut leases = txn.open_table(tables::LEASES).map_err(Error::storage(doing))?;
            leases.insert((section.0, 0), bytes.as_slice()).map_err(Error::storage(doing))?;
            Ok(Lease::Held { until, turn })
        })
    }

    /// Releases the lease with this number. `false`: the lease has another number now. A late
    /// release must not free the lease of this store's next task.
    pub fn release_lease(&self, section: SectionId, turn: u64) -> Result<bool, Error> {
        self.write("releasing a lease", |txn| {
            let doing = "releasing a lease";
            // Writes run one after the other, so no task takes the lease between here and the
            // removal.
            let last = self.turns().get(&section).copied();
            if last != Some(turn)
                || lease_of(txn, section)?.is_none_or(|row| row.holder != self.holder)
            {
                return Ok(false);
            }
            let mut leases = txn.open_table(tables::LEASES).map_err(Error::storage(doing))?;
            leases.remove((section.0, 0)).map_err(Error::storage(doing))?;
            Ok(true)
        })
    }
}

impl Store {
    fn turns(&self) -> MutexGuard<'_, BTreeMap<SectionId, u64>> {
        self.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next_turn(&self, section: SectionId) -> u64 {
        let mut turns = self.turns();
        let turn = turns.entry(section).or_default();
        *turn += 1;
        *turn
    }
}

/// The longest believable lease. A longer one was taken with another clock.
const LONGEST: Duration = Duration::from_hours(1);

fn lease_of(txn: &WriteTransaction, section: SectionId) -> Result<Option<LeaseRow>, Error> {
    let doing = "reading a lease";
    lease_in(&txn.open_table(tables::LEASES).map_err(Error::storage(doing))?, section)
}

fn lease_in(
    leases: &impl ReadableTable<(u32, u64), &'static [u8]>,
    section: SectionId,
) -> Result<Option<LeaseRow>, Error> {
    let row = leases.get((section.0, 0)).map_err(Error::storage("reading a lease"))?;
    // A damaged lease counts as no lease.
    Ok(row.and_then(|bytes| envelope::open(place::lease(section), bytes.value()).ok()))
}
