//! How a store is opened, and what the opening found.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use plex_api::UnixSeconds;

use crate::model::index::Indexing;
use crate::no_disk::NoDisk;

/// How a store is opened.
#[derive(Debug, Clone)]
pub struct StoreConfig {
    /// How items are indexed.
    pub indexing: Indexing,
    /// Memory for pages of the file, in bytes. The default, 128 MiB, holds a library of about
    /// 400,000 items. It also holds the pages that a batch of 20,000 files needs from a library of
    /// a million; with half of the memory, such a batch takes half as long again
    /// (`docs/benchmarks.md`). It is a limit: small libraries use less.
    pub cache_size: usize,
    /// How long to wait until another process closes the file. Default 5 s.
    pub open_wait: Duration,
    /// Who else may have the file open. Default: no other process.
    pub sharing: Sharing,
    /// The size in bytes at which remembered matches are dropped, those first that were not used
    /// for the longest time. Default 512 MiB. Items are never dropped for size: listing them again
    /// would cost calls at every run.
    pub max_bytes: u64,
    /// What to do when the file cannot be written. Default: go on in memory.
    pub unwritable: Unwritable,
    /// The time in the name of a damaged file that is moved aside.
    pub now: UnixSeconds,
}

/// Who may have a cache file open at once. Every process must open it in the same way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Sharing {
    /// One process. Another process waits, and then gets the error that the file is in use.
    #[default]
    Exclusive,
    /// Any number of processes read and write. A write waits for the write of another process. This
    /// suits hosts that start one process for each job. Reads and writes need a few more system
    /// calls (`docs/format.md` has the numbers). It works on Linux, macOS and Windows only, and not
    /// on network file systems without byte-range locks.
    Shared,
}

/// What to do when the cache file cannot be written: the disk is full or read-only, this user lacks
/// the permission, or the disk fails.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Unwritable {
    /// Answer, and keep the cache in memory until the store is closed. The file on disk stays as it
    /// was; what it holds is used, unless it is shared or cannot be read.
    /// [`Store::no_disk`](crate::Store::no_disk) says why. The next opening tries the disk again.
    #[default]
    Memory,
    /// Return the error.
    Refuse,
}

impl StoreConfig {
    /// The default configuration, with an indexing function.
    pub fn new(indexing: Indexing, now: UnixSeconds) -> Self {
        Self {
            indexing,
            cache_size: 128 << 20,
            open_wait: Duration::from_secs(5),
            sharing: Sharing::Exclusive,
            max_bytes: 512 << 20,
            unwritable: Unwritable::Memory,
            now,
        }
    }
}

/// A file to open.
#[derive(Clone, Copy)]
pub(crate) struct Opening<'a> {
    pub(crate) path: &'a Path,
    pub(crate) config: &'a StoreConfig,
    /// A file that is created numbers its sections from here.
    pub(crate) first_section: u32,
}

/// What the opening found.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Opened {
    /// There was no file, or an empty one. A new one was created.
    Created,
    /// The file was opened as it was.
    Existing,
    /// An earlier version wrote the file, or indexed it in another way. The file was upgraded. This
    /// costs no call, unless something was dropped.
    Upgraded(Upgrade),
    /// The file was damaged. It was moved aside, and a new file was started.
    Recovered {
        /// Where the damaged file is now.
        moved_to: PathBuf,
    },
    /// **Nothing is kept**: the file cannot be written, so the cache is in memory
    /// ([`Unwritable::Memory`]). The file on disk stays as it was.
    InMemory(NoDisk),
}

/// The changes to a file of an earlier version, by table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Upgrade {
    /// Tables whose records were rewritten.
    pub upgraded: Vec<&'static str>,
    /// Tables that were built anew from other tables of the file, without a call.
    pub rebuilt: Vec<&'static str>,
    /// Tables that lost records because those could not be upgraded. Their content is listed or
    /// matched again.
    pub dropped: Vec<&'static str>,
}

impl fmt::Display for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Created => f.write_str("a new cache was started"),
            Self::Existing => f.write_str("the cache was opened as it was"),
            Self::Upgraded(upgrade) => {
                write!(f, "the cache was of another version and was brought up to date{upgrade}")
            }
            Self::Recovered { moved_to } => write!(
                f,
                "the cache was damaged: it is now {}, and a new one was started",
                moved_to.display()
            ),
            Self::InMemory(no_disk) => {
                write!(f, "nothing is kept on disk, the cache is in memory: {no_disk}")
            }
        }
    }
}

/// As the end of a sentence: `: rewritten: items; built anew: titles`.
impl fmt::Display for Upgrade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { upgraded, rebuilt, dropped } = self;
        let done = [("rewritten", upgraded), ("built anew", rebuilt), ("partly dropped", dropped)];
        let mut before = ": ";
        for (what, tables) in done.into_iter().filter(|(_, tables)| !tables.is_empty()) {
            write!(f, "{before}{what}: {}", tables.join(", "))?;
            before = "; ";
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_opening_found_is_a_sentence() {
        let upgrade =
            Upgrade { upgraded: vec!["items"], rebuilt: vec![], dropped: vec!["matches"] };
        assert_eq!(
            Opened::Upgraded(upgrade).to_string(),
            "the cache was of another version and was brought up to date: rewritten: items; partly \
             dropped: matches"
        );
        assert!(Opened::Recovered { moved_to: "/tmp/x".into() }.to_string().contains("/tmp/x"));
    }
}
