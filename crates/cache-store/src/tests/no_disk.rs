//! The disk is full, read-only, forbidden or failing. The store goes on in memory with the content
//! of the file, the file stays as it was, and the next opening tries the disk again.
//!
//! The full and the read-only disk are real: a child process mounts a small file system in memory
//! that only it sees. If that is not permitted, a limit on the length of files replaces the full
//! disk (this case always runs), and a path below a file replaces the folder that cannot be
//! written.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::crash::{Medium, on_medium};
use super::{
    assert_sound, config, fill, items, movie, open, place, refuse, section, shared, stamp,
};
use crate::file::config::Opening;
use crate::{DiskFault, Error, Opened, Store};

const CASE: &str = "MATCHBOX_TEST_NO_DISK";
const FOLDER: &str = "MATCHBOX_TEST_NO_DISK_FOLDER";

/// More than fits on the small disk.
const MANY: u64 = 4_000;

#[track_caller]
fn in_memory(store: &Store, fault: DiskFault) {
    let Opened::InMemory(no_disk) = store.opened() else { panic!("{:?}", store.opened()) };
    assert_eq!(no_disk.fault, fault, "{no_disk}");
    assert_eq!(store.no_disk().as_ref(), Some(no_disk));
}

/// Writes more than there is space for, twice. The first time, the store says that it goes on in
/// memory. The second time, the write succeeds.
#[track_caller]
fn goes_on(store: &Store, fault: DiskFault) {
    let many = || (1..=MANY).map(|key| movie(key, 1));
    let before = items(store);
    let error = store.fill(section(store), many(), stamp(2), super::NOW).unwrap_err();
    let Error::NoDisk(no_disk) = &error else { panic!("{error}: {error:?}") };
    assert_eq!(no_disk.fault, fault, "{no_disk}");
    assert_eq!(store.no_disk().as_ref(), Some(no_disk));
    assert_eq!(items(store), before, "what the file holds is still known");
    store.fill(section(store), many(), stamp(2), super::NOW).unwrap();
    assert_eq!(items(store).len() as u64, MANY);
    assert!(store.file_bytes() > 1 << 20, "{}", store.file_bytes());
    assert_sound(store);
    assert_eq!(store.compact().unwrap().after, store.file_bytes(), "the cache stays in memory");
    assert_eq!(items(store).len() as u64, MANY);
}

/// A file with fifty items.
fn fifty(path: &Path) {
    let store = open(path);
    fill(&store, (1..=50).map(|key| movie(key, 0)), 1);
    store.close().unwrap();
}

#[track_caller]
fn has_fifty(store: &Store) {
    assert_eq!(items(store), (1..=50).map(|key| movie(key, 0)).collect::<Vec<_>>());
    assert_sound(store);
}

/// Runs one case in a child of this test binary, below a shell that runs `before` first. `false`:
/// the shell could not do that.
fn run(case: &str, shell: &[&str], before: &str) -> bool {
    let folder = tempfile::tempdir().unwrap();
    let child = "exec \"$0\" tests::no_disk::child --exact --nocapture --test-threads=1";
    let output = Command::new(shell[0])
        .args(&shell[1..])
        .args(["-c", &format!("{before} && echo began && {child}")])
        .arg(std::env::current_exe().unwrap())
        .env(CASE, case)
        .env(FOLDER, folder.path())
        .output();
    let Ok(output) = output else { return false };
    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    if !said.starts_with("began") {
        println!("{case}: not run: {errors}");
        return false;
    }
    assert!(output.status.success() && said.contains("1 passed"), "{case}: {said}{errors}");
    true
}

/// A disk of one megabyte that only the child sees.
fn on_a_small_disk(case: &str) -> bool {
    let shell = ["unshare", "--mount", "--map-root-user", "sh"];
    run(case, &shell, &format!("mount -t tmpfs -o size=1m none \"${FOLDER}\""))
}

