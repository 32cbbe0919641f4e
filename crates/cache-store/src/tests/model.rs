//! Random operations on a store and on a `BTreeMap`, with reopenings, give the same content.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::{
    assert_sound, fill, found, items, match_key, movie, name_hash, open, place, section, stamp,
};
use crate::store::apply::update::{Applied, Scope, Update};
use crate::store::staging::Spool;
use crate::{Clear, Index, Revision, Store};

/// There are few items, so that operations meet on the same ones.
const KEYS: u64 = 24;

#[derive(Debug, Clone)]
enum Operation {
    /// A full listing: edition by key.
    Full(BTreeMap<u64, u64>),
    /// A delta: added or changed items, and keys that are gone.
    Delta(BTreeMap<u64, u64>, Vec<u64>),
    Remember(u64),
    Flush,
    ClearMatches,
    ClearItem(u64),
    ClearSection,
    Invalidate,
    Reopen,
}

fn editions(most: usize) -> impl Strategy<Value = BTreeMap<u64, u64>> {
    prop::collection::btree_map(1..=KEYS, 0..3_u64, 0..most)
}

fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        2 => editions(24).prop_map(Operation::Full),
        6 => (editions(4), prop::collection::vec(1..=KEYS, 0..3))
            .prop_map(|(rows, gone)| Operation::Delta(rows, gone)),
        4 => (0..20_u64).prop_map(Operation::Remember),
        1 => Just(Operation::Flush),
        1 => Just(Operation::ClearMatches),
        1 => (1..=KEYS).prop_map(Operation::ClearItem),
        1 => Just(Operation::ClearSection),
        1 => Just(Operation::Invalidate),
        2 => Just(Operation::Reopen),
    ]
}

#[derive(Debug, Default)]
struct Model {
    items: BTreeMap<u64, u64>,
    matches: BTreeMap<u64, Revision>,
    revision: Revision,
    counter: i64,
}

fn delta(store: &Store, rows: &BTreeMap<u64, u64>, gone: &[u64], counter: i64) {
    let base = store.sections().unwrap().remove(0);
    let mut spool = Spool::new();
    let rows = rows.iter().collect();
    spool.extend(rows, |(&key, &edition)| movie(key, edition), super::NOW).unwrap();
    let update = Update {
        scope: Scope::Delta(gone.to_vec()),
        ..Update::new(&base, spool, stamp(counter), super::NOW)
    };
    assert!(matches!(store.apply(update).unwrap(), Applied::Done(..)));
}

fn step(store: &Store, model: &mut Model, operation: &Operation) {
    model.counter += 1;
    let id = section(store);
    match operation {
        Operation::Full(listed) => {
            fill(store, listed.iter().map(|(&key, &edition)| movie(key, edition)), model.counter);
            model.items.clone_from(listed);
        }
        Operation::Delta(rows, gone) => {
            let mut gone: Vec<u64> = gone
                .iter()
                .copied()
                .filter(|key| model.items.contains_key(key) && !rows.contains_key(key))
                .collect();
            gone.sort_unstable();
            gone.dedup();
            delta(store, rows, &gone, model.counter);
            model.items.extend(rows);
            model.items.retain(|key, _| !gone.contains(key));
        }
        Operation::Remember(number) => {
            let revision = store.sections().unwrap()[0].revision;
            store.remember(id, vec![(match_key(*number), found(1, revision))]).unwrap();
            model.matches.insert(*number, revision);
        }
        Operation::Flush => store.flush().unwrap(),
        Operation::ClearMatches => {
            let cleared = store.clear(Clear::Matches).unwrap();
            assert_eq!(cleared.matches, model.matches.len() as u64);
            model.matches.clear();
        }
        Operation::ClearItem(key) => {
            let cleared = store.clear(Clear::Item(id, plex_api::RatingKey(*key))).unwrap();
            assert_eq!(cleared.items, u64::from(model.items.remove(key).is_some()));
        }
        Operation::ClearSection => {
            let cleared = store.clear(Clear::Section(id)).unwrap();
            assert_eq!(cleared.items, model.items.len() as u64);
            assert_eq!(cleared.matches, model.matches.len() as u64);
            model.items.clear();
            model.matches.clear();
        }
        Operation::Invalidate => store.invalidate(id).unwrap(),
        Operation::Reopen => unreachable!("the caller does this"),
    }
}

fn compare(store: &Store, model: &mut Model) {
    let expected: Vec<_> = model.items.iter().map(|(&key, &edition)| movie(key, edition)).collect();
    assert_eq!(items(store), expected);
    let state = store.sections().unwrap().remove(0);
    assert_eq!(state.items, expected.len() as u64);
    assert!(state.revision >= model.revision, "a revision never goes back");
    model.revision = state.revision;
    let view = store.view().unwrap();
    let mut names: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
    for key in 1..=KEYS {
        let keys = names.entry(name_hash(&movie(key, 0).parts[0].file)).or_default();
        keys.extend(model.items.contains_key(&key).then_some(key));
    }
    let hashes: Vec<u64> = names.keys().copied().collect();
    let buckets = view.buckets(Index::Names, state.id, &hashes).unwrap();
    for (bucket, keys) in buckets.into_iter().zip(names.values()) {
        let found = bucket.map(|bucket| bucket.rating_keys).unwrap_or_default();
        assert_eq!(found.into_iter().map(|key| key.0).collect::<Vec<_>>(), *keys);
    }
    for number in 0..20 {
        let record = view.remembered(state.id, &match_key(number)).unwrap();
        let verified = record.map(|record| record.verified_at);
        assert_eq!(verified, model.matches.get(&number).copied());
    }
}

#[test]
fn a_store_is_a_map_that_survives() {
    let mut runner = TestRunner::new(Config { cases: 48, ..Config::default() });
    let operations = prop::collection::vec(operation(), 1..24);
    runner
        .run(&operations, |operations| {
            let (_folder, path) = place();
            let mut store = open(&path);
            section(&store);
            let mut model = Model::default();
            for operation in &operations {
                if matches!(operation, Operation::Reopen) {
                    store.close().unwrap();
                    store = open(&path);
                } else {
                    step(&store, &mut model, operation);
                }
                compare(&store, &mut model);
            }
            assert_sound(&store);
            Ok(())
        })
        .unwrap();
}
