//! How far the edits of a run got, so that a crash leaves nothing in doubt that could be known.
//!
//! One row an item, from the moment its edit is planned until its outcome was told to the host:
//! planned, sent, confirmed or failed. A row that is left over belongs to a run that ended
//! early. Nothing counts as applied before the server confirmed it: the row and the item's
//! metadata move in one transaction.

use std::fmt;

use plex_api::{RatingKey, UnixSeconds};
use redb::ReadableTable;

use crate::codec::{self, Decode, Encode, Record};
use crate::error::Error;
use crate::metadata::{Metadata, MetadataRow};
use crate::section::SectionId;
use crate::sections::known_sections;
use crate::store::Store;
use crate::table;
use crate::upgrade::draw;

/// Tells one run of edits from every other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId(pub u64);

impl RunId {
    /// A number that no other run has.
    pub fn draw() -> Self {
        Self(draw())
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// How far the edit of an item got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// It was decided, and not sent.
    Planned,
    /// It was sent, and the server did not confirm it: it may be applied or not.
    Sent,
    /// The server confirmed it.
    Confirmed,
    /// The server refused it, and said why.
    Failed(String),
}

/// The edit of an item, whose run did not end or ended early.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EditProgress {
    /// The section.
    pub section: SectionId,
    /// The item.
    pub rating_key: RatingKey,
    /// The run.
    pub run: RunId,
    /// How far it got.
    pub progress: Progress,
    /// When, by our clock.
    pub at: UnixSeconds,
}

/// [`EditProgress`] on disk.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub(crate) struct EditRow {
    run: u64,
    progress: ProgressFields,
    at: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
enum ProgressFields {
    Planned,
    Sent,
    Confirmed,
    Failed(String),
}

impl Record for EditRow {
    const SCHEMA: u16 = 1;
}

impl EditRow {
    /// Whether an edit was sent and not confirmed. A damaged row may have said so.
    pub(crate) fn is_unconfirmed(section: SectionId, key: u64, value: &[u8]) -> bool {
        codec::open::<Self>(table::edit_place(section, key), value)
            .map_or(true, |row| row.progress == ProgressFields::Sent)
    }

    /// Whether an edit was sent and not confirmed, and what became of it shows in an item that was
    /// asked for at a moment. A damaged row is of no use any more.
    pub(crate) fn is_seen(section: SectionId, key: u64, value: &[u8], asked: UnixSeconds) -> bool {
        codec::open::<Self>(table::edit_place(section, key), value)
            .map_or(true, |row| row.progress == ProgressFields::Sent && row.at <= asked.0)
    }

    pub(crate) fn new(edit: &EditProgress) -> Self {
        let progress = match &edit.progress {
            Progress::Planned => ProgressFields::Planned,
            Progress::Sent => ProgressFields::Sent,
            Progress::Confirmed => ProgressFields::Confirmed,
            Progress::Failed(why) => ProgressFields::Failed(why.clone()),
        };
        Self { run: edit.run.0, progress, at: edit.at.0 }
    }

    fn into_edit(self, section: SectionId, rating_key: RatingKey) -> EditProgress {
        let progress = match self.progress {
            ProgressFields::Planned => Progress::Planned,
            ProgressFields::Sent => Progress::Sent,
            ProgressFields::Confirmed => Progress::Confirmed,
            ProgressFields::Failed(why) => Progress::Failed(why),
        };
        let (run, at) = (RunId(self.run), UnixSeconds(self.at));
        EditProgress { section, rating_key, run, progress, at }
    }
}

impl Store {
    /// Notes how far edits got, with the metadata of items whose edit was confirmed, and
    /// removes rows whose outcome the host knows: all in one transaction, or nothing.
    pub fn note_edits(
        &self,
        edits: &[EditProgress],
        confirmed: &[(SectionId, RatingKey, Metadata)],
        closed: &[(SectionId, RatingKey)],
    ) -> Result<(), Error> {
        if edits.is_empty() && confirmed.is_empty() && closed.is_empty() {
            return Ok(());
        }
        let doing = "noting edits";
        self.write(doing, |txn| {
            let mut bytes = Vec::new();
            // One may have been cleared meanwhile.
            let sections = known_sections(txn)?;
            let mut rows = txn.open_table(table::EDITS).map_err(Error::storage(doing))?;
            for edit in edits.iter().filter(|edit| sections.contains(&edit.section)) {
                let key = edit.rating_key.0;
                codec::seal(table::edit_place(edit.section, key), &EditRow::new(edit), &mut bytes);
                let at = (edit.section.0, key);
                rows.insert(at, bytes.as_slice()).map_err(Error::storage(doing))?;
            }
            for (section, key) in closed {
                rows.remove((section.0, key.0)).map_err(Error::storage(doing))?;
            }
            let mut rows = txn.open_table(table::METADATA).map_err(Error::storage(doing))?;
            for (section, key, metadata) in
                confirmed.iter().filter(|(section, ..)| sections.contains(section))
            {
                let place = table::metadata_place(*section, key.0);
                codec::seal(place, &MetadataRow::new(metadata), &mut bytes);
                let at = (section.0, key.0);
                rows.insert(at, bytes.as_slice()).map_err(Error::storage(doing))?;
            }
            Ok(())
        })
    }

    /// Forgets the edits of a run. What is known of an item whose edit was sent and not confirmed
    /// is forgotten with it: it is read again before it is compared.
    pub fn forget_edits(&self, run: RunId) -> Result<(), Error> {
        let edits = self.edits()?;
        let doing = "forgetting edits";
        self.write(doing, |txn| {
            let mut rows = txn.open_table(table::EDITS).map_err(Error::storage(doing))?;
            let mut metadata = txn.open_table(table::METADATA).map_err(Error::storage(doing))?;
            for edit in edits.iter().filter(|edit| edit.run == run) {
                let at = (edit.section.0, edit.rating_key.0);
                rows.remove(at).map_err(Error::storage(doing))?;
                if edit.progress == Progress::Sent {
                    metadata.remove(at).map_err(Error::storage(doing))?;
                }
            }
            Ok(())
        })
    }

    /// The edits of runs that did not end or ended early, by section and item.
    pub fn edits(&self) -> Result<Vec<EditProgress>, Error> {
        let doing = "reading edits";
        self.read(doing, |txn| {
            let rows = txn.open_table(table::EDITS).map_err(Error::storage(doing))?;
            let mut edits = Vec::new();
            for row in rows.iter().map_err(Error::storage(doing))? {
                let (key, value) = row.map_err(Error::storage(doing))?;
                let (section, key) = key.value();
                let section = SectionId(section);
                match codec::open::<EditRow>(table::edit_place(section, key), value.value()) {
                    Ok(row) => edits.push(row.into_edit(section, RatingKey(key))),
                    Err(_) => self.damaged(doing),
                }
            }
            Ok(edits)
        })
    }
}
