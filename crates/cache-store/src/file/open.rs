//! Opening the file: creates a new one, refuses a foreign one, moves a damaged one aside.

use std::fs;
use std::io::{ErrorKind, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use plex_api::{Private, UnixSeconds};
use redb::backends::FileBackend;
use redb::{Builder, ConcurrencyMode, Database, DatabaseError};
use tracing::warn;

use crate::error::Error;
use crate::file::config::{Opened, Sharing, StoreConfig};
use crate::file::preallocate::Growing;
use crate::file::upgrade::{self, Prepared};

/// The first bytes of every redb file.
const REDB_MAGIC: [u8; 9] = *b"redb\x1A\x0A\xA9\x0D\x0A";

/// The pause between two attempts to open a file that another process holds.
const RETRY_EVERY: Duration = Duration::from_millis(50);

/// An open file, ready to be used.
pub(crate) struct OpenFile {
    pub(crate) db: Database,
    pub(crate) opened: Opened,
    pub(crate) file_id: u64,
}

/// Opens the file at `path`. If there is none, it creates the file and its folder. A created file
/// numbers its sections from `first_section`.
pub(crate) fn open(
    path: &Path,
    config: &StoreConfig,
    first_section: u32,
) -> Result<OpenFile, Error> {
    let created = match inspect(path)? {
        Found::Nothing if config.sharing == Sharing::Shared => {
            create_apart(path, config, first_section)?
        }
        Found::Nothing => {
            create_file(path)?;
            true
        }
        Found::Redb => {
            refuse_unread(path, config)?;
            false
        }
        Found::Other => return Err(Error::NotACache { path: path.to_owned() }),
    };
    match attempt(path, config, first_section) {
        Ok((db, prepared)) => {
            let opened = match prepared.upgrade {
                _ if created => Opened::Created,
                Some(upgrade) => Opened::Upgraded(upgrade),
                None => Opened::Existing,
            };
            Ok(OpenFile { db, opened, file_id: prepared.file_id })
        }
        Err(Failure::Damaged(what)) => replace(path, config, first_section, &what),
        Err(Failure::Refused(error)) => Err(error),
    }
}

/// Moves a damaged file aside and starts a new one.
pub(crate) fn replace(
    path: &Path,
    config: &StoreConfig,
    first_section: u32,
    what: &str,
) -> Result<OpenFile, Error> {
    let moved_to = move_aside(path, config.now)?;
    let (shown, aside) = (Private(path.display()), Private(moved_to.display()));
    warn!(path = %shown, moved_to = %aside, what, "damaged cache file moved aside");
    create_file(path)?;
    let (db, prepared) = attempt(path, config, first_section).map_err(|failure| match failure {
        Failure::Damaged(what) => Error::Storage { doing: "opening it", source: what.into() },
        Failure::Refused(error) => error,
    })?;
    Ok(OpenFile { db, opened: Opened::Recovered { moved_to }, file_id: prepared.file_id })
}

/// The id of the file at a path, if it can be read without waiting and without a repair.
pub(crate) fn file_id(path: &Path, config: &StoreConfig) -> Option<u64> {
    let peek = || {
        let db = builder(config).open_read_only(path).ok()?;
        upgrade::file_id(&db)
    };
    catch_unwind(AssertUnwindSafe(peek)).ok().flatten()
}

/// Why a file was not opened.
pub(crate) enum Failure {
    /// The file is a Matchbox cache, or was one, and is damaged.
    Damaged(String),
    /// The file must not be changed, or cannot be opened.
    Refused(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error.damage() {
            Some(what) => Self::Damaged(what),
            None => Self::Refused(error),
        }
    }
}

fn attempt(
    path: &Path,
    config: &StoreConfig,
    first_section: u32,
) -> Result<(Database, Prepared), Failure> {
    let db = open_database(path, config)?;
    // The first page that is read may be damaged.
    let prepared =
        catch_unwind(AssertUnwindSafe(|| upgrade::prepare(&db, path, config, first_section)));
    if let Ok(prepared) = prepared {
        return Ok((db, prepared?));
    }
    // Dropping the database after a panic may panic again. That second panic is ignored.
    drop(catch_unwind(AssertUnwindSafe(|| drop(db))));
    Err(Failure::Damaged(PANICKED.to_owned()))
}

const PANICKED: &str = "the storage engine panicked";

/// Refuses a foreign file or a file of a newer version while it is only open for reading, so that
/// not a byte of it changes. If the file cannot be read now (it is in use, or it was not closed and
/// needs a repair), the check runs again after the file is opened.
fn refuse_unread(path: &Path, config: &StoreConfig) -> Result<(), Error> {
    let peek = || match builder(config).open_read_only(path) {
        Ok(db) => upgrade::check(&db, path).map(drop),
        Err(_) => Ok(()),
    };
    match catch_unwind(AssertUnwindSafe(peek)) {
        Ok(Err(error)) if error.damage().is_none() => Err(error),
        _ => Ok(()),
    }
}

fn builder(config: &StoreConfig) -> Builder {
    let mut builder = Database::builder();
    builder.set_cache_size(config.cache_size);
    builder.set_concurrency_mode(match config.sharing {
        Sharing::Exclusive => ConcurrencyMode::ExclusiveWriter,
        Sharing::Shared => ConcurrencyMode::MultiWriter,
    });
    builder
}

fn open_database(path: &Path, config: &StoreConfig) -> Result<Database, Failure> {
    let attempts = 1 + config.open_wait.as_millis() / RETRY_EVERY.as_millis();
    for _ in 1..attempts {
        match open_once(path, config) {
            Ok(Err(DatabaseError::DatabaseAlreadyOpen)) => std::thread::sleep(RETRY_EVERY),
            other => return classify(path, config, other),
        }
    }
    classify(path, config, open_once(path, config))
}

type Panic = Box<dyn std::any::Any + Send>;

fn open_once(path: &Path, config: &StoreConfig) -> Result<Result<Database, DatabaseError>, Panic> {
    catch_unwind(AssertUnwindSafe(|| match config.sharing {
        Sharing::Shared => builder(config).create(path),
        Sharing::Exclusive => {
            let mut options = fs::OpenOptions::new();
            let file = options.read(true).write(true).create(true).truncate(false).open(path)?;
            builder(config).create_with_backend(Growing::new(FileBackend::new(file)?))
        }
    }))
}

/// Decides whether a file is damaged or must not be changed.
fn classify(
    path: &Path,
    config: &StoreConfig,
    opened: Result<Result<Database, DatabaseError>, Panic>,
) -> Result<Database, Failure> {
    let error = match opened {
        Ok(Ok(db)) => return Ok(db),
        Ok(Err(error)) => error,
        Err(_) => return Err(Failure::Damaged(PANICKED.to_owned())),
    };
    Err(match error {
        DatabaseError::DatabaseAlreadyOpen => {
            Failure::Refused(Error::Busy { path: path.to_owned(), waited: config.open_wait })
        }
        DatabaseError::Storage(redb::StorageError::Io(source))
            if matches!(
                source.kind(),
                ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem
            ) =>
        {
            Failure::Refused(Error::ReadOnly { path: path.to_owned(), source })
        }
        DatabaseError::Storage(redb::StorageError::Io(source))
            if !matches!(source.kind(), ErrorKind::InvalidData | ErrorKind::UnexpectedEof) =>
        {
            let doing = "open the cache file";
            Failure::Refused(Error::Io { doing, path: path.to_owned(), source })
        }
        other => Error::storage("opening it")(other).into(),
    })
}

/// What is at the path, checked before redb opens it.
enum Found {
    Nothing,
    Redb,
    Other,
}

fn inspect(path: &Path) -> Result<Found, Error> {
    let failed = |source| Error::Io { doing: "open the cache file", path: path.to_owned(), source };
    let mut file = match fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Found::Nothing),
        Err(error) => return Err(failed(error)),
    };
    let mut head = Vec::new();
    let length = REDB_MAGIC.len() as u64;
    file.by_ref().take(length).read_to_end(&mut head).map_err(failed)?;
    Ok(match head.as_slice() {
        [] => Found::Nothing,
        head if head == REDB_MAGIC => Found::Redb,
        _ => Found::Other,
    })
}

