#![doc = include_str!("../README.md")]

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
pub use client::page_size::Paging;
pub use clock::{Clock, Monotonic, UnixSeconds};
pub use domain::event::{Event, ItemChange, ItemEvent, ScanPhase};
pub use domain::id::{MediaId, PartId, RatingKey, SectionKey, SectionUuid};
pub use domain::item::{Item, Media, Part, Tag, TagField};
pub use domain::kind::{ItemKind, SectionKind};
pub use domain::listing::{Detail, Filter, Listing, Sort};
pub use domain::page::{Batch, Page, UnsupportedReason, UnsupportedRow};
pub use domain::section::{Identity, Location, Section, Server};
pub use error::Error;
pub use error::kind::{Class, ErrorKind};
pub use http::breaker::BreakerPolicy;
pub use http::config::Config;
pub use http::retry::RetryPolicy;
pub use http::token::Token;
pub use privacy::{Private, reveal_private};

/// From the bytes of an answer to domain types. All functions are pure. The client calls them, and
/// a caller can check captured payloads with them.
pub mod decode {
    pub use crate::json::decode::{events, identity, page, sections, server, stream};
    pub use crate::json::payload::{Payload, payload, refusal};
}
