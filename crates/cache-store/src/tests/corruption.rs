//! A thousand damaged copies of a real file.
//!
//! Whichever bit flips and whichever page is lost, one of three things holds: the result of a read
//! is right, or it is missing and the damage was counted, or the file was replaced. There is never
//! a wrong record, an absence without proof, or a panic. The hard case is an inner page: a flipped
//! separator or child sends redb to another leaf, and keys vanish without an error.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use plex_api::{Artwork, Field, RatingKey};
use redb::{Database, ReadableDatabase};

use super::crash::Medium;
use super::{Dice, NOW, config, fill, found, match_key, movie, name_hash, open, place, section};
use crate::format::tables;
use crate::{
    EditProgress, Error, ImageHash, Index, Metadata, Opened, Progress, RunId, SectionId, Store,
    StoreConfig,
};

const ITEMS: u64 = 1_500;
const MATCHES: u64 = 300;
/// Items with metadata and an edit.
const BESIDE: u64 = 100;
const PAGE: usize = 4_096;
const THREADS: u64 = 8;

/// The bytes of a store with all kinds of records, without free pages.
fn sound_file() -> Vec<u8> {
    let (_folder, path) = place();
    let store = open(&path);
    fill(&store, (1..=ITEMS).map(|key| movie(key, 0)), 1);
    let revision = store.sections().unwrap()[0].revision;
    let matches = (0..MATCHES).map(|n| (match_key(n), found(n + 1, revision))).collect();
    store.remember(section(&store), matches).unwrap();
    let id = section(&store);
    let read: Vec<_> = (1..=BESIDE).map(|key| (RatingKey(key), metadata(key))).collect();
    store.put_metadata(id, &read, &[]).unwrap();
    store.note_edits(&(1..=BESIDE).map(|key| edit(id, key)).collect::<Vec<_>>(), &[], &[]).unwrap();
    for key in 1..=10 {
        store.put_upload(id, RatingKey(key), Artwork::Poster, image(key)).unwrap();
    }
    store.compact().unwrap();
    store.close().unwrap();
    fs::read(&path).unwrap()
}

fn metadata(key: u64) -> Metadata {
    let summary = format!("What happens in {key}. ").repeat(8);
    Metadata { values: [(Field::Summary, summary)].into(), ..super::metadata() }
}

fn edit(section: SectionId, key: u64) -> EditProgress {
    let progress = Progress::Failed(format!("{key} is locked"));
    EditProgress { section, rating_key: RatingKey(key), run: RunId(key), progress, at: NOW }
}

fn image(key: u64) -> ImageHash {
    ImageHash::of(&key.to_le_bytes())
}

/// Pages that redb marks as inner ones of a tree.
fn inner_pages(bytes: &[u8]) -> Vec<usize> {
    let pages = bytes.chunks(PAGE).enumerate();
    pages.filter(|(at, page)| *at > 0 && page[0] == 2).map(|(at, _)| at * PAGE).collect()
}

/// Damages a file in one of four ways.
fn damage(bytes: &mut [u8], at: usize, dice: &mut Dice) {
    let roll = |dice: &mut Dice, below: usize| usize::try_from(dice.roll(below as u64)).unwrap();
    let page = at / PAGE * PAGE;
    match dice.roll(6) {
        0 => bytes[page..page + PAGE].fill(0),
        1 => bytes[page..page + PAGE].iter_mut().for_each(|byte| {
            *byte = u8::try_from(dice.roll(256)).unwrap();
        }),
        // A write to the wrong place.
        2 => {
            let from = roll(dice, bytes.len() / PAGE) * PAGE;
            bytes.copy_within(from..from + PAGE, page);
        }
        _ => bytes[page + roll(dice, PAGE)] ^= 1 << dice.roll(8),
    }
}