/// The cases, in a child. This is not a test by itself: without a case it does nothing.
#[test]
fn child() {
    let Ok(case) = std::env::var(CASE) else { return };
    let folder = PathBuf::from(std::env::var(FOLDER).unwrap());
    let path = folder.join("plex.matchbox");
    let filler = folder.join("filler");
    let fill_up = || {
        let error = fs::write(&filler, vec![1; 2 << 20]).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::StorageFull);
    };
    match case.as_str() {
        "fills up" => {
            fifty(&path);
            let store = open(&path);
            goes_on(&store, DiskFault::Full);
            store.close().unwrap();
            // The next opening tries the disk again.
            let store = open(&path);
            assert_eq!((store.opened(), store.no_disk()), (&Opened::Existing, None));
            has_fifty(&store);
        }
        "fills up, shared" => {
            fifty(&path);
            let store = Store::open(&path, &shared()).unwrap();
            let many = || (1..=MANY).map(|key| movie(key, 1));
            let error = store.fill(section(&store), many(), stamp(2), super::NOW).unwrap_err();
            assert!(matches!(error, Error::NoDisk(_)), "{error}");
            assert_eq!(store.sections().unwrap(), [], "a shared file is not read");
            store.fill(section(&store), many(), stamp(2), super::NOW).unwrap();
            assert_eq!(items(&store).len() as u64, MANY);
            store.close().unwrap();
            let store = Store::open(&path, &shared()).unwrap();
            assert_eq!((store.opened(), store.no_disk()), (&Opened::Existing, None));
            has_fifty(&store);
        }
        "is full" => {
            fill_up();
            for config in [config(), shared()] {
                let store = Store::open(&path, &config).unwrap();
                in_memory(&store, DiskFault::Full);
                fill(&store, (1..=50).map(|key| movie(key, 0)), 1);
                has_fifty(&store);
            }
            let error = Store::open(&path, &refuse()).err().unwrap();
            assert!(matches!(&error, Error::Io { .. } | Error::Storage { .. }), "{error}");
            fs::remove_file(&filler).unwrap();
            let store = open(&path);
            assert_eq!((store.sections().unwrap(), store.no_disk()), (vec![], None));
            store.close().unwrap();
            assert_eq!(open(&path).opened(), &Opened::Existing);
        }
        "is full beside a file" => {
            fifty(&path);
            fill_up();
            let store = open(&path);
            has_fifty(&store);
            goes_on(&store, DiskFault::Full);
            store.close().unwrap();
            fs::remove_file(&filler).unwrap();
            has_fifty(&open(&path));
        }
        "is read-only" => {
            fifty(&path);
            let before = fs::read(&path).unwrap();
            let mount = ["-o", "remount,ro", folder.to_str().unwrap()];
            assert!(Command::new("mount").args(mount).status().unwrap().success());
            let store = open(&path);
            in_memory(&store, DiskFault::ReadOnly);
            has_fifty(&store);
            fill(&store, (1..=60).map(|key| movie(key, 1)), 2);
            assert_eq!(items(&store).len(), 60);
            let second = open(&path);
            has_fifty(&second);
            assert!(fs::read(&path).unwrap() == before, "untouched");
            in_memory(&open(&folder.join("new/cache")), DiskFault::ReadOnly);
            in_memory(&Store::open(&path, &shared()).unwrap(), DiskFault::ReadOnly);
            let error = Store::open(&path, &refuse()).err().unwrap();
            assert!(matches!(error, Error::ReadOnly { .. }), "{error}");
        }
        other => panic!("{other}"),
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_disk_that_is_full_or_fills_up_or_is_read_only() {
    let cases =
        ["fills up", "fills up, shared", "is full", "is full beside a file", "is read-only"];
    let run = cases.into_iter().filter(|case| on_a_small_disk(case)).count();
    println!("{run} of {} cases on a real small disk", cases.len());
    assert!(run == 0 || run == cases.len());
}

/// This needs no right to mount anything: the system refuses to make a file longer.
#[cfg(unix)]
#[test]
fn a_file_that_may_not_grow_any_more() {
    for case in ["fills up", "fills up, shared"] {
        // The shell counts in blocks of 512 or of 1,024 bytes, so the limit is half a megabyte or
        // one.
        assert!(run(case, &["sh"], "trap '' XFSZ && ulimit -f 1024"));
    }
}

#[test]
fn a_medium_that_fails_at_any_moment() {
    let folder = tempfile::tempdir().unwrap();
    let work = |store: &Store| {
        store.fill(section(store), (1..=50).map(|key| movie(key, 0)), stamp(1), super::NOW)
    };
    let all = {
        let medium = Medium::default();
        let store = on_medium(&medium, folder.path(), &config()).unwrap();
        work(&store).unwrap();
        medium.operations()
    };
    let (mut went, mut refused) = (0, 0);
    for dies_at in 0..all {
        let medium = Medium::default();
        let Ok(store) = on_medium(&medium, folder.path(), &config()) else { continue };
        medium.dies_at(medium.operations() + dies_at);
        // The file of a medium is never read again, so the memory begins empty. A write that can be
        // repeated is repeated, and the caller gets no error.
        store.note_sections(&[super::movies()]).unwrap();
        let done = work(&store);
        assert!(matches!(done, Ok(_) | Err(Error::NoDisk(_))), "{done:?}");
        if let Some(no_disk) = store.no_disk() {
            assert_eq!(no_disk.fault, DiskFault::Failed);
            work(&store).unwrap();
            has_fifty(&store);
            went += 1;
        }

        let medium = Medium::default();
        let store = on_medium(&medium, folder.path(), &refuse()).unwrap();
        medium.dies_at(medium.operations() + dies_at);
        let done = store.note_sections(&[super::movies()]).and_then(|_| work(&store));
        assert!(!matches!(done, Err(Error::NoDisk(_))));
        refused += u32::from(done.is_err());
    }
    assert!(went > 10 && refused > 10, "{went} went on and {refused} refused, of {all}");
}

#[test]
fn a_folder_that_cannot_be_made_is_no_reason_to_say_nothing() {
    let (folder, _) = place();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let path = file.join("plex.matchbox");
    for config in [config(), shared()] {
        let store = Store::open(&path, &config).unwrap();
        in_memory(&store, DiskFault::Failed);
        fill(&store, (1..=50).map(|key| movie(key, 0)), 1);
        has_fifty(&store);
        let said = store.opened().to_string();
        assert!(said.starts_with("nothing is kept on disk"), "{said}");
    }
    let error = Store::open(&path, &refuse()).err().unwrap();
    assert!(matches!(error, Error::Io { .. }), "{error}");
}

/// A file that is damaged, in a folder where it cannot be moved aside.
#[test]
fn damage_in_memory_ends_with_an_empty_memory() {
    let (_folder, path) = place();
    fifty(&path);
    let mut bytes = fs::read(&path).unwrap();
    let length = bytes.len();
    bytes[8_192..length / 2].fill(0x55);
    fs::write(&path, &bytes).unwrap();
    let no_disk = crate::no_disk::NoDisk::new("test", &std::io::ErrorKind::StorageFull.into());
    let config = config();
    let opening = Opening { path: &path, config: &config, first_section: 1 };
    let file = crate::file::open::in_memory(opening, no_disk).unwrap();
    let store = Store::over(file, &path, &config);
    in_memory(&store, DiskFault::Full);
    assert_eq!(store.sections().unwrap(), []);
    fill(&store, (1..=50).map(|key| movie(key, 0)), 1);
    has_fifty(&store);
    assert!(fs::read(&path).unwrap() == bytes, "untouched");
}
