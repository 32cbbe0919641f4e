//! Properties that hold for any library, any queries and any changes. They are tested with a store
//! on disk. The library has few names, so that names collide.

use std::collections::BTreeMap;
use std::sync::Arc;

use cache_store::{CachedItem, Policy};
use plex_api::{Client, Clock, Config, RatingKey, Token};
use proptest::prelude::*;

use crate::answer::Answer;
use crate::engine::pass::{Known, Pass, Passed};
use crate::engine::progress::Teller;
use crate::evidence::{Rule, Source};
use crate::matcher::key::match_key;
use crate::matcher::many::match_all;
use crate::matcher::one::match_one;
use crate::query::Query;
use crate::rules::Rules;
use crate::rules::candidates::SectionContext;
use crate::settings::Settings;
use crate::testing::{NOW, OneSection, movie};

type Library = BTreeMap<u64, CachedItem>;

const TITLES: [&str; 5] = ["Heat", "The Thing", "Alien", "Aliens", "Lord of the Rings"];
const FOLDERS: [&str; 5] = ["Heat (1995)", "The Thing (1982)", "new", "Kids", "Lord of teh Rings"];
const FILES: [&str; 6] =
    ["heat.mkv", "The.Thing.1982.mkv", "movie.mkv", "Alien (1979).mkv", "x 2010.mkv", "IMG_1.mp4"];
const GUIDS: [&str; 3] = ["imdb://tt1", "imdb://tt2", "tmdb://1"];

fn years() -> impl Strategy<Value = Option<u16>> {
    proptest::option::of(prop_oneof![Just(1979), Just(1982), Just(1983), Just(1995)])
}

fn guids() -> impl Strategy<Value = Vec<String>> {
    proptest::collection::vec(proptest::sample::select(&GUIDS[..]).prop_map(str::to_owned), 0..2)
}

fn below() -> impl Strategy<Value = String> {
    let (folder, file) =
        (proptest::sample::select(&FOLDERS[..]), proptest::sample::select(&FILES[..]));
    (folder, file).prop_map(|(folder, file)| format!("{folder}/{file}"))
}

fn item() -> impl Strategy<Value = CachedItem> {
    let title = proptest::sample::select(&TITLES[..]);
    let rest = (proptest::option::of(1_u64..3), proptest::bool::weighted(0.1));
    (title, years(), below(), guids(), rest).prop_map(|(title, year, below, guids, rest)| {
        let mut item = movie(0, title, year, &format!("/data/films/{below}"));
        item.parts[0].size = rest.0.map(|size| size << 30);
        CachedItem { guids, trashed: rest.1, ..item }
    })
}

fn library() -> impl Strategy<Value = Library> {
    proptest::collection::btree_map(1_u64..12, item(), 0..10).prop_map(|mut library| {
        for (key, item) in &mut library {
            item.rating_key = RatingKey(*key);
        }
        library
    })
}

fn query() -> impl Strategy<Value = Query> {
    let root = proptest::sample::select(&["/mnt/a", "/data/films", r"P:\Films"][..]);
    let title = proptest::option::of(proptest::sample::select(&TITLES[..]));
    let size = proptest::option::of(1_u64..3);
    (root, below(), title, years(), guids(), size).prop_map(
        |(root, below, title, year, guids, size)| Query {
            title: title.map(str::to_owned),
            year,
            guids,
            size: size.map(|size| size << 30),
            ..Query::new(format!("{root}/{below}"))
        },
    )
}

fn queries() -> impl Strategy<Value = Vec<Query>> {
    proptest::collection::vec(query(), 1..12)
}

/// Does what an engine does with one section, without a server.
struct Reader {
    queries: Arc<Vec<Query>>,
    settings: Arc<Settings>,
    progress: Teller,
    waits: Arc<()>,
}

impl Reader {
    fn new(queries: Vec<Query>) -> Self {
        let client = Client::new(Config::new("http://127.0.0.1:9", Token::new("none"))).unwrap();
        let progress = Teller::new(None, client, Clock::system());
        Self { queries: Arc::new(queries), settings: Arc::default(), progress, waits: Arc::new(()) }
    }

