//! Runs a corpus through the engine and counts the results. They are plain data for tests, for the
//! page of the bench, and for JSON.

use std::collections::BTreeMap;
use std::fmt;

use anyhow::Result;
use match_core::{Answer, Confidence, Engine, EngineConfig, Selection};
use plex_api::{Client, Clock, Config, Token, UnixSeconds};
use serde::{Deserialize, Serialize};

use super::{Case, Survives, corpus};
use crate::server::{Options, Pms};

/// The results of one distortion.
#[derive(Debug, Clone, Serialize)]
pub struct Line {
    /// The distortion.
    pub distortion: &'static str,
    /// The part of a file's place and name that it keeps.
    pub survives: Survives,
    /// All its cases.
    pub all: Tally,
    /// The cases with a found item, by the rule that decided.
    pub by_rule: BTreeMap<String, Tally>,
    /// The first few cases with a wrong result, as text.
    pub examples: Vec<String>,
}

/// Counts of cases by result.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// All cases.
    pub cases: u64,
    /// Cases whose file is in the library.
    pub there: u64,
    /// The right item, with high confidence.
    pub high_right: u64,
    /// Another item, or one in the trash, with high confidence.
    pub high_wrong: u64,
    /// The right item, with low confidence.
    pub low_right: u64,
    /// Another item, with low confidence.
    pub low_wrong: u64,
    /// Several items, and the right one is among them.
    pub tied: u64,
    /// Several items, and none of them is right.
    pub tied_wrong: u64,
    /// Not found, although the file is in the library.
    pub missed: u64,
    /// Not found, and the file is not in the library.
    pub absent_right: u64,
}

impl Tally {
    /// The share of the files in the library that was found, in thousandths. `None` if no file is
    /// in the library.
    pub fn recall(&self) -> Option<u64> {
        thousandths(self.high_right + self.low_right, self.there)
    }

    /// The share of found items that is right, in thousandths. `None` if nothing was found.
    pub fn precision(&self) -> Option<u64> {
        let right = self.high_right + self.low_right;
        thousandths(right, right + self.high_wrong + self.low_wrong)
    }
}

fn thousandths(part: u64, of: u64) -> Option<u64> {
    (part * 1_000).checked_div(of)
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { distortion, survives, all, by_rule, examples } = self;
        let share = |share: Option<u64>| {
            share.map_or("-".to_owned(), |part| format!("{}.{}%", part / 10, part % 10))
        };
        let (recall, precision) = (share(all.recall()), share(all.precision()));
        write!(f, "{distortion:34} {survives:9?} recall {recall}, precision {precision}, {all:?}")?;
        for (rule, tally) in by_rule {
            let precision = share(tally.precision());
            write!(f, "\n    {rule:14} {} cases, precision {precision}", tally.cases)?;
        }
        for example in examples {
            write!(f, "\n    {example}")?;
        }
        Ok(())
    }
}

/// Runs about `each` cases of every distortion against a simulated server.
pub async fn report(each: usize, seed: u64) -> Result<Vec<Line>> {
    let (library, cases) = corpus(each, seed);
    let clock = Clock::manual(UnixSeconds(library.now()));
    let pms = Pms::start(library, Options::default()).await?;
    let folder = tempfile::tempdir()?;
    let client = Client::new(Config::new(pms.url(), Token::new(pms.token())))?;
    let mut config = EngineConfig::new(folder.path().join("cache.matchbox"));
    config.clock = clock;
    let engine = Engine::open(client, config).await?;
    let queries = cases.iter().map(|case| case.query.query.clone()).collect();
    let answers = engine.match_files(&Selection::All, queries).await?.answers;
    engine.close().await?;
    Ok(tally(&cases, &answers))
}

fn tally(cases: &[Case], answers: &[Answer]) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    for (case, answer) in cases.iter().zip(answers) {
        let at = lines.iter().position(|line| line.distortion == case.distortion);
        let at = at.unwrap_or_else(|| {
            lines.push(Line {
                distortion: case.distortion,
                survives: case.survives,
                all: Tally::default(),
                by_rule: BTreeMap::new(),
                examples: Vec::new(),
            });
            lines.len() - 1
        });
        let line = &mut lines[at];
        let fine = count(&mut line.all, case, answer);
        if let Answer::Found(found) = answer {
            count(line.by_rule.entry(found.evidence.rule.to_string()).or_default(), case, answer);
        }
        if !fine && line.examples.len() < 4 {
            line.examples.push(format!("{} -> {answer:?}, not {:?}", case.query.path, case.right));
        }
    }
    lines
}

/// Counts an answer. Returns `false` if the case is an example to show.
fn count(tally: &mut Tally, case: &Case, answer: &Answer) -> bool {
    tally.cases += 1;
    tally.there += u64::from(!case.right.is_empty());
    let right = |key: u64| case.right.contains(&key);
    let (slot, fine) = match answer {
        Answer::Found(found) => match (found.confidence, right(found.rating_key.0)) {
            (Confidence::High, true) if !case.trashed => (&mut tally.high_right, true),
            (Confidence::High, _) => (&mut tally.high_wrong, false),
            (Confidence::Low, true) => (&mut tally.low_right, true),
            (Confidence::Low, false) => (&mut tally.low_wrong, false),
        },
        Answer::Ambiguous(keys) if keys.iter().any(|key| right(key.0)) => (&mut tally.tied, false),
        Answer::Ambiguous(_) => (&mut tally.tied_wrong, false),
        Answer::Absent if case.right.is_empty() => (&mut tally.absent_right, true),
        Answer::Absent | Answer::Unknown(_) => (&mut tally.missed, false),
    };
    *slot += 1;
    fine
}
