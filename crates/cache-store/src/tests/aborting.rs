//! A panic ends the host, because the host is built with `panic = "abort"`, or because its panic
//! hook ends the process. So the host dies when redb meets a damaged page, and nothing can catch
//! that. It must not die at every start.
//!
//! The child is this test binary, run again for one test, with a panic hook that aborts. To the
//! process that is the same as `panic = "abort"`, which a test cannot be built with.

use std::fs;
use std::path::Path;

use super::{
    Dice, assert_sound, child_for, config, fill, filled, items, movie, open, orders, place,
    section, shared,
};
use crate::{Error, Opened, Store};

/// Opens the file and says what it found. This is not a test by itself: without a path it does
/// nothing.
#[test]
fn child() {
    let Some((path, config)) = orders() else { return };
    std::panic::set_hook(Box::new(|_| std::process::abort()));
    match Store::open(&path, &config) {
        Ok(store) => println!("\nopened: {:?}", store.opened()),
        Err(error) => println!("\nerror: {error:?}"),
    }
}

/// What the child says. `None`: it was aborted.
fn start(path: &Path, shared: bool) -> Option<String> {
    let output = child_for("tests::aborting::child", path, shared).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    said.lines().find(|line| line.starts_with("opened: ")).map(str::to_owned)
}

/// Random bytes over parts of a file. Starts may die, but a later start heals the file.
#[cfg(unix)]
#[test]
fn a_host_that_a_panic_ends_does_not_die_at_every_start() {
    let (_folder, path, store) = filled(300);
    store.close().unwrap();
    let sound = fs::read(&path).unwrap();
    let (mut died, mut dice) = (0, Dice(1));
    for trial in 0..60 {
        let (_folder, path) = place();
        let mut bytes = sound.clone();
        // Everything after the header, or a part of it.
        let from = 4_096 * (1 + usize::try_from(dice.roll(bytes.len() as u64 / 4_096)).unwrap());
        let from = if trial % 3 == 0 { 4_096 } else { from.min(bytes.len()) };
        bytes[from..].iter_mut().for_each(|byte| *byte = u8::try_from(dice.roll(256)).unwrap());
        fs::write(&path, &bytes).unwrap();
        let shared = trial % 2 == 1;
        if start(&path, shared).is_some() {
            continue;
        }
        died += 1;
        let second = start(&path, shared).expect("the second start opens it");
        assert!(second.contains("Recovered"), "{second}");
        let third = start(&path, shared).expect("the third start opens it");
        assert!(third.contains("Existing"), "{third}");
    }
    println!("{died} of 60 first starts died");
    assert!(died > 5, "{died}");
}

fn leave(path: &Path, what: &str) {
    fs::write(path.with_file_name("plex.matchbox.opening"), what).unwrap();
}

/// A process was killed while it opened a file that is sound.
#[test]
fn a_healthy_file_is_kept_after_a_kill_in_the_opening() {
    for config in [config(), shared()] {
        let (folder, path) = place();
        let store = Store::open(&path, &config).unwrap();
        fill(&store, (1..=50).map(|key| movie(key, 0)), 1);
        store.close().unwrap();
        leave(&path, "opening\n");
        let store = Store::open(&path, &config).unwrap();
        assert_eq!(*store.opened(), Opened::Existing);
        assert_eq!(items(&store).len(), 50);
        assert_sound(&store);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "the marker is gone");
        if config.sharing == crate::Sharing::Shared {
            // A file that other processes have open is not checked, because those processes are
            // alive.
            leave(&path, "opening\n");
            let second = Store::open(&path, &config).unwrap();
            assert_eq!((second.opened(), items(&second).len()), (&Opened::Existing, 50));
            assert_eq!(section(&second), section(&store));
        }
    }
}

/// Two starts died, the second during the check. The third start does not read the file.
#[test]
fn a_file_whose_check_ended_the_process_is_moved_aside() {
    let (_folder, path) = place();
    open(&path).close().unwrap();
    leave(&path, "checking\n");
    assert!(matches!(open(&path).opened(), Opened::Recovered { .. }));
}

#[test]
fn a_file_of_somebody_else_gets_no_marker_and_no_check() {
    let (folder, path) = place();
    fs::write(&path, "SQLite format 3").unwrap();
    leave(&path, "checking\n");
    assert!(matches!(Store::open(&path, &config()), Err(Error::NotACache { .. })));
    assert_eq!(fs::read(&path).unwrap(), b"SQLite format 3");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
}
