//! The call budget of actions on matches, in a warm cache: verifying and editing.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result};
use futures::FutureExt;
use futures::future::BoxFuture;
use match_core::{Change, EditCounts, EditOptions, EditRun, Engine, Query, Selection, Verified};
use plex_api::{Clock, Field, RatingKey, TagField};

use super::Scale;
use super::child::{self, Arguments, Task};
use super::stage::Stage;
use super::warm::LATER;
use crate::faults::{Fault, FaultRule};
use crate::rivals::naive::{Naive, NaiveEdit};
use crate::server::{Requests, Route};

/// One row of the table.
pub struct EditRow {
    /// A short name.
    pub name: &'static str,
    /// The situation, in words.
    pub situation: &'static str,
    /// The budget in words.
    pub calls: &'static str,
    /// How many requests each endpoint may get for this number of items. An endpoint that is not
    /// named may get none.
    pub budget: fn(u64) -> Vec<(Route, u64)>,
    /// Whether these counts are right for this number of items. A verified match that is right
    /// counts as done.
    expect: fn(usize, &EditCounts) -> bool,
    play: fn(Stage, Items, Arguments) -> BoxFuture<'static, Result<PlayedEdits>>,
}

/// The items: the file that each was matched by, and its key.
type Items = Vec<(String, RatingKey)>;

/// How many items the naive client works on. Each costs it the same number of calls.
pub const NAIVE_SAMPLE: usize = 200;

/// A situation after it was played.
pub struct PlayedEdits {
    /// Requests, as the server counted them.
    pub requests: Requests,
    /// Calls, as the client counted them.
    pub reported: u64,
    /// The outcomes of the changes.
    pub counts: EditCounts,
    /// Requests that a naive client makes for the same work, counted on at most [`NAIVE_SAMPLE`]
    /// items.
    pub naive: u64,
    /// Items that do not have the values that they should have.
    pub wrong: u64,
    /// How long it took. On a shared machine this says little.
    pub wall: Duration,
}

impl EditRow {
    /// Plays the situation on its own server: a library of the given scale, with actions on `count`
    /// of its items. `child`: see [`child`].
    pub async fn play(&self, scale: Scale, count: u64, child: Arguments) -> Result<PlayedEdits> {
        let (stage, items) = stage(scale, count).await?;
        (self.play)(stage, items, child).await
    }

    /// All requests that may be made.
    pub fn total(&self, count: u64) -> u64 {
        (self.budget)(count).iter().map(|(_, most)| most).sum()
    }

    /// What is wrong: an endpoint got too many requests, a change has another outcome, an item has
    /// other values, some calls were not counted, or a naive client would need no more calls.
    pub fn problem(&self, count: u64, played: &PlayedEdits) -> Option<String> {
        let PlayedEdits { requests, reported, counts, naive, wrong, .. } = played;
        let budget = (self.budget)(count);
        let within = requests.by_endpoint.iter().all(|(endpoint, count)| {
            budget.iter().any(|(allowed, most)| allowed == endpoint && count <= most)
        });
        let total = requests.total();
        let expected = (self.expect)(usize::try_from(count).unwrap(), counts);
        if within && expected && *wrong == 0 && *reported == total && *naive > total {
            return None;
        }
        Some(format!(
            "{:?} of {budget:?}, {reported} counted; {counts}; {wrong} wrong; naive {naive}",
            requests.by_endpoint
        ))
    }
}

/// Reads of this many items by key.
fn reads(count: u64) -> u64 {
    count.div_ceil(200)
}

fn all_done(count: usize, counts: &EditCounts) -> bool {
    *counts == EditCounts { done: count, ..EditCounts::default() }
}

