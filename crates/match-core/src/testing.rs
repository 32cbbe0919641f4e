//! A store with a section of movies, for tests that match from a real one.

use cache_store::{
    CachedItem, CachedPart, SectionId, SectionStamp, SectionState, Store, StoreConfig,
};
use plex_api::{ItemKind, RatingKey, Section, SectionKey, SectionKind, SectionUuid, UnixSeconds};
use tempfile::TempDir;

use crate::matcher::indexing::INDEXING;

pub(crate) const NOW: UnixSeconds = UnixSeconds(1_800_000_000);

/// A store that holds one section, in a folder of its own.
pub(crate) struct OneSection {
    pub(crate) store: std::sync::Arc<Store>,
    pub(crate) section: SectionId,
    filled: i64,
    _folder: TempDir,
}

impl OneSection {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = StoreConfig::new(INDEXING, NOW);
        let store = Store::open(&folder.path().join("cache"), &config).unwrap();
        let listed = Section::new(
            SectionKey(1),
            SectionUuid("uuid".to_owned()),
            "Movies",
            SectionKind::Movie,
        );
        let section = store.note_sections(&[listed]).unwrap()[0].id;
        Self { store: std::sync::Arc::new(store), section, filled: 0, _folder: folder }
    }

    /// A listing shows these items and no others.
    pub(crate) fn list(&mut self, items: impl IntoIterator<Item = CachedItem>) {
        self.filled += 1;
        let stamp = SectionStamp {
            content_changed_at: Some(self.filled),
            scanned_at: None,
            updated_at: None,
        };
        self.store.fill(self.section, items, stamp, NOW).unwrap();
    }

    pub(crate) fn state(&self) -> SectionState {
        self.store.view().unwrap().section(self.section).unwrap().unwrap()
    }
}

/// A movie with one file.
pub(crate) fn movie(key: u64, title: &str, year: Option<u16>, file: &str) -> CachedItem {
    CachedItem {
        year,
        parts: vec![CachedPart {
            id: Some(key),
            version: 0,
            file: file.to_owned(),
            size: None,
            duration_ms: None,
            stamp: None,
            optimized: false,
        }],
        ..CachedItem::new(RatingKey(key), ItemKind::Movie, title)
    }
}
