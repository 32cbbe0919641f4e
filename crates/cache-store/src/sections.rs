//! Which sections there are, and their rows.

use std::collections::BTreeSet;

use plex_api::UnixSeconds;
use redb::{ReadableTable, WriteTransaction};

use crate::codec;
use crate::error::Error;
use crate::record::SectionRow;
use crate::section::{SectionId, SectionState};
use crate::stamp::SectionStamp;
use crate::store::{Store, put_store_row, read_store_row};
use crate::table;

impl Store {
    /// Every section the file knows, by its number.
    pub fn sections(&self) -> Result<Vec<SectionState>, Error> {
        self.view()?.sections()
    }

    /// Notes the sections as the server lists them now: new ones get a number, known ones
    /// (by uuid) have their key, title and folders brought up to date. Sections that hold no
    /// files are left out. Returns one state for each, in the server's order.
    pub fn note_sections(&self, listed: &[plex_api::Section]) -> Result<Vec<SectionState>, Error> {
        let view = self.view()?;
        let noted = note(&view.sections()?, listed);
        if noted.iter().all(|noted| !noted.differs) && view.unreadable_sections().is_empty() {
            return Ok(noted.into_iter().map(|noted| noted.state).collect());
        }
        drop(view);
        self.write("noting its sections", |txn| {
            // As they are now: another process may have written since.
            let mut noted = note(&read_sections(txn)?, listed);
            let mut row = read_store_row(txn)?;
            for noted in noted.iter_mut().filter(|noted| noted.differs) {
                if noted.state.id == SectionId(0) {
                    noted.state.id = SectionId(row.next_section);
                    row.next_section = row.next_section.saturating_add(1);
                }
                put_section(txn, &noted.state)?;
            }
            put_store_row(txn, &row)?;
            remove_unreadable(txn)?;
            Ok(noted.into_iter().map(|noted| noted.state).collect())
        })
    }

    /// The sections as the server last listed them, in its order, and when.
    pub(crate) fn listed(&self) -> Result<(Vec<SectionId>, Option<UnixSeconds>), Error> {
        let row = self.store_row()?;
        Ok((row.listed.into_iter().map(SectionId).collect(), row.listed_at.map(UnixSeconds)))
    }

    /// Notes what a probe showed: which sections there are, and those whose stamp is what it
    /// was (the state it was held against, and the stamp). A list or a section of which the
    /// store knows something else or later by now is left alone: the probe is over when it is
    /// noted, and others may have come in between.
    pub(crate) fn note_probe(
        &self,
        listed: &[SectionId],
        unchanged: &[(SectionState, SectionStamp)],
        at: UnixSeconds,
    ) -> Result<(), Error> {
        self.write("noting a probe", |txn| {
            let mut row = read_store_row(txn)?;
            if row.listed_at.is_none_or(|before| before <= at.0) {
                row.listed = listed.iter().map(|id| id.0).collect();
                row.listed_at = Some(at.0);
                put_store_row(txn, &row)?;
            }
            for (base, stamp) in unchanged {
                let Some(mut state) = section_in(txn, base.id)? else { continue };
                let later = state.observed_at.is_some_and(|observed| observed > at);
                if state.is_version_of(base) && !later {
                    state.observed = Some(*stamp);
                    state.observed_at = Some(at);
                    put_section(txn, &state)?;
                }
            }
            Ok(())
        })
    }

    /// Writes a section's state without touching its items, if it is still as `base` has it;
    /// `false`: it is not, a refresh or a clear came first, and nothing was written.
    pub(crate) fn put_state(
        &self,
        base: &SectionState,
        state: &SectionState,
    ) -> Result<bool, Error> {
        self.write("noting a section", |txn| {
            let current = section_in(txn, base.id)?;
            if current.is_none_or(|now| !now.is_version_of(base)) {
                return Ok(false);
            }
            put_section(txn, state)?;
            Ok(true)
        })
    }
}

/// A section as the server lists it now.
struct Noted {
    state: SectionState,
    differs: bool,
}

fn note(known: &[SectionState], listed: &[plex_api::Section]) -> Vec<Noted> {
    let mut result = Vec::with_capacity(listed.len());
    for section in listed {
        let Some(kind) = section.kind.leaf() else { continue };
        let before = known.iter().find(|state| state.uuid == section.uuid);
        let mut state = before.cloned().unwrap_or_else(|| {
            SectionState::empty(SectionId(0), section.uuid.clone(), section.key, kind)
        });
        state.key = section.key;
        state.title.clone_from(&section.title);
        let locations = section.locations.iter().map(|at| at.path.clone()).collect();
        if before.is_some() && state.locations != locations {
            // Paths are compared below the section's folders, and no item or bucket tells
            // which those were.
            state.end_matches();
        }
        state.locations = locations;
        result.push(Noted { differs: before != Some(&state), state });
    }
    result
}

/// Removes section rows that do not open, with everything that belonged to them: the section
/// was listed again under another number.
fn remove_unreadable(txn: &WriteTransaction) -> Result<(), Error> {
    let doing = "removing a damaged section";
    let mut unreadable = Vec::new();
    {
        let sections = txn.open_table(table::SECTIONS).map_err(Error::storage(doing))?;
        for row in sections.iter().map_err(Error::storage(doing))? {
            let (key, value) = row.map_err(Error::storage(doing))?;
            let id = SectionId(key.value().0);
            if codec::open::<SectionRow>(table::section_place(id), value.value()).is_err() {
                unreadable.push(id);
            }
        }
    }
    for id in unreadable {
        for table in &table::ALL {
            table.remove_section(txn, id)?;
        }
    }
    Ok(())
}

pub(crate) fn read_sections(txn: &WriteTransaction) -> Result<Vec<SectionState>, Error> {
    let doing = "reading its sections";
    let sections = txn.open_table(table::SECTIONS).map_err(Error::storage(doing))?;
    let mut states = Vec::new();
    for row in sections.iter().map_err(Error::storage(doing))? {
        let (key, value) = row.map_err(Error::storage(doing))?;
        let id = SectionId(key.value().0);
        if let Ok(row) = codec::open::<SectionRow>(table::section_place(id), value.value()) {
            states.push(row.into_state(id));
        }
    }
    Ok(states)
}

/// The sections there are. A row of any other is nobody's: whoever writes one for a section it
/// looked at before the transaction asks here whether it is still there.
pub(crate) fn known_sections(txn: &WriteTransaction) -> Result<BTreeSet<SectionId>, Error> {
    Ok(read_sections(txn)?.into_iter().map(|state| state.id).collect())
}

/// Reads one section's state inside a write transaction.
pub(crate) fn section_in(
    txn: &WriteTransaction,
    id: SectionId,
) -> Result<Option<SectionState>, Error> {
    let doing = "reading its sections";
    let sections = txn.open_table(table::SECTIONS).map_err(Error::storage(doing))?;
    let row = sections.get((id.0, 0)).map_err(Error::storage(doing))?;
    Ok(row.and_then(|value| {
        codec::open::<SectionRow>(table::section_place(id), value.value())
            .ok()
            .map(|row| row.into_state(id))
    }))
}

/// Writes one section's state inside a write transaction.
pub(crate) fn put_section(txn: &WriteTransaction, state: &SectionState) -> Result<(), Error> {
    let doing = "writing its sections";
    let mut bytes = Vec::new();
    codec::seal(table::section_place(state.id), &SectionRow::new(state), &mut bytes);
    let mut sections = txn.open_table(table::SECTIONS).map_err(Error::storage(doing))?;
    sections.insert((state.id.0, 0), bytes.as_slice()).map_err(Error::storage(doing))?;
    Ok(())
}
