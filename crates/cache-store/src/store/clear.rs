//! Clears parts of the cache by hand, and counts what was removed.

use plex_api::RatingKey;
use redb::WriteTransaction;
use serde::Serialize;

use crate::error::Error;
use crate::file::meta::{put_store_row, read_store_row};
use crate::file::sections::{put_section, section_in};
use crate::format::item::ItemRow;
use crate::format::tables::{ALL, Goes};
use crate::format::{envelope, place, tables};
use crate::index::postings::Postings;
use crate::model::section::SectionId;
use crate::store::Store;
use crate::store::cascade::Beside;

/// What a clear removes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clear {
    /// The remembered matches of every section. Items stay.
    Matches,
    /// One item of a section. Until the next listing, the section is not known completely.
    Item(SectionId, RatingKey),
    /// Everything of one section except its number.
    Section(SectionId),
    /// Everything of every section. The file stays bound to its server.
    All,
    /// Everything, and the file's binding to its server.
    Server,
}

/// How much a clear removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Cleared {
    /// Sections, with [`Clear::Server`].
    pub sections: u64,
    /// Items.
    pub items: u64,
    /// Remembered matches.
    pub matches: u64,
    /// Other rows that belonged to sections or items: index blocks, leases, metadata, edits,
    /// uploads.
    pub other_rows: u64,
}

impl Store {
    /// Clears, in one transaction. A refresh that is running finds that the section changed, writes
    /// nothing, and starts again. While nothing is kept on disk ([`Store::no_disk`]), this clears
    /// only memory.
    pub fn clear(&self, what: Clear) -> Result<Cleared, Error> {
        if let Clear::Item(section, key) = what {
            return self.clear_item(section, key);
        }
        let sections = match what {
            Clear::Section(id) => vec![id],
            _ => self.sections()?.iter().map(|state| state.id).collect(),
        };
        self.write("clearing it", |txn| {
            let mut cleared = Cleared::default();
            for &id in &sections {
                cleared.rows(txn, id, |goes| match what {
                    Clear::Matches => goes == Goes::WithMatches,
                    Clear::Server => true,
                    _ => goes != Goes::Never,
                })?;
                if matches!(what, Clear::Section(_) | Clear::All)
                    && let Some(mut state) = section_in(txn, id)?
                {
                    state.forget();
                    put_section(txn, &state)?;
                }
            }
            if what == Clear::Server {
                let mut row = read_store_row(txn)?;
                row.server = None;
                row.listed.clear();
                row.listed_at = None;
                put_store_row(txn, &row)?;
            }
            Ok(cleared)
        })
    }

    /// Ends all remembered matches of a section, and has the section listed again. It removes no
    /// row: it is one small transaction, whatever the size of the section. The listing then writes
    /// only differences.
    pub fn invalidate(&self, section: SectionId) -> Result<(), Error> {
        self.write("invalidating a section", |txn| {
            let Some(mut state) = section_in(txn, section)? else { return Ok(()) };
            state.end_matches();
            state.stamp = None;
            state.observed = None;
            state.complete = false;
            state.observed_at = None;
            put_section(txn, &state)
        })
    }

    fn clear_item(&self, section: SectionId, key: RatingKey) -> Result<Cleared, Error> {
        let doing = "clearing an item";
        self.write(doing, |txn| {
            let Some(mut state) = section_in(txn, section)? else {
                return Ok(Cleared::default());
            };
            // A show can have these rows, although it has none among the items.
            let other_rows = Beside::open(txn)?.remove(section, key)?;
            let place = place::item(section, key.0);
            let row = {
                let mut items = txn.open_table(tables::ITEMS).map_err(Error::storage(doing))?;
                let removed = items.remove((section.0, key.0)).map_err(Error::storage(doing))?;
                let Some(removed) = removed else {
                    return Ok(Cleared { other_rows, ..Cleared::default() });
                };
                envelope::open::<ItemRow>(place, removed.value())
            };
            let mut divisions = None;
            if let Ok(row) = row {
                let revision = state.revision.next();
                let mut postings = Postings::new(txn, self.indexing, &state, revision);
                postings.leave(&row.item.into_item())?;
                divisions = postings.finish()?;
            }
            let Some(divisions) = divisions else {
                // The item or one of its blocks is damaged, so the other records that name it are
                // unknown.
                let mut cleared = Cleared { items: 1, other_rows, ..Cleared::default() };
                cleared.rows(txn, section, |goes| goes == Goes::WithItems)?;
                state.forget();
                put_section(txn, &state)?;
                return Ok(cleared);
            };
            state.divisions = divisions;
            state.items = state.items.saturating_sub(1);
            state.revision = state.revision.next();
            // The removed item is still on the server, so nothing proves an absence now.
            state.complete = false;
            state.stamp = None;
            state.position = None;
            put_section(txn, &state)?;
            Ok(Cleared { items: 1, other_rows, ..Cleared::default() })
        })
    }
}

impl Cleared {
    /// Removes the rows of a section from the tables that `goes` names, and counts them.
    pub(crate) fn rows(
        &mut self,
        txn: &WriteTransaction,
        section: SectionId,
        goes: impl Fn(Goes) -> bool,
    ) -> Result<(), Error> {
        for table in ALL.iter().filter(|table| goes(table.goes)) {
            let removed = table.remove_section(txn, section)?;
            match table.name {
                "items" => self.items += removed,
                "matches" => self.matches += removed,
                "sections" => self.sections += removed,
                _ => self.other_rows += removed,
            }
        }
        Ok(())
    }
}
