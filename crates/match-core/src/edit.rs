//! Acting on matches: read items, verify before a write, edit in as few requests as there are
//! different edits, upload images once. Nothing is half done without somebody knowing.
//!
//! - [`change`]: what a host wants of an item.
//! - [`checks`]: what can be refused before anything is asked or sent.
//! - [`compare`]: what is different, as one edit. Pure.
//! - [`holds_file`]: whether an item still holds a file. Pure.
//! - [`group`]: equal edits of many items as one request. Pure.
//! - [`plan`]: the run: known, read, compared, sent, written through.
//! - [`send`]: sending, halving what fails, noting how far it got.
//! - [`outcome`]: what became of each change.
//! - [`items`], [`verify`], [`upload`]: reading, verifying, images.

mod change;
mod checks;
mod compare;
mod group;
mod holds_file;
mod items;
mod outcome;
mod plan;
mod send;
mod upload;
mod verify;

pub use change::{Change, Step};
pub use checks::Refusal;
pub use group::PlannedRequest;
pub use items::{Fetched, Level};
pub use outcome::{EditCounts, EditFailure, EditOutcome, EditRun, NotTried};
pub use plan::{EditOptions, OnForeign};
pub use upload::Uploaded;
pub use verify::Verified;