    fn asks(&self, cache: &OneSection, asked: Vec<usize>, rules: Rules) -> Pass {
        let keys = self.queries.iter().map(|query| match_key(query, &self.settings));
        Pass {
            store: Arc::clone(&cache.store),
            settings: Arc::clone(&self.settings),
            policy: Policy::default(),
            clock: Clock::manual(NOW),
            queries: Arc::clone(&self.queries),
            keys: Arc::new(keys.collect()),
            section: cache.section,
            asked,
            rules,
            known: Known::default(),
            stale: false,
            progress: self.progress.clone(),
            asker: Arc::downgrade(&self.waits),
        }
    }

    fn pass(&self, cache: &OneSection, asked: Vec<usize>, rules: Rules) -> Passed {
        let passed = self.asks(cache, asked, rules).run().unwrap();
        assert!(!passed.damaged && passed.unproven.is_empty() && passed.doubtful.is_empty());
        passed
    }

    /// The answers, and how many lookups of the first pass were answered from memory.
    fn answers(&self, cache: &OneSection) -> (Vec<Answer>, u64) {
        let mut answers = vec![Answer::Absent; self.queries.len()];
        let first = self.pass(cache, (0..answers.len()).collect(), Rules::Paths);
        let remembered = first.lookups.remembered;
        for (at, answer) in first.answers {
            answers[at] = answer;
        }
        let found = |at: &usize| matches!(answers[*at], Answer::Found(_));
        let open = (0..answers.len()).filter(|at| !found(at)).collect();
        for (at, answer) in self.pass(cache, open, Rules::All).answers {
            answers[at] = answer;
        }
        (answers, remembered)
    }

    /// The same answers, computed only from the indexes.
    fn fresh(&self, cache: &OneSection) -> Vec<Answer> {
        let view = cache.store.view().unwrap();
        let context = SectionContext::new(&cache.state(), &self.settings);
        let one =
            |query, rules| match_one(&view, cache.section, &context, query, rules).unwrap().answer;
        let by_path = self.queries.iter().map(|query| (query, one(query, Rules::Paths)));
        by_path
            .map(|(query, answer)| match answer {
                Answer::Found(_) => answer,
                _ => one(query, Rules::All),
            })
            .collect()
    }
}

/// The answers without their source.
fn told(answers: &[Answer]) -> Vec<Answer> {
    let mut answers = answers.to_vec();
    for answer in &mut answers {
        if let Answer::Found(found) = answer {
            found.evidence.source = Source::Index;
        }
    }
    answers
}

