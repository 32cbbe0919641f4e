//! Buffering, clearing, pruning, bounds, and statistics.

use std::collections::BTreeSet;

use plex_api::{Artwork, Field, Location, RatingKey, UnixSeconds};

use super::{
    Dice, NOW, assert_sound, config, fill, filled, found, items, match_key, movie, movies,
    name_hash, open, place, section, stamp,
};
use crate::{
    CachedItem, Clear, Cleared, Confirmed, EditProgress, Error, ImageHash, Index, MatchRecord,
    Metadata, Progress, RunId, Store, StoreConfig,
};

pub(super) fn remember(store: &Store, numbers: std::ops::Range<u64>) {
    let revision = store.sections().unwrap()[0].revision;
    let matches = numbers.map(|n| (match_key(n), found(1 + n % 50, revision))).collect();
    store.remember(section(store), matches).unwrap();
}

fn remembered(store: &Store, number: u64) -> Option<MatchRecord> {
    store.view().unwrap().remembered(section(store), &match_key(number)).unwrap()
}

#[test]
fn matches_wait_and_are_written_together() {
    let (_folder, path, store) = filled(50);
    let waiting = |store: &Store| store.stats().unwrap().waiting;
    let in_file = |store: &Store| {
        store.stats().unwrap().tables.iter().find(|t| t.name == "matches").unwrap().rows
    };
    remember(&store, 0..10);
    assert_eq!((waiting(&store), in_file(&store)), (10, 0));
    assert!(remembered(&store, 3).is_some(), "a waiting match is found");
    store.flush().unwrap();
    assert_eq!((waiting(&store), in_file(&store)), (0, 10));
    assert!(remembered(&store, 3).is_some());

    // Matches are written with the next transaction of any kind,
    remember(&store, 10..20);
    fill(&store, (1..=40).map(|key| movie(key, 0)), 2);
    assert_eq!((waiting(&store), in_file(&store)), (0, 20));
    // when there are many,
    remember(&store, 20..5_000);
    assert_eq!((waiting(&store), in_file(&store)), (0, 5_000));
    // at closing, and when the store is dropped.
    remember(&store, 5_000..5_001);
    store.close().unwrap();
    let store = open(&path);
    assert!(remembered(&store, 5_000).is_some());
    remember(&store, 5_001..5_002);
    drop(store);
    assert!(remembered(&open(&path), 5_001).is_some());
}

#[test]
fn each_clear_says_how_much_went() {
    let (_folder, path) = place();
    let store = open(&path);
    let prepare = |counter| {
        fill(&store, (1..=50).map(|key| movie(key, 0)), counter);
        remember(&store, 0..7);
    };
    prepare(1);
    let id = section(&store);
    assert_eq!(store.clear(Clear::Matches).unwrap(), Cleared { matches: 7, ..Cleared::default() });
    assert_eq!((items(&store).len(), remembered(&store, 1)), (50, None));

    remember(&store, 0..7);
    let one = Clear::Item(id, RatingKey(4));
    assert_eq!(store.clear(one).unwrap(), Cleared { items: 1, ..Cleared::default() });
    assert_eq!(store.clear(one).unwrap(), Cleared::default());
    let state = store.sections().unwrap().remove(0);
    assert_eq!((state.items, state.complete, state.stamp), (49, false, None));
    let view = store.view().unwrap();
    let hash = name_hash(&movie(4, 0).parts[0].file);
    let left = view.bucket(Index::Names, id, hash).unwrap().unwrap();
    assert_eq!(left.rating_keys[..], [RatingKey(5)], "the index forgot it, too");
    drop(view);
    assert_sound(&store);

    let cleared = store.clear(Clear::Section(id)).unwrap();
    assert_eq!((cleared.sections, cleared.items, cleared.matches), (0, 49, 7));
    assert_eq!(items(&store), []);
    assert_eq!(section(&store), id, "the section keeps its number");

    prepare(2);
    let cleared = store.clear(Clear::All).unwrap();
    assert_eq!((cleared.items, cleared.matches), (50, 7));

    prepare(3);
    store.bind("abc").unwrap();
    let cleared = store.clear(Clear::Server).unwrap();
    assert_eq!((cleared.sections, cleared.items, cleared.matches), (1, 50, 7));
    assert_eq!((store.server().unwrap(), store.sections().unwrap()), (None, vec![]));
    assert!(section(&store) > id, "a number is not used twice");
    assert_sound(&store);
}

