//! Situations with several processes.
//!
//! The children are real processes: each is this same program, started again. So the caller that
//! plays a row says with which arguments the program reaches [`work`].

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Result, ensure};
use cache_store::Sharing;
use match_core::{Answer, Engine, EngineConfig, Query, Report, Selection};
use plex_api::{Client, Clock, Config, RatingKey, Token, UnixSeconds};
use serde::{Deserialize, Serialize};
use tokio::process::{Child, Command};

use super::edits;
use super::measured::Played;
use super::stage::Stage;

/// The arguments that make this program a child.
pub type Arguments = &'static [&'static str];

/// The variable that tells a child where its orders are.
const ORDERS: &str = "MATCHBOX_BUDGET_CHILD";

/// What a child has to do, and where.
#[derive(Serialize, Deserialize)]
struct Orders {
    url: String,
    token: String,
    page: u32,
    now: i64,
    cache: PathBuf,
    task: Task,
    /// The engine to share, if the child has its own cache file.
    #[cfg(feature = "shared")]
    tier: Option<Tier>,
    /// The file to write the result to.
    told: PathBuf,
}

/// The engine, as a child is told about it.
#[cfg(feature = "shared")]
#[derive(Clone, Serialize, Deserialize)]
pub struct Tier {
    /// Its address.
    pub url: String,
    /// The secret of the hosts.
    pub secret: String,
    /// The `machineIdentifier` of the server.
    pub server: String,
    /// How long a lease lasts, in milliseconds.
    pub lease_ms: u64,
    /// How long the engine may take to answer, in milliseconds.
    pub timeout_ms: u64,
}

#[cfg(feature = "shared")]
impl Tier {
    fn config(self) -> match_core::SharedTier {
        let mut tier = match_core::SharedTier::new(self.url).with_secret(self.secret);
        tier.server = Some(self.server);
        tier.lease = Duration::from_millis(self.lease_ms);
        tier.timeout = Duration::from_millis(self.timeout_ms);
        tier
    }
}

/// What a child has to do.
#[derive(Serialize, Deserialize)]
pub enum Task {
    /// Match these files. Other children match theirs at the same time.
    Match(Vec<String>),
    /// Give each of these items its own title.
    Edit(Vec<(String, u64)>),
}

/// The result of a child that matched.
#[derive(Serialize, Deserialize)]
pub struct Told {
    /// The answers, in the order of its queries.
    pub answers: Vec<ToldAnswer>,
    /// What the run cost.
    pub report: Report,
}

/// The part of an answer that can be right or wrong.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub enum ToldAnswer {
    /// This item.
    Found(u64),
    /// No item.
    Absent,
    /// Any other answer.
    Other,
}

/// A running child. Dropping this kills it.
pub struct Working {
    child: Child,
    told: PathBuf,
}

/// Starts a child on the stage's server and cache file.
pub(super) fn start(
    stage: &Stage,
    arguments: Arguments,
    number: u64,
    task: Task,
) -> Result<Working> {
    let cache = stage.config().cache;
    let told = cache.with_extension(format!("told-{number}"));
    launch(arguments, number, &Orders::new(stage, cache, told, task))
}

/// Starts a child that is a separate host: it has its own cache file and an engine.
#[cfg(feature = "shared")]
pub fn start_host(
    stage: &Stage,
    arguments: Arguments,
    number: u64,
    paths: Vec<String>,
    tier: Option<Tier>,
) -> Result<Working> {
    let cache = stage.host(number).cache;
    let told = cache.with_extension("told");
    let orders = Orders { tier, ..Orders::new(stage, cache, told, Task::Match(paths)) };
    launch(arguments, number, &orders)
}

impl Orders {
    /// Orders for a child without an engine.
    fn new(stage: &Stage, cache: PathBuf, told: PathBuf, task: Task) -> Self {
        Self {
            url: stage.pms.url().to_owned(),
            token: stage.pms.token().to_owned(),
            page: stage.scale.page,
            now: stage.clock.now().0,
            cache,
            task,
            #[cfg(feature = "shared")]
            tier: None,
            told,
        }
    }
}

