//! Applying a refresh: one write transaction in which items, indexes, stamp and revision move
//! together or not at all.

pub(crate) mod update;
mod writer;

use redb::WriteTransaction;

use crate::error::{Broken, Error};
use crate::file::sections::{put_section, section_in};
use crate::format::tables::{self, Goes};
use crate::model::index::Indexing;
use crate::model::section::SectionId;
use crate::store::Store;
use crate::store::apply::update::{Applied, Scope, Update};
use crate::store::apply::writer::write_rows;

impl Store {
    /// Applies an update in one transaction: all of it or nothing.
    pub(crate) fn apply(&self, update: Update) -> Result<Applied, Error> {
        let mut outcome = None;
        // The rows can be read only once. If the disk fails meanwhile, the server has to be asked
        // again.
        let (mut update, mut lost) = (Some(update), false);
        let written = self.write("writing a refresh", |txn| {
            let Some(update) = update.take() else {
                lost = true;
                return Err(rolled_back());
            };
            let applied = run(txn, self.indexing, update)?;
            let done = matches!(applied, Applied::Done(..));
            outcome = Some(applied);
            if done { Ok(()) } else { Err(rolled_back()) }
        });
        if lost {
            return Err(self.no_disk().map_or_else(rolled_back, Error::NoDisk));
        }
        match (outcome, written) {
            (Some(applied), _) if !matches!(applied, Applied::Done(..)) => Ok(applied),
            (Some(applied), Ok(())) => Ok(applied),
            (_, Err(error)) => Err(error),
            (None, Ok(())) => Err(rolled_back()),
        }
    }

    /// Drops everything that is cached about a section's items, after damage. Matches stay. The
    /// revision moves, so each match is checked before it is used again.
    pub fn drop_items(&self, section: SectionId) -> Result<(), Error> {
        let doing = "dropping a damaged section";
        self.write(doing, |txn| {
            for table in tables::ALL.iter().filter(|table| table.goes == Goes::WithItems) {
                table.remove_section(txn, section)?;
                // A flipped bit in a key puts it out of order. Then redb does not find all rows,
                // and because of them the section would be listed again and again.
                if !table.is_without(txn, section)? {
                    let what = format!("{} has rows that cannot be removed", table.name);
                    return Err(Error::Storage { doing, source: Box::new(Broken(what)) });
                }
            }
            if let Some(mut state) = section_in(txn, section)? {
                state.forget();
                put_section(txn, &state)?;
            }
            Ok(())
        })
    }
}

/// The error that makes a transaction roll back. No caller of the store sees it.
fn rolled_back() -> Error {
    Error::Storage { doing: "writing a refresh", source: "rolled back".into() }
}

/// Writes an update within a transaction. Any outcome but `Done` has to roll back.
fn run(txn: &WriteTransaction, indexing: Indexing, update: Update) -> Result<Applied, Error> {
    let Update { base, rows, scope, unreadable, stamp, observed, observed_at, now, .. } = update;
    let Update { total, complete, metadata, .. } = update;
    let Some(mut state) = section_in(txn, base.id)? else { return Ok(Applied::Moved) };
    if !state.is_version_of(&base) {
        return Ok(Applied::Moved);
    }
    let whole = matches!(scope, Scope::Complete(_));
    let (newest, undated) = (rows.newest(), rows.undated());
    let Some(written) = write_rows(txn, indexing, &state, rows, scope, &unreadable)? else {
        return Ok(Applied::Damaged);
    };
    let unsupported = update.unsupported + written.unreadable;
    if total.is_some_and(|total| written.items + unsupported != total) {
        return Ok(Applied::Disagrees);
    }
    if update.must_change && !written.changes.any() {
        return Ok(Applied::Unexplained);
    }
    // An answer "absent" holds until the revision moves. So if its proof is lost, the revision
    // moves although no item changed.
    let versions = (Some(stamp), Some(observed));
    let unproven = !complete && (state.complete || (state.stamp, state.observed) != versions);
    if written.changes.any() || unproven {
        state.revision = state.revision.next();
    }
    let position = state.position.take().filter(|_| !written.first);
    #[cfg(feature = "shared")]
    let position = match update.claims {
        Some(claims) => Some(claims.position(position, stamp, whole, &written.touched)),
        None => position.and_then(|position| position.touch(&written.touched)),
    };
    #[cfg(not(feature = "shared"))]
    let position = position.and_then(|position| position.touch(&written.touched));
    state.position = position;
    // If the same stamp was already observed at a later time, that time stays.
    let later =
        state.observed_at.filter(|at| state.observed == Some(observed) && *at > observed_at);
    state.stamp = Some(stamp);
    state.observed = Some(observed);
    state.items = written.items;
    state.unsupported = unsupported;
    state.observed_at = later.or(Some(observed_at));
    state.complete = complete;
    state.settled = update.settled.unwrap_or(state.settled) && complete;
    state.counted_at = total.map(|_| now).or(state.counted_at);
    state.lookups = update.lookups;
    state.divisions = written.divisions;
    state.dated = !undated && (whole || state.dated);
    if written.strange {
        state.shows = None;
    }
    if metadata {
        state.metadata_at = Some(now);
    }
    if whole {
        state.listed_at = Some(now);
        state.changed_until = newest;
    } else if metadata {
        // Only rows that include every change since then may move the start of the next delta.
        state.changed_until = state.changed_until.max(newest);
    }
    #[cfg(feature = "shared")]
    if let Some(claims) = update.claims {
        state.listed_at = Some(claims.listed_at);
        state.metadata_at = claims.metadata_at;
        state.changed_until = claims.changed_until;
    }
    put_section(txn, &state)?;
    Ok(Applied::Done(Box::new(state), written.changes))
}
