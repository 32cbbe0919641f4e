//! The images last uploaded to an item, on disk.

use crate::format::envelope::{Decode, Encode, Record};

/// [`Uploads`](crate::Uploads) on disk.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Encode, Decode)]
pub(crate) struct UploadsRow {
    pub(crate) poster: Option<[u8; 32]>,
    pub(crate) background: Option<[u8; 32]>,
}

impl Record for UploadsRow {
    const SCHEMA: u16 = 1;
}
