//! Tests that a remembered answer which counts as valid equals the answer that would be computed
//! now, whatever was added, removed or changed in the section in between.

use cache_store::{CachedItem, CachedPart, MatchRecord};
use plex_api::RatingKey;

use crate::answer::Answer;
use crate::engine::remembered::{from_record, to_record};
use crate::evidence::Source;
use crate::matcher::one::match_one;
use crate::query::Query;
use crate::rules::Rules;
use crate::rules::candidates::SectionContext;
use crate::settings::Settings;
use crate::testing::{NOW, OneSection, movie};

// There are few of each, so that equal ones are frequent.
const TITLES: [&str; 5] = ["Alien", "Aliens", "Heat", "The Thing", "Thing"];
const NAMES: [&str; 5] =
    ["movie.mkv", "Alien.mkv", "Heat (1995).mkv", "cd1.avi", "The Thing 1982.mkv"];
const FOLDERS: [&str; 4] = ["Alien (1979)", "Heat (1995)", "a", "The Thing (1982)"];
const GUIDS: [&str; 4] = ["imdb://tt1", "imdb://tt2", "tmdb://3", "tmdb://4"];
const YEARS: [Option<u16>; 4] = [None, Some(1979), Some(1982), Some(1995)];

/// Random-looking numbers that are the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap() % below
    }

    fn pick<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.roll(all.len())]
    }

    fn file(&mut self, root: &str) -> String {
        format!("{root}/{}/{}", self.pick(&FOLDERS), self.pick(&NAMES))
    }

    fn size(&mut self) -> Option<u64> {
        self.pick(&[None, Some(1_000_000_000), Some(1_000_000_001)])
    }

    fn duration(&mut self) -> Option<u64> {
        self.pick(&[None, Some(6_000_000), Some(6_600_000)])
    }

    fn guids(&mut self) -> Vec<String> {
        (0..self.roll(3)).map(|_| self.pick(&GUIDS).to_owned()).collect()
    }

    fn item(&mut self, key: u64) -> CachedItem {
        let parts = (0..=self.roll(2)).map(|version| CachedPart {
            id: None,
            version: u16::try_from(version).unwrap(),
            file: self.file("/data/films"),
            size: self.size(),
            duration_ms: self.duration(),
            stamp: None,
            optimized: self.roll(6) == 0,
        });
        let parts = parts.collect();
        let guids = self.guids();
        let trashed = self.roll(8) == 0;
        let title = self.pick(&TITLES);
        CachedItem { guids, trashed, parts, ..movie(key, title, self.pick(&YEARS), "") }
    }

    fn query(&mut self) -> Query {
        let root = self.pick(&["/data/films", "/mnt"]);
        Query {
            size: self.size(),
            duration_ms: self.duration(),
            title: self.pick(&[None, Some("Alien"), Some("Heat")]).map(str::to_owned),
            year: self.pick(&YEARS),
            guids: self.guids(),
            ..Query::new(self.file(root).as_str())
        }
    }

    /// Makes one or two changes to the items.
    fn change(&mut self, items: &mut Vec<CachedItem>) {
        for _ in 0..=self.roll(2) {
            let at = self.roll(items.len());
            let key = items[at].rating_key;
            let other = self.item(key.0);
            match self.roll(8) {
                0 | 1 if items.len() > 1 => drop(items.remove(at)),
                2 | 3 => {
                    let next = items.iter().map(|item| item.rating_key.0).max().unwrap_or(0) + 1;
                    items.push(CachedItem { rating_key: RatingKey(next), ..other });
                }
                4 => items[at].guids = other.guids,
                5 => items[at].parts = other.parts,
                6 => items[at].trashed = other.trashed,
                _ => items[at] = other,
            }
        }
    }
}

/// The content of an answer, without its source.
fn content(mut answer: Answer) -> Answer {
    if let Answer::Found(found) = &mut answer {
        found.evidence.source = Source::Index;
    }
    answer
}

#[test]
fn what_is_held_is_what_would_be_computed() {
    let mut outlived = 0;
    for (seed, rules) in (1..=6).flat_map(|seed| [(seed, Rules::Paths), (seed, Rules::All)]) {
        let mut dice = Dice(0x9E37_79B9_7F4A_7C15_u64.wrapping_mul(seed));
        let mut one = OneSection::new();
        let mut items: Vec<CachedItem> = (1..=8).map(|key| dice.item(key)).collect();
        one.list(items.clone());
        for _ in 0..4 {
            let queries: Vec<Query> = (0..40).map(|_| dice.query()).collect();
            let settings = Settings { trust_titles: dice.roll(2) == 0, ..Settings::default() };
            let decide = |one: &OneSection| {
                let context = SectionContext::new(&one.state(), &settings);
                let view = one.store.view().unwrap();
                let decide = |query| match_one(&view, one.section, &context, query, rules).unwrap();
                queries.iter().map(decide).collect::<Vec<_>>()
            };
            let revision = one.state().revision;
            let decided = decide(&one);
            let records: Vec<Option<MatchRecord>> =
                decided.iter().map(|made| to_record(made, rules, revision, NOW)).collect();
            dice.change(&mut items);
            one.list(items.clone());
            let hold = one.store.view().unwrap().hold(&one.state(), &records).unwrap();
            let now = decide(&one);
            for (((holds, record), now), query) in hold.iter().zip(&records).zip(now).zip(&queries)
            {
                let Some(was) = record.as_ref().and_then(from_record).filter(|_| *holds) else {
                    continue;
                };
                outlived += 1;
                assert_eq!(content(was), content(now.answer), "{rules:?}, seed {seed}: {query:?}");
            }
        }
    }
    assert!(outlived > 200, "{outlived} of 1,920 answers outlived a change");
}
