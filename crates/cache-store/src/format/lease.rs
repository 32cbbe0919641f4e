//! Who refreshes a section, on disk.

use crate::format::envelope::{Decode, Encode, Record};

/// Who refreshes a section, and until when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub(crate) struct LeaseRow {
    pub(crate) holder: u64,
    pub(crate) until: i64,
}

impl Record for LeaseRow {
    const SCHEMA: u16 = 1;
}
