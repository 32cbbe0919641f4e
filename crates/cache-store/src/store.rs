//! The cache file: opening it, what it is bound to, and its sections.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use plex_api::UnixSeconds;
use redb::{Database, DatabaseError, ReadableDatabase, ReadableTable, WriteTransaction};
use tracing::{info, warn};

use crate::codec;
use crate::error::Error;
use crate::index::{Index, Indexing};
use crate::record::{SectionRow, StoreRow};
use crate::section::{SectionId, SectionState};
use crate::stamp::SectionStamp;
use crate::table;
use crate::view::View;

/// The file format this version writes, and the newest it reads.
const FORMAT: u32 = 1;

/// First bytes of every redb file.
const REDB_MAGIC: [u8; 9] = *b"redb\x1A\x0A\xA9\x0D\x0A";

/// How long between two attempts to open a file that another process holds.
const RETRY_EVERY: Duration = Duration::from_millis(50);

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
    /// Names a damaged file when it is moved aside.
    pub now: UnixSeconds,
}

impl StoreConfig {
    /// The defaults, for an indexing function.
    pub fn new(indexing: Indexing, now: UnixSeconds) -> Self {
        Self { indexing, cache_size: 64 << 20, open_wait: Duration::from_secs(5), now }
    }
}

/// What opening found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opened {
    /// There was no file (or an empty one): a new one was created.
    Created,
    /// The file was opened as it was.
    Existing,
    /// The file was of another indexing version: its sections will be listed again.
    Rebuilt,
    /// The file was damaged. It was moved aside and a fresh one was started.
    Recovered {
        /// Where the damaged file is now.
        moved_to: PathBuf,
    },
}

/// A section as we last knew it, on disk: one file a server.
pub struct Store {
    pub(crate) db: Database,
    pub(crate) indexing: Indexing,
    path: PathBuf,
    opened: Opened,
    damage: Damage,
}

/// Values that were found damaged, and in which sections.
#[derive(Debug, Default)]
pub(crate) struct Damage {
    count: AtomicU64,
    sections: Mutex<BTreeSet<SectionId>>,
}

impl Damage {
    pub(crate) fn found(&self, section: SectionId, what: &'static str) {
        self.count.fetch_add(1, Ordering::Relaxed);
        let mut sections = self.sections.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if sections.insert(section) {
            warn!(section = section.0, what, "damaged record: the section will be listed again");
        }
    }
}

impl Store {
    /// Opens the cache file at `path`, creating it and its folder when there is none.
    ///
    /// A file that is not a Matchbox cache, or that a newer version wrote, is refused and
    /// left as it is. A damaged cache is moved aside and a fresh one is started:
    /// [`Store::opened`] tells.
    pub fn open(path: &Path, config: &StoreConfig) -> Result<Self, Error> {
        let created = match inspect(path)? {
            Found::Nothing => {
                create_file(path)?;
                true
            }
            Found::Redb => false,
            Found::Other => return Err(Error::NotACache { path: path.to_owned() }),
        };
        let (db, opened) = match open_database(path, config) {
            Ok(db) if created => (db, Opened::Created),
            Ok(db) => (db, Opened::Existing),
            Err(OpenFailure::Damaged(what)) => {
                let moved_to = move_aside(path, config.now)?;
                warn!(path = %path.display(), moved_to = %moved_to.display(), what, "damaged cache file moved aside");
                create_file(path)?;
                let db = open_database(path, config).map_err(OpenFailure::into_error)?;
                (db, Opened::Recovered { moved_to })
            }
            Err(failure) => return Err(failure.into_error()),
        };
        let store = Self {
            db,
            indexing: config.indexing,
            path: path.to_owned(),
            opened,
            damage: Damage::default(),
        };
        store.prepare()
    }

    /// What opening found.
    pub fn opened(&self) -> &Opened {
        &self.opened
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Closes the file. Dropping the store does the same, without a word about errors.
    pub fn close(self) -> Result<(), Error> {
        self.db.close().map_err(Error::storage("closing it"))
    }

    /// Takes a read view: everything read through it is of one moment.
    pub fn view(&self) -> Result<View<'_>, Error> {
        let txn = self.db.begin_read().map_err(Error::storage("starting to read"))?;
        View::new(&txn, &self.damage)
    }

    /// The `machineIdentifier` of the server the file is bound to.
    pub fn server(&self) -> Result<Option<String>, Error> {
        let txn = self.db.begin_read().map_err(Error::storage("starting to read"))?;
        let meta = txn.open_table(table::META).map_err(Error::storage("reading its meta table"))?;
        Ok(store_row(&meta)?.and_then(|row| row.server))
    }

