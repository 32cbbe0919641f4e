//! Why the cache is not kept on disk.

use std::fmt;
use std::io;

use serde::{Deserialize, Serialize};

/// The cache file could not be written, so the cache is kept in memory. Answers are right, but a
/// later process has to ask the server again for everything that this process learns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct NoDisk {
    /// The kind of failure.
    pub fault: DiskFault,
    /// The failed operation and the system's message, without the path: "create the cache file:
    /// No space left on device (os error 28)".
    pub what: String,
}

/// Why a file cannot be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(rename_all = "snake_case")]
pub enum DiskFault {
    /// The disk, or this user's share of it, is full.
    Full,
    /// This user may not write to the file or its folder.
    NotPermitted,
    /// The file system is mounted read-only.
    ReadOnly,
    /// Any other error of the file system.
    Failed,
}

impl NoDisk {
    pub(crate) fn new(doing: &str, error: &io::Error) -> Self {
        use io::ErrorKind as Kind;
        let fault = match error.kind() {
            Kind::StorageFull | Kind::QuotaExceeded | Kind::FileTooLarge => DiskFault::Full,
            Kind::PermissionDenied => DiskFault::NotPermitted,
            Kind::ReadOnlyFilesystem => DiskFault::ReadOnly,
            _ => DiskFault::Failed,
        };
        Self { fault, what: format!("{doing}: {error}") }
    }
}

impl fmt::Display for DiskFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "the disk is full",
            Self::NotPermitted => "this user may not write there",
            Self::ReadOnly => "the disk is read-only",
            Self::Failed => "the disk fails",
        })
    }
}

impl fmt::Display for NoDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.fault, self.what)
    }
}
