//! Readings of a path's names, each with a strength.
//!
//! This module does not know any library. It reads a name in every way that people write names.
//! [`crate::matcher`] looks for an item for each reading, the strongest first. A reading without an
//! item only costs an index lookup.

pub(crate) mod dates;
pub(crate) mod editions;
pub(crate) mod episodes;
pub(crate) mod extras;
pub(crate) mod films;
pub(crate) mod ids;
pub(crate) mod numbers;
pub(crate) mod parse;
pub(crate) mod pieces;
pub(crate) mod same;
pub(crate) mod shows;
pub(crate) mod spelling;
pub(crate) mod tags;
pub(crate) mod title_hashes;
pub(crate) mod tracks;
