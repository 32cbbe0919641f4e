//! The engine: queries in, answers and a report out.
//!
//! A run brings the sections up to date (with as few calls as explain every change), answers
//! from remembered matches, computes the rest from the local indexes, proves absences, and
//! remembers what is new. If the server cannot be asked, every answer is
//! [`Answer::Unknown`] and nothing on disk changes.

pub(crate) mod describe;
mod feedback;
pub(crate) mod numbers;
mod pass;
pub(crate) mod progress;
mod prove;
pub(crate) mod remembered;
mod run;
pub(crate) mod run_result;
mod section_run;
mod settle;
mod suggest_mappings;
mod wanted;

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use cache_store::{
    Error, Library, OnRows, Opened, Policy, SectionState, Selection, Sharing, Store, StoreConfig,
    Unwritable, Watched,
};
use futures::Stream;
use plex_api::{Client, Clock, UnixSeconds};
use tracing::info;

use crate::answer::{Answer, Reason};
use crate::edit::turns::Turns;
use crate::engine::numbers::Numbers;
use crate::engine::progress::{OnProgress, Phase, Teller};
use crate::engine::run_result::Run;
use crate::matcher::indexing::INDEXING;
use crate::query::Query;
use crate::report::Report;
use crate::settings::Settings;

/// Runs disk and CPU work off the async threads.
pub(crate) use cache_store::blocking;

/// How an engine is set up: [`EngineConfig::new`], and then the fields that shall be different.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct EngineConfig {
    /// The cache file; one a server. Created when there is none.
    pub cache: PathBuf,
    /// What decides a match.
    pub settings: Settings,
    /// Adopt, for later runs of this engine, path mappings that at least so many files of a run
    /// agree on. Answers are remembered with the mappings they were made with, so those that an
    /// adopted one could change are computed again. Default: mappings are only suggested, in
    /// [`Report::suggested_mappings`].
    pub adopt_mappings: Option<u64>,
    /// When the server is asked again.
    pub policy: Policy,
    /// Memory for pages of the cache file, in bytes. Default 128 MiB.
    pub cache_size: usize,
    /// How long to wait for another process to let go of the cache file. Default 5 s.
    pub open_wait: Duration,
    /// Who else may have the cache file open. Default: nobody.
    pub sharing: Sharing,
    /// Size in bytes that the cache file may reach before remembered matches are dropped, those
    /// not used for longest first. Default 512 MiB.
    pub max_bytes: u64,
    /// What to do when the cache file cannot be written (a full or read-only disk, no permission).
    /// Default: answer, and keep the cache in memory until the engine is closed. [`Engine::opened`]
    /// and [`Report::no_disk`] say so, with the reason; the next opening tries the disk again.
    pub unwritable: Unwritable,
    /// How old what is cached may be to be shown while the server cannot be asked, as
    /// [`Run::stale`]. Default: nothing is shown.
    pub stale: Option<Duration>,
    /// Names the account whose token is used, where a server's accounts may see different
    /// things: each name has a cache file of its own beside `cache`. Default: none.
    pub profile: Option<String>,
    /// Where many machines share what one of them listed. Default: nowhere.
    #[cfg(feature = "shared")]
    pub shared: Option<cache_store::SharedTier>,
    /// What time it is.
    pub clock: Clock,
    /// Whom to tell how far a run, a verification or an edit is. Default: nobody.
    pub progress: Option<OnProgress>,
}

impl EngineConfig {
    /// The defaults, for a cache file.
    pub fn new(cache: impl Into<PathBuf>) -> Self {
        let store = StoreConfig::new(INDEXING, UnixSeconds(0));
        Self {
            cache: cache.into(),
            settings: Settings::default(),
            adopt_mappings: None,
            policy: Policy::default(),
            cache_size: store.cache_size,
            open_wait: store.open_wait,
            sharing: store.sharing,
            max_bytes: store.max_bytes,
            unwritable: store.unwritable,
            stale: None,
            profile: None,
            #[cfg(feature = "shared")]
            shared: None,
            clock: Clock::system(),
            progress: None,
        }
    }

