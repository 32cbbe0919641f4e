//! Versions of a section: the server's stamp, and our own counter.

use plex_api::UnixSeconds;
use serde::Serialize;

/// Our own version counter of a section.
///
/// It goes up by one in the write transaction that really changed the section's items, and for no
/// other reason. Wall-clock time decides when to ask the server again. Only revisions decide
/// whether a derived result is still valid.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Revision(pub u64);

impl Revision {
    /// The revision after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

/// The server's version of a section, observed at one moment.
///
/// All fields are compared for equality only. `content_changed_at` is an opaque counter above 2^53.
/// It can go back after a database repair, so it has no order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct SectionStamp {
    /// The server-wide change counter. Servers before about 2019 do not have it.
    pub content_changed_at: Option<i64>,
    /// The end of the last scan, even if it changed nothing.
    pub scanned_at: Option<UnixSeconds>,
    /// The last edit of the section's settings.
    pub updated_at: Option<UnixSeconds>,
}

impl SectionStamp {
    /// Takes the stamp from a section as the server listed it.
    pub fn of(section: &plex_api::Section) -> Self {
        Self {
            content_changed_at: section.content_changed_at,
            scanned_at: section.scanned_at,
            updated_at: section.updated_at,
        }
    }
}

/// The latest credible time of an item. A later one lies in the future by both clocks.
pub(crate) fn latest(now: UnixSeconds, stamp: &SectionStamp) -> UnixSeconds {
    stamp.scanned_at.map_or(now, |scanned| scanned.max(now))
}