    /// Binds the file to a server, or checks that it is this one.
    pub fn bind(&self, machine_identifier: &str) -> Result<(), Error> {
        match self.server()? {
            Some(expected) if expected == machine_identifier => Ok(()),
            Some(expected) => {
                Err(Error::WrongServer { expected, found: machine_identifier.to_owned() })
            }
            None => self.write("binding it to its server", |txn| {
                let mut row = read_store_row(txn)?.unwrap_or_else(|| self.fresh_row());
                row.server = Some(machine_identifier.to_owned());
                put_store_row(txn, &row)
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
        let known = self.sections()?;
        let mut result = Vec::with_capacity(listed.len());
        let mut write = Vec::new();
        let mut fresh = 0;
        for section in listed {
            let Some(kind) = section.kind.leaf() else { continue };
            let before = known.iter().find(|state| state.uuid == section.uuid);
            let mut state = before.cloned().unwrap_or_else(|| {
                fresh += 1;
                SectionState::empty(SectionId(0), section.uuid.clone(), section.key, kind)
            });
            state.key = section.key;
            state.title.clone_from(&section.title);
            state.locations = section.locations.iter().map(|at| at.path.clone()).collect();
            if before != Some(&state) {
                write.push(result.len());
            }
            result.push(state);
        }
        if write.is_empty() {
            return Ok(result);
        }
        self.write("noting its sections", |txn| {
            if fresh > 0 {
                let mut row = read_store_row(txn)?.unwrap_or_else(|| self.fresh_row());
                for state in result.iter_mut().filter(|state| state.id == SectionId(0)) {
                    state.id = SectionId(row.next_section);
                    row.next_section = row.next_section.saturating_add(1);
                }
                put_store_row(txn, &row)?;
            }
            for state in write.iter().filter_map(|&at| result.get(at)) {
                put_section(txn, state)?;
            }
            Ok(())
        })?;
        Ok(result)
    }

    /// The sections as the server last listed them, in its order.
    pub(crate) fn listed(&self) -> Result<Vec<SectionId>, Error> {
        let txn = self.db.begin_read().map_err(Error::storage("starting to read"))?;
        let meta = txn.open_table(table::META).map_err(Error::storage("reading its meta table"))?;
        let row = store_row(&meta)?;
        Ok(row.map(|row| row.listed.into_iter().map(SectionId).collect()).unwrap_or_default())
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
            let mut row = read_store_row(txn)?.unwrap_or_else(|| self.fresh_row());
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

    /// Writes a section's state as it is, without touching its items.
    pub(crate) fn put_state(&self, state: &SectionState) -> Result<(), Error> {
        self.write("noting a section", |txn| put_section(txn, state))
    }

    /// How many damaged values were met since the store was opened.
    pub fn damaged_values(&self) -> u64 {
        self.damage.count.load(Ordering::Relaxed)
    }

    /// The sections in which damage was met since this was last asked. Nothing that was read
    /// from them since then may be believed.
    pub fn take_damaged(&self) -> Vec<SectionId> {
        let mut sections =
            self.damage.sections.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        std::mem::take(&mut *sections).into_iter().collect()
    }

    /// Runs one write transaction: all of it, or nothing.
    pub(crate) fn write<T>(
        &self,
        doing: &'static str,
        work: impl FnOnce(&WriteTransaction) -> Result<T, Error>,
    ) -> Result<T, Error> {
        unwound(doing, || {
            let mut txn = self.db.begin_write().map_err(Error::storage(doing))?;
            // A crash then costs the next opening a millisecond and not a walk over the file.
            txn.set_quick_repair(true);
            let done = work(&txn)?;
            txn.commit().map_err(Error::storage(doing))?;
            Ok(done)
        })
    }

    fn fresh_row(&self) -> StoreRow {
        StoreRow {
            server: None,
            next_section: 1,
            indexing: self.indexing.version,
            listed: Vec::new(),
            listed_at: None,
        }
    }

    /// Checks the format, creates what is missing, and drops what another indexing version
    /// wrote.
    fn prepare(mut self) -> Result<Self, Error> {
        let found = self.format()?;
        match found {
            Some(found) if found > FORMAT => {
                return Err(Error::NewerFormat { path: self.path, found, supported: FORMAT });
            }
            None if self.opened == Opened::Existing => {
                return Err(Error::NotACache { path: self.path });
            }
            _ => {}
        }
        let current = match found {
            Some(_) => {
                let txn = self.db.begin_read().map_err(Error::storage("starting to read"))?;
                let meta = txn
                    .open_table(table::META)
                    .map_err(Error::storage("reading its meta table"))?;
                store_row(&meta)?
            }
            None => None,
        };
        if current.as_ref().is_some_and(|row| row.indexing == self.indexing.version) {
            return Ok(self);
        }
        self.write("preparing it", |txn| {
            let mut row = current.clone().unwrap_or_else(|| self.fresh_row());
            row.indexing = self.indexing.version;
            {
                let mut meta =
                    txn.open_table(table::META).map_err(Error::storage("preparing it"))?;
                meta.insert(table::FORMAT_KEY, FORMAT.to_le_bytes().as_slice())
                    .map_err(Error::storage("preparing it"))?;
            }
            put_store_row(txn, &row)?;
            clear_data(txn, current.is_none())
        })?;
        if found.is_some() {
            info!(path = %self.path.display(), "indexing changed: sections will be listed again");
            self.opened = Opened::Rebuilt;
        }
        Ok(self)
    }

    fn format(&self) -> Result<Option<u32>, Error> {
        let txn = self.db.begin_read().map_err(Error::storage("starting to read"))?;
        let meta = match txn.open_table(table::META) {
            Ok(meta) => meta,
            Err(redb::TableError::TableDoesNotExist(_)) => return Ok(None),
            // A table of this name with other types is somebody else's.
            Err(redb::TableError::TableTypeMismatch { .. }) => {
                return Err(Error::NotACache { path: self.path.clone() });
            }
            Err(error) => return Err(Error::storage("reading its format")(error)),
        };
        let value = meta.get(table::FORMAT_KEY).map_err(Error::storage("reading its format"))?;
        Ok(value.and_then(|bytes| Some(u32::from_le_bytes(bytes.value().try_into().ok()?))))
    }
}

/// Creates all tables, empty. `with_sections`: the section rows go too; otherwise they are
/// kept and marked as never listed.
fn clear_data(txn: &WriteTransaction, with_sections: bool) -> Result<(), Error> {
    let doing = "clearing its tables";
    let mut states = Vec::new();
    if !with_sections {
        states = read_sections(txn)?;
    }
    for index in Index::ALL {
        txn.delete_table(table::index(index)).map_err(Error::storage(doing))?;
        txn.open_table(table::index(index)).map_err(Error::storage(doing))?;
    }
    txn.delete_table(table::ITEMS).map_err(Error::storage(doing))?;
    txn.open_table(table::ITEMS).map_err(Error::storage(doing))?;
    txn.delete_table(table::MATCHES).map_err(Error::storage(doing))?;
    txn.open_table(table::MATCHES).map_err(Error::storage(doing))?;
    txn.delete_table(table::SECTIONS).map_err(Error::storage(doing))?;
    txn.open_table(table::SECTIONS).map_err(Error::storage(doing))?;
    for mut state in states {
        state.forget();
        put_section(txn, &state)?;
    }
    Ok(())
}

/// Turns a panic inside redb (it panics on some damaged pages) into an error.
pub(crate) fn unwound<T>(
    doing: &'static str,
    work: impl FnOnce() -> Result<T, Error>,
) -> Result<T, Error> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let text = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| panic.downcast_ref::<&str>().copied())
            .unwrap_or("no message");
        let source = format!("the storage engine met a damaged page: {text}").into();
        Err(Error::Storage { doing, source })
    })
}

