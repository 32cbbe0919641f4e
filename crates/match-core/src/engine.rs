//! The engine: queries in, answers and a report out.
//!
//! A run brings the sections up to date (with as few calls as explain every change), answers
//! from remembered matches, computes the rest from the local indexes, proves absences, and
//! remembers what is new. If the server cannot be asked, every answer is
//! [`Answer::Unknown`] and nothing on disk changes.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use cache_store::{
    Demand, Error, Library, Looked, MatchKey, MatchRecord, Opened, Policy, Refreshed, SectionId,
    SectionState, Selection, Store, StoreConfig, Wanted,
};
use plex_api::{Client, Clock, UnixSeconds};
use tracing::{info, info_span};

use crate::answer::{Answer, Confidence, Decision, Reason};
use crate::evidence::Rule;
use crate::index::INDEXING;
use crate::key::match_key;
use crate::parallel::match_all;
use crate::query::{Query, wanted};
use crate::recorded::{from_record, to_record};
use crate::report::{LookupCounts, Phases, Report, StepReport, calls_without_cache};
use crate::rules::Rules;
use crate::sections::merge;
use crate::settings::Settings;

/// How an engine is set up.
#[derive(Debug, Clone)]
pub struct EngineConfig {
    /// The cache file; one a server. Created when there is none.
    pub cache: PathBuf,
    /// What decides a match.
    pub settings: Settings,
    /// When the server is asked again.
    pub policy: Policy,
    /// Memory for pages of the cache file, in bytes. Default 64 MiB.
    pub cache_size: usize,
    /// How long to wait for another process to let go of the cache file. Default 5 s.
    pub open_wait: Duration,
    /// What time it is.
    pub clock: Clock,
}

impl EngineConfig {
    /// The defaults, for a cache file.
    pub fn new(cache: impl Into<PathBuf>) -> Self {
        let store = StoreConfig::new(INDEXING, UnixSeconds(0));
        Self {
            cache: cache.into(),
            settings: Settings::default(),
            policy: Policy::default(),
            cache_size: store.cache_size,
            open_wait: store.open_wait,
            clock: Clock::system(),
        }
    }
}

/// The answers of a run, in the order of its queries, and what it cost.
#[derive(Debug, Clone)]
pub struct Run {
    /// One for each query, in the same order.
    pub answers: Vec<Answer>,
    /// What was done and what it cost.
    pub report: Report,
}

/// Answers which Plex item a local file is.
pub struct Engine {
    library: Library,
    settings: Arc<Settings>,
    /// The runs since it was opened, that the cache file does not have yet.
    unwritten: Mutex<Report>,
}

impl Engine {
    /// Opens the cache. Nothing is asked of the server before there are queries.
    pub async fn open(client: Client, config: EngineConfig) -> Result<Self, Error> {
        let store_config = StoreConfig {
            cache_size: config.cache_size,
            open_wait: config.open_wait,
            ..StoreConfig::new(INDEXING, config.clock.now())
        };
        let path = config.cache;
        let store = blocking(move || Store::open(&path, &store_config)).await?;
        let library = Library::new(client, Arc::new(store), config.policy, config.clock);
        Ok(Self { library, settings: Arc::new(config.settings), unwritten: Mutex::default() })
    }

    /// What opening the cache found.
    pub fn opened(&self) -> &Opened {
        self.library.store().opened()
    }

    /// The store, to inspect or clear it.
    pub fn store(&self) -> &Arc<Store> {
        self.library.store()
    }

    /// Answers the queries from the selected sections.
    ///
    /// An outage, a time-out or a refused token is not an error here: every answer is then
    /// [`Answer::Unknown`] with the reason. An error means that the question itself cannot be
    /// answered: there is no such section, the cache belongs to another server, or the disk
    /// failed.
    pub async fn match_files(
        &self,
        sections: &Selection,
        queries: Vec<Query>,
    ) -> Result<Run, Error> {
        let started = self.library.clock().monotonic();
        let calls_before = self.library.client().calls();
        let damaged_before = self.store().damaged_values();
        let mut report = Report::default();
        let queries = Arc::new(queries);
        let answers = match self.answer(sections, &queries, &mut report).await {
            Ok(answers) => answers,
            Err(Error::Plex(error)) => {
                let reason = Reason::from(&error);
                queries.iter().map(|_| Answer::Unknown(reason.clone())).collect()
            }
            Err(error) => return Err(error),
        };
        report.runs = 1;
        report.calls = self.library.client().calls().minus(&calls_before);
        report.damaged = self.store().damaged_values() - damaged_before;
        report.store_bytes = self.store().file_bytes();
        report.count(&answers);
        report.phases.run.record(started.elapsed());
        *self.unwritten.lock().unwrap_or_else(PoisonError::into_inner) += &report;
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
        Ok(Run { answers, report })
    }

