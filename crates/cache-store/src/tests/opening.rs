//! Opening a file: creating, refusing, moving aside.

use std::fs;
use std::io::{Seek, SeekFrom, Write};

use redb::{Database, TableDefinition};

use super::{behind_its_back, config, fill, items, movie, open, place, refuse, section};
use crate::{Error, Opened, Store, StoreConfig, Unwritable};

#[test]
fn a_missing_folder_and_file_are_created_for_the_owner_alone() {
    let (folder, _) = place();
    let path = folder.path().join("a/b/plex.matchbox");
    let store = open(&path);
    assert_eq!(*store.opened(), Opened::Created);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
    store.close().unwrap();
    assert_eq!(*open(&path).opened(), Opened::Existing);
}

#[test]
fn a_file_that_nothing_was_written_to_is_new() {
    // A process died between creating the file and its first commit.
    let (_folder, path) = place();
    drop(Database::create(&path).unwrap());
    assert_eq!(open(&path).server().unwrap(), None);
}

/// Checks that opening fails and that no byte of the file changes.
#[track_caller]
fn refused(path: &std::path::Path) -> Error {
    let before = fs::read(path).unwrap();
    let error = Store::open(path, &config()).expect_err("refused");
    assert!(before == fs::read(path).unwrap(), "untouched");
    let files = fs::read_dir(path.parent().unwrap()).unwrap().count();
    assert_eq!(files, 1, "nothing was moved aside");
    error
}

#[test]
fn files_of_somebody_else_are_left_alone() {
    let (_folder, path) = place();
    fs::write(&path, "SQLite format 3").unwrap();
    assert!(matches!(refused(&path), Error::NotACache { .. }));

    fs::remove_file(&path).unwrap();
    behind_its_back(&path, |txn| {
        let theirs = TableDefinition::<&str, u64>::new("meta");
        txn.open_table(theirs).unwrap().insert("format", 1).unwrap();
    });
    assert!(matches!(refused(&path), Error::NotACache { .. }));
}

/// Sets a key of the meta table, as another version could have.
fn set_meta(path: &std::path::Path, key: &str, value: &[u8]) {
    behind_its_back(path, |txn| {
        let meta = TableDefinition::<&str, &[u8]>::new("meta");
        txn.open_table(meta).unwrap().insert(key, value).unwrap();
    });
}

#[test]
fn files_of_a_newer_version_are_left_alone() {
    let (_folder, path) = place();
    open(&path).close().unwrap();
    set_meta(&path, "format", &99_u32.to_le_bytes());
    let error = refused(&path);
    assert!(matches!(error, Error::NewerFormat { found: 99, .. }));
    assert!(error.to_string().contains("use the newer version"), "{error}");

    fs::remove_file(&path).unwrap();
    open(&path).close().unwrap();
    set_meta(&path, "schemas", &[0x12, 9, 0]);
    let error = refused(&path);
    assert!(error.to_string().contains("\"items\" has records of schema 9"), "{error}");
    set_meta(&path, "schemas", &[0x7F, 1, 0]);
    assert!(refused(&path).to_string().contains("\"#127\""), "a table we do not know");
}

#[test]
fn what_cannot_be_created_says_why() {
    let (_folder, path) = place();
    fs::write(&path, "").unwrap();
    let error = Store::open(&path.join("below/plex.matchbox"), &refuse()).err().unwrap();
    assert!(matches!(error, Error::Io { .. }), "{error}");
    let text = error.to_string();
    assert!(text.starts_with("could not ") && text.contains(": Not a dir"), "{text}");
    assert_eq!(format!("{error:?}"), text, "what `main` prints");
}

/// None of these is opened, because opening a FIFO would wait for a writer for ever.
#[cfg(unix)]
#[test]
fn what_is_no_file_is_refused_at_once() {
    use std::os::unix::fs::symlink;
    let (folder, _) = place();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir(at("a folder")).unwrap();
    let made = std::process::Command::new("mkfifo").arg(at("a FIFO")).status();
    let _socket = std::os::unix::net::UnixListener::bind(at("a socket")).unwrap();
    symlink(at("nothing"), at("dangling")).unwrap();
    symlink(at("circle"), at("circle")).unwrap();
    symlink(at("a FIFO"), at("link to a FIFO")).unwrap();
    let mut cases = vec![
        (at("a folder"), "a folder"),
        (at("a socket"), "a socket"),
        ("/dev/null".into(), "a device"),
        (at("dangling"), "a symbolic link that leads to no file"),
        (at("circle"), "a symbolic link that leads to no file"),
    ];
    if made.is_ok_and(|made| made.success()) {
        cases.extend([(at("a FIFO"), "a FIFO"), (at("link to a FIFO"), "a FIFO")]);
    }
    let names = || fs::read_dir(folder.path()).unwrap().count();
    let before = names();
    for (path, expected) in cases {
        for config in [config(), super::shared()] {
            let error = Store::open(&path, &config).expect_err(expected);
            assert!(
                matches!(&error, Error::NotAFile { what, .. } if *what == expected),
                "{path:?}: {error}"
            );
            assert!(error.to_string().contains("name another path"), "{error}");
        }
    }
    assert_eq!(names(), before, "no file was created");
}

