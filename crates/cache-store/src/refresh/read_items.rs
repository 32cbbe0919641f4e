//! Reads items by key with everything that can be edited, and stores our own edits.

use std::collections::BTreeMap;
use std::convert::identity;
use std::sync::Arc;

use plex_api::{Field, Item, ItemKind, RatingKey, UnixSeconds};

use crate::error::Error;
use crate::model::item::{CachedItem, Day};
use crate::model::metadata::{Known, Metadata};
use crate::model::revision::latest;
use crate::model::section::{SectionId, SectionState};
use crate::refresh::context::Context;
use crate::refresh::execute::unmoved;
use crate::store::Store;
use crate::store::apply::update::Update;
use crate::store::staging::Spool;

/// How often items are read if other processes keep writing to their section.
const ATTEMPTS: u32 = 4;

/// What the server says about a key.
#[derive(Debug, Clone, PartialEq)]
pub enum ItemRead {
    /// The item, and its section if the store knows it.
    Found(Arc<Item>, Option<SectionId>),
    /// There is no item with this key.
    Missing,
    /// The item exists, but its row cannot be used.
    Unreadable,
}

impl Context {
    /// Reads items by key, about 200 in a call, and stores what was read: the data for matching,
    /// and the fields that can be edited. Items that are gone are removed from the store.
    ///
    /// If another process wrote to a section while the server was asked, its data may be newer.
    /// Then the items of that section are read once more, and no other task of this process writes
    /// meanwhile. So afterwards the store has what was read, or something newer.
    ///
    /// Returns what the server says about each key, in order.
    pub(crate) async fn read_full(&self, keys: &[RatingKey]) -> Result<Vec<ItemRead>, Error> {
        let mut found = BTreeMap::new();
        if !keys.is_empty() {
            for (section, mut keys) in self.read_and_keep(keys, None, &mut found).await? {
                let _one_at_a_time = self.flights.section(section).await;
                let mut left = ATTEMPTS;
                while !keys.is_empty() {
                    let moved = || Error::Moved { title: format!("#{}", section.0) };
                    left = left.checked_sub(1).ok_or_else(moved)?;
                    let mut others = self.read_and_keep(&keys, Some(section), &mut found).await?;
                    keys = others.remove(&section).unwrap_or_default();
                }
            }
        }
        Ok(keys.iter().map(|key| found.get(key).cloned().unwrap_or(ItemRead::Unreadable)).collect())
    }

    /// Reads items by key, adds what the server says to `found`, and stores it. Returns the keys of
    /// items that another process changed meanwhile. `locked`: the section whose lock is held. If
    /// it is given, only items of that section are stored.
    async fn read_and_keep(
        &self,
        keys: &[RatingKey],
        locked: Option<SectionId>,
        found: &mut BTreeMap<RatingKey, ItemRead>,
    ) -> Result<BTreeMap<SectionId, Vec<RatingKey>>, Error> {
        // The state is read before the server is asked. What is stored meanwhile may be newer.
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
        let known = Arc::new(known);
        let mut of_section: BTreeMap<SectionId, Vec<Arc<Item>>> = BTreeMap::new();
        for item in batch.items {
            let item = Arc::new(item);
            let told = item.section.and_then(|key| states.iter().find(|state| state.key == key));
            let section = told.map(|state| state.id).or_else(|| match item.section {
                Some(_) => None, // of a section that the store does not know
                None => known.get(&item.rating_key).map(|known| known.section),
            });
            if let Some(section) = section {
                of_section.entry(section).or_default().push(Arc::clone(&item));
            }
            found.insert(item.rating_key, ItemRead::Found(item, section));
        }
        let mut gone: BTreeMap<SectionId, Vec<RatingKey>> = BTreeMap::new();
        for key in batch.missing {
            if let Some(known) = known.get(&key) {
                gone.entry(known.section).or_default().push(key);
            }
            found.insert(key, ItemRead::Missing);
        }
        let mut others = BTreeMap::new();
        for state in states.into_iter().filter(|state| locked.is_none_or(|id| id == state.id)) {
            let id = state.id;
            let items = of_section.remove(&id).unwrap_or_default();
            let gone = gone.remove(&id).unwrap_or_default();
            if items.is_empty() && gone.is_empty() {
                continue;
            }
            let _one_at_a_time = match locked {
                Some(_) => None,
                None => Some(self.flights.section(id).await),
            };
            let left = self.keep_read(state, asked_at, items, gone, &known).await?;
            if !left.is_empty() {
                others.insert(id, left);
            }
        }
        Ok(others)
    }

