//! Stores the shows of a section.

use std::collections::BTreeMap;

use plex_api::UnixSeconds;
use redb::ReadableTable;

use crate::error::Error;
use crate::file::sections::{put_section, section_in};
use crate::format::show::ShowRow;
use crate::format::{envelope, place, tables};
use crate::model::section::{SectionState, ShowsListed};
use crate::model::show::CachedShow;
use crate::store::Store;
use crate::store::apply::update::Changes;

impl Store {
    /// Replaces the shows of a section by the listed ones, which were requested at `now`. If any
    /// show is different, the revision goes up, so answers that use shows are computed again.
    ///
    /// `None`: the section is not as in `base` any more. So an episode of a show that is not in
    /// this list may have come. Nothing was written.
    pub fn put_shows(
        &self,
        base: &SectionState,
        shows: &[CachedShow],
        now: UnixSeconds,
    ) -> Result<Option<(SectionState, Changes)>, Error> {
        let doing = "keeping shows";
        self.write(doing, |txn| {
            let current = section_in(txn, base.id)?.filter(|now| now.is_version_of(base));
            let Some(mut state) = current else { return Ok(None) };
            let section = state.id;
            let mut rows = txn.open_table(tables::SHOWS).map_err(Error::storage(doing))?;
            let mut before = BTreeMap::new();
            for row in rows.range(tables::whole(section)).map_err(Error::storage(doing))? {
                let (key, value) = row.map_err(Error::storage(doing))?;
                before.insert(key.value().1, value.value().to_vec());
            }
            let (mut changes, mut bytes) = (Changes::default(), Vec::new());
            for show in shows {
                let key = show.rating_key.0;
                envelope::seal(place::show(section, key), &ShowRow::new(show), &mut bytes);
                match before.remove(&key) {
                    Some(was) if was == bytes => {
                        changes.unchanged += 1;
                        continue;
                    }
                    Some(_) => changes.changed += 1,
                    None => changes.added += 1,
                }
                rows.insert((section.0, key), bytes.as_slice()).map_err(Error::storage(doing))?;
            }
            let count = changes.added + changes.changed + changes.unchanged;
            for &key in before.keys() {
                rows.remove((section.0, key)).map_err(Error::storage(doing))?;
                changes.removed += 1;
            }
            drop(rows);
            if changes.any() {
                state.revision = state.revision.next();
            }
            state.shows = Some(ShowsListed { at: now, count });
            put_section(txn, &state)?;
            Ok(Some((state, changes)))
        })
    }
}
