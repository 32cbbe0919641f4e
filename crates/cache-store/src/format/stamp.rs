//! A section's stamp on disk and in the shared tier.

use plex_api::UnixSeconds;

use crate::format::envelope::{Decode, Encode};
use crate::model::revision::SectionStamp;

/// A stamp, as section rows and the values of the shared tier have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub(crate) struct StampFields {
    counter: Option<i64>,
    scanned: Option<i64>,
    updated: Option<i64>,
}

impl StampFields {
    pub(crate) fn new(stamp: SectionStamp) -> Self {
        Self {
            counter: stamp.content_changed_at,
            scanned: stamp.scanned_at.map(|at| at.0),
            updated: stamp.updated_at.map(|at| at.0),
        }
    }

    pub(crate) fn into_stamp(self) -> SectionStamp {
        SectionStamp {
            content_changed_at: self.counter,
            scanned_at: self.scanned.map(UnixSeconds),
            updated_at: self.updated.map(UnixSeconds),
        }
    }
}
