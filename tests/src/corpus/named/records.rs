//! Forms of names for tracks.

use serde_json::Value;

use super::title;
use crate::corpus::{Case, Survives, case};
use crate::generate::movie;
use crate::library::{Library, SectionKind};
use crate::random::Random;

const FIRST: [&str; 29] = [
    "Acid", "Brass", "Copper", "Delta", "Echo", "Fuzz", "Gamma", "Hollow", "Iron", "Jazz",
    "Kettle", "Lucid", "Mono", "Neon", "Opal", "Plastic", "Quiver", "Radio", "Stereo", "Tape",
    "Ultra", "Vinyl", "Wave", "Xenon", "Yonder", "Zinc", "Analog", "Binary", "Chrome",
];
const SECOND: [&str; 31] = [
    "Assembly",
    "Brothers",
    "Choir",
    "Duet",
    "Ensemble",
    "Faction",
    "Gang",
    "Herd",
    "Index",
    "Jury",
    "Kin",
    "League",
    "Mob",
    "Nation",
    "Order",
    "Parade",
    "Quartet",
    "Republic",
    "Society",
    "Trio",
    "Union",
    "Visitors",
    "Workers",
    "Alliance",
    "Bureau",
    "Council",
    "Division",
    "Exchange",
    "Federation",
    "Guild",
    "House",
];
const THIRD: [&str; 7] = ["One", "East", "West", "North", "South", "Prime", "Minor"];

use Survives::{Absent, TitleYear};

pub(super) fn cases(library: &mut Library, each: usize, random: &mut Random) -> Vec<Case> {
    let section = library.add_section("Records", SectionKind::Artist, "music", &["/data/rec"]);
    let mut cases = Vec::new();
    for n in 0..each {
        let artist = title(n, [&FIRST, &SECOND, &THIRD]);
        let mut put =
            |artist: &str, album: &str, disc: u32, number: u32, title: &str, own: Option<&str>| {
                let file = format!("/data/rec/{n:05}/{:08x}.flac", random.next());
                let mut item = movie(title, 2_000, vec![file], random);
                (item.year, item.guids) = (None, Vec::new());
                item.grandparent_title = Some(artist.to_owned());
                (item.parent_index, item.index) = (Some(disc), Some(number));
                item.details.fields.insert("parentTitle".to_owned(), Value::from(album));
                if let Some(own) = own {
                    item.details.fields.insert("originalTitle".to_owned(), Value::from(own));
                }
                library.put_item(section, item)
            };
        let wall = put(&artist, "The Long Fence", 2, 1, "Hey There", None);
        let hits = put(&artist, "Best Of", 1, 4, "Slow Train", None);
        let first = put(&artist, "First Light", 1, 9, "Slow Train", None);
        let guest = put(&artist, "First Light", 1, 10, "City (feat. Somebody)", None);
        let guest_artist = format!("{artist} Deluxe");
        let compiled = put(
            "Various Artists",
            "Summer Mix",
            1,
            u32::try_from(n).unwrap() + 1,
            "Wave",
            Some(&guest_artist),
        );
        let live = put(&artist, "Live 1999", 1, 1, "Bridge", None);
        put(&artist, "Early Days", 1, 2, "Bridge", None);
        let winter = put(
            "Various Artists",
            &format!("Winter Mix {n}"),
            1,
            1,
            "Snow",
            Some(&format!("{artist} Minor")),
        );
        let mut add = |name, path: String, right: Option<u64>| {
            let survives = if right.is_some() { TitleYear } else { Absent };
            cases.push(case(name, survives, path, right.into_iter().collect()));
        };
        add(
            "disc and number",
            format!("/m/{artist}/The Long Fence/2-01 Hey There.m4a"),
            Some(wall),
        );
        add(
            "disc folder",
            format!("/m/{artist}/The Long Fence (1979)/CD2/01 Hey There.mp3"),
            Some(wall),
        );
        add(
            "all in the name",
            format!("/m/{artist} - The Long Fence - 201 - Hey There.mp3"),
            Some(wall),
        );
        add("album decides", format!("/m/{artist}/First Light/09 - Slow Train.mp3"), Some(first));
        add(
            "album and year decide",
            format!("/m/{artist}/1999 - Best Of/04. Slow Train.mp3"),
            Some(hits),
        );
        add("guest left out", format!("/m/{artist}/First Light/10 City.mp3"), Some(guest));
        add(
            "guest said otherwise",
            format!("/m/{artist}/First Light/10 City ft. Somebody.mp3"),
            Some(guest),
        );
        add(
            "artist of a compilation",
            format!("/m/Mixes/{guest_artist} - Wave.mp3"),
            Some(compiled),
        );
        let scene = artist.to_lowercase().replace(' ', "_");
        add("scene name", format!("/m/04-{scene}-slow_train-grp.mp3"), Some(hits));
        add("scene name, no group", format!("/m/01-{scene}-hey_there.mp3"), Some(wall));
        add(
            "artist and album in one folder",
            format!("/m/{artist} - First Light (1998) [FLAC]/09 - Slow Train.flac"),
            Some(first),
        );
        add(
            "year in the album's title",
            format!("/m/{artist}/Live 1999/01 Bridge.mp3"),
            Some(live),
        );
        add(
            "folder of compilations",
            format!("/m/Compilations/Winter Mix {n}/01 Snow.mp3"),
            Some(winter),
        );
        add("no such track", format!("/m/{artist}/First Light/11 Nothing Like It.mp3"), None);
        add("another artist", format!("/m/Nobody Sang {n}/First Light/09 Slow Train.mp3"), None);
    }
    cases
}
