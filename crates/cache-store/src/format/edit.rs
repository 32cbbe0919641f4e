//! How far the edit of an item got, on disk.

use plex_api::{RatingKey, UnixSeconds};

use crate::format::envelope::{self, Decode, Encode, Record};
use crate::format::place;
use crate::model::edit::{EditProgress, Progress, RunId};
use crate::model::section::SectionId;

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
    /// Whether an edit was sent and not confirmed. A damaged row may have said so, so it counts
    /// too.
    pub(crate) fn is_unconfirmed(section: SectionId, key: u64, value: &[u8]) -> bool {
        envelope::open::<Self>(place::edit(section, key), value)
            .map_or(true, |row| row.progress == ProgressFields::Sent)
    }

    /// Whether another run sent the edit and does not know yet what came of it.
    pub(crate) fn is_sent_by_other(&self, run: RunId) -> bool {
        self.run != run.0 && self.progress == ProgressFields::Sent
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

    pub(crate) fn into_edit(self, section: SectionId, rating_key: RatingKey) -> EditProgress {
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
