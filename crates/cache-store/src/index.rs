//! Posting lists: how they are built and changed.

pub(crate) mod external_sort;
pub(crate) mod postings;
