//! `cargo xtask bench`: compares Matchbox with a naive client, over real HTTP and with a real cache
//! file.
//!
//! There are three layers. `gather` plays the situations. `compute` compares the results with the
//! truth, the budget and an earlier run. `draw` shows them.
//!
//! The bench exits non-zero in these cases:
//!
//! - An answer is wrong or missed. With `--queries FILE` titles may have to decide, so only wrong
//!   answers count.
//! - A scenario makes more calls than its budget.
//! - The naive client makes fewer than 10,000 calls for one of ours on a warm run at 10,000 items.
//! - With `--baseline`, a count rose or a time left the noise band.

mod compute;
mod draw;
mod gather;

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};

use compute::outcome::{Accuracy, Outcome};
use compute::{baseline, check};
use draw::{html, json, terminal};
use gather::clock::now;
use gather::input::Input;
pub(crate) use gather::options::Options;
use gather::plan::{self, Mode, Selected};
pub(crate) use gather::profile::Profile;
use gather::progress::Progress;
use gather::story::Story;
use gather::{budget, matrix, series};

/// Seed of the corpus, the same as in `cargo xtask corpus`.
const CORPUS_SEED: u64 = 11;

/// Does the work of a child process that the bench started.
pub(crate) fn child() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let started = runtime.block_on(testbed::budget::child::work())?;
    ensure!(started, "only the bench can start this");
    Ok(())
}

pub(crate) fn run(options: &Options) -> Result<()> {
    if options.list {
        plan::print(options.mode());
        return Ok(());
    }
    let selected = Selected::new(options.scenario.as_deref(), options.mode(), options.own_input())?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let progress = Progress::new();
    let outcome = runtime.block_on(measure(options, &selected, &progress))?;
    progress.finish();
    terminal::print(&outcome);
    if options.profile {
        terminal::print_profile(&options.profiler.sums(), &outcome);
    }
    write(options, &outcome)?;
    let terms = check::Terms {
        titles_decide: options.queries().1.is_some(),
        generated: options.library.is_empty() && options.server.is_none(),
    };
    check::judge(&outcome, terms)?;
    match &options.baseline {
        Some(path) => baseline::compare(path, &outcome),
        None => Ok(()),
    }
}

async fn measure(options: &Options, selected: &Selected, progress: &Progress) -> Result<Outcome> {
    let mode = options.mode();
    let started = now();
    let mut outcome = Outcome::new(options.seed);
    if !selected.story.is_empty() {
        let mut input = Input::prepare(options, progress).await?;
        outcome.server = input.seen.take();
        outcome.items = input.items;
        let python = options.rival.as_deref();
        let story = Story { prefix: String::new(), wanted: &selected.story, trouble: &[], python };
        outcome.scenarios = story.play(input, progress).await?;
    }
    outcome.budget = budget::run(&selected.rows, mode, progress).await?;
    outcome.matrix = matrix::run(&selected.variants, mode, options.seed, progress).await?;
    if selected.series {
        let items = if mode == Mode::Quick { 500 } else { 5_000 };
        outcome.series = Some(series::measure(items, progress).await?);
    }
    if selected.accuracy {
        let each = if mode == Mode::Quick { 5 } else { 40 };
        progress.say(format!("accuracy: {each} files of each distortion"));
        let lines = testbed::corpus::report(each, CORPUS_SEED).await?;
        let line = |line: testbed::corpus::Line| Accuracy {
            distortion: line.distortion.to_owned(),
            tally: line.all,
        };
        outcome.accuracy = lines.into_iter().map(line).collect();
    }
    outcome.seconds = started.elapsed().as_secs_f64();
    Ok(outcome)
}

fn write(options: &Options, outcome: &Outcome) -> Result<()> {
    let what = |path: &PathBuf| format!("could not write {}", path.display());
    if let Some(path) = &options.json {
        json::results(outcome, path).with_context(|| what(path))?;
    }
    if let Some(path) = &options.answers {
        json::answers(outcome, path).with_context(|| what(path))?;
    }
    if let Some(path) = &options.write_baseline {
        baseline::write(path, outcome).with_context(|| what(path))?;
    }
    html::write(&options.html, outcome).with_context(|| what(&options.html))?;
    println!("\nThe page: {}", options.html.display());
    Ok(())
}
