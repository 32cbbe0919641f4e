//! What the host says of a film, as a reading of its names.

use crate::names::parse::{self, Reading};
use crate::query::Query;

/// What the host says.
pub(crate) fn told(query: &Query) -> Option<Reading> {
    parse::reading(query.title.as_deref()?, query.year)
}
