//! SQLite: WAL, every commit synced, prepared statements, tables clustered by their key. Each read
//! opens its own connection, because SQLite needs one for each thread.

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use rusqlite::{Connection, params};

use crate::engine::{Engine, Row};

pub(crate) struct Sqlite {
    path: PathBuf,
    writer: Mutex<Connection>,
}

impl Sqlite {
    fn connect(path: &Path) -> Connection {
        let db = Connection::open(path).unwrap();
        db.pragma_update(None, "journal_mode", "WAL").unwrap();
        db.pragma_update(None, "synchronous", "FULL").unwrap();
        db.pragma_update(None, "cache_size", -65_536).unwrap();
        db.execute_batch(
            "CREATE TABLE IF NOT EXISTS items(section INTEGER, key INTEGER, value BLOB,
                 PRIMARY KEY(section, key)) WITHOUT ROWID;
             CREATE TABLE IF NOT EXISTS names(section INTEGER, hash INTEGER, key INTEGER,
                 PRIMARY KEY(section, hash, key)) WITHOUT ROWID;
             CREATE TABLE IF NOT EXISTS matches(section INTEGER, key INTEGER, value BLOB,
                 PRIMARY KEY(section, key)) WITHOUT ROWID;",
        )
        .unwrap();
        db
    }
}

impl Engine for Sqlite {
    const NAME: &'static str = "sqlite";

    fn open(folder: &Path) -> Self {
        let path = folder.join("sqlite.db");
        Self { writer: Mutex::new(Self::connect(&path)), path }
    }

    fn load(&self, section: u32, rows: &mut [Row]) {
        let mut db = self.writer.lock().unwrap();
        let txn = db.transaction().unwrap();
        {
            let mut items = txn.prepare("INSERT OR REPLACE INTO items VALUES (?,?,?)").unwrap();
            for row in &*rows {
                items.execute(params![section, row.key.cast_signed(), row.bytes]).unwrap();
            }
            let mut sorted: Vec<&Row> = rows.iter().collect();
            sorted.sort_unstable_by_key(|row| row.hash.cast_signed());
            let mut names = txn.prepare("INSERT OR REPLACE INTO names VALUES (?,?,?)").unwrap();
            for row in sorted {
                names
                    .execute(params![section, row.hash.cast_signed(), row.key.cast_signed()])
                    .unwrap();
            }
        }
        txn.commit().unwrap();
    }

    fn get(&self, section: u32, rows: &[&Row]) -> usize {
        let db = Self::connect(&self.path);
        let mut get = db.prepare("SELECT value FROM items WHERE section=? AND key=?").unwrap();
        rows.iter()
            .filter(|row| {
                let value: Vec<u8> = get
                    .query_row(params![section, row.key.cast_signed()], |row| row.get(0))
                    .unwrap();
                !value.is_empty()
            })
            .count()
    }

    fn index(&self, section: u32, hashes: &[u64]) -> usize {
        let db = Self::connect(&self.path);
        let mut get = db.prepare("SELECT key FROM names WHERE section=? AND hash=?").unwrap();
        let mut sorted: Vec<i64> = hashes.iter().map(|hash| hash.cast_signed()).collect();
        sorted.sort_unstable();
        let found = |hash: &i64| {
            let mut rows = get.query(params![section, hash]).unwrap();
            let mut count = 0;
            while rows.next().unwrap().is_some() {
                count += 1;
            }
            count
        };
        sorted.iter().map(found).sum()
    }

    fn scan(&self, section: u32) -> usize {
        let db = Self::connect(&self.path);
        let mut all = db.prepare("SELECT key, value FROM items WHERE section=?").unwrap();
        let mut rows = all.query(params![section]).unwrap();
        let mut count = 0;
        while let Some(row) = rows.next().unwrap() {
            let value: Vec<u8> = row.get(1).unwrap();
            count += usize::from(!value.is_empty());
        }
        count
    }

    fn write_durably(&self, section: u32, number: u64) {
        let writer = self.writer.lock().unwrap();
        let mut put =
            writer.prepare_cached("INSERT OR REPLACE INTO matches VALUES (?,?,?)").unwrap();
        put.execute(params![section, number.cast_signed(), [7_u8; 40]]).unwrap();
    }

    fn invalidate(&self, section: u32, number: u64) {
        self.write_durably(section, number);
    }

    fn delete(&self, section: u32) {
        let mut db = self.writer.lock().unwrap();
        let txn = db.transaction().unwrap();
        txn.execute("DELETE FROM items WHERE section=?", params![section]).unwrap();
        txn.execute("DELETE FROM names WHERE section=?", params![section]).unwrap();
        txn.commit().unwrap();
    }
}
