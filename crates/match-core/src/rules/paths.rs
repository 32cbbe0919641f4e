//! Rules 1 to 4: paths, with size and duration.

use plex_api::RatingKey;

use crate::answer::{Answer, Confidence};
use crate::evidence::Rule;
use crate::names::parse::contains_words;
use crate::names::spelling::fold::fold_title;
use crate::names::spelling::generic::{is_code, is_generic, stem};
use crate::names::spelling::year::{contradict, years};
use crate::rules::candidates::{Candidate, Few};
use crate::rules::reading;
use crate::rules::{Physical, Prepared, Verdict, ambiguous, guid, weight};

/// Decides among the files that have the file name of the query. The order of the candidates does
/// not matter.
pub(crate) fn decide(query: &Prepared<'_>, candidates: &[Candidate<'_>]) -> Answer {
    if candidates.is_empty() {
        return Answer::Absent;
    }
    let views: Few<Seen<'_>> = candidates.iter().map(|candidate| see(query, candidate)).collect();
    whole_path(query, &views)
        .or_else(|| folders(query, &views))
        .or_else(|| size_or_duration(query, &views))
        .or_else(|| file_name(query, &views))
        .unwrap_or_else(|| undecided(query, &views))
}

/// Rules 1 and 2 alone, for candidates that agree in more than a generic name.
pub(crate) fn decide_by_folders(
    query: &Prepared<'_>,
    candidates: &[Candidate<'_>],
) -> Option<Answer> {
    let views: Few<Seen<'_>> = candidates.iter().map(|candidate| see(query, candidate)).collect();
    whole_path(query, &views).or_else(|| folders(query, &views))
}

/// Whether one of the candidates may be the file: no folder above the agreeing components names
/// another work.
pub(crate) fn may_be(query: &Prepared<'_>, candidates: &[Candidate<'_>]) -> bool {
    let own = |seen: &Seen<'_>| seen.candidate.below.saturating_sub(1);
    let mut views = candidates.iter().map(|candidate| see(query, candidate));
    views.any(|seen| !folders_differ(query, &seen, own(&seen)))
}

/// A candidate, compared with a query.
struct Seen<'a> {
    candidate: &'a Candidate<'a>,
    /// The number of components that agree, counted upwards from the file name.
    tail: usize,
    reach: Reach,
    /// At least one component that agrees is not generic.
    telling: bool,
    /// At least one folder that agrees is not generic.
    telling_folder: bool,
    physical: Physical,
    /// The mapping that makes more of the path agree.
    mapping: Option<u16>,
}

/// How far two paths agree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// Some components agree, counted upwards from the file name.
    Tail,
    /// Everything below the section's folder agrees, and not only the file name.
    BelowSection,
    /// The whole path agrees, as it is or after mapping.
    Whole,
}

fn see<'a>(query: &Prepared<'_>, candidate: &'a Candidate<'a>) -> Seen<'a> {
    let mut tail = query.path.common_tail(&candidate.path);
    let mut whole = query.path == candidate.path;
    let mut mapping = None;
    if let Some((number, mapped)) = &query.mapped {
        let longer = mapped.common_tail(&candidate.path);
        if longer > tail || (*mapped == candidate.path && !whole) {
            tail = longer;
            whole |= *mapped == candidate.path;
            mapping = Some(*number);
        }
    }
    let mut agreeing = candidate.path.folders().rev().take(tail.saturating_sub(1));
    let telling_folder = agreeing.any(|folder| !is_generic(folder) || is_code(folder));
    let reach = match whole {
        true => Reach::Whole,
        false if tail >= candidate.below && candidate.below > 1 => Reach::BelowSection,
        false => Reach::Tail,
    };
    Seen {
        candidate,
        tail,
        reach,
        telling: query.telling_name || telling_folder,
        telling_folder,
        physical: query.compare(candidate.part, candidate.item),
        mapping,
    }
}

/// Rule 1: the whole path agrees, after mapping or below the section's folder.
fn whole_path(query: &Prepared<'_>, views: &[Seen<'_>]) -> Option<Answer> {
    if let Some(seen) = only(views, |seen| seen.reach == Reach::Whole) {
        return Some(verdict(seen, Rule::WholePath, weight::WHOLE_PATH, views, true));
    }
    let deepest = views.iter().map(|seen| seen.tail).max()?;
    let seen = only(views, |seen| seen.reach == Reach::BelowSection && seen.telling)?;
    (seen.tail == deepest).then(|| {
        let sure = !elsewhere(query, seen);
        verdict(seen, Rule::WholePath, weight::WHOLE_PATH - 1, views, sure)
    })
}

