//! Records as earlier versions wrote them. Read, never written.

use plex_api::{ItemKind, RatingKey, UnixSeconds};

use super::item::PartFields;
use super::{MatchRow, OutcomeFields, SectionRow, StampFields, StoreRow};
use crate::codec::{BorrowDecode, Decode};
use crate::item::CachedItem;
use crate::shelf::Division;

/// Before files had an id and remembered the server's list.
#[derive(Decode)]
pub(super) struct StoreRow1 {
    server: Option<String>,
    next_section: u32,
    indexing: u32,
}

impl From<StoreRow1> for StoreRow {
    fn from(row: StoreRow1) -> Self {
        let StoreRow1 { server, next_section, indexing } = row;
        Self { server, next_section, indexing, listed: Vec::new(), listed_at: None, file_id: 0 }
    }
}

/// Before indexes were divided into shelves.
#[derive(Decode)]
pub(super) struct SectionRow1 {
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
            observed: row.stamp.clone(),
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
            // Nothing is on a shelf yet: the opening that read this builds the indexes anew.
            divisions: [Division::default(); 3],
            matches_from: 0,
        }
    }
}

/// Before matches named their rival, their mapping, and what the host made of them.
#[derive(Decode)]
pub(super) struct MatchRow1 {
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

/// Before items had an album, an edition and a day on which they were aired.
#[derive(BorrowDecode)]
pub(super) struct ItemRow2 {
    pub(super) changed_at: u64,
    _content: [u8; 16],
    pub(super) item: ItemFields2,
}

#[derive(BorrowDecode)]
pub(super) struct ItemFields2 {
    rating_key: u64,
    kind: u32,
    title: String,
    original_title: Option<String>,
    grandparent_title: Option<String>,
    year: Option<u16>,
    parent_index: Option<u32>,
    index: Option<u32>,
    guids: Vec<String>,
    duration_ms: Option<u64>,
    added_at: Option<i64>,
    updated_at: Option<i64>,
    trashed: bool,
    parts: Vec<PartFields<String>>,
}

impl ItemFields2 {
    pub(super) fn into_item(self) -> CachedItem {
        CachedItem {
            rating_key: RatingKey(self.rating_key),
            kind: ItemKind::from_type_number(self.kind),
            title: self.title,
            original_title: self.original_title,
            grandparent_title: self.grandparent_title,
            parent_title: None,
            edition: None,
            year: self.year,
            aired: None,
            parent_index: self.parent_index,
            index: self.index,
            guids: self.guids,
            duration_ms: self.duration_ms,
            added_at: self.added_at.map(UnixSeconds),
            updated_at: self.updated_at.map(UnixSeconds),
            trashed: self.trashed,
            parts: self.parts.into_iter().map(PartFields::into_part).collect(),
        }
    }
}
