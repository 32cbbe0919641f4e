//! Possible shows in names.
//!
//! The text before an episode's number is the show, together with other things that people write
//! there: a group, a site, a year, a country, a word for the season. If there is no such text, the
//! folders name the show.

use super::pieces::pieces;
use super::same::{Same, key};
use super::{episodes, numbers, tags};
use crate::names::spelling::fold::{fold, fold_title};
use crate::names::spelling::generic::is_generic;
use crate::names::spelling::path::FoldedPath;
use crate::names::spelling::year;

/// A show as a name gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Show {
    /// The title as it is spelled in the name, folded as names are.
    pub(crate) title: String,
    /// The title without year and country.
    pub(crate) base: String,
    /// The year next to the title.
    pub(crate) year: Option<u16>,
    /// The country next to the title.
    pub(crate) country: Option<&'static str>,
    /// The season after the title.
    pub(crate) season: Option<u32>,
}

/// How well a show's title agrees with the text of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Agrees {
    /// The whole title agrees, with years and countries.
    Whole(Same),
    /// The title agrees, except for a year or a country that only one side has.
    Base(Same),
}

impl Show {
    pub(crate) fn new(title: &str) -> Option<Self> {
        let title = trim(title);
        (!fold_title(title).is_empty()).then_some(())?;
        let (base, year, country) = parts(title);
        let (title, base) = (title.to_owned(), base.to_owned());
        Some(Self { title, base, year, country, season: None })
    }

    /// How well this agrees with the title of a show. `None`: it is another show, or one of another
    /// year or country.
    pub(crate) fn agrees(&self, title: &str) -> Option<Agrees> {
        if let Some(same) = Same::of(title, &self.title) {
            return Some(Agrees::Whole(same));
        }
        let folded = fold(title);
        let (base, year, country) = parts(&folded);
        let against = year.zip(self.year).is_some_and(|(theirs, ours)| theirs != ours)
            || country.zip(self.country).is_some_and(|(theirs, ours)| theirs != ours);
        if against {
            return None;
        }
        let same = Same::of(base, &self.base)?;
        // Year and country may be in another order or in other brackets.
        let whole = year == self.year && country == self.country;
        Some(if whole { Agrees::Whole(same.max(Same::Words)) } else { Agrees::Base(same) })
    }
}

/// A title without its year and country, and the two.
pub(crate) fn parts(title: &str) -> (&str, Option<u16>, Option<&'static str>) {
    let (mut base, mut found_year, mut found_country) = (title, None, None);
    for _ in 0..2 {
        let rest = base.trim_end_matches([' ', '.', '_', '-', ')', ']', '(', '[']);
        let word = rest.rsplit([' ', '.', '_', '-', '(', '[']).next().unwrap_or_default();
        let before = rest.strip_suffix(word).unwrap_or(rest);
        if fold_title(before).is_empty() {
            break;
        }
        let year = year::years(word).next().filter(|_| word.len() == 4);
        let country = COUNTRIES.iter().find(|(spelled, _)| spelled.eq_ignore_ascii_case(word));
        if let (Some(year), None) = (year, found_year) {
            found_year = Some(year);
        } else if let (Some((_, country)), None) = (country, found_country) {
            found_country = Some(*country);
        } else {
            break;
        }
        base = before;
    }
    (trim(base), found_year, found_country)
}

/// Countries that people write after a title that shows of several countries have.
const COUNTRIES: [(&str, &str); 12] = [
    ("us", "us"),
    ("usa", "us"),
    ("uk", "uk"),
    ("gb", "uk"),
    ("au", "au"),
    ("nz", "nz"),
    ("ca", "ca"),
    ("de", "de"),
    ("fr", "fr"),
    ("jp", "jp"),
    ("kr", "kr"),
    ("ie", "ie"),
];

