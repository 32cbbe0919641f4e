//! Plays the rows of the call budget at their documented sizes, and the naive client beside them.

use anyhow::{Context, Result};
use testbed::budget::{Arguments, EditRow, Row, Scale, edit_rows, rows};

use super::plan::Mode;
use super::progress::Progress;
use super::rivals;
use crate::bench::compute::scenario::Scenario;

/// Larger sizes take minutes in total, so only `--full` plays them.
const LARGEST: u64 = 10_000;

/// A library of this size, with pages of the usual size.
const NORMAL: Scale = Scale::new(LARGEST);

/// The arguments that make this program do the work of a child process.
const CHILD: Arguments = &["child"];

/// Plays the rows with these names.
pub(crate) async fn run(
    names: &[&'static str],
    mode: Mode,
    progress: &Progress,
) -> Result<Vec<Scenario>> {
    let mut played = Vec::new();
    for row in rows().iter().filter(|row| names.contains(&row.name)) {
        for scale in scales(row, mode) {
            progress.say(format!("budget: {}, {} items", row.name, scale.items));
            played.push(play(row, scale).await.with_context(|| row.name)?);
        }
    }
    for row in edit_rows().iter().filter(|row| names.contains(&row.name)) {
        let (scale, count) = match mode {
            Mode::Quick => (Scale::new(600), 200),
            Mode::Default | Mode::Full => (Scale::new(10_000), 1_000),
        };
        progress.say(format!("budget: {}, {count} of {} items", row.name, scale.items));
        played.push(play_edits(row, scale, count).await.with_context(|| row.name)?);
    }
    Ok(played)
}

async fn play_edits(row: &EditRow, scale: Scale, count: u64) -> Result<Scenario> {
    let played = row.play(scale, count, CHILD).await?;
    Ok(Scenario::edited(row, scale.items, count, &played))
}

/// The sizes at which a row is played: its documented sizes that are not too large, or else the
/// small one of the tests.
fn scales(row: &Row, mode: Mode) -> Vec<Scale> {
    let limit = match mode {
        Mode::Quick => 0,
        Mode::Default => LARGEST,
        Mode::Full => u64::MAX,
    };
    let stated = row.items.iter().filter(|&&items| items <= limit);
    let scales: Vec<Scale> = stated.map(|&items| Scale::new(items)).collect();
    if scales.is_empty() { vec![row.test] } else { scales }
}

async fn play(row: &Row, scale: Scale) -> Result<Scenario> {
    let played = row.play(scale, CHILD).await?;
    let mut scenario = Scenario::played(row, scale.items, &played);
    let pms = &played.stage.pms;
    let server = (pms.url(), pms.token());
    let times = scenario.queries / played.asked.len().max(1) as u64;
    let naive = rivals::naive(server, None, &played.asked, scale.items).await?;
    scenario.naive = naive.times(times);
    // A small library with small pages stands for a large one. The other clients get smaller pages
    // too.
    let scaled = |page: usize| (page * scale.page as usize / NORMAL.page as usize).max(1);
    for page in rivals::PAGES.map(scaled) {
        let rival = rivals::lister(server, None, &played.asked, page).await;
        scenario.rivals.push(rival.times(times));
    }
    played.stage.pms.stop().await;
    Ok(scenario)
}
