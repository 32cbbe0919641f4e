//! What names mean: folding, paths, words that say nothing, years, titles and numbers.

pub(crate) mod fold;
pub(crate) mod generic;
pub(crate) mod non_utf8;
pub(crate) mod parse;
pub(crate) mod path;
pub(crate) mod title_hashes;
pub(crate) mod year;
