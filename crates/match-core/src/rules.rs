//! The rules, strongest first. The first that leaves exactly one candidate decides.

use plex_api::RatingKey;

use crate::answer::{Answer, Confidence, Match};
use crate::candidates::Candidate;
use crate::evidence::{Evidence, Rule, Source};
use crate::fold::fold_title;
use crate::generic::{is_generic, stem};
use crate::path::FoldedPath;
use crate::query::Query;
use crate::year::contradict;

/// Which rules are tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rules {
    /// Rules 1 to 4: what the paths say, with size and duration. What is absent by these is
    /// not there under this name.
    Paths,
    /// Those, and where they find nothing or leave a tie, rules 5 to 7: guids, title and
    /// year, similar titles. They read metadata, which moves without the section's stamp:
    /// ask for them only when the metadata is recent, and for absences that are proven.
    All,
}

/// The whole path agrees: nothing is surer.
const WHOLE_PATH: u16 = 1_000;
/// File name and one folder; each further folder adds [`PER_FOLDER`].
const FOLDERS: u16 = 800;
/// What another agreeing folder adds, up to just below a whole path.
const PER_FOLDER: u16 = 25;
/// File name and size in bytes: as good as two folders.
const SIZE: u16 = 850;
/// File name and duration: files of one series are often equally long.
const DURATION: u16 = 700;
/// File name alone.
const FILE_NAME: u16 = 500;

/// Durations agree when they differ by no more than this: players and servers round.
const DURATION_SLACK_MS: u64 = 1_500;

/// A query with its path folded once.
pub(crate) struct Prepared<'a> {
    query: &'a Query,
    path: FoldedPath,
    /// The path as the server would have it, where a mapping fits.
    mapped: Option<FoldedPath>,
}

impl<'a> Prepared<'a> {
    pub(crate) fn new(query: &'a Query, mapped: Option<FoldedPath>, path: FoldedPath) -> Self {
        Self { query, path, mapped }
    }

    pub(crate) fn file_name(&self) -> Option<&str> {
        self.path.file_name()
    }
}

/// Decides among the files that have the queried name. Pure; the order of the candidates does
/// not matter.
pub(crate) fn decide(query: &Prepared<'_>, candidates: &[Candidate]) -> Answer {
    if candidates.is_empty() {
        return Answer::Absent;
    }
    let views: Vec<Seen<'_>> = candidates.iter().map(|candidate| see(query, candidate)).collect();
    whole_path(&views)
        .or_else(|| folders(&views))
        .or_else(|| size_or_duration(&views))
        .or_else(|| file_name(query, &views))
        .unwrap_or_else(|| undecided(query, &views))
}

/// A candidate, seen from a query.
struct Seen<'a> {
    candidate: &'a Candidate,
    /// Components that agree, counted upwards from the file name.
    tail: usize,
    /// The whole path agrees, as it is or mapped.
    whole: bool,
    /// Everything below the section's folder agrees, and that is more than the file name.
    relative: bool,
    /// Something that agrees is not generic.
    telling: bool,
    same_size: Option<bool>,
    same_duration: Option<bool>,
}

fn see<'a>(query: &Prepared<'_>, candidate: &'a Candidate) -> Seen<'a> {
    let paths = std::iter::once(&query.path).chain(&query.mapped);
    let tail = paths.clone().map(|path| path.common_tail(&candidate.path)).max().unwrap_or(0);
    let whole = paths.into_iter().any(|path| *path == candidate.path);
    let agreeing = candidate.path.components().iter().rev().take(tail);
    let mut telling = false;
    for (at, component) in agreeing.enumerate() {
        let name = if at == 0 { stem(component) } else { component };
        telling |= !is_generic(name);
    }
    let differ = |a: Option<u64>, b: Option<u64>, slack| Some(a?.abs_diff(b?) <= slack);
    Seen {
        candidate,
        tail,
        whole,
        relative: tail >= candidate.below && candidate.below > 1,
        telling,
        same_size: differ(query.query.size, candidate.size, 0),
        same_duration: differ(query.query.duration_ms, candidate.duration_ms, DURATION_SLACK_MS),
    }
}

