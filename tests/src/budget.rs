//! The call budget: how many calls each situation may cost, and the situation itself, played
//! against the simulated server.
//!
//! Every row of `docs/api-budget.md` is here once. The integration tests play each at a size
//! that is fast, `cargo xtask bench` at the sizes the table names and beside the naive client.

mod change;
pub mod child;
mod cold;
mod edits;
mod measured;
mod processes;
#[cfg(feature = "shared")]
mod shared;
mod stage;
mod trouble;
mod warm;

use anyhow::Result;
use futures::future::BoxFuture;

pub use child::Arguments;
pub use edits::{EditRow, NAIVE_SAMPLE, PlayedEdits, edit_rows};
pub use measured::{Measured, Played};
pub use stage::{MOUNT, Stage, to_queries};
pub use warm::quiet_for;

/// How large a situation is played.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scale {
    /// Items on the server: the N of the table.
    pub items: u64,
    /// Rows in a page: the P of the table.
    pub page: u32,
}

impl Scale {
    /// A size, with the page size the table is stated for.
    pub const fn new(items: u64) -> Self {
        Self { items, page: 500 }
    }

    /// A small size with small pages: as many pages as a large library has, in no time.
    pub const fn small(items: u64, page: u32) -> Self {
        Self { items, page }
    }

    /// Calls that reading every row takes: ceil(N / P).
    pub fn pages(self) -> u64 {
        self.items.div_ceil(u64::from(self.page))
    }
}

/// One row of the table.
pub struct Row {
    /// A short name, to choose the row by.
    pub name: &'static str,
    /// The situation, in words.
    pub situation: &'static str,
    /// The budget in words, with N and P where it depends on them.
    pub calls: &'static str,
    /// The sizes the table states it for.
    pub items: &'static [u64],
    /// The scale at which the tests play it: small, with as many pages as it takes.
    pub test: Scale,
    /// The budget in calls, at a size.
    pub budget: fn(Scale) -> u64,
    /// How the queries have to be answered.
    pub expect: Expect,
    play: Play,
}

/// How a situation is played, and how a child is started where it takes one.
type Play = fn(Scale, Arguments) -> BoxFuture<'static, Result<Played>>;

impl Row {
    /// A row as most are: stated for 10,000 items, with true answers.
    fn new(
        name: &'static str,
        situation: &'static str,
        calls: &'static str,
        budget: fn(Scale) -> u64,
        play: Play,
    ) -> Self {
        Self {
            name,
            situation,
            calls,
            items: &[10_000],
            test: Scale::small(600, 50),
            budget,
            expect: Expect::Truth,
            play,
        }
    }

    /// Plays the situation on a server of its own with an empty cache. What was done before
    /// the situation is not measured. `child`: see [`child`].
    pub async fn play(&self, scale: Scale, child: Arguments) -> Result<Played> {
        let mut played = (self.play)(scale, child).await?;
        played.measured.budget = (self.budget)(scale);
        Ok(played)
    }
}

/// How the queries of a situation have to be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// Each truly.
    Truth,
    /// Each with unknown: the server cannot be asked.
    Unknown,
}

/// All rows, in the order of the table.
pub fn rows() -> Vec<Row> {
    let mut rows = cold::rows();
    rows.extend(warm::rows());
    rows.extend(change::rows());
    rows.extend(processes::rows());
    rows.extend(trouble::rows());
    #[cfg(feature = "shared")]
    rows.extend(shared::rows());
    rows
}
