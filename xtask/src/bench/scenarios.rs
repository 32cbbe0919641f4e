//! The scenarios: what happens to the library, and what a run then costs.

use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result};
use cache_store::{Policy, Selection};
use match_core::{Answer, Confidence, Engine, EngineConfig, Query, Run};
use plex_api::{Client, Config, Token};
use testbed::naive::Naive;
use testbed::queries::TruthQuery;
use testbed::server::{Fault, Pms};

use super::Options;
use super::input::{Input, Server};
use super::output::{Answered, Outcome, Scenario};
use super::progress::Progress;

/// The scenarios, in the order they run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Name {
    /// Nothing is cached.
    Cold,
    /// The cache was closed and opened again; nothing changed.
    Repeat,
    /// One movie was added and a scan ran.
    Added,
    /// The server is down.
    Outage,
}

impl Name {
    const ALL: [Self; 4] = [Self::Cold, Self::Repeat, Self::Added, Self::Outage];

    fn text(self) -> &'static str {
        match self {
            Self::Cold => "cold",
            Self::Repeat => "repeat",
            Self::Added => "added",
            Self::Outage => "outage",
        }
    }
}

/// The naive client is run on this many queries; more would take minutes.
const NAIVE_SAMPLE: usize = 200;

/// Seconds between two scenarios: beyond the freshness window, so that each asks the server.
const LATER: u64 = 3_600;

/// Runs the scenarios that were asked for, and what they need before them.
pub(crate) async fn run(options: &Options, input: Input, progress: &Progress) -> Result<Outcome> {
    let folder = tempfile::tempdir().context("could not create a temporary folder")?;
    let cache = folder.path().join("server.matchbox");
    let real = matches!(input.server, Server::Real { .. });
    let mut queries = input.queries.clone();
    let mut scenarios = Vec::new();
    for name in Name::ALL {
        if real && matches!(name, Name::Added | Name::Outage) {
            continue; // a real server is only read
        }
        let wanted = options.scenario.is_none_or(|wanted| wanted == name);
        if !wanted && !needed_before(name, options.scenario) {
            continue;
        }
        progress.say(format!("{}: {} queries", name.text(), queries.len()));
        input.clock.advance(std::time::Duration::from_secs(LATER));
        if let Server::Simulated(pms) = &input.server {
            pms.edit(|library| library.advance(LATER.cast_signed()));
            if name == Name::Added {
                // Absences would have to be proven anew: that is another scenario's question.
                queries.retain(|query| query.expect.is_some());
                queries.push(add_one(pms));
            }
            if name == Name::Outage {
                pms.set_fault(Fault::Outage);
            }
        }
        let scenario = measure(name, &input, &cache, &queries, progress).await?;
        if wanted {
            scenarios.push(scenario);
        }
    }
    if let Server::Simulated(pms) = input.server {
        pms.clear_faults();
        pms.stop().await;
    }
    Ok(Outcome { items: input.items, scenarios })
}

/// Whether a scenario has to run before the one that was asked for.
fn needed_before(name: Name, wanted: Option<Name>) -> bool {
    match wanted {
        Some(Name::Repeat | Name::Added | Name::Outage) => name == Name::Cold,
        _ => false,
    }
}

async fn measure(
    name: Name,
    input: &Input,
    cache: &Path,
    queries: &[TruthQuery],
    progress: &Progress,
) -> Result<Scenario> {
    let before = requests(&input.server);
    let stored = if name == Name::Outage { Some(fingerprint(cache)?) } else { None };
    let started = now();
    let run = matchbox(input, cache, queries).await?;
    let wall = started.elapsed();
    let asked = requests(&input.server).zip(before).map(|(after, before)| after - before);

    let mut scenario = Scenario::judge(name.text(), queries, &run, wall);
    let counted = scenario.calls.total;
    if let Some(asked) = asked
        && asked != counted
        && name != Name::Outage
    {
        scenario.problem =
            Some(format!("{counted} calls were counted, but the server saw {asked}"));
    }
    if name == Name::Outage {
        if stored != Some(fingerprint(cache)?) {
            scenario.problem = Some("the store changed during the outage".to_owned());
        }
        return Ok(scenario);
    }
    if let Some(reason) = unknown_reason(&run) {
        scenario.unexpected_unknown = Some(reason);
        return Ok(scenario);
    }
    let sample = sample(queries);
    progress.say(format!("{}: the naive client, {} queries", name.text(), sample.len()));
    scenario.naive = Some(naive(input, &sample, queries.len()).await?);
    Ok(scenario)
}

