//! The cache is cleared, or the file is lost, while other tasks work.

use std::fs;
use std::time::Duration;

use plex_api::{Artwork, RatingKey};

use super::{
    NOW, assert_sound, config, fill, filled, found, items, match_key, movie, open, place, section,
    stamp,
};
use crate::store::apply::update::{Applied, Scope, Update};
use crate::store::staging::Spool;
use crate::{
    Clear, Confirmed, EditProgress, Error, ImageHash, Progress, RunId, SectionId, SectionState,
    Store, StoreConfig,
};

/// The result of a refresh that began when the section was `base`: everything, or only the changes.
fn read_since(base: &SectionState, whole: bool) -> Update {
    let mut rows = Spool::new();
    rows.extend((1..=30).collect(), |key| movie(key, 1), NOW).unwrap();
    let scope = if whole { Scope::Complete(rows.take_keys()) } else { Scope::Delta(vec![31, 32]) };
    Update { scope, complete: whole, ..Update::new(base, rows, stamp(2), NOW) }
}

#[test]
fn a_refresh_during_which_something_was_cleared_writes_nothing() {
    type Clearing = fn(&Store, SectionId) -> Result<(), Error>;
    let clearings: [(&str, Clearing); 6] = [
        ("item", |store, id| store.clear(Clear::Item(id, RatingKey(3))).map(drop)),
        ("section", |store, id| store.clear(Clear::Section(id)).map(drop)),
        ("all", |store, _| store.clear(Clear::All).map(drop)),
        ("server", |store, _| store.clear(Clear::Server).map(drop)),
        ("invalidate", Store::invalidate),
        ("forget", |store, _| {
            let later = NOW.saturating_add(Duration::from_hours(1));
            store.forget_gone(&store.sections()?, &[], later).map(drop)
        }),
    ];
    for ((what, clear), whole) in clearings.iter().flat_map(|c| [(c, true), (c, false)]) {
        let (_folder, path) = place();
        let store = open(&path);
        fill(&store, (1..=40).map(|key| movie(key, 0)), 1);
        let base = store.sections().unwrap().remove(0);
        let update = read_since(&base, whole);
        clear(&store, base.id).unwrap();
        let cleared = store.digest().unwrap();
        assert!(matches!(store.apply(update).unwrap(), Applied::Moved), "{what}");
        assert_eq!(store.digest().unwrap(), cleared, "{what}");
        assert_sound(&store);
        fill(&store, (1..=30).map(|key| movie(key, 1)), 2);
        assert_eq!(items(&store).len(), 30, "{what}");
        assert_sound(&store);
    }
}

#[test]
fn clearing_matches_does_not_disturb_a_refresh() {
    let (_folder, _, store) = filled(40);
    let base = store.sections().unwrap().remove(0);
    let update = read_since(&base, true);
    store.clear(Clear::Matches).unwrap();
    assert!(matches!(store.apply(update).unwrap(), Applied::Done(..)));
}

/// All late writes of a run for a section that was removed meanwhile.
pub(super) fn write_late(store: &Store, id: SectionId) {
    let key = RatingKey(1);
    store.remember(id, vec![(match_key(1), found(1, crate::Revision(1)))]).unwrap();
    store.flush().unwrap();
    let metadata = super::metadata();
    store.put_metadata(id, &[(key, metadata.clone())], &[RatingKey(2)]).unwrap();
    let (run, progress) = (RunId(1), Progress::Sent);
    let edit = EditProgress { section: id, rating_key: key, run, progress, at: NOW };
    let (before, after) = (metadata.clone(), metadata);
    let confirmed = Confirmed { section: id, rating_key: key, before, after };
    store.note_edits(&[edit], &[confirmed], &[(id, RatingKey(2))]).unwrap();
    store.put_upload(id, key, Artwork::Poster, ImageHash::of(b"poster")).unwrap();
    let _ = store.take_lease(id, NOW, Duration::from_mins(1)).unwrap();
}

fn rows(store: &Store) -> u64 {
    store.stats().unwrap().tables.iter().map(|table| table.rows).sum()
}

#[test]
fn what_comes_late_for_a_section_that_is_gone_is_not_written() {
    let (_folder, _, store) = filled(40);
    let id = section(&store);
    let before = rows(&store);
    write_late(&store, id);
    assert_eq!(rows(&store), before + 5, "a match, an edit, an upload, a lease");
    store.clear(Clear::Server).unwrap();
    assert_eq!(rows(&store), 0);
    write_late(&store, id);
    assert_eq!(rows(&store), 0, "late rows are not written");
    assert_sound(&store);
}

#[test]
fn matches_that_waited_do_not_outlive_a_file_that_was_replaced() {
    let (_folder, path, store) = filled(2_000);
    store.close().unwrap();
    let store = Store::open(&path, &StoreConfig { cache_size: 0, ..config() }).unwrap();
    let id = section(&store);
    store.remember(id, vec![(match_key(1), found(1, crate::Revision(1)))]).unwrap();
    let mut bytes = fs::read(&path).unwrap();
    bytes[4_096..].fill(0);
    fs::write(&path, bytes).unwrap();
    assert!(matches!(store.digest(), Err(Error::Damaged { .. })));
    store.flush().unwrap();
    fill(&store, (1..=10).map(|key| movie(key, 0)), 1);
    assert_sound(&store);
}

#[test]
fn clears_and_refreshes_at_once_leave_a_sound_file() {
    let (_folder, path) = place();
    let store = open(&path);
    fill(&store, (1..=40).map(|key| movie(key, 0)), 0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for edition in 1..=60 {
                let id = section(&store);
                let listed = (1..=40).map(|key| movie(key, u64::from(edition % 3 == 0)));
                match store.fill(id, listed, stamp(edition), NOW) {
                    Ok(_) | Err(Error::Moved { .. }) => {}
                    Err(error) => panic!("{error}"),
                }
                let revision = crate::Revision(u64::try_from(edition).unwrap());
                store.remember(id, vec![(match_key(1), found(1, revision))]).unwrap();
            }
        });
        for round in 0..60 {
            let id = section(&store);
            let what = match round % 4 {
                0 => Clear::Item(id, RatingKey(3)),
                1 => Clear::Section(id),
                2 => Clear::Matches,
                _ => Clear::Server,
            };
            store.clear(what).unwrap();
        }
    });
    store.flush().unwrap();
    assert_sound(&store);
    fill(&store, (1..=40).map(|key| movie(key, 2)), 100);
    assert_eq!(items(&store).len(), 40);
    assert_eq!(store.damaged_values(), 0);
}

#[test]
fn an_item_that_went_twice_is_no_damage() {
    let (_folder, _, store) = filled(40);
    let id = section(&store);
    // Two tasks read the item by key, and the server told both that it is missing.
    for removed in [1, 0] {
        let changes = store.update(id, [], &[7], stamp(2), NOW).unwrap();
        assert_eq!(changes.removed, removed);
    }
    assert_eq!(items(&store).len(), 39);
    assert_sound(&store);
}
