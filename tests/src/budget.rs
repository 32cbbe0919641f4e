//! The call budget: the most calls that each situation may cost. The situations are played against
//! the simulated server.
//!
//! Every row of `docs/api-budget.md` is here once. The integration tests play each row at a small
//! size. `cargo xtask bench` plays it at the sizes of the table, and also with the naive client.

mod change;
pub mod child;
mod cold;
mod edits;
mod measured;
mod processes;
#[cfg(feature = "shared")]
mod shared;
mod shows;
mod stage;
mod trouble;
mod warm;

use anyhow::Result;
use futures::future::BoxFuture;

pub use child::Arguments;
pub use edits::{EditRow, NAIVE_SAMPLE, PlayedEdits, edit_rows};
pub use measured::{Measured, Played};
pub use stage::{MOUNT, Stage, edited, one, to_queries};
pub use warm::quiet_for;

/// The size at which a situation is played.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scale {
    /// Items on the server: the N of the table.
    pub items: u64,
    /// Rows in a page: the P of the table.
    pub page: u32,
}

impl Scale {
    /// A size, with the page size of the table.
    pub const fn new(items: u64) -> Self {
        Self { items, page: 1_000 }
    }

    /// A small size with small pages: it needs as many pages as a large library, but little time.
    pub const fn small(items: u64, page: u32) -> Self {
        Self { items, page }
    }

    /// The calls that a read of every row takes: ceil(N / P).
    pub fn pages(self) -> u64 {
        self.items.div_ceil(u64::from(self.page))
    }
}

/// One row of the table.
pub struct Row {
    /// A short name, to select the row.
    pub name: &'static str,
    /// The situation, in words.
    pub situation: &'static str,
    /// The budget in words, with N and P where it depends on them.
    pub calls: &'static str,
    /// The sizes for which the table gives the budget.
    pub items: &'static [u64],
    /// The scale in the tests: small, with enough pages.
    pub test: Scale,
    /// The budget in calls, for a size.
    pub budget: fn(Scale) -> u64,
    /// The answers that the queries must have.
    pub expect: Expect,
    play: Play,
}

/// Plays a situation. The arguments start a child process, if the situation needs one.
type Play = fn(Scale, Arguments) -> BoxFuture<'static, Result<Played>>;

impl Row {
    /// A row with the usual values: for 10,000 items, with true answers.
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

    /// The same, for these sizes in the table.
    fn stated(self, items: &'static [u64]) -> Self {
        Self { items, ..self }
    }

    /// The same, at another size in the tests.
    fn tested(self, items: u64, page: u32) -> Self {
        Self { test: Scale::small(items, page), ..self }
    }

    /// Plays the situation on a new server with an empty cache. Steps before the situation are not
    /// measured. `child`: see [`child`].
    pub async fn play(&self, scale: Scale, child: Arguments) -> Result<Played> {
        let mut played = (self.play)(scale, child).await?;
        played.measured.budget = (self.budget)(scale);
        Ok(played)
    }
}

/// The answers that the queries of a situation must have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// Each answer is the true one.
    Truth,
    /// Each answer is unknown, because the server cannot be asked.
    Unknown,
}

/// All rows, in the order of the table.
pub fn rows() -> Vec<Row> {
    let mut rows = cold::rows();
    rows.extend(warm::rows());
    rows.extend(shows::rows());
    rows.extend(change::rows());
    rows.extend(processes::rows());
    rows.extend(trouble::rows());
    rows.extend(cold::gentle());
    #[cfg(feature = "shared")]
    rows.extend(shared::rows());
    rows
}