/// One run as a host does it: open, match, close.
async fn matchbox(input: &Input, cache: &Path, queries: &[TruthQuery]) -> Result<Run> {
    let config = Config::new(input.server.url(), Token::new(input.server.token()));
    let mut options = EngineConfig::new(cache);
    options.clock = input.clock.clone();
    options.policy = Policy::default();
    let engine = Engine::open(Client::new(config)?, options).await?;
    let want = match &input.section {
        Some(section) => Selection::section(section),
        None => Selection::All,
    };
    let asked = queries.iter().map(to_query).collect();
    let run = engine.match_files(&want, asked).await?;
    engine.close().await?;
    Ok(run)
}

fn to_query(truth: &TruthQuery) -> Query {
    let mut query = Query::new(truth.path.as_str());
    query.size = truth.size;
    query.duration_ms = truth.duration_ms;
    query.title.clone_from(&truth.title);
    query.year = truth.year;
    query.guids.clone_from(&truth.guids);
    query
}

async fn naive(
    input: &Input,
    sample: &[TruthQuery],
    queries: usize,
) -> Result<super::output::NaiveCalls> {
    let client = Naive::new(input.server.url(), input.server.token());
    let section = client.first_section(input.section.as_deref()).await?;
    let outcome = client.run(section, sample).await?;
    Ok(super::output::NaiveCalls::scaled(outcome.calls, sample.len(), queries))
}

/// An even sample in the order of the queries.
fn sample(queries: &[TruthQuery]) -> Vec<TruthQuery> {
    let step = queries.len().div_ceil(NAIVE_SAMPLE).max(1);
    queries.iter().step_by(step).cloned().collect()
}

fn add_one(pms: &Pms) -> TruthQuery {
    pms.edit(|library| {
        let (key, path) = testbed::generate::add_movie(library, 0, "Matchbox: A Film (2026)");
        library.scan(0);
        TruthQuery::new(path, Some(key))
    })
}

fn requests(server: &Server) -> Option<u64> {
    match server {
        Server::Simulated(pms) => Some(pms.requests().total()),
        Server::Real { .. } => None,
    }
}

/// What the store holds, to see that an outage changes nothing.
fn fingerprint(cache: &Path) -> Result<u64> {
    let config = cache_store::StoreConfig::new(match_core::INDEXING, plex_api::UnixSeconds(0));
    let store = cache_store::Store::open(cache, &config)?;
    let digest = store.digest()?;
    store.close()?;
    Ok(digest)
}

fn unknown_reason(run: &Run) -> Option<String> {
    run.answers.iter().find_map(|answer| match answer {
        Answer::Unknown(reason) => Some(reason.to_string()),
        _ => None,
    })
}

/// An answer, in the words of the JSON lines.
pub(super) fn answered(query: &TruthQuery, answer: &Answer) -> Answered {
    let mut line = Answered {
        path: query.path.clone(),
        answer: "unknown",
        rating_key: None,
        confidence: None,
        rule: None,
    };
    match answer {
        Answer::Found(found) => {
            line.answer = "found";
            line.rating_key = Some(found.rating_key.to_string());
            line.confidence = Some(match found.confidence {
                Confidence::High => "high",
                Confidence::Low => "low",
            });
            line.rule = Some(found.evidence.rule.to_string());
        }
        Answer::Ambiguous(_) => line.answer = "ambiguous",
        Answer::Absent => line.answer = "absent",
        Answer::Unknown(_) => {}
    }
    line
}

#[expect(clippy::disallowed_methods, reason = "the bench measures wall time")]
fn now() -> Instant {
    Instant::now()
}
