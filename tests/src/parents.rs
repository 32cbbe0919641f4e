//! Shows and seasons: the items above episodes, which hold no files of their own. They come
//! into being with the first episode that names them.

use std::collections::HashMap;

use serde_json::Value;

use crate::library::{Item, Section};

/// Type numbers.
const SHOW: u32 = 2;
const SEASON: u32 = 3;
const EPISODE: u32 = 4;

/// The items above a section's episodes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Parents {
    /// By rating key.
    items: Vec<Item>,
    /// Rating keys by the key of the item above (0 for none) and title.
    by_title: HashMap<(u64, String), u64>,
}

impl Parents {
    pub(crate) fn item(&self, key: u64) -> Option<&Item> {
        let at = self.items.binary_search_by_key(&key, |item| item.rating_key).ok()?;
        self.items.get(at)
    }

    pub(crate) fn item_mut(&mut self, key: u64) -> Option<&mut Item> {
        let at = self.items.binary_search_by_key(&key, |item| item.rating_key).ok()?;
        self.items.get_mut(at)
    }

    /// Gives an episode its season and show. New ones get `next_key` and the one behind it.
    pub(crate) fn adopt(&mut self, episode: &mut Item, next_key: &mut u64) {
        let (EPISODE, Some(title)) = (episode.kind, episode.grandparent_title.clone()) else {
            return;
        };
        let like = |kind, title: &str| Item {
            kind,
            title: title.to_owned(),
            added_at: episode.added_at,
            updated_at: episode.updated_at,
            ..Item::default()
        };
        let show = self.get_or_add(0, like(SHOW, &title), next_key);
        let number = episode.parent_index.unwrap_or(1);
        let mut season = like(SEASON, &format!("Season {number}"));
        season.index = Some(number);
        season.parent = Some(show);
        season.details.fields.insert("parentTitle".to_owned(), Value::from(title));
        let season = self.get_or_add(show, season, next_key);
        (episode.parent, episode.grandparent) = (Some(season), Some(show));
    }

    fn get_or_add(&mut self, above: u64, mut item: Item, next_key: &mut u64) -> u64 {
        let name = (above, item.title.clone());
        if let Some(key) = self.by_title.get(&name) {
            return *key;
        }
        item.rating_key = *next_key;
        item.guid = format!("local://{next_key}");
        *next_key += 1;
        self.by_title.insert(name, item.rating_key);
        self.items.push(item);
        *next_key - 1
    }
}

impl Section {
    /// One item, a show or season too.
    pub fn find(&self, key: u64) -> Option<&Item> {
        self.item(key).or_else(|| self.parents.item(key))
    }

    /// All items of a kind (type number), by rating key.
    pub(crate) fn of_kind(&self, kind: u32) -> impl Iterator<Item = &Item> {
        let items =
            if matches!(kind, SHOW | SEASON) { &self.parents.items[..] } else { self.items() };
        items.iter().filter(move |item| item.kind == kind)
    }

    /// The items right below an item.
    pub(crate) fn children(&self, key: u64) -> impl Iterator<Item = &Item> {
        self.parents.items.iter().chain(self.items()).filter(move |item| item.parent == Some(key))
    }

    /// The items with files below an item.
    pub(crate) fn leaves(&self, key: u64) -> impl Iterator<Item = &Item> {
        let below = move |item: &&Item| item.parent == Some(key) || item.grandparent == Some(key);
        self.items().iter().filter(below)
    }
}
