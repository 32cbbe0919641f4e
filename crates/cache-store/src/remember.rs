//! Writing matches: a batch is one transaction.

use crate::codec;
use crate::error::Error;
use crate::matches::{MatchKey, MatchRecord};
use crate::record::MatchRow;
use crate::section::SectionId;
use crate::store::Store;
use crate::table;

impl Store {
    /// Remembers answers, all of them or none. One durable commit costs as much as hundreds
    /// of records, so hosts match in batches.
    pub fn remember(
        &self,
        section: SectionId,
        mut matches: Vec<(MatchKey, MatchRecord)>,
    ) -> Result<(), Error> {
        if matches.is_empty() {
            return Ok(());
        }
        // Sorted keys are written faster and leave fuller pages.
        matches.sort_unstable_by_key(|(key, _)| *key);
        let doing = "remembering matches";
        self.write(doing, |txn| {
            let mut table = txn.open_table(table::MATCHES).map_err(Error::storage(doing))?;
            let mut bytes = Vec::new();
            for (key, record) in &matches {
                let place = table::match_place(section, key);
                codec::seal(place, &MatchRow::new(record), &mut bytes);
                table
                    .insert((section.0, key.0), bytes.as_slice())
                    .map_err(Error::storage(doing))?;
            }
            Ok(())
        })
    }
}
