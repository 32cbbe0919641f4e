//! fjall, a log-structured store: bulk loads are ingested sorted, single writes are synced.

use std::path::Path;

use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};

use crate::engine::{Engine, Row};
use crate::ours::CACHE;

pub(crate) struct Fjall {
    db: Database,
    items: Keyspace,
    names: Keyspace,
    matches: Keyspace,
}

fn key(section: u32, key: u64) -> [u8; 12] {
    let mut bytes = [0; 12];
    bytes[..4].copy_from_slice(&section.to_be_bytes());
    bytes[4..].copy_from_slice(&key.to_be_bytes());
    bytes
}

impl Engine for Fjall {
    const NAME: &'static str = "fjall";

    fn open(folder: &Path) -> Self {
        let db = Database::builder(folder).cache_size(CACHE as u64).open().unwrap();
        let keyspace = |name| db.keyspace(name, KeyspaceCreateOptions::default).unwrap();
        let (items, names, matches) = (keyspace("items"), keyspace("names"), keyspace("matches"));
        Self { db, items, names, matches }
    }

    fn load(&self, section: u32, rows: &mut [Row]) {
        let mut items = self.items.start_ingestion().unwrap();
        for row in &*rows {
            items.write(key(section, row.key), row.bytes.as_slice()).unwrap();
        }
        items.finish().unwrap();
        let mut sorted: Vec<&Row> = rows.iter().collect();
        sorted.sort_unstable_by_key(|row| row.hash);
        let mut names = self.names.start_ingestion().unwrap();
        for row in sorted {
            names.write(key(section, row.hash), row.key.to_le_bytes()).unwrap();
        }
        names.finish().unwrap();
        self.db.persist(PersistMode::SyncAll).unwrap();
    }

    fn get(&self, section: u32, rows: &[&Row]) -> usize {
        rows.iter().filter(|row| self.items.get(key(section, row.key)).unwrap().is_some()).count()
    }

    fn index(&self, section: u32, hashes: &[u64]) -> usize {
        let mut sorted = hashes.to_vec();
        sorted.sort_unstable();
        sorted.iter().filter(|hash| self.names.get(key(section, **hash)).unwrap().is_some()).count()
    }

    fn scan(&self, section: u32) -> usize {
        self.items.prefix(section.to_be_bytes()).filter(|_| true).count()
    }

    fn write_durably(&self, section: u32, number: u64) {
        self.matches.insert(key(section, number), [7; 40]).unwrap();
        self.db.persist(PersistMode::SyncAll).unwrap();
    }

    fn invalidate(&self, section: u32, number: u64) {
        self.write_durably(section, number);
    }

    fn delete(&self, section: u32) {
        let mut batch = self.db.batch();
        for keyspace in [&self.items, &self.names] {
            for row in keyspace.prefix(section.to_be_bytes()) {
                batch.remove(keyspace, row.key().unwrap());
            }
        }
        batch.commit().unwrap();
        self.db.persist(PersistMode::SyncAll).unwrap();
    }
}
