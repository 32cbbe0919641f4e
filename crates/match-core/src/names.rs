//! What names mean: readings of a path, each with how strongly it was said.
//!
//! Nothing here knows a library. A name is read in every way that people write names, and
//! [`crate::matcher`] holds the readings against what there is, strongest first: one that no
//! item supports costs a look into an index and nothing else.

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
