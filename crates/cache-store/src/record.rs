//! The records on disk, and their conversion to and from domain types.
//!
//! These structs are private and change only together with their schema number and
//! `docs/format.md`. Fields are encoded in the order they stand here, without names. How to
//! change one is written over `codec.rs`; the earlier schemas are in `record/earlier.rs`.

mod earlier;
pub(crate) mod item;

use plex_api::{ItemKind, RatingKey, SectionKey, SectionUuid, UnixSeconds};

use crate::codec::{self, Decode, Encode, Record};
use crate::index::{Bucket, Index};
use crate::matches::{Depends, Failure, MatchRecord, Outcome, RecordedEvidence};
use crate::section::{FileFilter, Lookups, SectionId, SectionState};
use crate::shelf::Division;
use crate::stamp::{Revision, SectionStamp};

pub(crate) use crate::shelf::ShelfRow;
pub(crate) use item::{ItemBody, ItemRow};

/// The store as a whole: one row in `meta`.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub(crate) struct StoreRow {
    /// The server's `machineIdentifier`, once it is known.
    pub(crate) server: Option<String>,
    /// The next section number that was never used.
    pub(crate) next_section: u32,
    /// Version of the indexing function the indexes were built with.
    pub(crate) indexing: u32,
    /// The sections the server last listed, in its order, by our numbers.
    pub(crate) listed: Vec<u32>,
    /// When it did, by our clock.
    pub(crate) listed_at: Option<i64>,
    /// Drawn when the file was created: tells it from another file at the same path.
    pub(crate) file_id: u64,
}

impl Record for StoreRow {
    const SCHEMA: u16 = 2;

    fn upgrade(schema: u16, payload: &[u8]) -> Option<Self> {
        (schema == 1)
            .then(|| codec::decode::<earlier::StoreRow1>(payload))
            .flatten()
            .map(Self::from)
    }
}

/// What is counted across runs: one row in `meta`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Encode, Decode)]
pub(crate) struct CountersRow {
    pub(crate) hits: u64,
    pub(crate) misses: u64,
    pub(crate) damaged: u64,
}

impl Record for CountersRow {
    const SCHEMA: u16 = 1;
}

/// Who refreshes a section, and until when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub(crate) struct LeaseRow {
    pub(crate) holder: u64,
    pub(crate) until: i64,
}

impl Record for LeaseRow {
    const SCHEMA: u16 = 1;
}

/// An index bucket, as it lies on a shelf.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode)]
pub(crate) struct BucketRow {
    pub(crate) changed_at: u64,
    /// Ascending, each once.
    pub(crate) keys: Vec<u64>,
}

impl BucketRow {
    pub(crate) fn into_bucket(self) -> Bucket {
        Bucket {
            changed_at: Revision(self.changed_at),
            rating_keys: self.keys.into_iter().map(RatingKey).collect(),
        }
    }
}

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
    divisions: [Division; 3],
    matches_from: u64,
}

impl Record for SectionRow {
    const SCHEMA: u16 = 2;

    fn upgrade(schema: u16, payload: &[u8]) -> Option<Self> {
        (schema == 1)
            .then(|| codec::decode::<earlier::SectionRow1>(payload))
            .flatten()
            .map(Self::from)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
struct StampFields {
    counter: Option<i64>,
    scanned: Option<i64>,
    updated: Option<i64>,
}

impl StampFields {
    fn new(stamp: SectionStamp) -> Self {
        Self {
            counter: stamp.content_changed_at,
            scanned: stamp.scanned_at.map(|at| at.0),
            updated: stamp.updated_at.map(|at| at.0),
        }
    }

    fn into_stamp(self) -> SectionStamp {
        SectionStamp {
            content_changed_at: self.counter,
            scanned_at: self.scanned.map(UnixSeconds),
            updated_at: self.updated.map(UnixSeconds),
        }
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
            divisions: state.divisions,
            matches_from: state.matches_from.0,
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
            observed_at: self.observed_at.map(UnixSeconds),
            metadata_at: self.metadata_at.map(UnixSeconds),
            listed_at: self.listed_at.map(UnixSeconds),
            changed_until: self.changed_until.map(UnixSeconds),
            lookups: Lookups {
                spent: self.lookups_spent,
                total: self.lookups_total,
                filter: match self.file_filter {
                    1 => FileFilter::Ignored,
                    2 => FileFilter::Honoured,
                    _ => FileFilter::Unknown,
                },
            },
            divisions: self.divisions,
            matches_from: Revision(self.matches_from),
        }
    }
}

/// A remembered match.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub(crate) struct MatchRow {
    outcome: OutcomeFields,
    rule: u8,
    components: u16,
    score: u16,
    runner_up: u16,
    rival: Option<u64>,
    mapping: Option<u16>,
    /// Index number and hash.
    buckets: Vec<(u8, u64)>,
    whole_section: bool,
    all_rules: bool,
    verified_at: u64,
    /// Days since 1970.
    pub(crate) last_used_day: u32,
    applied_at: Option<i64>,
    failed: Option<FailureFields>,
}

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
struct FailureFields {
    rating_key: u64,
    at: i64,
    why: String,
}

