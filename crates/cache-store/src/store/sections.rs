//! The rows of the known sections.

use plex_api::UnixSeconds;

use crate::error::Error;
use crate::file::meta::{put_store_row, read_store_row};
use crate::file::sections::{put_section, read_sections, remove_unreadable, section_in};
#[cfg(feature = "shared")]
use crate::model::position::Position;
use crate::model::revision::SectionStamp;
use crate::model::section::{SectionId, SectionState};
use crate::store::Store;

impl Store {
    /// Every section the file knows, by its number.
    pub fn sections(&self) -> Result<Vec<SectionState>, Error> {
        self.view()?.sections()
    }

    /// Writes the sections as the server lists them now. New sections get a number. Known ones (by
    /// uuid) get their present key, title and folders. Sections that hold no files are left out. It
    /// returns one state for each, in the server's order.
    pub fn note_sections(&self, listed: &[plex_api::Section]) -> Result<Vec<SectionState>, Error> {
        let view = self.view()?;
        let noted = note(&view.sections()?, listed);
        if noted.iter().all(|noted| !noted.differs) && view.unreadable_sections().is_empty() {
            return Ok(noted.into_iter().map(|noted| noted.state).collect());
        }
        drop(view);
        self.write("noting its sections", |txn| {
            // The rows are read anew, because another process may have written since.
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

    /// The sections that the server last listed, in its order, and when it did.
    pub(crate) fn listed(&self) -> Result<(Vec<SectionId>, Option<UnixSeconds>), Error> {
        let row = self.store_row()?;
        Ok((row.listed.into_iter().map(SectionId).collect(), row.listed_at.map(UnixSeconds)))
    }

    /// Writes the result of a probe: the list of sections, whether the list is complete, and the
    /// sections with an unchanged stamp (each with the state it was compared with, and the stamp).
    /// If the store knows something later about the list or a section, that stays: other writers
    /// may have come between the probe and this call. `before`: the sections as they were when the
    /// server was asked. A section is settled if it was listed by then and did not change.
    pub(crate) fn note_probe(
        &self,
        list: Option<(&[SectionId], bool)>,
        unchanged: &[(SectionState, SectionStamp)],
        before: &[SectionState],
        at: UnixSeconds,
    ) -> Result<(), Error> {
        self.write("noting a probe", |txn| {
            let mut row = read_store_row(txn)?;
            if let Some((list, whole)) = list
                && row.listed_at.is_none_or(|before| before <= at.0)
            {
                let list: Vec<u32> = list.iter().map(|id| id.0).collect();
                // If two lists have the same second, it is unknown which one is later. A list
                // without a date is not used to choose sections.
                let later = row.listed_at != Some(at.0) || row.listed == list;
                row.listed = list;
                row.listed_at = (later && whole).then_some(at.0);
                put_store_row(txn, &row)?;
            }
            for (base, stamp) in unchanged {
                let Some(mut state) = section_in(txn, base.id)? else { continue };
                let later = state.observed_at.is_some_and(|observed| observed > at);
                if state.is_version_of(base) && !later {
                    state.settled |= state.complete
                        && state.stamp == Some(*stamp)
                        && before.iter().any(|b| b.id == state.id && state.is_listing_of(b));
                    state.observed = Some(*stamp);
                    state.observed_at = Some(at);
                    put_section(txn, &state)?;
                }
            }
            Ok(())
        })
    }

    /// Writes that a stamp was observed while the items were unchanged, if the section is still as
    /// in `base`. `counted`: when its total was asked for, if the total was right. `settles`: the
    /// stamp was asked for after the section was listed. `None`: a refresh or a clear came first,
    /// and nothing was written.
    pub(crate) fn note_unchanged(
        &self,
        base: &SectionState,
        stamp: SectionStamp,
        at: UnixSeconds,
        counted: Option<UnixSeconds>,
        settles: bool,
    ) -> Result<Option<SectionState>, Error> {
        self.write("noting a section", |txn| {
            // The row is read anew: its title may have changed, or the stamp may have been observed
            // again.
            let current = section_in(txn, base.id)?.filter(|now| now.is_version_of(base));
            let Some(mut state) = current else { return Ok(None) };
            let later =
                state.observed_at.filter(|then| state.observed == Some(stamp) && *then > at);
            state.stamp = Some(stamp);
            state.observed = Some(stamp);
            state.observed_at = later.or(Some(at));
            state.counted_at = counted.or(state.counted_at);
            state.settled |= settles && state.listed_at == base.listed_at;
            put_section(txn, &state)?;
            Ok(Some(state))
        })
    }

    /// Writes the section's position in the shared tier, unless a position was written since
    /// `base`.
    #[cfg(feature = "shared")]
    pub(crate) fn note_position(
        &self,
        base: &SectionState,
        position: &Position,
    ) -> Result<(), Error> {
        self.write("noting what was shared", |txn| {
            let current = section_in(txn, base.id)?.filter(|now| now.is_version_of(base));
            if let Some(mut state) = current.filter(|now| now.position == base.position) {
                state.position = Some(position.clone());
                put_section(txn, &state)?;
            }
            Ok(())
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
            // Paths are compared below the section's folders, and no item and no bucket records
            // which folders these were.
            state.end_matches();
        }
        state.locations = locations;
        result.push(Noted { differs: before != Some(&state), state });
    }
    result
}