fn read_sections(txn: &WriteTransaction) -> Result<Vec<SectionState>, Error> {
    let sections =
        txn.open_table(table::SECTIONS).map_err(Error::storage("reading its sections"))?;
    let mut states = Vec::new();
    for row in sections.iter().map_err(Error::storage("reading its sections"))? {
        let (key, value) = row.map_err(Error::storage("reading its sections"))?;
        let id = SectionId(key.value());
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
    let sections =
        txn.open_table(table::SECTIONS).map_err(Error::storage("reading its sections"))?;
    let row = sections.get(id.0).map_err(Error::storage("reading its sections"))?;
    Ok(row.and_then(|value| {
        codec::open::<SectionRow>(table::section_place(id), value.value())
            .ok()
            .map(|row| row.into_state(id))
    }))
}

/// Writes one section's state inside a write transaction.
pub(crate) fn put_section(txn: &WriteTransaction, state: &SectionState) -> Result<(), Error> {
    let mut bytes = Vec::new();
    codec::seal(table::section_place(state.id), &SectionRow::new(state), &mut bytes);
    let mut sections =
        txn.open_table(table::SECTIONS).map_err(Error::storage("writing its sections"))?;
    sections
        .insert(state.id.0, bytes.as_slice())
        .map_err(Error::storage("writing its sections"))?;
    Ok(())
}

fn read_store_row(txn: &WriteTransaction) -> Result<Option<StoreRow>, Error> {
    let meta = txn.open_table(table::META).map_err(Error::storage("reading its meta table"))?;
    store_row(&meta)
}

fn store_row(
    meta: &impl ReadableTable<&'static str, &'static [u8]>,
) -> Result<Option<StoreRow>, Error> {
    let row = meta.get(table::STORE_KEY).map_err(Error::storage("reading its meta table"))?;
    Ok(row.and_then(|bytes| codec::open(table::store_place(), bytes.value()).ok()))
}

fn put_store_row(txn: &WriteTransaction, row: &StoreRow) -> Result<(), Error> {
    let mut bytes = Vec::new();
    codec::seal(table::store_place(), row, &mut bytes);
    let mut meta = txn.open_table(table::META).map_err(Error::storage("writing its meta table"))?;
    meta.insert(table::STORE_KEY, bytes.as_slice())
        .map_err(Error::storage("writing its meta table"))?;
    Ok(())
}

/// What is at the path before redb looks at it.
enum Found {
    Nothing,
    Redb,
    Other,
}

fn inspect(path: &Path) -> Result<Found, Error> {
    let mut file = match fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Found::Nothing),
        Err(source) => {
            return Err(Error::Io { doing: "read the cache file", path: path.to_owned(), source });
        }
    };
    let mut head = Vec::new();
    let length = REDB_MAGIC.len() as u64;
    file.by_ref().take(length).read_to_end(&mut head).map_err(|source| Error::Io {
        doing: "read the cache file",
        path: path.to_owned(),
        source,
    })?;
    Ok(match head.as_slice() {
        [] => Found::Nothing,
        head if head == REDB_MAGIC => Found::Redb,
        _ => Found::Other,
    })
}