fn launch(arguments: Arguments, number: u64, orders: &Orders) -> Result<Working> {
    let told = orders.told.clone();
    let file = told.with_extension(format!("orders-{number}"));
    std::fs::write(&file, serde_json::to_vec(orders)?)?;
    let mut command = Command::new(std::env::current_exe()?);
    command.args(arguments).env(ORDERS, file).stdout(Stdio::null()).kill_on_drop(true);
    Ok(Working { child: command.spawn()?, told })
}

/// Compares the children's answers with the truth, and adds up their reports.
pub(super) fn add_up(told: Vec<Told>, played: &mut Played) -> Result<()> {
    let mut sum = Report::default();
    for told in told {
        ensure!(told.answers.len() == played.asked.len(), "a child left queries without an answer");
        for (truth, told) in played.asked.iter().zip(told.answers) {
            played.measured.queries += 1;
            match (told, truth.expect) {
                (ToldAnswer::Found(key), Some(expect)) if key == expect => {}
                (ToldAnswer::Absent, None) => {}
                (ToldAnswer::Other, _) => played.measured.missed += 1,
                _ => played.measured.wrong += 1,
            }
        }
        sum += &told.report;
    }
    played.measured.answers = sum.answers;
    played.measured.reports = vec![sum];
    Ok(())
}

impl Working {
    /// Sends the child a signal: `STOP` makes it sleep, `CONT` wakes it.
    #[cfg(feature = "shared")]
    pub fn signal(&self, signal: &str) -> Result<()> {
        let id = self.child.id().unwrap_or_default().to_string();
        let sent = std::process::Command::new("kill").args([format!("-{signal}"), id]).status()?;
        ensure!(sent.success(), "kill -{signal} failed");
        Ok(())
    }

    /// Waits until the child is done. Returns its result.
    pub async fn told(mut self) -> Result<Told> {
        ensure!(self.child.wait().await?.success(), "a child failed");
        Ok(serde_json::from_slice(&std::fs::read(self.told)?)?)
    }

    /// Kills the child (`SIGKILL`) as soon as `reached` completes. The child must not end before.
    pub async fn kill_when(mut self, reached: impl Future<Output = ()>) -> Result<()> {
        tokio::select! {
            ended = self.child.wait() => anyhow::bail!("the child ended by itself: {}", ended?),
            () = reached => Ok(self.child.kill().await?),
        }
    }
}

/// Does a child's work, if this program was started as a child. Returns whether it was.
pub async fn work() -> Result<bool> {
    let Some(file) = std::env::var_os(ORDERS) else { return Ok(false) };
    let orders: Orders = serde_json::from_slice(&std::fs::read(file)?)?;
    let mut client = Config::new(orders.url, Token::new(orders.token));
    client.page_size = orders.page;
    client.clock = Clock::manual(UnixSeconds(orders.now));
    let mut config = EngineConfig::new(&orders.cache);
    config.clock = client.clock.clone();
    config.open_wait = Duration::from_mins(1);
    if matches!(orders.task, Task::Match(_)) {
        config.sharing = Sharing::Shared;
    }
    #[cfg(feature = "shared")]
    if let Some(tier) = orders.tier {
        config.sharing = Sharing::Exclusive;
        config.shared = Some(tier.config());
    }
    let engine = Engine::open(Client::new(client)?, config).await?;
    match orders.task {
        Task::Match(paths) => match_files(&engine, paths, &orders.told).await?,
        Task::Edit(items) => {
            let items: Vec<_> =
                items.into_iter().map(|(path, key)| (path, RatingKey(key))).collect();
            edits::own_titles(&engine, &items).await?;
        }
    }
    engine.close().await?;
    Ok(true)
}

async fn match_files(engine: &Engine, paths: Vec<String>, told: &Path) -> Result<()> {
    let queries = paths.into_iter().map(Query::new).collect();
    let run = engine.match_files(&Selection::All, queries).await?;
    let answer = |answer: &Answer| match answer {
        Answer::Found(found) => ToldAnswer::Found(found.rating_key.0),
        Answer::Absent => ToldAnswer::Absent,
        _ => ToldAnswer::Other,
    };
    let answers = run.answers.iter().map(answer).collect();
    std::fs::write(told, serde_json::to_vec(&Told { answers, report: run.report })?)?;
    Ok(())
}
