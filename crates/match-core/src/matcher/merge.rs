//! Merges the answers of several sections into one.
//!
//! | in one section | in another | together |
//! |---|---|---|
//! | found | absent or unknown | found |
//! | found | found, with weaker evidence | the stronger, the other its runner-up |
//! | found | found, with equal evidence | ambiguous |
//! | found for sure, by more than its name | ambiguous | found |
//! | found otherwise | ambiguous | ambiguous, the found one first |
//! | ambiguous | absent | ambiguous |
//! | ambiguous or absent | unknown | unknown |
//!
//! A file name that is unique in its section is not unique if another section has it twice. A file
//! that is found in one section does not wait for a section that could not be asked: sections
//! rarely share files, and a low confidence is already a question to a person. But "ambiguous" and
//! "absent" are statements about all sections.

use plex_api::RatingKey;

use crate::answer::{Answer, Confidence, Match};
use crate::evidence::Rule;

/// Merges the answers of several sections to one query. The best evidence wins, and a tie between
/// sections is ambiguous.
pub fn merge<'a>(answers: impl IntoIterator<Item = &'a Answer>) -> Answer {
    let mut found: Vec<&Match> = Vec::new();
    let mut ambiguous: Vec<RatingKey> = Vec::new();
    let mut unknown = None;
    for answer in answers {
        match answer {
            Answer::Found(one) => found.push(one),
            Answer::Ambiguous(keys) => ambiguous.extend(keys),
            Answer::Unknown(reason) => unknown = Some(reason),
            Answer::Absent => {}
        }
    }
    // The strongest comes first; of equal ones, the first section's.
    found.sort_by_key(|one| std::cmp::Reverse(strength(one)));
    let Some((&best, others)) = found.split_first() else {
        return match unknown {
            Some(reason) => Answer::Unknown(reason.clone()),
            None if ambiguous.is_empty() => Answer::Absent,
            None => Answer::Ambiguous(ambiguous),
        };
    };
    let next = others.first();
    let tied = next.is_some_and(|next| strength(next) == strength(best));
    let sure = best.confidence == Confidence::High && best.evidence.rule < Rule::FileName;
    if tied || !(sure || ambiguous.is_empty()) {
        let equals = found.iter().take_while(|one| strength(one) == strength(best));
        return Answer::Ambiguous(equals.map(|one| one.rating_key).chain(ambiguous).collect());
    }
    let mut best = best.clone();
    if let Some(next) = next
        && next.evidence.score > best.evidence.runner_up
    {
        best.evidence.runner_up = next.evidence.score;
        best.evidence.rival = Some(next.rating_key);
    }
    Answer::Found(best)
}

/// Merges the answers to one query while a section fails. `healthy` are the answers of the sections
/// that could be asked. `all` also has the answers from the cached state of the failing sections.
/// `unknown` says why those cannot be asked now.
///
/// A found file stays found, unless the cached state of the failing section competes with it.
/// Without that section, nobody can say that a name or a guid is unique, so such an answer has low
/// confidence.
pub(crate) fn merge_without<'a>(
    healthy: impl Iterator<Item = &'a Answer>,
    all: impl Iterator<Item = &'a Answer>,
    unknown: &'a Answer,
) -> Answer {
    let Answer::Found(mut found) = merge(healthy.chain([unknown])) else { return unknown.clone() };
    match merge(all) {
        Answer::Found(best) if best.rating_key == found.rating_key => {}
        _ => return unknown.clone(),
    }
    if found.evidence.rule >= Rule::FileName {
        found.confidence = Confidence::Low;
    }
    Answer::Found(found)
}

