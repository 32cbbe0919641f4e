//! Opening the file: creates a new one, refuses a foreign one, moves a damaged one aside, and goes on
//! in memory if the disk refuses.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use plex_api::{Private, UnixSeconds};
use redb::Database;
use redb::backends::FileBackend;
use tracing::warn;

use crate::error::Error;
use crate::file::commit::caught;
use crate::file::config::{Opened, Opening, Sharing, Unwritable};
use crate::file::database::{Failure, attempt, check, checking, classify, prepared, refuse_unread};
use crate::file::inspect::{Found, inspect};
use crate::file::marker::{Left, Marker};
use crate::file::overlay::{Locks, Overlay};
use crate::no_disk::NoDisk;

/// An open file, ready to be used.
pub(crate) struct OpenFile {
    pub(crate) db: Database,
    pub(crate) opened: Opened,
    pub(crate) file_id: u64,
    /// The file in memory, if it is not on disk.
    pub(crate) memory: Option<Overlay>,
}

/// Opens a file. If there is none, it creates the file and its folder. If the disk refuses, and the
/// host did not ask for the error, the file is opened in memory.
pub(crate) fn open(opening: Opening<'_>) -> Result<OpenFile, Error> {
    or_in_memory(opening, on_disk(opening))
}

/// Moves a damaged file aside and starts a new one.
pub(crate) fn replace(opening: Opening<'_>, what: &str) -> Result<OpenFile, Error> {
    or_in_memory(opening, start_anew(opening, what))
}

fn or_in_memory(opening: Opening<'_>, opened: Result<OpenFile, Error>) -> Result<OpenFile, Error> {
    let error = match opened {
        Err(error) if opening.config.unwritable == Unwritable::Memory => error,
        opened => return opened,
    };
    match error.no_disk() {
        Some(no_disk) => in_memory(opening, no_disk),
        None => Err(error),
    }
}

fn on_disk(opening: Opening<'_>) -> Result<OpenFile, Error> {
    let Opening { path, config, .. } = opening;
    let created = match inspect(path)? {
        Found::Nothing if config.sharing == Sharing::Shared => create_apart(opening)?,
        Found::Nothing => {
            create_file(path)?;
            true
        }
        Found::Redb => false,
        Found::Other => return Err(Error::NotACache { path: path.to_owned() }),
    };
    // A file that was just created is not damaged.
    let marker = if created { None } else { Marker::set(path) };
    let (mut marker, left) = marker.map_or((None, Left::Nothing), |(set, left)| (Some(set), left));
    if left == Left::Checking && config.sharing == Sharing::Exclusive {
        return start_anew(opening, "the last start died when it checked it");
    }
    if left != Left::Nothing {
        if let Some(marker) = &mut marker {
            marker.checking();
        }
        if let Err(Failure::Damaged(what)) = check(path, config) {
            return start_anew(opening, &what);
        }
    }
    let unclean = !created && refuse_unread(path, config)?;
    let checked = if unclean && PANICS_END_THE_PROCESS { check(path, config) } else { Ok(()) };
    match checked.and_then(|()| attempt(opening)) {
        Ok((db, prepared)) => {
            let opened = match prepared.upgrade {
                _ if created => Opened::Created,
                Some(upgrade) => Opened::Upgraded(upgrade),
                None => Opened::Existing,
            };
            Ok(OpenFile { db, opened, file_id: prepared.file_id, memory: None })
        }
        Err(Failure::Damaged(what)) => start_anew(opening, &what),
        Err(Failure::Refused(error)) => Err(error),
    }
}

/// This build cannot catch a panic of redb on a damaged page. So a file that was not closed is
/// checked completely before it is used: perhaps a damaged page ended the process.
const PANICS_END_THE_PROCESS: bool = cfg!(panic = "abort");

fn start_anew(opening: Opening<'_>, what: &str) -> Result<OpenFile, Error> {
    let path = opening.path;
    let moved_to = move_aside(path, opening.config.now)?;
    let (shown, aside) = (Private(path.display()), Private(moved_to.display()));
    warn!(path = %shown, moved_to = %aside, what, "damaged cache file moved aside");
    create_file(path)?;
    let opened = attempt(opening);
    let (db, prepared) = opened.map_err(|failure| failure.into_error("opening it"))?;
    let opened = Opened::Recovered { moved_to };
    Ok(OpenFile { db, opened, file_id: prepared.file_id, memory: None })
}

/// Opens the file in memory: over the file on disk if that can be read, or else empty. Nothing is
/// written to the disk.
pub(crate) fn in_memory(opening: Opening<'_>, no_disk: NoDisk) -> Result<OpenFile, Error> {
    let path = opening.path;
    let shown = Private(path.display());
    warn!(path = %shown, reason = %no_disk, "nothing is kept: the cache is in memory");
    // Other processes write a shared file while it is read.
    let readable = opening.config.sharing == Sharing::Exclusive
        && inspect(path).is_ok_and(|found| found == Found::Redb);
    if let Some(file) = readable.then(|| fs::File::open(path).ok()).flatten() {
        let base = FileBackend::new(file)
            .ok()
            .and_then(|base| Overlay::new(Some(base), Locks::Shared).ok());
        let opened = base.map(|base| over(base, opening, no_disk.clone()));
        let what = match opened {
            Some(Ok(open)) => return Ok(open),
            Some(Err(Failure::Damaged(what))) => what,
            Some(Err(Failure::Refused(error))) => error.to_string(),
            None => "it cannot be opened".to_owned(),
        };
        let what = Private(what);
        warn!(path = %shown, %what, "the cache file cannot be read either: the memory begins empty");
    }
    over_nothing(opening, no_disk)
}

/// Opens an empty file in memory.
pub(crate) fn over_nothing(opening: Opening<'_>, no_disk: NoDisk) -> Result<OpenFile, Error> {
    let doing = "starting a cache in memory";
    let empty = Overlay::new(None, Locks::Shared).map_err(|source| Error::Io {
        doing,
        path: opening.path.to_owned(),
        source,
    })?;
    over(empty, opening, no_disk).map_err(|failure| failure.into_error(doing))
}

fn over(memory: Overlay, opening: Opening<'_>, no_disk: NoDisk) -> Result<OpenFile, Failure> {
    // In memory, damage could not be moved aside later. So the check runs now.
    let opened = caught(|| checking(opening.config).create_with_backend(memory.clone()));
    let db = classify(opening.path, opening.config, opened)?;
    let (db, prepared) = prepared(db, opening)?;
    let opened = Opened::InMemory(no_disk);
    Ok(OpenFile { db, opened, file_id: prepared.file_id, memory: Some(memory) })
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
fn create_apart(opening: Opening<'_>) -> Result<bool, Error> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let path = opening.path;
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".new-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed)));
    let apart = path.with_file_name(name);
    create_file(&apart)?;
    let made = attempt(Opening { path: &apart, ..opening }).map(drop);
    let made = made.map_err(|failure| failure.into_error("creating it"));
    let linked = made.map(|()| fs::hard_link(&apart, path));
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
