//! A server, a cache file, and the clock that both use.

use std::time::Duration;

use anyhow::Result;
use match_core::{
    Answer, Change, EditOptions, EditOutcome, Engine, EngineConfig, Query, Run, Selection,
};
use plex_api::{Client, Clock, Config, Token, UnixSeconds};
use tempfile::TempDir;

use super::Scale;
use crate::generate::{LibraryKind, Spec, generate};
use crate::library::{Item, Library, SectionKind};
use crate::queries::{TruthQuery, absent_queries, queries};
use crate::server::{Options, Pms};

/// Where the client has mounted the files. The server has them at another path.
pub const MOUNT: &str = "/mnt/elsewhere";

/// The seed of everything.
const SEED: u64 = 7;

/// One query in this many asks for a file that is not there.
const ABSENT_EVERY: usize = 50;

/// A server, a cache file, and the clock that both use.
pub struct Stage {
    /// The server.
    pub pms: Pms,
    /// The engine's clock.
    pub clock: Clock,
    /// The scale that the stage was made for.
    pub scale: Scale,
    folder: TempDir,
}

#[cfg(feature = "shared")]
impl Stage {
    /// The configuration of another host: the same server, but its own cache file.
    pub fn host(&self, number: u64) -> EngineConfig {
        let mut config = self.config();
        config.cache = self.folder.path().join(format!("host-{number}.matchbox"));
        config
    }
}

impl Stage {
    /// A server with one section of movies, of this scale.
    pub async fn movies(scale: Scale) -> Result<Self> {
        Self::start(movies(scale), scale).await
    }

    /// A server with the same movies in several sections.
    pub async fn sections(scale: Scale, count: usize) -> Result<Self> {
        Self::start(sections(scale, count), scale).await
    }

    /// A server with a library.
    pub async fn start(library: Library, scale: Scale) -> Result<Self> {
        let clock = Clock::manual(UnixSeconds(library.now()));
        let options = Options { clock: Some(clock.clone()), ..Options::default() };
        let pms = Pms::start(library, options).await?;
        Ok(Self { pms, clock, scale, folder: tempfile::tempdir()? })
    }

    /// The client, configured as a host does it, with the scale's page size.
    pub fn client_config(&self) -> Config {
        let mut config = Config::new(self.pms.url(), Token::new(self.pms.token()));
        config.page_size = self.scale.page;
        // The situation decides how slow the server is, not the machine that plays it.
        config.clock = self.clock.clone();
        // The number of retries is measured, not the time between them.
        config.retry.base = Duration::from_millis(1);
        config
    }

    /// The engine's configuration.
    pub fn config(&self) -> EngineConfig {
        let mut config = EngineConfig::new(self.folder.path().join("server.matchbox"));
        config.clock = self.clock.clone();
        config
    }

    /// A client of the server.
    pub fn client(&self) -> Result<Client> {
        Ok(Client::new(self.client_config())?)
    }

    /// An engine on the cache file.
    pub async fn engine(&self) -> Result<Engine> {
        Ok(Engine::open(self.client()?, self.config()).await?)
    }

    /// One run as a host does it: open, match, close.
    pub async fn run(&self, want: &Selection, asked: &[TruthQuery]) -> Result<Run> {
        let engine = self.engine().await?;
        let run = engine.match_files(want, to_queries(asked)).await?;
        engine.close().await?;
        Ok(run)
    }

    /// A digest of the cache file's content.
    pub fn digest(&self) -> Result<u64> {
        let config = self.config();
        let opening = cache_store::StoreConfig::new(match_core::INDEXING, config.clock.now());
        Ok(cache_store::Store::open(&config.cache, &opening)?.digest()?)
    }

    /// Flips a bit of an item's record in the cache file. The file must be closed.
    pub fn damage_item(&self, key: u64) {
        let title = self.pms.edit(|library| {
            let item = library.sections.iter().find_map(|section| section.item(key));
            item.unwrap().title.clone()
        });
        let path = self.config().cache;
        let mut bytes = std::fs::read(&path).unwrap();
        let at: Vec<usize> = (0..bytes.len().saturating_sub(title.len()))
            .filter(|&at| bytes[at..].starts_with(title.as_bytes()))
            .collect();
        assert!(!at.is_empty(), "{title} is not in the file");
        for at in at {
            bytes[at] ^= 1;
        }
        std::fs::write(&path, bytes).unwrap();
    }

    /// Lets time pass, for the server and for the host.
    pub fn later(&self, by: Duration) {
        self.clock.advance(by);
        self.pms.edit(|library| library.advance(i64::try_from(by.as_secs()).unwrap()));
    }

    /// Requests received so far, as the server counted them.
    pub fn calls(&self) -> u64 {
        self.pms.requests().total()
    }

    /// Queries for files of the server. One in 50 asks for a file that is not there.
    pub fn queries(&self, count: u64) -> Vec<TruthQuery> {
        let count = usize::try_from(count).unwrap();
        self.pms.edit(|library| {
            let absent = count / ABSENT_EVERY;
            let mut asked = queries(library, count - absent, SEED, MOUNT);
            asked.extend(absent_queries(library, absent, SEED, MOUNT));
            asked
        })
    }

    /// Queries for files that are there.
    pub fn present(&self, count: u64) -> Vec<TruthQuery> {
        self.pms.edit(|library| queries(library, usize::try_from(count).unwrap(), SEED, MOUNT))
    }

    /// Queries for files that are not there.
    pub fn absent(&self, count: u64) -> Vec<TruthQuery> {
        let count = usize::try_from(count).unwrap();
        self.pms.edit(|library| absent_queries(library, count, SEED, MOUNT))
    }
}

/// A library with one section of movies.
fn movies(scale: Scale) -> Library {
    let items = usize::try_from(scale.items).unwrap();
    generate(&Spec { seed: SEED, items, kind: LibraryKind::Movies })
}

/// The same movies in several sections.
fn sections(scale: Scale, count: usize) -> Library {
    let whole = movies(scale);
    let mut library = Library::new(whole.machine_identifier.clone(), whole.now());
    let root = whole.sections[0].locations[0].1.clone();
    for at in 0..count {
        let folder = format!("{root}-{at}");
        let title = format!("Movies {at}");
        library.add_section(&title, SectionKind::Movie, "tv.plex.agents.movie", &[&folder]);
    }
    for (at, item) in whole.sections[0].items().iter().enumerate() {
        let section = at % count;
        let mut item = Item { rating_key: 0, ..item.clone() };
        for part in item.media.iter_mut().flat_map(|media| &mut media.parts) {
            part.file = part.file.replacen(&root, &format!("{root}-{section}"), 1);
        }
        library.put_item(section, item);
    }
    library
}

/// Asks for one file.
pub async fn one(engine: &Engine, query: &Query) -> Answer {
    engine.match_files(&Selection::All, vec![query.clone()]).await.unwrap().answers.remove(0)
}

/// Makes one edit of an item. Returns whether anything was sent.
pub async fn edited(engine: &Engine, change: Change) -> bool {
    let run = engine.edit(&Selection::All, vec![change], EditOptions::default()).await.unwrap();
    match &run.outcomes[0] {
        EditOutcome::Done { .. } => true,
        EditOutcome::Unchanged => false,
        other => panic!("{other:?}"),
    }
}

/// The queries in the form that a host uses.
pub fn to_queries(asked: &[TruthQuery]) -> Vec<Query> {
    asked.iter().map(|truth| truth.query.clone()).collect()
}
