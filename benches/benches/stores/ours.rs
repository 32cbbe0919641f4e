//! The store of this workspace.

use std::path::Path;

use cache_store::{
    CachedItem, Clear, Depends, Index, IndexKeys, Indexing, MatchKey, MatchRecord, Outcome,
    RecordedEvidence, Revision, SectionId, SectionStamp, Sharing, Store, StoreConfig,
};
use plex_api::{RatingKey, Section, SectionKey, SectionKind, SectionUuid, UnixSeconds};

use crate::engine::{Engine, Row, name_hash};

/// One index, as in the other stores. `cargo xtask bench` measures the matcher's three indexes.
const INDEXING: Indexing = Indexing { version: 1, keys };

fn keys(item: &CachedItem) -> IndexKeys {
    IndexKeys { names: vec![name_hash(item)], ..IndexKeys::default() }
}

/// The store in exclusive mode.
pub(crate) struct Ours(pub(crate) Store);

/// The store in shared mode.
pub(crate) struct OursShared(Ours);

pub(crate) const NOW: UnixSeconds = UnixSeconds(1_800_000_000);

pub(crate) const STAMP: SectionStamp =
    SectionStamp { content_changed_at: Some(1), scanned_at: None, updated_at: None };

fn open(folder: &Path, sharing: Sharing) -> Ours {
    // The same size as for the other stores.
    open_with(folder, sharing, CACHE)
}

pub(crate) fn open_with(folder: &Path, sharing: Sharing, cache_size: usize) -> Ours {
    let config = StoreConfig { sharing, cache_size, ..StoreConfig::new(INDEXING, NOW) };
    Ours(Store::open(&folder.join("plex.matchbox"), &config).unwrap())
}

/// Fills a section as a listing does.
pub(crate) fn filled(engine: &Ours, section: u32, items: impl IntoIterator<Item = CachedItem>) {
    engine.0.note_sections(&[listed(1), listed(2)]).unwrap();
    engine.0.fill(SectionId(section), items, STAMP, NOW).unwrap();
}

/// Memory for pages, for the stores with their own cache.
pub(crate) const CACHE: usize = 64 << 20;

fn listed(number: u32) -> Section {
    Section::new(
        SectionKey(number),
        SectionUuid(format!("uuid-{number}")),
        &format!("Section {number}"),
        SectionKind::Movie,
    )
}

impl Engine for Ours {
    const NAME: &'static str = "ours";

    fn open(folder: &Path) -> Self {
        open(folder, Sharing::Exclusive)
    }

    fn load(&self, section: u32, rows: &mut [Row]) {
        filled(self, section, rows.iter_mut().filter_map(|row| row.item.take()));
    }

    fn get(&self, section: u32, rows: &[&Row]) -> usize {
        let view = self.0.view().unwrap();
        rows.iter()
            .filter(|row| view.item(SectionId(section), RatingKey(row.key)).unwrap().is_some())
            .count()
    }

    fn index(&self, section: u32, hashes: &[u64]) -> usize {
        let view = self.0.view().unwrap();
        let buckets = view.buckets(Index::Names, SectionId(section), hashes).unwrap();
        buckets.iter().flatten().map(|bucket| bucket.rating_keys.len()).sum()
    }

    fn scan(&self, section: u32) -> usize {
        let view = self.0.view().unwrap();
        let rows = view.scan(SectionId(section)).unwrap();
        rows.map(|row| row.unwrap().1.item.parts.len()).sum()
    }

    fn write_durably(&self, section: u32, number: u64) {
        let mut key = [0; 16];
        key[..8].copy_from_slice(&number.to_le_bytes());
        let record = MatchRecord {
            outcome: Outcome::Absent,
            evidence: RecordedEvidence::default(),
            depends: Depends::default(),
            all_rules: false,
            verified_at: Revision(1),
            last_used: NOW,
            applied_at: None,
            failed: None,
        };
        self.0.remember(SectionId(section), vec![(MatchKey(key), record)]).unwrap();
        self.0.flush().unwrap();
    }

    fn invalidate(&self, section: u32, _: u64) {
        self.0.invalidate(SectionId(section)).unwrap();
    }

    fn delete(&self, section: u32) {
        self.0.clear(Clear::Section(SectionId(section))).unwrap();
    }
}

impl Engine for OursShared {
    const NAME: &'static str = "ours_shared";

    fn open(folder: &Path) -> Self {
        Self(open(folder, Sharing::Shared))
    }
    fn load(&self, section: u32, rows: &mut [Row]) {
        self.0.load(section, rows);
    }
    fn get(&self, section: u32, rows: &[&Row]) -> usize {
        self.0.get(section, rows)
    }
    fn index(&self, section: u32, hashes: &[u64]) -> usize {
        self.0.index(section, hashes)
    }
    fn scan(&self, section: u32) -> usize {
        self.0.scan(section)
    }
    fn write_durably(&self, section: u32, number: u64) {
        self.0.write_durably(section, number);
    }
    fn invalidate(&self, section: u32, number: u64) {
        self.0.invalidate(section, number);
    }
    fn delete(&self, section: u32) {
        self.0.delete(section);
    }
}
