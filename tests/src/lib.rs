//! The test bed of Matchbox: a simulated Plex Media Server over real HTTP, a generator of realistic
//! libraries, and other clients for comparison.
//!
//! This crate is not part of the product. Only [`budget`] and [`corpus`] use the product; the
//! server and the generator do not depend on it.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "test bed: its input is its own, and a panic is a failed test"
)]

pub mod budget;
pub mod corpus;
pub mod details;
mod edits;
pub mod events;
mod faults;
pub mod generate;
pub mod library;
mod listing;
pub mod log;
mod meta;
mod parents;
pub mod payload;
pub mod queries;
pub mod random;
pub mod rivals;
mod routes;
mod row;
pub mod server;
#[cfg(feature = "shared")]
pub mod shared;
#[cfg(feature = "shared")]
pub mod valkey;
mod wire;
mod xml;
