//! Rule 5: a guid.
//!
//! An id of IMDb or of Plex names one work in the world. The ids of TMDB and TVDB are numbers
//! that movies, shows and episodes each count for themselves: without the kind, the year or
//! the title they prove little.

use std::borrow::Cow;

use cache_store::ItemRef;

use crate::answer::Answer;
use crate::evidence::Rule;
use crate::names::fold::{fold_guid, fold_title};
use crate::query::Query;
use crate::rules::candidates::names_its_year;
use crate::rules::{Prepared, choose, weight};

/// The query's guids, folded.
pub(crate) fn folded(query: &Query) -> Vec<Cow<'_, str>> {
    query.guids.iter().map(|guid| fold_guid(guid)).collect()
}

/// How many guids agree, whether one of them is of one work only, and how many differ.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Agreement {
    pub(super) equal: u16,
    worldwide: bool,
    pub(super) differ: u16,
}

pub(super) fn agreement(query: &Query, item: &ItemRef<'_>) -> Agreement {
    let ours = folded(query);
    let theirs: Vec<Cow<'_, str>> = item.guids.iter().map(|guid| fold_guid(guid)).collect();
    let mut agreement = Agreement::default();
    for guid in &ours {
        if theirs.contains(guid) {
            agreement.equal = agreement.equal.saturating_add(1);
            agreement.worldwide |= matches!(scheme(guid), "imdb" | "plex");
        } else if theirs.iter().any(|other| scheme(other) == scheme(guid))
            && !ours.iter().any(|other| scheme(other) == scheme(guid) && theirs.contains(other))
        {
            agreement.differ = agreement.differ.saturating_add(1);
        }
    }
    agreement
}

/// Decides among items that hold one of the query's guids.
pub(crate) fn decide(query: &Prepared<'_>, items: &[ItemRef<'_>]) -> Option<Answer> {
    let asked = query.query;
    let of_kind = |item: &&ItemRef<'_>| asked.kind.is_none_or(|kind| kind == item.kind);
    let scored = items.iter().filter(of_kind).filter_map(|item| {
        let agreement = agreement(asked, item);
        (agreement.equal > 0).then(|| (score(query, item, agreement), item))
    });
    choose(query, Rule::Guid, scored, |item, _, rival| {
        let agreement = agreement(asked, item);
        agreement.differ == 0
            && rival.is_none_or(|(_, next)| next < weight::GUID)
            && year_fits(asked, item) != Some(false)
            && (agreement.worldwide || backed(asked, item))
    })
}

fn score(query: &Prepared<'_>, item: &ItemRef<'_>, agreement: Agreement) -> u16 {
    let further = agreement.equal.saturating_sub(1).min(4);
    let mut score = weight::GUID + further * weight::PER_GUID;
    let physical = item.parts.iter().map(|part| query.compare(part, item));
    if physical.clone().any(|physical| physical.size == Some(true)) {
        score += weight::SIZE_AGREES;
    }
    if physical.clone().any(|physical| physical.duration == Some(true)) {
        score += weight::DURATION_AGREES;
    }
    if agreement.differ > 0 || year_fits(query.query, item) == Some(false) {
        score = score.saturating_sub(weight::GUID_DIFFERS);
    }
    score
}

/// Something besides the number agrees: the kind that was asked for, the year, or the title.
fn backed(query: &Query, item: &ItemRef<'_>) -> bool {
    let title = || {
        let ours = fold_title(query.title.as_deref()?);
        Some(crate::names::title_hashes::titles(item).any(|title| title == ours))
    };
    query.kind == Some(item.kind) || year_fits(query, item) == Some(true) || title() == Some(true)
}

fn year_fits(query: &Query, item: &ItemRef<'_>) -> Option<bool> {
    if !names_its_year(item) {
        return None;
    }
    Some(query.year?.abs_diff(item.year?) <= 1)
}

fn scheme(guid: &str) -> &str {
    guid.split_once("://").map_or(guid, |(scheme, _)| scheme)
}
