//! What can go wrong below the matcher, and what a caller can do about it.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::no_disk::NoDisk;

/// An error of the store, or of a refresh.
///
/// A damaged record is not an error. It is a miss: it is counted, and the record is written again.
/// An error means that the file could not be used at all, or that the server could not be asked.
#[non_exhaustive]
pub enum Error {
    /// The path holds a file that is not a Matchbox cache. The file was left untouched: name
    /// another path, or move the file away.
    NotACache {
        /// The file.
        path: PathBuf,
    },
    /// The path is not a file: it is a folder, a FIFO, a socket, a device, or a symbolic link
    /// without a target file. Nothing was opened: name another path.
    NotAFile {
        /// The path.
        path: PathBuf,
        /// What is there, as in "a FIFO".
        what: &'static str,
    },
    /// The file could not be written any more, and was left as it was. From now on the cache is in
    /// memory ([`Unwritable::Memory`](crate::Unwritable::Memory)): ask again. What the file does
    /// not have is then listed again. For the answers of a run, the engine asks again by itself.
    NoDisk(NoDisk),
    /// The caller does not run on a tokio runtime. Run it on one that has timers and I/O
    /// (`Builder::enable_all`).
    NoRuntime,
    /// A newer version of Matchbox wrote the file. The file was left untouched: use that version,
    /// or name another path.
    NewerFormat {
        /// The file.
        path: PathBuf,
        /// The format of the file.
        found: u32,
        /// The newest format this version reads.
        supported: u32,
    },
    /// The file holds records that a newer version of Matchbox wrote. The file was left untouched:
    /// use that version, or name another path.
    NewerRecords {
        /// The file.
        path: PathBuf,
        /// The table that holds the records.
        table: String,
        /// The schema of the records.
        found: u16,
        /// The newest schema this version reads.
        supported: u16,
    },
    /// This user may read the file or its folder, but not write to it. Give the user the
    /// permission, or name another path.
    ReadOnly {
        /// The file or folder.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// The file was found damaged while it was in use. It was moved aside, and a new file was
    /// started. Ask again: the needed sections are then listed again.
    Damaged {
        /// The file.
        path: PathBuf,
        /// What was found.
        what: String,
        /// Where the damaged file is now.
        moved_to: PathBuf,
    },
    /// The operation needs the file alone, but somebody is reading it. Ask again later.
    InUse {
        /// The operation.
        doing: &'static str,
    },
    /// The cache file was closed, by [`Store::close`](crate::Store::close) or by closing the engine
    /// that holds it. Open it again.
    Closed {
        /// The operation that was asked for.
        doing: &'static str,
    },
    /// Another process has the file open. Stop it, wait, or give each process its own file.
    Busy {
        /// The file.
        path: PathBuf,
        /// How long this process waited for the file.
        waited: Duration,
    },
    /// The file or its folder could not be read or written.
    Io {
        /// The failed operation, as in "create the cache folder".
        doing: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// The storage engine failed. If the file is damaged, the next opening moves it aside and
    /// starts a new file.
    Storage {
        /// The failed operation.
        doing: &'static str,
        /// The cause.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The file belongs to another server. Nothing was read from it or written to it.
    WrongServer {
        /// The `machineIdentifier` the file is bound to.
        expected: String,
        /// The `machineIdentifier` of the server that answered.
        found: String,
    },
    /// The server has no such section, or this account may not see it.
    NoSection {
        /// The section that was asked for.
        wanted: String,
        /// The titles of the sections that the server has.
        known: Vec<String>,
    },
    /// The server has no section of this kind (or this account may not see it).
    NoSectionOfKind {
        /// The kind that was asked for.
        kind: plex_api::SectionKind,
    },
    /// The section holds no files, because its kind is unknown. Nothing can be matched against it.
    Unmatchable {
        /// The section's title.
        title: String,
    },
    /// A section was selected, by its name or with all others, but its row cannot be read. A file
    /// in it would look absent. Name other sections.
    UnreadableSection {
        /// The section's title, if it can be read.
        title: String,
    },
    /// The section changed in the store while it was refreshed, or kept changing on the server
    /// while it was listed. Nothing was written: ask again.
    Moved {
        /// The section's title.
        title: String,
    },
    /// The configuration of the shared tier cannot work. (A tier that cannot be reached is no
    /// error: the host goes on without it.)
    #[cfg(feature = "shared")]
    SharedTier {
        /// What is wrong with it.
        what: String,
    },
    /// The server could not be asked, or it refused.
    Plex(plex_api::Error),
}

impl Error {
    /// Whether the server could not be asked. Then the cache stays as it is, and the right answer
    /// to a query is "unknown", never "absent".
    pub fn is_outage(&self) -> bool {
        matches!(self, Self::Plex(error) if error.kind().is_outage())
    }

    /// A description of the damage, if the error means that the file is damaged.
    pub(crate) fn damage(&self) -> Option<String> {
        let Self::Storage { source, .. } = self else { return None };
        if let Some(Broken(what)) = source.downcast_ref() {
            return Some(what.clone());
        }
        let error = source.downcast_ref::<redb::Error>()?;
        let damaged = match error {
            // The table existed when the file was opened.
            redb::Error::Corrupted(_)
            | redb::Error::TableDoesNotExist(_)
            | redb::Error::TableTypeMismatch { .. }
            | redb::Error::TableIsMultimap(_)
            | redb::Error::TableIsNotMultimap(_)
            | redb::Error::TypeDefinitionChanged { .. } => true,
            redb::Error::Io(error) => matches!(
                error.kind(),
                std::io::ErrorKind::InvalidData | std::io::ErrorKind::UnexpectedEof
            ),
            _ => false,
        };
        damaged.then(|| error.to_string())
    }

    /// What the disk said, if the error means that the file cannot be used as it should.
    pub(crate) fn no_disk(&self) -> Option<NoDisk> {
        match self {
            Self::ReadOnly { source, .. } => Some(NoDisk::new("write the cache file", source)),
            Self::Io { doing, source, .. } => Some(NoDisk::new(doing, source)),
            Self::Storage { doing, source } => match source.downcast_ref() {
                Some(redb::Error::Io(error)) if self.damage().is_none() => {
                    Some(NoDisk::new(doing, error))
                }
                _ => None,
            },
            _ => None,
        }
    }

    /// The action that the error calls for on the open file.
    pub(crate) fn remedy(&self) -> Remedy {
        if self.damage().is_some() {
            return Remedy::Replace;
        }
        let Self::Storage { source, .. } = self else { return Remedy::None };
        match source.downcast_ref() {
            Some(redb::Error::PreviousIo) => Remedy::Reopen,
            Some(redb::Error::Io(_)) => self.no_disk().map_or(Remedy::None, Remedy::Memory),
            _ => Remedy::None,
        }
    }

    pub(crate) fn storage<E>(doing: &'static str) -> impl FnOnce(E) -> Self
    where
        E: Into<redb::Error>,
    {
        move |error| match error.into() {
            redb::Error::DatabaseClosed => Self::Closed { doing },
            error => Self::Storage { doing, source: Box::new(error) },
        }
    }
}

/// The action that an error calls for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Remedy {
    /// None: the file can still be used.
    None,
    /// Open the file again: redb refuses further use after an I/O error, but the file may be sound.
    Reopen,
    /// Replace the file, because it is damaged.
    Replace,
    /// Leave the file as it is, and go on in memory.
    Memory(NoDisk),
}

/// Damage that redb does not report as an error: redb panicked, or a record is damaged without
/// which the file has no meaning.
#[derive(Debug)]
pub(crate) struct Broken(pub(crate) String);

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Broken {}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotACache { path } => write!(
                f,
                "{} is not a Matchbox cache; it was left untouched: name another path for the cache",
                path.display()
            ),
            Self::NotAFile { path, what } => write!(
                f,
                "{} is {what}, and a cache is a file: name another path for it",
                path.display()
            ),
            Self::NoRuntime => f.write_str(
                "there is no tokio runtime here: call this from within one, as the documentation \
                 of `Engine` shows",
            ),
            Self::NoDisk(no_disk) => write!(
                f,
                "the cache file cannot be written any more: {no_disk}; it was left as it was, and \
                 the cache goes on in memory: ask again"
            ),
            Self::NewerFormat { path, found, supported } => write!(
                f,
                "{} has cache format {found}, this version reads up to {supported}; it was left \
                 untouched: use the newer version, or name another path",
                path.display()
            ),
            Self::NewerRecords { path, table, found, supported } => write!(
                f,
                "{}: its table \"{table}\" has records of schema {found}, this version reads up \
                 to {supported}; it was left untouched: use the newer version, or name another path",
                path.display()
            ),
            Self::ReadOnly { path, .. } => write!(
                f,
                "{} cannot be written: give this user the permission, or name another path for \
                 the cache",
                path.display()
            ),
            Self::Damaged { path, what, moved_to } => write!(
                f,
                "{} was damaged ({what}); it was moved to {} and a fresh one was started: ask again",
                path.display(),
                moved_to.display()
            ),
            Self::InUse { doing } => {
                write!(f, "the cache file is in use, and {doing} needs it alone: ask again later")
            }
            Self::Closed { doing } => {
                write!(f, "the cache file was closed before {doing}: open it anew")
            }
            Self::Busy { path, waited } => write!(
                f,
                "{} is open in another process (waited {:.1} s): stop that process, or give \
                 each process a cache of its own",
                path.display(),
                waited.as_secs_f64()
            ),
            Self::Io { doing, path, source } => {
                write!(f, "could not {doing} {}: {source}", path.display())
            }
            Self::Storage { doing, source } => {
                write!(f, "the cache file failed while {doing}: {source}")
            }
            Self::WrongServer { expected, found } => write!(
                f,
                "this cache belongs to server {expected}, but server {found} answered: use one \
                 cache file for each server"
            ),
            Self::NoSection { wanted, known } if known.is_empty() => {
                write!(f, "the server has no section \"{wanted}\"; it lists none for this token")
            }
            Self::NoSection { wanted, known } => {
                write!(f, "the server has no section \"{wanted}\"; it has: {}", known.join(", "))
            }
            Self::NoSectionOfKind { kind } => {
                write!(f, "the server has no section of kind \"{kind}\" that this token may see")
            }
            Self::Unmatchable { title } => {
                write!(f, "section \"{title}\" has no files to match: select another section")
            }
            Self::UnreadableSection { title } => write!(
                f,
                "the server lists a section \"{title}\" without a usable key or uuid, so it cannot \
                 be read: select other sections by name"
            ),
            Self::Moved { title } => write!(
                f,
                "section \"{title}\" changed while it was being read; nothing was written: ask again"
            ),
            #[cfg(feature = "shared")]
            Self::SharedTier { what } => {
                write!(f, "the shared tier cannot be used: {what}; see docs/shared-tier.md")
            }
            Self::Plex(error) => fmt::Display::fmt(error, f),
        }
    }
}

/// The text for people. `main` prints an error that it returns in this form.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text has the cause of an I/O or storage error, so its cause is the cause below that one.
impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::ReadOnly { source, .. } => Some(source),
            Self::Io { source, .. } => source.source(),
            Self::Storage { source, .. } => source.source(),
            Self::Plex(error) => std::error::Error::source(error),
            _ => None,
        }
    }
}

impl From<plex_api::Error> for Error {
    fn from(error: plex_api::Error) -> Self {
        Self::Plex(error)
    }
}
