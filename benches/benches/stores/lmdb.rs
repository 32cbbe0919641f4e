//! LMDB, through heed: sorted keys are appended, every commit is synced.

use std::ops::Bound;
use std::path::Path;

use heed::types::Bytes;
use heed::{Database, Env, EnvOpenOptions, PutFlags};

use crate::engine::{Engine, Row};

pub(crate) struct Lmdb {
    env: Env,
    items: Database<Bytes, Bytes>,
    names: Database<Bytes, Bytes>,
    matches: Database<Bytes, Bytes>,
}

fn key(section: u32, key: u64) -> [u8; 12] {
    let mut bytes = [0; 12];
    bytes[..4].copy_from_slice(&section.to_be_bytes());
    bytes[4..].copy_from_slice(&key.to_be_bytes());
    bytes
}

impl Engine for Lmdb {
    const NAME: &'static str = "lmdb";

    fn open(folder: &Path) -> Self {
        let mut options = EnvOpenOptions::new();
        options.map_size(8 << 30).max_dbs(3);
        #[expect(unsafe_code, reason = "nobody else has the file open: the folder is ours")]
        let env = unsafe { options.open(folder) }.unwrap();
        let mut txn = env.write_txn().unwrap();
        let items = env.create_database(&mut txn, Some("items")).unwrap();
        let names = env.create_database(&mut txn, Some("names")).unwrap();
        let matches = env.create_database(&mut txn, Some("matches")).unwrap();
        txn.commit().unwrap();
        Self { env, items, names, matches }
    }

    fn load(&self, section: u32, rows: &mut [Row]) {
        let mut txn = self.env.write_txn().unwrap();
        for row in &*rows {
            self.items
                .put_with_flags(&mut txn, PutFlags::APPEND, &key(section, row.key), &row.bytes)
                .unwrap();
        }
        let mut sorted: Vec<&Row> = rows.iter().collect();
        sorted.sort_unstable_by_key(|row| row.hash);
        for row in sorted {
            self.names
                .put_with_flags(
                    &mut txn,
                    PutFlags::APPEND,
                    &key(section, row.hash),
                    &row.key.to_le_bytes(),
                )
                .unwrap();
        }
        txn.commit().unwrap();
    }

    fn get(&self, section: u32, rows: &[&Row]) -> usize {
        let txn = self.env.read_txn().unwrap();
        rows.iter()
            .filter(|row| self.items.get(&txn, &key(section, row.key)).unwrap().is_some())
            .count()
    }

    fn index(&self, section: u32, hashes: &[u64]) -> usize {
        let txn = self.env.read_txn().unwrap();
        let mut sorted = hashes.to_vec();
        sorted.sort_unstable();
        sorted
            .iter()
            .filter(|hash| self.names.get(&txn, &key(section, **hash)).unwrap().is_some())
            .count()
    }

    fn scan(&self, section: u32) -> usize {
        let txn = self.env.read_txn().unwrap();
        let rows = self.items.prefix_iter(&txn, &section.to_be_bytes()).unwrap();
        rows.flatten().count()
    }

    fn write_durably(&self, section: u32, number: u64) {
        let mut txn = self.env.write_txn().unwrap();
        self.matches.put(&mut txn, &key(section, number), &[7; 40]).unwrap();
        txn.commit().unwrap();
    }

    fn invalidate(&self, section: u32, number: u64) {
        self.write_durably(section, number);
    }

    fn delete(&self, section: u32) {
        let mut txn = self.env.write_txn().unwrap();
        let (first, last) = (key(section, 0), key(section, u64::MAX));
        let range = (Bound::Included(first.as_slice()), Bound::Included(last.as_slice()));
        self.items.delete_range(&mut txn, &range).unwrap();
        self.names.delete_range(&mut txn, &range).unwrap();
        txn.commit().unwrap();
    }
}
