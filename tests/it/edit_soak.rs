//! Random edits with random faults. The log of a seed is printed. After each run the test compares
//! the outcome of each item with the server. `MATCHBOX_SOAK_STEPS` makes the test longer,
//! `MATCHBOX_SOAK_SEED` selects one seed.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use match_core::{
    Change, EditFailure, EditOptions, EditOutcome, Engine, NotTried, Progress, Selection,
};
use plex_api::{Field, RatingKey, TagField};
use testbed::budget::{Scale, Stage};
use testbed::library::Item;
use testbed::random::Random;
use testbed::server::{Fault, FaultRule, Route};

use crate::soak::{each_seed, number};

const SCALE: Scale = Scale::small(24, 10);
const STEPS: usize = 60;
const SEEDS: u64 = 4;

/// Title and summary of each item, and its label.
type Fields = BTreeMap<u64, [String; 3]>;

const TITLE: usize = 0;
const SUMMARY: usize = 1;
/// Nothing reports that somebody removed it.
const LABEL: usize = 2;

struct Soak {
    seed: u64,
    random: Random,
    stage: Stage,
    engine: Option<Engine>,
    /// Items whose last edit was sent and not confirmed.
    in_doubt: BTreeSet<u64>,
    log: Vec<String>,
    tally: Tally,
}

/// How many edits had each outcome.
#[derive(Debug, Default)]
struct Tally {
    done: u64,
    unchanged: u64,
    in_doubt: u64,
    /// Edits in doubt that the server had applied.
    applied: u64,
    failed: u64,
    not_tried: u64,
}

impl Soak {
    async fn new(seed: u64) -> Self {
        let stage = Stage::movies(SCALE).await.unwrap();
        let asked = stage.present(SCALE.items);
        stage.run(&Selection::All, &asked).await.unwrap();
        Self {
            seed,
            random: Random(seed),
            stage,
            engine: None,
            in_doubt: BTreeSet::new(),
            log: Vec::new(),
            tally: Tally::default(),
        }
    }

    fn on_server(&self) -> Fields {
        self.stage.pms.edit(|library| {
            let items = library.sections[0].items().iter();
            let label = |i: &Item| i.details.tags_of("label").join(", ");
            let fields = |i: &Item| [i.title.clone(), i.summary.clone(), label(i)];
            items.map(|i| (i.rating_key, fields(i))).collect()
        })
    }

    async fn step(&mut self) {
        if self.engine.is_none() || self.random.once_in(5) {
            if let Some(engine) = self.engine.take() {
                engine.close().await.unwrap();
            }
            self.engine = Some(self.stage.engine().await.unwrap());
        }
        // Sometimes no time passes; other pauses are shorter or longer than stored data stay valid.
        let pauses = [0, 0, 30, 61, 1_200, 90_000];
        self.stage.later(Duration::from_secs(self.random.pick(&pauses)));
        let keys: Vec<u64> = self.on_server().into_keys().collect();
        if self.random.once_in(3) {
            let (key, number) = (self.random.pick(&keys), self.random.below(3));
            self.log.push(format!("somebody edits {key}"));
            let title = format!("Foreign {number}");
            let unlabels = self.random.once_in(2);
            self.stage.pms.edit(|library| {
                if unlabels {
                    library.item_at(0, key).details.tags.clear();
                } else {
                    library.edit_title(0, key, &title);
                }
            });
            // The engine notices edits of others when metadata are due.
            self.stage.later(Duration::from_mins(20));
        }
        let fault = self.trouble();
        let changes = self.changes(&keys);
        self.log.push(format!("{fault}; {changes:?}"));
        let before = self.on_server();
        let sent = changes.iter().map(|(key, at, value)| change(*key, *at, value)).collect();
        let engine = self.engine.as_ref().unwrap();
        let run = engine.edit(&Selection::All, sent, EditOptions::default()).await;
        self.stage.pms.clear_faults();
        let after = self.on_server();
        let outcomes = match run {
            Ok(run) => run.outcomes,
            Err(error) => panic!("seed {}: {error}\n{:#?}", self.seed, self.recent()),
        };
        let mut expected = before.clone();
        for ((key, at, value), outcome) in changes.iter().zip(&outcomes) {
            let field = |fields: &Fields| fields[key][*at].clone();
            let (was, is) = (field(&before), field(&after));
            let right = self.judge(*key, outcome, &was, &is, value);
            assert!(
                right,
                "seed {}: item {key}, {value:?}: {outcome:?}; it was {was:?} and is {is:?}\n{:#?}",
                self.seed,
                self.recent()
            );
            expected.get_mut(key).unwrap()[*at] = is;
        }
        assert_eq!(after, expected, "seed {}: another item or field was edited", self.seed);
        let open = self.engine.as_ref().unwrap().open_edits().await.unwrap();
        let sent = open.iter().filter(|edit| edit.progress == Progress::Sent);
        let noted: BTreeSet<u64> = sent.map(|edit| edit.rating_key.0).collect();
        let lost: Vec<_> = self.in_doubt.difference(&noted).collect();
        assert!(lost.is_empty(), "seed {}: no note of {lost:?}\n{:#?}", self.seed, self.recent());
    }

