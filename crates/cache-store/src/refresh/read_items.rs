//! Reading items by key with everything that can be edited, and writing through what we edited.

use std::collections::BTreeMap;
use std::convert::identity;

use plex_api::{Field, Item, ItemKind, RatingKey, UnixSeconds};

use crate::error::Error;
use crate::model::item::{CachedItem, Day};
use crate::model::metadata::{Known, Metadata};
use crate::model::revision::latest;
use crate::model::section::{SectionId, SectionState};
use crate::refresh::context::Context;
use crate::refresh::execute::unmoved;
use crate::store::apply::Update;
use crate::store::staging::Spool;

/// What the server says of a key.
#[derive(Debug, Clone, PartialEq)]
pub enum ItemRead {
    /// The item, and its section as far as the store knows one.
    Found(Box<Item>, Option<SectionId>),
    /// There is no such item.
    Missing,
    /// There is one, and its row cannot be used.
    Unreadable,
}

impl Context {
    /// Reads items by key, about 200 a call, and keeps what was read: matching data, and the
    /// fields that can be edited. Items that are gone leave the store.
    ///
    /// Returns what the server says of each key, in order.
    pub(crate) async fn read_full(&self, keys: &[RatingKey]) -> Result<Vec<ItemRead>, Error> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        // Before the server is asked: what was stored while it was asked is newer than its answer.
        let asked = keys.to_vec();
        let (states, known) =
            self.blocking(move |store| Ok((store.sections()?, store.known(&asked)?))).await?;
        let asked_at = self.clock.now();
        let batch = self.client.items(keys).await?;
        let known: BTreeMap<RatingKey, Known> = keys
            .iter()
            .copied()
            .zip(known)
            .filter_map(|(key, known)| Some((key, known?)))
            .collect();
        let mut of_section: BTreeMap<SectionId, Vec<Item>> = BTreeMap::new();
        let mut found = BTreeMap::new();
        for item in batch.items {
            let told = item.section.and_then(|key| states.iter().find(|state| state.key == key));
            let section = told.map(|state| state.id).or_else(|| match item.section {
                Some(_) => None, // of a section that the store does not know
                None => known.get(&item.rating_key).map(|known| known.section),
            });
            if let Some(section) = section {
                of_section.entry(section).or_default().push(item.clone());
            }
            found.insert(item.rating_key, ItemRead::Found(Box::new(item), section));
        }
        let mut gone: BTreeMap<SectionId, Vec<RatingKey>> = BTreeMap::new();
        for key in batch.missing {
            if let Some(known) = known.get(&key) {
                gone.entry(known.section).or_default().push(key);
            }
            found.insert(key, ItemRead::Missing);
        }
        for state in states {
            let items = of_section.remove(&state.id).unwrap_or_default();
            let gone = gone.remove(&state.id).unwrap_or_default();
            if !items.is_empty() || !gone.is_empty() {
                self.keep_read(state, asked_at, items, gone, &known).await?;
            }
        }
        Ok(keys.iter().map(|key| found.get(key).cloned().unwrap_or(ItemRead::Unreadable)).collect())
    }

    /// Keeps what was read of items of a section, if the section is still as `base` has it.
    async fn keep_read(
        &self,
        base: SectionState,
        asked_at: UnixSeconds,
        items: Vec<Item>,
        gone: Vec<RatingKey>,
        known: &BTreeMap<RatingKey, Known>,
    ) -> Result<(), Error> {
        let section = base.id;
        let before = |key| known.get(&key).and_then(|known: &Known| known.metadata.as_ref());
        let metadata: Vec<(RatingKey, Metadata)> = items
            .iter()
            .map(|item| {
                let mut metadata = Metadata::from_plex(item, asked_at);
                // A read does not tell them; if nobody else edited the item, they stand.
                if let Some(before) = before(item.rating_key)
                    && before.says_the_same(&metadata)
                {
                    metadata.sent = before.sent.clone();
                }
                (item.rating_key, metadata)
            })
            .collect();
        let listed = |key: &RatingKey| known.get(key).is_some_and(|known| known.item.is_some());
        let left = gone.iter().filter(|key| listed(key)).map(|key| key.0).collect();
        let cached = items.iter().map(CachedItem::from_plex).collect();
        let _one_at_a_time = self.flights.section(section).await;
        if !self.put_items(base, cached, left).await? {
            return Ok(()); // a refresh came first: what it read is newer
        }
        self.blocking(move |store| store.put_metadata(section, &metadata, &gone)).await
    }

    /// Writes through what we edited ourselves, as far as matching reads it, so that titles
    /// are found without asking the server again.
    pub(crate) async fn write_through(
        &self,
        section: SectionId,
        edited: Vec<(RatingKey, Metadata)>,
    ) -> Result<(), Error> {
        // The items are read under the section's lock: nobody has newer ones.
        let _one_at_a_time = self.flights.section(section).await;
        let keys: Vec<RatingKey> = edited.iter().map(|(key, _)| *key).collect();
        let read =
            self.blocking(move |store| Ok((store.view()?.section(section)?, store.known(&keys)?)));
        let (Some(base), known) = read.await? else { return Ok(()) };
        let mut items = Vec::new();
        for ((_, after), known) in edited.iter().zip(known) {
            let Some(item) = known.and_then(|known| known.item) else { continue };
            let now = with_fields(item.clone(), after);
            if now != item {
                items.push(now);
            }
        }
        self.put_items(base, items, Vec::new()).await.map(drop)
    }

    /// Puts items of a section, and removes others, in one transaction, if the section is still
    /// as `base` has it, which was read before they were; `false` if it is not. Only what the
    /// section lists is kept: movies and not collections. Needs the section's lock.
    async fn put_items(
        &self,
        base: SectionState,
        items: Vec<CachedItem>,
        gone: Vec<u64>,
    ) -> Result<bool, Error> {
        let id = base.id;
        let now = base.observed_at.unwrap_or(self.clock.now());
        let update = self.blocking(move |store| {
            let current = store.view()?.section(id)?;
            if current.is_none_or(|current| !current.is_version_of(&base)) {
                return Ok(None);
            }
            update_of(&base, items, gone, now).map(Some)
        });
        match update.await? {
            None => Ok(false),
            Some(None) => Ok(true),
            Some(Some(update)) => Ok(self.apply(update).await?.is_ok()),
        }
    }
}

fn update_of(
    state: &SectionState,
    mut items: Vec<CachedItem>,
    gone: Vec<u64>,
    now: UnixSeconds,
) -> Result<Option<Update>, Error> {
    let (Some(stamp), Some(observed)) = (state.stamp, state.observed) else { return Ok(None) };
    items.retain(|item| item.kind == state.kind);
    if items.is_empty() && gone.is_empty() {
        return Ok(None);
    }
    let mut rows = Spool::new();
    rows.extend(items, identity, latest(now, &observed))?;
    Ok(Some(unmoved(state, rows, gone, stamp, observed, now)))
}

/// An item with the fields that matching reads as an edit left them.
fn with_fields(mut item: CachedItem, metadata: &Metadata) -> CachedItem {
    let value = |field| metadata.values.get(&field).cloned();
    item.title = value(Field::Title).unwrap_or_default();
    item.original_title = value(Field::OriginalTitle);
    if item.kind == ItemKind::Episode {
        item.aired = value(Field::OriginallyAvailableAt).as_deref().and_then(Day::read);
    }
    item
}
