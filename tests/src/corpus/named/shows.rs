//! Forms of names for episodes.

use serde_json::Value;

use super::{dotted, seasons, title};
use crate::corpus::{Case, Survives, case};
use crate::generate::{media, movie};
use crate::library::{Item, Library, SectionKind};
use crate::random::Random;

const FIRST: [&str; 29] = [
    "Amber", "Birch", "Cinder", "Dapple", "Ember", "Fallow", "Glimmer", "Heather", "Ivory",
    "Juniper", "Kindle", "Lichen", "Marble", "Nettle", "Ochre", "Pebble", "Quartz", "Russet",
    "Saffron", "Thistle", "Umber", "Velvet", "Wicker", "Yarrow", "Zephyr", "Bracken", "Clover",
    "Damson", "Elder",
];
const SECOND: [&str; 31] = [
    "Harbor", "Gable", "Hollow", "Landing", "Meadow", "Orchard", "Parish", "Quarry", "Ridge",
    "Spinney", "Terrace", "Upland", "Valley", "Wharf", "Abbey", "Bridge", "Copse", "Dale",
    "Estuary", "Ferry", "Grange", "Heath", "Inlet", "Junction", "Knoll", "Lock", "Manor",
    "Narrows", "Oxbow", "Pasture", "Reach",
];
const THIRD: [&str; 7] = ["Again", "Below", "Calling", "Days", "Echoes", "Folk", "Gazette"];

/// Seasons of each show, and episodes of each season.
const SEASONS: u32 = 3;
const EPISODES: u32 = 8;

/// The data of an episode from which names are made.
pub(super) struct Episode<'a> {
    pub(super) show: &'a str,
    pub(super) season: u32,
    pub(super) number: u32,
    /// The number of the episode, counted over all seasons.
    pub(super) position: u32,
    pub(super) title: String,
    /// Year, month and day.
    pub(super) day: (u32, u32, u32),
}

pub(super) type Form = (&'static str, Survives, fn(&Episode<'_>) -> String);

use Survives::{Absent, TitleYear};

