//! `cargo xtask bench`: Matchbox beside a naive client, through real HTTP and a real file.
//!
//! It exits non-zero on any wrong or missed answer; with `--queries`, where titles may have
//! to decide, on wrong ones only.

mod input;
mod output;
mod progress;
mod scenarios;

use std::path::PathBuf;

use anyhow::{Context, Result, bail, ensure};

use input::Input;
use output::Outcome;
use progress::Progress;

/// Options of `cargo xtask bench`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Movies in the generated library [default: 10000, with --quick 2000].
    #[arg(long, conflicts_with_all = ["library", "server"])]
    items: Option<usize>,
    /// How many queries to make from the library's own files, or a file of queries, one JSON
    /// object a line: {"path": "...", "expect": "12345" | null}, optionally with size,
    /// `duration_ms`, title, year, guids [default: one query an item].
    #[arg(long, value_name = "N | QUERIES.jsonl")]
    queries: Option<String>,
    /// A smaller run, under 20 s after the build.
    #[arg(long)]
    quick: bool,
    /// Report one scenario only: cold, repeat, added or outage.
    #[arg(long, value_name = "NAME")]
    scenario: Option<scenarios::Name>,
    /// Seed of the generated library and queries.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Write the results as JSON.
    #[arg(long, value_name = "PATH")]
    json: Option<PathBuf>,
    /// Write every answer of the first reported scenario as JSON lines, in the order of the
    /// queries.
    #[arg(long, value_name = "PATH")]
    answers: Option<PathBuf>,
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
}

pub(crate) fn run(options: Options) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(measure(options))
}

async fn measure(options: Options) -> Result<()> {
    let progress = Progress::new();
    let input = Input::prepare(&options, &progress).await?;
    let outcome = scenarios::run(&options, input, &progress).await?;
    progress.finish();
    outcome.print();
    if let Some(path) = &options.json {
        outcome.write_json(path).with_context(|| format!("could not write {}", path.display()))?;
    }
    if let Some(path) = &options.answers {
        outcome
            .write_answers(path)
            .with_context(|| format!("could not write {}", path.display()))?;
    }
    judge(&outcome, options.queries().1.is_some())
}

/// Fails the run on wrong answers, on missed ones unless titles had to decide, and when the
/// server could not be asked at all.
fn judge(outcome: &Outcome, titles_decide: bool) -> Result<()> {
    for scenario in &outcome.scenarios {
        if let Some(reason) = &scenario.unexpected_unknown {
            bail!("{}: no answer: {reason}", scenario.name);
        }
        ensure!(
            scenario.wrong == 0,
            "{}: {} of {} answers were wrong",
            scenario.name,
            scenario.wrong,
            scenario.queries
        );
        ensure!(
            scenario.missed == 0 || titles_decide,
            "{}: {} of {} files are there and were not found",
            scenario.name,
            scenario.missed,
            scenario.queries
        );
        if let Some(problem) = &scenario.problem {
            bail!("{}: {problem}", scenario.name);
        }
    }
    Ok(())
}
