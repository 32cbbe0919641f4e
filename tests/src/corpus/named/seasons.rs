//! Names of episodes whose season or day stands in folders or in words, and files of several
//! episodes that the library has one by one.

use super::dotted;
use super::shows::{Episode, Form, dash, dl};
use crate::corpus::Survives::{Absent, TitleYear};

const NUMBERS: [&str; 8] = ["One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight"];
const MONTHS: [&str; 8] =
    ["February", "March", "April", "May", "June", "July", "August", "September"];

/// A file in a folder of its show.
#[expect(clippy::needless_pass_by_value, reason = "each caller makes it for this")]
fn below(e: &Episode<'_>, rest: String) -> String {
    format!("/tv/{}/{rest}.mkv", e.show)
}

fn month(e: &Episode<'_>) -> &'static str {
    MONTHS[e.day.1 as usize - 2]
}

/// Forms of names for one episode.
pub(super) const FORMS: [Form; 29] = [
    ("season folder that is a number", TitleYear, |e| {
        below(e, format!("{}/{:02} {}", e.season, e.number, e.title))
    }),
    ("season folder and name are numbers", TitleYear, |e| {
        below(e, format!("{:02}/{:02}", e.season, e.number))
    }),
    ("no such season folder that is a number", Absent, |e| below(e, format!("9/{:02}", e.number))),
    ("no such number in a season folder that is one", Absent, |e| {
        below(e, format!("{}/{}", e.season, 40 + e.number))
    }),
    ("Book 2, Chapter 4", TitleYear, |e| {
        below(e, format!("Book {}/Chapter {}", e.season, e.number))
    }),
    ("Volume 2", TitleYear, |e| {
        below(e, format!("Volume {}/{:02} - {}", e.season, e.number, e.title))
    }),
    ("Season Two, Episode Four", TitleYear, |e| {
        let (season, number) = (NUMBERS[e.season as usize - 1], NUMBERS[e.number as usize - 1]);
        below(e, format!("Season {season}/Episode {number}"))
    }),
    ("Second Season", TitleYear, |e| {
        let season = ["First", "Second", "Third"][e.season as usize - 1];
        format!("/dl/[Fans] {} {season} Season - {:02} [1080p].mkv", e.show, e.number)
    }),
    ("show and number in the season folder", TitleYear, |e| {
        below(e, format!("{} {}/{:02}", e.show, e.season, e.number))
    }),
    ("[2.04]", TitleYear, |e| {
        format!("/dl/{} [{}.{:02}] {}.mkv", e.show, e.season, e.number, e.title)
    }),
    ("- 2.04 -", TitleYear, |e| dash(e, format!("{}.{:02} - {}", e.season, e.number, e.title))),
    ("absolute, in the season's folder", TitleYear, |e| {
        below(e, format!("Season {}/[Fans] {} - {:02} [720p]", e.season, e.show, e.position))
    }),
    ("day of the week", TitleYear, |e| {
        let short = month(e).get(..3).unwrap();
        format!("/dl/{} Tue {} {short} {} 720p.mkv", e.show, e.day.2, e.day.0)
    }),
    ("day of the week, month first", TitleYear, |e| {
        format!("/dl/{} Tuesday, {} {}th, {}.mkv", e.show, month(e), e.day.2, e.day.0)
    }),
    ("year's folder, month and day", TitleYear, |e| {
        below(e, format!("{}/{:02}-{:02}", e.day.0, e.day.1, e.day.2))
    }),
    ("folders of year and month", TitleYear, |e| {
        below(e, format!("{}/{:02}/{:02}", e.day.0, e.day.1, e.day.2))
    }),
    ("month's folder", TitleYear, |e| {
        below(e, format!("{}-{:02}/{:02}", e.day.0, e.day.1, e.day.2))
    }),
    ("no such day in the year's folder", Absent, |e| below(e, format!("{}/12-28", e.day.0))),
    ("release's folder, name in short", TitleYear, |e| {
        let (show, season, number) = (dotted(e.show), e.season, e.number);
        let folder = format!("{show}.S{season:02}E{number:02}.1080p.WEB.H264-GRP");
        format!("/dl/{folder}/grp-x{season}{number:02}.mkv")
    }),
    ("release's folder, name by chance", TitleYear, |e| {
        let folder = format!("{}.S{:02}E{:02}.1080p.WEB-GRP", dotted(e.show), e.season, e.number);
        format!("/dl/{folder}/0a1b2c3d4e5f6a7b{:02}.mkv", e.position)
    }),
    ("release's folder, a sample", Absent, |e| {
        let folder = format!("{}.S{:02}E{:02}.1080p.WEB-GRP", dotted(e.show), e.season, e.number);
        format!("/dl/{folder}/grp-x{}{:02}-sample.mkv", e.season, e.number)
    }),
    ("the first of two, S01E01E02", TitleYear, |e| {
        dl(e, format!("S{:02}E{:02}E{:02}.720p", e.season, e.number, e.number + 1))
    }),
    ("the first of three, S01E01-E03", TitleYear, |e| {
        dash(e, format!("S{:02}E{:02}-E{:02}", e.season, e.number, e.number + 2))
    }),
    ("the first of two, 1x01-1x02", TitleYear, |e| {
        dash(e, format!("{0}x{1:02}-{0}x{2:02}", e.season, e.number, e.number + 1))
    }),
    ("several that are not there", Absent, |e| {
        dl(e, format!("S{:02}E{:02}E{:02}.720p", e.season, 40 + e.number, 41 + e.number))
    }),
    ("title behind the show, no sign between", TitleYear, |e| {
        format!("/dl/{} {} 1080p.mkv", e.show, e.title)
    }),
    ("channel in front", TitleYear, |e| {
        format!("/dl/BBC.{}.S{:02}E{:02}.720p.mkv", dotted(e.show), e.season, e.number)
    }),
    ("featurette of an episode", Absent, |e| {
        below(e, format!("Season {0}/S{0:02}E{1:02}-featurette", e.season, e.number))
    }),
    ("dots in the show and numbers as words", TitleYear, |e| {
        let (season, number) = (NUMBERS[e.season as usize - 1], NUMBERS[e.number as usize - 1]);
        format!("/dl/{}.Season.{season}.Episode.{number}.720p.mkv", dotted(e.show))
    }),
];
