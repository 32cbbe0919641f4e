//! The hashes under which an item is found. The matcher gives this knowledge to the store.

use cache_store::{CachedItem, IndexKeys, Indexing};
use xxhash_rust::xxh3::xxh3_64;

use crate::names::spelling::fold::fold_guid;
use crate::names::spelling::generic::{longer_tails, telling_tail};
use crate::names::spelling::path::FoldedPath;
use crate::names::title_hashes as titles;

/// How items are indexed. A store with another version lists its sections again.
pub const INDEXING: Indexing = Indexing { version: 6, keys: index_keys };

/// The hash of a folded file name, or of the end of a folded path.
pub(crate) fn name_hash(folded: &str) -> u64 {
    xxh3_64(folded.as_bytes())
}

/// The hash of a folded guid.
pub(crate) fn guid_hash(folded: &str) -> u64 {
    xxh3_64(folded.as_bytes())
}

fn index_keys(item: &CachedItem) -> IndexKeys {
    let mut names = Vec::with_capacity(item.parts.len());
    let mut tails = Vec::with_capacity(item.parts.len());
    for part in &item.parts {
        let path = FoldedPath::new(&part.file);
        names.extend(path.file_name().map(name_hash));
        names.extend(telling_tail(&path).map(name_hash));
        names.extend(longer_tails(&path).map(name_hash));
        tails.extend(titles::beside_tail(&path).map(|tail| titles::by_tail(&tail)));
    }
    let mut keys = IndexKeys {
        names,
        guids: item.guids.iter().map(|guid| guid_hash(&fold_guid(guid))).collect(),
        titles: titles::hashes(&item.borrowed()),
    };
    keys.titles.extend(tails);
    for hashes in [&mut keys.names, &mut keys.guids, &mut keys.titles] {
        hashes.sort_unstable();
        hashes.dedup();
    }
    keys
}
