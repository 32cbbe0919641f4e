//! The functions of every store under test, and the records.

use std::path::Path;

use cache_store::{CachedItem, CachedPart};
use plex_api::{ItemKind, RatingKey, UnixSeconds};
use xxhash_rust::xxh3::xxh3_64;

/// A store under test. All data belong to a numbered section.
pub(crate) trait Engine: Sync {
    /// The name in the measurements.
    const NAME: &'static str;

    /// Opens or creates the store in a folder.
    fn open(folder: &Path) -> Self;
    /// Writes all rows and their index, durably, in one transaction. It may take the items out of
    /// the rows.
    fn load(&self, section: u32, rows: &mut [Row]);
    /// Reads rows one by one. Returns how many exist.
    fn get(&self, section: u32, rows: &[&Row]) -> usize;
    /// Reads the same rows in the order of their keys, as a sorted batch does.
    fn get_sorted(&self, section: u32, rows: &[&Row]) -> usize {
        let mut rows = rows.to_vec();
        rows.sort_unstable_by_key(|row| row.key);
        self.get(section, &rows)
    }
    /// Looks up hashes in the index, in the fastest order. Returns the number of entries.
    fn index(&self, section: u32, hashes: &[u64]) -> usize;
    /// Reads the whole section. Returns the number of rows.
    fn scan(&self, section: u32) -> usize;
    /// Writes one small record, durably.
    fn write_durably(&self, section: u32, number: u64);
    /// Ends all remembered answers of a section, durably. The other stores write a generation, each
    /// with a new `number`.
    fn invalidate(&self, section: u32, number: u64);
    /// Removes a section, durably.
    fn delete(&self, section: u32);
}

/// A record.
#[derive(Clone)]
pub(crate) struct Row {
    /// The item for our store; `None` after it was stored.
    pub(crate) item: Option<CachedItem>,
    /// The bytes for the other stores, as many as ours writes.
    #[cfg_attr(not(feature = "engines"), expect(dead_code, reason = "for the other engines"))]
    pub(crate) bytes: Vec<u8>,
    pub(crate) key: u64,
    /// The hash of the file name.
    pub(crate) hash: u64,
}

pub(crate) fn name_hash(item: &CachedItem) -> u64 {
    let file = item.parts.first().map_or("", |part| part.file.as_str());
    xxh3_64(file.rsplit('/').next().unwrap_or(file).as_bytes())
}

/// Movies as in a real library, in the order of their keys.
pub(crate) fn rows(count: usize) -> Vec<Row> {
    (1..=count as u64).map(row).collect()
}

/// The row with this number, from 1.
pub(crate) fn row(key: u64) -> Row {
    let item = movie(key);
    let mut bytes = format!("{item:?}").into_bytes();
    bytes.truncate(238);
    let hash = name_hash(&item);
    Row { key: item.rating_key.0, bytes, hash, item: Some(item) }
}

/// The item with this number, from 1. Its rating key is three times the number.
pub(crate) fn movie(key: u64) -> CachedItem {
    let title = format!("The Lighthouse Keeper {key}");
    CachedItem {
        year: Some(1989),
        guids: vec![
            format!("plex://movie/5d7768374de0ee001f{key:06}"),
            format!("imdb://tt{key:07}"),
        ],
        duration_ms: Some(6_086_421),
        added_at: Some(UnixSeconds(1_731_349_749)),
        updated_at: Some(UnixSeconds(1_735_959_624)),
        parts: vec![CachedPart {
            id: Some(key + 9_000),
            version: 0,
            file: format!("/data/films/{title} (1989)/{title} (1989) [Bluray-1080p].mkv"),
            size: Some(885_939_412 + key),
            duration_ms: Some(6_086_421),
            stamp: Some(1_730_386_641),
            optimized: false,
        }],
        ..CachedItem::new(RatingKey(key * 3), ItemKind::Movie, title)
    }
}

/// The numbers below `count`, in a random order that is always the same.
pub(crate) fn shuffled(count: usize) -> impl Iterator<Item = usize> {
    let mut order: Vec<(u64, usize)> =
        (0..count).map(|at| (xxh3_64(&at.to_le_bytes()), at)).collect();
    order.sort_unstable();
    order.into_iter().map(|(_, at)| at)
}

/// The size of everything in a folder.
pub(crate) fn bytes_in(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    entries
        .map(|entry| {
            let meta = entry.metadata().unwrap();
            if meta.is_dir() { bytes_in(&entry.path()) } else { meta.len() }
        })
        .sum()
}
