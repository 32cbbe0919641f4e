//! Filling a section from somewhere else than a server.

use plex_api::UnixSeconds;

use crate::apply::{Applied, Changes, Scope, Update};
use crate::error::Error;
use crate::item::CachedItem;
use crate::section::{Lookups, SectionId};
use crate::spool::Spool;
use crate::stamp::SectionStamp;
use crate::store::Store;

impl Store {
    /// Replaces what is cached of a section, as a full listing that showed these `items` at
    /// `stamp` would. For benchmarks, tools and tests; [`crate::Library`] does it for a server.
    pub fn fill(
        &self,
        section: SectionId,
        items: impl IntoIterator<Item = CachedItem>,
        stamp: SectionStamp,
        now: UnixSeconds,
    ) -> Result<Changes, Error> {
        let missing = || Error::Moved { title: format!("#{}", section.0) };
        let base = self.view()?.section(section)?.ok_or_else(missing)?;
        let mut rows = Spool::new();
        for item in items {
            rows.push(item, UnixSeconds(i64::MAX))?;
        }
        let update = Update {
            scope: Scope::Complete(rows.keys().to_vec()),
            complete: true,
            metadata: true,
            lookups: Lookups::default(),
            ..Update::new(&base, rows, stamp, now)
        };
        match self.apply(update)? {
            Applied::Done(_, changes) => Ok(changes),
            Applied::Damaged => {
                self.drop_items(section)?;
                Err(Error::Moved { title: base.title })
            }
            _ => Err(Error::Moved { title: base.title }),
        }
    }
}
