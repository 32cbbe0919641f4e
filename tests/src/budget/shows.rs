//! Episodes: by their paths, and by names that need the section's shows.

use std::time::Duration;

use anyhow::Result;
use futures::FutureExt;
use match_core::Selection;
use serde_json::json;

use super::measured::{Played, one_run};
use super::stage::{MOUNT, Stage};
use super::warm::LATER;
use super::{Row, Scale};
use crate::library::{Item, Library, Media, Part, SectionKind};
use crate::queries::{TruthQuery, queries};

/// Episodes of a show: the S of the table is N/10.
const EPISODES: u64 = 10;

pub(super) fn rows() -> Vec<Row> {
    vec![
        Row::new(
            "cold-episodes",
            "the cache is empty, and the paths of all episodes of a section are queried",
            "2 + ceil(N/P)",
            |scale| 2 + scale.pages(),
            |scale, _| cold(scale, by_path).boxed(),
        ),
        Row::new(
            "cold-shows",
            "as in `cold-episodes`, but by names that need the list of the S = N/10 shows",
            "2 + ceil(N/P) + ceil(S/P)",
            |scale| 2 + scale.pages() + Scale { items: scale.items / EPISODES, ..scale }.pages(),
            |scale, _| cold(scale, by_name).boxed(),
        ),
        Row::new(
            "warm-shows",
            "`cold-shows` an hour later, unchanged: titles are read again, shows are known",
            "2",
            |_| 2,
            |scale, _| warm(scale, LATER).boxed(),
        ),
        Row::new(
            "fresh-shows",
            "`cold-shows` again within the freshness window",
            "0",
            |_| 0,
            |scale, _| warm(scale, Duration::from_secs(59)).boxed(),
        ),
    ]
}

async fn cold(scale: Scale, asked: fn(&Library) -> Vec<TruthQuery>) -> Result<Played> {
    let stage = Stage::start(shows(scale), scale).await?;
    let asked = stage.pms.edit(|library| asked(library));
    one_run(stage, asked).await
}

async fn warm(scale: Scale, later: Duration) -> Result<Played> {
    let stage = Stage::start(shows(scale), scale).await?;
    let asked = stage.pms.edit(|library| by_name(library));
    stage.run(&Selection::All, &asked).await?;
    stage.later(later);
    one_run(stage, asked).await
}

/// Shows whose names use the original title, with one season each.
fn shows(scale: Scale) -> Library {
    let mut library = Library::new("0123456789abcdef0123456789abcdef01234567", 1_700_000_000);
    let root = "/data/tv";
    let section = library.add_section("Shows", SectionKind::Show, "tv", &[root]);
    for number in 0..scale.items / EPISODES {
        let title = format!("Harbour No {number}");
        let mut show = Item { title: title.clone(), year: Some(2001), ..Item::default() };
        show.details.fields.insert("originalTitle".to_owned(), json!(original(number)));
        let show = library.put_show(section, show);
        for index in 1..=EPISODES {
            let file = format!("{root}/{title}/Season 1/{title} - S01E{index:02}.mkv");
            // One episode each hour, so that a delta reads few of them again.
            let hours = i64::try_from(scale.items - number * EPISODES - index).unwrap();
            let at = library.now() - 3_600 * hours;
            let part = Part { file, size: 1 << 30, duration_ms: 1_000, ..Part::default() };
            let item = Item {
                title: format!("Chapter {index}"),
                grandparent: Some(show),
                grandparent_title: Some(title.clone()),
                parent_index: Some(1),
                index: u32::try_from(index).ok(),
                added_at: at,
                updated_at: at,
                media: vec![Media { parts: vec![part], ..Media::default() }],
                ..Item::default()
            };
            library.put_item(section, item);
        }
    }
    library
}

fn original(number: u64) -> String {
    format!("El puerto de {number}")
}

fn by_path(library: &Library) -> Vec<TruthQuery> {
    queries(library, library.sections[0].len(), 7, MOUNT)
}

fn by_name(library: &Library) -> Vec<TruthQuery> {
    let items = library.sections[0].items().iter().zip(0..);
    let name = |(item, at): (&Item, u64)| {
        let show = original(at / EPISODES).replace(' ', ".");
        let path = format!("{MOUNT}/{show}.S01E{:02}.1080p.WEB.mkv", item.index.unwrap_or(0));
        TruthQuery::new(path, Some(item.rating_key))
    };
    items.map(name).collect()
}
