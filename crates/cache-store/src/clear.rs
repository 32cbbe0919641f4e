//! Clearing by hand, with a count of what went.

use serde::Serialize;

use crate::error::Error;
use crate::index::Index;
use crate::section::SectionId;
use crate::store::{Store, put_section, section_in};
use crate::table;

/// What a clear removes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clear {
    /// Remembered matches of every section; items stay.
    Matches,
    /// Items, indexes and matches of one section.
    Section(SectionId),
    /// Items, indexes and matches of every section. The file stays bound to its server.
    All,
}

/// How much a clear removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Cleared {
    /// Items.
    pub items: u64,
    /// Remembered matches.
    pub matches: u64,
}

impl Store {
    /// Clears, in one transaction. A refresh that is under way then finds the section
    /// changed, writes nothing, and starts again.
    pub fn clear(&self, what: Clear) -> Result<Cleared, Error> {
        let sections = match what {
            Clear::Section(id) => vec![id],
            Clear::Matches | Clear::All => self.sections()?.iter().map(|state| state.id).collect(),
        };
        let doing = "clearing it";
        self.write(doing, |txn| {
            let mut cleared = Cleared::default();
            for id in sections {
                let mut matches = txn.open_table(table::MATCHES).map_err(Error::storage(doing))?;
                matches
                    .retain_in(table::whole_matches(id), |_, _| {
                        cleared.matches += 1;
                        false
                    })
                    .map_err(Error::storage(doing))?;
                if what == Clear::Matches {
                    continue;
                }
                let mut items = txn.open_table(table::ITEMS).map_err(Error::storage(doing))?;
                items
                    .retain_in(table::whole(id), |_, _| {
                        cleared.items += 1;
                        false
                    })
                    .map_err(Error::storage(doing))?;
                for index in Index::ALL {
                    let mut buckets =
                        txn.open_table(table::index(index)).map_err(Error::storage(doing))?;
                    buckets
                        .retain_in(table::whole(id), |_, _| false)
                        .map_err(Error::storage(doing))?;
                }
                if let Some(mut state) = section_in(txn, id)? {
                    state.forget();
                    put_section(txn, &state)?;
                }
            }
            Ok(cleared)
        })
    }
}
