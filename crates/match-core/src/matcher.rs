//! Queries against the indexes of a section: one, many in parallel, several sections.

pub(crate) mod beside;
pub(crate) mod episodes;
pub(crate) mod films;
pub(crate) mod indexing;
pub(crate) mod key;
pub(crate) mod many;
pub(crate) mod merge;
pub(crate) mod one;
pub(crate) mod reader;
pub(crate) mod shows;
pub(crate) mod spoken;
pub(crate) mod tracks;
