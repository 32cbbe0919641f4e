//! What happens to a library, one thing after the other on one cache, and what a run then
//! costs.

use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result};
use cache_store::Selection;
use match_core::{Answer, Confidence, Engine, EngineConfig, Run};
use plex_api::{Client, Config, Token};
use testbed::budget::to_queries;
use testbed::queries::TruthQuery;
use testbed::server::{Fault, Pms};

use super::input::{Input, Server};
use super::progress::Progress;
use super::result::{Answered, Scenario};

/// The scenarios, in the order they run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Name {
    Cold,
    Repeat,
    Added,
    Outage,
}

impl Name {
    /// Those in which a naive client gets an answer.
    pub(crate) const ANSWERED: [Self; 3] = [Self::Cold, Self::Repeat, Self::Added];

    pub(crate) const ALL: [Self; 4] = [Self::Cold, Self::Repeat, Self::Added, Self::Outage];

    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Cold => "cold",
            Self::Repeat => "repeat",
            Self::Added => "added",
            Self::Outage => "outage",
        }
    }

    pub(crate) fn what(self) -> &'static str {
        match self {
            Self::Cold => "nothing is cached",
            Self::Repeat => "the cache was closed and opened again; nothing changed",
            Self::Added => "one movie was added and a scan ran",
            Self::Outage => "the server is down",
        }
    }
}

/// Seconds between two scenarios: beyond the freshness window, so that each asks the server.
const LATER: u64 = 3_600;

/// Runs `wanted`, and what they need before them, with the naive client beside `naive`.
/// `prefix` goes before the names.
pub(crate) async fn run(
    prefix: &str,
    wanted: &[Name],
    naive: &[Name],
    input: Input,
    progress: &Progress,
) -> Result<Vec<Scenario>> {
    let folder = tempfile::tempdir().context("could not create a temporary folder")?;
    let cache = folder.path().join("server.matchbox");
    let real = matches!(input.server, Server::Real { .. });
    let mut queries = input.queries.clone();
    let mut scenarios = Vec::new();
    for name in Name::ALL {
        if real && matches!(name, Name::Added | Name::Outage) {
            continue; // a real server is only read
        }
        if !wanted.contains(&name) && name != Name::Cold {
            continue;
        }
        progress.say(format!("{prefix}{}: {} queries", name.text(), queries.len()));
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
        let mut scenario = measure(name, &input, &cache, &queries, progress).await?;
        if naive.contains(&name) && scenario.unexpected_unknown.is_none() {
            progress.say(format!("{prefix}{}: the naive client", name.text()));
            let (server, section) = (&input.server, input.section.as_deref());
            let server = (server.url(), server.token());
            let items = input.items as u64;
            scenario.naive = super::naive::run(server, section, &queries, items).await?;
        }
        scenario.name = format!("{prefix}{}", name.text());
        name.what().clone_into(&mut scenario.situation);
        if wanted.contains(&name) {
            scenarios.push(scenario);
        }
    }
    if let Server::Simulated(pms) = input.server {
        pms.clear_faults();
        pms.stop().await;
    }
    Ok(scenarios)
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
    let run = matchbox(input, cache, queries, progress).await?;
    let wall = started.elapsed();
    let asked = requests(&input.server).zip(before).map(|(after, before)| after - before);

    let items = input.items as u64;
    let mut scenario = Scenario::judge(name.text(), items, queries, &run, wall);
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
    scenario.unexpected_unknown = unknown_reason(&run);
    Ok(scenario)
}

/// One run as a host does it: open, match, close.
async fn matchbox(
    input: &Input,
    cache: &Path,
    queries: &[TruthQuery],
    progress: &Progress,
) -> Result<Run> {
    let config = Config::new(input.server.url(), Token::new(input.server.token()));
    let mut options = EngineConfig::new(cache);
    options.clock = input.clock.clone();
    options.progress = Some(progress.of_a_run());
    let engine = Engine::open(Client::new(config)?, options).await?;
    let want = match &input.section {
        Some(section) => Selection::section(section),
        None => Selection::All,
    };
    let run = engine.match_files(&want, to_queries(queries)).await?;
    engine.close().await?;
    Ok(run)
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
pub(super) fn now() -> Instant {
    Instant::now()
}
