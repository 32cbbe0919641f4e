//! Many rows are read at once as one by one.

use super::upkeep::remember;
use super::{assert_sound, filled, found, match_key, movie, name_hash, section};
use crate::{Index, SectionId};

/// The keys are all keys, a few keys from the whole table, or a part of the table. The matches are
/// in the file, or wait to be written.
#[test]
fn many_matches_are_read_as_one_by_one() {
    let (_folder, _, store) = filled(50);
    let id = section(&store);
    remember(&store, 0..3_000);
    store.flush().unwrap();
    remember(&store, 2_900..3_100);
    let view = store.view().unwrap();
    // Some of these were never remembered.
    let mut keys: Vec<_> = (0..3_200).map(match_key).collect();
    keys.sort_unstable();
    let every = |step: usize| keys.iter().copied().step_by(step).collect::<Vec<_>>();
    let some = [every(1), every(3), every(100), every(1_000), keys[100..150].to_vec(), Vec::new()];
    let mut found = 0;
    for keys in some {
        let one_by_one = keys.iter().map(|key| view.remembered(id, key).unwrap());
        let one_by_one: Vec<_> = one_by_one.collect();
        assert!(view.many_remembered(id, &keys).unwrap() == one_by_one);
        found += one_by_one.iter().flatten().count();
    }
    assert!(found > 4_000, "{found}");
    assert!(!view.met_damage(id));
}

/// Thousands of matches do not wait. They replace those that wait, and of two under one key the later
/// one stays. A section that is not in the file gets none.
#[test]
fn many_matches_are_written_at_once() {
    let (_folder, _, store) = filled(50);
    let id = section(&store);
    remember(&store, 0..10);
    let revision = store.sections().unwrap()[0].revision;
    let mut matches: Vec<_> =
        (0..5_000).map(|n| (match_key(n), found(2 + n % 40, revision))).collect();
    matches.push((match_key(7), found(50, revision)));
    store.remember(SectionId(id.0 + 1), matches.clone()).unwrap();
    store.remember(id, matches).unwrap();
    let stats = store.stats().unwrap();
    let rows = stats.tables.iter().find(|table| table.name == "matches").unwrap().rows;
    assert_eq!((stats.waiting, rows), (0, 5_000));
    let view = store.view().unwrap();
    for (number, key) in [(3, 5), (7, 50), (4_999, 2 + 4_999 % 40)] {
        let record = view.remembered(id, &match_key(number)).unwrap().unwrap();
        assert_eq!(record.outcome, found(key, revision).outcome, "match {number}");
    }
    drop(view);
    assert_sound(&store);
}

/// The hashes are all hashes, a few from the whole index, or a part of it. Some come twice, and some
/// are not there.
#[test]
fn many_buckets_are_read_as_one_by_one() {
    let (_folder, _, store) = filled(2_000);
    let id = section(&store);
    let view = store.view().unwrap();
    let name = |number: u64| name_hash(&movie(number, 0).parts[0].file);
    let mut hashes: Vec<u64> = (1..=2_400).map(name).collect();
    let every = |step: usize| hashes.iter().copied().step_by(step).collect::<Vec<_>>();
    let mut some = vec![every(1), every(9), every(200), vec![name(7)], vec![name(7); 40]];
    some.push([every(300), every(500)].concat());
    hashes.sort_unstable();
    some.extend([hashes[..90].to_vec(), Vec::new()]);
    let mut found = 0;
    for hashes in some {
        let one_by_one = hashes.iter().map(|&hash| view.bucket(Index::Names, id, hash).unwrap());
        let one_by_one: Vec<_> = one_by_one.collect();
        assert_eq!(view.buckets(Index::Names, id, &hashes).unwrap(), one_by_one);
        found += one_by_one.iter().flatten().count();
    }
    assert!(found > 2_200, "{found}");
    assert!(!view.met_damage(id));
}