/// The outcome for a damaged copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fate {
    /// All answers were right, and no damage was noticed.
    Right,
    /// An answer was missing, and the damage was counted.
    Missed,
    /// The section is no longer known, so it is listed again.
    Relisted,
    /// The file was moved aside when it was opened or used.
    Replaced,
    /// The file was not recognised, and was left alone.
    Refused,
}

/// Opens a damaged copy, reads everything, and judges the results.
fn judge(path: &Path, dice: &mut Dice) -> Fate {
    let store = match Store::open(path, &StoreConfig { cache_size: 1 << 20, ..config() }) {
        Ok(store) => store,
        Err(Error::NotACache { .. } | Error::NewerFormat { .. } | Error::NewerRecords { .. }) => {
            return Fate::Refused;
        }
        Err(error) => panic!("{error}: {:?}", std::error::Error::source(&error)),
    };
    if matches!(store.opened(), Opened::Recovered { .. }) {
        return Fate::Replaced;
    }
    match ask(&store, dice) {
        Ok(fate) => fate,
        Err(Error::Damaged { .. }) => {
            assert_eq!(store.sections().unwrap(), [], "a fresh file");
            Fate::Replaced
        }
        Err(error) => panic!("{error}: {:?}", std::error::Error::source(&error)),
    }
}

fn ask(store: &Store, dice: &mut Dice) -> Result<Fate, Error> {
    let view = store.view()?;
    let Some(state) = view.sections()?.into_iter().find(|state| state.title == "Movies") else {
        return Ok(Fate::Relisted);
    };
    let missed = |asked: String| {
        assert!(store.damaged_values() > 0, "missing, but not counted: {asked}");
    };
    for _ in 0..150 {
        let key = 1 + dice.roll(ITEMS);
        let hash = name_hash(&movie(key, 0).parts[0].file);
        match view.bucket(Index::Names, state.id, hash)? {
            None => missed(format!("the bucket of {key}")),
            Some(bucket) => {
                let expected: Vec<u64> = [key / 2 * 2, key / 2 * 2 + 1]
                    .into_iter()
                    .filter(|k| (1..=ITEMS).contains(k))
                    .collect();
                assert_eq!(
                    bucket.rating_keys.iter().map(|key| key.0).collect::<Vec<_>>(),
                    expected
                );
                for &key in &bucket.rating_keys {
                    match view.indexed_item(state.id, key)? {
                        Some(stored) => match view.read(&stored)? {
                            Some(item) => assert_eq!(item, movie(key.0, 0).borrowed()),
                            None => missed(format!("item {key}")),
                        },
                        None => missed(format!("item {key}")),
                    }
                }
            }
        }
        // A hash that was never indexed is never found.
        assert_eq!(view.bucket(Index::Names, state.id, hash ^ 0x55)?, None);
        let number = dice.roll(MATCHES);
        if let Some(record) = view.remembered(state.id, &match_key(number))? {
            assert_eq!(record.outcome, found(number + 1, record.verified_at).outcome);
        }
    }
    drop(view);
    ask_beside(store, state.id, dice)?;
    if dice.roll(8) == 0 {
        let view = store.view()?;
        let mut seen = 0;
        for row in view.scan(state.id)? {
            let (key, kept) = row?;
            assert_eq!(kept.item, movie(key.0, 0));
            seen += 1;
        }
        if seen < ITEMS {
            missed(format!("{} items", ITEMS - seen));
        }
    }
    Ok(if store.damaged_values() > 0 { Fate::Missed } else { Fate::Right })
}

/// Rows beside an item may be missing without a report. Then an item is read or an image is sent
/// once more.
fn ask_beside(store: &Store, id: SectionId, dice: &mut Dice) -> Result<(), Error> {
    let key = 1 + dice.roll(BESIDE);
    if let Some(known) = store.known(&[RatingKey(key)])?.remove(0) {
        assert_eq!(known.section, id);
        assert!(known.item.is_none_or(|item| item == movie(key, 0)));
        assert!(known.metadata.is_none_or(|read| read == metadata(key)));
    }
    let key = 1 + dice.roll(10);
    let uploads = store.uploads(id, RatingKey(key))?;
    assert!(uploads.poster.is_none_or(|poster| poster == image(key)));
    for found in store.edits()? {
        assert_eq!(found, edit(id, found.rating_key.0));
    }
    Ok(())
}

