//! Numbers that tell files, stores and runs apart.

use std::hash::{BuildHasher, Hasher};

/// A number that no other file or process has drawn: the seed of std's hash maps, which is
/// random. Never 0.
pub(crate) fn draw() -> u64 {
    std::hash::RandomState::new().build_hasher().finish().max(1)
}
