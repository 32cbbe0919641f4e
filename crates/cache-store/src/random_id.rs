//! Random numbers that identify files, stores and runs.

use std::hash::{BuildHasher, Hasher};

/// A number that no other file or process has drawn: the random seed of std's hash maps. Never 0.
pub(crate) fn draw() -> u64 {
    std::hash::RandomState::new().build_hasher().finish().max(1)
}