/// The shows that the text before an episode's number may mean, likeliest first. `starts` are the
/// positions where the episode begins, or other text that does not belong to a show.
pub(crate) fn before(name: &str, starts: &[usize]) -> Vec<Show> {
    let mut shows: Vec<Show> = Vec::with_capacity(8);
    let mut add = |title: &str, season: Option<u32>| {
        if let Some(show) = Show::new(title)
            && shows.iter().all(|other| other.title != show.title)
        {
            shows.push(Show { season, ..show });
        }
    };
    for &start in starts {
        let Some(head) = name.get(..start) else { continue };
        add(head, None);
        let bare = without_prefix(head);
        add(bare, None);
        if let Some((shorter, season)) = cut_at_season(bare).or_else(|| cut_at_numeral(bare)) {
            add(shorter, Some(season));
        }
        let cut = [without_number(bare), cut_at_bracket(bare), cut_at_tag(bare)];
        for other in cut.into_iter().chain([without_date(bare), without_channel(bare)]).flatten() {
            add(other, None);
        }
        if let Some((_, year)) = year::positions(bare).last()
            && let Some(until) = bare.rfind(&year.to_string())
        {
            // Text after a year does not belong to the show.
            let through = bare.get(..until + 4).unwrap_or(bare);
            add(through, None);
        }
    }
    shows
}

/// The show that stands behind an episode's number, where nothing stands before it: "S02E04 - Show -
/// Title", "2x04 Show".
pub(crate) fn behind(name: &str, end: usize) -> Vec<Show> {
    let rest = trim(name.get(end..).unwrap_or_default());
    let first = rest.split_once(" - ").map(|(first, _)| first);
    let cut = [first, cut_at_tag(rest), cut_at_bracket(rest), Some(rest)];
    cut.into_iter().flatten().filter_map(Show::new).collect()
}

/// A show and the title of an episode without a sign between them: "Show Title".
pub(crate) fn with_rest(name: &str) -> impl Iterator<Item = (Show, &str)> {
    let starts: Vec<usize> = pieces(name).iter().skip(1).map(|piece| piece.start).collect();
    starts.into_iter().take(LONGEST_SHOW).filter_map(|start| {
        let (show, title) = name.split_at_checked(start)?;
        Some((Show::new(show)?, title))
    })
}

/// The words of a show that is looked for before an episode's title: it bounds what a name costs.
const LONGEST_SHOW: usize = 6;

/// The shows that the folders name, nearest first.
pub(crate) fn of_folders(path: &FoldedPath) -> Vec<Show> {
    let telling = path
        .folders()
        .rev()
        .filter(|folder| !is_generic(folder) && episodes::season_of(folder).is_none());
    let mut shows = Vec::new();
    let above = |name: &str| path.folders().rev().skip_while(|folder| *folder != name).nth(1);
    for folder in telling.take(2) {
        let bare = without_prefix(folder);
        // "Show.S01.1080p": a number in it is of that season. So it is in "Show/Show 2".
        let above = above(folder);
        let repeats =
            |(before, _): &(&str, u32)| above.is_some_and(|name| key(name) == key(before));
        let seasoned = cut_at_season(bare).or_else(|| cut_at_numeral(bare).filter(repeats));
        shows.extend(seasoned.and_then(|(before, season)| {
            Some(Show { season: Some(season), ..Show::new(before)? })
        }));
        shows.extend(Show::new(bare));
        // "Show (2005) {tvdb-1}".
        shows.extend(cut_at_bracket(bare).and_then(Show::new));
        shows.extend(cut_at_tag(bare).and_then(Show::new));
    }
    shows.dedup();
    shows
}

/// A name without groups in brackets and sites at its start.
pub(crate) fn without_prefix(name: &str) -> &str {
    let mut rest = name;
    loop {
        let trimmed = rest.trim_start_matches([' ', '.', '_', '-']);
        let after = match trimmed.chars().next() {
            Some('[') => trimmed.split_once(']').map(|(_, after)| after),
            Some('\u{3010}') => trimmed.split_once('\u{3011}').map(|(_, after)| after),
            Some('{') => trimmed.split_once('}').map(|(_, after)| after),
            _ => site(trimmed),
        };
        match after.filter(|after| after.contains(char::is_alphanumeric)) {
            Some(after) => rest = after,
            None => return trimmed,
        }
    }
}