impl Record for MatchRow {
    const SCHEMA: u16 = 2;

    fn upgrade(schema: u16, payload: &[u8]) -> Option<Self> {
        (schema == 1)
            .then(|| codec::decode::<earlier::MatchRow1>(payload))
            .flatten()
            .map(Self::from)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
enum OutcomeFields {
    Found { rating_key: u64, others: Vec<u64>, version: u16, high: bool },
    Ambiguous(Vec<u64>),
    Absent,
}

/// Seconds a day.
const DAY: i64 = 86_400;

impl MatchRow {
    pub(crate) fn new(record: &MatchRecord) -> Self {
        let outcome = match &record.outcome {
            Outcome::Found { rating_key, others, version, high } => OutcomeFields::Found {
                rating_key: rating_key.0,
                others: others.iter().map(|key| key.0).collect(),
                version: *version,
                high: *high,
            },
            Outcome::Ambiguous(keys) => {
                OutcomeFields::Ambiguous(keys.iter().map(|key| key.0).collect())
            }
            Outcome::Absent => OutcomeFields::Absent,
        };
        let buckets = record.depends.buckets.iter().map(|&(index, hash)| (index.number(), hash));
        Self {
            outcome,
            rule: record.evidence.rule,
            components: record.evidence.components,
            score: record.evidence.score,
            runner_up: record.evidence.runner_up,
            rival: record.evidence.rival.map(|key| key.0),
            mapping: record.evidence.mapping,
            buckets: buckets.collect(),
            whole_section: record.depends.whole_section,
            all_rules: record.all_rules,
            verified_at: record.verified_at.0,
            last_used_day: u32::try_from(record.last_used.0.div_euclid(DAY)).unwrap_or(0),
            applied_at: record.applied_at.map(|at| at.0),
            failed: record.failed.as_ref().map(|failed| FailureFields {
                rating_key: failed.rating_key.0,
                at: failed.at.0,
                why: failed.why.clone(),
            }),
        }
    }

    /// `None` when an index number is not one of ours.
    pub(crate) fn into_record(self) -> Option<MatchRecord> {
        let outcome = match self.outcome {
            OutcomeFields::Found { rating_key, others, version, high } => Outcome::Found {
                rating_key: RatingKey(rating_key),
                others: others.into_iter().map(RatingKey).collect(),
                version,
                high,
            },
            OutcomeFields::Ambiguous(keys) => {
                Outcome::Ambiguous(keys.into_iter().map(RatingKey).collect())
            }
            OutcomeFields::Absent => Outcome::Absent,
        };
        let buckets = self.buckets.into_iter().map(|(n, hash)| Some((Index::of_number(n)?, hash)));
        Some(MatchRecord {
            outcome,
            evidence: RecordedEvidence {
                rule: self.rule,
                components: self.components,
                score: self.score,
                runner_up: self.runner_up,
                rival: self.rival.map(RatingKey),
                mapping: self.mapping,
            },
            depends: Depends {
                buckets: buckets.collect::<Option<_>>()?,
                whole_section: self.whole_section,
            },
            all_rules: self.all_rules,
            verified_at: Revision(self.verified_at),
            last_used: UnixSeconds(i64::from(self.last_used_day) * DAY),
            applied_at: self.applied_at.map(UnixSeconds),
            failed: self.failed.map(|failed| Failure {
                rating_key: RatingKey(failed.rating_key),
                at: UnixSeconds(failed.at),
                why: failed.why,
            }),
        })
    }
}
