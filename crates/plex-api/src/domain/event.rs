//! Events: what a server reports without being asked.

use crate::domain::id::{RatingKey, SectionKey};
use crate::domain::kind::ItemKind;
use crate::error::kind::ErrorKind;

/// Something that a server reported, or a change in the state of listening to it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// From now on no event is missed. The reader has to check for itself what happened before.
    Live,
    /// The connection broke. Whatever happens until the next [`Event::Live`] is lost.
    Gap {
        /// Why the connection broke.
        kind: ErrorKind,
    },
    /// Something happened to an item.
    Item(ItemEvent),
    /// A scan started, goes on or ended.
    Scan {
        /// Which of the three.
        phase: ScanPhase,
        /// The section of the scan. A scan that has just started often does not name it.
        section: Option<SectionKey>,
    },
    /// The server is there. It says so every 10 to 15 seconds. No event was missed until now.
    Ping,
    /// The server is about to stop.
    ServerStopping,
    /// Any other event, by the server's name for it.
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
    /// The item is new. Its metadata follow.
    Created,
    /// The server is working on the item.
    Updated,
    /// The server is done with the item. It repeats this event while other work goes on.
    Processed,
    /// The item is gone.
    Deleted,
}

/// What happened to a scan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ScanPhase {
    /// The scan started.
    Started,
    /// The scan goes on. The server sends this for every file that it looks at.
    Running,
    /// The scan ended. Metadata and analysis of what it found follow.
    Ended,
}
