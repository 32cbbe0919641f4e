//! Getting a database out of redb: opening, waiting, checking, and what a refusal means.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

use plex_api::Private;
use redb::backends::FileBackend;
use redb::{Builder, ConcurrencyMode, Database, DatabaseError};
use tracing::info;

use crate::error::Error;
use crate::file::commit::caught;
use crate::file::config::{Opening, Sharing, StoreConfig};
use crate::file::overlay::{Locks, Overlay};
use crate::file::preallocate::Growing;
use crate::file::upgrade::{self, Prepared};

/// The pause between two attempts to open a file that another process holds.
const RETRY_EVERY: Duration = Duration::from_millis(50);

/// Why a file was not opened.
pub(crate) enum Failure {
    /// The file is a Matchbox cache, or was one, and is damaged.
    Damaged(String),
    /// The file must not be changed, or cannot be opened.
    Refused(Error),
}

impl Failure {
    /// The error, where nothing can be done about damage.
    pub(crate) fn into_error(self, doing: &'static str) -> Error {
        match self {
            Self::Damaged(what) => Error::Storage { doing, source: what.into() },
            Self::Refused(error) => error,
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error.damage() {
            Some(what) => Self::Damaged(what),
            None => Self::Refused(error),
        }
    }
}

pub(crate) fn attempt(opening: Opening<'_>) -> Result<(Database, Prepared), Failure> {
    prepared(open_database(opening.path, opening.config)?, opening)
}

/// The first read of an open file: its versions, and the upgrade that they call for.
pub(crate) fn prepared(
    db: Database,
    opening: Opening<'_>,
) -> Result<(Database, Prepared), Failure> {
    match caught(|| upgrade::prepare(&db, opening)) {
        Ok(prepared) => Ok((db, prepared?)),
        Err(what) => {
            // Dropping the database after a panic may panic again. That second panic is ignored.
            drop(caught(|| drop(db)));
            Err(Failure::Damaged(what))
        }
    }
}

/// Refuses a foreign file, or a file of a newer version, while it is only open for reading. So not
/// a byte of it changes. Sometimes the file cannot be read now, because it is in use or needs a
/// repair after it was not closed. Then the check runs again after the file is opened. `true`: the
/// file was not closed, and nobody has it open.
pub(crate) fn refuse_unread(path: &Path, config: &StoreConfig) -> Result<bool, Error> {
    let peek = || match builder(config, mode(config)).open_read_only(path) {
        Ok(db) => upgrade::check(&db, path).map(|_| false),
        Err(error) => Ok(matches!(error, DatabaseError::RepairAborted)),
    };
    match caught(peek) {
        Ok(Err(error)) if error.damage().is_none() => Err(error),
        Ok(Ok(unclean)) => Ok(unclean),
        _ => Ok(false),
    }
}

fn builder(config: &StoreConfig, mode: ConcurrencyMode) -> Builder {
    let mut builder = Database::builder();
    builder.set_cache_size(config.cache_size);
    builder.set_concurrency_mode(mode);
    builder
}

fn mode(config: &StoreConfig) -> ConcurrencyMode {
    match config.sharing {
        Sharing::Exclusive => ConcurrencyMode::ExclusiveWriter,
        Sharing::Shared => ConcurrencyMode::MultiWriter,
    }
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

type Attempt<T> = Result<Result<T, DatabaseError>, String>;

fn open_once(path: &Path, config: &StoreConfig) -> Attempt<Database> {
    let builder = builder(config, mode(config));
    caught(|| match config.sharing {
        Sharing::Shared => builder.create(path),
        Sharing::Exclusive => {
            let mut options = fs::OpenOptions::new();
            let file = options.read(true).write(true).create(true).truncate(false).open(path)?;
            builder.create_with_backend(Growing::new(FileBackend::new(file)?))
        }
    })
}

/// Decides whether a file is damaged or must not be changed.
pub(crate) fn classify<T>(
    path: &Path,
    config: &StoreConfig,
    opened: Attempt<T>,
) -> Result<T, Failure> {
    let error = match opened {
        Ok(Ok(opened)) => return Ok(opened),
        Ok(Err(error)) => error,
        Err(what) => return Err(Failure::Damaged(what)),
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
        // No version of Matchbox wrote such a file.
        DatabaseError::UpgradeRequired(_) => {
            Failure::Refused(Error::NotACache { path: path.to_owned() })
        }
        other => Error::storage("opening it")(other).into(),
    })
}

/// The id of the file at a path, if it can be read without waiting and without a repair.
pub(crate) fn file_id(path: &Path, config: &StoreConfig) -> Option<u64> {
    let peek = || {
        let db = builder(config, mode(config)).open_read_only(path).ok()?;
        upgrade::file_id(&db)
    };
    caught(peek).ok().flatten()
}

/// Reads every page of a file, and writes nothing. redb reports damage here and does not panic. A
/// file that another process has open is not checked.
pub(crate) fn check(path: &Path, config: &StoreConfig) -> Result<(), Failure> {
    info!(path = %Private(path.display()), "the cache is checked: a process ended and did not close it");
    let checked = caught(|| {
        let file = fs::File::options().read(true).write(true).open(path)?;
        let memory = Overlay::new(Some(FileBackend::new(file)?), Locks::Alone)?;
        checking(config).create_with_backend(memory)
    });
    match checked {
        Ok(Err(DatabaseError::DatabaseAlreadyOpen)) => Ok(()),
        checked => classify(path, config, checked).map(drop),
    }
}

/// Opens a file that nobody else uses, and checks every page first.
pub(crate) fn checking(config: &StoreConfig) -> Builder {
    let mut builder = builder(config, ConcurrencyMode::ExclusiveWriter);
    builder.set_check_integrity_on_open(true);
    builder
}

#[cfg(test)]
mod tests {
    use std::io;

    use plex_api::UnixSeconds;

    use super::*;
    use crate::model::index::{IndexKeys, Indexing};

    /// The failure that opening reports for an error of redb.
    fn failure(error: DatabaseError) -> Failure {
        let indexing = Indexing { version: 1, keys: |_| IndexKeys::default() };
        let config = StoreConfig::new(indexing, UnixSeconds(0));
        classify::<()>("cache".as_ref(), &config, Ok(Err(error))).err().unwrap()
    }

    /// The failure that opening reports for an error of the file system.
    fn of(error: io::Error) -> Failure {
        failure(DatabaseError::Storage(redb::StorageError::Io(error)))
    }

    #[test]
    fn a_file_of_an_earlier_redb_is_not_ours() {
        let failure = failure(DatabaseError::UpgradeRequired(2));
        assert!(matches!(failure, Failure::Refused(Error::NotACache { .. })));
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
