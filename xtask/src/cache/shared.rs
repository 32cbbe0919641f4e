//! `cargo xtask cache shared`: the shared tier, in Valkey or Redis.

use anyhow::{Result, bail};
use cache_store::SharedTier;
use clap::{Args, Subcommand};
use serde::Serialize;

use super::{confirm, print};
use crate::table::{grouped, table};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Count keys and bytes, for each section.
    Stats {
        #[command(flatten)]
        engine: EngineOptions,
    },
    /// Remove all keys with the prefix, or only those of one section. Hosts then list again what
    /// they need.
    Clear {
        #[command(flatten)]
        engine: EngineOptions,
        /// Only this section, by uuid.
        #[arg(long)]
        section: Option<String>,
        /// Clear without asking.
        #[arg(long)]
        yes: bool,
    },
}

#[derive(Args)]
pub(crate) struct EngineOptions {
    /// The engine: `redis://user:password@host:port`. With `-`, it is read from the variable
    /// `MATCHBOX_TIER_URL`, so that other users of this machine cannot read the password.
    url: String,
    /// The prefix of every key.
    #[arg(long, default_value = "matchbox:")]
    prefix: String,
}

#[derive(Serialize)]
struct Cleared {
    keys: u64,
}

pub(crate) fn run(command: Command, json: bool) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    match command {
        Command::Stats { engine } => {
            let stats = runtime.block_on(engine.tier()?.stats())?;
            if json {
                println!("{}", serde_json::to_string_pretty(&stats)?);
                return Ok(());
            }
            let rows = stats.tags.iter().map(|tag| {
                let expires = tag.first_expires_in.map_or("never".to_owned(), grouped);
                let numbers = [tag.keys, tag.chunks, tag.entries, tag.bytes].map(grouped);
                [tag.tag.clone()].into_iter().chain(numbers).chain([expires]).collect::<Vec<_>>()
            });
            let header =
                ["version:server:profile:section", "keys", "chunks", "log", "bytes", "expires, s"];
            println!("{}", table(&header, 1.., rows));
            Ok(())
        }
        Command::Clear { engine, section, yes } => {
            if !yes {
                confirm(&match &section {
                    Some(uuid) => format!("what machines share of section {uuid}"),
                    None => format!("what machines share below \"{}\"", engine.prefix),
                })?;
            }
            let keys = runtime.block_on(engine.tier()?.clear(section.as_deref()))?;
            print(&Cleared { keys }, json, &[("keys", keys)])
        }
    }
}

impl EngineOptions {
    fn tier(&self) -> Result<SharedTier> {
        let url = match (self.url.as_str(), std::env::var("MATCHBOX_TIER_URL")) {
            ("-", Ok(url)) => url,
            ("-", Err(_)) => bail!("MATCHBOX_TIER_URL is not set"),
            (url, _) => url.to_owned(),
        };
        let mut tier = SharedTier::new(url);
        tier.prefix.clone_from(&self.prefix);
        Ok(tier)
    }
}