#[test]
fn what_is_known_of_an_item_goes_with_it() {
    let (_folder, _, store) = filled(5);
    let id = section(&store);
    let metadata = super::metadata();
    // The sixth is a show: it has no row among the items.
    let keys: Vec<_> = (1..=6).map(RatingKey).collect();
    let read: Vec<_> = keys.iter().map(|&key| (key, metadata.clone())).collect();
    store.put_metadata(id, &read, &[]).unwrap();
    let edit = |&rating_key: &RatingKey| EditProgress {
        section: id,
        rating_key,
        run: RunId(7),
        progress: Progress::Sent,
        at: NOW,
    };
    store.note_edits(&keys.iter().map(edit).collect::<Vec<_>>(), &[], &[]).unwrap();
    for &key in &keys {
        store.put_upload(id, key, Artwork::Poster, ImageHash::of(b"poster")).unwrap();
    }
    // The items with a row, by table.
    let rows = || {
        let known = store
            .known(&keys)
            .unwrap()
            .into_iter()
            .map(|known| known.is_some_and(|known| known.metadata.is_some()));
        let edits = store.edits().unwrap();
        let edits = keys.iter().map(|key| edits.iter().any(|edit| edit.rating_key == *key));
        let uploads = keys.iter().map(|&key| store.uploads(id, key).unwrap().poster.is_some());
        let named = |rows: &mut dyn Iterator<Item = bool>| {
            rows.zip(1..).filter_map(|(is, key)| is.then_some(key)).collect::<Vec<u64>>()
        };
        [named(&mut { known }), named(&mut { edits }), named(&mut { uploads })]
    };
    let all = |keys: &[u64]| [keys.to_vec(), keys.to_vec(), keys.to_vec()];
    assert_eq!(rows(), all(&[1, 2, 3, 4, 5, 6]));
    fill(&store, [1, 2, 4, 5].map(|key| movie(key, 0)), 2);
    assert_eq!(rows(), all(&[1, 2, 4, 5, 6]), "a sweep did not find the third");
    store.update(id, [], &[2], stamp(3), NOW).unwrap();
    assert_eq!(rows(), all(&[1, 4, 5, 6]), "a delta says that the second is gone");
    store.put_metadata(id, &[], &[RatingKey(5)]).unwrap();
    assert_eq!(rows(), all(&[1, 4, 6]), "a read by key did not find the fifth");
    for (key, items) in [(4, 1), (6, 0), (7, 0)] {
        let cleared = store.clear(Clear::Item(id, RatingKey(key))).unwrap();
        let other_rows = if key == 7 { 0 } else { 3 };
        assert_eq!(cleared, Cleared { items, other_rows, ..Cleared::default() }, "{key}");
    }
    assert_eq!(rows(), all(&[1]));
    // After damage, the same items are listed again, so edits and uploads stay.
    store.drop_items(id).unwrap();
    assert_eq!(rows(), [vec![], vec![1], vec![1]]);
    store.forget_edits(RunId(8)).unwrap();
    assert_eq!(store.edits().unwrap().len(), 1, "the edit is of run 7");
    store.forget_edits(RunId(7)).unwrap();
    assert_eq!(rows(), [vec![], vec![], vec![1]]);
    let cleared = store.clear(Clear::Section(id)).unwrap();
    assert_eq!(cleared, Cleared { other_rows: 1, ..Cleared::default() });
    assert_sound(&store);
}

#[test]
fn the_order_in_which_rows_come_leaves_no_trace() {
    let all = 1..=2_000;
    let sorted: Vec<_> = all.clone().map(|key| movie(key, 0)).collect();
    let mut turned: Vec<_> = sorted.iter().skip(700).chain(&sorted[..700]).cloned().collect();
    turned.push(movie(5, 1)); // once more, and another: the last one counts
    turned.push(movie(5, 0));
    let digest = |items: Vec<CachedItem>| {
        let (_folder, path) = place();
        let store = open(&path);
        fill(&store, items, 1);
        assert_sound(&store);
        store.digest().unwrap()
    };
    assert_eq!(digest(turned), digest(sorted));
}