/// Rule 2: the file name and the longest run of equal folders above it agree.
fn folders(query: &Prepared<'_>, views: &[Seen<'_>]) -> Option<Answer> {
    let longest = views.iter().map(|seen| seen.tail).max()?;
    if longest < 2 {
        return None;
    }
    let seen = only(views, |seen| seen.tail == longest)?;
    (seen.telling && !of_another_show(query, seen)).then(|| {
        let other = seen.physical.size == Some(false) && seen.physical.duration == Some(false);
        let sure = !other && !elsewhere(query, seen) && !guid::another(query, seen.candidate.item);
        verdict(seen, Rule::Folders, weight::folders(longest), views, sure)
    })
}

/// Rule 3: the file name and the size or the duration agree.
fn size_or_duration(query: &Prepared<'_>, views: &[Seen<'_>]) -> Option<Answer> {
    // Only candidates with the longest run of equal folders count: a longer run outweighs a size.
    let longest = views.iter().map(|seen| seen.tail).max()?;
    if query.query.size.is_some_and(|size| size >= weight::TELLING_SIZE)
        && let Some(seen) =
            only(views, |seen| seen.tail == longest && seen.physical.size == Some(true))
    {
        return Some(verdict(seen, Rule::SizeDuration, weight::SIZE, views, true));
    }
    let seen = only(views, |seen| {
        seen.tail == longest
            && seen.physical.duration == Some(true)
            && seen.physical.size != Some(false)
    })?;
    let fits = seen.telling && !year_contradicts(query, seen.candidate);
    fits.then(|| verdict(seen, Rule::SizeDuration, weight::DURATION, views, false))
}

/// Rule 4: only the file name agrees, and it is unique in the section.
fn file_name(query: &Prepared<'_>, views: &[Seen<'_>]) -> Option<Answer> {
    let seen = only(views, |_| true)?;
    let against = year_contradicts(query, seen.candidate) || of_another_show(query, seen);
    if !seen.telling || against {
        return None;
    }
    let sure = seen.physical.size != Some(false)
        && !elsewhere(query, seen)
        && !guid::another(query, seen.candidate.item);
    Some(verdict(seen, Rule::FileName, weight::FILE_NAME, views, sure))
}

/// The answer if no rule decided. The name agrees, so the candidates are shown, best first, unless
/// the years contradict them all. So a file whose name is in two other folders is ambiguous,
/// although it may be in neither. No rule can tell a third file of that name from a folder that was
/// renamed.
fn undecided(query: &Prepared<'_>, views: &[Seen<'_>]) -> Answer {
    let fitting = views.iter().filter(|seen| !year_contradicts(query, seen.candidate));
    let ranked = fitting.flat_map(|seen| {
        let tail = u16::try_from(seen.tail).unwrap_or(u16::MAX);
        seen.candidate.holders.iter().map(move |&key| (tail, key))
    });
    ambiguous(ranked.collect()).unwrap_or(Answer::Absent)
}

/// Chooses among candidates that the paths cannot tell apart, by a guid or by the title and year
/// that the host gives.
pub(crate) fn break_tie(query: &Prepared<'_>, candidates: &[Candidate<'_>]) -> Option<Answer> {
    let views: Few<Seen<'_>> = candidates.iter().map(|candidate| see(query, candidate)).collect();
    let agreed = |seen: &Seen<'_>| guid::agreement(query, seen.candidate.item);
    if let Some(seen) = only(&views, |seen| agreed(seen).equal > 0) {
        let sure = agreed(seen).differ == 0;
        return Some(verdict(seen, Rule::Guid, weight::GUID, &views, sure));
    }
    let told = reading::told(query.query)?;
    let seen = only(&views, |seen| {
        seen.candidate.title() == told.title
            && told.year.is_none_or(|year| seen.candidate.year().is_none_or(|own| own == year))
    })?;
    Some(verdict(seen, Rule::TitleYear, weight::TITLE_YEAR, &views, query.trust_titles))
}

/// Whether the query's folders or the host name another year: then the file is a remake with the
/// same file name. Folders that agree cannot contradict.
fn year_contradicts(query: &Prepared<'_>, candidate: &Candidate<'_>) -> bool {
    let Some(year) = candidate.year() else { return false };
    if query.query.year.is_some_and(|asked| asked.abs_diff(year) > 1) {
        return true;
    }
    let agreeing = query.path.common_tail(&candidate.path);
    let folder = query.path.components().rev().nth(agreeing.max(1));
    contradict(folder, year, &candidate.title())
}

