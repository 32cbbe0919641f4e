//! The input of a run: a server, its section, and queries whose true item is known.

use std::io::BufRead;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use futures::StreamExt;
use plex_api::{Client, Clock, Config, Detail, Filter, Listing, Section, Sort, Token, UnixSeconds};
use testbed::generate::{LibraryKind, Spec, generate};
use testbed::library::Library;
use testbed::payload::library_from_pages;
use testbed::queries::{TruthQuery, absent_queries, queries};
use testbed::server::{self, Pms};

use super::options::Options;
use super::progress::Progress;
use crate::assumptions::{self, Check};
use crate::bench::compute::outcome::{Assumption, Seen};
use crate::doctor::HOW_TO_GET_A_TOKEN;

/// Items of a default run; the call budget is stated for this size.
const ITEMS: usize = 10_000;
/// Items with `--quick`.
const QUICK_ITEMS: usize = 2_000;
/// One query in this many asks for a file that does not exist.
const ABSENT_EVERY: usize = 50;
/// Where the local files are mounted. The server has them at another path.
const MOUNT: &str = "/mnt/elsewhere";

/// The server of a measurement.
pub(crate) enum Server {
    /// The simulated server. The bench can change its library and cause outages.
    Simulated(Pms),
    /// A real server, which is only read.
    Real { url: String, token: String },
}

/// Everything a run needs.
pub(crate) struct Input {
    pub(crate) server: Server,
    /// `None` for all sections.
    pub(crate) section: Option<String>,
    /// Queries with their true items.
    pub(crate) queries: Vec<TruthQuery>,
    /// Items on the server.
    pub(crate) items: usize,
    /// The clock of the engine.
    pub(crate) clock: Clock,
    /// How a real server behaved against our assumptions.
    pub(crate) seen: Option<Seen>,
}

impl Server {
    pub(crate) fn url(&self) -> &str {
        match self {
            Self::Simulated(pms) => pms.url(),
            Self::Real { url, .. } => url,
        }
    }

    pub(crate) fn token(&self) -> &str {
        match self {
            Self::Simulated(pms) => pms.token(),
            Self::Real { token, .. } => token,
        }
    }
}

impl Input {
    pub(crate) async fn prepare(options: &Options, progress: &Progress) -> Result<Self> {
        let (count, file) = options.queries();
        let given = file.map(|path| read_queries(&path)).transpose()?;
        if let Some(url) = &options.server {
            return Self::real(options, url, given, count, progress).await;
        }
        // Captured pages are small, so every query asks for a real part.
        let (library, absent_every) = if options.library.is_empty() {
            let default = if options.quick { QUICK_ITEMS } else { ITEMS };
            let items = options.items.unwrap_or(default);
            progress.say(format!("generating a library of {items} movies"));
            let spec = Spec { seed: options.seed, items, kind: LibraryKind::Movies };
            (generate(&spec), ABSENT_EVERY)
        } else {
            progress.say("reading the captured library");
            (library_from_pages(&options.library)?, usize::MAX)
        };
        let queries = given.unwrap_or_else(|| {
            let count = count.unwrap_or_else(|| items(&library));
            made_queries(&library, count, absent_every, options.seed)
        });
        Self::simulated(library, queries).await
    }

    /// A generated library, with a query for each file.
    pub(crate) async fn generated(spec: &Spec) -> Result<Self> {
        let library = generate(spec);
        let queries = made_queries(&library, items(&library), ABSENT_EVERY, spec.seed);
        Self::simulated(library, queries).await
    }

    async fn simulated(library: Library, queries: Vec<TruthQuery>) -> Result<Self> {
        ensure!(!queries.is_empty(), "there is nothing to ask for: the library has no files");
        let items = items(&library);
        let clock = Clock::manual(UnixSeconds(library.now()));
        let server = Server::Simulated(Pms::start(library, server::Options::default()).await?);
        Ok(Self { server, section: None, queries, items, clock, seen: None })
    }

