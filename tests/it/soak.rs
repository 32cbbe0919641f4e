//! A server to which things happen at random, for thousands of steps. After each step every
//! answer is held against the truth: no confident answer is wrong, and no file that the server
//! lists is absent, ever.
//!
//! One wrong answer is accepted, in one case that is told apart ([`Lost`]), and counted.
//!
//! What the server is assumed to do is listed in `docs/architecture.md`; the library of this
//! test keeps to it, and to nothing else.
//!
//! `MATCHBOX_SOAK_STEPS` sets the number of steps a seed, `MATCHBOX_SOAK_SEED` plays one seed.

mod steps;

use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;
use std::time::Duration;

use cache_store::Plan;
use futures::{Stream, StreamExt};
use match_core::{Answer, Confidence, Engine, Error, Query, Run, Selection, Watched};
use testbed::budget::{MOUNT, Scale, Stage};
use testbed::library::{FileFilter, Library, Totals, Updated};
use testbed::random::Random;

use steps::{HAPPENS, Step};

/// Steps a seed; there are [`SEEDS`].
const STEPS: usize = 500;
const SEEDS: u64 = 4;

/// Items at the start, and small pages, so that bisections and sweeps have several.
const SCALE: Scale = Scale::small(40, 8);

/// Queries of one run when few are asked.
const FEW: usize = 3;

type Watching = Pin<Box<dyn Stream<Item = Result<Watched, Error>> + Send>>;

struct Soak {
    seed: u64,
    random: Random,
    stage: Stage,
    engine: Option<Engine>,
    /// The event stream, while somebody listens.
    watching: Option<Watching>,
    /// Paths that were there once, as the client sees them.
    ghosts: BTreeMap<String, Option<Lost>>,
    named: u64,
    log: Vec<String>,
    tally: Tally,
}

/// A file that an item lost in place, and that nobody has seen yet.
#[derive(Debug, Clone)]
struct Lost {
    section: String,
    holder: u64,
    /// A delta explained the moved counter by something else. It cannot see this, so until the
    /// section is looked at whole the old path may be answered with the item: the one wrong answer
    /// that is accepted (`docs/architecture.md`).
    covered: bool,
}

/// What the answers of a soak came to.
#[derive(Debug, Default)]
struct Tally {
    answers: u64,
    confident: u64,
    /// Runs in which the library changed while a list was read.
    runs_in_change: u64,
    /// Confident answers that were wrong in the one way that is accepted.
    accepted: u64,
}

impl Soak {
    async fn new(seed: u64) -> Self {
        let mut random = Random(seed);
        let sections = 1 + random.below(2);
        let stage = Stage::sections(SCALE, sections).await.unwrap();
        stage.pms.edit(|library| {
            let filters = [FileFilter::Ignored, FileFilter::Exact, FileFilter::Substring];
            library.quirks.file_filter = random.pick(&filters);
            let ignored: [&[&str]; 6] =
                [&[], &[], &[], &["id"], &["updatedAt:desc"], &["id", "updatedAt:desc"]];
            library.quirks.ignored_sorts = random.pick(&ignored);
            let updated = [
                Updated::Told,
                Updated::Told,
                Updated::NotBySome,
                Updated::OldBySome,
                Updated::NotTold,
            ];
            library.quirks.updated = random.pick(&updated);
            let unknown: [&[&str]; 5] =
                [&[], &[], &[], &["addedAt", "title"], &["updatedAt", "file"]];
            library.quirks.unknown_filters = random.pick(&unknown);
            library.quirks.counter_moves_on_delete = !random.once_in(3);
            if random.once_in(4) {
                library.quirks.totals = Totals::NotTold;
            }
            if random.once_in(2) {
                library
                    .sections
                    .iter_mut()
                    .for_each(|section| "Movies".clone_into(&mut section.title));
            }
        });
        Self {
            seed,
            random,
            stage,
            engine: None,
            watching: None,
            ghosts: BTreeMap::new(),
            named: 0,
            log: Vec::new(),
            tally: Tally::default(),
        }
    }

    async fn play(&mut self, steps: usize) {
        for _ in 0..steps {
            let mut trouble = false;
            let mut happened = Vec::new();
            for _ in 0..=self.random.below(3) {
                let mut step = self.random.pick(HAPPENS);
                if trouble && step == Step::Meet {
                    step = Step::Nothing; // an outage is an outage for all that meet
                }
                trouble |= matches!(step, Step::Outage | Step::Failure);
                happened.push(step);
                self.happen(step).await;
            }
            self.log.push(format!("{happened:?}"));
            if trouble {
                self.watching = None; // nothing is told over a line that is broken
            }
            // What the server tells may also wait unread until silence is no silence any more.
            if !self.random.once_in(8) {
                self.catch_up().await;
            }
            // Beyond the freshness window, within which changes are not seen.
            let pauses = [61, 600, 3_600];
            self.stage.later(Duration::from_secs(self.random.pick(&pauses)));
            self.look(trouble).await;
            if trouble {
                self.stage.pms.clear_faults();
                self.look(false).await;
            }
        }
    }

