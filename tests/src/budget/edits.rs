//! The call budget of acting on matches: verifying and editing, warm.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use futures::FutureExt;
use futures::future::BoxFuture;
use match_core::{Change, EditCounts, EditOptions, EditRun, Engine, Query, Selection, Verified};
use plex_api::{Field, RatingKey, TagField};

use super::Scale;
use super::stage::Stage;
use super::warm::LATER;
use crate::faults::{Fault, Rule};
use crate::naive::{Naive, NaiveEdit};
use crate::server::{Endpoint, Requests};

/// One row of the table.
pub struct EditRow {
    /// A short name.
    pub name: &'static str,
    /// The situation, in words.
    pub situation: &'static str,
    /// The budget in words.
    pub calls: &'static str,
    /// Requests that may be made to each endpoint, for so many items that are acted on. An
    /// endpoint that is not named may not be asked at all.
    pub budget: fn(u64) -> Vec<(Endpoint, u64)>,
    /// How many of so many items come to what; a verified match that is right counts as done.
    pub expect: fn(usize) -> EditCounts,
    play: fn(Scale, u64) -> BoxFuture<'static, Result<PlayedEdits>>,
}

/// A situation after it was played.
pub struct PlayedEdits {
    /// Requests, by the server's own count.
    pub requests: Requests,
    /// Calls that the engine says it made.
    pub reported: u64,
    /// What the changes came to.
    pub counts: EditCounts,
    /// Requests that a naive client makes for the same work.
    pub naive: u64,
    /// Items that are not what they should be.
    pub wrong: u64,
}

impl EditRow {
    /// Plays the situation on a server of its own: a library as large as the scale says, of
    /// which so many items are acted on.
    pub async fn play(&self, scale: Scale, count: u64) -> Result<PlayedEdits> {
        (self.play)(scale, count).await
    }
}

/// Reads of so many items by key.
fn reads(count: u64) -> u64 {
    count.div_ceil(200)
}

fn all_done(done: usize) -> EditCounts {
    EditCounts { done, ..EditCounts::default() }
}

/// All rows, in the order of the table.
pub fn edit_rows() -> Vec<EditRow> {
    vec![
        EditRow {
            name: "verify",
            situation: "verify M matches",
            calls: "ceil(M/200)",
            budget: |count| vec![(Endpoint::Metadata, reads(count))],
            expect: all_done,
            play: |scale, count| verify(scale, count).boxed(),
        },
        EditRow {
            name: "edit-right",
            situation: "M items, all already right",
            calls: "1 probe, 0 writes",
            budget: |_| vec![(Endpoint::Sections, 1)],
            expect: |unchanged| EditCounts { unchanged, ..EditCounts::default() },
            play: |scale, count| right(scale, count).boxed(),
        },
        EditRow {
            name: "edit-own",
            situation: "M items, each with its own title and summary",
            calls: "1 probe, ceil(M/200) reads, M PUT",
            budget: |count| {
                let reading = (Endpoint::Metadata, reads(count));
                vec![(Endpoint::Sections, 1), reading, (Endpoint::Edit, count)]
            },
            expect: all_done,
            play: |scale, count| edited(scale, count, Work::Own).boxed(),
        },
        EditRow {
            name: "edit-collection",
            situation: "add one collection to M items",
            calls: "1 probe, ceil(M/200) reads, ceil(M/100) PUT",
            budget: |count| {
                let reading = (Endpoint::Metadata, reads(count));
                vec![(Endpoint::Sections, 1), reading, (Endpoint::Edit, count.div_ceil(100))]
            },
            expect: all_done,
            play: |scale, count| edited(scale, count, Work::Collection).boxed(),
        },
        EditRow {
            name: "edit-poisoned",
            situation: "the same, and the server answers 400 whenever one of the items is edited",
            calls: "1 probe, ceil(M/200) reads, ceil(M/100) + 14 PUT",
            budget: |count| {
                let reading = (Endpoint::Metadata, reads(count));
                vec![(Endpoint::Sections, 1), reading, (Endpoint::Edit, count.div_ceil(100) + 14)]
            },
            expect: |count| EditCounts { done: count - 1, failed: 1, ..EditCounts::default() },
            play: |scale, count| edited(scale, count, Work::Poisoned).boxed(),
        },
        EditRow {
            name: "edit-crash",
            situation: "own titles; a crash after 3 of 10 items were confirmed, then run again",
            calls: "1 probe, ceil(M/200) reads, 7/10 M PUT and those in doubt (at most 32)",
            budget: |count| {
                let reading = (Endpoint::Metadata, reads(count));
                vec![
                    (Endpoint::Sections, 1),
                    reading,
                    (Endpoint::Edit, count - done_of(count) + 32),
                ]
            },
            expect: |count| {
                // Confirmed before the crash, apart from those in doubt: the test says more.
                all_done(count)
            },
            play: |scale, count| crashed(scale, count).boxed(),
        },
    ]
}

