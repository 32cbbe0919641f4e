#![doc = include_str!("../README.md")]

mod error;
mod file;
mod format;
mod index;
mod library;
mod model;
mod no_disk;
mod random_id;
mod refresh;
mod share;
mod spill;
mod store;
mod watch;

#[cfg(test)]
mod tests;

// Names for a host.
pub use error::Error;
pub use file::config::{Opened, Sharing, StoreConfig, Unwritable, Upgrade};
pub use library::refreshed::Step;
pub use library::selection::Selection;
pub use model::edit::{EditProgress, Progress, RunId};
pub use model::item::{CachedItem, CachedPart};
pub use model::metadata::Metadata;
pub use model::remembered::Failure;
pub use model::revision::{Revision, SectionStamp};
pub use model::section::{FileFilter, Lookups, SectionId, SectionState, ShowsListed};
pub use no_disk::{DiskFault, NoDisk};
pub use refresh::plan::{Plan, Policy};
pub use refresh::reason::PlanReason;
#[cfg(feature = "shared")]
pub use share::tier::config::SharedTier;
#[cfg(feature = "shared")]
pub use share::tier::counts::{Miss, SharedCounts};
#[cfg(feature = "shared")]
pub use share::tier::keep::{SharedStats, SharedTag};
pub use store::Store;
pub use store::apply::update::Changes;
pub use store::check::Checked;
pub use store::clear::{Clear, Cleared};
pub use store::prune::Compacted;
pub use store::stats::{SectionStats, Stats, TableStats};
pub use watch::Watched;

// Names for the matcher, the benchmarks and the tests, but not for a host.
#[doc(hidden)]
pub use file::view::StoredItem;
#[doc(hidden)]
pub use file::view::{Kept, View};
#[doc(hidden)]
pub use format::reread::{Reread, reads_back, reread, table_numbers};
#[doc(hidden)]
pub use library::Library;
#[doc(hidden)]
pub use library::refreshed::{Failed, Refreshed};
#[doc(hidden)]
pub use model::edit::Confirmed;
#[doc(hidden)]
pub use model::index::{Bucket, Index, IndexKeys, Indexing, RatingKeys};
#[doc(hidden)]
pub use model::item::{ContentHash, Day, ItemRef, PartRef};
#[doc(hidden)]
pub use model::metadata::Known;
#[doc(hidden)]
pub use model::remembered::{Depends, MatchKey, MatchRecord, Outcome, RecordedEvidence};
#[doc(hidden)]
pub use model::show::CachedShow;
#[doc(hidden)]
pub use model::upload::{ImageHash, Uploads};
#[doc(hidden)]
pub use refresh::context::OnRows;
#[doc(hidden)]
pub use refresh::lookup::{Looked, Wanted};
#[doc(hidden)]
pub use refresh::plan::{Demand, Planned, has_recent_metadata, has_shows, is_fresh, plan};
#[doc(hidden)]
pub use refresh::read_items::ItemRead;
#[doc(hidden)]
pub use share::off_thread::blocking;
#[doc(hidden)]
pub use store::leases::Lease;
#[doc(hidden)]
pub use watch::watch;
