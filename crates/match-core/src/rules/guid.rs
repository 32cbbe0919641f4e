//! Rule 5: a guid.
//!
//! An id of IMDb or of Plex names one work in the world. The ids of TMDB and TVDB are numbers
//! that movies, shows and episodes each count for themselves: without the kind, the year or
//! the title they prove little.

use std::borrow::Cow;

use cache_store::{ItemRef, PartRef};

use super::edition::edition;
use super::{Prepared, choose, weight};
use crate::answer::Answer;
use crate::evidence::Rule;
use crate::names::ids::{self, scheme};
use crate::names::spelling::fold::{fold_guid, fold_title};
use crate::names::spelling::generic::telling_folder;
use crate::names::spelling::path::FoldedPath;
use crate::names::spelling::year::years;
use crate::query::Query;
use crate::rules::candidates::names_its_year;

/// The query's guids, folded, and those that its names say.
pub(crate) fn folded<'q>(query: &'q Prepared<'_>) -> Vec<Cow<'q, str>> {
    let told = query.query.guids.iter().map(|guid| fold_guid(guid));
    told.chain(query.ids().iter().map(|guid| Cow::Borrowed(guid.as_str()))).collect()
}

/// The query has an id in a scheme in which the item has another id, and no id agrees.
pub(super) fn another(query: &Prepared<'_>, item: &ItemRef<'_>) -> bool {
    if query.query.guids.is_empty() && query.ids().is_empty() {
        return false;
    }
    let agreement = agreement(query, item);
    if agreement.equal > 0 || agreement.differ == 0 {
        return false;
    }
    // An id that the item's own path bears is one that the server knows of and did not follow.
    let borne = |part: &PartRef<'_>| {
        let theirs = ids::of(&FoldedPath::new(part.file));
        query.ids().iter().any(|id| theirs.contains(id))
    };
    !(query.query.guids.is_empty() && item.parts.iter().any(borne))
}

/// How many guids agree, whether one of them is of one work only, and how many differ.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Agreement {
    pub(super) equal: u16,
    worldwide: bool,
    /// One that agrees was told by the host, and not only read in a name.
    told: bool,
    pub(super) differ: u16,
}

pub(super) fn agreement(query: &Prepared<'_>, item: &ItemRef<'_>) -> Agreement {
    let ours = folded(query);
    let theirs: Vec<Cow<'_, str>> = item.guids.iter().map(|guid| fold_guid(guid)).collect();
    let mut agreement = Agreement::default();
    for guid in &ours {
        if theirs.contains(guid) {
            agreement.equal = agreement.equal.saturating_add(1);
            agreement.worldwide |= ids::is_worldwide(guid);
            agreement.told |= query.query.guids.iter().any(|told| fold_guid(told) == *guid);
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
        let agreement = agreement(query, item);
        (agreement.equal > 0).then(|| (score(query, item, agreement), item))
    });
    choose(query, Rule::Guid, scored, |item, _, rival| {
        let agreement = agreement(query, item);
        agreement.differ == 0
            && (agreement.told || beside(query, item))
            && rival.is_none_or(|(_, next)| next < weight::GUID)
            && year_fits(asked, item) != Some(false)
            && (agreement.worldwide || backed(query, item))
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
    if edition(query, item) < 0 {
        score = score.saturating_sub(weight::EDITION_DIFFERS);
    }
    score
}

/// The file is as large as the item's, or lies in a folder of the same name: what an id in a name
/// needs beside it. Somebody may have given a file the wrong folder, or a folder the wrong id.
pub(super) fn beside(query: &Prepared<'_>, item: &ItemRef<'_>) -> bool {
    let telling = |size: u64| size >= weight::TELLING_SIZE;
    let same_size = query.query.size.is_some_and(telling)
        && item.parts.iter().any(|part| query.compare(part, item).size == Some(true));
    let Some(ours) = telling_folder(&query.path) else { return same_size };
    let same = |part: &PartRef<'_>| telling_folder(&FoldedPath::new(part.file)) == Some(ours);
    same_size || item.parts.iter().any(same)
}

/// Something besides the number agrees: the kind that was asked for, the year, or the title.
fn backed(query: &Prepared<'_>, item: &ItemRef<'_>) -> bool {
    let named = || query.path.components().flat_map(years).any(|year| item.year == Some(year));
    let query = query.query;
    let title = || {
        let ours = fold_title(query.title.as_deref()?);
        Some(crate::names::title_hashes::titles(item).any(|title| title == ours))
    };
    query.kind == Some(item.kind)
        || year_fits(query, item) == Some(true)
        || title() == Some(true)
        || names_its_year(item) && named()
}

fn year_fits(query: &Query, item: &ItemRef<'_>) -> Option<bool> {
    if !names_its_year(item) {
        return None;
    }
    Some(query.year?.abs_diff(item.year?) <= 1)
}
