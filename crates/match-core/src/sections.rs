//! One answer from several sections.

use crate::answer::{Answer, Match};

/// Joins the answers of several sections to one query: the best evidence wins, and a tie
/// between sections is ambiguous. What is unknown in one section leaves an absence unproven.
pub fn merge<'a>(answers: impl IntoIterator<Item = &'a Answer>) -> Answer {
    let mut best: Option<&Match> = None;
    let mut tied = Vec::new();
    let mut ambiguous = Vec::new();
    let mut unknown = None;
    for answer in answers {
        match answer {
            Answer::Found(found) => match best.map(|best| strength(found).cmp(&strength(best))) {
                None | Some(std::cmp::Ordering::Greater) => {
                    tied.clear();
                    best = Some(found);
                }
                Some(std::cmp::Ordering::Equal) => tied.push(found.rating_key),
                Some(std::cmp::Ordering::Less) => {}
            },
            Answer::Ambiguous(keys) => ambiguous.extend_from_slice(keys),
            Answer::Unknown(reason) => unknown = Some(reason),
            Answer::Absent => {}
        }
    }
    match (best, unknown) {
        (Some(found), _) if tied.is_empty() => Answer::Found(found.clone()),
        (Some(found), _) => {
            tied.insert(0, found.rating_key);
            Answer::Ambiguous(tied)
        }
        (None, Some(reason)) => Answer::Unknown(reason.clone()),
        (None, None) if ambiguous.is_empty() => Answer::Absent,
        (None, None) => Answer::Ambiguous(ambiguous),
    }
}

/// Higher is stronger: confidence, then the rule, then how much of the path agrees.
fn strength(found: &Match) -> (crate::Confidence, std::cmp::Reverse<crate::Rule>, u16, u16) {
    let evidence = &found.evidence;
    (found.confidence, std::cmp::Reverse(evidence.rule), evidence.components, evidence.score)
}
