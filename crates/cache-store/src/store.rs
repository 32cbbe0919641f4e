//! The cache file in use: reading, writing, what it is bound to, and its sections.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError, RwLock};
use std::time::Duration;

use plex_api::{Private, UnixSeconds};
use redb::{Database, ReadTransaction, ReadableDatabase, ReadableTable, WriteTransaction};
use tracing::{trace_span, warn};

use crate::buffer::Buffer;
use crate::codec;
use crate::error::{Broken, Error, Remedy};
use crate::index::Indexing;
use crate::open::{self, OpenFile};
use crate::record::{SectionRow, StoreRow};
use crate::section::{SectionId, SectionState};
use crate::stamp::SectionStamp;
use crate::table;
use crate::upgrade::{Upgrade, draw};
use crate::view::View;

/// How a store is opened.
#[derive(Debug, Clone)]
pub struct StoreConfig {
    /// How items are indexed.
    pub indexing: Indexing,
    /// Memory for pages of the file, in bytes. The default, 64 MiB, holds the working set of
    /// about 250,000 items; it is a ceiling, small libraries use less.
    pub cache_size: usize,
    /// How long to wait for another process to let go of the file. Default 5 s.
    pub open_wait: Duration,
    /// Who else may have the file open. Default: nobody.
    pub sharing: Sharing,
    /// Size in bytes that the file may reach before remembered matches are dropped, those that
    /// were not used for longest first. Default 512 MiB. Items are never dropped for it: listing
    /// them again would cost calls at every run.
    pub max_bytes: u64,
    /// Names a damaged file when it is moved aside.
    pub now: UnixSeconds,
}

/// Who may have a cache file open at once. Every process must open it in the same way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Sharing {
    /// One process. Everybody else waits, then is told that the file is in use.
    #[default]
    Exclusive,
    /// Any number of processes read and write; a write waits for the write of another. For
    /// hosts that start one process a job. Reads and writes take a few system calls more
    /// (`docs/format.md` has the numbers). Linux, macOS and Windows only, and not on network
    /// file systems without byte-range locks.
    Shared,
}

impl StoreConfig {
    /// The defaults, for an indexing function.
    pub fn new(indexing: Indexing, now: UnixSeconds) -> Self {
        Self {
            indexing,
            cache_size: 64 << 20,
            open_wait: Duration::from_secs(5),
            sharing: Sharing::Exclusive,
            max_bytes: 512 << 20,
            now,
        }
    }
}

/// What opening found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opened {
    /// There was no file (or an empty one): a new one was created.
    Created,
    /// The file was opened as it was.
    Existing,
    /// An earlier version wrote the file, or indexed it in another way: it was brought up to
    /// date. Nothing has to be asked of the server for it, unless something was dropped.
    Upgraded(Upgrade),
    /// The file was damaged. It was moved aside and a fresh one was started.
    Recovered {
        /// Where the damaged file is now.
        moved_to: PathBuf,
    },
}

/// A section as we last knew it, on disk: one file a server.
pub struct Store {
    handle: RwLock<Handle>,
    pub(crate) config: StoreConfig,
    pub(crate) indexing: Indexing,
    path: PathBuf,
    opened: Opened,
    /// Tells this store from every other that has the file open.
    pub(crate) holder: u64,
    /// No section had this number or a higher one: a file that replaces a damaged one goes on
    /// from here, so that a number never means two sections within one process.
    first_free: AtomicU32,
    damage: Damage,
    pub(crate) buffer: Buffer,
    pub(crate) counters: Counters,
}

/// The open file. It is replaced, in place, when it turns out to be damaged.
struct Handle {
    /// `None` while it could not be opened again.
    db: Option<Database>,
    /// Goes up with every replacement.
    generation: u64,
    file_id: u64,
}

/// What is counted until it is added to the file.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) hits: AtomicU64,
    pub(crate) misses: AtomicU64,
    pub(crate) damaged: AtomicU64,
}

/// Values that were found damaged, and in which sections.
#[derive(Debug, Default)]
struct Damage {
    count: AtomicU64,
    sections: Mutex<BTreeSet<SectionId>>,
}

impl Store {
    /// Opens the cache file at `path`, creating it and its folder when there is none.
    ///
    /// A file that is not a Matchbox cache, or that a newer version wrote, is refused and
    /// left as it is. A damaged cache is moved aside and a fresh one is started:
    /// [`Store::opened`] tells.
    pub fn open(path: &Path, config: &StoreConfig) -> Result<Self, Error> {
        Ok(Self::over(open::open(path, config, 1)?, path, config))
    }

