//! The integration tests, one binary. Each module is one kind of behaviour:
//!
//! - `budget`: every row of the call budget.
//! - `choosing`: which sections a run asks, and how old what it knows of them is.
//! - `client`: the client against the simulated server.
//! - `crowd`: very many files of one name.
//! - `daily`: what a host does every day: sections, descriptions, an outage, closing.
//! - `edit_soak`: edits while things go wrong at random; what is said of each is true.
//! - `edits`: edits, uploads and scans, and what they move.
//! - `events`: the event stream.
//! - `faults`: what goes wrong, by script.
//! - `end_to_end`: a simulated server, a real file, the engine; calls are counted.
//! - `soak`: things happen to a server at random, and no answer is ever wrong.
//! - `sync`: items, verifying, edits and uploads through the engine; requests are counted.
//! - `verify`: whether an item is still the file's, where that is doubtful.
//! - `watch`: listening to the server.
//! - `former`: a cache file that an earlier version wrote.
//! - `gentle`: pages as large as the server takes.
//! - `host`: what the host says, and what it is shown while the server is away.
//! - `meeting`: tasks that read and write at the same time.
//! - `no_disk`: the cache file cannot be written.
//! - `proof`: what proves that a file is not there.
//! - `shared`: many hosts, one engine beside them, and what may go wrong with it.
//! - `report`: what a run says of itself, and all runs together.

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
