//! Posting lists: building them, changing them.

pub(crate) mod external_sort;
pub(crate) mod postings;
