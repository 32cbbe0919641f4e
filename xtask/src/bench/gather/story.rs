//! Plays the main scenarios, one after the other with one library and one cache, and measures the
//! run of each.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use cache_store::Selection;
use match_core::{Answer, Engine, EngineConfig, Run};
use plex_api::{Client, Config, Token};
use testbed::budget::to_queries;
use testbed::queries::TruthQuery;
use testbed::server::{Fault, FaultRule, Pms};

use super::clock::now;
use super::input::{Input, Server};
use super::plan::Name;
use super::progress::Progress;
use super::{python, rivals};
use crate::bench::compute::scenario::{Naive, Rival, Scenario};

/// The time between two scenarios, beyond the freshness window, so that each asks the server.
const LATER: Duration = Duration::from_hours(1);

/// The scenarios for one library.
pub(crate) struct Story<'a> {
    /// The prefix of its scenario names.
    pub(crate) prefix: String,
    /// The scenarios to report. A scenario that they need before them is played too.
    pub(crate) wanted: &'a [Name],
    /// The server's faults. They start again in each scenario.
    pub(crate) trouble: &'a [FaultRule],
    /// The Python interpreter with python-plexapi, if that is a rival too.
    pub(crate) python: Option<&'a Path>,
}

impl Story<'_> {
    /// Plays the scenarios, and the naive client for each.
    pub(crate) async fn play(&self, input: Input, progress: &Progress) -> Result<Vec<Scenario>> {
        let folder = tempfile::tempdir().context("could not create a temporary folder")?;
        let cache = folder.path().join("server.matchbox");
        let real = matches!(input.server, Server::Real { .. });
        let mut queries = input.queries.clone();
        let mut scenarios = Vec::new();
        let mut naive = None;
        for name in Name::ALL {
            if real && matches!(name, Name::Added | Name::Outage) {
                continue; // a real server is only read
            }
            let wanted = self.wanted.contains(&name);
            if !wanted && name != Name::Cold {
                continue;
            }
            let Self { prefix, .. } = self;
            progress.say(format!("{prefix}{}: {} queries", name.text(), queries.len()));
            input.clock.advance(LATER);
            if let Server::Simulated(pms) = &input.server {
                pms.edit(|library| library.advance(LATER.as_secs().cast_signed()));
                if name == Name::Added {
                    // Queries for absent files are left out: another scenario measures the cost of
                    // their proof.
                    queries.retain(|query| query.expect.is_some());
                    queries.push(add_one(pms));
                }
                self.disturb(pms, name, |_| true);
            }
            let mut scenario = measure(name, &input, &cache, &queries, progress).await?;
            if !wanted {
                continue;
            }
            scenario.name = format!("{prefix}{}", name.text());
            name.what().clone_into(&mut scenario.situation);
            if scenario.unexpected_unknown.is_none() {
                // The naive client keeps nothing, so a repeated scenario costs it the same.
                if name != Name::Repeat || naive.is_none() {
                    progress.say(format!("{prefix}{}: the naive client", name.text()));
                    naive = Some(self.naive(name, &input, &queries).await?);
                }
                scenario.naive = naive.unwrap_or_default();
                progress.say(format!("{prefix}{}: the clients that list everything", name.text()));
                scenario.rivals = self.rivals(name, &input, &queries).await?;
            }
            scenarios.push(scenario);
        }
        if let Server::Simulated(pms) = input.server {
            pms.clear_faults();
            pms.stop().await;
        }
        Ok(scenarios)
    }

    /// Starts the faults again, but only those that are `wanted`.
    fn disturb(&self, pms: &Pms, name: Name, wanted: fn(&FaultRule) -> bool) {
        pms.clear_faults();
        for rule in self.trouble.iter().filter(|rule| wanted(rule)) {
            pms.script(*rule);
        }
        if name == Name::Outage {
            pms.set_fault(Fault::Outage);
        }
    }

    /// Runs the naive client with the same faults, but without delays. They would take minutes and
    /// change no count.
    async fn naive(&self, name: Name, input: &Input, queries: &[TruthQuery]) -> Result<Naive> {
        if let Server::Simulated(pms) = &input.server {
            self.disturb(pms, name, |rule| {
                !matches!(rule.fault, Fault::Latency(_) | Fault::Slow(_))
            });
        }
        let server = (input.server.url(), input.server.token());
        rivals::naive(server, input.section.as_deref(), queries, input.items as u64).await
    }

    /// Runs the clients that list everything, with the same faults and delays.
    async fn rivals(
        &self,
        name: Name,
        input: &Input,
        queries: &[TruthQuery],
    ) -> Result<Vec<Rival>> {
        let server = (input.server.url(), input.server.token());
        let mut run = Vec::new();
        for page in rivals::PAGES {
            if let Server::Simulated(pms) = &input.server {
                self.disturb(pms, name, |_| true);
            }
            let section = input.section.as_deref();
            run.push(rivals::lister(server, section, queries, page).await);
            let python = self.python.filter(|_| name != Name::Outage);
            if let (Some(python), Some(before)) = (python, requests(&input.server)) {
                let mut rival = python::run(python, server, section, queries, page).await?;
                rival.calls = requests(&input.server).unwrap_or_default() - before;
                run.push(rival);
            }
        }
        Ok(run)
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
    let mut config = Config::new(input.server.url(), Token::new(input.server.token()));
    if let Server::Simulated(_) = input.server {
        // The number of retries is measured, not the time between them.
        config.retry.base = Duration::from_millis(1);
    }
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

/// A digest of the store, to check that an outage changes nothing.
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