    async fn real(
        options: &Options,
        url: &str,
        given: Option<Vec<TruthQuery>>,
        count: Option<usize>,
        progress: &Progress,
    ) -> Result<Self> {
        let Ok(token) = std::env::var("PLEX_TOKEN") else {
            bail!("PLEX_TOKEN is not set: {HOW_TO_GET_A_TOKEN}");
        };
        let section = options.section.clone().context("name the section with --section")?;
        progress.say("listing the section for its true items");
        let client = Client::new(Config::new(url, Token::new(token.as_str())))?;
        let row = find_section(&client, &section).await?;
        let truth = list_truth(&client, &row).await?;
        progress.say("checking how the server behaves");
        let mut checks = Vec::new();
        assumptions::check(&client, &row, &mut checks).await?;
        let assumption =
            |Check { what: question, seen, holds, .. }| Assumption { question, seen, holds };
        let assumptions = checks.into_iter().map(assumption).collect();
        let version = client.identity().await?.version;
        let seen = Some(Seen { version, assumptions });
        let items = truth.len();
        let mut queries = given.unwrap_or(truth);
        if let Some(count) = count {
            queries.truncate(count);
        }
        ensure!(!queries.is_empty(), "section \"{section}\" has no files to ask for");
        let server = Server::Real { url: url.to_owned(), token };
        // It starts at the real time. Every scenario then moves it beyond the freshness window.
        let clock = Clock::manual(Clock::system().now());
        Ok(Self { server, section: Some(section), queries, items, clock, seen })
    }
}

/// Items in all sections.
fn items(library: &Library) -> usize {
    library.sections.iter().map(testbed::library::Section::len).sum()
}

/// Queries for the library's own parts. One in `absent_every` asks for a file that does not exist.
fn made_queries(
    library: &Library,
    count: usize,
    absent_every: usize,
    seed: u64,
) -> Vec<TruthQuery> {
    let absent = count / absent_every;
    let mut made = queries(library, count - absent, seed, MOUNT);
    made.extend(absent_queries(library, absent, seed, MOUNT));
    made
}

fn read_queries(path: &Path) -> Result<Vec<TruthQuery>> {
    let what = || format!("could not read the queries in {}", path.display());
    let file = std::fs::File::open(path).with_context(what)?;
    let mut queries = Vec::new();
    for (index, line) in std::io::BufReader::new(file).lines().enumerate() {
        let line = line.with_context(what)?;
        if line.trim().is_empty() {
            continue;
        }
        let query = serde_json::from_str(&line).with_context(|| {
            format!(
                "{} line {}: a query is {{\"path\": \"...\", \"expect\": \"<ratingKey>\" or null}}",
                path.display(),
                index + 1
            )
        })?;
        queries.push(query);
    }
    ensure!(!queries.is_empty(), "{} has no queries", path.display());
    Ok(queries)
}

async fn find_section(client: &Client, name: &str) -> Result<Section> {
    let sections = client.sections().await?;
    if let Some(section) = sections.iter().find(|section| section.title == name) {
        return Ok(section.clone());
    }
    let known: Vec<_> = sections.iter().map(|section| section.title.as_str()).collect();
    bail!("the server has no section \"{name}\"; it has: {}", known.join(", "))
}

/// One query for each file of a real section, with another mount.
async fn list_truth(client: &Client, section: &Section) -> Result<Vec<TruthQuery>> {
    let Some(kind) = section.kind.leaf() else {
        bail!("section \"{}\" has no files", section.title)
    };
    let mut pages = std::pin::pin!(client.pages(Listing {
        section: section.key,
        expect_uuid: Some(section.uuid.clone()),
        kind,
        filter: Filter::None,
        sort: Sort::Id,
        detail: Detail::Lean,
    }));
    let mut truth = Vec::new();
    while let Some(page) = pages.next().await {
        for item in page?.items {
            for part in item.media.iter().flat_map(|media| &media.parts) {
                let Some(file) = &part.file else { continue };
                let root = section.locations.iter().find(|at| file.starts_with(&at.path));
                let below = root.map_or(file.as_str(), |at| &file[at.path.len()..]);
                let path = format!("{MOUNT}/{}", below.trim_start_matches(['/', '\\']));
                truth.push(TruthQuery::new(path, Some(item.rating_key.0)));
            }
        }
    }
    Ok(truth)
}
