//! Shows and seasons above episodes, artists and albums above tracks: items without own files. The
//! first item that names one creates it.

use std::collections::HashMap;

use serde_json::Value;

use crate::library::{Item, Section};

/// Type numbers of the levels of a hierarchy, top down.
const FAMILIES: [[u32; 3]; 2] = [[2, 3, 4], [8, 9, 10]];

/// The items of a section that are above those with files.
#[derive(Debug, Clone, Default)]
pub(crate) struct Parents {
    /// The items, by rating key.
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

    /// Sets the parents of an item, if its kind has parents and it names the top one. New parents
    /// get `next_key` and the next key.
    pub(crate) fn adopt(&mut self, item: &mut Item, next_key: &mut u64) {
        let family = FAMILIES.into_iter().find(|[.., leaf]| *leaf == item.kind);
        let (Some([top, middle, _]), Some(title)) = (family, item.grandparent_title.clone()) else {
            return;
        };
        let like = |kind, title: &str| Item {
            kind,
            title: title.to_owned(),
            added_at: item.added_at,
            updated_at: item.updated_at,
            ..Item::default()
        };
        let grandparent = self.of(item, &title);
        let grandparent = grandparent.unwrap_or_else(|| {
            let mut grandparent = like(top, &title);
            grandparent.year = item.year;
            if let Some(key) = item.grandparent.filter(|key| self.item(*key).is_none()) {
                grandparent.rating_key = key;
            }
            self.get_or_add(0, grandparent, next_key)
        });
        let number = item.parent_index.unwrap_or(1);
        let mut parent = match item.details.fields.get("parentTitle").and_then(Value::as_str) {
            Some(album) => like(middle, album),
            None => like(middle, &format!("Season {number}")),
        };
        parent.index = Some(number);
        parent.parent = Some(grandparent);
        parent.details.fields.insert("parentTitle".to_owned(), Value::from(title));
        let parent = self.get_or_add(grandparent, parent, next_key);
        (item.parent, item.grandparent) = (Some(parent), Some(grandparent));
    }

    fn get_or_add(&mut self, above: u64, mut item: Item, next_key: &mut u64) -> u64 {
        let name = (above, item.title.clone());
        if let Some(key) = self.by_title.get(&name) {
            return *key;
        }
        if item.rating_key == 0 {
            item.rating_key = *next_key;
        }
        let key = item.rating_key;
        *next_key = (*next_key).max(key + 1);
        item.guid = format!("local://{key}");
        self.by_title.insert(name, key);
        self.put(item);
        key
    }

    /// The grandparent that an item names by key, if the title agrees.
    fn of(&self, item: &Item, title: &str) -> Option<u64> {
        let above = self.item(item.grandparent?)?;
        (above.title == title).then_some(above.rating_key)
    }

    /// Adds a parent item, or replaces one.
    pub(crate) fn put(&mut self, item: Item) {
        match self.items.binary_search_by_key(&item.rating_key, |other| other.rating_key) {
            Ok(at) => self.items[at] = item,
            Err(at) => self.items.insert(at, item),
        }
    }
}

/// Whether items of this kind (type number) are above others.
pub(crate) fn is_parent(kind: u32) -> bool {
    FAMILIES.iter().any(|family| family[..2].contains(&kind))
}

impl Section {
    /// One item, with or without files.
    pub fn find(&self, key: u64) -> Option<&Item> {
        self.item(key).or_else(|| self.parents.item(key))
    }

    /// All items of a kind (type number), by rating key.
    pub(crate) fn of_kind(&self, kind: u32) -> impl Iterator<Item = &Item> {
        let items = if is_parent(kind) { &self.parents.items[..] } else { self.items() };
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