#[test]
fn invalidating_ends_every_match_and_removes_nothing() {
    let (_folder, _, store) = filled(50);
    remember(&store, 0..3);
    let holds = || {
        let view = store.view().unwrap();
        let state = view.sections().unwrap().remove(0);
        let record = view.remembered(state.id, &match_key(1)).unwrap().unwrap();
        (view.hold(&state, &[Some(record)]).unwrap()[0], state)
    };
    assert!(holds().0);
    store.invalidate(section(&store)).unwrap();
    let (holds_still, state) = holds();
    assert!(!holds_still, "but its item did not change");
    assert_eq!((state.items, state.stamp, state.complete), (50, None, false));
    let changes = fill(&store, (1..=50).map(|key| movie(key, 0)), 2);
    assert_eq!((changes.unchanged, changes.any()), (50, false), "nothing is written again");
    assert!(!holds().0, "also after the listing");
}

#[test]
fn another_folder_of_the_section_ends_every_match() {
    let (_folder, _, store) = filled(50);
    remember(&store, 0..3);
    let holds = || {
        let view = store.view().unwrap();
        let state = view.sections().unwrap().remove(0);
        let record = view.remembered(state.id, &match_key(1)).unwrap();
        (view.hold(&state, &[record]).unwrap()[0], state.items, state.stamp)
    };
    let renamed = plex_api::Section { title: "Films".into(), ..movies() };
    store.note_sections(&[renamed]).unwrap();
    assert_eq!(holds(), (true, 50, Some(stamp(1))));
    let moved = vec![Location { id: None, path: "/films/new".into() }];
    store.note_sections(&[plex_api::Section { locations: moved, ..movies() }]).unwrap();
    assert_eq!(holds(), (false, 50, Some(stamp(1))), "rule 1 depends on the folder");
}

#[test]
fn a_section_that_is_gone_and_was_not_observed_for_long_leaves_nothing() {
    let (_folder, _, store) = filled(50);
    let revision = store.sections().unwrap()[0].revision;
    store.remember(section(&store), vec![(match_key(1), found(1, revision))]).unwrap();
    store.flush().unwrap();
    let known = store.sections().unwrap();
    let later = UnixSeconds(NOW.0 + 1);
    let nothing = Cleared::default();
    assert_eq!(store.forget_gone(&known, &known, later).unwrap(), nothing, "it is listed");
    assert_eq!(store.forget_gone(&known, &[], NOW).unwrap(), nothing, "it was observed since");
    let mut old = known.clone();
    old[0].observed_at = Some(UnixSeconds(NOW.0 - 1));
    assert_eq!(store.forget_gone(&old, &[], NOW).unwrap(), nothing, "another process saw it");
    let cleared = store.forget_gone(&known, &[], later).unwrap();
    assert_eq!((cleared.sections, cleared.items, cleared.matches), (1, 50, 1));
    assert_eq!(store.sections().unwrap(), []);
    assert_sound(&store);
    assert!(section(&store) > known[0].id, "its number is not used again");
}