    /// Asks, and holds every answer against the truth. Sometimes the library changes while a list
    /// is read: what was asked of the items that changed may then be answered either way.
    async fn look(&mut self, trouble: bool) {
        let asked = self.questions();
        let (run, touched) = if !trouble && self.random.once_in(3) {
            Box::pin(self.ask_while_it_changes(&asked)).await
        } else {
            (self.ask(&asked).await, BTreeMap::new())
        };
        for step in &run.report.steps {
            self.seen(&step.section, step.plan, step.changes.any());
        }
        if run.report.answers.unknown > 0 {
            // Of a run that failed on its way nobody knows how far it came.
            self.ghosts.values_mut().flatten().for_each(|lost| lost.covered = true);
        }
        self.tally.runs_in_change += u64::from(!touched.is_empty());
        for (path, answer) in asked.iter().zip(&run.answers) {
            if touched.contains_key(path) {
                continue;
            }
            if let Some(wrong) = self.judge(path, answer, trouble) {
                let log = self.log.iter().rev().take(8).rev().cloned().collect::<Vec<_>>();
                panic!(
                    "seed {}, step {}: {path}: {wrong}\n  answer {answer:?}\n  before: {log:#?}\n{}",
                    self.seed,
                    self.log.len(),
                    run.report
                );
            }
        }
        self.ghosts.extend(touched);
    }

    /// A section was looked at: what that could show of files that were lost in place, and what
    /// it could not.
    fn seen(&mut self, title: &str, plan: Plan, changed: bool) {
        let told = self.watching.is_some();
        let whole = matches!(plan, Plan::Sweep | Plan::Full | Plan::Lazy);
        // Of sections of one title nobody can say here which was looked at.
        let alone = self.stage.pms.edit(|library| {
            library.sections.iter().filter(|section| section.title == title).count() == 1
        });
        for ghost in self.ghosts.values_mut() {
            let Some(lost) = ghost.as_mut().filter(|lost| lost.section == title) else { continue };
            if whole && alone {
                *ghost = None;
            } else if whole {
                lost.covered = true;
            } else if plan == Plan::Delta {
                lost.covered |= changed || told;
            }
        }
    }

    fn judge(&mut self, path: &str, answer: &Answer, trouble: bool) -> Option<String> {
        let holders = self.stage.pms.edit(|library| holders(library, path));
        self.tally.answers += 1;
        match answer {
            Answer::Found(found) if found.confidence == Confidence::High => {
                self.tally.confident += 1;
                let key = found.rating_key.0;
                if holders.contains(&key) {
                    return None;
                }
                let lost = self.ghosts.get(path).and_then(Option::as_ref);
                let accepted = holders.is_empty()
                    && lost.is_some_and(|lost| lost.covered && lost.holder == key);
                self.tally.accepted += u64::from(accepted);
                (!accepted).then(|| format!("confident, but the holders are {holders:?}; {lost:?}"))
            }
            Answer::Absent if !holders.is_empty() && !self.is_malformed(&holders) => {
                Some(format!("listed under {holders:?}"))
            }
            Answer::Unknown(reason) if !trouble => Some(format!("unknown: {reason}")),
            _ => None,
        }
    }

    /// Whether a client can read none of these items.
    fn is_malformed(&self, keys: &BTreeSet<u64>) -> bool {
        self.stage.pms.edit(|library| {
            let mut items = library.sections.iter().flat_map(testbed::library::Section::items);
            !items.any(|item| keys.contains(&item.rating_key) && !item.malformed_guid)
        })
    }

    /// All sections, in one of the ways in which a host may name them.
    fn selection(&mut self) -> Selection {
        if self.random.once_in(2) {
            return Selection::All;
        }
        let mut names: Vec<String> = self.stage.pms.edit(|library| {
            let of = |section: &testbed::library::Section| {
                [section.title.clone(), section.key.to_string(), section.uuid.clone()]
            };
            library.sections.iter().flat_map(of).collect()
        });
        if self.random.once_in(2) {
            names.reverse();
        }
        Selection::Named(names)
    }

