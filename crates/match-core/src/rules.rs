//! The rules, the strongest first. The first rule that leaves exactly one candidate decides.
//!
//! The rules are pure: candidates in, an answer out. [`crate::matcher::one`] finds the candidates.

pub(crate) mod candidates;
mod edition;
pub(crate) mod episode;
pub(crate) mod fuzzy;
pub(crate) mod guid;
pub(crate) mod paths;
pub(crate) mod reading;
pub(crate) mod shows;
pub(crate) mod title;
pub(crate) mod track;
mod weight;

use std::cell::OnceCell;

use cache_store::{ItemRef, PartRef};
use plex_api::{ItemKind, RatingKey};

use crate::answer::{Answer, Confidence, Match};
use crate::evidence::{Evidence, Rule, Source};
use crate::names::spelling::fold::fold_guid;
use crate::names::spelling::generic::{is_generic, stem};
use crate::names::spelling::path::FoldedPath;
use crate::names::{episodes, ids};
use crate::query::Query;
use crate::rules::candidates::SectionContext;

/// Which rules to try.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rules {
    /// Rules 1 to 4: paths, with size and duration. If they say absent, no file with this name is
    /// there.
    Paths,
    /// Rules 1 to 4, and, if they find nothing or leave a tie, rules 5 to 7: guids, title and year,
    /// similar titles. These read metadata, which change without the section's stamp. So use them
    /// only if the metadata are recent, and only for absences that are proven.
    All,
}

/// The longest name of a file, in bytes: 255 units of UTF-16 are at most 765, and folding can add to
/// them.
const LONGEST_NAME: usize = 1_024;

/// A query with its path folded once.
pub(crate) struct Prepared<'a> {
    pub(crate) query: &'a Query,
    pub(crate) path: FoldedPath,
    /// The file name is telling: it is not generic.
    pub(crate) telling_name: bool,
    /// The path as the server has it, and the number of the mapping, if one fits.
    pub(crate) mapped: Option<(u16, FoldedPath)>,
    pub(crate) trust_titles: bool,
    /// The kind of item that holds files in the section.
    pub(crate) kind: ItemKind,
    /// The ids in its names. They are read when they are first needed.
    ids: OnceCell<Vec<String>>,
}

impl<'a> Prepared<'a> {
    pub(crate) fn new(query: &'a Query, context: &SectionContext) -> Self {
        let path = FoldedPath::new(&query.path);
        let mapped = context.mappings.map(&path);
        let telling_name = path.file_name().is_some_and(|name| !is_generic(stem(name)));
        Self {
            query,
            path,
            telling_name,
            mapped,
            trust_titles: context.trust_titles,
            kind: context.kind,
            ids: OnceCell::new(),
        }
    }

    /// The ids in the names, as guids. Ids in the folders of an episode are those of its show. An
    /// id of TMDB or TVDB in its own name may also be that of its show.
    pub(crate) fn ids(&self) -> &[String] {
        self.ids.get_or_init(|| match self.kind {
            ItemKind::Track => Vec::new(),
            ItemKind::Episode => {
                let mut own = self.file_name().map(ids::in_name).unwrap_or_default();
                own.retain(|guid| guid.starts_with("imdb"));
                own
            }
            _ => ids::of(&self.path),
        })
    }

    /// The ids that may belong to an episode's show. These are the ids in its folders, and those
    /// ids of the host and of the file name that name one work worldwide.
    pub(crate) fn ids_of_show(&self) -> Vec<String> {
        if self.kind != ItemKind::Episode {
            return Vec::new();
        }
        let folders = self.path.folders().filter(|name| episodes::season_of(name).is_none());
        let mut found: Vec<String> = folders.flat_map(ids::in_name).collect();
        let told = self.query.guids.iter().map(|guid| fold_guid(guid).into_owned());
        found.extend(told.chain(self.ids().iter().cloned()).filter(|guid| ids::is_worldwide(guid)));
        found.sort_unstable();
        found.dedup();
        found
    }

    pub(crate) fn file_name(&self) -> Option<&str> {
        self.path.file_name()
    }

    /// Whether the names of the path can be names of files: no file system has longer ones. The time
    /// of reading a name grows faster than its length, so a longer one is only compared.
    pub(crate) fn has_names(&self) -> bool {
        self.path.components().all(|name| name.len() <= LONGEST_NAME)
    }

