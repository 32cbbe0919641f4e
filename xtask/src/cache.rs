//! `cargo xtask cache`: inspects and cleans a cache file, and the shared tier.

mod shared;

use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use cache_store::{Clear, Opened, SectionId, Sharing, Stats, Store, StoreConfig, Unwritable};
use clap::{Args, Subcommand};
use plex_api::{Clock, RatingKey, UnixSeconds};
use serde::Serialize;

use crate::table::{grouped, table};

/// The file must exist. A file of an earlier version is upgraded, and a damaged file is moved
/// aside, with a message, as a host does it.
#[derive(Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    command: Command,
    /// Print JSON.
    #[arg(long, global = true)]
    json: bool,
    /// The file is in use by hosts that share it.
    #[arg(long, global = true)]
    shared: bool,
}

#[derive(Subcommand)]
enum Command {
    /// Count what the file holds.
    Stats {
        /// The cache file.
        path: PathBuf,
    },
    /// Check every page and every value, and that items and indexes agree.
    Check {
        /// The cache file.
        path: PathBuf,
    },
    /// Clear everything except the server that the file belongs to, unless an option changes this.
    Clear {
        /// The cache file.
        path: PathBuf,
        #[command(flatten)]
        what: What,
        /// Clear without asking.
        #[arg(long)]
        yes: bool,
    },
    /// Inspect or clear the shared tier, in Valkey or Redis (`docs/shared-tier.md`).
    #[command(subcommand)]
    Shared(shared::Command),
    /// Give free pages back to the file system.
    Compact {
        /// The cache file.
        path: PathBuf,
    },
}

#[derive(Args)]
struct What {
    /// Only remembered matches.
    #[arg(long, conflicts_with_all = ["section", "item", "server"])]
    matches: bool,
    /// Only one section, by title or uuid.
    #[arg(long)]
    section: Option<String>,
    /// Only one item of that section, by rating key.
    #[arg(long, requires = "section")]
    item: Option<u64>,
    /// Also the server that the file belongs to.
    #[arg(long, conflicts_with = "section")]
    server: bool,
}

pub(crate) fn run(options: Options) -> Result<()> {
    let Options { command, json, shared } = options;
    match command {
        Command::Stats { path } => stats(&open(&path, shared)?, json),
        Command::Check { path } => check(&open(&path, shared)?, json),
        Command::Clear { path, what, yes } => {
            let store = open(&path, shared)?;
            let clear = what.of(&store)?;
            if !yes {
                confirm(&what.named(&path, &store.stats()?))?;
            }
            let cleared = store.clear(clear)?;
            print(
                &cleared,
                json,
                &[
                    ("sections", cleared.sections),
                    ("items", cleared.items),
                    ("matches", cleared.matches),
                    ("other rows", cleared.other_rows),
                ],
            )?;
            store.close().context("close the cache")
        }
        Command::Shared(command) => shared::run(command, json),
        Command::Compact { path } => {
            let store = open(&path, shared)?;
            let compacted = store.compact()?;
            print(
                &compacted,
                json,
                &[("bytes before", compacted.before), ("bytes after", compacted.after)],
            )?;
            store.close().context("close the cache")
        }
    }
}

/// Asks the user to confirm. Without a terminal, this is an error.
fn confirm(what: &str) -> Result<()> {
    if !std::io::stdin().is_terminal() {
        bail!("there is no terminal to confirm this: to clear {what}, use --yes");
    }
    eprint!("Clear {what}? It has to be read from the server again. [y/N] ");
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    let is_meant = matches!(answer.trim().to_lowercase().as_str(), "y" | "yes");
    ensure!(is_meant, "nothing was cleared");
    Ok(())
}

fn open(path: &Path, shared: bool) -> Result<Store> {
    ensure!(path.is_file(), "there is no file at {}", path.display());
    let sharing = if shared { Sharing::Shared } else { Sharing::Exclusive };
    // A change to a copy in memory would be lost.
    let unwritable = Unwritable::Refuse;
    let defaults = StoreConfig::new(match_core::INDEXING, Clock::system().now());
    let config = StoreConfig { sharing, unwritable, ..defaults };
    let store = Store::open(path, &config)?;
    if *store.opened() != Opened::Existing {
        eprintln!("{}", store.opened());
    }
    Ok(store)
}