    pub(crate) fn over(file: OpenFile, path: &Path, config: &StoreConfig) -> Self {
        let OpenFile { db, opened, file_id } = file;
        Self {
            handle: RwLock::new(Handle { db: Some(db), generation: 0, file_id }),
            config: config.clone(),
            indexing: config.indexing,
            path: path.to_owned(),
            opened,
            holder: draw(),
            first_free: AtomicU32::new(1),
            damage: Damage::default(),
            buffer: Buffer::default(),
            counters: Counters::default(),
        }
    }

    /// What opening found.
    pub fn opened(&self) -> &Opened {
        &self.opened
    }

    /// Whether other processes may have the file open too.
    pub(crate) fn is_shared(&self) -> bool {
        self.config.sharing == Sharing::Shared
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes what is buffered and closes the file. Dropping the store does the same, without
    /// a word about errors.
    pub fn close(self) -> Result<(), Error> {
        let flushed = self.flush();
        let db = self.handle.write().unwrap_or_else(PoisonError::into_inner).db.take();
        let closed = match db {
            Some(db) => guard("closing it", || db.close().map_err(Error::storage("closing it"))),
            None => Ok(()),
        };
        flushed.and(closed)
    }

    /// Takes a read view: everything read through it is of one moment.
    pub fn view(&self) -> Result<View<'_>, Error> {
        // Before the transaction begins: what leaves the buffer meanwhile is in the file.
        let buffered = self.buffer.snapshot();
        let mut generation = 0;
        let view = self.with_db("starting to read", |db, at| {
            generation = at;
            let txn = db.begin_read().map_err(Error::storage("starting to read"))?;
            View::new(self, &txn, at, buffered)
        })?;
        if let Some(last) = view.last_section() {
            self.first_free.fetch_max(last.0.saturating_add(1), Ordering::Relaxed);
        }
        Ok(view)
    }

    /// The `machineIdentifier` of the server the file is bound to.
    pub fn server(&self) -> Result<Option<String>, Error> {
        Ok(self.store_row()?.server)
    }

    /// Binds the file to a server, or checks that it is this one.
    pub fn bind(&self, machine_identifier: &str) -> Result<(), Error> {
        let found = || machine_identifier.to_owned();
        match self.server()? {
            Some(expected) if expected == machine_identifier => Ok(()),
            Some(expected) => Err(Error::WrongServer { expected, found: found() }),
            None => self.write("binding it to its server", |txn| {
                let mut row = read_store_row(txn)?;
                match row.server.replace(found()) {
                    Some(expected) if expected != machine_identifier => {
                        Err(Error::WrongServer { expected, found: found() })
                    }
                    _ => put_store_row(txn, &row),
                }
            }),
        }
    }

    /// Every section the file knows, by its number.
    pub fn sections(&self) -> Result<Vec<SectionState>, Error> {
        self.view()?.sections()
    }

    /// Notes the sections as the server lists them now: new ones get a number, known ones
    /// (by uuid) have their key, title and folders brought up to date. Sections that hold no
    /// files are left out. Returns one state for each, in the server's order.
    pub fn note_sections(&self, listed: &[plex_api::Section]) -> Result<Vec<SectionState>, Error> {
        let view = self.view()?;
        let noted = note(&view.sections()?, listed);
        if noted.iter().all(|noted| !noted.differs) && view.unreadable_sections().is_empty() {
            return Ok(noted.into_iter().map(|noted| noted.state).collect());
        }
        drop(view);
        self.write("noting its sections", |txn| {
            // As they are now: another process may have written since.
            let mut noted = note(&read_sections(txn)?, listed);
            let mut row = read_store_row(txn)?;
            for noted in noted.iter_mut().filter(|noted| noted.differs) {
                if noted.state.id == SectionId(0) {
                    noted.state.id = SectionId(row.next_section);
                    row.next_section = row.next_section.saturating_add(1);
                }
                put_section(txn, &noted.state)?;
            }
            put_store_row(txn, &row)?;
            remove_unreadable(txn)?;
            Ok(noted.into_iter().map(|noted| noted.state).collect())
        })
    }

    /// The sections as the server last listed them, in its order.
    pub(crate) fn listed(&self) -> Result<Vec<SectionId>, Error> {
        Ok(self.store_row()?.listed.into_iter().map(SectionId).collect())
    }

