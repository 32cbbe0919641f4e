//! A client for one Plex Media Server over HTTP: typed requests, paging, retries, accounting.
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
//! - A list is complete or an error. A row that cannot be used is in the page, with the reason.
//! - No answer of a server causes a panic.

mod calls;
mod client;
mod clock;
mod domain;
mod error;
mod http;
mod json;
mod privacy;
mod query;

pub use calls::{Calls, Endpoint, Tally};
pub use client::Client;
pub use client::edit::{Artwork, Edit, Field};
pub use clock::{Clock, Monotonic, UnixSeconds};
pub use domain::event::{Event, ItemChange, ItemEvent, ScanPhase};
pub use domain::id::{MediaId, PartId, RatingKey, SectionKey, SectionUuid};
pub use domain::item::{Item, Media, Part, Tag, TagField};
pub use domain::kind::{ItemKind, SectionKind};
pub use domain::listing::{Detail, Filter, Listing, Sort};
pub use domain::page::{Batch, Page, UnsupportedReason, UnsupportedRow};
pub use domain::section::{Identity, Location, Section, Server};
pub use error::{Class, Error, ErrorKind};
pub use http::breaker::BreakerPolicy;
pub use http::config::Config;
pub use http::retry::RetryPolicy;
pub use http::token::Token;
pub use privacy::{Private, reveal_private};

/// From the bytes of an answer to domain types. All functions are pure. The client calls them, and
/// a caller can check captured payloads with them.
pub mod decode {
    pub use crate::json::decode::{events, identity, page, sections, server};
    pub use crate::json::payload::{Payload, payload, refusal};
}