/// The text after the address of a site: `www.example.com - Title`.
fn site(name: &str) -> Option<&str> {
    let rest = name.strip_prefix("www.")?;
    let end =
        rest.find(|letter: char| !(letter.is_alphanumeric() || letter == '.' || letter == '-'))?;
    let (address, after) = rest.split_at(end);
    let behind = after.trim_start_matches([' ', '_', '-']);
    (address.contains('.') && behind.len() < after.len()).then_some(behind)
}

/// A name without a date of six or eight digits at its start.
fn without_date(name: &str) -> Option<&str> {
    let pieces = pieces(name);
    let [first, second, ..] = pieces.as_slice() else { return None };
    let dated = matches!(first.text.len(), 6 | 8) && first.number.is_some();
    (dated && !second.is_glued()).then(|| name.get(second.start..)).flatten()
}

/// A name without the television channel at its start, which releases of documentaries have: "BBC.Show".
fn without_channel(name: &str) -> Option<&str> {
    let pieces = pieces(name);
    let [first, second, ..] = pieces.as_slice() else { return None };
    let channel = CHANNELS.contains(&first.text) && second.is_near() && !second.is_glued();
    channel.then(|| name.get(second.start..)).flatten()
}

const CHANNELS: [&str; 8] = ["bbc", "itv", "pbs", "nhk", "arte", "zdf", "ard", "natgeo"];

/// Where a name's text before a date ends if the day of the week is left out of it: "Show Tue 13 Feb
/// 2024".
pub(crate) fn before_weekday(name: &str, date: usize) -> Option<usize> {
    let pieces = pieces(name.get(..date)?);
    let last = pieces.last().filter(|last| WEEKDAYS.contains(&last.text) && !last.is_glued())?;
    Some(last.start)
}

const WEEKDAYS: [&str; 30] = [
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
    "mon",
    "tue",
    "tues",
    "wed",
    "thu",
    "thur",
    "thurs",
    "fri",
    "sat",
    "sun",
    "montag",
    "dienstag",
    "mittwoch",
    "donnerstag",
    "freitag",
    "samstag",
    "sonntag",
    "lundi",
    "mardi",
    "mercredi",
    "jeudi",
    "vendredi",
    "samedi",
];

/// A name without tags and brackets at its end.
pub(crate) fn without_tags(name: &str) -> &str {
    let bracket = cut_at_bracket(name).unwrap_or(name);
    trim(cut_at_tag(bracket).unwrap_or(bracket))
}

/// A show and the season after it: "Show S2", "Show Season 2", "Show 2nd Season".
fn cut_at_season(name: &str) -> Option<(&str, u32)> {
    let pieces = pieces(name);
    let found = pieces.iter().enumerate().skip(1).find_map(|(at, piece)| {
        let (season, _) = episodes::season_at(&pieces, at).filter(|_| !piece.is_glued())?;
        Some((piece.start, season))
    });
    let (start, season) = found?;
    Some((name.get(..start)?, season))
}

/// A show and the number of its season, which stands behind it as that of a sequel does: "Show III",
/// "Show 2".
fn cut_at_numeral(name: &str) -> Option<(&str, u32)> {
    let pieces = pieces(name);
    let last = pieces.last().filter(|last| !last.is_glued() && pieces.len() > 1)?;
    let season = match last.number {
        Some(number) => Some(number).filter(|_| last.text.len() == 1),
        None => numbers::of_word(last.text).filter(|_| last.text.len() <= 3),
    };
    Some((name.get(..last.start)?, season.filter(|season| (2..10).contains(season))?))
}

/// A show without the number that counts over all seasons, if another number follows: "Show - 12
/// (S01E12)".
fn without_number(name: &str) -> Option<&str> {
    let at = name.rfind(" - ")?;
    let behind = name.get(at + 3..)?;
    let number = behind.chars().all(|letter| letter.is_ascii_digit() || " .([".contains(letter));
    (number && behind.contains(|letter: char| letter.is_ascii_digit())).then(|| name.get(..at))?
}

fn cut_at_bracket(name: &str) -> Option<&str> {
    let at = name.find(['[', '{'])?;
    name.get(..at).filter(|before| before.contains(char::is_alphanumeric))
}

