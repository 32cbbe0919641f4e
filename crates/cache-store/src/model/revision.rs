//! Versions: what the server says of a section, and our own counter.

use plex_api::UnixSeconds;
use serde::Serialize;

/// Our own version counter of a section.
///
/// It goes up by one in the write transaction that really changed the section's items, and
/// never for any other reason. Wall-clock time decides when to ask the server again;
/// revisions alone decide whether something derived is still valid.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Revision(pub u64);

impl Revision {
    /// The revision after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

/// What the server says about a section's version, observed at one moment.
///
/// All fields are compared for equality only. `content_changed_at` is an opaque counter
/// beyond 2^53 that can go back after a database repair: it has no order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct SectionStamp {
    /// The server-wide change counter. Absent on servers before about 2019.
    pub content_changed_at: Option<i64>,
    /// End of the last scan, also of one that changed nothing.
    pub scanned_at: Option<UnixSeconds>,
    /// Last edit of the section's settings.
    pub updated_at: Option<UnixSeconds>,
}

impl SectionStamp {
    /// Reads the stamp off a section as the server listed it.
    pub fn of(section: &plex_api::Section) -> Self {
        Self {
            content_changed_at: section.content_changed_at,
            scanned_at: section.scanned_at,
            updated_at: section.updated_at,
        }
    }
}

/// Time stamps of items beyond this are not from the past, whichever clock is right.
pub(crate) fn latest(now: UnixSeconds, stamp: &SectionStamp) -> UnixSeconds {
    stamp.scanned_at.map_or(now, |scanned| scanned.max(now))
}
