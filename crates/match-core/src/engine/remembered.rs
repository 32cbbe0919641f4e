//! Conversion between answers and the records that the store remembers.

use cache_store::{MatchRecord, Outcome, RecordedEvidence, Revision};
use plex_api::UnixSeconds;

use crate::answer::{Answer, Confidence, Decision, Match};
use crate::evidence::{Evidence, Rule, Source};
use crate::rules::Rules;

/// The record of a decision. `None`: the decision is not remembered.
pub fn to_record(
    decision: &Decision,
    rules: Rules,
    verified_at: Revision,
    now: UnixSeconds,
) -> Option<MatchRecord> {
    let mut evidence = RecordedEvidence::default();
    let outcome = match &decision.answer {
        Answer::Found(found) => {
            evidence = RecordedEvidence {
                rule: number(found.evidence.rule),
                components: found.evidence.components,
                score: found.evidence.score,
                runner_up: found.evidence.runner_up,
                rival: found.evidence.rival,
                mapping: found.evidence.mapping,
            };
            Outcome::Found {
                rating_key: found.rating_key,
                others: found.others.clone(),
                version: found.version,
                high: found.confidence == Confidence::High,
            }
        }
        Answer::Ambiguous(keys) => Outcome::Ambiguous(keys.clone()),
        Answer::Absent => Outcome::Absent,
        Answer::Unknown(_) => return None,
    };
    let depends = decision.depends.clone();
    Some(MatchRecord {
        outcome,
        evidence,
        depends,
        all_rules: rules == Rules::All,
        verified_at,
        last_used: now,
        applied_at: None,
        failed: None,
    })
}

/// The answer of a record. `None`: the record names a rule that this version does not know.
pub fn from_record(record: &MatchRecord) -> Option<Answer> {
    Some(match &record.outcome {
        Outcome::Found { rating_key, others, version, high } => Answer::Found(Match {
            rating_key: *rating_key,
            others: others.clone(),
            version: *version,
            confidence: if *high { Confidence::High } else { Confidence::Low },
            evidence: Evidence {
                rule: rule(record.evidence.rule)?,
                components: record.evidence.components,
                score: record.evidence.score,
                runner_up: record.evidence.runner_up,
                rival: record.evidence.rival,
                mapping: record.evidence.mapping,
                source: Source::Remembered,
            },
        }),
        Outcome::Ambiguous(keys) => Answer::Ambiguous(keys.clone()),
        Outcome::Absent => Answer::Absent,
    })
}

/// The rule that decided. `None`: the answer is not by a rule, or this version does not know the
/// rule.
pub(crate) fn rule_of(record: &MatchRecord) -> Option<Rule> {
    rule(record.evidence.rule)
}

/// The number of a rule on disk.
fn number(rule: Rule) -> u8 {
    match rule {
        Rule::WholePath => 1,
        Rule::Folders => 2,
        Rule::SizeDuration => 3,
        Rule::FileName => 4,
        Rule::Beside => 8,
        Rule::Guid => 5,
        Rule::TitleYear => 6,
        Rule::FuzzyTitle => 7,
    }
}

fn rule(number: u8) -> Option<Rule> {
    Rule::ALL.into_iter().find(|&rule| self::number(rule) == number)
}
