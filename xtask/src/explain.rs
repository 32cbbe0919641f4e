//! `cargo xtask explain`: why a file is matched as it is, from a cache file alone.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use cache_store::{Store, StoreConfig};
use match_core::{Answer, INDEXING, Query, Rules, SectionContext, Settings, match_key, match_one};
use plex_api::{Clock, RatingKey};

/// Options of `cargo xtask explain`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// The cache file.
    #[arg(long)]
    cache: PathBuf,
    /// The section, by title, key or uuid.
    #[arg(long)]
    section: String,
    /// The file, as the host sees it.
    file: PathBuf,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    if !options.cache.is_file() {
        bail!("there is no cache file {}", options.cache.display());
    }
    let config = StoreConfig::new(INDEXING, Clock::system().now());
    let store = Store::open(&options.cache, &config)?;
    let named = |name: &str| name == options.section;
    let section = store.sections()?.into_iter().find(|state| {
        named(&state.title) || named(&state.uuid.0) || named(&state.key.0.to_string())
    });
    let section = section.with_context(|| format!("no section {} there", options.section))?;
    let (settings, query) = (Settings::default(), Query::from_path(&options.file));
    let view = store.view()?;
    if let Some(record) = view.remembered(section.id, &match_key(&query, &settings))? {
        let holds = if view.holds(&section, &record)? { "holds" } else { "does not hold any more" };
        println!("remembered with the default settings, and {holds}: {:?}", record.outcome);
    }
    let context = SectionContext::new(&section, &settings);
    let decision = match_one(&view, section.id, &context, &query, Rules::All)?;
    let item = |key: RatingKey| -> Result<String> {
        let Some(kept) = view.item(section.id, key)? else { return Ok(format!("item {key}")) };
        let files: Vec<&str> = kept.item.parts.iter().map(|part| part.file.as_str()).collect();
        Ok(format!("item {key} \"{}\" {:?}", kept.item.title, files))
    };
    match &decision.answer {
        Answer::Found(found) => {
            println!("found with {:?} confidence: {}", found.confidence, item(found.rating_key)?);
            println!("because {}", found.evidence);
            for &other in &found.others {
                println!("the same file is also {}", item(other)?);
            }
        }
        Answer::Ambiguous(keys) => {
            println!("ambiguous: nothing tells {} candidates apart, best first:", keys.len());
            for &key in keys {
                println!("  {}", item(key)?);
            }
        }
        Answer::Absent if section.complete => println!("absent: no rule finds it"),
        _ => println!("no rule finds it, and the cache cannot prove that it is not there"),
    }
    println!("looked into {} index buckets", decision.depends.buckets.len());
    Ok(())
}