    /// Stores what was read about items of a section, unless another process wrote to them since
    /// `base` and `known` were read. Returns the keys that were not stored. Needs the section's
    /// lock.
    async fn keep_read(
        &self,
        base: SectionState,
        asked_at: UnixSeconds,
        items: Vec<Arc<Item>>,
        gone: Vec<RatingKey>,
        known: &Arc<BTreeMap<RatingKey, Known>>,
    ) -> Result<Vec<RatingKey>, Error> {
        let section = base.id;
        let before = |key| known.get(&key).and_then(|known: &Known| known.metadata.as_ref());
        let metadata: Vec<(RatingKey, Metadata)> = items
            .iter()
            .map(|item| {
                let mut metadata = Metadata::from_plex(item, asked_at);
                // The server's answer does not have these fields. If nobody else edited the item,
                // they still hold.
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
        let cached = items.iter().map(|item| CachedItem::from_plex(item)).collect();
        let all = || items.iter().map(|item| item.rating_key).chain(gone.iter().copied()).collect();
        if !self.is_still(&base).await? {
            return Ok(all());
        }
        // This comes before the items, because what is known beside an item is removed with it.
        let (known, forget) = (Arc::clone(known), gone.clone());
        let put = move |store: &Store| store.put_metadata_read(section, &metadata, &forget, &known);
        let others = self.blocking(put).await?;
        Ok(if self.put_items(base, cached, left).await? { others } else { all() })
    }

    /// Whether a section is in the store as it was.
    async fn is_still(&self, base: &SectionState) -> Result<bool, Error> {
        let id = base.id;
        let now = self.blocking(move |store| store.view()?.section(id)).await?;
        Ok(now.is_some_and(|now| now.is_version_of(base)))
    }

    /// Stores the fields that we edited, if matching reads them. So titles are found without
    /// another call to the server.
    pub(crate) async fn write_through(
        &self,
        section: SectionId,
        edited: Vec<(RatingKey, Metadata)>,
    ) -> Result<(), Error> {
        // The items are read under the section's lock, so nobody has newer ones.
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

    /// Puts items of a section and removes others, in one transaction. `base` is the section as it
    /// was before the items were read. `false`: the section changed since. Only items of the
    /// section's kind are kept: movies, for example, but no collections. Needs the section's lock.
    async fn put_items(
        &self,
        base: SectionState,
        items: Vec<CachedItem>,
        gone: Vec<u64>,
    ) -> Result<bool, Error> {
        let now = base.observed_at.unwrap_or(self.clock.now());
        match self.blocking(move |_| update_of(&base, items, gone, now)).await? {
            None => Ok(true),
            Some(update) => Ok(self.apply(update).await?.is_ok()),
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

/// Returns the item with the fields for matching as an edit left them.
fn with_fields(mut item: CachedItem, metadata: &Metadata) -> CachedItem {
    let value = |field| metadata.values.get(&field).cloned();
    item.title = value(Field::Title).unwrap_or_default();
    item.original_title = value(Field::OriginalTitle);
    if item.kind == ItemKind::Episode {
        item.aired = value(Field::OriginallyAvailableAt).as_deref().and_then(Day::read);
    }
    item
}
