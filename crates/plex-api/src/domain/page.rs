//! A page of a listing: the items that came, the rows that cannot be used, and where it belongs.

use std::fmt;

use crate::domain::id::{RatingKey, SectionUuid};
use crate::domain::item::Item;

/// One answer to a [`Listing`](crate::Listing).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Page {
    /// The items, in the server's order.
    pub items: Vec<Item>,
    /// Rows that this client cannot use as items, each with the reason.
    pub unsupported: Vec<UnsupportedRow>,
    /// How many rows came, unsupported ones included. The next page starts this many rows on.
    pub rows: u64,
    /// How many rows the whole listing has, where the server says so.
    pub total: Option<u64>,
    /// The position of the page's first row in the listing.
    pub offset: u64,
    /// The section that the rows come from, where the server says so.
    pub section_uuid: Option<SectionUuid>,
    /// The body was not valid UTF-8, so invalid bytes were replaced. A title or path may differ
    /// from the server's spelling.
    pub lossy: bool,
}

/// A row that came and cannot be used. It is kept, so that no row disappears silently.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnsupportedRow {
    /// The row's key as the server spells it.
    pub rating_key: Option<String>,
    /// The row's title.
    pub title: Option<String>,
    /// Why the row cannot be used.
    pub reason: UnsupportedReason,
}

/// Why a row cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum UnsupportedReason {
    /// The row has no rating key: folders, "All episodes", tags.
    NoRatingKey,
    /// The row's rating key is not a number.
    RatingKeyNotNumeric,
    /// A value in the row has a type that cannot be read.
    Malformed {
        /// The place in the row, such as `Media[0].Part[1].size`.
        path: String,
        /// What was found and what was expected.
        message: String,
    },
    /// The client did not request the row: the answer to a batch has the key of another item.
    NotAskedFor,
}

impl fmt::Display for UnsupportedReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRatingKey => f.write_str("no rating key"),
            Self::RatingKeyNotNumeric => f.write_str("rating key is not a number"),
            Self::Malformed { path, message } => write!(f, "malformed at {path}: {message}"),
            Self::NotAskedFor => f.write_str("not asked for"),
        }
    }
}

/// The answer to a request for items by key.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Batch {
    /// The items found, in the order of the request.
    pub items: Vec<Item>,
    /// Keys that the server does not know (any more), in the order of the request.
    pub missing: Vec<RatingKey>,
    /// Rows that came and cannot be used. Their keys are not counted as missing.
    pub unsupported: Vec<UnsupportedRow>,
    /// Some of the answer was not valid UTF-8, see [`Page::lossy`].
    pub lossy: bool,
}
