//! A remembered match on disk.

use plex_api::{RatingKey, UnixSeconds};

use crate::format::envelope::{self, Decode, Encode, Record};
use crate::model::index::Index;
use crate::model::remembered::{Depends, Failure, MatchRecord, Outcome, RecordedEvidence};
use crate::model::revision::Revision;

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
    /// The buckets: index number and hash.
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
        (schema == 1).then(|| envelope::decode::<MatchRow1>(payload)).flatten().map(Self::from)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
enum OutcomeFields {
    Found { rating_key: u64, others: Vec<u64>, version: u16, high: bool },
    Ambiguous(Vec<u64>),
    Absent,
}

/// The seconds of a day.
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

    /// `None` when an index number on disk is unknown.
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

/// The row before matches named their rival, their mapping, and the host's reports about them.
#[derive(Decode)]
struct MatchRow1 {
    outcome: OutcomeFields,
    rule: u8,
    components: u16,
    score: u16,
    runner_up: u16,
    buckets: Vec<(u8, u64)>,
    whole_section: bool,
    verified_at: u64,
    last_used_day: u32,
}

impl From<MatchRow1> for MatchRow {
    fn from(row: MatchRow1) -> Self {
        Self {
            outcome: row.outcome,
            rule: row.rule,
            components: row.components,
            score: row.score,
            runner_up: row.runner_up,
            rival: None,
            mapping: None,
            buckets: row.buckets,
            whole_section: row.whole_section,
            verified_at: row.verified_at,
            last_used_day: row.last_used_day,
            all_rules: false,
            applied_at: None,
            failed: None,
        }
    }
}
