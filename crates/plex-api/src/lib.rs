//! One Plex Media Server over HTTP: typed requests, paging, retries, accounting.
//!
//! ```no_run
//! # async fn example() -> Result<(), plex_api::Error> {
//! use futures::TryStreamExt;
//! use plex_api::{Client, Config, Listing, Token};
//!
//! let token = Token::new(std::env::var("PLEX_TOKEN").unwrap_or_default());
//! let client = Client::new(Config::new("http://localhost:32400", token))?;
//! for section in client.sections().await? {
//!     let Some(kind) = section.kind.leaf() else { continue };
//!     let listing =
//!         Listing { expect_uuid: Some(section.uuid), ..Listing::new(section.key, kind) };
//!     let mut pages = std::pin::pin!(client.pages(listing));
//!     while let Some(page) = pages.try_next().await? {
//!         println!("{}: {} items", section.title, page.items.len());
//!     }
//! }
//! println!("{}", client.calls());
//! # Ok(())
//! # }
//! ```
//!
//! What a caller can rely on:
//! - Reading changes nothing on the server.
//! - The token is in one header of each request and nowhere else.
//! - A list is complete or an error; a row that cannot be used is in the page, with the reason.
//! - Nothing that a server sends makes it panic.

mod batch;
mod breaker;
mod calls;
mod client;
mod clock;
mod config;
pub mod decode;
mod edit;
mod error;
mod events;
mod id;
mod item;
mod kind;
mod listing;
mod model;
mod pace;
mod page;
mod pages;
mod privacy;
mod progress;
mod query;
mod redact;
mod retry;
mod secret;
mod section;
mod sse;
mod transport;

pub use breaker::BreakerPolicy;
pub use calls::{Calls, Endpoint, Tally};
pub use client::Client;
pub use clock::{Clock, Monotonic, UnixSeconds};
pub use config::Config;
pub use edit::{Artwork, Edit, Field};
pub use error::{Class, Error, ErrorKind};
pub use events::{Event, ItemChange, ItemEvent, ScanPhase};
pub use id::{MediaId, PartId, RatingKey, SectionKey, SectionUuid};
pub use item::{Item, Media, Part, Tag, TagField};
pub use kind::{ItemKind, SectionKind};
pub use listing::{Detail, Filter, Listing, Sort};
pub use page::{Batch, Page, UnsupportedReason, UnsupportedRow};
pub use privacy::{Private, reveal_private};
pub use retry::RetryPolicy;
pub use secret::Token;
pub use section::{Identity, Location, Section, Server};