/// Forms of names for one episode.
const FORMS: [Form; 52] = [
    ("s01e02", TitleYear, |e| dl(e, format!("S{:02}E{:02}.720p.HDTV", e.season, e.number))),
    ("s01.e02", TitleYear, |e| dl(e, format!("s{:02}.e{:02}.ws.dvdrip", e.season, e.number))),
    ("S01 - E02", TitleYear, |e| dash(e, format!("S{:02} - E{:02}", e.season, e.number))),
    ("Ep with a dot", TitleYear, |e| dl(e, format!("S{:02}.Ep.{:02}.1080p", e.season, e.number))),
    ("1x02", TitleYear, |e| dl(e, format!("{}x{:02}.hdtv", e.season, e.number))),
    ("1x02 in brackets", TitleYear, |e| dash(e, format!("[{:02}x{:02}]", e.season, e.number))),
    ("102", TitleYear, |e| dl(e, format!("{}{:02}.hdtv-abc", e.season, e.number))),
    ("Season 1 Episode 2", TitleYear, |e| {
        dash(e, format!("Season {} Episode {}", e.season, e.number))
    }),
    ("group in front", TitleYear, |e| {
        format!("/dl/[Grp-Two] {} - S{:02}E{:02} [1080p].mkv", e.show, e.season, e.number)
    }),
    ("site in front", TitleYear, |e| {
        let show = dotted(e.show);
        format!("/dl/[ www.Files.example ] - {show}.S{:02}E{:02}.720p.mkv", e.season, e.number)
    }),
    ("part of an episode", TitleYear, |e| dl(e, format!("S{:02}E{:02}b.720p", e.season, e.number))),
    ("second version", TitleYear, |e| dash(e, format!("S{:02}E{:02}v2", e.season, e.number))),
    ("numbers in the episode's title", TitleYear, |e| {
        dash(e, format!("S{:02}E{:02} - 50-50 to 9 [SDTV]", e.season, e.number))
    }),
    ("season folder, E02", TitleYear, |e| {
        format!("/tv/{}/Season {}/E{:02}.mkv", e.show, e.season, e.number)
    }),
    ("season folder, number and title", TitleYear, |e| {
        format!("/tv/{}/Season {}/{:02} - {}.mkv", e.show, e.season, e.number, e.title)
    }),
    ("season folder, number alone", TitleYear, |e| {
        format!("/tv/{}/S{:02}/{}.avi", e.show, e.season, e.number)
    }),
    ("Staffel and Folge", TitleYear, |e| {
        format!("/tv/{}/Staffel {}/Folge {:02}.mkv", e.show, e.season, e.number)
    }),
    ("Temporada and Capitulo", TitleYear, |e| {
        format!("/tv/{}/Temporada {}/Capitulo {}.mkv", e.show, e.season, e.number)
    }),
    ("Saison", TitleYear, |e| format!("/tv/{}/Saison {}/E{:02}.mkv", e.show, e.season, e.number)),
    ("Cap.102", TitleYear, |e| {
        dash(e, format!("Temporada {} [HDTV 720p][Cap.{}{:02}]", e.season, e.season, e.number))
    }),
    ("initials of the show", TitleYear, |e| {
        let initials: String = e.show.split(' ').filter_map(|word| word.chars().next()).collect();
        format!(
            "/tv/{}/Season {}/{initials}.s{:02}e{:02}.mkv",
            e.show, e.season, e.season, e.number
        )
    }),
    ("absolute, group in front", TitleYear, |e| {
        format!("/dl/[Fans] {} - {:03} [1080p][0A1B2C3D].mkv", e.show, e.position)
    }),
    ("absolute, underscores", TitleYear, |e| {
        let show = e.show.replace(' ', "_");
        format!("/dl/[Fans]_{show}_-_{:02}_(1280x720_x264-AAC)_[6B7FD717].mkv", e.position)
    }),
    ("absolute, version", TitleYear, |e| {
        format!("/dl/[Fans] {} - {:02}v2 [720p][AAC].mkv", e.show, e.position)
    }),
    ("absolute, in brackets", TitleYear, |e| {
        format!("/dl/[Fans] {} [{:02}][HEVC 1080p].mkv", e.show, e.position)
    }),
    ("absolute and title", TitleYear, |e| {
        format!("/dl/{} - {:03} - {}.mkv", e.show, e.position, e.title)
    }),
    ("Episode 14", TitleYear, |e| dash(e, format!("Episode {} VOSTFR (1080p)", e.position))),
    ("14. Folge", TitleYear, |e| format!("/dl/{} {}. Folge (720p).mkv", e.show, e.position)),
    ("absolute beside season and number", TitleYear, |e| {
        let (show, position) = (e.show, e.position);
        format!("/dl/[Fans] {show} - {position:02} (S{:02}E{:02}) [x].mkv", e.season, e.number)
    }),
    ("season behind the show", TitleYear, |e| {
        format!("/dl/[Fans] {} S{} - {:02} [1080p].mkv", e.show, e.season, e.number)
    }),
    ("date with dots", TitleYear, |e| {
        dl(e, format!("{}.{:02}.{:02}.720p.WEB", e.day.0, e.day.1, e.day.2))
    }),
    ("date with dashes", TitleYear, |e| {
        dash(e, format!("{}-{:02}-{:02} - Guest", e.day.0, e.day.1, e.day.2))
    }),
    ("day first", TitleYear, |e| dl(e, format!("{:02}.{:02}.{}.1080i", e.day.2, e.day.1, e.day.0))),
    ("date with a month's name", TitleYear, |e| {
        const MONTHS: [&str; 12] =
            ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
        let month = MONTHS[e.day.1 as usize - 1];
        format!("/dl/{} {}th {month} {} 1080.mkv", e.show, e.day.2, e.day.0)
    }),
    ("six digits", TitleYear, |e| {
        dl(e, format!("{:02}{:02}{:02}.720p.HDTV", e.day.0 % 100, e.day.1, e.day.2))
    }),
    ("2. Staffel", TitleYear, |e| {
        format!("/tv/{}/{}. Staffel/{:02} - {}.mkv", e.show, e.season, e.number, e.title)
    }),
    ("Staffel behind its number", TitleYear, |e| {
        format!("/dl/{} - {}. Staffel - Folge {}.avi", e.show, e.season, e.number)
    }),
    ("T02E04", TitleYear, |e| dl(e, format!("T{:02}E{:02}.HDTV", e.season, e.number))),
    ("S02F04", TitleYear, |e| dl(e, format!("S{:02}F{:02}.German", e.season, e.number))),
    ("season as a numeral of the show", TitleYear, |e| {
        let numeral = ["", " II", " III"][e.season as usize - 1];
        format!("/dl/[Fans] {}{numeral} - {:02} [1080p].mkv", e.show, e.number)
    }),
    ("number before the show", TitleYear, |e| {
        format!("/dl/S{:02}E{:02} - {} - {}.mkv", e.season, e.number, e.show, e.title)
    }),
    ("German month", TitleYear, |e| {
        let month = ["Februar", "M\u{e4}rz", "April", "Mai", "Juni", "Juli", "August", "September"];
        let month = month[e.day.1 as usize - 2];
        format!("/dl/{} {}. {month} {}.mkv", e.show, e.day.2, e.day.0)
    }),
    ("month between year and day", TitleYear, |e| {
        let month = ["Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep"][e.day.1 as usize - 2];
        format!("/dl/{}_{}-{month}-{:02}.mkv", e.show.replace(' ', "_"), e.day.0, e.day.2)
    }),
    ("date in pairs", TitleYear, |e| {
        format!("/dl/{} {:02}.{:02}.{:02}.mkv", e.show, e.day.0 % 100, e.day.1, e.day.2)
    }),
    ("date in pairs, day first", TitleYear, |e| {
        format!("/dl/{} {:02}.{:02}.{:02}.mkv", e.show, e.day.2, e.day.1, e.day.0 % 100)
    }),
    ("full-width brackets", TitleYear, |e| {
        format!("/dl/\u{3010}Fans\u{3011}{} [{:02}][1080P].mp4", e.show, e.position)
    }),
    ("title alone, in the season's folder", TitleYear, |e| {
        format!("/tv/{}/Season {}/{}.mkv", e.show, e.season, e.title)
    }),
    ("title behind the show", TitleYear, |e| format!("/dl/{} - {}.mkv", e.show, e.title)),
    ("no such episode", Absent, |e| dl(e, format!("S{:02}E{:02}.720p", e.season, 40 + e.number))),
    ("no such season", Absent, |e| dl(e, format!("{}x{:02}", 10 + e.season, e.number))),
    ("no such absolute number", Absent, |e| {
        format!("/dl/[Fans] {} - {:03} [1080p].mkv", e.show, 400 + e.position)
    }),
    ("another show", Absent, |e| {
        format!("/dl/Nobody Aired {}.S{:02}E{:02}.mkv", e.position, e.season, e.number)
    }),
];

