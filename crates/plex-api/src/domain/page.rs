//! A page of a listing: what was received, what could not be used, and what it says of itself.

use std::fmt;

use crate::domain::id::{RatingKey, SectionUuid};
use crate::domain::item::Item;

/// One answer to a [`Listing`](crate::Listing).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Page {
    /// The items, in the server's order.
    pub items: Vec<Item>,
    /// Rows that are no items this client can use, each with the reason.
    pub unsupported: Vec<UnsupportedRow>,
    /// Rows received, unsupported ones included. The next page starts this many rows on.
    pub rows: u64,
    /// Rows there are in the whole listing, where the server says so.
    pub total: Option<u64>,
    /// Where in the listing the page starts, in rows.
    pub offset: u64,
    /// The section the rows come from, where the server says so.
    pub section_uuid: Option<SectionUuid>,
    /// The body was not valid UTF-8 and was read with replacements: a title or path may be
    /// spelled differently from the server's.
    pub lossy: bool,
}

/// A row that was received and cannot be used. Kept, so that nothing disappears silently.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnsupportedRow {
    /// The row's key as the server spells it.
    pub rating_key: Option<String>,
    /// The row's title.
    pub title: Option<String>,
    /// What is wrong with it.
    pub reason: UnsupportedReason,
}

/// Why a row cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum UnsupportedReason {
    /// It has no rating key: folders, "All episodes", tags.
    NoRatingKey,
    /// Its rating key is not a number.
    RatingKeyNotNumeric,
    /// A value in it has a type that cannot be read.
    Malformed {
        /// Where in the row: `Media[0].Part[1].size`.
        path: String,
        /// What was found and what was expected.
        message: String,
    },
    /// Nobody asked for it: a batch answered with another item's key.
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
    /// The items found, in the order they were asked for.
    pub items: Vec<Item>,
    /// Keys the server does not know (any more), in the order they were asked for.
    pub missing: Vec<RatingKey>,
    /// Rows that came and cannot be used. Their keys are not counted as missing.
    pub unsupported: Vec<UnsupportedRow>,
    /// Some of it was not valid UTF-8, see [`Page::lossy`].
    pub lossy: bool,
}
