//! Uses matches: reads items, verifies matches before a write, edits with one request for each
//! distinct edit, uploads each image once. If a run stops early, the store has a note of each edit
//! that may be incomplete.
//!
//! - [`change`]: the changes that a host wants to make.
//! - [`checks`]: reasons to refuse a change before anything is asked or sent.
//! - [`compare`]: the difference between an item and a change, as one edit. Pure.
//! - [`holds_file`]: whether an item still holds a file. Pure.
//! - [`group`]: equal edits of many items, grouped into one request. Pure.
//! - [`plan`]: the steps of a run: known items, reads, comparison, sending, storing.
//! - [`target`]: the changes of each item.
//! - [`turns`]: of two runs on one item, the second waits.
//! - [`send`]: sends edits, halves groups that fail, and notes the progress.
//! - [`outcome`]: the outcome of each change.
//! - [`items`], [`verify`], [`upload`]: reading items, verifying matches, uploading images.

mod change;
mod checks;
mod compare;
mod group;
mod holds_file;
mod items;
mod outcome;
mod plan;
mod send;
mod target;
pub(crate) mod turns;
mod upload;
mod verify;

pub use change::{Change, Step};
pub use checks::Refusal;
pub use group::PlannedRequest;
pub use items::{Fetched, Level};
pub use outcome::{EditCounts, EditFailure, EditOutcome, EditRun, NotTried};
pub use plan::{EditOptions, OnForeign};
pub use upload::Uploaded;
pub use verify::{Verification, Verified};