/// How many items were confirmed before the crash.
fn done_of(count: u64) -> u64 {
    count * 3 / 10
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Work {
    Own,
    Collection,
    Poisoned,
}

/// A warm stage, an hour later, and the items that are acted on.
async fn stage(scale: Scale, count: u64) -> Result<(Stage, Vec<(String, RatingKey)>)> {
    let stage = Stage::movies(scale).await?;
    let asked = stage.present(scale.items);
    stage.run(&Selection::All, &asked).await?;
    stage.later(LATER);
    // Titles that are an hour old are brought up to date: that is another row's question.
    let engine = stage.engine().await?;
    engine.items(&Selection::All, &[], match_core::Level::Metadata).await?;
    engine.close().await?;
    stage.later(AFTER);
    let mut keys = BTreeMap::new();
    for query in asked {
        keys.extend(query.expect.map(|key| (key, query.path)));
    }
    let count = usize::try_from(count)?;
    let items = keys.into_iter().take(count).map(|(key, path)| (path, RatingKey(key)));
    Ok((stage, items.collect()))
}

/// Beyond the freshness window, and within the age at which titles are read anew.
const AFTER: std::time::Duration = std::time::Duration::from_mins(10);

/// The changes, and the same for the naive client.
fn changes(items: &[(String, RatingKey)], work: Work) -> Vec<Change> {
    let change = |(path, key): &(String, RatingKey)| {
        let change = Change::new(*key).of_file(path);
        match work {
            Work::Own => change
                .set(Field::Title, format!("Title of {key}"))
                .set(Field::Summary, format!("What happens in {key}.")),
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

async fn verify(scale: Scale, count: u64) -> Result<PlayedEdits> {
    let (stage, items) = stage(scale, count).await?;
    let engine = stage.engine().await?;
    stage.pms.reset_requests();
    let matches: Vec<(Query, RatingKey)> =
        items.iter().map(|(path, key)| (Query::new(path.as_str()), *key)).collect();
    let verified = engine.verify(&Selection::All, &matches).await?;
    let right = verified.iter().filter(|verified| **verified == Verified::Right).count();
    let requests = stage.pms.requests();
    engine.close().await?;
    let reported = requests.total();
    let naive = naive(&stage, &items, NaiveEdit::Read).await?;
    let counts = all_done(right);
    Ok(PlayedEdits { requests, reported, counts, naive, wrong: 0 })
}

async fn right(scale: Scale, count: u64) -> Result<PlayedEdits> {
    let (stage, items) = stage(scale, count).await?;
    let engine = stage.engine().await?;
    edit(&engine, changes(&items, Work::Own)).await?;
    engine.close().await?;
    stage.later(std::time::Duration::from_mins(2));
    let played = measured(&stage, &items, Work::Own).await?;
    let naive = naive(&stage, &items, NaiveEdit::Compare).await?;
    Ok(PlayedEdits { naive, ..played })
}

async fn edited(scale: Scale, count: u64, work: Work) -> Result<PlayedEdits> {
    let (stage, items) = stage(scale, count).await?;
    if work == Work::Poisoned {
        let (_, key) = items.get(items.len() / 2).context("no items")?;
        stage.pms.edit(|library| library.poison_item(0, key.0));
    }
    let played = measured(&stage, &items, work).await?;
    let naive = naive(&stage, &items, NaiveEdit::Write).await?;
    Ok(PlayedEdits { naive, ..played })
}

async fn crashed(scale: Scale, count: u64) -> Result<PlayedEdits> {
    let (stage, items) = stage(scale, count).await?;
    let engine = stage.engine().await?;
    // The server confirms some, and then no answer comes any more.
    let before = stage.pms.requests().count(Endpoint::Edit);
    let rule = Rule {
        endpoint: Some(Endpoint::Edit),
        nth: done_of(count) + 1,
        times: u64::MAX,
        fault: Fault::Hang,
    };
    stage.pms.script(rule);
    {
        let running = std::pin::pin!(edit(&engine, changes(&items, Work::Own)));
        let hangs = std::pin::pin!(async {
            while stage.pms.requests().count(Endpoint::Edit) - before <= done_of(count) {
                tokio::task::yield_now().await;
            }
        });
        // The run is dropped where it stands.
        futures::future::select(running, hangs).await;
    }
    drop(engine);
    stage.pms.clear_faults();
    let played = measured(&stage, &items, Work::Own).await?;
    let naive = naive(&stage, &items, NaiveEdit::Write).await?;
    Ok(PlayedEdits { naive, ..played })
}

/// Edits with a new engine on the file, and counts.
async fn measured(stage: &Stage, items: &[(String, RatingKey)], work: Work) -> Result<PlayedEdits> {
    let engine = stage.engine().await?;
    stage.pms.reset_requests();
    let run = edit(&engine, changes(items, work)).await?;
    let requests = stage.pms.requests();
    engine.close().await?;
    let is = |key: RatingKey| {
        stage.pms.edit(|library| {
            let item = library.item_at(0, key.0);
            match work {
                Work::Own => {
                    item.title == format!("Title of {key}")
                        && item.summary == format!("What happens in {key}.")
                }
                Work::Collection | Work::Poisoned => {
                    item.details.poisoned
                        || item
                            .details
                            .tags_of("collection")
                            .contains(&"Watched with friends".into())
                }
            }
        })
    };
    let wrong = items.iter().filter(|(_, key)| !is(*key)).count() as u64;
    let reported = run.calls.total().count;
    Ok(PlayedEdits { requests, reported, counts: run.counts(), naive: 0, wrong })
}

async fn naive(stage: &Stage, items: &[(String, RatingKey)], edit: NaiveEdit) -> Result<u64> {
    let client = Naive::new(stage.pms.url(), stage.pms.token());
    let keys: Vec<u64> = items.iter().map(|(_, key)| key.0).collect();
    client.edit(&keys, edit).await
}