/// Whether redb finds fewer blocks of the names than there are, and reports no error. An index
/// with one record for each bucket would have read this as "absent".
fn keys_vanish(bytes: &[u8], section: SectionId, blocks: u64) -> bool {
    let count = || {
        let db = Database::builder().create_with_backend(Medium::with(bytes)).ok()?;
        let txn = db.begin_read().ok()?;
        let names = txn.open_table(tables::index(Index::Names)).ok()?;
        let mut found = 0;
        for block in 0..blocks {
            found += u64::from(names.get((section.0, block)).ok()?.is_some());
        }
        Some(found)
    };
    std::panic::catch_unwind(count).ok().flatten().is_some_and(|found| found < blocks)
}

/// Hides the messages of redb's panics: there are hundreds below, and each is caught.
fn without_a_word_of_redbs_panics() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if panic.location().is_none_or(|at| !at.file().contains("redb")) {
            usual(panic);
        }
    }));
}

#[test]
fn a_thousand_damaged_files_never_give_a_wrong_answer() {
    without_a_word_of_redbs_panics();
    let sound = sound_file();
    let inner = inner_pages(&sound);
    assert!(inner.len() >= 4, "{} inner pages", inner.len());
    let (id, blocks) = {
        let (_folder, path) = place();
        fs::write(&path, &sound).unwrap();
        let state = open(&path).sections().unwrap().remove(0);
        (state.id, state.divisions[0].blocks())
    };
    let trials = &|thread: u64| {
        let (folder, path) = place();
        let mut dice = Dice(thread << 32);
        let mut fates: BTreeMap<(&str, Fate), u64> = BTreeMap::new();
        let mut vanished: BTreeMap<&str, u64> = BTreeMap::new();
        for trial in 0..1_000 / THREADS {
            let mut bytes = sound.clone();
            let (kind, at) = if trial % 2 == 0 {
                ("anywhere", dice.roll(sound.len() as u64))
            } else {
                (
                    "inner page",
                    inner[usize::try_from(dice.roll(inner.len() as u64)).unwrap()] as u64,
                )
            };
            damage(&mut bytes, usize::try_from(at).unwrap(), &mut dice);
            fs::write(&path, &bytes).unwrap();
            *fates.entry((kind, judge(&path, &mut dice))).or_default() += 1;
            *vanished.entry(kind).or_default() += u64::from(keys_vanish(&bytes, id, blocks));
            for entry in fs::read_dir(folder.path()).unwrap() {
                fs::remove_file(entry.unwrap().path()).unwrap();
            }
        }
        (fates, vanished)
    };
    let mut fates: BTreeMap<(&str, Fate), u64> = BTreeMap::new();
    let mut vanished: BTreeMap<&str, u64> = BTreeMap::new();
    // The threads wait for the disk more than they compute.
    std::thread::scope(|scope| {
        let threads: Vec<_> =
            (0..THREADS).map(|thread| scope.spawn(move || trials(thread))).collect();
        for thread in threads {
            let (some_fates, some_vanished) = thread.join().unwrap();
            for (key, n) in some_fates {
                *fates.entry(key).or_default() += n;
            }
            for (key, n) in some_vanished {
                *vanished.entry(key).or_default() += n;
            }
        }
    });
    println!("fates {fates:?}\nkeys vanish {vanished:?}");
    let of = |fate| fates.iter().filter(|((_, f), _)| *f == fate).map(|(_, n)| n).sum::<u64>();
    assert!(of(Fate::Missed) > 0 && of(Fate::Replaced) > 0 && of(Fate::Right) > 0, "{fates:?}");
    assert!(vanished["inner page"] > 0, "the hard case occurred");
}
