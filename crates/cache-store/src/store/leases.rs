//! Leases: across processes, one refreshes a section and the others wait.
//!
//! A lease expires by itself, so a process that dies holds nobody up for long; and it is no
//! lock: a refresh that is written after its lease ran out still writes only if the section is
//! as it was when the refresh began.

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

/// What came of asking for a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Lease {
    /// It is this store's.
    Held {
        /// When it expires.
        until: UnixSeconds,
        /// Which of this store's takings of the section's lease this is: it gives back no other.
        turn: u64,
    },
    /// Another process (or another store of this one) has it.
    Busy {
        /// When it expires, at the latest.
        until: UnixSeconds,
    },
}

impl Store {
    /// Takes the lease of a section for `length` from `now`: when it is free, when it expired,
    /// or when this store holds it already, which so renews it. One transaction.
    pub fn take_lease(
        &self,
        section: SectionId,
        now: UnixSeconds,
        length: Duration,
    ) -> Result<Lease, Error> {
        let until = now.saturating_add(length);
        self.write("taking a lease", |txn| {
            match lease_in(txn, section)? {
                // A clock that was set back must not make a lease last for years.
                Some(row)
                    if row.holder != self.holder
                        && row.until > now.0
                        && row.until <= now.saturating_add(LONGEST).0 =>
                {
                    return Ok(Lease::Busy { until: UnixSeconds(row.until) });
                }
                _ => {}
            }
            let turn = self.next_turn(section);
            if section_in(txn, section)?.is_none() {
                // It was cleared meanwhile, which whoever works on it will find out.
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

    /// Gives a lease back that was taken as this turn. `false`: it is not that one any more. Who
    /// gives back late must not give back what the next task of this store has taken.
    pub fn release_lease(&self, section: SectionId, turn: u64) -> Result<bool, Error> {
        self.write("releasing a lease", |txn| {
            let doing = "releasing a lease";
            // Writes come one after the other, so no turn begins between here and the removal.
            let last = self.turns().get(&section).copied();
            if last != Some(turn)
                || lease_in(txn, section)?.is_none_or(|row| row.holder != self.holder)
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

/// A lease that lasts longer than this was taken by a clock that is not ours.
const LONGEST: Duration = Duration::from_hours(1);

fn lease_in(txn: &WriteTransaction, section: SectionId) -> Result<Option<LeaseRow>, Error> {
    let doing = "reading a lease";
    let leases = txn.open_table(tables::LEASES).map_err(Error::storage(doing))?;
    let row = leases.get((section.0, 0)).map_err(Error::storage(doing))?;
    // A damaged lease is none.
    Ok(row.and_then(|bytes| envelope::open(place::lease(section), bytes.value()).ok()))
}
