//! Situations in which something changed on the server since the last run.

use anyhow::Result;
use futures::FutureExt;
use match_core::Selection;

use super::measured::{Played, one_run};
use super::stage::{MOUNT, Stage};
use super::warm::LATER;
use super::{Row, Scale};
use crate::generate::add_movie;
use crate::library::{FileFilter, Library, Quirks, Updated};
use crate::queries::TruthQuery;

pub(super) fn rows() -> Vec<Row> {
    let mut rows = seen();
    rows.extend(unseen());
    rows
}

/// Changes that a delta shows.
fn seen() -> Vec<Row> {
    vec![
        Row::new(
            "added-1",
            "1 item was added",
            "2",
            |_| 2,
            |scale, _| changed(scale, |library| add(library, 1)).boxed(),
        )
        .stated(TWO_SIZES),
        Row::new(
            "added-400",
            "400 items were added",
            "2",
            |_| 2,
            |scale, _| changed(scale, |library| add(library, 400)).boxed(),
        )
        .stated(TWO_SIZES)
        .tested(1_200, 500),
        Row::new(
            "edited-400",
            "400 items were edited elsewhere, and 1 was added",
            "2",
            |_| 2,
            |scale, _| changed(scale, |library| edit_and_add(library, 400)).boxed(),
        )
        .stated(TWO_SIZES)
        .tested(1_200, 500),
        Row::new(
            "added-undated",
            "1 item was added, and the server leaves `updatedAt` out of some rows",
            "3",
            |_| 3,
            |scale, _| odd(scale, |quirks| quirks.updated = Updated::NotBySome).boxed(),
        ),
        Row::new(
            "added-no-times",
            "1 item was added, and the server leaves `updatedAt` out of every row",
            "4",
            |_| 4,
            |scale, _| odd(scale, |quirks| quirks.updated = Updated::NotTold).boxed(),
        ),
        Row::new(
            "added-unsorted",
            "1 item was added, and the server ignores the sort by `updatedAt`",
            "4",
            |_| 4,
            |scale, _| odd(scale, |quirks| quirks.ignored_sorts = &["updatedAt:desc"]).boxed(),
        ),
        Row::new(
            "deleted-1",
            "1 item was deleted, and a scan ran",
            "24",
            |_| 24,
            |scale, _| exchanged(scale, 1, 0).boxed(),
        )
        .stated(&[100_000])
        .tested(2_000, 10),
        Row::new(
            "deleted-10-added-10",
            "10 items were deleted, and 10 were added",
            "160",
            |_| 160,
            |scale, _| exchanged(scale, 10, 10).boxed(),
        )
        .stated(&[100_000])
        .tested(2_000, 10),
    ]
}

/// Changes that a delta does not show, or does not show completely.
fn unseen() -> Vec<Row> {
    vec![
        Row::new(
            "edited",
            "1 item was edited elsewhere, which is noticed when metadata are due",
            "2",
            |_| 2,
            |scale, _| edited(scale, false).boxed(),
        ),
        Row::new(
            "edited-scanned",
            "as in `edited`, and a scan ran",
            "2",
            |_| 2,
            |scale, _| edited(scale, true).boxed(),
        ),
        Row::new(
            "replaced",
            "1 file was replaced in place, and its new path is queried",
            "6",
            |_| 6,
            |scale, _| replaced(scale, FileFilter::Ignored).boxed(),
        ),
        Row::new(
            "replaced-file",
            "as in `replaced`, and the server honours `file=`",
            "6",
            |_| 6,
            |scale, _| replaced(scale, FileFilter::Exact).boxed(),
        ),
        Row::new(
            "half-deleted",
            "half of the library was deleted: 2 calls, and a sweep of the rest",
            "2 + ceil(N/2P)",
            |scale| 2 + (scale.items / 2).div_ceil(u64::from(scale.page)),
            |scale, _| half_deleted(scale).boxed(),
        ),
        Row::new(
            "re-created",
            "a section was removed and created again under the same name",
            "2 + 2 + ceil(N/P)",
            |scale| 4 + scale.pages(),
            |scale, _| recreated(scale).boxed(),
        ),
    ]
}

/// A warm stage, and the queries that warmed it. Their files exist, so no absence has to be proven
/// again.
pub(super) async fn warmed(scale: Scale) -> Result<(Stage, Vec<TruthQuery>)> {
    let stage = Stage::movies(scale).await?;
    let asked = stage.present(scale.items);
    stage.run(&Selection::All, &asked).await?;
    stage.later(LATER);
    Ok((stage, asked))
}

/// The sizes that a small change is stated for.
const TWO_SIZES: &[u64] = &[10_000, 100_000];

async fn changed(
    scale: Scale,
    change: impl FnOnce(&mut Library) -> Vec<TruthQuery>,
) -> Result<Played> {
    let (stage, mut asked) = warmed(scale).await?;
    asked.extend(stage.pms.edit(change));
    one_run(stage, asked).await
}

