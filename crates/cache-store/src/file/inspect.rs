//! Looks at what is at a path, before redb opens it.

use std::fs::{self, FileType};
use std::io::{self, ErrorKind, Read};
use std::path::Path;

use crate::error::Error;

/// The first bytes of every redb file.
const REDB_MAGIC: [u8; 9] = *b"redb\x1A\x0A\xA9\x0D\x0A";

/// The length of redb's header. A file that redb only began has nothing after it.
const HEADER: usize = 320;

/// A file that redb only began is never longer than this.
const BEGUN: u64 = 1 << 20;

/// What is at the path.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// No file, or an empty one.
    Nothing,
    /// A file of redb. Perhaps its creation did not end.
    Redb,
    /// Something else.
    Other,
}

/// Looks at the path. Refuses what is not a file before opening it, because opening a FIFO would
/// wait for a writer.
pub(crate) fn inspect(path: &Path) -> Result<Found, Error> {
    let failed = |source| Error::Io { doing: "open the cache file", path: path.to_owned(), source };
    match fs::metadata(path) {
        Ok(found) if found.is_file() => {}
        Ok(found) => {
            return Err(Error::NotAFile { path: path.to_owned(), what: name(found.file_type()) });
        }
        Err(error) if leads_nowhere(path, &error) => {
            let what = "a symbolic link that leads to no file";
            return Err(Error::NotAFile { path: path.to_owned(), what });
        }
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Found::Nothing),
        Err(error) => return Err(failed(error)),
    }
    let mut file = fs::File::open(path).map_err(failed)?;
    let mut head = Vec::new();
    file.by_ref().take(REDB_MAGIC.len() as u64).read_to_end(&mut head).map_err(failed)?;
    Ok(match head.as_slice() {
        [] => Found::Nothing,
        head if head == REDB_MAGIC => Found::Redb,
        [0, 0, 0, 0, 0, 0, 0, 0, 0] if is_begun(file).map_err(failed)? => Found::Redb,
        _ => Found::Other,
    })
}

/// Whether the path is a symbolic link whose target does not exist, or that leads in a circle.
fn leads_nowhere(path: &Path, error: &io::Error) -> bool {
    error.kind() != ErrorKind::PermissionDenied
        && fs::symlink_metadata(path).is_ok_and(|found| found.is_symlink())
}

/// Whether redb began the file but did not write its mark, because the process was killed or the
/// disk was full. Such a file has no data. `file` is read up to the end of the mark.
fn is_begun(file: fs::File) -> io::Result<bool> {
    let length = file.metadata()?.len();
    if length > BEGUN || length % 4_096 != 0 {
        return Ok(false);
    }
    let mut rest = Vec::new();
    file.take(BEGUN).read_to_end(&mut rest)?;
    let behind = rest.get(HEADER - REDB_MAGIC.len()..).unwrap_or_default();
    Ok(behind.iter().all(|byte| *byte == 0))
}

#[cfg(unix)]
fn name(kind: FileType) -> &'static str {
    use std::os::unix::fs::FileTypeExt;
    if kind.is_dir() {
        "a folder"
    } else if kind.is_fifo() {
        "a FIFO"
    } else if kind.is_socket() {
        "a socket"
    } else if kind.is_block_device() || kind.is_char_device() {
        "a device"
    } else {
        "no file"
    }
}

#[cfg(not(unix))]
fn name(kind: FileType) -> &'static str {
    if kind.is_dir() { "a folder" } else { "no file" }
}
