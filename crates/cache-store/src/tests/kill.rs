//! A process is killed two hundred times in the middle of a write: a refresh, a flush of matches,
//! the note of an edit, a clear, or a compaction. For more kills, run each of the two tests by hand
//! with `MATCHBOX_KILLS=5000`.
//!
//! The child is this test binary, run again for one test. On its standard output it reports what
//! the store returned as durable. The parent kills it at a report and reads the file. No power is
//! lost here, so data that redb wrote without a sync is also seen; `crash.rs` tests the other case.

use std::io::{BufRead, BufReader, Lines, Write};
use std::path::Path;
use std::process::{Child, ChildStdout, Stdio};

use plex_api::RatingKey;

use super::{
    assert_sound, child_for, config, found, items, match_key, movie, orders, place, section,
    shared, stamp,
};
use crate::{Clear, EditProgress, Error, Opened, Progress, RunId, Sharing, Store};

/// The child repeats these steps: a refresh to the next edition, a flush of a match, and the note
/// of an edit. Sometimes it also clears all matches and compacts the file. This is not a test by
/// itself: without a path to work on, it does nothing.
#[test]
fn child() {
    let Some((path, config)) = orders() else { return };
    let store = Store::open(&path, &config).unwrap();
    let id = section(&store);
    let mut out = std::io::stdout();
    loop {
        let state = store.view().unwrap().section(id).unwrap().unwrap();
        let edition = state.revision.0 + 1;
        match store.fill(
            id,
            edition_of(edition),
            stamp(i64::try_from(edition).unwrap()),
            super::NOW,
        ) {
            Ok(_) => writeln!(out, "\nedition {edition}").unwrap(),
            // The other child was faster.
            Err(Error::Moved { .. }) => continue,
            Err(error) => panic!("{error}"),
        }
        store.remember(id, vec![(match_key(edition), found(edition, state.revision))]).unwrap();
        store.flush().unwrap();
        writeln!(out, "\nmatch {edition}").unwrap();
        let edit = EditProgress {
            section: id,
            rating_key: RatingKey(1),
            run: RunId(edition),
            progress: Progress::Planned,
            at: super::NOW,
        };
        store.note_edits(&[edit], &[], &[]).unwrap();
        writeln!(out, "\nedit {edition}").unwrap();
        if config.sharing == Sharing::Shared {
            continue; // the other child would miss its matches
        }
        match edition % 4 {
            0 => {
                writeln!(out, "\nclearing {edition}").unwrap();
                store.clear(Clear::Matches).unwrap();
                writeln!(out, "\ncleared {edition}").unwrap();
            }
            2 => {
                store.compact().unwrap();
                writeln!(out, "\ncompacted {edition}").unwrap();
            }
            _ => {}
        }
    }
}

/// How often each test kills.
fn kills() -> usize {
    std::env::var("MATCHBOX_KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(100)
}

/// Forty items with the edition in their titles. All of them change, so none may show another
/// edition.
fn edition_of(edition: u64) -> impl Iterator<Item = crate::CachedItem> {
    (1..=40).map(move |key| movie(key, edition))
}

struct Running {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    edition: u64,
    remembered: Vec<u64>,
    edit: u64,
}

fn start(path: &Path, shared: bool) -> Running {
    let mut command = child_for("tests::kill::child", path, shared);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    Running { child, lines, edition: 0, remembered: Vec::new(), edit: 0 }
}

impl Running {
    /// Reads up to `count` acknowledgements, or to the end of what a dead child wrote.
    fn read(&mut self, count: usize) {
        let mut left = count;
        while left > 0 {
            let Some(Ok(line)) = self.lines.next() else { return };
            match line.split_once(' ').map(|(what, number)| (what, number.parse::<u64>())) {
                Some(("edition", Ok(edition))) => self.edition = self.edition.max(edition),
                Some(("match", Ok(edition))) => self.remembered.push(edition),
                Some(("edit", Ok(edition))) => self.edit = edition,
                // From here on, the matches may be gone.
                Some(("clearing", Ok(_))) => self.remembered.clear(),
                Some(("cleared" | "compacted", Ok(_))) => {}
                _ => continue,
            }
            left -= 1;
        }
    }

    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.read(usize::MAX);
    }
}

/// Checks that everything acknowledged is there, and that nothing is there in part.
fn verify(store: &Store, acknowledged: u64, remembered: &[u64]) {
    assert!(matches!(store.opened(), Opened::Existing), "{:?}", store.opened());
    let id = section(store);
    let state = store.view().unwrap().section(id).unwrap().unwrap();
    assert!(state.revision.0 >= acknowledged, "{} < {acknowledged}", state.revision.0);
    let expected: Vec<_> = edition_of(state.revision.0).collect();
    assert_eq!(items(store), expected, "all items are of one edition");
    let view = store.view().unwrap();
    for &edition in remembered {
        let record = view.remembered(id, &match_key(edition)).unwrap();
        assert!(record.is_some(), "the match of edition {edition} was acknowledged");
    }
    drop(view);
    assert_sound(store);
    assert_eq!(store.damaged_values(), 0);
}

#[test]
fn a_hundred_kills_of_the_only_process() {
    let (_folder, path) = place();
    let mut acknowledged = 0;
    for kill in 0..kills() {
        let mut running = start(&path, false);
        running.read(1 + kill % 17);
        running.kill();
        assert!(running.edition > acknowledged, "the child made progress");
        acknowledged = running.edition;
        let store = Store::open(&path, &config()).unwrap();
        verify(&store, acknowledged, &running.remembered);
        let edits = store.edits().unwrap();
        assert!(edits.iter().map(|edit| edit.run.0).max().unwrap_or(0) >= running.edit);
    }
}

#[test]
fn a_hundred_kills_of_one_of_two_processes() {
    let (_folder, path) = place();
    let mut survivor = start(&path, true);
    survivor.read(1);
    for kill in 0..kills() {
        let mut running = start(&path, true);
        running.read(1 + kill % 3);
        running.kill();
        // The other child goes on, and so does a third.
        survivor.read(1);
        let store = Store::open(&path, &shared()).unwrap();
        let acknowledged = running.edition.max(survivor.edition);
        let id = section(&store);
        let view = store.view().unwrap();
        let state = view.section(id).unwrap().unwrap();
        assert!(state.revision.0 >= acknowledged, "{} < {acknowledged}", state.revision.0);
        let scan: Vec<_> = view.scan(id).unwrap().map(|row| row.unwrap().1.item).collect();
        assert!(scan.into_iter().eq(edition_of(state.revision.0)), "all items are of one edition");
        for edition in running.remembered.iter().chain(&survivor.remembered) {
            assert!(view.remembered(id, &match_key(*edition)).unwrap().is_some());
        }
        assert_eq!(store.damaged_values(), 0);
    }
    survivor.kill();
    let store = Store::open(&path, &shared()).unwrap();
    verify(&store, survivor.edition, &survivor.remembered);
}