fn stats(store: &Store, json: bool) -> Result<()> {
    let stats = store.stats()?;
    if !json {
        let looked_up = stats.sections.iter().any(|section| section.items > 0);
        let none = if looked_up {
            "not known yet: files were looked up one by one, and no section was listed"
        } else {
            "none yet"
        };
        println!("server: {}\n", stats.server.as_deref().unwrap_or(none));
    }
    print(
        &stats,
        json,
        &[
            ("file bytes", stats.file_bytes),
            ("live bytes", stats.live_bytes),
            ("hits", stats.hits),
            ("misses", stats.misses),
            ("damaged values", stats.damaged),
        ],
    )?;
    if json {
        return Ok(());
    }
    let tables = stats.tables.iter().map(|row| {
        let numbers = [row.rows, row.bytes, row.page_bytes].map(grouped);
        [row.name.to_owned()].into_iter().chain(numbers)
    });
    println!("\n{}", table(&["table", "rows", "bytes", "pages, bytes"], 1.., tables));
    let now = Clock::system().now();
    let sections = stats.sections.iter().map(|row| {
        [
            row.title.clone(),
            grouped(row.items),
            if row.complete { "yes" } else { "no" }.to_owned(),
            row.revision.0.to_string(),
            age(now, row.observed_at),
            age(now, row.listed_at),
        ]
    });
    let header = ["section", "items", "complete", "revision", "observed", "listed"];
    println!("\n{}", table(&header, 1.., sections));
    if stats.worth_compacting {
        println!(
            "\nMore than half of the file is free: `cargo xtask cache compact` gives it back."
        );
    }
    Ok(())
}

fn check(store: &Store, json: bool) -> Result<()> {
    if let Opened::Recovered { .. } = store.opened() {
        bail!("the new cache is empty: there is nothing to check");
    }
    let checked = store.check()?;
    print(&checked, json, &[("rows", checked.rows), ("problems", checked.problem_count)])?;
    if !json {
        checked.problems.iter().for_each(|problem| println!("{problem}"));
    }
    if !checked.is_sound() {
        bail!("{} problems; the next use lists the damaged data again", checked.problem_count);
    }
    Ok(())
}

impl What {
    /// Describes what will be cleared.
    fn named(&self, path: &Path, stats: &Stats) -> String {
        let items: u64 = stats.sections.iter().map(|section| section.items).sum();
        let what = match self {
            Self { item: Some(key), .. } => format!("the cached data of item {key}"),
            Self { section: Some(name), .. } => format!("the cached data of section \"{name}\""),
            Self { matches: true, .. } => "the remembered matches".to_owned(),
            Self { server: true, .. } => {
                format!("all ({items} items) and which server it belongs to")
            }
            _ => format!("all ({items} items)"),
        };
        format!("{what} in {}", path.display())
    }

    fn of(&self, store: &Store) -> Result<Clear> {
        let Some(name) = &self.section else {
            return Ok(match (self.matches, self.server) {
                (true, _) => Clear::Matches,
                (_, true) => Clear::Server,
                _ => Clear::All,
            });
        };
        let sections = store.sections()?;
        let found = sections.iter().find(|state| state.title == *name || state.uuid.0 == *name);
        let id: SectionId = found.map(|state| state.id).with_context(|| {
            let titles: Vec<&str> = sections.iter().map(|state| state.title.as_str()).collect();
            let titles = if titles.is_empty() { "none".to_owned() } else { titles.join(", ") };
            format!("the cache has no section \"{name}\"; it has: {titles}")
        })?;
        Ok(self.item.map_or(Clear::Section(id), |key| Clear::Item(id, RatingKey(key))))
    }
}

/// Prints a result as JSON, or as a list of named numbers.
fn print(result: &impl Serialize, json: bool, numbers: &[(&str, u64)]) -> Result<()> {
    if json {
        println!("{}", serde_json::to_string_pretty(result)?);
        return Ok(());
    }
    let rows = numbers.iter().map(|(name, number)| [(*name).to_owned(), grouped(*number)]);
    println!("{}", table(&[], 1.., rows));
    Ok(())
}

/// The age of a time, in the largest unit that leaves about two digits.
fn age(now: UnixSeconds, at: Option<i64>) -> String {
    let Some(at) = at else { return "never".to_owned() };
    match now.0 - at {
        seconds @ ..120 => format!("{} s ago", seconds.max(0)),
        seconds @ ..7_200 => format!("{} min ago", seconds / 60),
        seconds @ ..172_800 => format!("{} h ago", seconds / 3_600),
        seconds => format!("{} days ago", seconds / 86_400),
    }
}