    /// A few paths, or all there are: present ones, former ones, and others.
    fn questions(&mut self) -> Vec<String> {
        let mut all = self.stage.pms.edit(|library| present(library));
        all.extend(self.ghosts.keys().cloned());
        all.push(format!("{MOUNT}/Never Was Here ({})/Never Was Here.mkv", self.random.below(9)));
        if self.random.once_in(2) {
            let count = 1 + self.random.below(FEW);
            return (0..count).map(|_| all[self.random.below(all.len())].clone()).collect();
        }
        all
    }

    async fn ready(&mut self) {
        if self.engine.is_none() {
            let mut config = self.stage.config();
            config.policy.settle = Duration::ZERO;
            let client = plex_api::Client::new(self.stage.client_config()).unwrap();
            self.engine = Some(Engine::open(client, config).await.unwrap());
        }
    }

    /// Reads what the server tells until the last scan was looked at: silence is trusted, and
    /// what is still on the line is no silence.
    async fn catch_up(&mut self) {
        let (Some(engine), Some(watching)) = (&self.engine, &mut self.watching) else { return };
        // Not every change is told of; a scan is.
        self.stage.pms.edit(|library| {
            for section in 0..library.sections.len() {
                library.advance(1);
                library.scan(section);
            }
        });
        let mut taken = Vec::new();
        let looked = async {
            loop {
                let scanned: BTreeMap<String, i64> = self.stage.pms.edit(|library| {
                    let sections = library.sections.iter();
                    sections.map(|section| (section.uuid.clone(), section.scanned_at)).collect()
                });
                let known = engine.store().sections().unwrap();
                let seen = |(uuid, at): (&String, &i64)| {
                    let state = known.iter().find(|state| state.uuid.0 == *uuid);
                    state.is_some_and(|state| {
                        let seen = state.observed.and_then(|stamp| stamp.scanned_at);
                        state.stamp.is_none() || seen.is_some_and(|seen| seen.0 == *at)
                    })
                };
                if scanned.iter().all(seen) {
                    break;
                }
                if let Watched::Looked { steps, .. } = watching.next().await.unwrap().unwrap() {
                    taken.extend(steps);
                }
            }
        };
        let looked = tokio::time::timeout(Duration::from_mins(1), looked).await;
        assert!(looked.is_ok(), "seed {}, step {}: not caught up", self.seed, self.log.len());
        for step in taken {
            self.seen(&step.section, step.plan, step.changes.any());
        }
    }

    async fn ask(&mut self, asked: &[String]) -> Run {
        self.ready().await;
        let queries = asked.iter().map(|path| Query::new(path.as_str())).collect();
        let selection = self.selection();
        self.engine.as_ref().unwrap().match_files(&selection, queries).await.unwrap()
    }
}

/// The items that hold a file, as the server lists them now.
fn holders(library: &Library, path: &str) -> BTreeSet<u64> {
    let mut holders = BTreeSet::new();
    for section in &library.sections {
        let root = &section.locations[0].1;
        for item in section.items() {
            if item.parts().any(|part| part.file.replacen(root, MOUNT, 1) == path) {
                holders.insert(item.rating_key);
            }
        }
    }
    holders
}

/// The files the server lists, as the client sees them.
fn present(library: &Library) -> Vec<String> {
    let mut paths = BTreeSet::new();
    for section in &library.sections {
        let root = &section.locations[0].1;
        for item in section.items() {
            let originals = item.media.iter().filter(|media| media.proxy_type.is_none());
            let parts = originals.flat_map(|media| &media.parts);
            paths.extend(parts.map(|part| part.file.replacen(root, MOUNT, 1)));
        }
    }
    paths.into_iter().collect()
}

pub(crate) fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Runs a soak for each of the first `seeds`, or for the one in `MATCHBOX_SOAK_SEED`.
pub(crate) async fn each_seed<F: Future<Output = ()> + Send + 'static>(
    seeds: u64,
    soak: impl Fn(u64) -> F,
) {
    let seeds = match number("MATCHBOX_SOAK_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..seeds,
    };
    let soaks: Vec<_> = seeds.map(|seed| tokio::spawn(soak(seed))).collect();
    for soak in soaks {
        soak.await.unwrap();
    }
}

#[expect(clippy::print_stdout, reason = "what a soak came to, for those who ask with --nocapture")]
async fn soak(seed: u64) {
    let steps = number("MATCHBOX_SOAK_STEPS").map_or(STEPS, |steps| steps.try_into().unwrap());
    let mut soak = Soak::new(seed).await;
    soak.play(steps).await;
    let tally = &soak.tally;
    println!("seed {seed}, {steps} steps: {tally:?}");
    // The accepted case is rare; were it not, the exemption would hide more than it says.
    assert!(tally.accepted * 200 <= tally.confident, "seed {seed}: {tally:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_answer_is_ever_wrong() {
    each_seed(SEEDS, soak).await;
}