/// All rows, in the order of the table.
pub fn edit_rows() -> Vec<EditRow> {
    vec![
        EditRow {
            name: "verify",
            situation: "verify M matches",
            calls: "ceil(M/200)",
            budget: |count| vec![(Route::Metadata, reads(count))],
            expect: all_done,
            play: |stage, items, _| verify(stage, items).boxed(),
        },
        EditRow {
            name: "edit-right",
            situation: "edit M items that already have the wanted values",
            calls: "1 probe, 0 writes",
            budget: |_| vec![(Route::Sections, 1)],
            expect: |unchanged, counts| {
                *counts == EditCounts { unchanged, ..EditCounts::default() }
            },
            play: |stage, items, _| right(stage, items).boxed(),
        },
        EditRow {
            name: "edit-label-right",
            situation: "add a label to M items that had it when they were read 20 minutes ago",
            calls: "1 probe, 1 delta, ceil(M/200) reads, 0 writes",
            budget: |count| {
                let reading = (Route::Metadata, reads(count));
                vec![(Route::Sections, 1), (Route::Listing, 1), reading]
            },
            expect: |unchanged, counts| {
                *counts == EditCounts { unchanged, ..EditCounts::default() }
            },
            play: |stage, items, _| labelled(stage, items).boxed(),
        },
        EditRow {
            name: "edit-own",
            situation: "edit M items, each with its own title and summary",
            calls: "1 probe, ceil(M/200) reads, M PUT",
            budget: |count| {
                let reading = (Route::Metadata, reads(count));
                vec![(Route::Sections, 1), reading, (Route::Edit, count)]
            },
            expect: all_done,
            play: |stage, items, _| edited(stage, items, Work::Own).boxed(),
        },
        EditRow {
            name: "edit-collection",
            situation: "add one collection to M items",
            calls: "1 probe, ceil(M/200) reads, ceil(M/100) PUT",
            budget: |count| {
                let reading = (Route::Metadata, reads(count));
                vec![(Route::Sections, 1), reading, (Route::Edit, count.div_ceil(100))]
            },
            expect: all_done,
            play: |stage, items, _| edited(stage, items, Work::Collection).boxed(),
        },
        EditRow {
            name: "edit-poisoned",
            situation: "as in `edit-collection`, but the server answers 400 to any edit of 1 item",
            calls: "1 probe, ceil(M/200) reads, ceil(M/100) + 14 PUT",
            budget: |count| {
                let reading = (Route::Metadata, reads(count));
                vec![(Route::Sections, 1), reading, (Route::Edit, count.div_ceil(100) + 14)]
            },
            expect: |count, counts| {
                *counts == EditCounts { done: count - 1, failed: 1, ..EditCounts::default() }
            },
            play: |stage, items, _| edited(stage, items, Work::Poisoned).boxed(),
        },
        EditRow {
            name: "edit-crash",
            situation: "as in `edit-own`; the process is killed after 3 of 10 items were \
                        confirmed, and run again",
            calls: "1 probe, ceil(M/200) reads, 7/10 M PUT and those in doubt (at most 32)",
            budget: |count| {
                let writes = count - confirmed(count) + IN_DOUBT;
                let reading = (Route::Metadata, reads(count));
                vec![(Route::Sections, 1), reading, (Route::Edit, writes)]
            },
            // Items in doubt are read. Some of them already have the new values.
            expect: |count, counts| {
                counts.done + counts.unchanged == count
                    && counts.unchanged as u64 + IN_DOUBT >= confirmed(count as u64)
            },
            play: |stage, items, child| crashed(stage, items, child).boxed(),
        },
    ]
}

/// How many items are confirmed when the process is killed.
fn confirmed(count: u64) -> u64 {
    count * 3 / 10
}

/// The most items of a run for which it may be unknown whether their edit was sent or confirmed:
/// one wave.
const IN_DOUBT: u64 = 32;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Work {
    Own,
    Label,
    Collection,
    Poisoned,
}

/// A warm stage, an hour later, and the items to act on.
async fn stage(scale: Scale, count: u64) -> Result<(Stage, Items)> {
    let stage = Stage::movies(scale).await?;
    let asked = stage.present(scale.items);
    stage.run(&Selection::All, &asked).await?;
    stage.later(LATER);
    // Titles that are an hour old are brought up to date here, because their cost is the subject of
    // another row.
    let engine = stage.engine().await?;
    engine.items(&Selection::All, &[], match_core::Level::Metadata).await?;
    engine.close().await?;
    stage.later(AFTER);
    let mut keys = BTreeMap::new();
    for query in asked {
        keys.extend(query.expect.map(|key| (key, query.query.path)));
    }
    let count = usize::try_from(count)?;
    let items = keys.into_iter().take(count).map(|(key, path)| (path, RatingKey(key)));
    Ok((stage, items.collect()))
}

/// Beyond the freshness window, but before titles are read again.
const AFTER: Duration = Duration::from_mins(10);

/// The changes, in the form of Matchbox and of the naive client.
fn changes(items: &[(String, RatingKey)], work: Work) -> Vec<Change> {
    let change = |(path, key): &(String, RatingKey)| {
        let change = Change::new(*key).of_file(path);
        match work {
            Work::Own => change
                .set(Field::Title, format!("Title of {key}"))
                .set(Field::Summary, format!("What happens in {key}.")),
            Work::Label => change.add_tags(TagField::Label, ["overlay"]),
            Work::Collection | Work::Poisoned => {
                change.add_tags(TagField::Collection, ["Watched with friends"])
            }
        }
    };
    items.iter().map(change).collect()
}

async fn edit(engine: &Engine, changes: Vec<Change>) -> Result<EditRun> {
    Ok(engine.edit(&Selection::All, changes, EditOptions::default()).await?)
}

/// The work of a child that is killed meanwhile.
pub(super) async fn own_titles(engine: &Engine, items: &[(String, RatingKey)]) -> Result<()> {
    edit(engine, changes(items, Work::Own)).await?;
    Ok(())
}