/// Two processes edit one item at the same time.
#[test]
fn runs_of_two_processes_on_one_item_believe_neither_and_lose_no_doubt() {
    let (_folder, _, store) = filled(5);
    let (id, key) = (section(&store), RatingKey(1));
    let of = |title: &str| Metadata {
        values: [(Field::Title, title.to_owned())].into(),
        ..super::metadata()
    };
    let edit = |run: u64, progress: &Progress| {
        let progress = progress.clone();
        [EditProgress { section: id, rating_key: key, run: RunId(run), progress, at: NOW }]
    };
    let confirm = |run, before: &str, after: &str| {
        let (before, after) = (of(before), of(after));
        let confirmed = [Confirmed { section: id, rating_key: key, before, after }];
        store.note_edits(&edit(run, &Progress::Confirmed), &confirmed, &[]).unwrap()
    };
    let row = || store.edits().unwrap().pop().map(|edit| (edit.run.0, edit.progress));
    let metadata = || store.known(&[key]).unwrap()[0].as_ref().unwrap().metadata.clone();
    let nobody = BTreeSet::new();

    store.put_metadata(id, &[(key, of("old"))], &[]).unwrap();
    assert_eq!(store.note_edits(&edit(1, &Progress::Sent), &[], &[]).unwrap(), nobody);
    assert_eq!(confirm(1, "old", "ours"), nobody, "alone");
    assert_eq!((row(), metadata()), (Some((1, Progress::Confirmed)), Some(of("ours"))));

    // Another run sent an edit. Its note stays, and the item's fields are not known any more.
    store.note_edits(&edit(2, &Progress::Sent), &[], &[]).unwrap();
    assert_eq!(store.note_edits(&edit(3, &Progress::Planned), &[], &[]).unwrap(), [key].into());
    assert_eq!((row(), metadata()), (Some((2, Progress::Sent)), None));
    assert_eq!(store.note_edits(&edit(3, &Progress::Sent), &[], &[]).unwrap(), [key].into());
    assert_eq!(confirm(2, "ours", "second"), [key].into());
    assert_eq!(row(), Some((3, Progress::Sent)), "run 3 is still in doubt");
    assert_eq!(confirm(3, "ours", "third"), [key].into());
    assert_eq!((row(), metadata()), (Some((3, Progress::Confirmed)), None), "it must be read");

    // Another run edited the item and ended, since the item was read.
    store.put_metadata(id, &[(key, of("theirs"))], &[]).unwrap();
    store.note_edits(&edit(4, &Progress::Sent), &[], &[]).unwrap();
    assert_eq!(confirm(4, "old", "fourth"), [key].into());
    assert_eq!(metadata(), None);
}

#[test]
fn at_the_limit_the_matches_that_were_not_used_for_longest_go() {
    let (_folder, path) = place();
    let config = StoreConfig { max_bytes: 400_000, ..config() };
    let store = Store::open(&path, &config).unwrap();
    fill(&store, (1..=50).map(|key| movie(key, 0)), 1);
    let revision = store.sections().unwrap()[0].revision;
    for day in 0..10 {
        let aged = MatchRecord { last_used: UnixSeconds(day * 86_400), ..found(1, revision) };
        let start = u64::try_from(day).unwrap() * 1_000;
        let matches = (start..start + 1_000).map(|n| (match_key(n), aged.clone())).collect();
        store.remember(section(&store), matches).unwrap();
        store.flush().unwrap();
    }
    let stats = store.stats().unwrap();
    let used: u64 = stats.tables.iter().map(|table| table.page_bytes).sum();
    assert!(used <= 400_000, "{stats:?}");
    assert_eq!(items(&store).len(), 50, "items stay");
    assert!(remembered(&store, 0).is_none() && remembered(&store, 9_999).is_some());
    assert_sound(&store);
}

#[test]
fn a_file_over_its_limit_is_not_walked_over_at_every_flush() {
    let (_folder, path) = place();
    let config = StoreConfig { max_bytes: 100_000, ..config() };
    let store = Store::open(&path, &config).unwrap();
    fill(&store, (1..=500).map(|key| movie(key, 0)), 1);
    let uncounted = || store.file.buffer.uncounted.load(std::sync::atomic::Ordering::Relaxed);
    let mut written = 0;
    let mut flush = || {
        remember(&store, written..written + 1);
        written += 1;
        store.flush().unwrap();
        assert!(store.file_bytes() > config.max_bytes);
        uncounted()
    };
    // The content is counted at once, and then with every fourth match: 4 * 256 bytes of 1,000.
    assert_eq!([flush(), flush(), flush(), flush(), flush(), flush()], [0, 1, 2, 3, 0, 1]);
}