fn cut_at_tag(name: &str) -> Option<&str> {
    let pieces = pieces(name);
    let tag = tags::first_tag(&pieces).filter(|&at| at > 0)?;
    name.get(..pieces.get(tag)?.start)
}

/// A title without the separators at its ends.
pub(crate) fn trim(text: &str) -> &str {
    let text = text.trim_matches([' ', '.', '_', '-', ',', ';']);
    let text = text.trim_end_matches(['(', '[', '{', '#', ' ', '.', '_', '-']);
    // Closed brackets belong to the title: "Show [2022]".
    text.trim_start_matches([')', ']', '}', ' '])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(head: &str) -> Vec<String> {
        before(head, &[head.len()]).into_iter().map(|show| show.title).collect()
    }

    #[test]
    fn what_people_put_around_a_title_is_taken_off() {
        for (head, show) in [
            ("willow.", "willow"),
            ("[grp] willow - ", "willow"),
            ("[ www.example.com ] - willow.2012.", "willow.2012"),
            ("www.example.org - willow ", "willow"),
            ("willow (2010) - [", "willow (2010)"),
            ("willow [2022] [", "willow [2022"),
            ("willow - temporada 2 [hdtv 720p][", "willow"),
            ("willow - season 2 - ", "willow"),
            ("221208 willow brook ", "willow brook"),
            ("willow.2019.1080p.", "willow.2019"),
            ("willow 1955 dvd ", "willow 1955"),
            ("willow - 12 (", "willow"),
            ("willow - 12.5 (", "willow"),
        ] {
            let shows = said(head);
            assert!(shows.iter().any(|title| title == show), "{head}: {shows:?}");
        }
        assert_eq!(said(" - "), Vec::<String>::new());
    }

    #[test]
    fn titles_agree_in_degrees() {
        use Agrees::{Base, Whole};
        for (said, title, agrees) in [
            ("willow", "Willow", Some(Whole(Same::Spelling))),
            ("willow", "The Willow", Some(Whole(Same::Folded))),
            ("willow.us", "Willow (US)", Some(Whole(Same::Words))),
            ("willow", "Willow (US)", Some(Base(Same::Spelling))),
            ("willow.uk", "Willow (US)", None),
            ("willow.uk", "Willow", Some(Base(Same::Spelling))),
            ("willow.2005", "Willow (2005)", Some(Whole(Same::Words))),
            ("willow.1963", "Willow (2005)", None),
            ("willow", "Willow (2005)", Some(Base(Same::Spelling))),
            ("willow", "Oak", None),
            ("1883", "1883", Some(Whole(Same::Spelling))),
        ] {
            let show = Show::new(said).unwrap();
            assert_eq!(show.agrees(title), agrees, "{said} / {title}");
        }
        let show = Show::new("willow us 2003").unwrap();
        assert_eq!(
            (show.base.as_str(), show.year, show.country),
            ("willow", Some(2003), Some("us"))
        );
    }

    #[test]
    fn folders_name_the_show_above_its_season() {
        let names = |path: &str| -> Vec<String> {
            of_folders(&FoldedPath::new(path)).into_iter().map(|show| show.title).collect()
        };
        assert_eq!(names("/tv/Willow (2005)/Season 1/S01E04.mkv"), ["willow (2005)"]);
        assert_eq!(names("/tv/Willow/Staffel 1/Folge 01.mkv"), ["willow"]);
        assert!(names("/tv/Willow {tvdb-1}/S01/1.mkv").contains(&"willow".to_owned()));
        assert!(names("/dl/Willow.S01.1080p.WEB/e01.mkv").contains(&"willow".to_owned()));
        for (head, season) in [
            ("willow s2 - ", 2),
            ("willow season 3 - ", 3),
            ("willow 2nd season - ", 2),
            ("willow (season 2) - ", 2),
            ("willow - 2. staffel - ", 2),
            ("willow iii - ", 3),
            ("willow 2 - ", 2),
        ] {
            let shows = before(head, &[head.len()]);
            let cut = shows.iter().find(|show| show.title == "willow");
            assert_eq!(cut.and_then(|show| show.season), Some(season), "{head}");
        }
    }
}
