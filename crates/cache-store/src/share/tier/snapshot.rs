//! A section's items in chunks, and what differs between two moments of it.

use tokio::sync::mpsc::Sender;

use crate::error::Error;
use crate::model::section::SectionState;
use crate::share::tier::protocol::CommitId;
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

/// The sums of a section's items at one moment, by ascending key.
pub(crate) type Sums = Vec<(u64, [u8; 8])>;

/// What changed in a section since `before`, as an entry of the log. `None`: the section is
/// another than `state`, or damaged, or so much changed that it is no entry.
pub(crate) fn read_entry(
    store: &Store,
    state: &SectionState,
    before: &Sums,
    from: CommitId,
) -> Result<Option<Entry>, Error> {
    let view = store.view()?;
    if !view.section(state.id)?.is_some_and(|now| now.is_version_of(state)) {
        return Ok(None);
    }
    let after = view.sums(state.id)?;
    let (changed, gone) = differences(before, &after);
    if changed.len() > ITEMS_AT_MOST {
        return Ok(None);
    }
    let mut items = Vec::with_capacity(changed.len());
    for key in changed {
        let Some(kept) = view.item(state.id, plex_api::RatingKey(key))? else { return Ok(None) };
        items.push(kept.item);
    }
    Ok((!view.met_damage(state.id)).then_some(Entry { from: from.0, items, gone }))
}

/// More items are no entry: they are about a MiB.
const ITEMS_AT_MOST: usize = 5_000;

/// Reads the sums of a section, if it is still as `state` has it.
pub(crate) fn read_sums(store: &Store, state: &SectionState) -> Result<Option<Sums>, Error> {
    let view = store.view()?;
    if !view.section(state.id)?.is_some_and(|now| now.is_version_of(state)) {
        return Ok(None);
    }
    Ok(Some(view.sums(state.id)?))
}

/// Keys that are new or have another sum, and keys that are gone.
fn differences(before: &Sums, after: &Sums) -> (Vec<u64>, Vec<u64>) {
    let (mut changed, mut gone) = (Vec::new(), Vec::new());
    let mut left = before.iter().peekable();
    for (key, sum) in after {
        while let Some((old, _)) = left.next_if(|(old, _)| old < key) {
            gone.push(*old);
        }
        match left.next_if(|(old, _)| old == key) {
            Some((_, old)) if old == sum => {}
            _ => changed.push(*key),
        }
    }
    gone.extend(left.map(|(old, _)| *old));
    (changed, gone)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_what_is_new_changed_and_gone() {
        let row = |key: u64, sum: u8| (key, [sum; 8]);
        let before = vec![row(1, 1), row(2, 1), row(4, 1), row(9, 1)];
        let after = vec![row(1, 1), row(2, 2), row(3, 1), row(9, 1)];
        assert_eq!(differences(&before, &after), (vec![2, 3], vec![4]));
        assert_eq!(differences(&before, &Vec::new()), (vec![], vec![1, 2, 4, 9]));
        assert_eq!(differences(&Vec::new(), &after), (vec![1, 2, 3, 9], vec![]));
    }
}