/// Creates the folder and an empty file that only its owner can read, because the cache holds the
/// names of a person's files.
fn create_file(path: &Path) -> Result<(), Error> {
    let failed = |doing, path: &Path, source: std::io::Error| match source.kind() {
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            Error::ReadOnly { path: path.to_owned(), source }
        }
        _ => Error::Io { doing, path: path.to_owned(), source },
    };
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder)
            .map_err(|source| failed("create the cache folder", folder, source))?;
    }
    let mut options = fs::OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop).map_err(|source| failed("create the cache file", path, source))
}

/// Creates the file under another name, and renames it when it is ready. If several processes start
/// at once, none sees a half-made file. `false`: another process was first, and its file is used.
fn create_apart(path: &Path, config: &StoreConfig, first_section: u32) -> Result<bool, Error> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".new-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed)));
    let apart = path.with_file_name(name);
    create_file(&apart)?;
    let linked = match attempt(&apart, config, first_section).map(drop) {
        Ok(()) => Ok(fs::hard_link(&apart, path)),
        Err(Failure::Refused(error)) => Err(error),
        Err(Failure::Damaged(what)) => {
            Err(Error::Storage { doing: "creating it", source: what.into() })
        }
    };
    let removed = fs::remove_file(&apart);
    match linked?.and(removed) {
        Ok(()) => Ok(true),
        // This case includes an empty file that a person made. It is opened as it is.
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
        // A file system without links cannot do better than this.
        Err(_) => create_file(path).map(|()| true),
    }
}

