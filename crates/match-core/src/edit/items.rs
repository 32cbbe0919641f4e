//! Items by key, from the store where it may be believed.

use std::collections::BTreeMap;

use cache_store::{CachedItem, Demand, Error, ItemRead, Metadata, Selection};
use plex_api::RatingKey;

use crate::engine::Engine;
use crate::engine::progress::Phase;

/// How much of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// What matching needs: titles, guids, files.
    Matching,
    /// That, and every field and tag that can be edited.
    Metadata,
}

/// What is said of a key.
#[derive(Debug, Clone, PartialEq)]
pub enum Fetched {
    /// The item.
    Found {
        /// What matching needs of it.
        item: Box<CachedItem>,
        /// Its editable fields, if they were asked for.
        metadata: Option<Box<Metadata>>,
        /// It comes from the store: no call was made for it.
        from_store: bool,
    },
    /// There is no such item.
    Missing,
    /// There is one, and its row cannot be used.
    Unreadable,
}

impl Engine {
    /// Reads items by key: from the store as long as nothing says that they changed, else about
    /// 200 a call. A key that is not there is an answer. One for each key, in order.
    ///
    /// It costs the probe of the selected sections (none within the freshness window), and a
    /// read of what is not known. An outage is an error here: there is no answer without it.
    pub async fn items(
        &self,
        sections: &Selection,
        keys: &[RatingKey],
        level: Level,
    ) -> Result<Vec<Fetched>, Error> {
        let demand = Demand { metadata: level == Level::Metadata, ..Demand::files(0) };
        let states = self.library.refresh(sections, demand).await?.sections;
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
        let mut read = self.read_items(&asked).await?.into_iter();
        let fetched = answers.into_iter().map(|answer| match answer {
            Some(answer) => answer,
            None => match read.next() {
                Some(ItemRead::Found(item, _)) => Fetched::Found {
                    item: Box::new(CachedItem::from_plex(&item)),
                    metadata: (level == Level::Metadata)
                        .then(|| Box::new(Metadata::from_plex(&item, now))),
                    from_store: false,
                },
                Some(ItemRead::Missing) => Fetched::Missing,
                Some(ItemRead::Unreadable) | None => Fetched::Unreadable,
            },
        });
        Ok(fetched.collect())
    }

    /// Reads items by key, 200 a call, and tells how far that is. One for each key, in order.
    pub(super) async fn read_items(&self, keys: &[RatingKey]) -> Result<Vec<ItemRead>, Error> {
        // Whole calls, so that cutting costs none.
        const TOLD: usize = 1_000;
        let mut distinct = keys.to_vec();
        distinct.sort_unstable();
        distinct.dedup();
        let mut read: BTreeMap<RatingKey, ItemRead> = BTreeMap::new();
        let tell = |done: usize| {
            self.progress.tell(Phase::Items, done as u64, distinct.len() as u64);
        };
        for chunk in distinct.chunks(TOLD) {
            tell(read.len());
            read.extend(chunk.iter().copied().zip(self.library.read_full(chunk).await?));
        }
        if !distinct.is_empty() {
            tell(read.len());
        }
        self.tell_calls();
        let of = |key| read.get(key).cloned().unwrap_or(ItemRead::Unreadable);
        Ok(keys.iter().map(of).collect())
    }
}