    /// Whether the outcome of an item agrees with the server.
    fn judge(
        &mut self,
        key: u64,
        outcome: &EditOutcome,
        was: &str,
        is: &str,
        wanted: &str,
    ) -> bool {
        match outcome {
            EditOutcome::Done { .. } => {
                self.tally.done += 1;
                self.in_doubt.remove(&key);
                is == wanted
            }
            EditOutcome::Unchanged => {
                self.tally.unchanged += 1;
                self.in_doubt.remove(&key);
                is == wanted
            }
            EditOutcome::Failed(EditFailure::Unconfirmed(_)) => {
                self.tally.in_doubt += 1;
                self.tally.applied += u64::from(is == wanted && is != was);
                self.in_doubt.insert(key);
                is == was || is == wanted
            }
            EditOutcome::Failed(_) => {
                self.tally.failed += 1;
                // The item was read, or a note of this run replaced the other note.
                self.in_doubt.remove(&key);
                is == was
            }
            EditOutcome::NotTried(NotTried::Stopped(..) | NotTried::DryRun) => {
                self.tally.not_tried += 1;
                // If the item was read before, its note is "planned" now.
                self.in_doubt.remove(&key);
                is == was
            }
        }
    }

    fn recent(&self) -> Vec<&String> {
        self.log.iter().rev().take(6).rev().collect()
    }

    /// The faults of this run, if there are any.
    fn trouble(&mut self) -> String {
        if self.random.once_in(3) {
            return "nothing goes wrong".to_owned();
        }
        let mut told = Vec::new();
        for _ in 0..=self.random.below(2) {
            let fault = self.random.pick(&[
                Fault::Status(500),
                Fault::Status(409),
                Fault::Status(401),
                Fault::TooMany(3_600),
                Fault::Maintenance,
                Fault::Truncated,
                Fault::Lost,
                Fault::Lost,
                Fault::Outage,
            ]);
            let endpoint = self.random.pick(&[
                Route::Edit,
                Route::Edit,
                Route::Edit,
                Route::Metadata,
                Route::Sections,
            ]);
            let nth = 1 + self.random.next() % 5;
            let times = self.random.pick(&[1, 1, 2, 6]);
            let rule = FaultRule { route: Some(endpoint), nth, times, fault };
            told.push(format!("{rule:?}"));
            self.stage.pms.script(rule);
        }
        told.join(", ")
    }

    /// Some items, each with its field and the new value.
    fn changes(&mut self, keys: &[u64]) -> Vec<(u64, usize, String)> {
        let shared = self.random.once_in(3);
        let value = format!("Value {}", self.random.below(3));
        let mut chosen = BTreeSet::new();
        for _ in 0..=self.random.below(7) {
            chosen.insert(self.random.pick(keys));
        }
        let mut one = |key| {
            if shared {
                return (key, SUMMARY, value.clone()); // one request for all items
            }
            let at = self.random.pick(&[TITLE, SUMMARY, LABEL]);
            (key, at, format!("Value {}", self.random.below(3)))
        };
        chosen.into_iter().map(&mut one).collect()
    }
}

fn change(key: u64, at: usize, value: &str) -> Change {
    let change = Change::new(RatingKey(key));
    match at {
        TITLE => change.set(Field::Title, value),
        SUMMARY => change.set(Field::Summary, value),
        _ => change.replace_tags(TagField::Label, [value]),
    }
}

#[expect(clippy::print_stdout, reason = "the result of a soak, shown by --nocapture")]
async fn soak(seed: u64) {
    let steps = number("MATCHBOX_SOAK_STEPS").map_or(STEPS, |steps| steps.try_into().unwrap());
    let mut soak = Soak::new(seed).await;
    for _ in 0..steps {
        soak.step().await;
    }
    println!("seed {seed}, {steps} steps: {:?}", soak.tally);
    assert!(soak.tally.done > 0, "{:?}", soak.tally);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_said_of_an_edit_is_true() {
    each_seed(SEEDS, soak).await;
}
