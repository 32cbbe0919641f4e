//! Describes items for people, without asking the server.

use std::collections::BTreeMap;
use std::fmt;

use cache_store::{CachedItem, Error, SectionState};
use plex_api::{ItemKind, RatingKey, SectionKey};
use serde::Serialize;

use crate::engine::Engine;

/// The description of an item, as it was last read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Described {
    /// The item.
    pub rating_key: RatingKey,
    /// Title of its section.
    pub section: String,
    /// The number that addresses the section on the server.
    pub section_key: SectionKey,
    /// What kind of item it is.
    #[serde(serialize_with = "name_of")]
    pub kind: ItemKind,
    /// Its title.
    pub title: String,
    /// Year of release.
    pub year: Option<u16>,
    /// Title of an episode's show, or the artist of a track.
    pub show: Option<String>,
    /// Number of an episode's season, or of a track's disc.
    pub season: Option<u32>,
    /// Number of an episode within its season, or of a track.
    pub episode: Option<u32>,
    /// Its files, as the server spells them.
    pub files: Vec<String>,
}

/// For people: `Alien (1979)`, `Firefly S01E02 The Train Job`.
impl fmt::Display for Described {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(show) = &self.show {
            write!(f, "{show} ")?;
        }
        match (self.kind, self.season, self.episode) {
            (ItemKind::Episode, Some(season), Some(episode)) => {
                write!(f, "S{season:02}E{episode:02} ")?;
            }
            (_, _, Some(number)) => write!(f, "{number} ")?,
            _ => {}
        }
        f.write_str(&self.title)?;
        match self.year.filter(|_| self.show.is_none()) {
            Some(year) => write!(f, " ({year})"),
            None => Ok(()),
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn name_of<S: serde::Serializer>(kind: &ItemKind, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(kind.name())
}

impl Described {
    fn new(item: CachedItem, section: &SectionState) -> Self {
        Self {
            rating_key: item.rating_key,
            section: section.title.clone(),
            section_key: section.key,
            kind: item.kind,
            title: item.title,
            year: item.year,
            show: item.grandparent_title,
            season: item.parent_index,
            episode: item.index,
            files: item.parts.into_iter().map(|part| part.file).collect(),
        }
    }
}

impl Engine {
    /// The descriptions of items, by key: section, kind, title, season and episode. They come from
    /// the cache, without a call. Items that are not cached are left out. The items that a run has
    /// just answered with ([`Run::keys`](crate::Run::keys)) are cached.
    ///
    /// Dropping this future costs nothing: it only reads the cache.
    pub async fn describe(
        &self,
        keys: &[RatingKey],
    ) -> Result<BTreeMap<RatingKey, Described>, Error> {
        let keys = keys.to_vec();
        self.with_store(move |store| {
            let view = store.view()?;
            let mut described = BTreeMap::new();
            for section in view.sections()? {
                for &key in &keys {
                    if let Some(kept) = view.item(section.id, key)? {
                        described.insert(key, Described::new(kept.item, &section));
                    }
                }
            }
            Ok(described)
        })
        .await
    }
}
