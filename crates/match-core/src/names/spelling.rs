//! How names are spelled: letters, bytes that are no letters, paths, words that say nothing, years.

pub(crate) mod fold;
pub(crate) mod generic;
pub(crate) mod non_utf8;
pub(crate) mod path;
pub(crate) mod year;
