//! A process is killed at any moment of an upgrade, a compaction or a clear. It has the file alone,
//! or shares it with another process. For more kills, run the tests by hand with
//! `MATCHBOX_KILLS=1000`: so many for each of the three, in each mode.
//!
//! Each kill has a fresh copy of the same file. Afterwards the digest of its content is that from
//! before the work or that from after it, and no other.

use std::fs;
use std::io::{BufRead, BufReader, Lines, Write};
use std::path::Path;
use std::process::{Child, ChildStdout, Stdio};
use std::time::Duration;

use plex_api::{Clock, RatingKey};
use redb::{ReadableTable, TableDefinition};

use super::upgrading::set_schema_of_items;
use super::{
    Dice, assert_sound, behind_its_back, child_for, config, config_of, fill, found, items,
    match_key, movie, orders, place, section, shared,
};
use crate::format::envelope;
use crate::format::{item::ItemRow, place as place_of};
use crate::{Clear, Opened, SectionId, Store};

const WORK: &str = "MATCHBOX_TEST_UPKEEP_WORK";

const ITEMS: u64 = 1_000;
const MATCHES: u64 = 200;

/// The clears, by their place in this list.
const CLEARS: [Clear; 5] = [
    Clear::Matches,
    Clear::Item(SectionId(1), RatingKey(7)),
    Clear::Section(SectionId(1)),
    Clear::All,
    Clear::Server,
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Work {
    /// Opening upgrades it.
    Open,
    Compact,
    Clear(usize),
}

impl Work {
    fn name(self) -> String {
        match self {
            Self::Open => "open".to_owned(),
            Self::Compact => "compact".to_owned(),
            Self::Clear(at) => at.to_string(),
        }
    }

    fn of(name: &str) -> Self {
        match name {
            "open" => Self::Open,
            "compact" => Self::Compact,
            at => Self::Clear(at.parse().unwrap()),
        }
    }

    fn carry_out(self, store: &Store) {
        match self {
            Self::Open => {}
            Self::Compact => drop(store.compact().unwrap()),
            Self::Clear(at) => drop(store.clear(CLEARS[at]).unwrap()),
        }
    }
}

/// Says when the work begins and when it is done, and then waits to be killed. This is not a test
/// by itself: without a path to work on it does nothing.
#[test]
fn upkeep_child() {
    let Some((path, config)) = orders() else { return };
    let work = Work::of(&std::env::var(WORK).unwrap());
    let mut out = std::io::stdout();
    let open = || Store::open(&path, &config).unwrap();
    let before = (work != Work::Open).then(open);
    writeln!(out, "\nbegin").unwrap();
    let store = before.unwrap_or_else(open);
    work.carry_out(&store);
    writeln!(out, "\ndone").unwrap();
    let _ = std::io::stdin().read_line(&mut String::new());
}

struct Running {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Running {
    /// Starts a child, and waits until its work begins.
    fn start(path: &Path, is_shared: bool, work: Work) -> Self {
        let mut command = child_for("tests::kill_upkeep::upkeep_child", path, is_shared);
        command.env(WORK, work.name());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut running = Self { child, lines };
        assert!(running.says("begin"), "{work:?} did not begin");
        running
    }

    /// Whether the child says this before it ends.
    fn says(&mut self, word: &str) -> bool {
        self.lines.by_ref().map_while(Result::ok).any(|line| line == word)
    }

    /// Kills the child. Returns whether its work was not done.
    fn kill(mut self) -> bool {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        !self.says("done")
    }
}

/// How often each kind of work is killed, in each mode.
fn kills() -> u64 {
    std::env::var("MATCHBOX_KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(15)
}

/// What became of the files.
#[derive(Debug, Default)]
struct Fates {
    /// The work was not done when the process was killed.
    inside: u64,
    old: u64,
    new: u64,
    /// Two starts, one after the other, were killed while they opened the file.
    moved_aside: u64,
}

/// A file, and the digests that its content may have after a kill.
struct Trial {
    before: Vec<u8>,
    work: Work,
    old: u64,
    new: u64,
}

impl Trial {
    fn new(before: &[u8], work: Work) -> Self {
        let (_folder, path) = place();
        fs::write(&path, before).unwrap();
        let store = Store::open(&path, &config()).unwrap();
        let old = store.digest().unwrap();
        work.carry_out(&store);
        let new = store.digest().unwrap();
        Self { before: before.to_vec(), work, old, new }
    }

    /// How long the work takes.
    fn time(&self, is_shared: bool) -> Duration {
        let (_folder, path) = place();
        fs::write(&path, &self.before).unwrap();
        let mut running = Running::start(&path, is_shared, self.work);
        let started = Clock::system().monotonic();
        assert!(running.says("done"));
        let took = started.elapsed();
        running.kill();
        took
    }

    /// Kills the work again and again, each time at another moment.
    fn play(&self, kills: u64, is_shared: bool, fates: &mut Fates) {
        // The shortest of three times. On a busy machine the work takes longer, and then a kill
        // comes early in it.
        let took = (0..3).map(|_| self.time(is_shared)).min().unwrap_or_default();
        let took = u64::try_from(took.as_micros()).unwrap() + 1;
        let mut dice = Dice(took);
        for kill in 0..kills {
            let (_folder, path) = place();
            fs::write(&path, &self.before).unwrap();
            // If opening is the work, no other process may open the file before it.
            let beside = (is_shared && self.work != Work::Open)
                .then(|| Store::open(&path, &shared()).unwrap());
            let second = (is_shared && self.work == Work::Open)
                .then(|| Running::start(&path, true, self.work));
            let twice = !is_shared && self.work == Work::Open && kill % 4 == 0;
            for _ in 0..=u64::from(twice) {
                let running = Running::start(&path, is_shared, self.work);
                // Any moment of its work.
                std::thread::sleep(Duration::from_micros(dice.roll(took)));
                fates.inside += u64::from(running.kill());
            }
            if let Some(mut second) = second {
                assert!(second.says("done"), "the other process goes on");
                second.kill();
            }
            if let Some(store) = &beside {
                let is = store.digest().unwrap();
                assert!(is == self.old || is == self.new, "{:?}, seen by another", self.work);
                assert_eq!(store.damaged_values(), 0);
            }
            drop(beside);
            let store = Store::open(&path, &config_of(is_shared)).unwrap();
            if let Opened::Recovered { .. } = store.opened() {
                // It is listed again, which only costs calls (`docs/format.md`, section 8).
                assert!(twice && items(&store).is_empty(), "{:?}", self.work);
                fates.moved_aside += 1;
                continue;
            }
            let is = store.digest().unwrap();
            assert!(is == self.old || is == self.new, "neither old nor new: {:?}", self.work);
            assert_sound(&store);
            assert_eq!(store.damaged_values(), 0);
            let done = match self.work {
                Work::Open => matches!(store.opened(), Opened::Existing),
                _ => is == self.new,
            };
            *(if done { &mut fates.new } else { &mut fates.old }) += 1;
        }
    }
}

/// A file with items and matches. Half of its pages are free, because it had more items before.
fn filled() -> Vec<u8> {
    let (_folder, path) = place();
    let store = Store::open(&path, &config()).unwrap();
    fill(&store, (1..=2 * ITEMS).map(|key| movie(key, 0)), 1);
    fill(&store, (1..=ITEMS).map(|key| movie(key, 1)), 2);
    let revision = store.sections().unwrap()[0].revision;
    let matches = (0..MATCHES).map(|n| (match_key(n), found(n + 1, revision))).collect();
    store.remember(section(&store), matches).unwrap();
    store.close().unwrap();
    fs::read(&path).unwrap()
}

/// The same file, as a version with item schema 3 wrote it.
fn former() -> Vec<u8> {
    let (_folder, path) = place();
    fs::write(&path, filled()).unwrap();
    behind_its_back(&path, |txn| {
        let name = TableDefinition::<(u32, u64), &[u8]>::new("items");
        let mut items = txn.open_table(name).unwrap();
        let keys: Vec<_> = items.iter().unwrap().map(|row| row.unwrap().0.value()).collect();
        for (section, key) in keys {
            let at = place_of::item(SectionId(section), key);
            let row = items.get((section, key)).unwrap().unwrap().value().to_vec();
            let payload = envelope::payload(at, <ItemRow as envelope::Record>::SCHEMA, &row);
            // That schema ended before the key of the show, which is none here.
            let (_, shorter) = payload.unwrap().split_last().unwrap();
            let sealed = envelope::seal_payload(at, 3, shorter);
            items.insert((section, key), sealed.as_slice()).unwrap();
        }
        set_schema_of_items(txn, 3);
    });
    fs::read(&path).unwrap()
}

#[track_caller]
fn check(trials: &[Trial]) {
    for is_shared in [false, true] {
        let mut fates = Fates::default();
        for trial in trials {
            trial.play(kills().div_ceil(trials.len() as u64), is_shared, &mut fates);
        }
        println!("{:?}, shared {is_shared}: {fates:?}", trials[0].work);
        assert!(fates.inside > 0, "{fates:?}");
    }
}

#[test]
fn a_process_that_is_killed_while_it_upgrades_a_file_loses_nothing() {
    let former = former();
    let (_folder, path) = place();
    fs::write(&path, &former).unwrap();
    let store = Store::open(&path, &config()).unwrap();
    assert!(matches!(store.opened(), Opened::Upgraded(_)), "{:?}", store.opened());
    assert_eq!(items(&store), (1..=ITEMS).map(|key| movie(key, 1)).collect::<Vec<_>>());
    store.close().unwrap();
    check(&[Trial::new(&former, Work::Open)]);
}

#[test]
fn a_process_that_is_killed_while_it_compacts_a_file_loses_nothing() {
    let trial = Trial::new(&filled(), Work::Compact);
    assert_eq!(trial.old, trial.new);
    check(&[trial]);
}

#[test]
fn a_clear_is_there_or_is_not_after_a_kill() {
    let filled = filled();
    let trials = (0..CLEARS.len()).map(|at| Trial::new(&filled, Work::Clear(at)));
    let trials: Vec<Trial> = trials.collect();
    assert!(trials.iter().all(|trial| trial.old != trial.new));
    check(&trials);
}
