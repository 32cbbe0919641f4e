//! Under which hashes an item is found: the matcher's knowledge, handed to the store.

use cache_store::{CachedItem, IndexKeys, Indexing};
use xxhash_rust::xxh3::xxh3_64;

use crate::fold::{fold, fold_title};
use crate::path::FoldedPath;

/// How items are indexed. A store of another version lists its sections again.
pub const INDEXING: Indexing = Indexing { version: 1, keys: index_keys };

/// The hash of a folded file name.
pub(crate) fn name_hash(folded: &str) -> u64 {
    xxh3_64(folded.as_bytes())
}

fn index_keys(item: &CachedItem) -> IndexKeys {
    let names = item
        .parts
        .iter()
        .filter_map(|part| Some(name_hash(FoldedPath::new(&part.file).file_name()?)));
    let titles = std::iter::once(&item.title).chain(&item.original_title);
    let titles = titles.map(|title| fold_title(title)).filter(|title| !title.is_empty());
    let mut keys = IndexKeys {
        names: names.collect(),
        guids: item.guids.iter().map(|guid| xxh3_64(fold(guid).as_bytes())).collect(),
        titles: titles.map(|title| xxh3_64(title.as_bytes())).collect(),
    };
    for hashes in [&mut keys.names, &mut keys.guids, &mut keys.titles] {
        hashes.sort_unstable();
        hashes.dedup();
    }
    keys
}