/// Renames the file to `<name>.damaged-<seconds>`. If that name exists, a number is added.
fn move_aside(path: &Path, now: UnixSeconds) -> Result<PathBuf, Error> {
    let name = path.file_name().unwrap_or_default();
    let named = |count: u32| {
        let mut name = name.to_owned();
        name.push(format!(".damaged-{now}"));
        if count > 0 {
            name.push(format!("-{count}"));
        }
        path.with_file_name(name)
    };
    let aside = (0..100).map(named).find(|aside| !aside.exists()).unwrap_or_else(|| named(0));
    fs::rename(path, &aside).map_err(|source| Error::Io {
        doing: "move the damaged cache file aside",
        path: path.to_owned(),
        source,
    })?;
    Ok(aside)
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;
    use crate::model::index::{IndexKeys, Indexing};

    /// The failure that opening reports for an error of the file system.
    fn of(error: io::Error) -> Failure {
        let indexing = Indexing { version: 1, keys: |_| IndexKeys::default() };
        let config = StoreConfig::new(indexing, UnixSeconds(0));
        let failed = DatabaseError::Storage(redb::StorageError::Io(error));
        classify("cache".as_ref(), &config, Ok(Err(failed))).err().unwrap()
    }

    #[test]
    fn only_what_the_file_itself_says_is_damage() {
        for kind in [ErrorKind::PermissionDenied, ErrorKind::ReadOnlyFilesystem] {
            assert!(matches!(of(kind.into()), Failure::Refused(Error::ReadOnly { .. })), "{kind}");
        }
        let others = [
            ErrorKind::StorageFull,
            ErrorKind::QuotaExceeded,
            ErrorKind::Interrupted,
            ErrorKind::NotFound,
            ErrorKind::Unsupported,
        ];
        for kind in others {
            assert!(matches!(of(kind.into()), Failure::Refused(Error::Io { .. })), "{kind}");
        }
        // EIO: a sector that cannot be read now may be readable later.
        #[cfg(unix)]
        assert!(matches!(of(io::Error::from_raw_os_error(5)), Failure::Refused(Error::Io { .. })));
        for kind in [ErrorKind::InvalidData, ErrorKind::UnexpectedEof] {
            assert!(matches!(of(kind.into()), Failure::Damaged(_)), "{kind}");
        }
    }
}