async fn verify(stage: Stage, items: Items) -> Result<PlayedEdits> {
    let client = stage.client()?;
    let engine = Engine::open(client.clone(), stage.config()).await?;
    let matches: Vec<(Query, RatingKey)> =
        items.iter().map(|(path, key)| (Query::new(path.as_str()), *key)).collect();
    stage.pms.reset_requests();
    client.reset_calls();
    let started = Clock::system().monotonic();
    let verified = engine.verify(&Selection::All, &matches).await?.results;
    let wall = started.elapsed();
    let requests = stage.pms.requests();
    let reported = client.calls().total().count;
    engine.close().await?;
    let done = verified.iter().filter(|verified| **verified == Verified::Right).count();
    let counts = EditCounts { done, failed: verified.len() - done, ..EditCounts::default() };
    let naive = naive(&stage, &items, NaiveEdit::Read).await?;
    Ok(PlayedEdits { requests, reported, counts, naive, wrong: 0, wall })
}

async fn right(stage: Stage, items: Items) -> Result<PlayedEdits> {
    let engine = stage.engine().await?;
    own_titles(&engine, &items).await?;
    engine.close().await?;
    stage.later(Duration::from_mins(2));
    measured(&stage, &items, Work::Own, NaiveEdit::Compare).await
}

/// Nothing shows whether somebody removed the label, so the items are read again.
async fn labelled(stage: Stage, items: Items) -> Result<PlayedEdits> {
    let engine = stage.engine().await?;
    edit(&engine, changes(&items, Work::Label)).await?;
    engine.close().await?;
    stage.later(Duration::from_mins(20));
    measured(&stage, &items, Work::Label, NaiveEdit::Compare).await
}

async fn edited(stage: Stage, items: Items, work: Work) -> Result<PlayedEdits> {
    if work == Work::Poisoned {
        let (_, key) = items.get(items.len() / 2).context("no items")?;
        stage.pms.edit(|library| library.poison_item(0, key.0));
    }
    measured(&stage, &items, work, NaiveEdit::Write).await
}

/// The server confirms some edits, and then stops answering. At that point the child is killed.
async fn crashed(stage: Stage, items: Items, child: Arguments) -> Result<PlayedEdits> {
    let confirmed = confirmed(items.len() as u64);
    stage.pms.reset_requests();
    stage.pms.script(FaultRule::since(Route::Edit, confirmed + 1, Fault::Hang));
    let task = items.iter().map(|(path, key)| (path.clone(), key.0)).collect();
    let child = child::start(&stage, child, 0, Task::Edit(task))?;
    child.kill_when(stage.pms.arrived(Route::Edit, confirmed + 1)).await?;
    stage.pms.clear_faults();
    measured(&stage, &items, Work::Own, NaiveEdit::Write).await
}

/// Edits with a new engine on the file, and counts. Then the naive client does the same work.
async fn measured(
    stage: &Stage,
    items: &[(String, RatingKey)],
    work: Work,
    by_hand: NaiveEdit,
) -> Result<PlayedEdits> {
    let engine = stage.engine().await?;
    stage.pms.reset_requests();
    let started = Clock::system().monotonic();
    let run = edit(&engine, changes(items, work)).await?;
    let wall = started.elapsed();
    let requests = stage.pms.requests();
    engine.close().await?;
    let wrong = items.iter().filter(|(_, key)| !is_done(stage, *key, work)).count() as u64;
    let reported = run.calls.total().count;
    let naive = naive(stage, items, by_hand).await?;
    Ok(PlayedEdits { requests, reported, counts: run.counts(), naive, wrong, wall })
}

/// Whether an item on the server has the values that it should have.
fn is_done(stage: &Stage, key: RatingKey, work: Work) -> bool {
    stage.pms.edit(|library| {
        let item = library.item_at(0, key.0);
        match work {
            Work::Own => {
                item.title == format!("Title of {key}")
                    && item.summary == format!("What happens in {key}.")
            }
            Work::Label => item.details.tags_of("label") == ["Overlay"],
            Work::Collection | Work::Poisoned => {
                let tags = item.details.tags_of("collection");
                item.details.poisoned || tags.contains(&"Watched with friends".into())
            }
        }
    })
}

/// Runs the naive client on the first [`NAIVE_SAMPLE`] items, and scales to all: each costs it the
/// same.
async fn naive(stage: &Stage, items: &[(String, RatingKey)], edit: NaiveEdit) -> Result<u64> {
    let client = Naive::new(stage.pms.url(), stage.pms.token());
    let keys: Vec<u64> = items.iter().take(NAIVE_SAMPLE).map(|(_, key)| key.0).collect();
    let calls = client.edit(&keys, edit).await?;
    Ok(calls * items.len() as u64 / keys.len().max(1) as u64)
}
