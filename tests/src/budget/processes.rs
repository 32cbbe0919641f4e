//! Several processes ask at once.
//!
//! The children are real: each is this very program, started again. So whoever plays this row
//! says with which arguments the program becomes a child ([`child`]).

use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use cache_store::Sharing;
use match_core::{Answer, Engine, EngineConfig, Query, Selection};
use plex_api::{Client, Clock, Config, Token, UnixSeconds};
use serde::{Deserialize, Serialize};

use super::Scale;
use super::measured::{Meter, Played};
use super::stage::Stage;

/// Those who ask at once.
pub const PROCESSES: u64 = 8;

/// Where a child finds its orders.
const ORDERS: &str = "MATCHBOX_BUDGET_CHILD";

/// What a child is to do.
#[derive(Serialize, Deserialize)]
struct Orders {
    url: String,
    token: String,
    page: u32,
    now: i64,
    cache: PathBuf,
    paths: Vec<String>,
}

/// What a child was answered, in the order of its queries.
#[derive(Serialize, Deserialize)]
enum Told {
    Found(u64),
    Absent,
    Other,
}

/// "8 processes ask at once on a cold section (shared mode)": as one, and 2 each at most.
pub fn budget(scale: Scale) -> u64 {
    2 + scale.pages() + 2 * PROCESSES
}

/// Starts 8 children at once on an empty cache, each of which asks for every file.
pub async fn play(scale: Scale, arguments: &[&str]) -> Result<Played> {
    let stage = Stage::movies(scale).await?;
    let asked = stage.queries(scale.items);
    let orders = Orders {
        url: stage.pms.url().to_owned(),
        token: stage.pms.token().to_owned(),
        page: scale.page,
        now: stage.clock.now().0,
        cache: stage.config().cache,
        paths: asked.iter().map(|query| query.path.clone()).collect(),
    };
    let file = orders.cache.with_extension("orders");
    std::fs::write(&file, serde_json::to_vec(&orders)?)?;
    let meter = Meter::start(&stage);
    let children = (0..PROCESSES).map(|number| {
        let mut command = Command::new(std::env::current_exe()?);
        command
            .args(arguments)
            .env(ORDERS, &file)
            .env("MATCHBOX_BUDGET_NUMBER", number.to_string());
        Ok(command.stdout(Stdio::null()).stderr(Stdio::inherit()).spawn()?)
    });
    let children = children.collect::<Result<Vec<_>>>()?;
    tokio::task::spawn_blocking(move || {
        for mut child in children {
            ensure!(child.wait()?.success(), "a child failed");
        }
        Ok(())
    })
    .await??;
    let mut played = meter.stop(stage, asked, Vec::new());
    for number in 0..PROCESSES {
        let answers = std::fs::read(answers(&orders.cache, &number.to_string()))?;
        let told: Vec<Told> = serde_json::from_slice(&answers)?;
        ensure!(told.len() == played.asked.len(), "a child left queries without an answer");
        for (truth, told) in played.asked.iter().zip(told) {
            played.measured.queries += 1;
            match (told, truth.expect) {
                (Told::Found(key), Some(expect)) if key == expect => {}
                (Told::Absent, None) => {}
                (Told::Other, _) => played.measured.missed += 1,
                _ => played.measured.wrong += 1,
            }
        }
    }
    played.measured.budget = budget(scale);
    Ok(played)
}

fn answers(cache: &std::path::Path, number: &str) -> PathBuf {
    cache.with_extension(format!("answers-{number}"))
}

/// Does what a child was told to; nothing in a program that was not started as one.
pub async fn child() -> Result<()> {
    let Ok(file) = std::env::var(ORDERS) else { return Ok(()) };
    let orders: Orders = serde_json::from_slice(&std::fs::read(file)?)?;
    let number = std::env::var("MATCHBOX_BUDGET_NUMBER").context("the child has no number")?;
    let mut client = Config::new(orders.url, Token::new(orders.token));
    client.page_size = orders.page;
    let mut config = EngineConfig::new(&orders.cache);
    config.clock = Clock::manual(UnixSeconds(orders.now));
    config.sharing = Sharing::Shared;
    config.open_wait = std::time::Duration::from_mins(1);
    let engine = Engine::open(Client::new(client)?, config).await?;
    let queries = orders.paths.iter().map(Query::new).collect();
    let run = engine.match_files(&Selection::All, queries).await?;
    let told: Vec<Told> = run
        .answers
        .iter()
        .map(|answer| match answer {
            Answer::Found(found) => Told::Found(found.rating_key.0),
            Answer::Absent => Told::Absent,
            _ => Told::Other,
        })
        .collect();
    engine.close().await?;
    std::fs::write(answers(&orders.cache, &number), serde_json::to_vec(&told)?)?;
    Ok(())
}
