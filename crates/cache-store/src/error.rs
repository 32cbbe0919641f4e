//! What can go wrong below the matcher, and what a caller can do about it.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// An error of the store or of bringing a section up to date.
///
/// A bad record is not an error: it is a miss that is counted and healed. An error means that
/// the file could not be used at all, or that the server could not be asked.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The path holds a file that is not a Matchbox cache. It was left untouched: name
    /// another path, or move the file away.
    NotACache {
        /// The file.
        path: PathBuf,
    },
    /// The file was written by a newer version of Matchbox. It was left untouched: use that
    /// version, or name another path.
    NewerFormat {
        /// The file.
        path: PathBuf,
        /// The format it has.
        found: u32,
        /// The newest format this version reads.
        supported: u32,
    },
    /// Another process has the file open. Stop it, wait, or give each process its own file.
    Busy {
        /// The file.
        path: PathBuf,
        /// How long was waited for it.
        waited: Duration,
    },
    /// The file or its folder could not be read or written.
    Io {
        /// What was being done, as in "create the cache folder".
        doing: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// The storage engine failed. If the file is damaged it is moved aside the next time it
    /// is opened, and a fresh one is started.
    Storage {
        /// What was being done.
        doing: &'static str,
        /// The cause.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The file belongs to another server: nothing was read from it or written to it.
    WrongServer {
        /// The `machineIdentifier` the file is bound to.
        expected: String,
        /// The `machineIdentifier` of the server that answered.
        found: String,
    },
    /// The server has no such section (or this account may not see it).
    NoSection {
        /// What was asked for.
        wanted: String,
        /// The titles of the sections there are.
        known: Vec<String>,
    },
    /// The section holds no files (its kind is unknown), so it cannot be matched against.
    Unmatchable {
        /// The section's title.
        title: String,
    },
    /// The section changed in the store while it was being refreshed, or kept changing on
    /// the server while it was listed. Nothing was written: ask again.
    Moved {
        /// The section's title.
        title: String,
    },
    /// The server could not be asked, or refused.
    Plex(plex_api::Error),
}

impl Error {
    /// The server could not be asked: what is cached stays as it is, and the right answer to
    /// a query is "unknown", never "absent".
    pub fn is_outage(&self) -> bool {
        matches!(self, Self::Plex(error) if error.kind().is_outage())
    }

    pub(crate) fn storage<E>(doing: &'static str) -> impl FnOnce(E) -> Self
    where
        E: Into<redb::Error>,
    {
        move |error| Self::Storage { doing, source: Box::new(error.into()) }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotACache { path } => write!(
                f,
                "{} is not a Matchbox cache; it was left untouched: name another path for the cache",
                path.display()
            ),
            Self::NewerFormat { path, found, supported } => write!(
                f,
                "{} has cache format {found}, this version reads up to {supported}; it was left \
                 untouched: use the newer version, or name another path",
                path.display()
            ),
            Self::Busy { path, waited } => write!(
                f,
                "{} is open in another process (waited {:.1} s): stop that process, or give \
                 each process a cache of its own",
                path.display(),
                waited.as_secs_f64()
            ),
            Self::Io { doing, path, .. } => write!(f, "could not {doing} {}", path.display()),
            Self::Storage { doing, .. } => write!(f, "the cache file failed while {doing}"),
            Self::WrongServer { expected, found } => write!(
                f,
                "this cache belongs to server {expected}, but server {found} answered: use one \
                 cache file a server"
            ),
            Self::NoSection { wanted, known } if known.is_empty() => {
                write!(f, "the server has no section \"{wanted}\"; it lists none for this token")
            }
            Self::NoSection { wanted, known } => {
                write!(f, "the server has no section \"{wanted}\"; it has: {}", known.join(", "))
            }
            Self::Unmatchable { title } => {
                write!(f, "section \"{title}\" holds no files that could be matched")
            }
            Self::Moved { title } => write!(
                f,
                "section \"{title}\" changed while it was being read; nothing was written: ask again"
            ),
            Self::Plex(error) => fmt::Display::fmt(error, f),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { source, .. } => Some(source),
            Self::Storage { source, .. } => Some(source.as_ref()),
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