    /// All runs on this cache file added up, those of earlier processes too. A process that
    /// ends without [`Engine::close`] does not count, and neither does what was before the
    /// file was cleared or replaced.
    pub async fn lifetime(&self) -> Result<Report, Error> {
        let unwritten = self.unwritten.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let store = Arc::clone(self.store());
        Ok(blocking(move || written_totals(&store)).await? + unwritten)
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

    /// Closes the cache file, so that the next opening finds it clean.
    pub async fn close(self) -> Result<(), Error> {
        self.write_totals().await?;
        let store = Arc::clone(self.library.store());
        drop(self.library);
        match Arc::try_unwrap(store) {
            Ok(store) => blocking(move || store.close()).await,
            // Somebody still holds the store; it is closed when they let go.
            Err(_) => Ok(()),
        }
    }

    async fn answer(
        &self,
        want: &Selection,
        queries: &Arc<Vec<Query>>,
        report: &mut Report,
    ) -> Result<Vec<Answer>, Error> {
        let demand = Demand { queries: queries.len() as u64, prove: false };
        let refreshed = self.refresh(want, demand, report).await?;
        let items = refreshed.sections.iter().map(|section| section.items);
        report.estimated_calls =
            calls_without_cache(demand.queries, items, self.library.client().page_size());
        let started = self.library.clock().monotonic();
        let settings = Arc::clone(&self.settings);
        let keyed = Arc::clone(queries);
        let keys: Arc<Vec<MatchKey>> = blocking(move || {
            Ok(Arc::new(keyed.iter().map(|query| match_key(query, &settings)).collect()))
        })
        .await?;
        report.phases.keys.record(started.elapsed());
        let mut by_section = Vec::with_capacity(refreshed.sections.len());
        for state in refreshed.sections {
            by_section.push(self.answer_section(&state, queries, &keys, report).await?);
        }
        let count = queries.len();
        Ok((0..count)
            .map(|at| merge(by_section.iter().filter_map(|answers| answers.get(at))))
            .collect())
    }

    /// Answers all queries from one section, healing damage and proving absences on the way.
    async fn answer_section(
        &self,
        state: &SectionState,
        queries: &Arc<Vec<Query>>,
        keys: &Arc<Vec<MatchKey>>,
        report: &mut Report,
    ) -> Result<Vec<Answer>, Error> {
        let mut section = state.id;
        let mut answers = vec![Answer::Absent; queries.len()];
        let mut open = Open { queries: (0..queries.len()).collect(), absent: HashSet::new() };
        for _ in 0..ATTEMPTS {
            let batch = self.batch(section, queries, keys, &open, report).await?;
            if batch.damaged {
                // Nothing that was read may be believed: start the section anew, look again.
                let store = Arc::clone(self.store());
                blocking(move || store.drop_items(section)).await?;
            } else {
                for (at, answer) in batch.answers {
                    if let Some(slot) = answers.get_mut(at) {
                        *slot = answer;
                    }
                }
                open.queries = batch.unproven;
                if open.queries.is_empty() {
                    return Ok(answers);
                }
                if self.look_up(section, queries, &mut open, report).await? {
                    continue;
                }
            }
            let only = Selection::section(state.uuid.0.clone());
            let demand = Demand { queries: open.queries.len() as u64, prove: true };
            let refreshed = self.refresh(&only, demand, report).await?;
            section = refreshed.sections.first().map_or(section, |state| state.id);
        }
        // The section kept changing, or the file kept failing: what is not proven is unknown.
        for at in open.queries {
            if let Some(slot) = answers.get_mut(at) {
                *slot = Answer::Unknown(Reason::NotProven);
            }
        }
        Ok(answers)
    }

    /// Looks the open queries up one by one, if that is cheaper than listing the section.
    /// `true`: it settled all of them, and they can be matched again.
    async fn look_up(
        &self,
        section: SectionId,
        queries: &Arc<Vec<Query>>,
        open: &mut Open,
        report: &mut Report,
    ) -> Result<bool, Error> {
        let wanted: Vec<Wanted> =
            open.queries.iter().filter_map(|&at| queries.get(at)).filter_map(wanted).collect();
        if wanted.len() != open.queries.len() {
            return Ok(false); // a path without a file name cannot be looked up
        }
        let started = self.library.clock().monotonic();
        let looked = self.library.look_up(section, &wanted).await;
        report.phases.refresh.record(started.elapsed());
        let looked = looked?;
        let absent =
            open.queries.iter().zip(&looked).filter(|(_, looked)| **looked == Looked::Absent);
        open.absent.extend(absent.map(|(&at, _)| at));
        report.lookups.looked_up +=
            looked.iter().filter(|looked| **looked != Looked::Unproven).count() as u64;
        Ok(!looked.contains(&Looked::Unproven))
    }

    async fn refresh(
        &self,
        want: &Selection,
        demand: Demand,
        report: &mut Report,
    ) -> Result<Refreshed, Error> {
        let started = self.library.clock().monotonic();
        let refreshed = self.library.refresh(want, demand).await;
        report.phases.refresh.record(started.elapsed());
        let refreshed = refreshed?;
        for step in refreshed.steps.iter().cloned() {
            report.step(StepReport::from(step));
        }
        Ok(refreshed)
    }

    /// One pass over the open queries: recall, match, remember.
    async fn batch(
        &self,
        section: SectionId,
        queries: &Arc<Vec<Query>>,
        keys: &Arc<Vec<MatchKey>>,
        open: &Open,
        report: &mut Report,
    ) -> Result<Batch, Error> {
        let work = Work {
            store: Arc::clone(self.store()),
            settings: Arc::clone(&self.settings),
            clock: self.library.clock().clone(),
            queries: Arc::clone(queries),
            keys: Arc::clone(keys),
            open: open.clone(),
            section,
        };
        let batch = blocking(move || info_span!("match").in_scope(|| work.run())).await?;
        report.lookups += batch.lookups;
        report.phases += &batch.phases;
        Ok(batch)
    }
}

/// How often a section is looked at again after lookups, a listing or healed damage.
const ATTEMPTS: usize = 4;

/// What is still to be answered.
#[derive(Debug, Clone)]
struct Open {
    /// Positions of the queries.
    queries: Vec<usize>,
    /// Those of them whose absence a lookup has proven.
    absent: HashSet<usize>,
}

/// What one pass over a section brought.
#[derive(Default)]
struct Batch {
    /// Position of the query, and its answer.
    answers: Vec<(usize, Answer)>,
    /// Queries that were not found in a state that cannot prove that they are not there.
    unproven: Vec<usize>,
    damaged: bool,
    lookups: LookupCounts,
    phases: Phases,
}

/// One pass over a section, off the async threads.
struct Work {
    store: Arc<Store>,
    settings: Arc<Settings>,
    clock: Clock,
    queries: Arc<Vec<Query>>,
    keys: Arc<Vec<MatchKey>>,
    open: Open,
    section: SectionId,
}

impl Work {
    fn run(self) -> Result<Batch, Error> {
        let mut batch = Batch::default();
        let view = self.store.view()?;
        let Some(section) = view.section(self.section)? else {
            batch.damaged = self.damaged();
            batch.unproven = self.open.queries;
            return Ok(batch);
        };

        let started = self.clock.monotonic();
        let mut by_key = self.open.queries.clone();
        by_key.sort_unstable_by_key(|&at| self.keys.get(at).copied());
        let mut computed = Vec::new();
        for at in by_key {
            let Some(key) = self.keys.get(at) else { continue };
            match view.valid_match(&section, key)?.as_ref().and_then(from_record) {
                Some(answer) => batch.answers.push((at, answer)),
                None => computed.push(at),
            }
        }
        computed.sort_unstable();
        batch.lookups.remembered = batch.answers.len() as u64;
        batch.lookups.computed = computed.len() as u64;
        batch.phases.recall.record(started.elapsed());

        let started = self.clock.monotonic();
        let asked: Vec<&Query> = computed.iter().filter_map(|&at| self.queries.get(at)).collect();
        let decisions = match_all(&view, &section, &asked, &self.settings, Rules::Paths)?;
        drop(view);
        batch.phases.matching.record(started.elapsed());
        if self.damaged() {
            batch.damaged = true;
            return Ok(batch);
        }

        let started = self.clock.monotonic();
        let now = self.clock.now();
        let mut records: Vec<(MatchKey, MatchRecord)> = Vec::new();
        for (at, decision) in computed.into_iter().zip(decisions) {
            let proven = section.complete || self.open.absent.contains(&at);
            if decision.answer == Answer::Absent && !proven {
                batch.unproven.push(at);
                continue;
            }
            let decision = if section.complete { decision } else { doubt(decision, &section) };
            let record = to_record(&decision, section.revision, now);
            records.extend(self.keys.get(at).copied().zip(record));
            batch.answers.push((at, decision.answer));
        }
        self.store.remember(section.id, records)?;
        batch.phases.remember.record(started.elapsed());
        Ok(batch)
    }

    fn damaged(&self) -> bool {
        let sections = self.store.take_damaged();
        sections.contains(&self.section)
    }
}

/// Of a section that is known only in part, nobody can say that a file name is unique in it.
fn doubt(mut decision: Decision, section: &SectionState) -> Decision {
    if let Answer::Found(found) = &mut decision.answer
        && found.evidence.rule == Rule::FileName
        && section.is_partial()
    {
        found.confidence = Confidence::Low;
    }
    decision
}

/// The totals of all runs as the cache file has them. Totals that cannot be read count from
/// zero again: nothing depends on them.
fn written_totals(store: &Store) -> Result<Report, Error> {
    let bytes = store.totals()?.unwrap_or_default();
    Ok(serde_json::from_slice(&bytes).unwrap_or_default())
}

/// Runs disk and CPU work off the async threads.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => {
            Err(Error::Storage { doing: "working on a blocking thread", source: error.into() })
        }
    }
}
