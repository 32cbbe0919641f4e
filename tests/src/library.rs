//! The library of the simulated server, and how its stamps move.
//!
//! The stamps move as on the real servers that were observed:
//!
//! - The change counter moves for added items, replaced files and new collections, but not for
//!   edits of metadata.
//! - `scannedAt` moves at the end of every scan.
//! - An item's `updatedAt` moves for edits, but not when a file is replaced.

mod content;
mod quirks;

use crate::events::Notice;
use crate::parents::Parents;

pub use content::{Collection, Item, Media, Part, Section, SectionKind};
pub use quirks::{FileFilter, Quirks, Totals, Updated};

/// The content of a server. It has its own clock, which only [`Library::advance`] moves.
#[derive(Debug, Clone)]
pub struct Library {
    /// The server's permanent identity.
    pub machine_identifier: String,
    /// The server's version.
    pub version: String,
    /// The sections, in the order of the list.
    pub sections: Vec<Section>,
    /// Behaviour that is not known about real servers, or that differs between them.
    pub quirks: Quirks,
    now: i64,
    counter: i64,
    next_key: u64,
    next_media: u64,
    next_section: u32,
    /// Notices that were not sent to listeners yet.
    notices: Vec<Notice>,
}

impl Library {
    /// A server without sections.
    pub fn new(machine_identifier: impl Into<String>, now: i64) -> Self {
        Self {
            machine_identifier: machine_identifier.into(),
            version: "1.43.3.10793-testbed".to_owned(),
            sections: Vec::new(),
            quirks: Quirks::default(),
            now,
            // As large as a counter of a real server: a float cannot hold it exactly.
            counter: 8_457_612_157_631_014_061,
            next_key: 1,
            next_media: 1,
            next_section: 1,
            notices: Vec::new(),
        }
    }

    /// The server's clock, in seconds since 1970.
    pub fn now(&self) -> i64 {
        self.now
    }

    /// Moves the clock.
    pub fn advance(&mut self, seconds: i64) {
        self.now += seconds;
    }

    /// Adds an empty section and returns its position.
    pub fn add_section(
        &mut self,
        title: &str,
        kind: SectionKind,
        agent: &str,
        folders: &[&str],
    ) -> usize {
        let key = self.next_section;
        self.next_section += 1;
        let locations = (1..).zip(folders).map(|(id, folder)| (id, (*folder).to_owned()));
        self.sections.push(Section {
            key,
            uuid: format!("{}-{key:04}-4000-8000-000000000000", &self.machine_identifier[..8]),
            title: title.to_owned(),
            kind,
            agent: agent.to_owned(),
            locations: locations.collect(),
            created_at: self.now,
            updated_at: self.now,
            scanned_at: self.now,
            content_changed_at: self.counter,
            refreshing: false,
            collections: Vec::new(),
            items: Vec::new(),
            parents: Parents::default(),
        });
        self.sections.len() - 1
    }

    /// Adds an item at the present time. Returns its new rating key.
    pub fn add_item(&mut self, section: usize, mut item: Item) -> u64 {
        item.added_at = self.now;
        item.updated_at = self.now;
        let key = self.put_item(section, item);
        self.changed(section);
        self.tell(Notice::created(&self.sections[section], key));
        self.tell(Notice::processed(&self.sections[section], key));
        key
    }

    /// Puts an item with its own times, and moves no stamp. This is for building a library.
    pub fn put_item(&mut self, section: usize, mut item: Item) -> u64 {
        if item.rating_key == 0 {
            item.rating_key = self.next_key;
        }
        self.next_key = self.next_key.max(item.rating_key) + 1;
        if item.kind == 0 {
            item.kind = self.sections[section].kind.leaf();
        }
        for media in &mut item.media {
            self.number(media);
        }
        self.sections[section].parents.adopt(&mut item, &mut self.next_key);
        let items = &mut self.sections[section].items;
        let key = item.rating_key;
        match items.binary_search_by_key(&key, |item| item.rating_key) {
            Ok(at) => items[at] = item,
            Err(at) => items.insert(at, item),
        }
        key
    }

    /// Puts a show. Its episodes name it by key (`grandparent`) and title. There may be other shows
    /// with this title. Returns its rating key.
    pub fn put_show(&mut self, section: usize, mut show: Item) -> u64 {
        if show.rating_key == 0 {
            show.rating_key = self.next_key;
        }
        self.next_key = self.next_key.max(show.rating_key) + 1;
        show.kind = SectionKind::Show.top();
        let key = show.rating_key;
        self.sections[section].parents.put(show);
        key
    }

    fn number(&mut self, media: &mut Media) {
        if media.id == 0 {
            media.id = self.next_media;
            self.next_media += 1;
        }
        for part in &mut media.parts {
            if part.id == 0 {
                part.id = self.next_media;
                self.next_media += 1;
            }
        }
    }

