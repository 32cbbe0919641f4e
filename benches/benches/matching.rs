//! The time to match files, and the time of each step.
//!
//!     cargo bench -p benches --bench matching
//!     MATCHING_N=1000000 cargo bench -p benches --bench matching    # another size than 100,000
//!     MATCHING_CACHE_MB=1024 ...    # another page cache than the default
//!
//! For a verified match, [`match_all`] on an open store looks into an index, reads and decodes the
//! item, compares its path, and makes the evidence. Each measurement has a floor (work that cannot
//! be avoided) and a ceiling (the most expensive case), which its comment names. Every answer is
//! checked before it is measured. At the end the bench prints the ratios to a hash map in memory
//! and to the linear scan of Stash2Plex. The hash map is the floor of everything: it has the
//! library in memory, keeps nothing over a restart, and compares no folders.

#![allow(clippy::unwrap_used, reason = "a bench has nobody to report an error to")]

use std::collections::HashMap;
use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use cache_store::{
    CachedItem, CachedPart, Index, SectionId, SectionStamp, SectionState, Store, StoreConfig, View,
};
use criterion::{BatchSize, BenchmarkId, Criterion, Throughput};
use match_core::{
    Answer, Confidence, Decision, FoldedPath, INDEXING, Query, Rules, SectionContext, Settings,
    fold, fold_title, match_all, match_key, match_one,
};
use plex_api::{ItemKind, RatingKey, Section, SectionKey, SectionKind, SectionUuid, UnixSeconds};
use tempfile::TempDir;
use testbed::rivals::naive;
use xxhash_rust::xxh3::xxh3_64;

/// The number of files in one batch.
const BATCH: usize = 20_000;

const NOW: UnixSeconds = UnixSeconds(1_800_000_000);

fn size() -> usize {
    number("MATCHING_N").unwrap_or(100_000)
}

fn number(variable: &str) -> Option<usize> {
    std::env::var(variable).ok()?.parse().ok()
}

const WORDS: [&str; 32] = [
    "The",
    "Lighthouse",
    "Keeper",
    "Night",
    "of",
    "Return",
    "Silent",
    "River",
    "Am\u{e9}lie",
    "Story",
    "Last",
    "Garden",
    "Blood",
    "Winter",
    "Under",
    "Stars",
    "City",
    "Love",
    "House",
    "Dark",
    "King",
    "Road",
    "Home",
    "War",
    "Summer",
    "Moon",
    "Black",
    "Song",
    "Day",
    "Lost",
    "Sea",
    "Fire",
];

fn title(n: usize) -> String {
    let word = |by: usize| WORDS[(n / by) % WORDS.len()];
    format!("{} {} {} {n}", word(1), word(32), word(1_024))
}

fn year(n: usize) -> u16 {
    1930 + u16::try_from(n % 95).unwrap()
}

/// The path of a file below the section's folder. Every tenth file has a generic name.
fn below(n: usize) -> String {
    let (title, year) = (title(n), year(n));
    match n % 10 {
        0 => format!("{title} ({year})/movie.mkv"),
        _ => format!("{title} ({year})/{title} ({year}) [Bluray-1080p].mkv"),
    }
}

fn item(n: usize) -> CachedItem {
    let number = n as u64;
    CachedItem {
        year: Some(year(n)),
        guids: vec![
            format!("plex://movie/5d7768374de0ee001f{n:06}"),
            format!("imdb://tt{n:07}"),
            format!("tmdb://{n}"),
        ],
        duration_ms: Some(6_086_421),
        added_at: Some(UnixSeconds(1_731_349_749)),
        updated_at: Some(UnixSeconds(1_735_959_624)),
        parts: vec![CachedPart {
            id: Some(number + 9_000),
            version: 0,
            file: format!("/data/films/{}", below(n)),
            size: Some(885_939_412 + number),
            duration_ms: Some(6_086_421),
            stamp: Some(1_730_386_641),
            optimized: false,
        }],
        ..CachedItem::new(RatingKey(number * 3 + 1), ItemKind::Movie, title(n))
    }
}

/// The numbers of the files in the batch, in random order from the whole library.
fn asked(size: usize) -> Vec<usize> {
    let mut order: Vec<(u64, usize)> =
        (0..size).map(|at| (xxh3_64(&at.to_le_bytes()), at)).collect();
    order.sort_unstable();
    order.into_iter().map(|(_, at)| at).take(BATCH).collect()
}

fn open(file: &Path) -> Store {
    let mut config = StoreConfig::new(INDEXING, NOW);
    if let Some(megabytes) = number("MATCHING_CACHE_MB") {
        config.cache_size = megabytes << 20;
    }
    Store::open(file, &config).unwrap()
}

