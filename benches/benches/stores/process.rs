//! Measurements that need a process of their own: the memory of a process, and the opening of a
//! file after a process was killed. The bench starts itself again for both.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use cache_store::{SectionId, Sharing};
use xxhash_rust::xxh3::xxh3_64;

use crate::engine::{Engine, movie, row};
use crate::ours::{Ours, STAMP, filled, open_with};

/// The task of a child: `memory` or `killed`, the number of rows, the mode, and the folder.
const TASK: &str = "STORES_CHILD";

/// Memory for pages in the child whose memory is measured. It is small, so that the other memory
/// shows.
const SMALL_CACHE: usize = 16 << 20;

/// Does the task of a child. Returns `false` if this process is not a child.
pub(crate) fn is_child() -> bool {
    let Ok(task) = std::env::var(TASK) else { return false };
    let mut words = task.splitn(4, ' ');
    let mut word = || words.next().unwrap();
    let (what, rows, shared, path) = (word(), word().parse().unwrap(), word(), word());
    let sharing = if shared == "true" { Sharing::Shared } else { Sharing::Exclusive };
    match what {
        "memory" => take_memory(Path::new(path), rows),
        _ => wait_to_be_killed(Path::new(path), rows, sharing),
    }
    true
}

fn start(what: &str, rows: usize, sharing: Sharing, folder: &Path) -> Child {
    let task = format!("{what} {rows} {} {}", sharing == Sharing::Shared, folder.display());
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.env(TASK, task).stdout(Stdio::piped()).spawn().unwrap()
}

fn line(child: &mut Child) -> String {
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    line.trim().to_owned()
}

/// Loads rows (each is made when it is needed), looks up 10,000, and prints the memory of both.
fn take_memory(folder: &Path, rows: usize) {
    let before = peak();
    let engine = open_with(folder, Sharing::Exclusive, SMALL_CACHE);
    filled(&engine, 1, (1..=rows as u64).map(movie));
    let loaded = peak();
    // These rows are not kept, because their memory is not the store's.
    let hashes: Vec<u64> = (0..10_000_u64)
        .map(|n| {
            let row = row(xxh3_64(&n.to_le_bytes()) % rows as u64 + 1);
            assert_eq!(engine.get(1, &[&row]), 1);
            row.hash
        })
        .collect();
    assert_eq!(engine.index(1, &hashes), hashes.len());
    println!("before {before} loaded {loaded} read {} MB", peak());
}

/// The peak memory of this process, in megabytes.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kilobytes = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    kilobytes.and_then(|text| text.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0_u64)
        / 1_000
}

/// Prints the memory of a load and of reads.
pub(crate) fn print_memory(rows: usize) {
    let folder = tempfile::tempdir().unwrap();
    let mut child = start("memory", rows, Sharing::Exclusive, folder.path());
    let said = line(&mut child);
    child.wait().unwrap();
    eprintln!("memory: ours {rows} rows, {} MB for pages: {said}", SMALL_CACHE / 1_000_000);
}

/// Opens the file, prints `ready` after a commit, and writes until it is killed.
fn wait_to_be_killed(folder: &Path, rows: usize, sharing: Sharing) {
    let engine = open_with(folder, sharing, SMALL_CACHE);
    for number in 0.. {
        engine.write_durably(1, number);
        if number == 0 {
            println!("ready");
            std::io::stdout().flush().unwrap();
        }
        let changed = (1..=rows as u64 / 100).map(|key| {
            let mut item = movie(key * 100);
            item.year = Some(u16::try_from(number % 2_000).unwrap());
            item
        });
        engine.0.update(SectionId(1), changed, &[], STAMP, crate::ours::NOW).unwrap();
    }
}

/// A file whose process was killed while it wrote a refresh.
pub(crate) fn left_by_a_kill(folder: &Path, rows: usize, sharing: Sharing) -> PathBuf {
    let mut child = start("killed", rows, sharing, folder);
    assert_eq!(line(&mut child), "ready");
    child.kill().unwrap();
    child.wait().unwrap();
    folder.to_owned()
}

/// Opens the file in this mode.
pub(crate) fn reopen(folder: &Path, sharing: Sharing) -> Ours {
    open_with(folder, sharing, crate::ours::CACHE)
}