/// Forms of names for two episodes in one file.
const DOUBLE: [Form; 6] = [
    ("S01E01E02", TitleYear, |e| both(e, "S01E01E02")),
    ("S01E01-E02", TitleYear, |e| both(e, "S01E01-E02")),
    ("S01E01-02", TitleYear, |e| both(e, "S01E01-02")),
    ("1x01-1x02", TitleYear, |e| both(e, "1x01-1x02")),
    ("1x01x02", TitleYear, |e| both(e, "1x01x02")),
    ("101.102", TitleYear, |e| both(e, "101.102")),
];

/// Forms of names for a show of one season.
const MINI: [Form; 7] = [
    ("Part 2", TitleYear, |e| dl(e, format!("Part.{}.1080p.WEB", e.number))),
    ("Part Two", TitleYear, |e| {
        let number = ["One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight"];
        dl(e, format!("Part.{}.720p", number[e.number as usize - 1]))
    }),
    ("Part 2 of 8", TitleYear, |e| dl(e, format!("(Part.{}.of.8)", e.number))),
    ("Round 2", TitleYear, |e| format!("/dl/{} Round {:02} {}.mkv", e.show, e.number, e.title)),
    ("2of8", TitleYear, |e| format!("/dl/{} {}of8.mkv", e.show, e.number)),
    ("E02", TitleYear, |e| dl(e, format!("E{:02}.190121.720p-NEXT", e.number))),
    ("part in the folder", TitleYear, |e| format!("/tv/{}/Part {}.mkv", e.show, e.number)),
];