/// A store with `size` movies.
fn build(size: usize) -> (TempDir, SectionId) {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder.path().join("cache"));
    let listed =
        Section::new(SectionKey(1), SectionUuid("uuid".to_owned()), "Movies", SectionKind::Movie);
    let section = store.note_sections(&[listed]).unwrap()[0].id;
    let stamp = SectionStamp { content_changed_at: Some(1), scanned_at: None, updated_at: None };
    store.fill(section, (0..size).map(item), stamp, NOW).unwrap();
    store.close().unwrap();
    (folder, section)
}

fn pool(threads: usize) -> rayon::ThreadPool {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap()
}

/// The shortest time of a few rounds, because then nothing else interfered.
#[expect(clippy::disallowed_methods, reason = "measures wall time")]
fn quickest<T>(rounds: usize, mut work: impl FnMut() -> T) -> Duration {
    let time = |work: &mut dyn FnMut() -> T| {
        let started = Instant::now();
        black_box(work());
        started.elapsed()
    };
    (0..rounds).map(|_| time(&mut work)).min().unwrap()
}

/// An open library, and queries for it.
struct Stage<'a> {
    view: View<'a>,
    state: SectionState,
    numbers: Vec<usize>,
    queries: Vec<Query>,
    settings: Settings,
}

impl Stage<'_> {
    fn all(&self, queries: &[Query], rules: Rules) -> Vec<Decision> {
        let queries: Vec<&Query> = queries.iter().collect();
        match_all(&self.view, &self.state, &queries, &self.settings, rules).unwrap()
    }

    /// Checks that every answer names the right item.
    fn check(&self, queries: &[Query], rules: Rules, least: Confidence) {
        self.check_numbers(queries, &self.numbers, rules, least);
    }

    fn check_numbers(&self, queries: &[Query], numbers: &[usize], rules: Rules, least: Confidence) {
        for (decision, &n) in self.all(queries, rules).iter().zip(numbers) {
            let Answer::Found(found) = &decision.answer else { panic!("{n}: {decision:?}") };
            assert_eq!(found.rating_key.0, n as u64 * 3 + 1, "{decision:?}");
            assert!(found.confidence >= least, "{decision:?}");
        }
    }
}

/// The time to fold a name. Floor: ASCII that is already folded and only needs a check. Ceiling:
/// decomposed letters, as on a Mac.
fn folding(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("fold");
    for (what, name) in [
        ("floor: folded already", "the lighthouse keeper 17 (1989) [bluray-1080p].mkv"),
        ("ascii", "The Lighthouse Keeper 17 (1989) [Bluray-1080p].mkv"),
        ("ceiling: decomposed", "Le Fabuleux Destin d'Ame\u{301}lie Poulain (2001) [Bluray].mkv"),
    ] {
        group.bench_function(what, |bencher| bencher.iter(|| fold(black_box(name)).len()));
    }
    let path = format!("/mnt/films/{}", below(17));
    group.bench_function("path", |bencher| bencher.iter(|| FoldedPath::new(black_box(&path))));
    group.bench_function("title", |bencher| {
        bencher.iter(|| fold_title(black_box("The Lighthouse Keeper: Last Day, 17")));
    });
    group.finish();
}

/// The time to make a match key. Floor: the hash of the path's bytes. Ceiling: a query with all
/// fields.
fn keys(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("key");
    let settings = Settings::default();
    let plain = Query::new(format!("/mnt/films/{}", below(17)));
    let full = Query {
        size: Some(1),
        duration_ms: Some(1),
        title: Some(title(17)),
        year: Some(1947),
        guids: item(17).guids,
        ..plain.clone()
    };
    group.bench_function("floor: hash of the path", |bencher| {
        bencher.iter(|| xxh3_64(black_box(plain.path.as_bytes())));
    });
    group
        .bench_function("path", |bencher| bencher.iter(|| match_key(black_box(&plain), &settings)));
    group.bench_function("ceiling: everything", |bencher| {
        bencher.iter(|| match_key(black_box(&full), &settings));
    });
    group.finish();
}

