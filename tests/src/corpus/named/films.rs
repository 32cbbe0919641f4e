//! Forms of names for films.

use serde_json::Value;

use super::{dotted, title};
use crate::corpus::{Case, Survives, case};
use crate::generate::movie;
use crate::library::{Library, SectionKind};
use crate::random::Random;

const FIRST: [&str; 29] = [
    "Absent",
    "Broken",
    "Crimson",
    "Distant",
    "Electric",
    "Frozen",
    "Gentle",
    "Hidden",
    "Idle",
    "Jagged",
    "Lonely",
    "Midnight",
    "Nimble",
    "Open",
    "Patient",
    "Quiet",
    "Restless",
    "Silver",
    "Tender",
    "Unseen",
    "Vacant",
    "Wandering",
    "Yellow",
    "Zealous",
    "Bitter",
    "Candid",
    "Dusty",
    "Eager",
    "Fragile",
];
const SECOND: [&str; 31] = [
    "Anchor", "Beacon", "Carousel", "Drummer", "Engine", "Falcon", "Gardener", "Hunter", "Island",
    "Juggler", "Keeper", "Lantern", "Mariner", "Notary", "Orphan", "Painter", "Rider", "Sculptor",
    "Tailor", "Usher", "Violin", "Weaver", "Acrobat", "Baker", "Cellist", "Dancer", "Envoy",
    "Fiddler", "Gambler", "Herald", "Inventor",
];
const THIRD: [&str; 7] = ["Alone", "Beyond", "Closer", "Departs", "Endures", "Forever", "Goodbye"];

use Survives::{Absent, TitleYear};

