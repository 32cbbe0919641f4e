//! The client and a scripted server on loopback: what the client sends, and what it makes of each
//! answer.

#![recursion_limit = "256"] // the `json!` of a whole item
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    missing_docs,
    reason = "tests: a panic is how they fail"
)]

/// Decoding alone: bodies as servers send them.
mod decode;
/// Edits and scans.
mod edits;
/// The event stream.
mod events;
/// Failures, retries, the circuit, limits, secrets.
mod failures;
mod gentle;
/// Whole listings.
mod pages;
/// Hostile input and sequences of faults.
mod properties;
/// What is sent for each request, and what comes back.
mod requests;
/// Spans, and what is in no log.
mod spans;
/// The scripted server.
mod support;
/// Certificates.
mod tls;