/// An item is added to a server with an unusual property.
async fn odd(scale: Scale, quirk: fn(&mut Quirks)) -> Result<Played> {
    let stage = Stage::movies(scale).await?;
    stage.pms.edit(|library| quirk(&mut library.quirks));
    let mut asked = stage.present(scale.items);
    stage.run(&Selection::All, &asked).await?;
    stage.later(LATER);
    asked.extend(stage.pms.edit(|library| add(library, 1)));
    one_run(stage, asked).await
}

/// Gives some items other titles, which no query needs, and adds one item, so that there is
/// something to find.
fn edit_and_add(library: &mut Library, count: usize) -> Vec<TruthQuery> {
    let keys: Vec<u64> = library.sections[0].items().iter().map(|item| item.rating_key).collect();
    for key in keys.iter().step_by(keys.len() / count).take(count) {
        library.edit_title(0, *key, &format!("Another Title Of {key}"));
    }
    add(library, 1)
}

async fn exchanged(scale: Scale, deleted: u64, added: u64) -> Result<Played> {
    let (stage, mut asked) = warmed(scale).await?;
    stage.pms.edit(|library| {
        let step = scale.items / (deleted + 1);
        for at in 1..=deleted {
            let at = usize::try_from(at * step).unwrap();
            let key = library.sections[0].items()[at].rating_key;
            library.remove_item(0, key);
            // Only a proof can tell whether a deleted item is gone. That is the subject of another
            // row.
            asked.retain(|query| query.expect != Some(key));
        }
        asked.extend(add(library, added));
        library.scan(0);
    });
    one_run(stage, asked).await
}

/// Adds movies to the first section, and ends a scan. Returns the queries for the movies.
fn add(library: &mut Library, count: u64) -> Vec<TruthQuery> {
    let added = (0..count).map(|at| {
        let (key, path) = add_movie(library, 0, &format!("Only Just Added No {at} (2026)"));
        TruthQuery::new(path, Some(key))
    });
    let queries = added.collect();
    library.scan(0);
    queries
}

/// A file is matched only by its title. Somebody gives the item another title. A query with the old
/// title must find nothing, and a query with the new title must find the item. A scan may end
/// without finding anything.
async fn edited(scale: Scale, scanned: bool) -> Result<Played> {
    let stage = Stage::movies(scale).await?;
    let (key, title, year) = stage.pms.edit(|library| {
        let item = &library.sections[0].items()[0];
        (item.rating_key, item.title.clone(), item.year)
    });
    let asked = |title: &str, expect| {
        let mut asked = TruthQuery::new(format!("{MOUNT}/unsorted/{key}-x1.mkv"), expect);
        (asked.title, asked.year) = (Some(title.to_owned()), year);
        asked
    };
    let before = vec![asked(&title, Some(key))];
    stage.run(&Selection::All, &stage.present(scale.items)).await?;
    stage.run(&Selection::All, &before).await?;
    stage.later(LATER);
    let new = "Nobody Ever Called It So";
    stage.pms.edit(|library| {
        library.edit_title(0, key, new);
        if scanned {
            library.scan(0);
        }
    });
    let asked = vec![asked(&title, None), asked(new, Some(key))];
    one_run(stage, asked).await
}

async fn replaced(scale: Scale, filter: FileFilter) -> Result<Played> {
    let (stage, _) = warmed(scale).await?;
    let asked = stage.pms.edit(|library| {
        library.quirks.file_filter = filter;
        // A file in a folder of its own name, as most files are.
        let usual = library.sections[0].items().iter().find_map(|item| {
            let file = &item.media[0].parts[0].file;
            let (folder, name) = file.rsplit_once('/')?;
            let stem = name.strip_suffix(".mkv")?;
            folder.ends_with(stem).then(|| (item.rating_key, folder.to_owned(), stem.to_owned()))
        });
        let (key, folder, stem) = usual.unwrap();
        let root = library.sections[0].locations[0].1.clone();
        let file = format!("{folder}/{stem} - Remux.mkv");
        library.replace_file(0, key, &file, 33_000_000_000);
        library.scan(0);
        TruthQuery::new(file.replacen(&root, MOUNT, 1), Some(key))
    });
    let asked = vec![asked];
    one_run(stage, asked).await
}

async fn half_deleted(scale: Scale) -> Result<Played> {
    let (stage, _) = warmed(scale).await?;
    stage.pms.edit(|library| {
        let keys: Vec<u64> =
            library.sections[0].items().iter().step_by(2).map(|item| item.rating_key).collect();
        for key in keys {
            library.remove_item(0, key);
        }
        library.scan(0);
    });
    let asked = stage.present(scale.items);
    one_run(stage, asked).await
}

async fn recreated(scale: Scale) -> Result<Played> {
    let (stage, _) = warmed(scale).await?;
    stage.pms.edit(|library| library.recreate_section(0));
    let asked = stage.present(scale.items);
    one_run(stage, asked).await
}