/// Rule 1: the whole path, after mapping or below the section's folder.
fn whole_path(views: &[Seen<'_>]) -> Option<Answer> {
    let whole = only(views, |seen| seen.whole);
    let relative = || {
        let deepest = views.iter().map(|seen| seen.tail).max()?;
        only(views, |seen| seen.relative && seen.telling).filter(|seen| seen.tail == deepest)
    };
    let seen = whole.or_else(relative)?;
    Some(found(seen, Rule::WholePath, WHOLE_PATH, best_other(views, seen), Confidence::High))
}

/// Rule 2: the file name and the longest run of equal folders above it.
fn folders(views: &[Seen<'_>]) -> Option<Answer> {
    let longest = views.iter().map(|seen| seen.tail).max()?;
    if longest < 2 {
        return None;
    }
    let seen = only(views, |seen| seen.tail == longest)?;
    let confidence = if seen.same_size == Some(false) && seen.same_duration == Some(false) {
        Confidence::Low
    } else {
        Confidence::High
    };
    seen.telling.then(|| {
        found(seen, Rule::Folders, folder_score(longest), best_other(views, seen), confidence)
    })
}

/// Rule 3: the file name, with size or duration agreeing.
fn size_or_duration(views: &[Seen<'_>]) -> Option<Answer> {
    // Among those that agree in equally many folders: a longer run outweighs a size.
    let longest = views.iter().map(|seen| seen.tail).max()?;
    let by_size = only(views, |seen| seen.tail == longest && seen.same_size == Some(true));
    if let Some(seen) = by_size {
        return Some(found(
            seen,
            Rule::SizeDuration,
            SIZE,
            best_other(views, seen),
            Confidence::High,
        ));
    }
    let seen = only(views, |seen| {
        seen.tail == longest && seen.same_duration == Some(true) && seen.same_size != Some(false)
    })?;
    seen.telling.then(|| {
        found(seen, Rule::SizeDuration, DURATION, best_other(views, seen), Confidence::Low)
    })
}

/// Rule 4: the file name alone, unique in the section.
fn file_name(query: &Prepared<'_>, views: &[Seen<'_>]) -> Option<Answer> {
    let [seen] = views else { return None };
    if !seen.telling || year_contradicts(query, seen.candidate) {
        return None;
    }
    let name = fold_title(stem(query.file_name().unwrap_or_default()));
    let title = &seen.candidate.folded_title;
    let names_item = !title.is_empty()
        && contains_words(&name, title)
        && seen.candidate.year.is_some_and(|year| crate::year::years(&name).any(|y| y == year));
    let sure =
        (names_item || !folders_contradict(query, seen.candidate)) && seen.same_size != Some(false);
    let confidence = if sure { Confidence::High } else { Confidence::Low };
    Some(found(seen, Rule::FileName, FILE_NAME, 0, confidence))
}

/// Nothing decided. A name that agrees is not nothing: if the years do not speak against it,
/// the candidates are shown, best first, and nobody is told that the file is not there.
fn undecided(query: &Prepared<'_>, views: &[Seen<'_>]) -> Answer {
    let mut ranked: Vec<(usize, RatingKey)> = views
        .iter()
        .filter(|seen| !year_contradicts(query, seen.candidate))
        .flat_map(|seen| seen.candidate.holders.iter().map(|&key| (seen.tail, key)))
        .collect();
    if ranked.is_empty() {
        return Answer::Absent;
    }
    ranked.sort_unstable_by_key(|&(tail, key)| (std::cmp::Reverse(tail), key));
    let mut keys: Vec<RatingKey> = Vec::with_capacity(ranked.len());
    for (_, key) in ranked {
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    Answer::Ambiguous(keys)
}

/// The query's folders, or the host, name another year: a remake under the same file name.
/// Folders that agree cannot contradict.
fn year_contradicts(query: &Prepared<'_>, candidate: &Candidate) -> bool {
    let Some(year) = candidate.year else { return false };
    if query.query.year.is_some_and(|asked| asked.abs_diff(year) > 1) {
        return true;
    }
    let agreeing = query.path.common_tail(&candidate.path);
    let folder = query.path.components().iter().rev().nth(agreeing.max(1));
    contradict(folder.map(String::as_str), year, &candidate.folded_title)
}

/// Both have a folder that says something, and they differ.
fn folders_contradict(query: &Prepared<'_>, candidate: &Candidate) -> bool {
    let theirs = candidate.path.folders();
    let own = theirs.len().min(candidate.below.saturating_sub(1));
    let theirs = theirs.iter().rev().take(own).find(|folder| !is_generic(folder));
    let ours = query.path.folders().iter().rev().find(|folder| !is_generic(folder));
    match (theirs, ours) {
        (Some(theirs), Some(ours)) => theirs != ours,
        _ => false,
    }
}

/// Whether the words of `title` stand in `name` one after the other.
fn contains_words(name: &str, title: &str) -> bool {
    format!(" {name} ").contains(&format!(" {title} "))
}

fn found(
    seen: &Seen<'_>,
    rule: Rule,
    score: u16,
    runner_up: u16,
    confidence: Confidence,
) -> Answer {
    let candidate = seen.candidate;
    let Some((&rating_key, others)) = candidate.holders.split_first() else {
        return Answer::Absent; // cannot be: a candidate has a holder by construction
    };
    Answer::Found(Match {
        rating_key,
        others: others.to_vec(),
        version: candidate.version,
        // A trashed item waits to be removed: never a safe place to write to.
        confidence: if candidate.trashed { Confidence::Low } else { confidence },
        evidence: Evidence {
            rule,
            components: u16::try_from(seen.tail).unwrap_or(u16::MAX),
            score,
            runner_up,
            rival: None,
            mapping: None,
            source: Source::Index,
        },
    })
}

/// What the best of the other candidates would score.
fn best_other(views: &[Seen<'_>], seen: &Seen<'_>) -> u16 {
    let others = views.iter().filter(|other| !std::ptr::eq(*other, seen));
    others.map(|other| folder_score(other.tail)).max().unwrap_or(0)
}

fn folder_score(tail: usize) -> u16 {
    if tail < 2 {
        return FILE_NAME;
    }
    let more = u16::try_from(tail - 2).unwrap_or(u16::MAX);
    FOLDERS.saturating_add(more.saturating_mul(PER_FOLDER)).min(WHOLE_PATH - 1)
}

/// The one candidate that fulfils a condition; `None` if there are several.
fn only<'s, 'a>(
    views: &'s [Seen<'a>],
    mut condition: impl FnMut(&Seen<'a>) -> bool,
) -> Option<&'s Seen<'a>> {
    let mut fulfilling = views.iter().filter(|seen| condition(seen));
    let first = fulfilling.next()?;
    fulfilling.next().is_none().then_some(first)
}
