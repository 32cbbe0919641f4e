//! Several hosts beside one engine: a cache file each, and one server.

use std::time::Duration;

use anyhow::Result;
use futures::future::try_join_all;
use match_core::{Engine, EngineConfig, Run, Selection, SharedTier};

use crate::budget::child::Tier;
use crate::budget::{Scale, Stage, to_queries};
use crate::queries::TruthQuery;
use crate::valkey::Valkey;

/// What the hosts share, beside the engine.
pub const SECRET: &str = "known to every host";

/// How long a holder that died holds the others up. Real time passes, so it is short.
const LEASE: Duration = Duration::from_secs(1);

/// Several hosts beside one engine.
pub struct Hosts {
    /// The server, and the clock that all go by.
    pub stage: Stage,
    /// The engine.
    pub valkey: Valkey,
}

impl Hosts {
    /// A server with one section of movies, and an engine started with these options. `None`:
    /// there is none to start.
    pub async fn start(scale: Scale, options: &[&str]) -> Result<Option<Self>> {
        let Some(valkey) = Valkey::start(options)? else { return Ok(None) };
        Ok(Some(Self { stage: Stage::movies(scale).await?, valkey }))
    }

    /// How each host is told of the engine.
    pub fn tier(&self) -> SharedTier {
        let mut tier = SharedTier::new(self.valkey.url()).with_secret(SECRET);
        tier.server = Some(self.stage.pms.edit(|library| library.machine_identifier.clone()));
        tier.lease = LEASE;
        // On a machine that does much else, a quarter of a second is nothing.
        tier.timeout = Duration::from_secs(2);
        tier
    }

    /// How a child is told of the engine.
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

    /// Several hosts, from this number on.
    pub async fn engines(&self, hosts: std::ops::Range<u64>) -> Result<Vec<Engine>> {
        try_join_all(hosts.map(|host| self.engine(host))).await
    }
}

/// Each host asks the same files, all at once.
pub async fn ask_all(engines: &[Engine], asked: &[TruthQuery]) -> Result<Vec<Run>> {
    let all = Selection::All;
    let runs = engines.iter().map(|engine| engine.match_files(&all, to_queries(asked)));
    Ok(try_join_all(runs).await?)
}