/// A higher value is stronger: confidence, then the rule, then how much of the path agrees.
fn strength(found: &Match) -> (Confidence, std::cmp::Reverse<Rule>, u16, u16) {
    let evidence = &found.evidence;
    (found.confidence, std::cmp::Reverse(evidence.rule), evidence.components, evidence.score)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::Reason;
    use crate::evidence::{Evidence, Source};

    fn found(key: u64, confidence: Confidence, rule: Rule, components: u16) -> Answer {
        Answer::Found(Match {
            rating_key: RatingKey(key),
            others: Vec::new(),
            version: 0,
            confidence,
            evidence: Evidence {
                rule,
                components,
                score: 500,
                runner_up: 0,
                rival: None,
                mapping: None,
                source: Source::Index,
            },
        })
    }

    /// A merged answer in short form.
    fn told(answer: &Answer) -> String {
        match answer {
            Answer::Found(one) => match one.evidence.rival {
                Some(rival) => format!("{} before {rival}", one.rating_key),
                None => one.rating_key.to_string(),
            },
            Answer::Ambiguous(keys) => {
                format!("{:?}", keys.iter().map(|k| k.0).collect::<Vec<_>>())
            }
            other => other.kind().to_owned(),
        }
    }

    #[test]
    fn what_a_failing_section_had_speaks_against_what_is_found() {
        use Confidence::{High, Low};
        let whole = |key| found(key, High, Rule::WholePath, 4);
        let name = |key| found(key, High, Rule::FileName, 1);
        let unknown = Answer::Unknown(Reason::NotProven);
        let tie = || Answer::Ambiguous(vec![RatingKey(8), RatingKey(9)]);
        for (healthy, failing, expect) in [
            (whole(1), Answer::Absent, "1"),
            (whole(1), whole(2), "unknown"),
            (name(1), whole(2), "unknown"),
            (whole(1), name(2), "1"),
            (whole(1), tie(), "1"),
            (name(1), tie(), "unknown"),
            (tie(), Answer::Absent, "unknown"),
            (Answer::Absent, whole(2), "unknown"),
            (Answer::Absent, Answer::Absent, "unknown"),
        ] {
            let all = [&healthy, &failing];
            let merged = merge_without([&healthy].into_iter(), all.into_iter(), &unknown);
            assert_eq!(told(&merged), expect, "{healthy:?}, {failing:?}");
        }
        let alone = merge_without([&name(1)].into_iter(), [&name(1)].into_iter(), &unknown);
        assert_eq!(alone.found().map(|found| found.confidence), Some(Low), "unique nowhere else");
    }

    #[test]
    fn the_best_evidence_wins_and_a_tie_is_ambiguous() {
        use Confidence::{High, Low};
        let whole = |key| found(key, High, Rule::WholePath, 4);
        let folders = |key, components| found(key, High, Rule::Folders, components);
        let name = |key| found(key, High, Rule::FileName, 1);
        let low = |key| found(key, Low, Rule::Folders, 2);
        let tie = || Answer::Ambiguous(vec![RatingKey(8), RatingKey(9)]);
        let unknown = || Answer::Unknown(Reason::NotProven);
        for (answers, expect) in [
            (vec![], "absent"),
            (vec![Answer::Absent, Answer::Absent], "absent"),
            (vec![Answer::Absent, name(1)], "1"),
            (vec![name(1), whole(2)], "2 before 1"),
            (vec![folders(1, 2), folders(2, 3)], "2 before 1"),
            (vec![low(1), name(2)], "2 before 1"),
            (vec![folders(1, 2), folders(2, 2)], "[1, 2]"),
            (vec![low(3), name(1), name(2)], "[1, 2]"),
            (vec![whole(1), tie()], "1"),
            (vec![tie(), folders(1, 2)], "1"),
            (vec![tie(), name(1)], "[1, 8, 9]"),
            (vec![tie(), low(1)], "[1, 8, 9]"),
            (vec![tie(), found(1, High, Rule::Guid, 0)], "[1, 8, 9]"),
            (vec![low(1), low(2), tie()], "[1, 2, 8, 9]"),
            (vec![tie(), Answer::Absent], "[8, 9]"),
            (vec![whole(1), unknown()], "1"),
            (vec![unknown(), low(1)], "1"),
            (vec![tie(), unknown()], "unknown"),
            (vec![Answer::Absent, unknown()], "unknown"),
        ] {
            assert_eq!(told(&merge(&answers)), expect, "{answers:?}");
        }
    }
}
