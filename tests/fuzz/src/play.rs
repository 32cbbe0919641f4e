//! Plays a target again and again, and watches for inputs that take too long.

use std::cell::Cell;
use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, Once, PoisonError};
use std::time::Duration;

use plex_api::{Clock, Monotonic};
use proptest::strategy::Strategy;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};

use crate::mutate::inputs;
use crate::targets::{Run, Target};

/// An input that takes longer counts as hanging. The slowest inputs take a few milliseconds.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long to try to make a failing input smaller, in milliseconds.
const SHRINKING: u32 = 60_000;

/// The result of playing without a finding.
#[derive(Debug, Clone, Copy)]
pub struct Played {
    /// How many inputs.
    pub executions: u64,
    /// For how long.
    pub took: Duration,
}

/// An input that breaks a promise.
#[derive(Debug, Clone)]
pub struct Finding {
    /// The target's name.
    pub target: &'static str,
    /// The input, made as small as possible.
    pub input: Vec<u8>,
    /// The broken promise, in the words of the panic.
    pub what: String,
    /// Where the input is kept. `None` until it is kept.
    pub kept: Option<PathBuf>,
}

impl Finding {
    fn new(target: &'static str, input: &[u8], what: impl Into<String>) -> Self {
        Self { target, input: input.to_owned(), what: what.into(), kept: None }
    }

    /// Keeps the input among those that failed, if the folder can be written.
    #[must_use]
    pub fn keep(self) -> Self {
        let folder = folder(self.target);
        // The name is a hash of the input, so the same input is kept once.
        let name = self.input.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        });
        let path = folder.join(format!("{name:016x}"));
        let written =
            std::fs::create_dir_all(folder).and_then(|()| std::fs::write(&path, &self.input));
        Self { kept: written.ok().map(|()| path), ..self }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { target, input, what, kept } = self;
        writeln!(f, "{target}: {what}")?;
        write!(f, "input, {} bytes: ", input.len())?;
        for byte in input.iter().take(512) {
            write!(f, "{byte:02x}")?;
        }
        if let Some(kept) = kept {
            write!(f, "\nkept as {}\n", kept.display())?;
            write!(f, "replay: cargo xtask fuzz {target} --replay {}", kept.display())?;
        }
        Ok(())
    }
}

/// An input that failed once.
#[derive(Debug)]
pub struct Found {
    /// Where it is kept.
    pub path: PathBuf,
    /// The input.
    pub bytes: Vec<u8>,
}

/// The inputs of a target that failed once. They must not fail again.
pub fn found(target: &Target) -> io::Result<Vec<Found>> {
    let mut all = Vec::new();
    let entries = match std::fs::read_dir(folder(target.name)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(all),
        entries => entries?,
    };
    for entry in entries {
        let path = entry?.path();
        all.push(Found { bytes: std::fs::read(&path)?, path });
    }
    all.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(all)
}

/// Where the present input is kept while it is played, for a target that can end the process. If
/// the process dies, the input stays there.
pub(crate) fn playing(target: &str) -> PathBuf {
    std::env::temp_dir().join(format!("matchbox-fuzz-{target}-{}", std::process::id()))
}

fn folder(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("found").join(target)
}

/// Plays one input.
pub fn replay(target: &Target, input: &[u8]) -> Result<(), Finding> {
    let watched = Watched::new(target);
    let run = target.start();
    watched.run(&run, input).map_err(|what| Finding::new(target.name, input, what))
}

/// Plays the seeds, and then changed seeds, for this time. The same number `seed` draws the same
/// inputs.
///
/// If an input hangs, it is kept and printed, and the process ends.
///
/// # Panics
/// If the target cannot be set up. This is a fault of the target.
pub fn play(target: &Target, time: Duration, seed: u64) -> Result<Played, Finding> {
    let watched = Watched::new(target);
    let run = target.start();
    let seeds = Arc::new(target.seeds());
    let started = Clock::system().monotonic();
    let mut executions = 0;
    for input in seeds.iter() {
        executions += 1;
        watched.run(&run, input).map_err(|what| Finding::new(target.name, input, what))?;
    }
    let strategy = inputs(Arc::clone(&seeds), target.words);
    let mut key = [0; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    let config =
        Config { failure_persistence: None, max_shrink_time: SHRINKING, ..Config::default() };
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &key);
    let mut runner = TestRunner::new_with_rng(config, rng);
    while started.elapsed() < time {
        let tree = strategy.new_tree(&mut runner).unwrap();
        executions += 1;
        let test = |input: Vec<u8>| watched.run(&run, &input).map_err(TestCaseError::fail);
        if let Err(TestError::Fail(what, input)) = runner.run_one(tree, test) {
            return Err(Finding::new(target.name, &input, what.message()));
        }
    }
    Ok(Played { executions, took: started.elapsed() })
}

/// The input that is being played, and since when.
type Present = Arc<Mutex<Option<(Monotonic, Vec<u8>)>>>;

/// Runs inputs, while a thread watches that none of them hangs.
struct Watched {
    present: Present,
    /// Where each input is kept while it is played, if it can end the process.
    playing: Option<PathBuf>,
    /// The thread ends when this is dropped.
    _end: Sender<()>,
}

impl Watched {
    fn new(target: &Target) -> Self {
        hush();
        let (playing, target) = (target.may_die.then(|| playing(target.name)), target.name);
        let present = Present::default();
        let (end, ended) = channel();
        let seen = Arc::clone(&present);
        std::thread::spawn(move || {
            while ended.recv_timeout(Duration::from_secs(1)) == Err(RecvTimeoutError::Timeout) {
                let present = seen.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some((since, input)) = present.as_ref()
                    && since.elapsed() > PATIENCE
                {
                    hangs(target, input);
                }
            }
        });
        Self { present, playing, _end: end }
    }

    /// Runs an input. The error is the text of its panic.
    fn run(&self, run: &Run, input: &[u8]) -> Result<(), String> {
        let now = (Clock::system().monotonic(), input.to_owned());
        *self.present.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
        if let Some(playing) = &self.playing {
            std::fs::write(playing, input).map_err(|error| error.to_string())?;
        }
        QUIET.set(true);
        let outcome = catch_unwind(AssertUnwindSafe(|| run(input)));
        QUIET.set(false);
        *self.present.lock().unwrap_or_else(PoisonError::into_inner) = None;
        if let Some(playing) = &self.playing {
            std::fs::remove_file(playing).map_err(|error| error.to_string())?;
        }
        outcome.map_err(|panic| match panic.downcast::<String>() {
            Ok(text) => *text,
            Err(panic) => panic.downcast_ref::<&str>().map_or("a panic", |text| text).to_owned(),
        })
    }
}

#[expect(clippy::print_stderr, reason = "nobody is left to hand it to")]
fn hangs(target: &'static str, input: &[u8]) -> ! {
    let what = format!("took longer than {PATIENCE:?}");
    let finding = Finding::new(target, input, what).keep();
    eprintln!("{finding}");
    std::process::exit(1);
}

thread_local! {
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

/// Hides the panics of inputs that are being played. The finding has their text, and making an
/// input smaller causes hundreds of them. Also hides the panics of redb over a damaged file, which
/// the store catches.
fn hush() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let redb = panic.location().is_some_and(|at| at.file().contains("redb"));
            if !redb && !QUIET.get() {
                usual(panic);
            }
        }));
    });
}
