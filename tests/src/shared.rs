//! Several hosts, each with its own cache file, with one server and one engine.

use std::time::Duration;

use anyhow::Result;
use futures::future::try_join_all;
use match_core::{Engine, EngineConfig, Run, Selection, SharedTier};

use crate::budget::child::Tier;
use crate::budget::{Scale, Stage, to_queries};
use crate::queries::TruthQuery;
use crate::valkey::Valkey;

/// The secret of all hosts.
pub const SECRET: &str = "known to every host";

/// How long other hosts wait for a dead holder of a lease. Real time passes, so it is short.
const LEASE: Duration = Duration::from_secs(1);

/// Several hosts with one engine.
pub struct Hosts {
    /// The server, and the clock that all hosts use.
    pub stage: Stage,
    /// The engine.
    pub valkey: Valkey,
}

impl Hosts {
    /// A server with one section of movies, and an engine that is started with these options.
    /// `None`: no engine is installed.
    pub async fn start(scale: Scale, options: &[&str]) -> Result<Option<Self>> {
        let Some(valkey) = Valkey::start(options)? else { return Ok(None) };
        Ok(Some(Self { stage: Stage::movies(scale).await?, valkey }))
    }

    /// The configuration of the engine, for each host.
    pub fn tier(&self) -> SharedTier {
        let mut tier = SharedTier::new(self.valkey.url()).with_secret(SECRET);
        tier.server = Some(self.stage.pms.edit(|library| library.machine_identifier.clone()));
        tier.lease = LEASE;
        // A quarter of a second is too short on a busy machine.
        tier.timeout = Duration::from_secs(2);
        tier
    }

    /// The configuration of the engine, for a child.
    pub fn child_tier(&self) -> Tier {
        Tier {
            url: self.valkey.url(),
            secret: SECRET.to_owned(),
            server: self.stage.pms.edit(|library| library.machine_identifier.clone()),
            lease_ms: 1_000,
            timeout_ms: 2_000,
        }
    }

    /// The configuration of a host.
    pub fn config(&self, host: u64) -> EngineConfig {
        let mut config = self.stage.host(host);
        config.shared = Some(self.tier());
        config
    }

    /// A host.
    pub async fn engine(&self, host: u64) -> Result<Engine> {
        Ok(Engine::open(self.stage.client()?, self.config(host)).await?)
    }

    /// Several hosts, with these numbers.
    pub async fn engines(&self, hosts: std::ops::Range<u64>) -> Result<Vec<Engine>> {
        try_join_all(hosts.map(|host| self.engine(host))).await
    }
}

/// All hosts ask for the same files at the same time.
pub async fn ask_all(engines: &[Engine], asked: &[TruthQuery]) -> Result<Vec<Run>> {
    let all = Selection::All;
    let runs = engines.iter().map(|engine| engine.match_files(&all, to_queries(asked)));
    Ok(try_join_all(runs).await?)
}
