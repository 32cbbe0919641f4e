//! Names with data that no row of an episode has: the show's original title, year or id.

use serde_json::json;

use super::{dotted, title};
use crate::corpus::{Case, Survives, case};
use crate::generate::movie;
use crate::library::{Item, Library, SectionKind};
use crate::random::Random;

const FIRST: [&str; 23] = [
    "Alder", "Basalt", "Copper", "Dover", "Elm", "Flint", "Granite", "Hazel", "Iris", "Jasper",
    "Kelp", "Larch", "Maple", "Nickel", "Onyx", "Poplar", "Quince", "Rowan", "Slate", "Teak",
    "Umbra", "Viola", "Walnut",
];
const SECOND: [&str; 19] = [
    "Archive",
    "Bakery",
    "Chapel",
    "Depot",
    "Embassy",
    "Foundry",
    "Gallery",
    "Hospital",
    "Institute",
    "Jetty",
    "Kiosk",
    "Library",
    "Mansion",
    "Nursery",
    "Observatory",
    "Pavilion",
    "Refinery",
    "Station",
    "Tannery",
];
const THIRD: [&str; 5] = ["Nights", "Stories", "Files", "Affairs", "Returns"];

use Survives::{Absent, TitleYear};

/// A show, and the second episode of its first season.
struct Known {
    title: String,
    original: String,
    year: u16,
    id: u64,
    key: u64,
}

type Form = (&'static str, Survives, fn(&Known, &Known) -> String);

/// Forms of names for the first of two shows with one title.
const FORMS: [Form; 14] = [
    ("original title", TitleYear, |s, _| format!("/dl/{}.S01E02.720p.mkv", dotted(&s.original))),
    ("original title in a folder", TitleYear, |s, _| {
        format!("/tv/{}/Season 1/1x02 of 4.mkv", s.original)
    }),
    ("original title and year", TitleYear, |s, _| {
        format!("/tv/{} ({})/Season 1/{} - 1x02.mkv", s.original, s.year, s.original)
    }),
    ("original title, a number it has not", Absent, |s, _| {
        format!("/dl/{}.S01E31.720p.mkv", dotted(&s.original))
    }),
    ("year that only the show has", TitleYear, |s, _| {
        format!("/dl/{}.{}.S01E02.1080p.WEB.mkv", dotted(&s.title), s.year)
    }),
    ("year that only the show has, in brackets", TitleYear, |s, _| {
        format!("/dl/{} ({}) - S01E02 - Guests.mkv", s.title, s.year)
    }),
    ("year that only the folder says", TitleYear, |s, _| {
        format!("/tv/{} ({})/Season 01/{} - S01E02.mkv", s.title, s.year, s.title)
    }),
    ("year of no show of the title", Absent, |s, _| {
        format!("/dl/{}.{}.S01E02.1080p.WEB.mkv", dotted(&s.title), s.year - 20)
    }),
    ("id of a show in a folder", TitleYear, |s, _| {
        format!("/tv/{} {{tvdb-{}}}/Season 1/{} - S01E02.mkv", s.title, s.id, s.title)
    }),
    ("id of a show, square brackets", TitleYear, |s, _| {
        format!("/tv/{} [tmdbid-{}]/Season 1/1x02.mkv", s.title, s.id + 1)
    }),
    ("id of a show, IMDb", TitleYear, |s, _| {
        format!("/tv/{} [imdbid-tt{:08}]/Season 01/E02.mkv", s.title, s.id)
    }),
    ("id of a show whose title is another", TitleYear, |s, _| {
        format!("/tv/Unheard Of {{tvdb-{}}}/Season 1/1x02 of 4.mkv", s.id)
    }),
    ("id of no show", Absent, |s, _| {
        format!("/tv/{} {{tvdb-{}}}/Season 1/1x02 of 4.mkv", s.title, s.id + 500_000)
    }),
    ("two shows of one title", Absent, |s, other| {
        // Nothing tells the two shows apart.
        assert_eq!(s.title, other.title);
        format!("/dl/{}.S01E02.720p.mkv", dotted(&s.title))
    }),
];

pub(super) fn cases(library: &mut Library, each: usize, random: &mut Random) -> Vec<Case> {
    let section = library.add_section("Known shows", SectionKind::Show, "tv", &["/data/known"]);
    let mut cases = Vec::new();
    for n in 0..each {
        let name = title(n, [&FIRST, &SECOND, &THIRD]);
        let reversed: String = name.to_lowercase().chars().rev().collect();
        let (n16, id) = (u16::try_from(n % 30).unwrap(), 300_000 + 10 * n as u64);
        let mut put = |original: String, year, id| {
            put(library, section, Known { title: name.clone(), original, year, id, key: 0 }, random)
        };
        let one = put(format!("Obra {reversed}"), 1_980 + n16, id);
        let other = put(format!("Serie {reversed}"), 1_984 + n16, id + 5);
        for (name, survives, path) in FORMS {
            let right = if survives == Absent { Vec::new() } else { vec![one.key] };
            cases.push(case(name, survives, path(&one, &other), right));
        }
    }
    cases
}

/// Adds a show with four episodes. Their file names do not contain its title. The queries ask for
/// the second episode.
fn put(library: &mut Library, section: usize, mut known: Known, random: &mut Random) -> Known {
    let mut show = Item {
        title: known.title.clone(),
        year: Some(known.year),
        guid: format!("plex://show/{:024x}", known.id),
        guids: vec![
            format!("tvdb://{}", known.id),
            format!("tmdb://{}", known.id + 1),
            format!("imdb://tt{:08}", known.id),
        ],
        ..Item::default()
    };
    show.details.fields.insert("originalTitle".to_owned(), json!(known.original));
    let show = library.put_show(section, show);
    for index in 1..=4 {
        let file = format!("/data/known/{:08x}/{:08x}.mkv", random.next(), random.next());
        let mut item = movie(&format!("Chapter {index}"), 2_000, vec![file], random);
        item.year = None;
        item.grandparent = Some(show);
        item.grandparent_title = Some(known.title.clone());
        item.parent_index = Some(1);
        item.index = Some(index);
        let key = library.put_item(section, item);
        if index == 2 {
            known.key = key;
        }
    }
    known
}
