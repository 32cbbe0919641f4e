//! The buffer of matches that wait to be written to the file.
//!
//! A durable commit costs as much as hundreds of records, and a match can be computed again from
//! the local indexes in microseconds. So matches wait here. They are written with the next
//! transaction of any kind, when many wait, on request, and at closing. A process that is killed
//! loses only the matches that wait.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use redb::WriteTransaction;

use crate::error::Error;
use crate::file::sections::known_sections;
use crate::format::remembered::MatchRow;
use crate::format::{envelope, place, tables};
use crate::model::remembered::MatchKey;
use crate::model::section::SectionId;

/// The largest number of waiting matches: about a megabyte. Each match then costs about a hundredth
/// of what it would cost in a commit of its own. As many at once do not wait.
pub(crate) const AT_MOST: usize = 4_096;

/// Matches by section and key. They are sorted, because sorted keys are written faster and fill
/// pages better.
type Rows = BTreeMap<(u32, [u8; 16]), MatchRow>;

#[derive(Debug)]
pub(crate) struct Buffer {
    rows: Mutex<Arc<Rows>>,
    /// How many matches were written since the content of the file was last counted.
    pub(crate) uncounted: AtomicU64,
}

/// The value before the first count.
const NEVER: u64 = u64::MAX / 2;

impl Default for Buffer {
    fn default() -> Self {
        Self { rows: Mutex::default(), uncounted: AtomicU64::new(NEVER) }
    }
}

/// The matches that waited at one moment.
#[derive(Debug, Clone, Default)]
pub(crate) struct Buffered(Arc<Rows>);

impl Buffer {
    pub(crate) fn snapshot(&self) -> Buffered {
        Buffered(Arc::clone(&self.rows.lock().unwrap_or_else(PoisonError::into_inner)))
    }

    /// Adds matches. `true`: so many wait now that they should be written.
    pub(crate) fn add(
        &self,
        section: SectionId,
        rows: impl IntoIterator<Item = (MatchKey, MatchRow)>,
    ) -> bool {
        let mut current = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        let current = Arc::make_mut(&mut current);
        current.extend(rows.into_iter().map(|(key, row)| ((section.0, key.0), row)));
        current.len() >= AT_MOST
    }

    pub(crate) fn len(&self) -> u64 {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner).len() as u64
    }

    /// Removes matches that are in the file now. Matches that were added or changed meanwhile stay.
    pub(crate) fn written(&self, buffered: &Buffered) {
        if buffered.0.is_empty() {
            return;
        }
        self.uncounted.fetch_add(buffered.0.len() as u64, Ordering::Relaxed);
        let mut current = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        if Arc::ptr_eq(&current, &buffered.0) {
            *current = Arc::default();
        } else {
            Arc::make_mut(&mut current).retain(|key, row| buffered.0.get(key) != Some(row));
        }
    }
}

impl Buffered {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn get(&self, section: SectionId, key: &MatchKey) -> Option<&MatchRow> {
        self.0.get(&(section.0, key.0))
    }

    /// Writes the matches.
    pub(crate) fn write(&self, txn: &WriteTransaction) -> Result<(), Error> {
        if self.0.is_empty() {
            return Ok(());
        }
        write_matches(txn, self.0.iter().map(|(&key, row)| (key, row)))
    }
}

/// Writes matches, except those of a section that was cleared meanwhile or lost with a damaged file:
/// nothing would ever remove their rows.
pub(crate) fn write_matches<R: Borrow<MatchRow>>(
    txn: &WriteTransaction,
    rows: impl Iterator<Item = ((u32, [u8; 16]), R)>,
) -> Result<(), Error> {
    let doing = "remembering matches";
    let sections = known_sections(txn)?;
    let mut table = txn.open_table(tables::MATCHES).map_err(Error::storage(doing))?;
    let mut bytes = Vec::new();
    for ((section, key), row) in rows.filter(|((of, _), _)| sections.contains(&SectionId(*of))) {
        let place = place::remembered(SectionId(section), &MatchKey(key));
        envelope::seal(place, row.borrow(), &mut bytes);
        table.insert((section, key), bytes.as_slice()).map_err(Error::storage(doing))?;
    }
    Ok(())
}
