//! What the bench consists of: the names that `--list` shows and `--scenario` takes.

use std::time::Duration;

use anyhow::{Result, ensure};
use testbed::budget::{edit_rows, rows};
use testbed::generate::LibraryKind;

use super::story::Name;

/// A library, a distance or a trouble other than that of the main scenarios.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Variant {
    pub(crate) name: &'static str,
    pub(crate) what: &'static str,
    /// Items; with `--quick`.
    pub(crate) items: usize,
    pub(crate) quick_items: usize,
    pub(crate) kind: LibraryKind,
    pub(crate) steps: &'static [Name],
    /// The server's distance: every answer comes so much later.
    pub(crate) latency: Duration,
    /// Only with `--full`.
    pub(crate) full_only: bool,
}

const READ: &[Name] = &[Name::Cold, Name::Repeat];
const CHANGE: &[Name] = &[Name::Cold, Name::Repeat, Name::Added];

const BASE: Variant = Variant {
    name: "",
    what: "",
    items: 5_000,
    quick_items: 500,
    kind: LibraryKind::Movies,
    steps: READ,
    latency: Duration::ZERO,
    full_only: false,
};

/// All of them.
pub(crate) const VARIANTS: &[Variant] = &[
    Variant { name: "1k", what: "1,000 movies", items: 1_000, steps: CHANGE, ..BASE },
    Variant {
        name: "100k",
        what: "100,000 movies",
        items: 100_000,
        quick_items: 0,
        steps: CHANGE,
        full_only: true,
        ..BASE
    },
    Variant {
        name: "1M",
        what: "1,000,000 movies",
        items: 1_000_000,
        quick_items: 0,
        steps: CHANGE,
        full_only: true,
        ..BASE
    },
    Variant { name: "5ms", what: "a server 5 ms away", latency: Duration::from_millis(5), ..BASE },
    Variant {
        name: "50ms",
        what: "a server 50 ms away",
        latency: Duration::from_millis(50),
        ..BASE
    },
    Variant { name: "episodes", what: "shows", kind: LibraryKind::Episodes, ..BASE },
    Variant {
        name: "personal",
        what: "videos without any agent",
        kind: LibraryKind::PersonalVideos,
        ..BASE
    },
];

impl Variant {
    /// Items in a mode.
    pub(crate) fn items(&self, mode: Mode) -> usize {
        if mode == Mode::Quick { self.quick_items } else { self.items }
    }

    /// Whether it is part of a run in this mode when nothing was selected.
    fn is_in(&self, mode: Mode) -> bool {
        self.items(mode) > 0 && (mode == Mode::Full || !self.full_only)
    }
}

/// How much is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Quick,
    Default,
    Full,
}

/// What a run consists of.
pub(crate) struct Selected {
    pub(crate) story: Vec<Name>,
    pub(crate) rows: Vec<&'static str>,
    pub(crate) variants: Vec<&'static Variant>,
    pub(crate) series: bool,
}

/// The name under which the measurements over many runs are selected.
const SERIES: &str = "series";

impl Selected {
    /// Everything of a mode, or the scenario of this name. `own_input`: the caller's library
    /// or server, to which only the main scenarios can be applied.
    pub(crate) fn new(name: Option<&str>, mode: Mode, own_input: bool) -> Result<Self> {
        let wanted = |other: &str| name.is_none_or(|name| name == other);
        let selected = Self {
            story: Name::ALL.into_iter().filter(|story| wanted(story.text())).collect(),
            rows: budget().map(|(name, _)| name).filter(|row| wanted(row)).collect(),
            variants: VARIANTS
                .iter()
                .filter(|variant| wanted(variant.name))
                .filter(|variant| name.is_some() || variant.is_in(mode))
                .collect(),
            series: wanted(SERIES),
        };
        let Self { story, .. } = &selected;
        if own_input || (name.is_some() && !story.is_empty()) {
            ensure!(
                !story.is_empty(),
                "with a library of your own, a scenario is one of {}",
                known()
            );
            return Ok(Self { rows: Vec::new(), variants: Vec::new(), series: false, ..selected });
        }
        ensure!(
            !story.is_empty()
                || !selected.rows.is_empty()
                || !selected.variants.is_empty()
                || selected.series,
            "there is no scenario \"{}\"; --list shows them",
            name.unwrap_or_default()
        );
        Ok(selected)
    }
}

/// The rows of the call budget, by name.
fn budget() -> impl Iterator<Item = (&'static str, String)> {
    let rows = rows().into_iter().map(|row| {
        let what = format!("{}; at most {} calls", row.situation, row.calls);
        (row.name, what)
    });
    let edits = edit_rows().into_iter();
    rows.chain(edits.map(|row| (row.name, format!("{}; at most {}", row.situation, row.calls))))
}

fn known() -> String {
    Name::ALL.map(Name::text).join(", ")
}

/// Prints the names.
pub(crate) fn print(mode: Mode) {
    println!("What happens to a library:");
    for name in Name::ALL {
        println!("  {:<22} {}", name.text(), name.what());
    }
    println!("The call budget:");
    for (name, what) in budget() {
        println!("  {name:<22} {what}");
    }
    println!("Sizes, kinds, distances, troubles:");
    for variant in VARIANTS {
        let note = if variant.is_in(mode) { "" } else { " (not in this mode)" };
        println!("  {:<22} {}{note}", variant.name, variant.what);
    }
    println!("Over many runs:");
    println!("  {SERIES:<22} hit rate of a growing library, time of a single file");
}
