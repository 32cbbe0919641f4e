//! The medium or the power fails at every single write and sync of a refresh and of a flush of
//! matches.
//!
//! A commit that returned `Ok` is in the file afterwards. A commit that returned an error is in the
//! file completely (redb's last write may have been enough) or not at all, but never in part. Data
//! that reached the medium without a sync may be there in any part.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};

use redb::{Database, StorageBackend};

use super::{Dice, assert_sound, fill, found, items, match_key, movie, refuse, section, stamp};
use crate::Opened;
use crate::file::config::Opening;
use crate::file::open::OpenFile;
use crate::file::preallocate::{CHUNK, Growing};
use crate::file::upgrade;
use crate::{Error, Store, StoreConfig};

/// A medium in memory that fails at a chosen operation.
#[derive(Debug, Clone, Default)]
pub(super) struct Medium(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// The content that a reader sees.
    live: Vec<u8>,
    /// The safe content: everything before the last sync.
    durable: Vec<u8>,
    /// The writes since then, in order.
    unsynced: Vec<Write>,
    operations: u64,
    dies_at: Option<u64>,
    /// `false`: from then on, operations fail. `true`: they succeed, but nothing becomes durable.
    silently: bool,
}

#[derive(Debug, Clone)]
enum Write {
    Data(u64, Vec<u8>),
    Length(u64),
}

impl Write {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Data(at, data) => {
                let at = usize::try_from(*at).unwrap();
                bytes[at..at + data.len()].copy_from_slice(data);
            }
            Self::Length(length) => bytes.resize(usize::try_from(*length).unwrap(), 0),
        }
    }
}

impl State {
    /// Counts an operation. `Ok(false)`: the medium has failed and does not report it.
    fn alive(&mut self) -> io::Result<bool> {
        self.operations += 1;
        match self.dies_at {
            Some(at) if self.operations > at && self.silently => Ok(false),
            Some(at) if self.operations > at => Err(io::Error::other("the medium is gone")),
            _ => Ok(true),
        }
    }

    fn write(&mut self, write: Write) -> io::Result<()> {
        let alive = self.alive()?;
        write.apply(&mut self.live);
        if alive {
            self.unsynced.push(write);
        }
        Ok(())
    }
}

impl StorageBackend for Medium {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.lock().unwrap().live.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let state = self.0.lock().unwrap();
        let at = usize::try_from(offset).unwrap();
        let bytes = state.live.get(at..at + out.len());
        out.copy_from_slice(bytes.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.lock().unwrap().write(Write::Length(len))
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        if state.alive()? {
            let unsynced = std::mem::take(&mut state.unsynced);
            for write in unsynced {
                write.apply(&mut state.durable);
            }
        }
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.0.lock().unwrap().write(Write::Data(offset, data.to_vec()))
    }
}

impl Medium {
    pub(super) fn with(bytes: &[u8]) -> Self {
        let medium = Self::default();
        {
            let mut state = medium.0.lock().unwrap();
            state.live = bytes.to_vec();
            state.durable = bytes.to_vec();
        }
        medium
    }

    pub(super) fn operations(&self) -> u64 {
        self.0.lock().unwrap().operations
    }

    /// Fails at every operation after so many.
    pub(super) fn dies_at(&self, operations: u64) {
        self.0.lock().unwrap().dies_at = Some(operations);
    }

    /// The contents that a restart may find: all writes, no write since the last sync, or some of
    /// them.
    fn images(&self, dice: &mut Dice) -> [Vec<u8>; 3] {
        let state = self.0.lock().unwrap();
        let mut torn = state.durable.clone();
        for write in &state.unsynced {
            // Changes of length are kept, because a write beyond the end has no place.
            if matches!(write, Write::Length(_)) || dice.roll(2) == 0 {
                write.apply(&mut torn);
            }
        }
        [state.live.clone(), state.durable.clone(), torn]
    }
}

/// What the medium does not have counts as lost here, so the store must not go on in memory.
fn open(medium: &Medium, folder: &Path) -> Result<Store, Error> {
    on_medium(medium, folder, &refuse())
}

/// Opens a store on a medium. No file is touched, unless the store asks for a new one.
pub(super) fn on_medium(
    medium: &Medium,
    folder: &Path,
    config: &StoreConfig,
) -> Result<Store, Error> {
    let path = folder.join("never");
    let db = Database::builder()
        .create_with_backend(Growing::new(medium.clone()))
        .map_err(Error::storage("opening it"))?;
    let opening = Opening { path: &path, config, first_section: 1 };
    let prepared = upgrade::prepare(&db, opening)?;
    let file = OpenFile { db, opened: Opened::Existing, file_id: prepared.file_id, memory: None };
    Ok(Store::over(file, &path, config))
}

/// A digest of a file's content, for comparison.
fn digest(bytes: &[u8], folder: &Path) -> u64 {
    let store = open(&Medium::with(bytes), folder).unwrap();
    assert_sound(&store);
    store.digest().unwrap()
}