    /// Notes what a probe showed: which sections there are, and those whose stamp is what it
    /// was. A section that changed in the store meanwhile is left alone.
    pub(crate) fn note_probe(
        &self,
        listed: &[SectionId],
        unchanged: &[(SectionId, SectionStamp)],
        now: UnixSeconds,
    ) -> Result<(), Error> {
        self.write("noting a probe", |txn| {
            let mut row = read_store_row(txn)?;
            row.listed = listed.iter().map(|id| id.0).collect();
            row.listed_at = Some(now.0);
            put_store_row(txn, &row)?;
            for (id, stamp) in unchanged {
                let Some(mut state) = section_in(txn, *id)? else { continue };
                if state.stamp == Some(*stamp) {
                    state.observed = state.stamp;
                    state.observed_at = Some(now);
                    put_section(txn, &state)?;
                }
            }
            Ok(())
        })
    }

    /// Writes a section's state without touching its items, if it is still as `base` has it;
    /// `false`: it is not, a refresh or a clear came first, and nothing was written.
    pub(crate) fn put_state(
        &self,
        base: &SectionState,
        state: &SectionState,
    ) -> Result<bool, Error> {
        let version = |state: &SectionState| (state.revision, state.stamp, state.observed);
        self.write("noting a section", |txn| {
            let current = section_in(txn, base.id)?;
            if current.is_none_or(|now| version(&now) != version(base)) {
                return Ok(false);
            }
            put_section(txn, state)?;
            Ok(true)
        })
    }

    fn store_row(&self) -> Result<StoreRow, Error> {
        let doing = "reading its meta table";
        self.read(doing, |txn| {
            store_row(&txn.open_table(table::META).map_err(Error::storage(doing))?)
        })
    }

    /// Notes a damaged value: it is read as missing, and nothing that was read from the section
    /// may be believed.
    pub(crate) fn damaged(&self, section: SectionId, what: &'static str) {
        self.damage.count.fetch_add(1, Ordering::Relaxed);
        self.counters.damaged.fetch_add(1, Ordering::Relaxed);
        let mut sections = self.damage.sections.lock().unwrap_or_else(PoisonError::into_inner);
        if sections.insert(section) {
            warn!(section = section.0, what, "damaged record: the section will be listed again");
        }
    }

    /// Notes a damaged value beside the items: it is read as missing, and nothing else hangs on it.
    pub(crate) fn damaged_beside(&self, what: &'static str) {
        self.damage.count.fetch_add(1, Ordering::Relaxed);
        self.counters.damaged.fetch_add(1, Ordering::Relaxed);
        warn!(what, "damaged record: it is read as missing");
    }

    /// Counts remembered matches that answered and those that did not, for [`Store::stats`].
    pub fn count(&self, hits: u64, misses: u64) {
        self.counters.hits.fetch_add(hits, Ordering::Relaxed);
        self.counters.misses.fetch_add(misses, Ordering::Relaxed);
    }

    /// How many damaged values were met since the store was opened.
    pub fn damaged_values(&self) -> u64 {
        self.damage.count.load(Ordering::Relaxed)
    }

