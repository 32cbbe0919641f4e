//! Tests of the store's promises, on real files. Each module tests one promise.

#![allow(clippy::print_stdout, reason = "what was measured stands in the output of a test")]

mod aborting;
mod checking;
mod clearing;
mod corruption;
mod crash;
mod format;
mod kill;
mod kill_upkeep;
mod many;
mod model;
mod no_disk;
mod opening;
mod sharing;
mod shows;
pub(crate) mod upgrading;
mod upkeep;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use plex_api::{ItemKind, RatingKey, Section, SectionKey, SectionKind, SectionUuid, UnixSeconds};
use redb::{Database, WriteTransaction};
use tempfile::TempDir;
use xxhash_rust::xxh3::xxh3_64;

use crate::{
    CachedItem, CachedPart, Changes, Depends, Index, IndexKeys, Indexing, MatchKey, MatchRecord,
    Metadata, Outcome, RecordedEvidence, Revision, SectionId, SectionStamp, Sharing, Store,
    StoreConfig, Unwritable,
};

/// An indexing function for tests: it hashes names, titles and guids.
const INDEXING: Indexing = Indexing { version: 1, keys };

fn keys(item: &CachedItem) -> IndexKeys {
    IndexKeys {
        names: item.parts.iter().map(|part| name_hash(&part.file)).collect(),
        guids: item.guids.iter().map(|guid| xxh3_64(guid.as_bytes())).collect(),
        titles: vec![xxh3_64(item.title.as_bytes())],
    }
}

fn name_hash(file: &str) -> u64 {
    xxh3_64(file.rsplit('/').next().unwrap_or(file).as_bytes())
}

const NOW: UnixSeconds = UnixSeconds(1_800_000_000);

fn config() -> StoreConfig {
    StoreConfig { open_wait: std::time::Duration::ZERO, ..StoreConfig::new(INDEXING, NOW) }
}

fn shared() -> StoreConfig {
    StoreConfig { sharing: Sharing::Shared, ..config() }
}

/// A host that wants the error rather than a cache in memory.
fn refuse() -> StoreConfig {
    StoreConfig { unwritable: Unwritable::Refuse, ..config() }
}

fn config_of(is_shared: bool) -> StoreConfig {
    if is_shared { shared() } else { config() }
}

/// The variables that tell a child which file it works on, and that it shares the file.
const CHILD_PATH: &str = "MATCHBOX_TEST_PATH";
const CHILD_SHARED: &str = "MATCHBOX_TEST_SHARED";

/// This test binary, run again for one test, which works on a file.
fn child_for(test: &str, path: &Path, is_shared: bool) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([test, "--exact", "--nocapture", "--test-threads=1"]).env(CHILD_PATH, path);
    if is_shared {
        command.env(CHILD_SHARED, "yes");
    }
    command
}

/// The file that a child works on, and how it opens it. `None`: this is not a child.
fn orders() -> Option<(PathBuf, StoreConfig)> {
    let path = std::env::var_os(CHILD_PATH)?;
    Some((path.into(), config_of(std::env::var_os(CHILD_SHARED).is_some())))
}

/// A temporary folder, and the path of a cache file in it.
fn place() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("plex.matchbox");
    (folder, path)
}

fn open(path: &Path) -> Store {
    Store::open(path, &config()).unwrap()
}

/// Changes rows without the store, as another version would, or damage that redb does not notice.
fn behind_its_back(path: &Path, change: impl FnOnce(&WriteTransaction)) {
    let db = Database::create(path).unwrap();
    let txn = db.begin_write().unwrap();
    change(&txn);
    txn.commit().unwrap();
}

/// A new cache file with so many movies, its folder and its path.
fn filled(count: u64) -> (TempDir, PathBuf, Store) {
    let (folder, path) = place();
    let store = open(&path);
    fill(&store, (1..=count).map(|key| movie(key, 0)), 1);
    (folder, path, store)
}

/// A section as a server lists it.
fn movies() -> Section {
    Section::new(SectionKey(5), SectionUuid("uuid-movies".into()), "Movies", SectionKind::Movie)
}

/// The number of the only section. If the section is not known, it is written first.
fn section(store: &Store) -> SectionId {
    store.note_sections(&[movies()]).unwrap()[0].id
}

fn stamp(counter: i64) -> SectionStamp {
    SectionStamp { content_changed_at: Some(counter), scanned_at: None, updated_at: None }
}

/// A movie. Another `edition` of it has another title. Two movies share each file name.
pub(crate) fn movie(key: u64, edition: u64) -> CachedItem {
    CachedItem {
        year: Some(1981),
        guids: vec![format!("imdb://tt{key:07}"), format!("tmdb://{}", key / 3)],
        duration_ms: Some(8_940_000),
        added_at: Some(UnixSeconds(1_700_000_000)),
        updated_at: Some(UnixSeconds(1_700_000_000)),
        parts: vec![CachedPart {
            id: Some(key + 9_000),
            version: 0,
            file: format!("/films/{key}/Film {}.mkv", key / 2),
            size: Some(1_000_000 + key),
            duration_ms: Some(8_940_000),
            stamp: Some(1_600_000_000),
            optimized: false,
        }],
        ..CachedItem::new(RatingKey(key), ItemKind::Movie, format!("Title {key} edition {edition}"))
    }
}

fn fill(store: &Store, items: impl IntoIterator<Item = CachedItem>, counter: i64) -> Changes {
    store.fill(section(store), items, stamp(counter), NOW).unwrap()
}

/// The editable fields of a movie that has none set.
fn metadata() -> Metadata {
    Metadata {
        kind: ItemKind::Movie,
        values: BTreeMap::new(),
        tags: BTreeMap::new(),
        locked: Vec::new(),
        sent: BTreeMap::new(),
        updated_at: None,
        read_at: NOW,
    }
}

fn match_key(number: u64) -> MatchKey {
    let mut bytes = [7; 16];
    bytes[..8].copy_from_slice(&number.wrapping_mul(0x9E37_79B9_7F4A_7C15).to_le_bytes());
    MatchKey(bytes)
}

/// The answer "item `key`", made from the bucket of its file name.
fn found(key: u64, verified_at: Revision) -> MatchRecord {
    MatchRecord {
        outcome: Outcome::Found {
            rating_key: RatingKey(key),
            others: Vec::new(),
            version: 0,
            high: true,
        },
        evidence: RecordedEvidence { rule: 1, components: 3, score: 1_000, ..Default::default() },
        depends: Depends {
            buckets: [(Index::Names, name_hash(&movie(key, 0).parts[0].file))].into(),
            whole_section: false,
        },
        all_rules: false,
        verified_at,
        last_used: NOW,
        applied_at: None,
        failed: None,
    }
}

/// Every item, read by a scan that must not report damage.
fn items(store: &Store) -> Vec<CachedItem> {
    let before = store.damaged_values();
    let view = store.view().unwrap();
    let scan = view.scan(section(store)).unwrap();
    let items = scan.map(|row| row.unwrap().1.item).collect();
    assert_eq!(store.damaged_values(), before);
    items
}

#[track_caller]
fn assert_sound(store: &Store) {
    let checked = store.check().unwrap();
    assert!(checked.is_sound(), "{:?}", checked.problems);
}

/// Numbers that look random and are the same in every run.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn roll(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        xxh3_64(&self.0.to_le_bytes()) % below
    }
}
