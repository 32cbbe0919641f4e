//! A corpus of queries with known answers. It has as many cases as requested for each named way in
//! which a local file may differ from the server's.
//!
//! The library has a section of real movie titles with additional movies that are hard to match,
//! and a section of episodes.

mod named;
mod verdict;

use icu_normalizer::DecomposingNormalizerBorrowed;

use serde::Serialize;
pub use verdict::{Line, Tally, report};

use crate::generate::{LibraryKind, Spec, episodes, file_safe, generate, media, movie};
use crate::library::{Item, Library};
use crate::queries::TruthQuery;
use crate::random::Random;

/// The folder of the corpus's files, as the client sees it.
const MOUNT: &str = "/mnt/elsewhere";

/// The part of a file's place and name that a distortion keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Survives {
    /// The path below the section's folder, in another spelling.
    Path,
    /// The file name.
    FileName,
    /// Title and year, in a common style.
    TitleYear,
    /// Less than that. Finding nothing is not a fault.
    Little,
    /// The file is not in the library.
    Absent,
}

/// A query and its right answer.
#[derive(Debug, Clone)]
pub struct Case {
    /// The distortion's name.
    pub distortion: &'static str,
    /// The part of the file's place and name that it keeps.
    pub survives: Survives,
    /// The query; its `expect` is not used.
    pub query: TruthQuery,
    /// The right rating keys. Empty if the file is not in the library.
    pub right: Vec<u64>,
    /// The item is in the trash, so high confidence is wrong.
    pub trashed: bool,
}

/// A case with only a path.
fn case(distortion: &'static str, survives: Survives, path: String, right: Vec<u64>) -> Case {
    Case { distortion, survives, query: TruthQuery::new(path, None), right, trashed: false }
}

/// A movie that the distortions start from.
struct Source {
    key: u64,
    title: String,
    year: u16,
    /// The path below the section's folder.
    below: String,
    item: Item,
}

impl Source {
    fn file(&self) -> &str {
        self.below.rsplit('/').next().unwrap()
    }

    fn dotted(&self) -> String {
        file_safe(&self.title).replace(' ', ".")
    }

    /// Whether the file has the name of the movie.
    fn named(&self) -> bool {
        let squash = |text: &str| -> String {
            text.to_lowercase().chars().filter(|letter| letter.is_alphanumeric()).collect()
        };
        squash(self.file()).starts_with(&squash(&self.title)) && squash(&self.title).len() > 2
    }
}

