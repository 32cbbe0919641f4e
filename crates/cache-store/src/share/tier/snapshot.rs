//! A section's items in chunks, and the items that differ from a commit.

use tokio::sync::mpsc::Sender;

use crate::error::Error;
use crate::model::section::SectionState;
use crate::share::tier::wire::{Entry, compress, push_item};
use crate::store::Store;

/// The approximate size of a chunk before compression. Engines refuse values above 512 MB, and this
/// is far less. It is also small enough that no other command has to wait long.
const CHUNK: usize = 1 << 20;

/// Reads a section's items in key order into compressed chunks. Each chunk is sent when it is full.
/// Returns the number of items. `None`: the section changed or is damaged, or the receiver is gone.
pub(crate) fn read_chunks(
    store: &Store,
    state: &SectionState,
    chunks: &Sender<Vec<u8>>,
) -> Result<Option<u64>, Error> {
    let view = store.view()?;
    if !view.section(state.id)?.is_some_and(|now| now.is_version_of(state)) {
        return Ok(None);
    }
    let mut raw = Vec::with_capacity(CHUNK + 1_024);
    let mut items = 0;
    for row in view.scan(state.id)? {
        let (_, kept) = row?;
        push_item(&kept.item, &mut raw);
        items += 1;
        if raw.len() >= CHUNK {
            if chunks.blocking_send(compress(&raw)).is_err() {
                return Ok(None);
            }
            raw.clear();
        }
    }
    if !raw.is_empty() && chunks.blocking_send(compress(&raw)).is_err() {
        return Ok(None);
    }
    Ok((!view.met_damage(state.id)).then_some(items))
}

/// The section's items that changed since its last commit, as an entry of the log. `None`: the
/// section is not as in `state` any more, it is damaged, or it has no position.
pub(crate) fn read_entry(store: &Store, state: &SectionState) -> Result<Option<Entry>, Error> {
    let view = store.view()?;
    let Some(position) = &state.position else { return Ok(None) };
    if !view.section(state.id)?.is_some_and(|now| now.is_version_of(state)) {
        return Ok(None);
    }
    let (mut items, mut gone) = (Vec::new(), Vec::new());
    for &key in &position.touched {
        match view.item(state.id, plex_api::RatingKey(key))? {
            Some(kept) => items.push(kept.item),
            None => gone.push(key),
        }
    }
    let entry = Entry { from: position.commit.0, items, gone };
    Ok((!view.met_damage(state.id)).then_some(entry))
}
