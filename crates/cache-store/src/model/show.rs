//! A show in the cache: what the rows of its episodes do not say about it.

use plex_api::RatingKey;

/// A show, reduced to the fields that tell it from other shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CachedShow {
    /// The server's key. Episodes name it in [`CachedItem::grandparent`](crate::CachedItem).
    pub rating_key: RatingKey,
    /// The title.
    pub title: String,
    /// The title in the original language, when the server has one.
    pub original_title: Option<String>,
    /// The year in which it began.
    pub year: Option<u16>,
    /// The agent's guid first (when there is one), then the external ids (`tvdb://73141`).
    pub guids: Vec<String>,
}

impl CachedShow {
    /// Takes what matching needs from a show as the server sent it.
    pub fn from_plex(item: &plex_api::Item) -> Self {
        Self {
            rating_key: item.rating_key,
            title: item.title.clone(),
            original_title: item.original_title.clone().filter(|title| !title.is_empty()),
            year: item.year,
            guids: item.guid.iter().chain(&item.guids).cloned().collect(),
        }
    }
}
