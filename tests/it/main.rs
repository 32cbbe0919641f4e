//! The integration tests, one binary. Each module is one kind of behaviour:
//!
//! - `budget`: every row of the call budget.
//! - `choosing`: which sections a run uses, and how old its knowledge of them is.
//! - `client`: the client against the simulated server.
//! - `crowd`: very many files of one name.
//! - `daily`: what a host does every day: sections, descriptions, an outage, closing.
//! - `edit_soak`: edits with random faults; the outcome of each edit is true.
//! - `edits`: edits, uploads and scans, and which stamps they move.
//! - `events`: the event stream.
//! - `faults`: scripted faults.
//! - `end_to_end`: a simulated server, a real file, the engine; calls are counted.
//! - `soak`: random events on a server, and no answer is ever wrong.
//! - `sync`: items, verifying, edits and uploads through the engine; requests are counted.
//! - `verify`: doubtful cases: whether an item still has the file.
//! - `watch`: listening to the server.
//! - `former`: a cache file that an earlier version wrote.
//! - `gentle`: pages as large as the server accepts.
//! - `host`: reports of the host, and what it is shown while the server is away.
//! - `meeting`: tasks that read and write at the same time.
//! - `no_disk`: the cache file cannot be written.
//! - `proof`: what proves that a file is absent.
//! - `shared`: many hosts with one engine, and faults of the engine.
//! - `report`: the report of one run, and of all runs together.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of tests; clippy's own exception covers #[test] functions only"
)]

mod budget;
mod choosing;
mod client;
mod corpus;
mod crowd;
mod daily;
mod edit_soak;
mod edits;
mod end_to_end;
mod events;
mod faults;
mod former;
mod gentle;
mod host;
mod meeting;
mod no_disk;
mod partial;
mod proof;
mod quirks;
mod report;
#[cfg(feature = "shared")]
mod shared;
mod shows;
mod soak;
mod sync;
mod verify;
mod watch;