    /// The sections in which damage was met since this was last asked. Nothing that was read
    /// from them since then may be believed.
    pub fn take_damaged(&self) -> Vec<SectionId> {
        let mut sections = self.damage.sections.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *sections).into_iter().collect()
    }

    /// Reads within one transaction.
    pub(crate) fn read<T>(
        &self,
        doing: &'static str,
        work: impl FnOnce(&ReadTransaction) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.with_db(doing, |db, _| work(&db.begin_read().map_err(Error::storage(doing))?))
    }

    /// Runs one write transaction: all of it, or nothing. Matches that wait in the buffer are
    /// written with it, before `work`, which so finds every match in its table.
    ///
    /// `work` must not read through the store: a replacement of the file would wait for it,
    /// and it for the replacement.
    pub(crate) fn write<T>(
        &self,
        doing: &'static str,
        work: impl FnOnce(&WriteTransaction) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let _span = trace_span!("write", doing).entered();
        let buffered = self.buffer.snapshot();
        let done = self.with_db(doing, |db, _| {
            commit(db, doing, |txn| {
                buffered.write(txn)?;
                work(txn)
            })
        })?;
        self.buffer.written(&buffered);
        Ok(done)
    }

    /// Uses the open file exclusively, for what redb wants it exclusively.
    pub(crate) fn with_db_mut<T>(
        &self,
        doing: &'static str,
        work: impl FnOnce(&mut Database) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let (done, generation) = {
            let mut handle = self.handle.write().unwrap_or_else(PoisonError::into_inner);
            let generation = handle.generation;
            let Some(db) = handle.db.as_mut() else { return Err(closed(doing)) };
            (guard(doing, || work(db)), generation)
        };
        done.map_err(|error| self.heal(error, generation))
    }

    /// Closes the file and opens it again.
    pub(crate) fn reopen(&self) -> Result<(), Error> {
        let doing = "opening it again";
        let mut handle = self.handle.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(db) = handle.db.take() {
            guard(doing, || db.close().map_err(Error::storage(doing)))?;
        }
        handle.generation += 1;
        let first = self.first_free.load(Ordering::Relaxed);
        let OpenFile { db, file_id, .. } = open::open(&self.path, &self.config, first)?;
        (handle.db, handle.file_id) = (Some(db), file_id);
        Ok(())
    }

    fn with_db<T>(
        &self,
        doing: &'static str,
        work: impl FnOnce(&Database, u64) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let (done, generation) = {
            let handle = self.handle.read().unwrap_or_else(PoisonError::into_inner);
            let done = match &handle.db {
                Some(db) => guard(doing, || work(db, handle.generation)),
                None => Err(closed(doing)),
            };
            (done, handle.generation)
        };
        done.map_err(|error| self.heal(error, generation))
    }

    /// Does what an error calls for: a damaged file is moved aside and a fresh one is started;
    /// one that redb gave up on after an I/O error is opened again. The error then says so.
    ///
    /// The caller must hold no lock on the handle.
    pub(crate) fn heal(&self, error: Error, generation: u64) -> Error {
        let remedy = error.remedy();
        if remedy == Remedy::None {
            return error;
        }
        let mut handle = self.handle.write().unwrap_or_else(PoisonError::into_inner);
        if handle.generation != generation {
            return error; // another thread was here first
        }
        let db = handle.db.take();
        drop(catch_unwind(AssertUnwindSafe(|| drop(db))));
        let what = error.damage().unwrap_or_default();
        // A file that is shared may have been replaced by another process.
        let ours = self.config.sharing == Sharing::Exclusive
            || open::file_id(&self.path, &self.config).is_none_or(|id| id == handle.file_id);
        let first = self.first_free.load(Ordering::Relaxed);
        let opened = if remedy == Remedy::Replace && ours && self.path.exists() {
            open::replace(&self.path, &self.config, first, &what)
        } else {
            open::open(&self.path, &self.config, first)
        };
        handle.generation += 1;
        match opened {
            Ok(OpenFile { db, opened, file_id }) => {
                handle.db = Some(db);
                handle.file_id = file_id;
                match opened {
                    Opened::Recovered { moved_to } => {
                        Error::Damaged { path: self.path.clone(), what, moved_to }
                    }
                    _ => error,
                }
            }
            Err(error) => error,
        }
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        // After `close` there is nothing to write and no file to write it to.
        if let Err(error) = self.flush() {
            warn!(error = %Private(&error), "matches that were not yet written are lost; they will be computed again");
        }
        // redb reads pages when it closes, and panics on a damaged one.
        let db = self.handle.get_mut().unwrap_or_else(PoisonError::into_inner).db.take();
        drop(catch_unwind(AssertUnwindSafe(|| drop(db))));
    }
}

/// Runs one write transaction on a file.
pub(crate) fn commit<T>(
    db: &Database,
    doing: &'static str,
    work: impl FnOnce(&WriteTransaction) -> Result<T, Error>,
) -> Result<T, Error> {
    let mut txn = db.begin_write().map_err(Error::storage(doing))?;
    // A crash then costs the next opening a millisecond and not a walk over the file.
    txn.set_quick_repair(true);
    let done = work(&txn)?;
    txn.commit().map_err(Error::storage(doing))?;
    Ok(done)
}

/// Turns a panic inside redb (it panics on some damaged pages) into an error.
pub(crate) fn guard<T>(
    doing: &'static str,
    work: impl FnOnce() -> Result<T, Error>,
) -> Result<T, Error> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let text = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| panic.downcast_ref::<&str>().copied())
            .unwrap_or("no message");
        let what = format!("the storage engine met a damaged page: {text}");
        Err(Error::Storage { doing, source: Box::new(Broken(what)) })
    })
}

fn closed(doing: &'static str) -> Error {
    Error::Storage { doing, source: "the file could not be opened again after an error".into() }
}

/// A section as the server lists it now.
struct Noted {
    state: SectionState,
    differs: bool,
}

