//! Reads items by key. Items whose stored data are still valid come from the store.

use std::collections::BTreeMap;

use cache_store::{CachedItem, Demand, Error, ItemRead, Metadata, Selection};
use plex_api::RatingKey;

use crate::engine::Engine;
use crate::engine::progress::Phase;

/// How much of an item to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// The fields that matching needs: titles, guids, files.
    Matching,
    /// The fields of `Matching`, and every field and tag that can be edited.
    Metadata,
}

/// The result for one key.
#[derive(Debug, Clone, PartialEq)]
pub enum Fetched {
    /// The item exists.
    Found {
        /// The fields that matching needs.
        item: Box<CachedItem>,
        /// The editable fields, if they were requested.
        metadata: Option<Box<Metadata>>,
        /// The item comes from the store, without a call.
        from_store: bool,
    },
    /// The server has no such item.
    Missing,
    /// The item exists, but its row cannot be used.
    Unreadable,
}

impl Engine {
    /// Reads items by key. An item comes from the store if its data there are valid. The others are
    /// read from the server, about 200 in one call. A key that the server does not have gives
    /// [`Fetched::Missing`]. The result has one entry for each key, in order.
    ///
    /// This costs the probe of the selected sections (none within the freshness window), and the
    /// calls for the items that are not known. An outage is an error here, because there is no
    /// answer without the server.
    ///
    /// If this future is dropped, the answers are lost. The items read so far, in thousands, are
    /// stored.
    pub async fn items(
        &self,
        sections: &Selection,
        keys: &[RatingKey],
        level: Level,
    ) -> Result<Vec<Fetched>, Error> {
        let demand = Demand { metadata: level == Level::Metadata, ..Demand::files(0) };
        let states = self.library.refresh(sections, demand).await?.whole()?;
        let (now, policy) = (self.library.clock().now(), self.library.policy().clone());
        let known = self.known(keys.to_vec()).await?;
        let mut answers: Vec<Option<Fetched>> = Vec::with_capacity(keys.len());
        for known in known {
            answers.push(known.and_then(|known| {
                let state = states.iter().find(|state| state.id == known.section)?;
                let current = match (level, &known.metadata) {
                    (Level::Matching, _) => !state.is_unexplained(),
                    (Level::Metadata, None) => false,
                    (Level::Metadata, Some(metadata)) => {
                        crate::edit::plan::is_current(&known, metadata, state, now, &policy)
                    }
                };
                let metadata = known.metadata.filter(|_| level == Level::Metadata).map(Box::new);
                let item = Box::new(known.item.filter(|_| current)?);
                Some(Fetched::Found { item, metadata, from_store: true })
            }));
        }
        let asked: Vec<RatingKey> = keys
            .iter()
            .zip(&answers)
            .filter(|(_, answer)| answer.is_none())
            .map(|(key, _)| *key)
            .collect();
        let fetched = |read| match read {
            ItemRead::Found(item, _) => Fetched::Found {
                item: Box::new(CachedItem::from_plex(&item)),
                metadata: (level == Level::Metadata)
                    .then(|| Box::new(Metadata::from_plex(&item, now))),
                from_store: false,
            },
            ItemRead::Missing => Fetched::Missing,
            ItemRead::Unreadable => Fetched::Unreadable,
        };
        let mut read = self.read_items(&asked, fetched).await?.into_iter();
        let all = answers.into_iter().map(|known| known.or_else(|| read.next()));
        Ok(all.map(|answer| answer.unwrap_or(Fetched::Unreadable)).collect())
    }

    /// Reads items by key, 200 in one call, and reports the progress. The result has what `take`
    /// returns for each key, in order. Only that is kept, because a full item is several KB.
    pub(super) async fn read_items<T: Clone>(
        &self,
        keys: &[RatingKey],
        take: impl Fn(ItemRead) -> T,
    ) -> Result<Vec<T>, Error> {
        // A multiple of the keys in one call, so that chunks cost no more calls.
        const TOLD: usize = 1_000;
        let mut distinct = keys.to_vec();
        distinct.sort_unstable();
        distinct.dedup();
        let mut taken: BTreeMap<RatingKey, T> = BTreeMap::new();
        let tell = |done: usize| {
            self.progress.tell(Phase::Items, done as u64, distinct.len() as u64);
        };
        for chunk in distinct.chunks(TOLD) {
            tell(taken.len());
            let read = self.library.read_full(chunk).await?.into_iter().map(&take);
            taken.extend(chunk.iter().copied().zip(read));
        }
        if !distinct.is_empty() {
            tell(taken.len());
        }
        self.tell_calls();
        let of = |key| taken.get(key).cloned().unwrap_or_else(|| take(ItemRead::Unreadable));
        Ok(keys.iter().map(of).collect())
    }
}