/// Creates the folder and an empty file that only its owner may read: the cache holds the
/// names of a person's files.
fn create_file(path: &Path) -> Result<(), Error> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder).map_err(|source| Error::Io {
            doing: "create the cache folder",
            path: folder.to_owned(),
            source,
        })?;
    }
    let mut options = fs::OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop).map_err(|source| Error::Io {
        doing: "create the cache file",
        path: path.to_owned(),
        source,
    })
}

fn move_aside(path: &Path, now: UnixSeconds) -> Result<PathBuf, Error> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".damaged-{}", now.0));
    let aside = path.with_file_name(name);
    fs::rename(path, &aside).map_err(|source| Error::Io {
        doing: "move the damaged cache file aside",
        path: path.to_owned(),
        source,
    })?;
    Ok(aside)
}

enum OpenFailure {
    Damaged(String),
    Refused(Error),
}

impl OpenFailure {
    fn into_error(self) -> Error {
        match self {
            Self::Damaged(what) => Error::Storage { doing: "opening it", source: what.into() },
            Self::Refused(error) => error,
        }
    }
}

fn open_database(path: &Path, config: &StoreConfig) -> Result<Database, OpenFailure> {
    let attempts = 1 + config.open_wait.as_millis() / RETRY_EVERY.as_millis();
    for attempt in 1..=attempts {
        let opened = catch_unwind(AssertUnwindSafe(|| {
            let mut builder = Database::builder();
            builder.set_cache_size(config.cache_size);
            builder.create(path)
        }));
        return match opened {
            Ok(Ok(db)) => Ok(db),
            Ok(Err(DatabaseError::DatabaseAlreadyOpen)) if attempt < attempts => {
                std::thread::sleep(RETRY_EVERY);
                continue;
            }
            Ok(Err(DatabaseError::DatabaseAlreadyOpen)) => Err(OpenFailure::Refused(Error::Busy {
                path: path.to_owned(),
                waited: config.open_wait,
            })),
            Ok(Err(error)) => Err(classify(path, error)),
            Err(_) => Err(OpenFailure::Damaged("the storage engine panicked".to_owned())),
        };
    }
    Err(OpenFailure::Refused(Error::Busy { path: path.to_owned(), waited: config.open_wait }))
}

/// Tells a damaged file from one that may not be touched.
fn classify(path: &Path, error: DatabaseError) -> OpenFailure {
    use std::io::ErrorKind;
    match error {
        DatabaseError::Storage(redb::StorageError::Corrupted(what)) => OpenFailure::Damaged(what),
        DatabaseError::Storage(redb::StorageError::Io(error))
            if matches!(error.kind(), ErrorKind::InvalidData | ErrorKind::UnexpectedEof) =>
        {
            OpenFailure::Damaged(error.to_string())
        }
        DatabaseError::Storage(redb::StorageError::Io(source)) => OpenFailure::Refused(Error::Io {
            doing: "open the cache file",
            path: path.to_owned(),
            source,
        }),
        other => OpenFailure::Refused(Error::storage("opening it")(other)),
    }
}
