//! What the host says of a file, as a reading of its names.

use crate::names::parse::{self, Episodes, Reading};
use crate::query::Query;

/// What the host says.
pub(crate) fn told(query: &Query) -> Option<Reading> {
    parse::reading(query.title.as_deref()?, query.year)
}

/// The season and episode that the host says.
pub(crate) fn asked_episodes(query: &Query) -> Option<Episodes> {
    Some(Episodes { season: query.season?, numbers: vec![query.episode?] })
}
