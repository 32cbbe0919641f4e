//! The answers of a live server, without anything that shows whose server it is.

use std::fmt;

use plex_api::{ItemKind, UnixSeconds};

use crate::assumptions::Check;

/// Everything that was found out.
#[derive(Debug)]
pub(super) struct Findings {
    version: String,
    kind: ItemKind,
    /// The checks that the doctor makes, too.
    pub(super) checks: Vec<Check>,
    answers: Vec<[String; 2]>,
    /// The state before the first step, and after each step.
    pub(super) steps: Vec<(String, Seen)>,
    pub(super) calls: u64,
}

/// What a server says about a section and one item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) counter: Option<i64>,
    pub(super) scanned: Option<UnixSeconds>,
    pub(super) settings: Option<UnixSeconds>,
    pub(super) total: Option<u64>,
    pub(super) collections: Option<u64>,
    pub(super) updated: Option<UnixSeconds>,
    /// Events of the item, and of scans, since the step before.
    pub(super) events: [usize; 2],
}

impl Findings {
    pub(super) fn new(version: String, kind: ItemKind) -> Self {
        let (checks, answers, steps) = (Vec::new(), Vec::new(), Vec::new());
        Self { version, kind, checks, answers, steps, calls: 0 }
    }

    /// Notes an answer.
    pub(super) fn say(&mut self, question: &str, answer: impl Into<String>) {
        self.answers.push([question.to_owned(), answer.into()]);
    }
}

impl Seen {
    fn cells(&self) -> [String; 6] {
        let time = |at: Option<UnixSeconds>| at.map(|at| at.0);
        [
            self.counter,
            time(self.scanned),
            time(self.settings),
            self.total.and_then(|total| i64::try_from(total).ok()),
            self.collections.and_then(|total| i64::try_from(total).ok()),
            time(self.updated),
        ]
        .map(|value| value.map_or("-".to_owned(), |value| value.to_string()))
    }
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { version, kind, checks, answers, steps, calls } = self;
        writeln!(f, "Plex Media Server {version}, a section of the kind {kind}\n")?;
        let checked = checks.iter().map(|check| {
            let holds = if check.holds { "yes" } else { "NO" };
            [check.what.clone(), holds.to_owned()]
        });
        writeln!(f, "{}\n", table(checked))?;
        writeln!(f, "{}\n", table(answers.iter().cloned()))?;
        if !steps.is_empty() {
            // A star means that the value differs from the one in the row above.
            let mut rows = vec![HEAD.map(str::to_owned)];
            let mut before: Option<[String; 6]> = None;
            for (step, seen) in steps {
                let mut cells = seen.cells();
                for (at, cell) in cells.iter_mut().enumerate() {
                    let moved = before.as_ref().is_some_and(|before| before[at] != *cell);
                    cell.push_str(if moved { " *" } else { "" });
                }
                before = Some(seen.cells());
                let [counter, scanned, settings, total, collections, updated] = cells;
                let [item, scans] = seen.events.map(|count| count.to_string());
                rows.push([
                    step.clone(),
                    counter,
                    scanned,
                    settings,
                    total,
                    collections,
                    updated,
                    item,
                    scans,
                ]);
            }
            writeln!(f, "{}\n", table(rows))?;
        }
        write!(f, "{calls} calls. Nothing here names you, your server or what is on it.")
    }
}

const HEAD: [&str; 9] = [
    "after",
    "counter",
    "scanned",
    "settings",
    "total",
    "collections",
    "item updated",
    "its events",
    "scan events",
];

fn table<const N: usize>(rows: impl IntoIterator<Item = [String; N]>) -> String {
    let table = crate::table::table(&[], 0..0, rows);
    table.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}
