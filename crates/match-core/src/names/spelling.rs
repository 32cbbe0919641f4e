//! The spelling of names: letters, bytes that are not letters, paths, generic words, years.

pub(crate) mod fold;
pub(crate) mod generic;
pub(crate) mod non_utf8;
pub(crate) mod path;
pub(crate) mod year;