/// The time of each access to the store, and of a whole match, on one thread. Floor: a hash map of
/// folded names. Ceiling: the whole match.
fn one_by_one(criterion: &mut Criterion, stage: &Stage<'_>, map: &HashMap<String, Vec<u64>>) {
    let mut group = criterion.benchmark_group("one thread");
    group.sample_size(10);
    group.throughput(Throughput::Elements(BATCH as u64));
    let named = |what: &str| BenchmarkId::new(what, size());
    group.bench_function(named("floor: hash map"), |bencher| {
        bencher.iter(|| stage.queries.iter().filter(|query| in_map(map, query).is_some()).count());
    });
    let hash = |query: &Query| {
        FoldedPath::new(&query.path).file_name().map_or(0, |name| xxh3_64(name.as_bytes()))
    };
    // Without the names of thousands of files: a match looks them up together with their folders.
    let telling = stage.queries.iter().filter(|query| !query.path.ends_with("/movie.mkv"));
    let hashes: Vec<u64> = telling.map(hash).collect();
    group.bench_function(named("index lookup"), |bencher| {
        let one = |&hash: &u64| stage.view.bucket(Index::Names, stage.state.id, hash).unwrap();
        bencher.iter(|| hashes.iter().filter_map(one).count());
    });
    group.bench_function(named("item read"), |bencher| {
        let one =
            |&n: &usize| stage.view.item(stage.state.id, RatingKey(n as u64 * 3 + 1)).unwrap();
        bencher.iter(|| stage.numbers.iter().filter_map(one).count());
    });
    let context = SectionContext::new(&stage.state, &stage.settings);
    group.bench_function(named("ceiling: match"), |bencher| {
        let one = |query: &&Query| {
            let found = match_one(&stage.view, stage.state.id, &context, query, Rules::Paths);
            matches!(found.unwrap().answer, Answer::Found(_))
        };
        bencher.iter(|| stage.queries.iter().filter(one).count());
    });
    group.finish();
}

/// Verified matches in a second, by number of threads. Floor: absent files, which need no item.
/// Ceiling: names of no movie, for which every reading is tried.
fn many(criterion: &mut Criterion, stage: &Stage<'_>, renamed: &[Query]) {
    let absent: Vec<Query> =
        stage.numbers.iter().map(|n| Query::new(format!("/mnt/x/nobody filmed {n}.mkv"))).collect();
    let unread = |n: &usize| {
        let name = format!("Nobody.Filmed.{}.Extended.{}.German.1080p", n % 9, 1930 + n % 95);
        Query::new(format!("/mnt/x/[grp] {name} - Part {n} [x264].mkv"))
    };
    let unread: Vec<Query> = stage.numbers.iter().map(unread).collect();
    let mut group = criterion.benchmark_group("match_all");
    group.sample_size(10);
    group.throughput(Throughput::Elements(BATCH as u64));
    for threads in [1, 2] {
        let pool = pool(threads);
        for (what, queries, rules) in [
            ("floor: absent", &absent[..], Rules::Paths),
            ("verified", &stage.queries, Rules::Paths),
            ("by title", renamed, Rules::All),
            ("ceiling: every reading", &unread, Rules::All),
        ] {
            let id = BenchmarkId::new(what, format!("{}/{threads} threads", size()));
            group.bench_function(id, |bencher| {
                bencher.iter(|| pool.install(|| stage.all(queries, rules)));
            });
        }
    }
    group.finish();
}

/// The time for files that all have one name, so that only folders tell them apart. Floor: the same
/// number of files with different names. Every tenth file of the section has this name: of a
/// million items, 100,000 files are called `movie.mkv`, and each is found.
fn crowd(criterion: &mut Criterion, stage: &Stage<'_>) {
    let mut group = criterion.benchmark_group("crowd");
    group.sample_size(10);
    let mut quickest_of = [Duration::ZERO; 2];
    let pool = pool(1);
    for (at, what) in ["floor: different names", "one name"].into_iter().enumerate() {
        let numbers: Vec<usize> = (0..size()).filter(|n| n % 10 == 1 - at).collect();
        let query = |n: &usize| Query::new(format!("/mnt/elsewhere/{}", below(*n)));
        let queries: Vec<Query> = numbers.iter().map(query).collect();
        stage.check_numbers(&queries, &numbers, Rules::Paths, Confidence::High);
        group.throughput(Throughput::Elements(queries.len() as u64));
        group.bench_function(BenchmarkId::new(what, queries.len()), |bencher| {
            bencher.iter(|| pool.install(|| stage.all(&queries, Rules::Paths).len()));
        });
        if let Some(slot) = quickest_of.get_mut(at) {
            *slot = quickest(3, || pool.install(|| stage.all(&queries, Rules::Paths).len()));
        }
    }
    group.finish();
    let [different, one] = quickest_of.map(|time| time.as_secs_f64());
    println!(
        "{} files of one name are matched at {:.2} times the speed of as many different \
              names",
        size() / 10,
        different / one
    );
}