/// Runs `work` on `before`, and lets the medium fail at each of its operations.
fn sweep(before: &[u8], work: impl Fn(&Store) -> Result<(), Error>) -> BTreeMap<&'static str, u64> {
    let folder = tempfile::tempdir().unwrap();
    let old = digest(before, folder.path());
    let (new, opening, all) = {
        let medium = Medium::with(before);
        let store = open(&medium, folder.path()).unwrap();
        let opening = medium.operations();
        work(&store).unwrap();
        let all = medium.operations();
        (store.digest().unwrap(), opening, all)
    };
    assert_ne!(old, new);
    assert!(all > opening + 10, "{all} operations: the work reaches the medium");
    let mut outcomes = BTreeMap::new();
    let mut dice = Dice(1);
    for (dies_at, silently) in (opening..=all).flat_map(|at| [(at, false), (at, true)]) {
        let medium = Medium::with(before);
        let store = open(&medium, folder.path()).unwrap();
        {
            let mut state = medium.0.lock().unwrap();
            state.dies_at = Some(dies_at);
            state.silently = silently;
        }
        let done = work(&store).is_ok();
        let images = medium.images(&mut dice);
        // What the store writes when it is dropped comes too late to count.
        drop(store);
        for (name, image) in ["everything", "synced", "torn"].into_iter().zip(images) {
            let is = digest(&image, folder.path());
            let context = format!("dies at {dies_at} of {all}, silently: {silently}, {name}");
            assert!(is == old || is == new, "neither old nor new: {context}");
            if done && (name == "everything" || !silently) {
                assert_eq!(is, new, "acknowledged, but lost: {context}");
            }
            *outcomes.entry(if is == new { "new" } else { "old" }).or_default() += 1;
        }
    }
    outcomes
}

/// A medium with a section of sixty items and a few matches.
fn prepared() -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let medium = Medium::default();
    let store = open(&medium, folder.path()).unwrap();
    fill(&store, (1..=60).map(|key| movie(key, 0)), 1);
    let revision = store.sections().unwrap()[0].revision;
    let id = section(&store);
    store.remember(id, (1..=5).map(|n| (match_key(n), found(n, revision))).collect()).unwrap();
    assert_eq!(items(&store).len(), 60);
    store.close().unwrap();
    medium.0.lock().unwrap().live.clone()
}

#[test]
fn a_refresh_is_there_or_is_not() {
    let outcomes = sweep(&prepared(), |store| {
        // The refresh has changed, removed and added items, all indexes, and the section row.
        let listed =
            (10..=50).map(|key| movie(key, key % 2)).chain((61..=80).map(|key| movie(key, 0)));
        store.fill(section(store), listed, stamp(2), super::NOW).map(drop)
    });
    assert!(outcomes["old"] > 0 && outcomes["new"] > 0, "{outcomes:?}");
}

#[test]
fn matches_are_there_or_are_not() {
    let outcomes = sweep(&prepared(), |store| {
        let revision = store.sections()?[0].revision;
        let matches = (3..=40).map(|n| (match_key(n), found(n % 7, revision))).collect();
        store.remember(section(store), matches)?;
        store.flush()
    });
    assert!(outcomes["old"] > 0 && outcomes["new"] > 0, "{outcomes:?}");
}

const PAGE: usize = 4_096;

/// Pages are written in any order, and the file grows and shrinks between them. Reads return what
/// was written, and zeros elsewhere.
#[test]
fn a_file_that_grows_in_blocks_keeps_what_was_written() {
    let mut expect = vec![7; 3 * CHUNK];
    let file = Growing::new(Medium::with(&expect));
    let mut dice = Dice(1);
    for page in (0..=u8::MAX).cycle().take(2_000) {
        let mut pick = |below: usize| usize::try_from(dice.roll(below as u64)).unwrap();
        if pick(20) == 0 {
            expect.resize((1 + pick(250)) * PAGE, 0);
            file.set_len(expect.len() as u64).unwrap();
        } else {
            let at = pick(expect.len() / PAGE) * PAGE;
            file.write(at as u64, &[page; PAGE]).unwrap();
            expect[at..][..PAGE].fill(page);
        }
        let mut read = vec![0xEE; expect.len()];
        file.read(0, &mut read).unwrap();
        assert!(read == expect && file.len().unwrap() == read.len() as u64);
    }
}

#[test]
fn a_block_is_filled_once_and_only_where_nothing_was_written() {
    let medium = Medium::with(&[7; PAGE]);
    let file = Growing::new(medium.clone());
    let writes = |at: usize| {
        let before = medium.operations();
        file.write(at as u64, &[1; PAGE]).unwrap();
        medium.operations() - before
    };
    assert_eq!(writes(0), 1, "this page had content");
    file.set_len(9 * CHUNK as u64).unwrap();
    assert_eq!([writes(8 * CHUNK), writes(8 * CHUNK + PAGE)], [2, 1], "only its chunk is filled");
    assert_eq!([writes(2 * PAGE), writes(PAGE), writes(0)], [2, 1, 1], "content is kept");
    file.set_len(8 * CHUNK as u64 + 2 * PAGE as u64).unwrap();
    file.set_len(9 * CHUNK as u64).unwrap();
    assert_eq!(writes(8 * CHUNK + 2 * PAGE), 1, "a chunk cut short is not filled again");
    file.set_len(8 * CHUNK as u64).unwrap();
    file.set_len(9 * CHUNK as u64).unwrap();
    assert_eq!(writes(8 * CHUNK), 2, "a removed chunk is filled again");
    let both = medium.operations();
    file.write(3 * CHUNK as u64 - PAGE as u64, &[1; 2 * PAGE]).unwrap();
    assert_eq!(medium.operations() - both, 3, "a write into two chunks");
}