fn note(known: &[SectionState], listed: &[plex_api::Section]) -> Vec<Noted> {
    let mut result = Vec::with_capacity(listed.len());
    for section in listed {
        let Some(kind) = section.kind.leaf() else { continue };
        let before = known.iter().find(|state| state.uuid == section.uuid);
        let mut state = before.cloned().unwrap_or_else(|| {
            SectionState::empty(SectionId(0), section.uuid.clone(), section.key, kind)
        });
        state.key = section.key;
        state.title.clone_from(&section.title);
        state.locations = section.locations.iter().map(|at| at.path.clone()).collect();
        result.push(Noted { differs: before != Some(&state), state });
    }
    result
}

/// Removes section rows that do not open, with everything that belonged to them: the section
/// was listed again under another number.
fn remove_unreadable(txn: &WriteTransaction) -> Result<(), Error> {
    let doing = "removing a damaged section";
    let mut unreadable = Vec::new();
    {
        let sections = txn.open_table(table::SECTIONS).map_err(Error::storage(doing))?;
        for row in sections.iter().map_err(Error::storage(doing))? {
            let (key, value) = row.map_err(Error::storage(doing))?;
            let id = SectionId(key.value().0);
            if codec::open::<SectionRow>(table::section_place(id), value.value()).is_err() {
                unreadable.push(id);
            }
        }
    }
    for id in unreadable {
        for table in &table::ALL {
            table.remove_section(txn, id)?;
        }
    }
    Ok(())
}

pub(crate) fn read_sections(txn: &WriteTransaction) -> Result<Vec<SectionState>, Error> {
    let doing = "reading its sections";
    let sections = txn.open_table(table::SECTIONS).map_err(Error::storage(doing))?;
    let mut states = Vec::new();
    for row in sections.iter().map_err(Error::storage(doing))? {
        let (key, value) = row.map_err(Error::storage(doing))?;
        let id = SectionId(key.value().0);
        if let Ok(row) = codec::open::<SectionRow>(table::section_place(id), value.value()) {
            states.push(row.into_state(id));
        }
    }
    Ok(states)
}

/// Reads one section's state inside a write transaction.
pub(crate) fn section_in(
    txn: &WriteTransaction,
    id: SectionId,
) -> Result<Option<SectionState>, Error> {
    let doing = "reading its sections";
    let sections = txn.open_table(table::SECTIONS).map_err(Error::storage(doing))?;
    let row = sections.get((id.0, 0)).map_err(Error::storage(doing))?;
    Ok(row.and_then(|value| {
        codec::open::<SectionRow>(table::section_place(id), value.value())
            .ok()
            .map(|row| row.into_state(id))
    }))
}

/// Writes one section's state inside a write transaction.
pub(crate) fn put_section(txn: &WriteTransaction, state: &SectionState) -> Result<(), Error> {
    let doing = "writing its sections";
    let mut bytes = Vec::new();
    codec::seal(table::section_place(state.id), &SectionRow::new(state), &mut bytes);
    let mut sections = txn.open_table(table::SECTIONS).map_err(Error::storage(doing))?;
    sections.insert((state.id.0, 0), bytes.as_slice()).map_err(Error::storage(doing))?;
    Ok(())
}

/// Reads the store row inside a write transaction.
pub(crate) fn read_store_row(txn: &WriteTransaction) -> Result<StoreRow, Error> {
    let meta = txn.open_table(table::META).map_err(Error::storage("reading its meta table"))?;
    store_row(&meta)
}

/// The store row. That there is none, or a damaged one, is damage to the whole file: nobody
/// can say any more which server it belongs to and which section numbers were used.
pub(crate) fn store_row(
    meta: &impl ReadableTable<&'static str, &'static [u8]>,
) -> Result<StoreRow, Error> {
    let doing = "reading its meta table";
    let row = meta.get(table::STORE_KEY).map_err(Error::storage(doing))?;
    row.and_then(|bytes| codec::open(table::store_place(), bytes.value()).ok()).ok_or_else(|| {
        Error::Storage { doing, source: Box::new(Broken("its store row is damaged".to_owned())) }
    })
}

/// Writes the store row inside a write transaction.
pub(crate) fn put_store_row(txn: &WriteTransaction, row: &StoreRow) -> Result<(), Error> {
    let doing = "writing its meta table";
    let mut bytes = Vec::new();
    codec::seal(table::store_place(), row, &mut bytes);
    let mut meta = txn.open_table(table::META).map_err(Error::storage(doing))?;
    meta.insert(table::STORE_KEY, bytes.as_slice()).map_err(Error::storage(doing))?;
    Ok(())
}
