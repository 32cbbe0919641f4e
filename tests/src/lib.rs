//! What Matchbox is tested and measured on: a simulated Plex Media Server over real HTTP, a
//! generator of realistic libraries, and a naive client to compare with.
//!
//! Nothing here is part of the product. Only [`budget`] and [`corpus`] use it; the server and the
//! generator know nothing of it.

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
mod meta;
pub mod naive;
mod parents;
pub mod payload;
pub mod queries;
mod routes;
mod row;
pub mod server;
#[cfg(feature = "shared")]
pub mod shared;
#[cfg(feature = "shared")]
pub mod valkey;
mod wire;
mod xml;