#[cfg(unix)]
#[test]
fn a_link_to_a_file_is_followed() {
    let (folder, path) = place();
    open(&path).close().unwrap();
    let link = folder.path().join("link");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    assert_eq!(*open(&link).opened(), Opened::Existing);
}

/// A process was killed, or the disk was full, before redb began the file.
#[test]
fn a_file_that_was_only_begun_is_begun_anew() {
    for config in [config(), super::shared()] {
        let (folder, path) = place();
        fs::write(&path, vec![0; 18 * 4_096]).unwrap();
        let store = Store::open(&path, &config).unwrap();
        assert!(matches!(store.opened(), Opened::Recovered { .. }), "{:?}", store.opened());
        store.close().unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "moved aside, not removed");
        let mut theirs = vec![0; 18 * 4_096];
        theirs[5_000] = 1;
        fs::write(&path, theirs).unwrap();
        assert!(matches!(Store::open(&path, &config), Err(Error::NotACache { .. })));
    }
}

#[cfg(unix)]
fn allow(path: &std::path::Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// Permissions do not bind the superuser.
#[cfg(unix)]
fn is_bound(file: &std::path::Path) -> bool {
    fs::File::options().append(true).create(true).open(file).is_err()
}

#[cfg(unix)]
#[test]
fn a_read_only_file_is_an_error_that_says_so() {
    let (_folder, path) = place();
    open(&path).close().unwrap();
    allow(&path, 0o400);
    if is_bound(&path) {
        for config in [refuse(), StoreConfig { unwritable: Unwritable::Refuse, ..super::shared() }]
        {
            let error = Store::open(&path, &config).err().unwrap();
            assert!(matches!(error, Error::ReadOnly { .. }), "{error}");
            assert!(error.to_string().contains("cannot be written"), "{error}");
        }
    }
}

#[cfg(unix)]
#[test]
fn a_read_only_folder_is_an_error_that_says_so() {
    let (folder, path) = place();
    let (present, below) = (folder.path().join("present"), folder.path().join("below/cache"));
    open(&present).close().unwrap();
    let whole = fs::read(&present).unwrap();
    let damaged = folder.path().join("damaged");
    fs::write(&damaged, &whole[..whole.len() - 5_000]).unwrap();
    allow(folder.path(), 0o500);
    if is_bound(&folder.path().join("new")) {
        for (path, config) in [(&path, refuse()), (&below, refuse())] {
            let error = Store::open(path, &config).err().unwrap();
            assert!(matches!(error, Error::ReadOnly { .. }), "{error}");
        }
        // The existing file can be used, but not be moved aside.
        assert_eq!(*open(&present).opened(), Opened::Existing);
        let error = Store::open(&damaged, &refuse()).err().unwrap();
        assert!(error.to_string().contains("move the damaged cache file aside"), "{error}");
        assert!(damaged.exists());
    }
    allow(folder.path(), 0o700);
}

#[test]
fn a_damaged_file_is_moved_aside_and_a_fresh_one_started() {
    let (folder, path) = place();
    let store = open(&path);
    fill(&store, (1..=50).map(|key| movie(key, 0)), 1);
    store.close().unwrap();
    let length = fs::metadata(&path).unwrap().len();
    fs::File::options().write(true).open(&path).unwrap().set_len(length - 5_000).unwrap();

    let store = open(&path);
    let aside = folder.path().join("plex.matchbox.damaged-1800000000");
    assert_eq!(*store.opened(), Opened::Recovered { moved_to: aside.clone() });
    assert_eq!(fs::metadata(&aside).unwrap().len(), length - 5_000);
    assert_eq!(store.sections().unwrap(), []);
}

#[test]
fn a_file_that_is_damaged_in_use_is_replaced_and_sections_get_other_numbers() {
    let (folder, path) = place();
    let store = open(&path);
    fill(&store, (1..=2_000).map(|key| movie(key, 0)), 1);
    store.close().unwrap();
    let store = Store::open(&path, &StoreConfig { cache_size: 0, ..config() }).unwrap();
    let before = section(&store);
    // All pages except the first, which is in memory.
    let length = fs::metadata(&path).unwrap().len();
    let mut file = fs::File::options().write(true).open(&path).unwrap();
    file.seek(SeekFrom::Start(4_096)).unwrap();
    file.write_all(&vec![0; usize::try_from(length - 4_096).unwrap()]).unwrap();

    let error = store.digest().unwrap_err();
    let Error::Damaged { moved_to, .. } = &error else { panic!("{error}") };
    assert!(moved_to.starts_with(folder.path()) && moved_to.exists());
    assert_eq!(store.sections().unwrap(), [], "a fresh file");
    let after = section(&store);
    assert!(after > before, "a section number is never used twice: {before:?} {after:?}");
    fill(&store, (1..=10).map(|key| movie(key, 0)), 1);
    assert_eq!(items(&store).len(), 10);
}

#[test]
fn a_file_in_use_is_busy_after_the_wait() {
    let (_folder, path) = place();
    let _holder = open(&path);
    let error = Store::open(&path, &config()).err().unwrap();
    assert!(matches!(error, Error::Busy { .. }), "{error}");
    assert!(error.to_string().contains("stop that process"), "{error}");
}
