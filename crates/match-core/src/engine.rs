//! The engine: queries in, answers and a report out.
//!
//! A run brings the sections up to date with the fewest calls that explain every change. It answers
//! from remembered matches, computes the rest from the local indexes, proves absences, and
//! remembers the new answers. If the server cannot be asked, every answer is [`Answer::Unknown`]
//! and nothing on disk changes.

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

/// Runs disk and CPU work outside the async threads.
pub(crate) use cache_store::blocking;

/// The configuration of an engine. Start with [`EngineConfig::new`], and then change fields.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct EngineConfig {
    /// The cache file. Use one for each server. It is created if it does not exist.
    pub cache: PathBuf,
    /// The settings that decide a match.
    pub settings: Settings,
    /// The number of files of a run that must agree on a path mapping before later runs of this
    /// engine adopt it. Remembered answers depend on the mappings, so answers that a new mapping
    /// could change are computed again. Default: mappings are only suggested, in
    /// [`Report::suggested_mappings`].
    pub adopt_mappings: Option<u64>,
    /// When the server is asked again.
    pub policy: Policy,
    /// Memory for pages of the cache file, in bytes. Default 128 MiB.
    pub cache_size: usize,
    /// How long to wait for another process to close the cache file. Default 5 s.
    pub open_wait: Duration,
    /// Who else may have the cache file open. Default: nobody.
    pub sharing: Sharing,
    /// The size in bytes at which remembered matches are dropped. The least recently used go first.
    /// Default 512 MiB.
    pub max_bytes: u64,
    /// What to do when the cache file cannot be written (a full or read-only disk, no permission).
    /// Default: answer, and keep the cache in memory until the engine is closed. [`Engine::opened`]
    /// and [`Report::no_disk`] say so, with the reason; the next opening tries the disk again.
    pub unwritable: Unwritable,
    /// How old the cached state may be if it is shown, as [`Run::stale`], while the server cannot
    /// be asked. Default: nothing is shown.
    pub stale: Option<Duration>,
    /// A name for the account of the token. Set it if the server's accounts may see different
    /// things: each name has its own cache file beside `cache`. Default: none.
    pub profile: Option<String>,
    /// The shared tier, in which many machines share what one of them listed. Default: none.
    #[cfg(feature = "shared")]
    pub shared: Option<cache_store::SharedTier>,
    /// The clock.
    pub clock: Clock,
    /// The function that gets the progress of a run, a verification or an edit. Default: none.
    pub progress: Option<OnProgress>,
}

impl EngineConfig {
    /// The defaults, with this cache file.
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

    /// The path of the cache file: `cache`, or the profile's own file beside it.
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
/// Everything that asks the server is async and runs on tokio. A host that is not async makes one
/// runtime of its own around it:
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
/// In two cases, Matchbox catches a panic. A build with `panic = "abort"` cannot catch one, but the
/// harm is limited. A damaged cache file ends the process once, and the next opening moves the file
/// aside. With the feature `shared` and a `rediss://` address, a program without a TLS provider
/// panics in the client of the shared tier. Such a program is built wrongly, and its first run
/// shows it.
pub struct Engine {
    pub(crate) library: Arc<Library>,
    /// Replaced as a whole when mappings are adopted. A run keeps the settings that it began with.
    settings: Mutex<Arc<Settings>>,
    adopt_mappings: Option<u64>,
    stale: Option<Duration>,
    pub(crate) progress: Teller,
    numbers: Numbers,
    pub(crate) turns: Turns,
    /// The runs since the opening that the cache file does not have yet.
    unwritten: Mutex<Report>,
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("library", &self.library).finish_non_exhaustive()
    }
}

impl Engine {
    /// Opens the cache. The server is not asked before there are queries.
    ///
    /// Like every async function here, it must run on tokio. Elsewhere it returns
    /// [`Error::NoRuntime`].
    ///
    /// If this future is dropped, the opening continues in the background, and the file is closed
    /// right after it.
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

    /// The settings that decide a match now: those of the opening, and the mappings adopted since.
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
    /// This future may be dropped at any time, for example by a time-out. Running requests are
    /// abandoned, and all computing for the run stops. A section is either written completely or
    /// not at all. Two things are lost: the pages of a listing that did not end, and the answers
    /// that were not stored yet. The next run gets them again. A dropped run is not counted in
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

