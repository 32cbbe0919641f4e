//! A section on disk.

use plex_api::{ItemKind, SectionKey, SectionUuid, UnixSeconds};

use crate::format::envelope::{self, Decode, Encode, Record};
use crate::format::stamp::StampFields;
use crate::model::partition::Division;
use crate::model::position::{CommitId, Position};
use crate::model::revision::Revision;
use crate::model::section::{FileFilter, Lookups, SectionId, SectionState, ShowsListed};

/// A section.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub(crate) struct SectionRow {
    uuid: String,
    key: u32,
    title: String,
    kind: u32,
    locations: Vec<String>,
    stamp: Option<StampFields>,
    observed: Option<StampFields>,
    revision: u64,
    items: u64,
    unsupported: u64,
    complete: bool,
    observed_at: Option<i64>,
    metadata_at: Option<i64>,
    listed_at: Option<i64>,
    changed_until: Option<i64>,
    lookups_spent: u64,
    lookups_total: Option<u64>,
    /// 0 unknown, 1 ignored, 2 honoured.
    file_filter: u8,
    /// How the indexes are divided: names, guids, titles.
    divisions: [DivisionFields; 3],
    matches_from: u64,
    /// When the shows were listed, and how many there are.
    shows: Option<(i64, u64)>,
    dated: bool,
    settled: bool,
    counted_at: Option<i64>,
    position: Option<PositionFields>,
}

impl Record for SectionRow {
    const SCHEMA: u16 = 5;

    fn upgrade(schema: u16, payload: &[u8]) -> Option<Self> {
        if schema == 1 {
            return envelope::decode::<SectionRow1>(payload).map(Self::from);
        }
        // Schema 2 ended before the shows, 3 before `dated`, 4 before `settled`. Nothing was known
        // then about the missing fields. A 0 for each of them says so.
        let missing = match schema {
            2 => 5,
            3 => 4,
            _ => 3,
        };
        envelope::decode(&[payload, [0; 5].get(..missing)?].concat())
    }
}

/// A commit of the shared tier, its stamp, and the items that differ from it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
struct PositionFields {
    commit: [u8; 16],
    stamp: StampFields,
    touched: Vec<u64>,
}

/// How an index is divided.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Encode, Decode)]
struct DivisionFields {
    bits: Option<u8>,
    buckets: u64,
}

impl DivisionFields {
    fn new(division: Division) -> Self {
        Self { bits: division.bits, buckets: division.buckets }
    }

    fn into_division(self) -> Division {
        Division { bits: self.bits, buckets: self.buckets }
    }
}

impl SectionRow {
    pub(crate) fn new(state: &SectionState) -> Self {
        Self {
            uuid: state.uuid.0.clone(),
            key: state.key.0,
            title: state.title.clone(),
            kind: state.kind.type_number(),
            locations: state.locations.clone(),
            stamp: state.stamp.map(StampFields::new),
            observed: state.observed.map(StampFields::new),
            revision: state.revision.0,
            items: state.items,
            unsupported: state.unsupported,
            complete: state.complete,
            observed_at: state.observed_at.map(|at| at.0),
            metadata_at: state.metadata_at.map(|at| at.0),
            listed_at: state.listed_at.map(|at| at.0),
            changed_until: state.changed_until.map(|at| at.0),
            lookups_spent: state.lookups.spent,
            lookups_total: state.lookups.total,
            file_filter: match state.lookups.filter {
                FileFilter::Unknown => 0,
                FileFilter::Ignored => 1,
                FileFilter::Honoured => 2,
            },
            divisions: state.divisions.map(DivisionFields::new),
            matches_from: state.matches_from.0,
            shows: state.shows.map(|shows| (shows.at.0, shows.count)),
            dated: state.dated,
            settled: state.settled,
            counted_at: state.counted_at.map(|at| at.0),
            position: state.position.as_ref().map(|position| PositionFields {
                commit: position.commit.0,
                stamp: StampFields::new(position.stamp),
                touched: position.touched.clone(),
            }),
        }
    }

    pub(crate) fn into_state(self, id: SectionId) -> SectionState {
        SectionState {
            id,
            uuid: SectionUuid(self.uuid),
            key: SectionKey(self.key),
            title: self.title,
            kind: ItemKind::from_type_number(self.kind),
            locations: self.locations,
            stamp: self.stamp.map(StampFields::into_stamp),
            observed: self.observed.map(StampFields::into_stamp),
            revision: Revision(self.revision),
            items: self.items,
            unsupported: self.unsupported,
            complete: self.complete,
            settled: self.settled,
            observed_at: self.observed_at.map(UnixSeconds),
            metadata_at: self.metadata_at.map(UnixSeconds),
            listed_at: self.listed_at.map(UnixSeconds),
            counted_at: self.counted_at.map(UnixSeconds),
            changed_until: self.changed_until.map(UnixSeconds),
            shows: self.shows.map(|(at, count)| ShowsListed { at: UnixSeconds(at), count }),
            dated: self.dated,
            lookups: Lookups {
                spent: self.lookups_spent,
                total: self.lookups_total,
                filter: match self.file_filter {
                    1 => FileFilter::Ignored,
                    2 => FileFilter::Honoured,
                    _ => FileFilter::Unknown,
                },
            },
            divisions: self.divisions.map(DivisionFields::into_division),
            matches_from: Revision(self.matches_from),
            position: self.position.map(|position| Position {
                commit: CommitId(position.commit),
                stamp: position.stamp.into_stamp(),
                touched: position.touched,
            }),
        }
    }
}

/// The row before indexes were divided into blocks.
#[derive(Decode)]
struct SectionRow1 {
    uuid: String,
    key: u32,
    title: String,
    kind: u32,
    locations: Vec<String>,
    stamp: Option<StampFields>,
    revision: u64,
    items: u64,
    unsupported: u64,
    complete: bool,
    observed_at: Option<i64>,
    listed_at: Option<i64>,
    changed_until: Option<i64>,
    lookups_spent: u64,
    lookups_total: Option<u64>,
    file_filter: u8,
}

impl From<SectionRow1> for SectionRow {
    fn from(row: SectionRow1) -> Self {
        Self {
            uuid: row.uuid,
            key: row.key,
            title: row.title,
            kind: row.kind,
            locations: row.locations,
            observed: row.stamp,
            stamp: row.stamp,
            revision: row.revision,
            items: row.items,
            unsupported: row.unsupported,
            complete: row.complete,
            observed_at: row.observed_at,
            metadata_at: None,
            listed_at: row.listed_at,
            changed_until: row.changed_until,
            lookups_spent: row.lookups_spent,
            lookups_total: row.lookups_total,
            file_filter: row.file_filter,
            // Nothing is in a block yet. The opening that reads this row rebuilds the indexes.
            divisions: [DivisionFields::default(); 3],
            matches_from: 0,
            shows: None,
            dated: false,
            settled: false,
            counted_at: None,
            position: None,
        }
    }
}
