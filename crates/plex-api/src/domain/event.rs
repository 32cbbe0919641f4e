//! What a server tells of its own accord.

use crate::domain::id::{RatingKey, SectionKey};
use crate::domain::kind::ItemKind;
use crate::error::ErrorKind;

/// Something a server told, or the state of listening to it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// From now on nothing is missed. What happened before is not known: look.
    Live,
    /// The line broke. What happens until the next [`Event::Live`] is lost.
    Gap {
        /// Why it broke.
        kind: ErrorKind,
    },
    /// Something happened to an item.
    Item(ItemEvent),
    /// Something happened to a scan.
    Scan {
        /// What.
        phase: ScanPhase,
        /// The section; a scan that has just started often does not name it.
        section: Option<SectionKey>,
    },
    /// The server says that it is there, every 10 to 15 seconds: until now nothing was missed.
    Ping,
    /// The server says that it is about to stop.
    ServerStopping,
    /// Anything else, by the server's name for it.
    Other {
        /// The name.
        name: String,
    },
}

/// Something that happened to an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemEvent {
    /// What happened.
    pub change: ItemChange,
    /// The section it is in.
    pub section: Option<SectionKey>,
    /// The item.
    pub rating_key: RatingKey,
    /// Its kind, where the server knows it already.
    pub kind: Option<ItemKind>,
    /// The item above it: season or album.
    pub parent: Option<RatingKey>,
    /// The item at the top: show or artist.
    pub root: Option<RatingKey>,
    /// Its title.
    pub title: Option<String>,
}

/// What happened to an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ItemChange {
    /// It is new; metadata follow.
    Created,
    /// The server is working on it.
    Updated,
    /// The server is done with it. Repeated while other work goes on.
    Processed,
    /// It is gone.
    Deleted,
}

/// What happened to a scan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ScanPhase {
    /// It started.
    Started,
    /// It goes on; sent for every file looked at.
    Running,
    /// It ended. Metadata and analysis of what it found follow.
    Ended,
}