#[expect(clippy::needless_pass_by_value, reason = "each caller makes it for this")]
pub(super) fn dl(e: &Episode<'_>, rest: String) -> String {
    format!("/dl/{}.{rest}.mkv", dotted(e.show))
}

#[expect(clippy::needless_pass_by_value, reason = "each caller makes it for this")]
pub(super) fn dash(e: &Episode<'_>, rest: String) -> String {
    format!("/dl/{} - {rest}.mkv", e.show)
}

fn both(e: &Episode<'_>, numbers: &str) -> String {
    format!("/dl/{}.{numbers}.720p.HDTV.mkv", dotted(e.show))
}

pub(super) fn cases(library: &mut Library, each: usize, random: &mut Random) -> Vec<Case> {
    let section = library.add_section("Named shows", SectionKind::Show, "tv", &["/data/named"]);
    let mut cases = Vec::new();
    for n in 0..each {
        let show = title(n, [&FIRST, &SECOND, &THIRD]);
        let keys = put_show(library, section, &show, SEASONS, random);
        let at = n % keys.len();
        let of = |at: usize| episode(&show, u32::try_from(at).unwrap());
        for (name, survives, path) in FORMS.into_iter().chain(seasons::FORMS) {
            let right = if survives == Absent { Vec::new() } else { vec![keys[at]] };
            cases.push(case(name, survives, path(&of(at)), right));
        }
        let mini = format!("{show} Chronicle");
        let keys = put_show(library, section, &mini, 1, random);
        let at = n % keys.len();
        for (name, survives, path) in MINI {
            let path = path(&episode(&mini, u32::try_from(at).unwrap()));
            cases.push(case(name, survives, path, vec![keys[at]]));
        }
        let double = format!("{show} Almanac");
        let file = media(vec![format!("/data/named/{n}/d.mkv")], 2_400_000, random);
        let keys: Vec<u64> = (0..2)
            .map(|at| {
                let mut item = item(&episode(&double, at), "x".to_owned(), random);
                item.media = vec![file.clone()];
                library.put_item(section, item)
            })
            .collect();
        for (name, survives, path) in DOUBLE {
            cases.push(case(name, survives, path(&episode(&double, 0)), keys.clone()));
        }
        cases.extend(beside(library, section, &show, random));
    }
    cases
}

