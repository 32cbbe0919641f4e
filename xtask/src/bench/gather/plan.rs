//! The parts of the bench: the names that `--list` shows and `--scenario` takes.

use std::time::Duration;

use anyhow::{Result, ensure};
use testbed::budget::{edit_rows, rows};
use testbed::generate::LibraryKind;
use testbed::server::{Fault, FaultRule, Route};

/// The main scenarios, in the order in which they run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Name {
    Cold,
    Repeat,
    Added,
    Outage,
}

impl Name {
    pub(crate) const ALL: [Self; 4] = [Self::Cold, Self::Repeat, Self::Added, Self::Outage];

    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Cold => "cold",
            Self::Repeat => "repeat",
            Self::Added => "added",
            Self::Outage => "outage",
        }
    }

    pub(crate) fn what(self) -> &'static str {
        match self {
            Self::Cold => "nothing is cached",
            Self::Repeat => "the cache was closed and opened again; nothing changed",
            Self::Added => "one movie was added and a scan ran",
            Self::Outage => "the server is down",
        }
    }
}

/// A variant of the main scenarios, with another library, latency or fault.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Variant {
    pub(crate) name: &'static str,
    pub(crate) what: &'static str,
    items: usize,
    /// Items with `--quick`. Zero leaves the variant out.
    quick_items: usize,
    pub(crate) kind: LibraryKind,
    pub(crate) steps: &'static [Name],
    /// The server's faults. They start again in each step.
    pub(crate) trouble: &'static [FaultRule],
    /// Only with `--full`.
    full_only: bool,
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
    trouble: &[],
    full_only: false,
};

/// A large library, which `--quick` leaves out.
const LARGE: Variant = Variant { quick_items: 0, steps: CHANGE, ..BASE };

/// A server with faults. The library is small, because the faults affect every page.
const TROUBLE: Variant = Variant { items: 1_000, ..BASE };

/// All variants.
pub(crate) const VARIANTS: &[Variant] = &[
    Variant { name: "1k", what: "1,000 movies", items: 1_000, steps: CHANGE, ..BASE },
    Variant { name: "100k", what: "100,000 movies", items: 100_000, ..LARGE },
    Variant { name: "1M", what: "1,000,000 movies", items: 1_000_000, full_only: true, ..LARGE },
    Variant { name: "episodes", what: "shows", kind: LibraryKind::Episodes, ..BASE },
    Variant {
        name: "personal",
        what: "videos without any agent",
        kind: LibraryKind::PersonalVideos,
        ..BASE
    },
    Variant {
        name: "5ms",
        what: "a server 5 ms away",
        trouble: &[FaultRule::always(Fault::Latency(Duration::from_millis(5)))],
        ..BASE
    },
    Variant {
        name: "50ms",
        what: "a server 50 ms away",
        trouble: &[FaultRule::always(Fault::Latency(Duration::from_millis(50)))],
        ..BASE
    },
    Variant {
        name: "slow",
        what: "a slow socket: 1 KiB each millisecond",
        trouble: &[FaultRule::always(Fault::Slow(Duration::from_millis(1)))],
        ..TROUBLE
    },
    Variant {
        name: "maintenance",
        what: "the first two requests are answered with 503",
        trouble: &[FaultRule::first(2, Fault::Maintenance)],
        ..TROUBLE
    },
    Variant {
        name: "truncated",
        what: "the first answer and the first two pages end in the middle",
        trouble: &[
            FaultRule::first(1, Fault::Truncated),
            FaultRule::next(Route::Listing, 2, Fault::Truncated),
        ],
        ..TROUBLE
    },
    Variant {
        name: "too-many",
        what: "the first request is answered with 429 and Retry-After: 1",
        trouble: &[FaultRule::first(1, Fault::TooMany(1))],
        ..TROUBLE
    },
    Variant {
        name: "few-rows",
        what: "no page has more than 100 rows, whatever size is requested",
        trouble: &[FaultRule::always(Fault::FewRows(100))],
        ..TROUBLE
    },
    Variant {
        name: "bad-utf8",
        what: "titles that are not UTF-8",
        trouble: &[FaultRule::next(Route::Listing, u64::MAX, Fault::BadUtf8)],
        ..TROUBLE
    },
];

impl Variant {
    /// The number of items in a mode.
    pub(crate) fn items(&self, mode: Mode) -> usize {
        if mode == Mode::Quick { self.quick_items } else { self.items }
    }

    /// Whether a run in this mode plays the variant if the caller selected nothing.
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

impl Mode {
    /// The mode for a scenario that was selected by name: any size, except with `--quick`.
    fn largest(self) -> Self {
        if self == Self::Quick { self } else { Self::Full }
    }
}

/// The parts of a run.
pub(crate) struct Selected {
    pub(crate) story: Vec<Name>,
    pub(crate) rows: Vec<&'static str>,
    pub(crate) variants: Vec<&'static Variant>,
    pub(crate) series: bool,
    pub(crate) accuracy: bool,
}

/// The name that selects the measurements over many runs.
const SERIES: &str = "series";
/// The name that selects the files whose true item is known.
const ACCURACY: &str = "accuracy";

impl Selected {
    fn nothing() -> Self {
        let (story, rows, variants) = (Vec::new(), Vec::new(), Vec::new());
        Self { story, rows, variants, series: false, accuracy: false }
    }

    /// Everything of a mode, or the scenario with this name. With `own_input` (a library or server
    /// of the caller), only the main scenarios can run.
    pub(crate) fn new(name: Option<&str>, mode: Mode, own_input: bool) -> Result<Self> {
        let wanted = |other: &str| name.is_none_or(|name| name == other);
        let selected = Self {
            story: Name::ALL.into_iter().filter(|story| wanted(story.text())).collect(),
            rows: budget().map(|(name, _)| name).filter(|row| wanted(row)).collect(),
            variants: VARIANTS
                .iter()
                .filter(|variant| wanted(variant.name))
                .filter(|variant| variant.is_in(if name.is_some() { mode.largest() } else { mode }))
                .collect(),
            series: wanted(SERIES),
            accuracy: wanted(ACCURACY),
        };
        let Self { story, .. } = &selected;
        if own_input || (name.is_some() && !story.is_empty()) {
            ensure!(
                !story.is_empty(),
                "with a library of your own, a scenario is one of {}",
                known()
            );
            let Self { story, .. } = selected;
            return Ok(Self { story, ..Self::nothing() });
        }
        ensure!(
            !story.is_empty()
                || !selected.rows.is_empty()
                || !selected.variants.is_empty()
                || selected.series
                || selected.accuracy,
            "there is no scenario \"{}\" in this mode; --list shows them",
            name.unwrap_or_default()
        );
        Ok(selected)
    }
}

/// The rows of the call budget: their names, and what they are.
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

/// Prints all names.
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
    println!("Over many runs or files:");
    println!("  {ACCURACY:<22} results of the rules for distorted names");
    println!("  {SERIES:<22} hit rate of a growing library, time of a single file");
}
