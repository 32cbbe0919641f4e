//! Shows on disk.

use plex_api::RatingKey;

use crate::format::envelope::{Decode, Encode, Record};
use crate::model::show::CachedShow;

/// A show. Its rating key is its key in the table.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub(crate) struct ShowRow {
    title: String,
    original_title: Option<String>,
    year: Option<u16>,
    guids: Vec<String>,
}

impl Record for ShowRow {
    const SCHEMA: u16 = 1;
}

impl ShowRow {
    pub(crate) fn new(show: &CachedShow) -> Self {
        Self {
            title: show.title.clone(),
            original_title: show.original_title.clone(),
            year: show.year,
            guids: show.guids.clone(),
        }
    }

    pub(crate) fn into_show(self, rating_key: RatingKey) -> CachedShow {
        CachedShow {
            rating_key,
            title: self.title,
            original_title: self.original_title,
            year: self.year,
            guids: self.guids,
        }
    }
}
