//! What is logged: `docs/observability.md` lists all of it, and none of it is private.
//!
//! A binary of its own, because a subscriber is for the whole process.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of tests; clippy's own exception covers #[test] functions only"
)]

mod list;
mod privacy;