/// The time from an existing file to its first verified match. Floor: only the opening.
fn opening(criterion: &mut Criterion, file: &Path, section: SectionId, query: &Query) {
    let mut group = criterion.benchmark_group("open");
    group.sample_size(10);
    let id = |what: &str| BenchmarkId::new(what, size());
    // Closing is not measured, but must come before the next opening.
    group.bench_function(id("floor: open"), |bencher| {
        bencher.iter_batched(|| (), |()| open(file), BatchSize::PerIteration);
    });
    group.bench_function(id("first verified match"), |bencher| {
        bencher.iter_batched(
            || (),
            |()| first_match(file, section, query),
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

fn first_match(file: &Path, section: SectionId, query: &Query) -> Store {
    let store = open(file);
    let view = store.view().unwrap();
    let state = view.section(section).unwrap().unwrap();
    let context = SectionContext::new(&state, &Settings::default());
    let decision = match_one(&view, section, &context, query, Rules::Paths).unwrap();
    assert!(matches!(decision.answer, Answer::Found(_)));
    drop(view);
    store
}

/// The items of a file name, in a hash map of folded names.
fn in_map<'a>(map: &'a HashMap<String, Vec<u64>>, query: &Query) -> Option<&'a Vec<u64>> {
    map.get(FoldedPath::new(&query.path).file_name()?)
}

/// Prints the time of one match, of the floor and of the linear scan.
fn ratios(stage: &Stage<'_>, map: &HashMap<String, Vec<u64>>) {
    let size = size();
    let library: Vec<(u64, String)> =
        (0..size).map(|n| (n as u64 * 3 + 1, format!("/data/films/{}", below(n)))).collect();
    let scanned = &stage.queries[..20.min(stage.queries.len())];
    let scan = quickest(1, || {
        scanned.iter().map(|query| naive::scan(&library, &query.path).len()).sum::<usize>()
    });
    let scan = scan.as_nanos() / scanned.len() as u128;
    let each = |time: Duration| time.as_nanos() / BATCH.min(size) as u128;
    let floor = each(quickest(5, || {
        stage.queries.iter().filter(|query| in_map(map, query).is_some()).count()
    }));
    for threads in [1, 2] {
        let pool = pool(threads);
        let ours =
            each(quickest(5, || pool.install(|| stage.all(&stage.queries, Rules::Paths).len())));
        println!(
            "{size} movies, {threads} threads: a verified match {ours} ns ({}/s); linear scan {scan} \
             ns, {} times as long; hash map in memory {floor} ns, one {}th of it",
            1_000_000_000 / ours,
            scan / ours,
            (ours / floor.max(1)).max(1),
        );
    }
}

/// Prints the bytes of the indexes for each item.
fn index_bytes(store: &Store, size: usize) {
    let tables = store.stats().unwrap().tables;
    let indexes = tables.iter().filter(|table| ["names", "guids", "titles"].contains(&table.name));
    let bytes: u64 = indexes.map(|table| table.bytes).sum();
    println!("{} bytes of indexes an item", bytes / size as u64);
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    folding(&mut criterion);
    keys(&mut criterion);
    let size = size();
    let (folder, section) = build(size);
    let file = folder.path().join("cache");
    let numbers = asked(size);
    let query = |n: &usize| Query::new(format!("/mnt/elsewhere/{}", below(*n)));
    let queries: Vec<Query> = numbers.iter().map(query).collect();
    opening(&mut criterion, &file, section, &queries[0]);

    let store = open(&file);
    let view = store.view().unwrap();
    let state = view.section(section).unwrap().unwrap();
    let asked = Stage { view, state, numbers, queries, settings: Settings::default() };
    let renamed = |n: &usize| {
        Query::new(format!(
            "/mnt/x/{}.{}.1080p.x264-GRP.mkv",
            title(*n).replace(' ', "."),
            year(*n)
        ))
    };
    let renamed: Vec<Query> = asked.numbers.iter().map(renamed).collect();
    asked.check(&asked.queries, Rules::Paths, Confidence::High);
    asked.check(&renamed, Rules::All, Confidence::Low);
    let mut map: HashMap<String, Vec<u64>> = HashMap::with_capacity(size);
    for n in 0..size {
        let path = FoldedPath::new(&below(n));
        map.entry(path.file_name().unwrap().to_owned()).or_default().push(n as u64 * 3 + 1);
    }
    one_by_one(&mut criterion, &asked, &map);
    many(&mut criterion, &asked, &renamed);
    crowd(&mut criterion, &asked);
    index_bytes(&store, size);
    ratios(&asked, &map);
    criterion.final_summary();
}
