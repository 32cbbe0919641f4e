//! `cargo xtask bench`: Matchbox beside a naive client, through real HTTP and a real file.
//!
//! It exits non-zero on any wrong or missed answer (with `--queries FILE`, where titles may
//! have to decide, on wrong ones only), on a call budget that was not kept to, on a warm run at
//! 10,000 items that is not 10,000 times cheaper in calls than the naive client, and, with
//! `--baseline`, on counts that rose or times that left the noise band.

mod assumptions;
mod baseline;
mod budget;
mod check;
mod html;
mod input;
mod matrix;
mod naive;
mod plan;
mod profile;
mod progress;
mod result;
mod series;
mod story;
mod table;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use input::Input;
use plan::{Mode, Selected};
pub(crate) use profile::Profile;
use progress::Progress;
use result::{Accuracy, Outcome};
use story::Story;

/// Seed of the corpus: the one that `cargo xtask corpus` plays.
const CORPUS_SEED: u64 = 11;

/// Options of `cargo xtask bench`.
#[derive(clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(crate) struct Options {
    /// Movies in the generated library [default: 10000, with --quick 2000]. With this, or with
    /// --queries, --library or --server, only the four main scenarios run.
    #[arg(long, conflicts_with_all = ["library", "server"])]
    items: Option<usize>,
    /// How many queries to make from the library's own files, or a file of queries, one JSON
    /// object a line: {"path": "...", "expect": "12345" | null}, optionally with size,
    /// `duration_ms`, title, year, guids [default: one query an item].
    #[arg(long, value_name = "N | QUERIES.jsonl")]
    queries: Option<String>,
    /// A smaller run, under 20 s after the build.
    #[arg(long, conflicts_with = "full")]
    quick: bool,
    /// Every row of the budget at every size it is stated for, and a library of a million.
    #[arg(long)]
    full: bool,
    /// Run one scenario only; `--list` shows the names.
    #[arg(long, value_name = "NAME")]
    scenario: Option<String>,
    /// List the scenarios and exit.
    #[arg(long)]
    list: bool,
    /// Seed of the generated library and queries.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Write the results as JSON.
    #[arg(long, value_name = "PATH")]
    json: Option<PathBuf>,
    /// Write the results as one self-contained page.
    #[arg(long, value_name = "PATH", default_value = "target/bench/report.html")]
    html: PathBuf,
    /// Write every answer of the first reported scenario as JSON lines, in the order of the
    /// queries.
    #[arg(long, value_name = "PATH")]
    answers: Option<PathBuf>,
    /// Compare with the JSON of an earlier run: fails if a count rose or a time left the
    /// noise band.
    #[arg(long, value_name = "PATH")]
    baseline: Option<PathBuf>,
    /// Write the counts (no times) of this run as a baseline.
    #[arg(long, value_name = "PATH")]
    write_baseline: Option<PathBuf>,
    /// Write a trace of the run, to open in Chrome or at <https://ui.perfetto.dev>.
    #[arg(long, value_name = "PATH")]
    trace: Option<PathBuf>,
    /// Show where the time went, by phase.
    #[arg(long)]
    profile: bool,
    #[arg(skip)]
    profiler: Profile,
    /// Serve captured `/library/sections/{id}/all` answers instead of a generated library.
    #[arg(long, value_name = "PAGE.json", num_args = 1.., conflicts_with = "server")]
    library: Vec<PathBuf>,
    /// Run read-only against a real Plex Media Server; the token comes from `PLEX_TOKEN`.
    #[arg(long, value_name = "URL", requires = "section")]
    server: Option<String>,
    /// The section on that server.
    #[arg(long, value_name = "NAME", requires = "server")]
    section: Option<String>,
}

impl Options {
    /// The number of queries asked for, or the file that holds them.
    fn queries(&self) -> (Option<usize>, Option<PathBuf>) {
        match &self.queries {
            None => (None, None),
            Some(text) => match text.parse() {
                Ok(count) => (Some(count), None),
                Err(_) => (None, Some(PathBuf::from(text))),
            },
        }
    }

    /// Where to write a trace.
    pub(crate) fn trace(&self) -> Option<&Path> {
        self.trace.as_deref()
    }

    /// What sums up the time by phase, if that is asked for.
    pub(crate) fn profiler(&self) -> Option<Profile> {
        self.profile.then(|| self.profiler.clone())
    }

    fn mode(&self) -> Mode {
        match (self.quick, self.full) {
            (true, _) => Mode::Quick,
            (false, true) => Mode::Full,
            (false, false) => Mode::Default,
        }
    }

    /// Whether the run is about an input of the caller's own.
    fn own_input(&self) -> bool {
        self.items.is_some()
            || self.queries.is_some()
            || !self.library.is_empty()
            || self.server.is_some()
    }
}

/// Does a child's work: the bench started this program again.
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
    outcome.print();
    if options.profile {
        options.profiler.print(&outcome);
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
    let started = story::now();
    let mut outcome = Outcome::new(options.seed);
    if !selected.story.is_empty() {
        let mut input = Input::prepare(options, progress).await?;
        outcome.server = input.seen.take();
        outcome.items = input.items;
        let story = Story { prefix: String::new(), wanted: &selected.story, trouble: &[] };
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
        outcome.write_json(path).with_context(|| what(path))?;
    }
    if let Some(path) = &options.answers {
        outcome.write_answers(path).with_context(|| what(path))?;
    }
    if let Some(path) = &options.write_baseline {
        baseline::write(path, outcome).with_context(|| what(path))?;
    }
    html::write(&options.html, outcome).with_context(|| what(&options.html))?;
    println!("\nThe page: {}", options.html.display());
    Ok(())
}
