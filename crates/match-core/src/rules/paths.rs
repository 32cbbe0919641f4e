//! Rules 1 to 4: what the paths say, with size and duration.

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

/// Decides among the files that have the queried name. The order of the candidates does not
/// matter.
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

/// Rules 1 and 2 alone, for candidates that agree in more than a name that says nothing.
pub(crate) fn decide_by_folders(
    query: &Prepared<'_>,
    candidates: &[Candidate<'_>],
) -> Option<Answer> {
    let views: Few<Seen<'_>> = candidates.iter().map(|candidate| see(query, candidate)).collect();
    whole_path(query, &views).or_else(|| folders(query, &views))
}

/// Whether one of the candidates may be the file: no folder above what agrees names another.
pub(crate) fn may_be(query: &Prepared<'_>, candidates: &[Candidate<'_>]) -> bool {
    let own = |seen: &Seen<'_>| seen.candidate.below.saturating_sub(1);
    let mut views = candidates.iter().map(|candidate| see(query, candidate));
    views.any(|seen| !folders_differ(query, &seen, own(&seen)))
}

/// A candidate, seen from a query.
struct Seen<'a> {
    candidate: &'a Candidate<'a>,
    /// Components that agree, counted upwards from the file name.
    tail: usize,
    reach: Reach,
    /// Something that agrees is not generic.
    telling: bool,
    /// A folder that agrees is not generic.
    telling_folder: bool,
    physical: Physical,
    /// The mapping without which less of the path would agree.
    mapping: Option<u16>,
}

/// How far two paths agree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// From the file name upwards, and then not.
    Tail,
    /// Everything below the section's folder agrees, and that is more than the file name.
    BelowSection,
    /// The whole path agrees, as it is or mapped.
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

/// Rule 1: the whole path, after mapping or below the section's folder.
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

/// Rule 2: the file name and the longest run of equal folders above it.
fn folders(query: &Prepared<'_>, views: &[Seen<'_>]) -> Option<Answer> {
    let longest = views.iter().map(|seen| seen.tail).max()?;
    if longest < 2 {
        return None;
    }
    let seen = only(views, |seen| seen.tail == longest)?;
    (seen.telling && !of_another_show(query, seen)).then(|| {
        let other = seen.physical.size == Some(false) && seen.physical.duration == Some(false);
        let sure = !other && !elsewhere(query, seen) && !another_work(query, seen.candidate);
        verdict(seen, Rule::Folders, weight::folders(longest), views, sure)
    })
}

/// Rule 3: the file name, with size or duration agreeing.
fn size_or_duration(query: &Prepared<'_>, views: &[Seen<'_>]) -> Option<Answer> {
    // Among those that agree in equally many folders: a longer run outweighs a size.
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

/// Rule 4: the file name alone, unique in the section.
fn file_name(query: &Prepared<'_>, views: &[Seen<'_>]) -> Option<Answer> {
    let seen = only(views, |_| true)?;
    let against = year_contradicts(query, seen.candidate) || of_another_show(query, seen);
    if !seen.telling || against {
        return None;
    }
    let sure = seen.physical.size != Some(false)
        && !elsewhere(query, seen)
        && !another_work(query, seen.candidate);
    Some(verdict(seen, Rule::FileName, weight::FILE_NAME, views, sure))
}

/// Nothing decided. A name that agrees is not nothing: if the years do not speak against it,
/// the candidates are shown, best first, and nobody is told that the file is not there. So a
/// file of a name that two other folders have is ambiguous, though it may be in neither: no
/// rule tells a third file of that name from a folder that was renamed.
fn undecided(query: &Prepared<'_>, views: &[Seen<'_>]) -> Answer {
    let fitting = views.iter().filter(|seen| !year_contradicts(query, seen.candidate));
    let ranked = fitting.flat_map(|seen| {
        let tail = u16::try_from(seen.tail).unwrap_or(u16::MAX);
        seen.candidate.holders.iter().map(move |&key| (tail, key))
    });
    ambiguous(ranked.collect()).unwrap_or(Answer::Absent)
}

/// Of candidates that the paths cannot tell apart, the one that a guid or the host's title
/// and year name.
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

/// The query's folders, or the host, name another year: a remake under the same file name.
/// Folders that agree cannot contradict.
fn year_contradicts(query: &Prepared<'_>, candidate: &Candidate<'_>) -> bool {
    let Some(year) = candidate.year() else { return false };
    if query.query.year.is_some_and(|asked| asked.abs_diff(year) > 1) {
        return true;
    }
    let agreeing = query.path.common_tail(&candidate.path);
    let folder = query.path.components().rev().nth(agreeing.max(1));
    contradict(folder, year, &candidate.title())
}

/// The host or the names know an id that differs from the item's, and none that agrees.
fn another_work(query: &Prepared<'_>, candidate: &Candidate<'_>) -> bool {
    guid::another(query, candidate.item)
}

/// Both paths go on above what agrees, with folders that say something and differ, and what
/// agrees does not name the item: `Show A/Season 1/Pilot.mkv` is not `Show B/Season 1/Pilot.mkv`.
fn elsewhere(query: &Prepared<'_>, seen: &Seen<'_>) -> bool {
    let Seen { candidate, tail, .. } = *seen;
    // The folders of the section are mounted elsewhere under other names. They speak only
    // where nothing else does: a section may be the folder of one show.
    let roots_speak = tail > 1 && !seen.telling_folder;
    let own = if roots_speak { usize::MAX } else { candidate.below.saturating_sub(1) };
    folders_differ(query, seen, own) && !names_item(seen)
}

/// Above what agrees, both paths name a folder, and not the same: of the candidate's folders
/// only the nearest `own` are looked at.
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

/// Folders that say nothing agree ("Season 1"), what they belong to differs, and the file name
/// does not speak of the item's show: the same season of two shows has files of one name.
fn of_another_show(query: &Prepared<'_>, seen: &Seen<'_>) -> bool {
    let named = || {
        let show = crate::names::title_hashes::parent_title(seen.candidate.item)?;
        let name = fold_title(stem(query.file_name()?));
        Some(contains_words(&name, &show))
    };
    seen.tail > 1 && !seen.telling_folder && elsewhere(query, seen) && named() != Some(true)
}

/// One of the names that agree is the item's: title and year, or for an episode its show.
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
            // "Show (2005)": the title and nothing else but a year.
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

/// The best of the other candidates, by the folders that agree.
fn best_other(views: &[Seen<'_>], seen: &Seen<'_>) -> Option<(RatingKey, u16)> {
    let others = views.iter().filter(|other| !same_items(other, seen));
    let keyed = others.filter_map(|other| {
        Some((weight::folders(other.tail), std::cmp::Reverse(*other.candidate.holders.first()?)))
    });
    keyed.max().map(|(score, std::cmp::Reverse(key))| (key, score))
}

/// The one candidate that fulfils a condition; `None` if there are several. Several versions of
/// one item are not several: it is the one whose size agrees, else the first.
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