    /// Answers the queries. If the disk fails meanwhile and the cache continues in memory, answers
    /// them once more, and asks the server again for what could not be written.
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

    /// The sum of all runs of [`Engine::match_files`] on this cache file, also those of earlier
    /// processes. It does not include the cost of verifying, editing and listening:
    /// [`Client::calls`] of a clone of the client counts every call. It also does not include
    /// processes that ended without [`Engine::close`] or met only outages, and runs before the file
    /// was cleared or replaced.
    ///
    /// Dropping this future costs nothing: it only reads the cache.
    pub async fn lifetime(&self) -> Result<Report, Error> {
        let unwritten = self.unwritten.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Ok(self.with_store(written_totals).await? + unwritten)
    }

    /// Runs work on the store, outside the async threads.
    pub(crate) async fn with_store<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Store) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let store = Arc::clone(self.store());
        blocking(move || work(&store)).await
    }

    /// Reports to the `metrics` facade how many calls were made.
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
        self.with_store(move |store| {
            let totals = written_totals(store)? + unwritten;
            let bytes = serde_json::to_vec(&totals).map_err(|error| Error::Storage {
                doing: "writing the totals of all runs",
                source: error.into(),
            })?;
            store.put_totals(&bytes)
        })
        .await
    }

    /// Listens to the server's events as long as the host reads the stream, and keeps the cache up
    /// to date where the events point. While the stream is live and quiet, runs on an unchanged
    /// library make no call ([`Engine::is_live`]). Read the stream in a task of its own: an event
    /// that is not read has no effect, and a stream that was not read for 45 seconds does not
    /// count. Without the stream, nothing is missed either, but runs ask the server.
    pub fn watch(&self) -> impl Stream<Item = Result<Watched, Error>> + Send + use<> + 'static {
        cache_store::watch(&self.library)
    }

    /// Whether a stream of [`Engine::watch`] is read, and an event or a ping came within the last
    /// 45 seconds. Then runs on an unchanged library make no call.
    pub fn is_live(&self) -> bool {
        self.library.is_live()
    }

    /// When the last event or ping came on the stream of [`Engine::watch`]. The server sends a ping
    /// every 10 to 15 seconds. `None` while nobody listens.
    pub fn last_heard(&self) -> Option<UnixSeconds> {
        self.library.last_heard()
    }

    /// The server's sections that hold files, in its order, with kind, folders and the number of
    /// cached items (0 before the first run; all items if `complete`). This costs one call, or none
    /// within the freshness window. An outage is an error here.
    ///
    /// If this future is dropped, the call may have been made. Nothing else is lost.
    pub async fn sections(&self) -> Result<Vec<SectionState>, Error> {
        self.library.sections().await
    }

    /// Writes what is not written yet and closes the cache file, so that the next opening finds it
    /// clean. Other processes can then open the file, even if somebody still holds the engine
    /// ([`Arc`]), its store or a stream of [`Engine::watch`]. Later calls on these, and runs that
    /// are under way, end with [`Error::Closed`]. Closing twice is no error. The file is closed even
    /// if there is an error. Then the last write is lost: with [`Error::NoDisk`] because the disk
    /// failed at that moment, with [`Error::Damaged`] because the file was damaged and replaced, and
    /// with [`Error::Storage`] because the file could not be closed: the next opening repairs it.
    ///
    /// If the engine is dropped instead, the run's totals are lost ([`Engine::lifetime`]), but the
    /// cache itself is written. If this future is dropped, the file may still be open: call it
    /// again.
    pub async fn close(&self) -> Result<(), Error> {
        let on_disk = self.store().no_disk().is_none();
        let written = match self.write_totals().await {
            Err(Error::Closed { .. }) => return Ok(()), // another holder closed it
            written => written,
        };
        self.with_store(move |store| {
            let flushed = store.flush();
            let failed = store.no_disk().filter(|_| on_disk);
            let closed = store.close();
            written.and(flushed).and(closed)?;
            failed.map_or(Ok(()), |no_disk| Err(Error::NoDisk(no_disk)))
        })
        .await
    }
}

/// The totals of all runs, from the cache file. If they cannot be read, they start from zero:
/// nothing depends on them.
fn written_totals(store: &Store) -> Result<Report, Error> {
    let bytes = store.totals()?.unwrap_or_default();
    Ok(serde_json::from_slice(&bytes).unwrap_or_default())
}
