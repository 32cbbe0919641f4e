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
    /// The file holds records that a newer version of Matchbox wrote. It was left untouched:
    /// use that version, or name another path.
    NewerRecords {
        /// The file.
        path: PathBuf,
        /// The table they are in.
        table: String,
        /// The schema they have.
        found: u16,
        /// The newest schema this version reads.
        supported: u16,
    },
    /// The file or its folder may be read but not written. Give it the permission, or name
    /// another path.
    ReadOnly {
        /// The file or folder.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// The file turned out to be damaged while it was used. It was moved aside and a fresh one
    /// was started: ask again, and what is needed is listed again.
    Damaged {
        /// The file.
        path: PathBuf,
        /// What was found.
        what: String,
        /// Where the damaged file is now.
        moved_to: PathBuf,
    },
    /// The file is being read, and what was asked for needs it alone. Ask again later.
    InUse {
        /// What was to be done.
        doing: &'static str,
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
    /// A section was selected (by its name, or with all) whose row cannot be read: a file in it
    /// would look absent. Name other sections.
    UnreadableSection {
        /// The section's title, as far as it can be read.
        title: String,
    },
    /// The section changed in the store while it was being refreshed, or kept changing on
    /// the server while it was listed. Nothing was written: ask again.
    Moved {
        /// The section's title.
        title: String,
    },
    /// The shared tier is configured in a way that cannot work. (That it is away is no error: a
    /// host then goes on without it.)
    #[cfg(feature = "shared")]
    SharedTier {
        /// What is wrong with it.
        what: String,
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

    /// What is damaged, if the error says that the file is.
    pub(crate) fn damage(&self) -> Option<String> {
        let Self::Storage { source, .. } = self else { return None };
        if let Some(Broken(what)) = source.downcast_ref() {
            return Some(what.clone());
        }
        let error = source.downcast_ref::<redb::Error>()?;
        let damaged = match error {
            // A table that was there when the file was opened.
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

    /// What has to be done about the open file.
    pub(crate) fn remedy(&self) -> Remedy {
        if self.damage().is_some() {
            return Remedy::Replace;
        }
        let Self::Storage { source, .. } = self else { return Remedy::None };
        match source.downcast_ref() {
            Some(redb::Error::PreviousIo) => Remedy::Reopen,
            _ => Remedy::None,
        }
    }

    pub(crate) fn storage<E>(doing: &'static str) -> impl FnOnce(E) -> Self
    where
        E: Into<redb::Error>,
    {
        move |error| Self::Storage { doing, source: Box::new(error.into()) }
    }
}

/// What an error calls for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Remedy {
    /// The file can be used on.
    None,
    /// redb gave up on the open file after an I/O error; the file itself may be well.
    Reopen,
    /// The file is damaged.
    Replace,
}

/// What redb does not say with an error of its own: it panicked, or a record without which
/// the file means nothing is damaged.
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
                write!(f, "the cache file is in use, which {doing} does not allow: ask again later")
            }
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
            Self::UnreadableSection { title } => write!(
                f,
                "the server lists a section \"{title}\" without a usable key or uuid, so nobody can \
                 say what is in it: name the sections that are meant, without this one"
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

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { source, .. } | Self::ReadOnly { source, .. } => Some(source),
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
