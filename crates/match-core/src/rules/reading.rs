//! The title and year of a movie that the host gives, as a reading.

use crate::names::parse::{self, Reading};
use crate::query::Query;

/// The reading that the host gives.
pub(crate) fn told(query: &Query) -> Option<Reading> {
    parse::reading(query.title.as_deref()?, query.year)
}
