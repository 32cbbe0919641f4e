//! A small file beside the cache. It exists while the cache is opened and first read.
//!
//! redb panics on some damaged pages. A host that is built with `panic = "abort"`, or whose panic
//! hook ends the process, cannot catch that, so it would die at every start. Therefore a start that
//! finds the marker of a dead process checks the whole file first. In a check, redb reports damage
//! instead of panicking. If a start dies even during the check, the marker says so, and the next
//! start moves the file aside without reading it. A healthy file is moved aside only if two starts
//! in a row are killed within those milliseconds. Even then, only calls are lost.
//!
//! The process that sets the marker holds a lock on it. The lock ends with the process.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

/// A marker that is set. Dropping it removes the file.
#[derive(Debug)]
pub(crate) struct Marker {
    path: PathBuf,
    file: File,
}

/// What a dead process left behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Left {
    Nothing,
    /// It died while it was opening the file.
    Opening,
    /// It died while it was checking the file.
    Checking,
}

const OPENING: &[u8] = b"opening\n";
const CHECKING: &[u8] = b"checking\n";

impl Marker {
    /// Sets the marker of a cache file. `None`: another process is opening the file at this moment,
    /// or there is no space. The file is then opened without a marker.
    pub(crate) fn set(cache: &Path) -> Option<(Self, Left)> {
        Self::try_set(cache)
            .inspect_err(|error| tracing::debug!(%error, "no marker beside the cache"))
            .ok()
    }

    fn try_set(cache: &Path) -> io::Result<(Self, Left)> {
        let mut name: OsString = cache.file_name().unwrap_or_default().to_owned();
        name.push(".opening");
        let path = cache.with_file_name(name);
        let mut options = File::options();
        options.read(true).write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(&path)?;
        file.try_lock()?;
        let mut left = Vec::new();
        (&file).take(CHECKING.len() as u64).read_to_end(&mut left)?;
        let left = match left.as_slice() {
            [] => Left::Nothing,
            CHECKING => Left::Checking,
            _ => Left::Opening,
        };
        let mut marker = Self { path, file };
        marker.say(OPENING)?;
        Ok((marker, left))
    }

    /// Notes that the check of the whole file begins.
    pub(crate) fn checking(&mut self) {
        // If this fails, the next start checks once more.
        drop(self.say(CHECKING));
    }

    fn say(&mut self, what: &[u8]) -> io::Result<()> {
        self.file.set_len(0)?;
        self.file.rewind()?;
        self.file.write_all(what)
    }
}

impl Drop for Marker {
    fn drop(&mut self) {
        drop(fs::remove_file(&self.path));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_dead_left_is_found_and_the_living_are_let_alone() {
        let folder = tempfile::tempdir().unwrap();
        let (cache, path) = (folder.path().join("cache"), folder.path().join("cache.opening"));
        let (mut marker, left) = Marker::set(&cache).unwrap();
        assert_eq!(left, Left::Nothing);
        assert!(Marker::set(&cache).is_none(), "another opens it at this moment");
        marker.checking();
        let said = fs::read(&path).unwrap();
        drop(marker);
        assert!(!path.exists());
        for (said, expected) in [(said.as_slice(), Left::Checking), (OPENING, Left::Opening)] {
            fs::write(&path, said).unwrap();
            let (marker, left) = Marker::set(&cache).unwrap();
            assert_eq!(left, expected);
            assert_eq!(fs::read(&path).unwrap(), OPENING);
            drop(marker);
        }
    }
}
