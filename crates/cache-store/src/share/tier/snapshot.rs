//! A section's items in chunks, and what differs from a commit.

use tokio::sync::mpsc::Sender;

use crate::error::Error;
use crate::model::section::SectionState;
use crate::share::tier::wire::{Entry, compress, push_item};
use crate::store::Store;

/// A chunk is about this large before compression: far from what an engine refuses (512 MB), and
/// no command holds it up.
const CHUNK: usize = 1 << 20;

/// Reads a section's items, in key order, into compressed chunks, each sent when it is full.
/// Returns how many items there were. `None`: the section is another by now, or damaged, or
/// nobody takes the chunks any more.
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

/// What a section's items are beside the commit that they are newer than, as an entry of the log.
/// `None`: the section is another than `state`, or damaged, or its position says nothing.
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