#[expect(clippy::too_many_lines, reason = "a table: one entry a kind of name")]
pub(super) fn cases(library: &mut Library, each: usize, random: &mut Random) -> Vec<Case> {
    let section = library.add_section("Named films", SectionKind::Movie, "films", &["/data/nf"]);
    let mut cases = Vec::new();
    for n in 0..each {
        let base = title(n, [&FIRST, &SECOND, &THIRD]);
        let year = 1950 + u16::try_from(n % 60).unwrap();
        let mut number = 0;
        let mut put_at = |title: &str, edition: Option<&str>, file: Option<String>| {
            number += 1;
            let file = file.unwrap_or_else(|| format!("/data/nf/{n:05}/{:08x}.mkv", random.next()));
            let mut item = movie(title, year, vec![file], random);
            let id = n * 100 + number;
            item.guids =
                vec![format!("imdb://tt{:08}", 20_000_000 + id), format!("tmdb://7{id:07}")];
            if let Some(edition) = edition {
                let edition = Value::from(edition);
                item.details.fields.insert("editionTitle".to_owned(), edition);
            }
            (library.put_item(section, item), id)
        };
        let twin = format!("{base} Twin ({year})/{:08x}", n * 31);
        let (beside, _) = put_at("A Twin", None, Some(format!("/data/nf/{twin}.mkv")));
        let mut put = |title: &str, edition: Option<&str>| put_at(title, edition, None);
        let mut add = |name, path: String, right: Option<u64>| {
            let survives = if right.is_some() { TitleYear } else { Absent };
            cases.push(case(name, survives, path, right.into_iter().collect()));
        };
        let (key, id) = put(&base, None);
        let dots = dotted(&base);
        add("converted", format!("/x/{twin}.mp4"), Some(beside));
        add("subtitle beside it", format!("/x/{twin}.en.srt"), Some(beside));
        add(
            "imdb id in the name",
            format!("/x/other name {{imdb-tt{:08}}}.mkv", 20_000_000 + id),
            Some(key),
        );
        add("imdb id alone", format!("/x/tt{:08}.mkv", 20_000_000 + id), Some(key));
        add(
            "tmdb id in the folder",
            format!("/x/Der Film {{tmdb-7{id:07}}}/Der Film.mkv"),
            Some(key),
        );
        add("tmdbid=", format!("/x/Der Film [tmdbid=7{id:07}]/film.mkv"), Some(key));
        add("id of nobody", format!("/x/Nobody Filmed {n} {{tmdb-88{id:07}}}.mkv"), None);
        add("site in front", format!("/dl/www.Files.example - {dots}.{year}.720p.mkv"), Some(key));
        add("group in front", format!("/dl/[Grp] {base} ({year}) [BD 1080p].mkv"), Some(key));
        add(
            "language, no year",
            format!("/dl/{dots}.German.DL.1080p.BluRay.x264-GRP.mkv"),
            Some(key),
        );
        add("dubbed", format!("/dl/{dots}.{year}.German.DL.AC3.Dubbed.1080p.mkv"), Some(key));
        add("edition before the year", format!("/dl/{dots}.EXTENDED.{year}.720p.mkv"), Some(key));
        add("year in front", format!("/dl/({year}) {base} [1080p].mkv"), Some(key));
        add("two discs", format!("/dl/{base} ({year})/CD1/cd1.avi"), Some(key));
        add("VIDEO_TS", format!("/dl/{base} ({year})/VIDEO_TS/VTS_01_1.VOB"), Some(key));
        add("-trailer", format!("/f/{base} ({year})/{base} ({year})-trailer.mp4"), None);
        add("trailer alone", format!("/f/{base} ({year})/trailer.mp4"), None);
        add("-behindthescenes", format!("/f/{base} ({year})/{base}-behindthescenes.mp4"), None);
        add("-sample", format!("/dl/{dots}.{year}.1080p-grp-sample.mkv"), None);
        add("sample-", format!("/dl/sample-{dots}.{year}.1080p-grp.mkv"), None);
        add("in Trailers", format!("/f/{base} ({year})/Trailers/{base}.mkv"), None);
        add("in Featurettes", format!("/f/{base} ({year})/Featurettes/Making of.mkv"), None);
        add("in deleted scenes", format!("/f/{base} ({year})/deleted scenes/{base}.mkv"), None);
        add("theme music", format!("/f/{base} ({year})/theme.mp3"), None);
        let (key, _) = put(&format!("{base} II"), None);
        add("digit for a numeral", format!("/dl/{dots}.2.{year}.1080p.mkv"), Some(key));
        add("digit for a numeral, no year", format!("/dl/{base} 2.mkv"), Some(key));
        add("numeral of another part", format!("/dl/{dots}.IV.{year}.mkv"), None);
        let (key, _) = put(&format!("{base} Returns: Vol. 3"), None);
        add("Volume", format!("/dl/{dots}.Returns.Volume.3.{year}.720p.mkv"), Some(key));
        let (key, _) = put(&format!("{base} Seven"), None);
        add("digit for a word", format!("/dl/{dots}.7.{year}.720p.mkv"), Some(key));
        let (key, _) = put(&format!("{base}\u{b3}"), None);
        add("superscript", format!("/dl/{base}3 ({year}).mkv"), Some(key));
        let (key, _) =
            put(&format!("\u{c6}rlige S\u{f8}stre fra \u{141}\u{f3}d\u{17a} {base}"), None);
        add(
            "letters without marks",
            format!("/dl/AErlige.Sostre.fra.Lodz.{dots}.{year}.mkv"),
            Some(key),
        );
        let cyrillic = "\u{421}\u{442}\u{430}\u{440}\u{44b}\u{439} \u{434}\u{43e}\u{43c}";
        let (key, _) = put(&format!("{cyrillic} {base}"), None);
        add("Cyrillic in Latin", format!("/dl/Staryy.dom.{dots}.{year}.DVDRip.avi"), Some(key));
        let greek = "\u{39c}\u{3b5}\u{3b3}\u{3ac}\u{3bb}\u{3bf} \u{3bd}\u{3b7}\u{3c3}\u{3af}";
        let (key, _) = put(&format!("{greek} {base}"), None);
        add("Greek in Latin", format!("/dl/Megalo.nisi.{dots}.{year}.DVDRip.avi"), Some(key));
        let (key, _) = put(&format!("Sky Saga: Part V - The {base} Strikes"), None);
        add("subtitle alone", format!("/dl/The {base} Strikes ({year}).mkv"), Some(key));
        let (key, _) = put(&format!("{base} Flies or (The Unlikely Virtue of Waiting)"), None);
        add("first part alone", format!("/dl/{dots}.Flies.{year}.1080p.mkv"), Some(key));
        let (cut, _) = put(&format!("{base} Runner"), Some("Final Cut"));
        let (directors, _) = put(&format!("{base} Runner"), Some("Director's Cut"));
        add(
            "edition in dots",
            format!("/dl/{dots}.Runner.{year}.The.Final.Cut.1080p.mkv"),
            Some(cut),
        );
        add(
            "edition in braces",
            format!("/dl/{base} Runner ({year}) {{edition-Director's Cut}}.mkv"),
            Some(directors),
        );
        let release = format!("{dots}.Runner.{year}.1080p.BluRay.x264-GRP");
        let (plain, _) = put(&format!("{base} Runner"), None);
        add("theatrical", format!("/dl/{base} Runner ({year}) - Theatrical.mkv"), Some(plain));
        let (key, _) = put(&format!("{base} & Sons"), None);
        add("& left out of a film", format!("/dl/{dots}.Sons.{year}.720p.mkv"), Some(key));
        add("+ for &", format!("/dl/{base} + Sons ({year}).mkv"), Some(key));
        let (key, _) = put(&format!("Wide Sky: Episode IV - The {base} Calls"), None);
        let calls = format!("The {base} Calls ({year})");
        add("numeral of an episode", format!("/dl/Wide Sky IV {calls}.mkv"), Some(key));
        add("numeral of an episode, digits", format!("/dl/Wide Sky 4 {calls}.mkv"), Some(key));
        add("first and last part", format!("/dl/Wide Sky - {calls}.mkv"), Some(key));
        add("last part behind another", format!("/dl/Low Water - {calls}.mkv"), None);
        let (key, _) = put(&format!("{base} Burns: Part One"), None);
        add("part left out", format!("/dl/{dots}.Burns.{year}.2160p.mkv"), Some(key));
        add("Part I", format!("/dl/{base} Burns Part I ({year}).mkv"), Some(key));
        let (key, _) = put(&format!("Dr. {base}"), None);
        add("Doctor", format!("/dl/Doctor {base} ({year}).mkv"), Some(key));
        let (key, _) = put(&format!("K\u{e6}rlighedens {base} \u{d8}"), None);
        add("two letters for one", format!("/dl/Kaerlighedens.{dots}.Oe.{year}.mkv"), Some(key));
        let (key, _) = put(&format!("E.T.A. {base}"), None);
        add("initials without dots", format!("/dl/ETA.{dots}.{year}.720p.mkv"), Some(key));
        let (key, _) = put(&format!("{base} Gate"), None);
        add("the first of a row, counted", format!("/dl/{base} Gate 1 ({year}).mkv"), Some(key));
        let gate = format!("/f/{base} Gate ({year})");
        add("BDMV", format!("{gate}/BDMV/STREAM/00001.m2ts"), Some(key));
        add("index of BDMV", format!("{gate}/BDMV/index.bdmv"), Some(key));
        add("in Specials", format!("{gate}/Specials/{base} Gate.mkv"), None);
        add("in Special Features", format!("{gate}/Special Features/On the set.mkv"), None);
        add("behind the scenes", format!("{gate}/{base} Gate - Behind the Scenes.mkv"), None);
        add("making of", format!("{gate}/{base} Gate ({year}) Making of.mkv"), None);
        add("official trailer", format!("{gate}/{base} Gate - Official Trailer 2.mp4"), None);
        let release = release.replace("Runner", "Gate");
        add("film's release folder, name in short", format!("/dl/{release}/grp-g.mkv"), Some(key));
        add("film's release folder, another's name", format!("/dl/{release}/on the set.mkv"), None);
        add(
            "film's release folder, name by chance",
            format!("/dl/{release}/9f8e7d6c5b4a3f2e1d.mkv"),
            Some(key),
        );
        let (key, _) = put(&format!("The {base} Sample"), None);
        add(
            "a title that ends in Sample",
            format!("/dl/The {base} Sample ({year}).mkv"),
            Some(key),
        );
    }
    cases
}