    /// Compares the host's size and duration with a file of the server.
    fn compare(&self, part: &PartRef<'_>, item: &ItemRef<'_>) -> Physical {
        let within = |a: Option<u64>, b: Option<u64>, slack| Some(a?.abs_diff(b?) <= slack);
        let duration = part.duration_ms.or(item.duration_ms);
        Physical {
            size: within(self.query.size, part.size, 0),
            duration: within(self.query.duration_ms, duration, weight::DURATION_SLACK_MS),
        }
    }
}

/// Whether size and duration agree. `None`: one side does not know them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Physical {
    size: Option<bool>,
    duration: Option<bool>,
}

/// A rule's verdict about a candidate.
struct Verdict {
    rule: Rule,
    score: u16,
    confidence: Confidence,
    /// The best other candidate and its score.
    rival: Option<(RatingKey, u16)>,
    /// The number of path components that agree.
    components: usize,
    mapping: Option<u16>,
}

impl Verdict {
    fn found(self, holders: &[RatingKey], part: Option<&PartRef<'_>>, trashed: bool) -> Answer {
        let Some((&rating_key, others)) = holders.split_first() else {
            return Answer::Absent; // impossible: every candidate has a holder
        };
        Answer::Found(Match {
            rating_key,
            others: others.to_vec(),
            version: part.map_or(0, |part| part.version),
            // A trashed item will be removed, so it is never safe to write to it.
            confidence: if trashed { Confidence::Low } else { self.confidence },
            evidence: Evidence {
                rule: self.rule,
                components: u16::try_from(self.components).unwrap_or(u16::MAX),
                score: self.score,
                runner_up: self.rival.map_or(0, |(_, score)| score),
                rival: self.rival.map(|(key, _)| key),
                mapping: self.mapping,
                source: Source::Index,
            },
        })
    }
}

/// The best of the items that a rule beyond the paths scored. A tie is ambiguous. `certain` gets
/// the item, its score and the best other item.
fn choose<'i>(
    query: &Prepared<'_>,
    rule: Rule,
    scored: impl IntoIterator<Item = (u16, &'i ItemRef<'i>)>,
    certain: impl FnOnce(&ItemRef<'_>, u16, Option<(RatingKey, u16)>) -> bool,
) -> Option<Answer> {
    let scored = scored.into_iter().map(|(score, item)| (score, item.rating_key, item));
    match best(scored.collect()) {
        Ok(None) => None,
        Ok(Some((score, item, rival))) => {
            let sure = certain(item, score, rival);
            let confidence = if sure { Confidence::High } else { Confidence::Low };
            let verdict = Verdict { rule, score, confidence, rival, components: 0, mapping: None };
            Some(found_item(query, item, verdict))
        }
        Err(ranked) => ambiguous(ranked),
    }
}

/// The item that a rule beyond the paths chose, with its best version.
fn found_item(query: &Prepared<'_>, item: &ItemRef<'_>, verdict: Verdict) -> Answer {
    let fitting = item.parts.iter().find(|part| query.compare(part, item).size == Some(true));
    let fitting = fitting.or_else(|| {
        item.parts.iter().find(|part| query.compare(part, item).duration == Some(true))
    });
    let part = fitting.or_else(|| item.parts.iter().find(|part| !part.optimized));
    verdict.found(&[item.rating_key], part, item.trashed)
}

/// Candidates that no rule can tell apart, best first. `None`: there are none.
fn ambiguous(mut ranked: Vec<(u16, RatingKey)>) -> Option<Answer> {
    ranked.sort_unstable_by_key(|&(score, key)| (std::cmp::Reverse(score), key));
    let mut keys: Vec<RatingKey> = Vec::with_capacity(ranked.len());
    for (_, key) in ranked {
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    (!keys.is_empty()).then_some(Answer::Ambiguous(keys))
}

/// The best of the scored candidates, if it is better than all others, and the best of the others.
/// `Err`: all candidates, if the best ones are equal.
#[expect(clippy::type_complexity, reason = "a choice or what there was to choose from")]
fn best<T: Copy>(
    mut scored: Vec<(u16, RatingKey, T)>,
) -> Result<Option<(u16, T, Option<(RatingKey, u16)>)>, Vec<(u16, RatingKey)>> {
    scored.sort_unstable_by_key(|&(score, key, _)| (std::cmp::Reverse(score), key));
    match scored.as_slice() {
        [] => Ok(None),
        [(score, _, one)] => Ok(Some((*score, *one, None))),
        [(score, _, one), (next, rival, _), ..] if score > next => {
            Ok(Some((*score, *one, Some((*rival, *next)))))
        }
        _ => Err(scored.into_iter().map(|(score, key, _)| (score, key)).collect()),
    }
}