/// A distortion: its name, what it keeps, and how it makes a query. The query is `None` if the
/// distortion does not apply.
type Distortion = (&'static str, Survives, fn(&Source, &mut Random) -> Option<TruthQuery>);

#[expect(clippy::unnecessary_wraps, reason = "what a distortion returns")]
fn at(path: String) -> Option<TruthQuery> {
    Some(TruthQuery::new(path, None))
}

/// Distortions of any movie.
const OF_MOVIES: [Distortion; 22] = [
    ("other prefix", Survives::Path, |s, _| at(format!("/volume1/media/{}", s.below))),
    ("upper case", Survives::Path, |s, _| at(format!("{MOUNT}/{}", s.below.to_uppercase()))),
    ("drive letter", Survives::Path, |s, _| at(windows(r"P:\Movies\", s))),
    ("long Windows path", Survives::Path, |s, _| at(windows(r"\\?\P:\Movies\", s))),
    ("network share", Survives::Path, |s, _| at(windows(r"\\nas\movies\", s))),
    ("decomposed letters", Survives::Path, |s, _| {
        let nfd = DecomposingNormalizerBorrowed::new_nfd().normalize(&s.below).into_owned();
        (!s.below.is_ascii()).then(|| TruthQuery::new(format!("{MOUNT}/{nfd}"), None))
    }),
    ("dot segments, double slashes", Survives::Path, |s, _| {
        at(format!("{MOUNT}//x/../{}", s.below.replace('/', "/.//")))
    }),
    ("renamed folder", Survives::FileName, |s, random| {
        let quality = random.pick(&["1080p.WEB-DL", "720p.BluRay.x264", "2160p.REMUX"]);
        let folder = format!("{}.{}.{quality}", s.dotted(), s.year);
        s.named().then(|| TruthQuery::new(format!("{MOUNT}/{folder}/{}", s.file()), None))
    }),
    ("no folder", Survives::FileName, |s, _| {
        s.named().then(|| TruthQuery::new(format!("{MOUNT}/{}", s.file()), None))
    }),
    ("scene release", Survives::TitleYear, |s, random| at(scene(s, s.year, random))),
    ("Plex naming", Survives::TitleYear, |s, _| {
        let name = file_safe(&format!("{} ({})", s.title, s.year));
        at(format!("{MOUNT}/new/{name}/{name} [1080p].mp4"))
    }),
    ("underscores", Survives::TitleYear, |s, _| {
        at(format!("{MOUNT}/{}_({})_x265_10bit.mkv", file_safe(&s.title).replace(' ', "_"), s.year))
    }),
    ("edition tag", Survives::TitleYear, |s, _| {
        let title = file_safe(&s.title);
        at(format!("{MOUNT}/{title} ({}) {{edition-Director's Cut}}.mkv", s.year))
    }),
    ("split in two", Survives::TitleYear, |s, random| {
        at(format!("{MOUNT}/{}.{}.cd{}.avi", s.dotted(), s.year, 1 + random.below(2)))
    }),
    ("leading article moved", Survives::TitleYear, |s, _| {
        let title = s.title.strip_prefix("The ")?;
        at(format!("{MOUNT}/{}, The ({}) 720p.mkv", file_safe(title), s.year))
    }),
    ("punctuation dropped", Survives::TitleYear, |s, _| {
        let plain: String =
            s.title.chars().filter(|letter| letter.is_alphanumeric() || *letter == ' ').collect();
        let marks = s.title.chars().any(|letter| matches!(letter, ':' | ',' | '.' | '!' | '?'));
        marks.then(|| TruthQuery::new(format!("{MOUNT}/{plain} {} 1080p.mkv", s.year), None))
    }),
    ("year missing", Survives::Little, |s, _| {
        at(format!("{MOUNT}/{}.1080p.BluRay.x264-GRP.mp4", s.dotted()))
    }),
    ("year off by one", Survives::Little, |s, random| {
        let year = if random.once_in(2) { s.year + 1 } else { s.year - 1 };
        at(scene(s, year, random))
    }),
    ("letter missing", Survives::Little, |s, random| {
        let mut letters: Vec<char> = s.dotted().chars().collect();
        (letters.len() > 8).then(|| letters.remove(2 + random.below(letters.len() - 4)))?;
        let title: String = letters.into_iter().collect();
        at(format!("{MOUNT}/{title}.{}.720p.HDTV.mkv", s.year))
    }),
    ("renamed, guid known", Survives::Little, |s, random| {
        let path = format!("{MOUNT}/rip/{:08x}.mkv", random.below(1 << 32));
        let mut asked = TruthQuery::new(path, None);
        asked.guids = s.item.guids[..1].to_vec();
        Some(asked)
    }),
    ("remake of another year", Survives::Absent, |s, _| {
        let year = if s.year > 1980 { s.year - 25 } else { s.year + 25 };
        let folder = file_safe(&format!("{} ({year})", s.title));
        at(format!("{MOUNT}/{folder}/{}.mkv", file_safe(&s.title)))
    }),
    ("not there", Survives::Absent, |_, random| {
        let name = format!("Nobody Filmed {} ({})", random.below(1 << 30), 1950 + random.below(70));
        at(format!("{MOUNT}/{name}/{name}.mkv"))
    }),
];

fn windows(root: &str, source: &Source) -> String {
    format!("{root}{}", source.below.replace('/', r"\"))
}

fn scene(source: &Source, year: u16, random: &mut Random) -> String {
    let quality = random.pick(&[
        "1080p.BluRay.x264-GRP",
        "720p.WEB-DL.DD5.1.H264-TLA",
        "2160p.UHD.BluRay.x265.HDR-ABC",
        "DVDRip.XviD-OLD",
        "1080p.HDTV.x264-XYZ",
    ]);
    let name = format!("{}.{year}.{quality}", source.dotted());
    format!("{MOUNT}/incoming/{name}/{name}.mkv")
}

/// The names of two distortions, and the title of the `n`th movie.
type Hard = (&'static str, &'static str, fn(usize) -> String);

/// Movies that are hard to match. The queries ask for each file as it is, and renamed.
const HARD: [Hard; 7] = [
    ("quality word in title", "the same, renamed", |n| {
        let words = ["Adventure Park", "The Webmaster", "DVDRip Queen", "Hdrama", "Bluray Moon"];
        format!("{} {n}", words[n % words.len()])
    }),
    ("accents", "accents, renamed", |n| format!("Le Fabuleux Destin d'Am\u{e9}lie {n}")),
    ("emoji", "emoji, renamed", |n| format!("\u{1f3ac} Night \u{1f680} {n}")),
    ("right to left", "right to left, renamed", |n| {
        format!("\u{627}\u{644}\u{631}\u{633}\u{627}\u{644}\u{629} {n}")
    }),
    ("numbers in title", "numbers, renamed", |n| format!("Blade Runner {}", 2_049 + n)),
    ("255 bytes", "255 bytes, renamed", |n| format!("{} {n}", "Endless ".repeat(28).trim_end())),
    ("ideographs", "ideographs, renamed", |n| format!("\u{5343}\u{3068}\u{5343}\u{5c0b} {n}")),
];

/// Makes a library and the cases, about `each` of every distortion.
pub fn corpus(each: usize, seed: u64) -> (Library, Vec<Case>) {
    let mut library = generate(&Spec { seed, items: 4 * each, kind: LibraryKind::Movies });
    let mut random = Random::new(seed ^ 0xc0_4905);
    let root = library.sections[0].locations[0].1.clone();
    let mut cases = hard(&mut library, &root, each, &mut random);
    cases.extend(twins(&mut library, &root, each, &mut random));
    let sources = sources(&library, &root);
    for (distortion, survives, make) in OF_MOVIES {
        let made = sources.iter().cycle().skip(random.below(sources.len())).take(sources.len());
        let queries = made.filter_map(|source| Some((source, make(source, &mut random)?)));
        let absent = survives == Survives::Absent;
        cases.extend(queries.take(each).map(|(source, query)| Case {
            distortion,
            survives,
            query,
            right: if absent { Vec::new() } else { vec![source.key] },
            trashed: false,
        }));
    }
    cases.extend(named::cases(&mut library, each, &mut random));
    episodes(&mut library, 12 * each, &mut random);
    cases.extend(of_episodes(&library, each));
    (library, cases)
}

/// The movies from which distortions start: not in the trash, with one file and a year.
fn sources(library: &Library, root: &str) -> Vec<Source> {
    let items = library.sections[0].items().iter();
    items
        .filter(|item| item.deleted_at.is_none() && item.media[0].parts.len() == 1)
        .filter_map(|item| {
            let below = item.media[0].parts[0].file.strip_prefix(root)?.trim_start_matches('/');
            Some(Source {
                key: item.rating_key,
                title: item.title.clone(),
                year: item.year?,
                below: below.to_owned(),
                item: item.clone(),
            })
        })
        .collect()
}

fn hard(library: &mut Library, root: &str, each: usize, random: &mut Random) -> Vec<Case> {
    let mut cases = Vec::new();
    for (as_it_is, renamed, title) in HARD {
        for n in 0..each {
            let (title, year) = (title(n), 1960 + u16::try_from(n % 60).unwrap());
            let name = file_safe(&format!("{title} ({year})"));
            let below = format!("{name}/{name}.mkv");
            let item = movie(&title, year, vec![format!("{root}/{below}")], random);
            let key = library.put_item(0, item.clone());
            let source = Source { key, title, year, below, item };
            let path = format!("{MOUNT}/{}", source.below);
            cases.push(case(as_it_is, Survives::Path, path, vec![key]));
            let path = scene(&source, year, random);
            cases.push(case(renamed, Survives::TitleYear, path, vec![key]));
        }
    }
    cases
}

/// Files that only their folders tell apart, items without a title, and items in the trash.
fn twins(library: &mut Library, root: &str, each: usize, random: &mut Random) -> Vec<Case> {
    let mut cases = Vec::new();
    let add = |library: &mut Library, title: &str, below: &str, random: &mut Random| {
        let mut item = movie(title, 2_000, vec![format!("{root}/{below}")], random);
        item.year = None;
        item.guids.clear();
        library.put_item(0, item)
    };
    for n in 0..each {
        let (one, two) = (format!("Garden {n}/party {n}.mp4"), format!("Lake {n}/party {n}.mp4"));
        let keys = [&one, &two].map(|below| add(library, "party", below, random));
        let first = format!("{MOUNT}/{one}");
        cases.push(case("same name in two folders", Survives::Path, first, keys[..1].to_vec()));
        let third = format!("{MOUNT}/Forest {n}/party {n}.mp4");
        cases.push(case("same name, third folder", Survives::Absent, third, Vec::new()));
        let pilot = format!("Aunt {n}/Season 1/Wedding speech {n}.mp4");
        add(library, "speech", &pilot, random);
        let other = format!("{MOUNT}/Uncle {n}/Season 1/Wedding speech {n}.mp4");
        cases.push(case("other show, same season and name", Survives::Absent, other, Vec::new()));
        let untitled = format!("Untitled things/thing number {n}.mkv");
        let key = add(library, "", &untitled, random);
        let path = format!("{MOUNT}/{untitled}");
        cases.push(case("empty title", Survives::Path, path, vec![key]));
        let trashed = format!("Attic/forgotten box {n}.mkv");
        let key = add(library, "box", &trashed, random);
        library.trash_item(0, key);
        let path = format!("{MOUNT}/{trashed}");
        let in_trash = case("in the trash", Survives::Path, path, vec![key]);
        cases.push(Case { trashed: true, ..in_trash });
        let parts: Vec<String> =
            (1..=2).map(|cd| format!("Long evening {n}/long evening {n} - cd{cd}.avi")).collect();
        let mut item = movie("evening", 2_000, vec!["x".to_owned()], random);
        item.media =
            vec![media(parts.iter().map(|part| format!("{root}/{part}")).collect(), 90, random)];
        let key = library.put_item(0, item);
        let path = format!("{MOUNT}/{}", parts[n % 2]);
        cases.push(case("multi-part", Survives::Path, path, vec![key]));
    }
    cases
}

/// Cases of episodes, with the files as they are and renamed.
fn of_episodes(library: &Library, each: usize) -> Vec<Case> {
    let section = library.sections.last().unwrap();
    let mut cases = Vec::new();
    let (mut plain, mut multiple, mut renamed) = (0, 0, 0);
    for item in section.items() {
        let file = &item.media[0].parts[0].file;
        let holds = |other: &&Item| other.media[0].parts[0].file == *file;
        let below = file.strip_prefix(&section.locations[0].1).unwrap();
        let double = below.contains("-E");
        let right: Vec<u64> = if double {
            section.items().iter().filter(holds).map(|other| other.rating_key).collect()
        } else {
            vec![item.rating_key]
        };
        if double && multiple < each {
            multiple += 1;
            let path = format!("/mnt/tv{below}");
            cases.push(case("several episodes in one file", Survives::Path, path, right));
        } else if !double && plain < each {
            plain += 1;
            cases.push(case("episode", Survives::Path, format!("/mnt/tv{below}"), right));
        } else if !double && renamed < each && item.index.is_some_and(|index| index % 3 == 0) {
            renamed += 1;
            let show = file_safe(item.grandparent_title.as_ref().unwrap()).replace(' ', ".");
            let (season, number) = (item.parent_index.unwrap(), item.index.unwrap());
            let name = format!("{show}.S{season:02}E{number:02}.720p.HDTV.x264-GRP");
            let path = format!("/mnt/new/{name}.mkv");
            cases.push(case("episode, renamed", Survives::Little, path, right));
        }
    }
    cases
}