#[test]
fn a_hundred_refreshes_of_one_percent_keep_the_file_small() {
    let (_folder, path) = place();
    let store = open(&path);
    let mut library: Vec<_> = (1..=3_000).map(|key| movie(key, 0)).collect();
    fill(&store, library.clone(), 0);
    let mut dice = Dice(5);
    for refresh in 1..=100 {
        for _ in 0..library.len() / 100 {
            let at = usize::try_from(dice.roll(library.len() as u64)).unwrap();
            let key = library[at].rating_key.0;
            library[at] = movie(key, refresh);
        }
        fill(&store, library.clone(), i64::try_from(refresh).unwrap());
    }
    assert_sound(&store);
    store.close().unwrap();
    let store = open(&path);
    let file = store.file_bytes();
    assert!(!store.stats().unwrap().worth_compacting, "{:?}", store.stats());
    let compacted = store.compact().unwrap();
    assert_eq!(compacted.before, file);
    let stats = store.stats().unwrap();
    let live: u64 = stats.tables.iter().map(|table| table.page_bytes).sum();
    println!("file {file}, compacted {}, pages {live}, data {}", compacted.after, stats.live_bytes);
    assert!(file * 10 <= stats.live_bytes * 22, "{file} for {}", stats.live_bytes);
    assert!(compacted.after <= file);
    assert_eq!(items(&store), library);
}

#[test]
fn a_file_that_is_mostly_free_is_worth_compacting() {
    let (_folder, _, store) = filled(9_000);
    assert!(!store.stats().unwrap().worth_compacting);
    fill(&store, (1..=1_000).map(|key| movie(key, 0)), 2);
    assert!(store.stats().unwrap().worth_compacting, "{:?}", store.stats());
    store.compact().unwrap();
    assert!(!store.stats().unwrap().worth_compacting, "{:?}", store.stats());
}

#[test]
fn compacting_waits_for_nobody() {
    let (_folder, _, store) = filled(50);
    let view = store.view().unwrap();
    assert!(matches!(store.compact(), Err(Error::InUse { .. })));
    assert!(matches!(store.check(), Err(Error::InUse { .. })));
    drop(view);
    store.compact().unwrap();
}

#[test]
fn the_counters_are_kept_across_runs() {
    let (_folder, path) = place();
    let store = open(&path);
    section(&store);
    store.count(3, 4);
    store.close().unwrap();
    let store = open(&path);
    store.count(10, 0);
    store.flush().unwrap();
    let stats = store.stats().unwrap();
    assert_eq!((stats.hits, stats.misses, stats.damaged), (13, 4, 0));
    assert_eq!(stats.sections.len(), 1);
}

/// A writer used to take the buffered matches before its turn to write. So it overwrote what
/// another writer had written meanwhile.
#[test]
fn what_waits_for_its_turn_writes_what_is_buffered_then() {
    let (_folder, path) = place();
    let store = &open(&path);
    fill(store, (1..=50).map(|key| movie(key, 0)), 1);
    let id = section(store);
    let revision = store.sections().unwrap()[0].revision;
    let record =
        |version: i64| MatchRecord { applied_at: Some(UnixSeconds(version)), ..found(1, revision) };
    for round in 0..100 {
        let (tell, told) = std::sync::mpsc::channel();
        let (release, released) = std::sync::mpsc::channel::<()>();
        store.remember(id, vec![(match_key(1), record(2 * round))]).unwrap();
        std::thread::scope(|scope| {
            let (begun, told) = (tell.clone(), &told);
            scope.spawn(move || {
                let work = |_: &redb::WriteTransaction| {
                    tell.send(()).unwrap();
                    released.recv().unwrap();
                    Ok(())
                };
                store.write("a long write", work).unwrap();
            });
            told.recv().unwrap();
            store.remember(id, vec![(match_key(2), record(2 * round))]).unwrap();
            let waiting = scope.spawn(move || {
                begun.send(()).unwrap();
                store.flush().unwrap();
            });
            told.recv().unwrap();
            std::thread::yield_now();
            store.remember(id, vec![(match_key(2), record(2 * round + 1))]).unwrap();
            release.send(()).unwrap();
            waiting.join().unwrap();
        });
        assert_eq!(store.stats().unwrap().waiting, 0, "round {round}");
    }
}