    /// Where the cache file is: `cache`, or a file beside it that is the profile's own.
    fn file(&self) -> PathBuf {
        let Some(profile) = &self.profile else { return self.cache.clone() };
        let digest = blake3::hash(profile.as_bytes()).to_hex();
        let mut name = self.cache.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{}", digest.get(..16).unwrap_or_default()));
        self.cache.with_file_name(name)
    }
}

/// Answers which Plex item a local file is.
///
/// Everything that asks the server is async, on tokio. A host that is not writes, once, a runtime
/// of its own around it:
///
/// ```no_run
/// use match_core::tokio::runtime::Builder;
/// use match_core::{Client, Config, Engine, EngineConfig, Query, Selection, Token};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let runtime = Builder::new_current_thread().enable_all().build()?;
/// let client = Client::new(Config::new("http://nas:32400", Token::from_env("PLEX_TOKEN")?))?;
/// let engine = runtime.block_on(Engine::open(client, EngineConfig::new("nas.matchbox")))?;
/// let queries = vec![Query::new("/mnt/films/Alien (1979)/Alien.mkv")];
/// let run = runtime.block_on(engine.match_files(&Selection::All, queries))?;
/// println!("{}", run.report);
/// runtime.block_on(engine.close())?;
/// # Ok(())
/// # }
/// ```
///
/// Two things rely on catching a panic, and both are bounded where `panic = "abort"` does not allow
/// it. A damaged cache file ends the process once, and the next opening moves it aside. With the
/// feature `shared` and `rediss://` addresses, a program without a TLS provider panics in the client
/// of the shared tier: such a program is built wrongly, and finds out at its first run.
pub struct Engine {
    pub(crate) library: Arc<Library>,
    /// Exchanged as a whole when mappings are adopted; a run keeps those it began with.
    settings: Mutex<Arc<Settings>>,
    adopt_mappings: Option<u64>,
    stale: Option<Duration>,
    pub(crate) progress: Teller,
    numbers: Numbers,
    pub(crate) turns: Turns,
    /// The runs since it was opened, that the cache file does not have yet.
    unwritten: Mutex<Report>,
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("library", &self.library).finish_non_exhaustive()
    }
}

impl Engine {
    /// Opens the cache. Nothing is asked of the server before there are queries.
    ///
    /// Like everything async here it has to run on tokio; elsewhere it returns
    /// [`Error::NoRuntime`].
    ///
    /// If this future is dropped, the opening goes on in the background and the file is closed at
    /// once.
    pub async fn open(client: Client, config: EngineConfig) -> Result<Self, Error> {
        let store_config = StoreConfig {
            cache_size: config.cache_size,
            open_wait: config.open_wait,
            sharing: config.sharing,
            max_bytes: config.max_bytes,
            unwritable: config.unwritable,
            ..StoreConfig::new(INDEXING, config.clock.now())
        };
        let path = config.file();
        let store = blocking(move || Store::open(&path, &store_config)).await?;
        let progress = Teller::new(config.progress, client.clone(), config.clock.clone());
        let told = progress.clone();
        let on_rows: Option<OnRows> = progress.is_heard().then(|| -> OnRows {
            Box::new(move |title, done, total| {
                told.tell_of(Phase::Refresh, Some(title), done, total);
            })
        });
        let library = Library::new(client, Arc::new(store), config.policy, config.clock)
            .with_profile(config.profile)
            .with_rows(on_rows);
        #[cfg(feature = "shared")]
        let library = library.with_shared(config.shared)?;
        Ok(Self {
            library: Arc::new(library),
            settings: Mutex::new(Arc::new(config.settings)),
            adopt_mappings: config.adopt_mappings,
            stale: config.stale,
            progress,
            numbers: Numbers::default(),
            turns: Turns::default(),
            unwritten: Mutex::default(),
        })
    }

    /// What opening the cache found.
    pub fn opened(&self) -> &Opened {
        self.library.store().opened()
    }