    /// Runs a scan. `scannedAt` moves even if the scan finds nothing.
    pub fn scan(&mut self, section: usize) {
        self.tell(Notice::scan(&self.sections[section], "started"));
        self.sections[section].scanned_at = self.now;
        self.tell(Notice::scan(&self.sections[section], "ended"));
    }

    /// Removes an item.
    pub fn remove_item(&mut self, section: usize, key: u64) {
        let items = &mut self.sections[section].items;
        let before = items.len();
        items.retain(|item| item.rating_key != key);
        if items.len() == before {
            return;
        }
        if self.quirks.counter_moves_on_delete {
            self.changed(section);
        }
        self.tell(Notice::deleted(&self.sections[section], key));
    }

    /// Moves an item to the trash, as if its files were missing. It stays in listings.
    pub fn trash_item(&mut self, section: usize, key: u64) {
        let now = self.now;
        self.item_at(section, key).deleted_at = Some(now);
        self.tell(Notice::processed(&self.sections[section], key));
    }

    /// Moves an item out of the trash, as if its files were back.
    pub fn restore_item(&mut self, section: usize, key: u64) {
        self.item_at(section, key).deleted_at = None;
        self.tell(Notice::processed(&self.sections[section], key));
    }

    /// Replaces the item's first file. The item keeps its rating key and its `updatedAt`, and gets
    /// a new part.
    pub fn replace_file(&mut self, section: usize, key: u64, file: &str, size: u64) {
        let now = self.now;
        let mut media = self.item_at(section, key).media[0].clone();
        media.parts[0].id = 0;
        file.clone_into(&mut media.parts[0].file);
        media.parts[0].size = size;
        media.parts[0].mtime = now;
        self.number(&mut media);
        self.item_at(section, key).media[0] = media;
        self.changed(section);
        self.tell(Notice::processed(&self.sections[section], key));
    }

    /// Moves the item's first file, as if the scan recognised it: the part stays the same, but its
    /// path changes. It is not known whether the counter moves on a real server.
    pub fn move_file(&mut self, section: usize, key: u64, file: &str) {
        file.clone_into(&mut self.item_at(section, key).media[0].parts[0].file);
        self.changed(section);
        self.tell(Notice::processed(&self.sections[section], key));
    }

    /// Edits a title. `updatedAt` moves, but the counter does not.
    pub fn edit_title(&mut self, section: usize, key: u64, title: &str) {
        self.edit_item(section, key, &[("title.value", title)]);
    }

    /// Creates a collection, unless there is one with this title. The counter moves, but
    /// `updatedAt` of the members does not. Returns its rating key.
    pub fn add_collection(&mut self, section: usize, title: &str) -> u64 {
        let collections = &mut self.sections[section].collections;
        if let Some(there) = collections.iter().find(|collection| collection.title == title) {
            return there.rating_key;
        }
        let rating_key = self.next_key;
        self.next_key += 1;
        collections.push(Collection { rating_key, title: title.to_owned() });
        self.changed(section);
        rating_key
    }

    /// Gives the section another agent. Every guid and `updatedAt` changes, and the section's own
    /// `updatedAt` moves; the counter does not.
    pub fn migrate_agent(&mut self, section: usize) {
        let now = self.now;
        let section = &mut self.sections[section];
        section.updated_at = now;
        for item in &mut section.items {
            item.guid = format!("plex://movie/{:024x}", item.rating_key ^ 0x5eed);
            item.updated_at = now;
        }
    }

    /// Removes the section and creates it again with the same title: it has another key, another
    /// uuid, and the same files as new items.
    pub fn recreate_section(&mut self, section: usize) {
        let old = self.sections.remove(section);
        let folders: Vec<&str> = old.locations.iter().map(|(_, path)| path.as_str()).collect();
        let new = self.add_section(&old.title, old.kind, &old.agent, &folders);
        for item in old.items {
            self.add_item(new, Item { rating_key: 0, ..item });
        }
        let moved = self.sections.pop().unwrap();
        self.sections.insert(section, moved);
    }

    /// Queues a notice for listeners.
    pub(crate) fn tell(&mut self, notice: Notice) {
        self.notices.push(notice);
    }

    /// Takes the notices that were not sent to listeners yet.
    pub(crate) fn take_notices(&mut self) -> Vec<Notice> {
        std::mem::take(&mut self.notices)
    }

    /// One item, to change it without moving a stamp.
    ///
    /// # Panics
    /// If there is no such item.
    pub fn item_at(&mut self, section: usize, key: u64) -> &mut Item {
        let Section { items, parents, .. } = &mut self.sections[section];
        match items.binary_search_by_key(&key, |item| item.rating_key) {
            Ok(at) => &mut items[at],
            Err(_) => parents.item_mut(key).unwrap(),
        }
    }

    /// Moves the section's counter. The whole server has one sequence of numbers.
    fn changed(&mut self, section: usize) {
        self.counter += 1;
        self.sections[section].content_changed_at = self.counter;
    }
}
