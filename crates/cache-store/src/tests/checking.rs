//! What a check of the whole file finds.

use redb::{AccessGuard, ReadableTable};

use super::clearing::write_late;
use super::shows::show;
use super::{
    NOW, assert_sound, behind_its_back, fill, filled, found, items, match_key, movie, open, place,
    section, stamp,
};
use crate::format::tables;
use crate::format::tables::Keys;
use crate::{Error, Store};

/// The value with a flipped bit.
fn flipped(value: Option<AccessGuard<'_, &'static [u8]>>) -> Vec<u8> {
    let mut bytes = value.unwrap().value().to_owned();
    *bytes.last_mut().unwrap() ^= 1;
    bytes
}

#[test]
fn a_check_finds_damage_in_every_table() {
    let (_folder, path, store) = filled(50);
    let id = section(&store);
    let base = store.sections().unwrap().remove(0);
    store.put_shows(&base, &[show(7, "Amber")], NOW).unwrap().unwrap();
    write_late(&store, id);
    store.put_totals(b"totals").unwrap();
    store.count(1, 1);
    store.flush().unwrap();
    assert_sound(&store);
    store.close().unwrap();

    let mut problems = 0;
    let mut finds = |what: &str| {
        let store = open(&path);
        let checked = store.check().unwrap();
        assert!(checked.problem_count > problems, "{what}: {:?}", checked.problems);
        assert!(checked.problems.iter().any(|line| line.contains(what)), "{:?}", checked.problems);
        problems = checked.problem_count;
        store.close().unwrap();
    };
    for key in [tables::TOTALS, tables::COUNTERS].map(|key| key.name) {
        behind_its_back(&path, |txn| {
            let mut rows = txn.open_table(tables::META).unwrap();
            let bytes = flipped(rows.get(key).unwrap());
            rows.insert(key, bytes.as_slice()).unwrap();
        });
        finds(key);
    }
    // The sections come last, because a row without its section belongs to nobody.
    for table in tables::ALL.iter().rev() {
        behind_its_back(&path, |txn| match table.keys {
            Keys::Numbered(definition) => {
                let mut rows = txn.open_table(definition).unwrap();
                let key = rows.first().unwrap().unwrap().0.value();
                let bytes = flipped(rows.get(key).unwrap());
                rows.insert(key, bytes.as_slice()).unwrap();
            }
            Keys::Hashed(definition) => {
                let mut rows = txn.open_table(definition).unwrap();
                let key = rows.first().unwrap().unwrap().0.value();
                let bytes = flipped(rows.get(key).unwrap());
                rows.insert(key, bytes.as_slice()).unwrap();
            }
        });
        finds(table.name);
    }
}

/// Found by fuzzing: because of a damaged match, the section was listed again. But a listing does
/// not change matches. So every run listed the section four times, and answered none of its files.
#[test]
fn a_damaged_match_is_missing_and_nothing_else_is() {
    let (_folder, path) = place();
    let store = open(&path);
    fill(&store, (1..=40).map(|key| movie(key, 0)), 1);
    let state = store.sections().unwrap().remove(0);
    let mut keys: Vec<_> = (0..40).map(match_key).collect();
    keys.sort_unstable();
    let record = || found(1, state.revision);
    store.remember(state.id, keys.iter().map(|key| (*key, record())).collect()).unwrap();
    store.close().unwrap();
    behind_its_back(&path, |txn| {
        let mut rows = txn.open_table(tables::MATCHES).unwrap();
        let key = rows.first().unwrap().unwrap().0.value();
        let bytes = flipped(rows.get(key).unwrap());
        rows.insert(key, bytes.as_slice()).unwrap();
    });
    let store = open(&path);
    let view = store.view().unwrap();
    assert_eq!(view.remembered(state.id, &keys[0]).unwrap(), None);
    let all = view.many_remembered(state.id, &keys).unwrap();
    assert_eq!((all[0].is_some(), all.iter().flatten().count()), (false, 39));
    assert_eq!(store.damaged_values(), 2, "the damage is counted");
    assert!(!view.met_damage(state.id), "the items are not damaged");
    drop(view);
    // The match is computed again, and overwrites the damaged one.
    store.remember(state.id, vec![(keys[0], record())]).unwrap();
    store.flush().unwrap();
    assert!(store.view().unwrap().remembered(state.id, &keys[0]).unwrap().is_some());
    assert_sound(&store);
}

#[test]
fn indexes_are_sound_through_many_batches_of_changes() {
    let (_folder, path) = place();
    let store = open(&path);
    let bits = |store: &Store| store.sections().unwrap()[0].divisions.map(|index| index.bits);
    fill(&store, (1..=400).map(|key| movie(key, 0)), 1);
    let before = bits(&store);
    // A key leaves its bucket in one batch and enters it again in the next.
    fill(&store, (1..=400).map(|key| movie(key, 1 + key % 2)), 2);
    assert_sound(&store);
    // Each index is divided further, and blocks are emptied.
    fill(&store, (101..=6_000).map(|key| movie(key, 1 + key % 3)), 3);
    assert!(bits(&store) > before, "{before:?}");
    assert_sound(&store);
    fill(&store, (5_990..=6_000).map(|key| movie(key, 0)), 4);
    assert_sound(&store);
    assert_eq!(items(&store).len(), 11);
    // All items go, and the blocks stay.
    fill(&store, [], 5);
    assert_sound(&store);
    fill(&store, (1..=400).map(|key| movie(key, 0)), 6);
    assert_sound(&store);
    assert_eq!(items(&store).len(), 400);
}

#[test]
fn an_item_in_an_empty_section_is_damage() {
    // A stray key that is before, among or after the listed keys.
    for stray in [0, 200, 500] {
        let (_folder, path) = place();
        let store = open(&path);
        let id = section(&store);
        store.close().unwrap();
        behind_its_back(&path, |txn| {
            let mut rows = txn.open_table(tables::ITEMS).unwrap();
            rows.insert((id.0, stray), [1_u8].as_slice()).unwrap();
        });
        let store = open(&path);
        let movies = || (1..=400).map(|key| movie(key, 0));
        let error = store.fill(id, movies(), stamp(1), NOW).unwrap_err();
        assert!(matches!(error, Error::Moved { .. }), "{stray}: {error:?}");
        assert_eq!(items(&store), [], "the stray item is gone");
        fill(&store, movies(), 2);
        assert_sound(&store);
        assert_eq!(items(&store).len(), 400);
    }
}
