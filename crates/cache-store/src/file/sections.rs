//! The rows of sections, inside a write transaction.

use std::collections::BTreeSet;

use redb::{ReadableTable, WriteTransaction};

use crate::error::{Broken, Error};
use crate::format::section::SectionRow;
use crate::format::{envelope, place, tables};
use crate::model::section::{SectionId, SectionState};

/// Removes section rows that cannot be decoded, and everything that belonged to these sections.
/// They were listed again under other numbers.
pub(crate) fn remove_unreadable(txn: &WriteTransaction) -> Result<(), Error> {
    let doing = "removing a damaged section";
    let mut unreadable = Vec::new();
    {
        let sections = txn.open_table(tables::SECTIONS).map_err(Error::storage(doing))?;
        for row in sections.iter().map_err(Error::storage(doing))? {
            let (key, value) = row.map_err(Error::storage(doing))?;
            let id = SectionId(key.value().0);
            if envelope::open::<SectionRow>(place::section(id), value.value()).is_err() {
                unreadable.push(id);
            }
        }
    }
    for id in unreadable {
        for table in &tables::ALL {
            table.remove_section(txn, id)?;
        }
    }
    Ok(())
}

pub(crate) fn read_sections(txn: &WriteTransaction) -> Result<Vec<SectionState>, Error> {
    let doing = "reading its sections";
    let sections = txn.open_table(tables::SECTIONS).map_err(Error::storage(doing))?;
    let mut states = Vec::new();
    for row in sections.iter().map_err(Error::storage(doing))? {
        let (key, value) = row.map_err(Error::storage(doing))?;
        let id = SectionId(key.value().0);
        if let Ok(row) = envelope::open::<SectionRow>(place::section(id), value.value()) {
            states.push(row.into_state(id));
        }
    }
    Ok(states)
}

/// The sections that exist. A row of any other section belongs to nobody. A writer that looked at
/// its section before the transaction checks here that the section still exists.
pub(crate) fn known_sections(txn: &WriteTransaction) -> Result<BTreeSet<SectionId>, Error> {
    Ok(read_sections(txn)?.into_iter().map(|state| state.id).collect())
}

/// Reads one section's state inside a write transaction. A flipped bit in a key puts rows out of
/// order. Then redb finds a row when it reads all of them, but not by its key, and no refresh of the
/// section would ever be written: the file is damaged.
pub(crate) fn section_in(
    txn: &WriteTransaction,
    id: SectionId,
) -> Result<Option<SectionState>, Error> {
    let doing = "reading its sections";
    let read = {
        let sections = txn.open_table(tables::SECTIONS).map_err(Error::storage(doing))?;
        let row = sections.get((id.0, 0)).map_err(Error::storage(doing))?;
        row.and_then(|value| {
            envelope::open::<SectionRow>(place::section(id), value.value())
                .ok()
                .map(|row| row.into_state(id))
        })
    };
    if read.is_none() && known_sections(txn)?.contains(&id) {
        let what = format!("the row of section {} is not found under its key", id.0);
        return Err(Error::Storage { doing, source: Box::new(Broken(what)) });
    }
    Ok(read)
}

/// Writes one section's state inside a write transaction.
pub(crate) fn put_section(txn: &WriteTransaction, state: &SectionState) -> Result<(), Error> {
    let doing = "writing its sections";
    let mut bytes = Vec::new();
    envelope::seal(place::section(state.id), &SectionRow::new(state), &mut bytes);
    let mut sections = txn.open_table(tables::SECTIONS).map_err(Error::storage(doing))?;
    sections.insert((state.id.0, 0), bytes.as_slice()).map_err(Error::storage(doing))?;
    Ok(())
}
