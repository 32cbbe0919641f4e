//! Bytes that are written once and then read. They stay in memory up to a limit. The rest goes to
//! an unnamed temporary file, or stays in memory too if there is no space for the file.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};

/// The written bytes.
#[derive(Debug)]
pub(crate) struct Spill {
    /// How many bytes are kept in memory before they go to the file.
    at_most: usize,
    file: Disk,
    /// How many bytes are in the file.
    written: u64,
    /// The bytes that follow those in the file.
    memory: Vec<u8>,
}

#[derive(Debug)]
enum Disk {
    Unused,
    Used(File),
    /// The file takes no more bytes. Those that it has are good.
    Full(Option<File>),
}

impl Spill {
    /// `at_most`: bytes in memory while there is a disk.
    pub(crate) fn new(at_most: usize) -> Self {
        Self { at_most, file: Disk::Unused, written: 0, memory: Vec::new() }
    }

    /// Adds bytes at the end.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.memory.extend_from_slice(bytes);
        if self.memory.len() > self.at_most && !matches!(self.file, Disk::Full(_)) {
            self.write_out();
        }
    }

    fn write_out(&mut self) {
        let used = match std::mem::replace(&mut self.file, Disk::Full(None)) {
            Disk::Used(file) => Ok(file),
            _ => temporary_file(),
        };
        let written = used.and_then(|mut file| match file.write_all(&self.memory) {
            Ok(()) => Ok(file),
            Err(error) => {
                self.file = Disk::Full(Some(file));
                Err(error)
            }
        });
        match written {
            Ok(file) => {
                self.file = Disk::Used(file);
                self.written += self.memory.len() as u64;
                self.memory.clear();
            }
            Err(error) => {
                tracing::warn!(%error, "no temporary file: a listing waits in memory");
            }
        }
    }

    fn len(&self) -> u64 {
        self.written + self.memory.len() as u64
    }

    /// Reads everything from the start.
    pub(crate) fn reader(self) -> Reader {
        Reader { spill: self, at: 0 }
    }

    /// Reads bytes from the middle: all of `out`, or an error.
    pub(crate) fn read_at(&mut self, at: u64, out: &mut [u8]) -> io::Result<()> {
        let in_file = usize::try_from(self.written.saturating_sub(at)).unwrap_or(usize::MAX);
        let (low, high) = out.split_at_mut(in_file.min(out.len()));
        if let (Disk::Used(file) | Disk::Full(Some(file)), false) = (&mut self.file, low.is_empty())
        {
            file.seek(SeekFrom::Start(at))?;
            file.read_exact(low)?;
        }
        let from = usize::try_from((at + low.len() as u64).saturating_sub(self.written));
        let from = from.map_err(io::Error::other)?;
        let rest = self.memory.get(from..).and_then(|rest| rest.get(..high.len()));
        high.copy_from_slice(rest.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }
}

/// Reads what was written, once.
#[derive(Debug)]
pub(crate) struct Reader {
    spill: Spill,
    at: u64,
}

impl Read for Reader {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.spill.len() - self.at).unwrap_or(usize::MAX);
        let count = left.min(out.len());
        let out = out.get_mut(..count).unwrap_or_default();
        self.spill.read_at(self.at, out)?;
        self.at += count as u64;
        Ok(count)
    }
}

#[cfg(not(test))]
fn temporary_file() -> io::Result<File> {
    tempfile::tempfile()
}

#[cfg(test)]
fn temporary_file() -> io::Result<File> {
    if tests::DISK_IS_FULL.get() {
        return Err(io::ErrorKind::StorageFull.into());
    }
    tempfile::tempfile()
}

#[cfg(test)]
pub(crate) mod tests {
    use std::cell::Cell;

    use super::*;

    thread_local! {
        /// If this is set, this thread gets no temporary file.
        pub(crate) static DISK_IS_FULL: Cell<bool> = const { Cell::new(false) };
    }

    fn bytes(of: std::ops::Range<usize>) -> Vec<u8> {
        of.map(|n| u8::try_from(n % 251).unwrap()).collect()
    }

    #[track_caller]
    fn reads(spill: &mut Spill, length: usize) {
        for (at, count) in [(0, length), (0, 1), (length - 1, 1), (length / 2, 40), (7, 0)] {
            let mut out = vec![0xEE; count];
            spill.read_at(at as u64, &mut out).unwrap();
            assert_eq!(out, bytes(at..at + count), "{count} at {at}");
        }
        let mut all = Vec::new();
        Reader { spill: std::mem::replace(spill, Spill::new(0)), at: 0 }
            .read_to_end(&mut all)
            .unwrap();
        assert_eq!(all, bytes(0..length));
    }

    #[test]
    fn nothing_is_read_beyond_the_end() {
        let mut spill = Spill::new(100);
        spill.push(&bytes(0..90));
        let beyond = spill.read_at(90, &mut [0]);
        assert_eq!(beyond.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn bytes_come_back_from_memory_and_from_the_file() {
        let mut spill = Spill::new(100);
        for at in (0..1_000).step_by(30) {
            spill.push(&bytes(at..at + 30));
            assert!(spill.memory.len() <= 100);
        }
        assert!(spill.written > 0 && !spill.memory.is_empty());
        reads(&mut spill, 1_020);
    }

    #[test]
    fn without_a_disk_bytes_stay_in_memory() {
        DISK_IS_FULL.set(true);
        let mut spill = Spill::new(100);
        spill.push(&bytes(0..1_000));
        DISK_IS_FULL.set(false);
        spill.push(&bytes(1_000..2_000));
        assert_eq!((spill.written, spill.memory.len()), (0, 2_000));
        reads(&mut spill, 2_000);
    }

    /// A disk that fills up between two writes: the file takes no more bytes.
    #[cfg(target_os = "linux")]
    #[test]
    fn what_is_in_a_file_that_is_full_stays_readable() {
        let mut spill = Spill::new(100);
        spill.push(&bytes(0..500));
        let Disk::Used(file) = &spill.file else { panic!("{spill:?}") };
        let path = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(file));
        let Ok(read_only) = File::open(path) else { return };
        spill.file = Disk::Used(read_only);
        spill.push(&bytes(500..900));
        assert_eq!((spill.written, spill.memory.len()), (500, 400));
        reads(&mut spill, 900);
    }
}
