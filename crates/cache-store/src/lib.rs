//! A Plex section as we last knew it, on disk, and how to bring it up to date.
//!
//! One redb file a server holds the items, three indexes (file names, guids, titles), the
//! remembered matches, and for each section a stamp (what the server said about its version)
//! and a revision (our own counter). [`Library`] is the read-through: it compares stamps,
//! carries out the cheapest plan that explains a difference, and writes each refresh in one
//! transaction. [`View`] reads, from one moment.
//!
//! A cache that is missing, stale, corrupt or locked never makes an answer wrong, only dearer.
//!
//! ```no_run
//! use std::sync::Arc;
//! use cache_store::{Demand, IndexKeys, Indexing, Library, Policy, Selection, Store, StoreConfig};
//! use plex_api::{Client, Clock, Config, Token};
//!
//! # async fn example() -> Result<(), cache_store::Error> {
//! let clock = Clock::system();
//! let client = Client::new(Config::new("http://nas:32400", Token::new("secret")))?;
//! // `match_core::INDEXING` in earnest: here, nothing is indexed.
//! let indexing = Indexing { version: 1, keys: |_| IndexKeys::default() };
//! let config = StoreConfig::new(indexing, clock.now());
//! let store = Arc::new(Store::open("plex.matchbox".as_ref(), &config)?);
//! let library = Library::new(client, Arc::clone(&store), Policy::default(), clock);
//! let demand = Demand::files(1_000);
//! let movies = library.refresh(&Selection::section("Movies"), demand).await?;
//! println!("{} items", movies.sections[0].items);
//! # Ok(())
//! # }
//! ```

mod apply;
mod beside;
mod buffer;
mod check;
mod clear;
mod codec;
mod edits;
mod error;
mod fill;
mod flight;
mod growing;
mod hints;
mod holds;
mod index;
mod item;
mod lease;
mod library;
mod lookup;
mod matches;
mod metadata;
mod open;
mod postings;
mod prune;
mod read;
mod record;
mod refresh;
mod remember;
mod runs;
mod section;
mod sections;
mod shelf;
mod spool;
mod stamp;
mod stats;
mod store;
mod table;
mod totals;
mod transaction;
mod upgrade;
mod uploads;
mod view;
mod watch;

#[cfg(test)]
mod tests;

pub use apply::Changes;
pub use check::Checked;
pub use clear::{Clear, Cleared};
pub use edits::{EditProgress, Progress, RunId};
pub use error::Error;
pub use index::{Bucket, Index, IndexKeys, Indexing};
pub use item::{CachedItem, CachedPart, ContentHash, Day, ItemRef, PartRef};
pub use lease::Lease;
pub use library::{Library, OnRows, Refreshed, Selection, Step};
pub use lookup::{Looked, Wanted};
pub use matches::{Depends, Failure, MatchKey, MatchRecord, Outcome, RecordedEvidence};
pub use metadata::{Known, Metadata};
pub use prune::Compacted;
pub use read::ItemRead;
pub use refresh::plan::{Demand, Plan, Planned, Policy, has_recent_metadata, is_fresh, plan};
pub use section::{FileFilter, Lookups, SectionId, SectionState};
pub use stamp::{Revision, SectionStamp};
pub use stats::{SectionStats, Stats, TableStats};
pub use store::{Opened, Sharing, Store, StoreConfig};
pub use upgrade::Upgrade;
pub use uploads::{ImageHash, Uploads};
pub use view::{Kept, StoredItem, View};
pub use watch::Watched;