/// Shows with the same title from two countries or years, and specials.
fn beside(library: &mut Library, section: usize, show: &str, random: &mut Random) -> Vec<Case> {
    let mut put = |title: &str, season: u32, name: &str| {
        let e = Episode { season, title: name.to_owned(), ..episode(title, 0) };
        let file = format!("/data/named/{title}/{season}/x.mkv");
        library.put_item(section, item(&e, file, random))
    };
    let base = format!("{show} Office");
    let us = put(&format!("{base} (US)"), 1, "Paper");
    put(&format!("{base} (UK)"), 1, "Ink");
    let (old, new) = (format!("{show} Doctor (1963)"), format!("{show} Doctor (2005)"));
    put(&old, 1, "Police");
    let doctor = put(&new, 1, "Rose");
    let special = put(&new, 0, "Winter Invasion");
    let company = put(&format!("{show} & M\u{fc}hle"), 1, "Flour");
    let mills = format!("{show} M\u{fc}hle").replace('\u{fc}', "ue");
    let counting: Vec<u64> = (1..=6)
        .map(|at| {
            let season = 1 + (at - 1) / 3;
            let title = format!("{show} Express");
            let e = Episode { season, number: at, ..episode(&title, 0) };
            library.put_item(section, item(&e, format!("/data/named/{title}/{at}.mkv"), random))
        })
        .collect();
    let mut put = |title: &str, season: u32, name: &str| {
        let e = Episode { season, title: name.to_owned(), ..episode(title, 0) };
        let file = format!("/data/named/{title}/{season}/x.mkv");
        library.put_item(section, item(&e, file, random))
    };
    let exact = put(&format!("{show} Gala"), 1, "Dance");
    put(&format!("{show} Gala!"), 1, "Song");
    let dots = dotted(&base);
    let doctor_dots = dotted(&format!("{show} Doctor"));
    let there = |name, path: String, key| case(name, TitleYear, path, vec![key]);
    vec![
        there("country in dots", format!("/dl/{dots}.US.S01E01.720p.mkv"), us),
        there("country in brackets", format!("/dl/{base} (US) - 1x01.mkv"), us),
        case("another country", Absent, format!("/dl/{dots}.AU.S01E01.mkv"), Vec::new()),
        there("year of the show", format!("/dl/{doctor_dots}.2005.S01E01.720p.mkv"), doctor),
        case("another year", Absent, format!("/dl/{doctor_dots}.1996.S01E01.mkv"), Vec::new()),
        there("& left out", format!("/dl/{}.S01E01.mkv", dotted(&mills)), company),
        there(
            "a number in a season that counts on",
            format!("/dl/[Fans] {show} Express S2 - 02 [720p].mkv"),
            counting[4],
        ),
        case(
            "no number in a season that counts on",
            Absent,
            format!("/dl/[Fans] {show} Express S2 - 07 [720p].mkv"),
            Vec::new(),
        ),
        there("special by number", format!("/dl/{doctor_dots}.2005.S00E01.mkv"), special),
        there(
            "special by title",
            format!("/tv/{new}/Specials/{show} Doctor - Winter Invasion.mkv"),
            special,
        ),
        there(
            "exactly this title",
            format!("/dl/{}.S01E01.mkv", dotted(&format!("{show} Gala"))),
            exact,
        ),
    ]
}

fn put_show(
    library: &mut Library,
    section: usize,
    show: &str,
    seasons: u32,
    random: &mut Random,
) -> Vec<u64> {
    let put = |at: u32| {
        let e = episode(show, at);
        let file = format!("/data/named/{show}/{}/{:08x}.mkv", e.season, random.next());
        library.put_item(section, item(&e, file, random))
    };
    (0..seasons * EPISODES).map(put).collect()
}

fn episode(show: &str, at: u32) -> Episode<'_> {
    let (season, number) = (1 + at / EPISODES, 1 + at % EPISODES);
    let title =
        format!("{} {}", SECOND[at as usize % SECOND.len()], FIRST[at as usize % FIRST.len()]);
    // Days from 13 to 19: a day is no valid month, and every day ends in "th".
    let day = (2_010 + season, 1 + number, 13 + number % 7);
    Episode { show, season, number, position: at + 1, title, day }
}

fn item(e: &Episode<'_>, file: String, random: &mut Random) -> Item {
    let mut item = movie(&e.title, 2_000, vec![file], random);
    item.year = None;
    item.grandparent_title = Some(e.show.to_owned());
    item.parent_index = Some(e.season);
    item.index = Some(e.number);
    let (year, month, day) = e.day;
    let aired = Value::from(format!("{year}-{month:02}-{day:02}"));
    item.details.fields.insert("originallyAvailableAt".to_owned(), aired);
    item
}