/// Whether both paths have folders above the agreeing components that are not generic and differ,
/// and no agreeing component names the item: `Show A/Season 1/Pilot.mkv` is not
/// `Show B/Season 1/Pilot.mkv`.
fn elsewhere(query: &Prepared<'_>, seen: &Seen<'_>) -> bool {
    let Seen { candidate, tail, .. } = *seen;
    // The host may mount the section's folders under other names. They count only if no other
    // folder is telling, because a section may be the folder of one show.
    let roots_speak = tail > 1 && !seen.telling_folder;
    let own = if roots_speak { usize::MAX } else { candidate.below.saturating_sub(1) };
    folders_differ(query, seen, own) && !names_item(seen)
}

/// Whether both paths name a folder above the agreeing components, and the folders differ. Only the
/// nearest `own` folders of the candidate are used.
fn folders_differ(query: &Prepared<'_>, seen: &Seen<'_>, own: usize) -> bool {
    let above = seen.tail.saturating_sub(1);
    let theirs = seen.candidate.path.folders().rev().take(own).skip(above);
    let Some(theirs) = theirs.into_iter().find(|folder| !is_generic(folder)) else { return false };
    let path = match &query.mapped {
        Some((number, mapped)) if seen.mapping == Some(*number) => mapped,
        _ => &query.path,
    };
    let ours = path.folders().rev().skip(above).find(|folder| !is_generic(folder));
    ours.is_some_and(|ours| ours != theirs)
}

/// Whether generic folders agree ("Season 1"), but the folders above differ, and the file name does
/// not name the item's show. The same season of two shows may have equal file names.
fn of_another_show(query: &Prepared<'_>, seen: &Seen<'_>) -> bool {
    let named = || {
        let show = crate::names::title_hashes::parent_title(seen.candidate.item)?;
        let name = fold_title(stem(query.file_name()?));
        Some(contains_words(&name, &show))
    };
    seen.tail > 1 && !seen.telling_folder && elsewhere(query, seen) && named() != Some(true)
}

/// Whether an agreeing component names the item: title and year, or for an episode its show.
fn names_item(seen: &Seen<'_>) -> bool {
    let title = seen.candidate.title();
    if title.is_empty() {
        return false;
    }
    let mut agreeing = seen.candidate.path.components().rev().take(seen.tail).enumerate();
    agreeing.any(|(at, component)| {
        let name = if at == 0 { stem(component) } else { component };
        match seen.candidate.year() {
            Some(year) => {
                years(name).any(|named| named == year) && contains_words(&fold_title(name), &title)
            }
            // "Show (2005)": the title, and after it only a year.
            None if seen.candidate.item.grandparent_title.is_some() && at > 0 => {
                let words = fold_title(name);
                words.strip_prefix(title.as_str()).is_some_and(|rest| {
                    rest.split(' ').all(|word| word.is_empty() || years(word).next().is_some())
                })
            }
            None => false,
        }
    })
}

fn verdict(seen: &Seen<'_>, rule: Rule, score: u16, views: &[Seen<'_>], sure: bool) -> Answer {
    let candidate = seen.candidate;
    let verdict = Verdict {
        rule,
        score,
        confidence: if sure { Confidence::High } else { Confidence::Low },
        rival: best_other(views, seen),
        components: seen.tail,
        mapping: seen.mapping,
    };
    verdict.found(&candidate.holders, Some(candidate.part), candidate.trashed)
}

/// The best of the other candidates, by the number of folders that agree.
fn best_other(views: &[Seen<'_>], seen: &Seen<'_>) -> Option<(RatingKey, u16)> {
    let others = views.iter().filter(|other| !same_items(other, seen));
    let keyed = others.filter_map(|other| {
        Some((weight::folders(other.tail), std::cmp::Reverse(*other.candidate.holders.first()?)))
    });
    keyed.max().map(|(score, std::cmp::Reverse(key))| (key, score))
}

/// The one candidate that fulfils a condition. `None`: there are several. Several versions of one
/// item count as one: the version whose size agrees is used, else the first.
fn only<'s, 'a>(
    views: &'s [Seen<'a>],
    condition: impl Fn(&Seen<'a>) -> bool,
) -> Option<&'s Seen<'a>> {
    let fulfilling = || views.iter().filter(|seen| condition(seen));
    let first = fulfilling().next()?;
    let fitting = fulfilling().find(|seen| seen.physical.size == Some(true));
    fulfilling().all(|seen| same_items(seen, first)).then_some(fitting.unwrap_or(first))
}

fn same_items(a: &Seen<'_>, b: &Seen<'_>) -> bool {
    a.candidate.holders == b.candidate.holders
}
