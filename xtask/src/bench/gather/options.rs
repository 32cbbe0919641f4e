//! The options of the command line.

use std::path::{Path, PathBuf};

use super::plan::Mode;
use super::profile::Profile;

/// Options of `cargo xtask bench`.
#[derive(clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(crate) struct Options {
    /// Movies in the generated library [default: 10000, with --quick 2000]. With this, or with
    /// --queries, --library or --server, only the four main scenarios run.
    #[arg(long, conflicts_with_all = ["library", "server"])]
    pub(crate) items: Option<usize>,
    /// How many queries to make from the library's own files; or a file with queries, one JSON
    /// object in each line: {"path": "...", "expect": "12345" | null}, optionally with size,
    /// `duration_ms`, title, year, guids [default: one query for each item].
    #[arg(long, value_name = "N | QUERIES.jsonl")]
    pub(crate) queries: Option<String>,
    /// A smaller run, under 20 s after the build.
    #[arg(long, conflicts_with = "full")]
    pub(crate) quick: bool,
    /// Every row of the budget at each of its documented sizes, and a library of a million.
    #[arg(long)]
    pub(crate) full: bool,
    /// Run one scenario only; `--list` shows the names.
    #[arg(long, value_name = "NAME")]
    pub(crate) scenario: Option<String>,
    /// List the scenarios and exit.
    #[arg(long)]
    pub(crate) list: bool,
    /// Seed of the generated library and queries.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Write the results as JSON.
    #[arg(long, value_name = "PATH")]
    pub(crate) json: Option<PathBuf>,
    /// Write the results as one self-contained page.
    #[arg(long, value_name = "PATH", default_value = "target/bench/report.html")]
    pub(crate) html: PathBuf,
    /// Write every answer of the first reported scenario as JSON lines, in the order of the
    /// queries.
    #[arg(long, value_name = "PATH")]
    pub(crate) answers: Option<PathBuf>,
    /// Compare with the JSON of an earlier run. Fails if a count rose or a time left the noise
    /// band.
    #[arg(long, value_name = "PATH")]
    pub(crate) baseline: Option<PathBuf>,
    /// Write the counts (no times) of this run as a baseline.
    #[arg(long, value_name = "PATH")]
    pub(crate) write_baseline: Option<PathBuf>,
    /// Write a trace of the run, to open in Chrome or at <https://ui.perfetto.dev>.
    #[arg(long, value_name = "PATH")]
    pub(crate) trace: Option<PathBuf>,
    /// Also run python-plexapi in the four main scenarios. The value is the Python interpreter with
    /// the package: `python`, or a path.
    #[arg(long, value_name = "PYTHON", conflicts_with = "server")]
    pub(crate) rival: Option<PathBuf>,
    /// Show the time by phase.
    #[arg(long)]
    pub(crate) profile: bool,
    #[arg(skip)]
    pub(crate) profiler: Profile,
    /// Serve captured `/library/sections/{id}/all` answers instead of a generated library.
    #[arg(long, value_name = "PAGE.json", num_args = 1.., conflicts_with = "server")]
    pub(crate) library: Vec<PathBuf>,
    /// Run read-only against a real Plex Media Server; the token comes from `PLEX_TOKEN`.
    #[arg(long, value_name = "URL", requires = "section")]
    pub(crate) server: Option<String>,
    /// The section on that server.
    #[arg(long, value_name = "NAME", requires = "server")]
    pub(crate) section: Option<String>,
}

impl Options {
    /// The number of queries to make, or the file with the queries.
    pub(crate) fn queries(&self) -> (Option<usize>, Option<PathBuf>) {
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

    /// The profiler that sums up the time by phase, if it is requested.
    pub(crate) fn profiler(&self) -> Option<Profile> {
        self.profile.then(|| self.profiler.clone())
    }

    pub(crate) fn mode(&self) -> Mode {
        match (self.quick, self.full) {
            (true, _) => Mode::Quick,
            (false, true) => Mode::Full,
            (false, false) => Mode::Default,
        }
    }

    /// Whether the caller gives the input.
    pub(crate) fn own_input(&self) -> bool {
        self.items.is_some()
            || self.queries.is_some()
            || !self.library.is_empty()
            || self.server.is_some()
    }
}
