//! Fills a section from a source that is not a server.

use plex_api::UnixSeconds;

use crate::error::Error;
use crate::model::item::CachedItem;
use crate::model::revision::SectionStamp;
use crate::model::section::{Lookups, SectionId, SectionState};
use crate::store::Store;
use crate::store::apply::update::{Applied, Changes, Scope, Update};
use crate::store::staging::Spool;

impl Store {
    /// Replaces the cached items of a section, like a full listing at `stamp` with these `items`.
    /// It serves benchmarks, tools and tests. For a server, use [`crate::Library`].
    pub fn fill(
        &self,
        section: SectionId,
        items: impl IntoIterator<Item = CachedItem>,
        stamp: SectionStamp,
        now: UnixSeconds,
    ) -> Result<Changes, Error> {
        let base = self.base(section)?;
        let mut rows = Spool::of_all(&base, self.indexing);
        rows.extend_all(items)?;
        let update = Update {
            scope: Scope::Complete(rows.take_keys()),
            complete: true,
            metadata: true,
            lookups: Lookups::default(),
            ..Update::new(&base, rows, stamp, now)
        };
        self.carry_out(update)
    }

    /// Brings a section up to date, like a delta with these `items` and these `gone` keys. It
    /// serves benchmarks, tools and tests, too.
    pub fn update(
        &self,
        section: SectionId,
        items: impl IntoIterator<Item = CachedItem>,
        gone: &[u64],
        stamp: SectionStamp,
        now: UnixSeconds,
    ) -> Result<Changes, Error> {
        let base = self.base(section)?;
        let mut rows = Spool::new();
        rows.extend_all(items)?;
        let update = Update {
            scope: Scope::Delta(gone.to_vec()),
            metadata: true,
            ..Update::new(&base, rows, stamp, now)
        };
        self.carry_out(update)
    }

    fn base(&self, section: SectionId) -> Result<SectionState, Error> {
        let missing = || Error::Moved { title: format!("#{}", section.0) };
        self.view()?.section(section)?.ok_or_else(missing)
    }

    fn carry_out(&self, update: Update) -> Result<Changes, Error> {
        let (section, title) = (update.base.id, update.base.title.clone());
        match self.apply(update)? {
            Applied::Done(_, changes) => Ok(changes),
            Applied::Damaged => {
                self.drop_items(section)?;
                Err(Error::Moved { title })
            }
            _ => Err(Error::Moved { title }),
        }
    }
}