    /// What decides a match now: the settings it was opened with, and mappings adopted since.
    pub fn settings(&self) -> Arc<Settings> {
        Arc::clone(&self.settings.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The store, to inspect or clear it.
    pub fn store(&self) -> &Arc<Store> {
        self.library.store()
    }

    /// Answers the queries from the selected sections.
    ///
    /// An outage, a time-out or a refused token is not an error here: every answer is then
    /// [`Answer::Unknown`] with the reason. An error means that the question itself cannot be
    /// answered: there is no such section, the cache belongs to another server, or the disk failed
    /// and [`EngineConfig::unwritable`] says to refuse.
    ///
    /// This future may be dropped at any time, by a time-out for one. Requests under way are
    /// abandoned, and what was computed for it stops. A section is written whole or not at all:
    /// pages that were read of a listing that did not end are lost, and so are the answers that
    /// were not stored yet. The next run makes up for it. It is not counted in
    /// [`Engine::lifetime`].
    pub async fn match_files(
        &self,
        sections: &Selection,
        queries: Vec<Query>,
    ) -> Result<Run, Error> {
        let started = self.library.clock().monotonic();
        let calls_before = self.library.client().calls();
        let damaged_before = self.store().damaged_values();
        #[cfg(feature = "shared")]
        let shared_before = self.library.shared_counts();
        let queries = Arc::new(queries);
        let (mut stale, mut outage) = (None, None);
        let (answered, mut report) = self.answer_or_again(sections, &queries).await;
        let answers = match answered {
            Ok(answers) => answers,
            Err(Error::Plex(error)) => {
                if let Some(at_most) = self.stale.filter(|_| error.kind().is_outage()) {
                    stale = self.answer_stale(sections, &queries, at_most, &mut report).await?;
                }
                let reason = Reason::from(&error);
                outage = Some(reason.clone());
                queries.iter().map(|_| Answer::Unknown(reason.clone())).collect()
            }
            Err(error) => return Err(error),
        };
        report.runs = 1;
        report.calls = self.library.client().calls().minus(&calls_before);
        #[cfg(feature = "shared")]
        {
            report.shared = self.library.shared_counts().minus(&shared_before);
        }
        report.damaged = self.store().damaged_values() - damaged_before;
        report.no_disk = self.store().no_disk();
        report.store_bytes = self.store().file_bytes();
        report.count(&answers);
        report.phases.run.record(started.elapsed());
        *self.unwritten.lock().unwrap_or_else(PoisonError::into_inner) += &report;
        self.tell_calls();
        Numbers::run(&report, outage.is_some());
        info!(
            queries = queries.len(),
            calls = report.calls.total().count,
            remembered = report.lookups.remembered,
            computed = report.lookups.computed,
            found = report.answers.found(),
            ambiguous = report.answers.ambiguous,
            absent = report.answers.absent,
            unknown = report.answers.unknown,
            elapsed = ?started.elapsed(),
            "matched"
        );
        Ok(Run { queries, answers, outage, stale, report })
    }

    /// Answers; once more if the disk failed meanwhile and the cache went on in memory. What was
    /// read from the server and could not be written is then asked for again.
    async fn answer_or_again(
        &self,
        sections: &Selection,
        queries: &Arc<Vec<Query>>,
    ) -> (Result<Vec<Answer>, Error>, Report) {
        let on_disk = self.store().no_disk().is_none();
        let mut report = Report::default();
        let mut answered = self.answer(sections, queries, &mut report).await;
        let failed = matches!(&answered, Err(error) if !matches!(error, Error::Plex(_)));
        if failed && on_disk && self.store().no_disk().is_some() {
            report = Report::default();
            answered = self.answer(sections, queries, &mut report).await;
        }
        (answered, report)
    }

    /// All runs of [`Engine::match_files`] on this cache file added up, those of earlier processes
    /// too. What verifying, editing and listening cost is not in it: [`Client::calls`] of a clone
    /// of the client counts every call. A process that ends without [`Engine::close`] or met
    /// nothing but outages does not count, and neither does what was before the file was cleared
    /// or replaced.
    ///
    /// Dropping this future costs nothing: it only reads the cache.
    pub async fn lifetime(&self) -> Result<Report, Error> {
        let unwritten = self.unwritten.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let store = Arc::clone(self.store());
        Ok(blocking(move || written_totals(&store)).await? + unwritten)
    }

    /// Tells the `metrics` facade of the calls that were made.
    pub(crate) fn tell_calls(&self) {
        self.numbers.calls(|| self.library.client().calls());
    }

    /// Counts items that were found again under another rating key.
    pub(crate) fn count_rekeyed(&self, count: u64) {
        let mut unwritten = self.unwritten.lock().unwrap_or_else(PoisonError::into_inner);
        unwritten.lookups.rekeyed += count;
    }

    /// Adds the runs since the opening to the totals in the cache file. Runs that could not
    /// ask the server are not worth a write: an outage leaves the file as it was.
    async fn write_totals(&self) -> Result<(), Error> {
        let unwritten =
            std::mem::take(&mut *self.unwritten.lock().unwrap_or_else(PoisonError::into_inner));
        if unwritten.answers.unknown == unwritten.answers.total() {
            return Ok(());
        }
        let store = Arc::clone(self.store());
        blocking(move || {
            let totals = written_totals(&store)? + unwritten;
            let bytes = serde_json::to_vec(&totals).map_err(|error| Error::Storage {
                doing: "writing the totals of all runs",
                source: error.into(),
            })?;
            store.put_totals(&bytes)
        })
        .await
    }

    /// Listens to the server's events for as long as the stream is read, and keeps what is
    /// cached up to date with what they point at; while it is live and quiet, runs on an
    /// unchanged library make no call ([`Engine::is_live`]). Read it in a task of its own: what
    /// lies in it unread is not known, and a stream that was not read for 45 seconds counts as no
    /// stream. Without it nothing is missed either, only asked for.
    pub fn watch(&self) -> impl Stream<Item = Result<Watched, Error>> + Send + use<> + 'static {
        cache_store::watch(&self.library)
    }

    /// Whether a stream of [`Engine::watch`] is read and was heard of within the last 45 seconds:
    /// then runs on an unchanged library make no call.
    pub fn is_live(&self) -> bool {
        self.library.is_live()
    }

    /// When the server was last heard of on the stream of [`Engine::watch`], by an event or by
    /// one of the pings that it sends every 10 to 15 seconds. `None` while nobody listens.
    pub fn last_heard(&self) -> Option<UnixSeconds> {
        self.library.last_heard()
    }

    /// The server's sections that hold files, in its order, with kind, folders and the number of
    /// items that are cached (0 before the first run; all of them if `complete`). One call, none
    /// within the freshness window. An outage is an error here.
    ///
    /// If this future is dropped, the call may have been made, and nothing is lost by it.
    pub async fn sections(&self) -> Result<Vec<SectionState>, Error> {
        self.library.sections().await
    }

    /// Writes what is not written yet and closes the cache file, so that the next opening finds it
    /// clean. The file is then free for others, whoever still holds the engine ([`Arc`]), its store
    /// or a stream of [`Engine::watch`]: what is asked of them afterwards, and runs under way, end
    /// with [`Error::Closed`]. Closing twice is no error. [`Error::NoDisk`]: it is closed, and what
    /// was to be written last is lost, because the disk failed only now.
    ///
    /// Dropping the engine instead loses the run's totals ([`Engine::lifetime`]); the cache itself
    /// is written then too. If this future is dropped, the file may be open still: call it again.
    pub async fn close(&self) -> Result<(), Error> {
        let on_disk = self.store().no_disk().is_none();
        match self.write_totals().await {
            Err(Error::Closed { .. }) => return Ok(()), // by somebody else who holds it
            written => written?,
        }
        let store = Arc::clone(self.store());
        blocking(move || {
            store.flush()?;
            let failed = store.no_disk().filter(|_| on_disk);
            store.close()?;
            failed.map_or(Ok(()), |no_disk| Err(Error::NoDisk(no_disk)))
        })
        .await
    }
}

/// The totals of all runs as the cache file has them. Totals that cannot be read count from
/// zero again: nothing depends on them.
fn written_totals(store: &Store) -> Result<Report, Error> {
    let bytes = store.totals()?.unwrap_or_default();
    Ok(serde_json::from_slice(&bytes).unwrap_or_default())
}