/// An item that resembles nothing in [`library`].
fn unrelated() -> CachedItem {
    movie(99, "Zardoz", Some(1974), "/data/films/Zardoz (1974)/Zardoz (1974).mkv")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    /// A second item with the same file name, an item that goes, a title that is edited: whatever
    /// happens, the remembered answers equal the computed ones.
    #[test]
    fn remembered_answers_are_those_computed_anew(
        steps in proptest::collection::vec(library(), 2..5),
        queries in queries(),
    ) {
        let (mut cache, reader) = (OneSection::new(), Reader::new(queries));
        for library in steps {
            cache.list(library.into_values());
            let fresh = reader.fresh(&cache);
            prop_assert_eq!(told(&reader.answers(&cache).0), fresh.clone());
            let (again, remembered) = reader.answers(&cache);
            prop_assert_eq!(told(&again), fresh);
            prop_assert_eq!(remembered, again.len() as u64, "nothing is computed twice");
        }
    }

    #[test]
    fn one_more_item_of_a_name_ends_what_was_unique(
        mut library in library(),
        twin in item(),
        mut queries in queries(),
    ) {
        let file = twin.parts[0].file.replace("/data/films", "/mnt/a");
        queries.push(Query::new(file));
        let (mut cache, reader) = (OneSection::new(), Reader::new(queries));
        cache.list(library.clone().into_values());
        reader.answers(&cache);
        library.insert(50, CachedItem { rating_key: RatingKey(50), ..twin });
        cache.list(library.into_values());
        prop_assert_eq!(told(&reader.answers(&cache).0), reader.fresh(&cache));
    }

    #[test]
    fn an_unrelated_item_ends_no_answer_that_names_an_item(
        mut library in library(),
        queries in queries(),
    ) {
        let (mut cache, reader) = (OneSection::new(), Reader::new(queries));
        cache.list(library.clone().into_values());
        let (before, _) = reader.answers(&cache);
        library.insert(99, unrelated());
        cache.list(library.into_values());
        let (after, _) = reader.answers(&cache);
        prop_assert_eq!(told(&after), told(&before));
        for (before, after) in before.iter().zip(&after) {
            let Answer::Found(found) = before else { continue };
            let Answer::Found(still) = after else { unreachable!("equal, as told") };
            // A low answer by name is checked again, and an answer by a similar title depends on
            // all titles.
            let low = before.kind() == "found" && found.confidence == crate::Confidence::Low;
            if found.evidence.rule == Rule::FuzzyTitle || low && found.evidence.rule == Rule::FileName {
                continue;
            }
            prop_assert_eq!(still.evidence.source, Source::Remembered, "{:?}", still);
        }
    }

    #[test]
    fn order_is_nothing(library in library(), queries in queries()) {
        let (mut there, mut back) = (OneSection::new(), OneSection::new());
        there.list(library.clone().into_values());
        back.list(library.into_values().rev());
        let decided = |cache: &OneSection, queries: &[&Query]| {
            let view = cache.store.view().unwrap();
            match_all(&view, &cache.state(), queries, &Settings::default(), Rules::All).unwrap()
        };
        let mut asked: Vec<&Query> = queries.iter().collect();
        let forwards = decided(&there, &asked);
        prop_assert_eq!(&decided(&back, &asked), &forwards);
        asked.reverse();
        let mut backwards = decided(&there, &asked);
        backwards.reverse();
        prop_assert_eq!(backwards, forwards);
    }

    #[test]
    fn no_input_panics(
        library in library(),
        paths in proptest::collection::vec((any::<String>(), any::<String>(), years()), 1..8),
    ) {
        let mut cache = OneSection::new();
        let odd = paths.iter().zip(100..).map(|((path, title, year), key)| {
            movie(key, title, *year, path)
        });
        cache.list(library.into_values().chain(odd));
        let queries = paths.iter().flat_map(|(path, title, year)| {
            let plain = Query::new(path.clone());
            let full = Query { title: Some(title.clone()), year: *year, ..Query::new(title.clone()) };
            [plain, Query { guids: vec![path.clone()], ..full }]
        });
        let reader = Reader::new(queries.collect());
        prop_assert_eq!(told(&reader.answers(&cache).0), reader.fresh(&cache));
    }
}

#[test]
fn a_pass_that_nobody_waits_for_stops_and_remembers_nothing() {
    let mut cache = OneSection::new();
    cache.list([movie(1, "Heat", Some(1995), "/data/films/Heat (1995)/heat.mkv")]);
    let reader = Reader::new(vec![Query::new("/mnt/a/Heat (1995)/heat.mkv")]);
    let abandoned =
        Pass { asker: std::sync::Weak::new(), ..reader.asks(&cache, vec![0], Rules::Paths) };
    abandoned.run().unwrap();
    let passed = reader.pass(&cache, vec![0], Rules::Paths);
    assert_eq!((passed.lookups.remembered, passed.lookups.computed), (0, 1));
}

proptest! {
    #[test]
    fn keys_agree_with_folding(left in path(), right in path()) {
        let settings = Settings::default();
        let key = |path: &str| match_key(&Query::new(path), &settings);
        let folded = |path: &str| crate::FoldedPath::new(path);
        prop_assert_eq!(key(&left) == key(&right), folded(&left) == folded(&right));
        let other = left.replace('/', r"\").to_uppercase();
        prop_assert_eq!(key(&left) == key(&other), folded(&left) == folded(&other));
    }

    #[test]
    fn folding_twice_is_folding_once(text in any::<String>(), path in path()) {
        let once = crate::fold(&text);
        prop_assert_eq!(crate::fold(&once), once.clone());
        let title = crate::fold_title(&text);
        prop_assert_eq!(crate::fold_title(&title), title.clone());
        for path in [&text, &path] {
            let folded = crate::FoldedPath::new(path);
            prop_assert_eq!(&crate::FoldedPath::new(folded.as_str()), &folded);
        }
    }
}

/// Paths of few components, so that some are equal.
fn path() -> impl Strategy<Value = String> {
    let pieces = ["a", "A", "\u{e4}", "a\u{308}", ".", "..", "b. ", "", "C:", "?", "UNC"];
    let component = proptest::sample::select(pieces.to_vec());
    let separator = proptest::sample::select(vec!["/", r"\"]);
    proptest::collection::vec((separator, component), 0..5).prop_map(|pieces| {
        pieces.into_iter().flat_map(|(separator, name)| [separator, name]).collect()
    })
}
