//! Generates realistic libraries of any size. The same seed gives the same library.

use std::collections::HashSet;

use serde_json::Value;

use crate::library::{Item, Library, Media, Part, SectionKind};
use crate::random::Random;

/// The library to generate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spec {
    /// The seed of the generator.
    pub seed: u64,
    /// The number of items.
    pub items: usize,
    /// The kind of library.
    pub kind: LibraryKind,
}

/// A kind of library.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LibraryKind {
    /// One section "Movies" with real titles and years.
    Movies,
    /// One section "TV Shows" with episodes.
    Episodes,
    /// One section "Personal" with videos, without an agent.
    PersonalVideos,
    /// One section "Music" with tracks.
    Music,
}

/// Titles and years of real movies.
const MOVIES: &str = include_str!("../data/movies.tsv");

/// The present time of the generated libraries: 2026-01-01.
const NOW: i64 = 1_767_225_600;

/// Seconds of a day.
const DAY: i64 = 86_400;

/// Generates a library.
pub fn generate(spec: &Spec) -> Library {
    generate_all(spec.seed, None, &[(spec.kind, spec.items)])
}

/// Generates a library with several sections, each with this number of items. Each seed makes a
/// server with a different identity. If `identity` is given, the server's identity is made from it
/// instead.
pub fn generate_all(
    seed: u64,
    identity: Option<&str>,
    sections: &[(LibraryKind, usize)],
) -> Library {
    let mut random = Random::new(seed);
    let mut machine =
        format!("{:016x}{:016x}{:08x}", random.next(), random.next(), random.below(1 << 32));
    if let Some(identity) = identity {
        let fold = |sum: u64, byte: u8| sum.wrapping_mul(0x0100_0000_01b3) ^ u64::from(byte);
        let mut own = Random::new(identity.bytes().fold(0, fold));
        machine = format!("{:016x}{:016x}{:08x}", own.next(), own.next(), own.below(1 << 32));
    }
    let mut library = Library::new(machine, NOW);
    for &(kind, items) in sections {
        match kind {
            LibraryKind::Movies => movies(&mut library, items, &mut random),
            LibraryKind::Episodes => episodes(&mut library, items, &mut random),
            LibraryKind::PersonalVideos => personal(&mut library, items, &mut random),
            LibraryKind::Music => music(&mut library, items, &mut random),
        }
    }
    library
}

/// Adds one movie at the present time. `name` is a title with its year in brackets. Returns its
/// rating key, and its path for a client that has the section mounted at `/mnt/elsewhere`.
pub fn add_movie(library: &mut Library, section: usize, name: &str) -> (u64, String) {
    let (title, year) = name.rsplit_once(" (").unwrap();
    let year = year.trim_end_matches(')').parse().unwrap();
    let root = library.sections[section].locations[0].1.clone();
    let below = format!("{}/{}.mkv", file_safe(name), file_safe(name));
    let mut random = Random::new(u64::from(year));
    let file = format!("{root}/{below}");
    let key = library.add_item(section, movie(title, year, vec![file], &mut random));
    (key, format!("/mnt/elsewhere/{below}"))
}

fn titles() -> Vec<(&'static str, u16)> {
    let lines = MOVIES.lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| line.split_once('\t')).map(|(t, y)| (t, y.parse().unwrap())).collect()
}

/// Makes more titles from real ones, in the way of sequels and remakes.
fn derived(title: &str, round: usize, random: &mut Random) -> String {
    const BEFORE: [&str; 8] = [
        "The Return of",
        "Beyond",
        "Escape from",
        "After",
        "The Secret of",
        "Before",
        "Finding",
        "Goodbye,",
    ];
    const AFTER: [&str; 8] = [
        "Reloaded",
        "The Final Chapter",
        "Part II",
        "A Love Story",
        "The Beginning",
        "Redux",
        "Resurrection",
        "The Webmaster",
    ];
    match round {
        0 => title.to_owned(),
        _ if random.once_in(6) => title.to_owned(), // a remake: the same title, another year
        _ if random.once_in(2) => format!("{} {title} {round}", random.pick(&BEFORE)),
        _ => format!("{title} {round}: {}", random.pick(&AFTER)),
    }
}

fn movies(library: &mut Library, count: usize, random: &mut Random) {
    let root = "/data/movies";
    let section =
        library.add_section("Movies", SectionKind::Movie, "tv.plex.agents.movie", &[root]);
    let mut titles = titles();
    random.shuffle(&mut titles);
    let mut names: HashSet<String> = HashSet::with_capacity(count);
    let mut paths: HashSet<String> = HashSet::with_capacity(count);
    let mut at = 0;
    while library.sections[section].len() < count {
        let (title, year) = titles[at % titles.len()];
        let round = at / titles.len();
        at += 1;
        let title = derived(title, round, random);
        let shift = if round == 0 { 0 } else { u16::try_from(random.below(90)).unwrap() };
        let year = 1930 + (year - 1900 + 70 + shift) % 95;
        let name = file_safe(&format!("{title} ({year})"));
        if !names.insert(name.to_lowercase()) {
            continue;
        }
        let files = layout(root, &title, year, &name, random);
        // Names that differ only in punctuation can give the same release name.
        if !paths.insert(files[0].to_lowercase()) {
            continue;
        }
        let mut item = movie(&title, year, files, random);
        if random.once_in(40) {
            let mut smaller = item.media[0].clone();
            smaller.proxy_type = Some(42);
            smaller.parts.truncate(1);
            smaller.parts[0].file =
                format!("{root}/{name}/Plex Versions/Optimized for TV/{name}.mp4");
            item.media.push(smaller);
        }
        item.added_at = NOW - DAY - i64::try_from(random.below(2_000)).unwrap() * DAY;
        item.updated_at = item.added_at + 3_600;
        library.put_item(section, item);
    }
}

/// The paths of a movie's files.
fn layout(root: &str, title: &str, year: u16, name: &str, random: &mut Random) -> Vec<String> {
    let quality = random.pick(&[
        "1080p.BluRay.x264",
        "720p.WEB-DL.AAC2.0.H.264",
        "2160p.UHD.BluRay.x265",
        "DVDRip.XviD",
    ]);
    let group = random.pick(&["SPARKS", "FGT", "NTb", "RARBG"]);
    match random.below(20) {
        // A generic file name, in a folder with title and year.
        0 => vec![format!("{root}/{name}/movie.mkv")],
        1 => vec![
            format!("{root}/{name}/{name} - cd1.avi"),
            format!("{root}/{name}/{name} - cd2.avi"),
        ],
        2 | 3 => vec![format!("{root}/{name}.mkv")],
        4 | 5 => {
            let dotted = file_safe(title).replace([' ', '-'], ".");
            let release = format!("{dotted}.{year}.{quality}-{group}");
            vec![format!("{root}/{release}/{release}.mkv")]
        }
        6 => vec![format!("{root}/{}.({year})/{name}.mkv", file_safe(title))],
        // A file name without the year. If a remake has the same title, only the folder differs.
        7 => vec![format!("{root}/{name}/{}.mkv", file_safe(title))],
        8 => {
            vec![format!("{root}/{name} {{tmdb-{}}}/{name} [{quality}].mkv", random.below(900_000))]
        }
        _ => vec![format!("{root}/{name}/{name}.mkv")],
    }
}

pub(crate) fn movie(title: &str, year: u16, files: Vec<String>, random: &mut Random) -> Item {
    let id = random.next();
    let duration_ms = 4_800_000 + random.next() % 4_800_000;
    Item {
        title: title.to_owned(),
        year: Some(year),
        guid: format!("plex://movie/{:024x}", u128::from(id) << 16),
        guids: vec![
            format!("imdb://tt{:07}", id % 9_999_999),
            format!("tmdb://{}", id % 999_983),
            format!("tvdb://{}", id % 99_991),
        ],
        summary: SUMMARY[..200 + random.below(200)].to_owned(),
        duration_ms,
        media: vec![media(files, duration_ms, random)],
        ..Item::default()
    }
}

pub(crate) fn media(files: Vec<String>, duration_ms: u64, random: &mut Random) -> Media {
    let each = duration_ms / files.len() as u64;
    let parts = files.into_iter().map(|file| Part {
        file,
        size: 700_000_000 + random.next() % 30_000_000_000,
        duration_ms: each,
        mtime: NOW - DAY * 2_000 + i64::try_from(random.below(100_000_000)).unwrap(),
        ..Part::default()
    });
    Media { parts: parts.collect(), ..Media::default() }
}

pub(crate) fn episodes(library: &mut Library, count: usize, random: &mut Random) {
    let root = "/data/tv";
    let section =
        library.add_section("TV Shows", SectionKind::Show, "tv.plex.agents.series", &[root]);
    let titles = titles();
    let mut show = 0;
    while library.sections[section].len() < count {
        let (title, year) = titles[show % titles.len()];
        let round = show / titles.len();
        show += 1;
        let title = if round == 0 { title.to_owned() } else { format!("{title} {round}") };
        let folder = file_safe(&format!("{title} ({year})"));
        let plain = random.once_in(10);
        for season in 1..=1 + random.below(5) {
            let mut episode = 1;
            while episode <= 10 {
                let double = random.once_in(30);
                let name = if plain {
                    format!("S{season:02}E{episode:02}.mkv")
                } else if double {
                    format!(
                        "{} - S{season:02}E{episode:02}-E{:02}.mkv",
                        file_safe(&title),
                        episode + 1
                    )
                } else {
                    format!("{} - S{season:02}E{episode:02}.mkv", file_safe(&title))
                };
                let file = format!("{root}/{folder}/Season {season:02}/{name}");
                let files = media(vec![file], 2_400_000, random);
                for at in episode..=episode + usize::from(double && !plain) {
                    if library.sections[section].len() >= count {
                        return;
                    }
                    let mut item =
                        movie(&format!("Episode {at}"), year, Vec::from(["x".to_owned()]), random);
                    item.media = vec![files.clone()];
                    item.grandparent_title = Some(title.clone());
                    item.parent_index = u32::try_from(season).ok();
                    item.index = u32::try_from(at).ok();
                    item.added_at = NOW - DAY - i64::try_from(random.below(2_000)).unwrap() * DAY;
                    item.updated_at = item.added_at;
                    library.put_item(section, item);
                }
                episode += 1 + usize::from(double && !plain);
            }
        }
    }
}

fn personal(library: &mut Library, count: usize, random: &mut Random) {
    let root = "/data/personal";
    let section =
        library.add_section("Personal", SectionKind::Movie, "com.plexapp.agents.none", &[root]);
    for at in 0..count {
        let year = 2005 + at % 20;
        let (folder, name) = match random.below(3) {
            // Cameras count from the start with every card, so the name repeats each year.
            0 => (format!("{year} Holidays"), format!("IMG_{:04}", at / 20)),
            1 => (
                format!("{year} Garden"),
                format!("{year}{:02}{:02}_{:06}", 1 + at % 12, 1 + at % 28, at % 240_000),
            ),
            _ => (format!("{year} Family"), format!("Birthday no {at}")),
        };
        let file = format!("{root}/{folder}/{name}.MP4");
        let mut item = movie(&name, 2000, vec![file], random);
        item.year = None;
        item.guids.clear();
        item.guid = format!("com.plexapp.agents.none://{:032x}", random.next());
        item.added_at = NOW - DAY - i64::try_from(random.below(2_000)).unwrap() * DAY;
        item.updated_at = item.added_at;
        library.put_item(section, item);
    }
}

fn music(library: &mut Library, count: usize, random: &mut Random) {
    let root = "/data/music";
    let section =
        library.add_section("Music", SectionKind::Artist, "tv.plex.agents.music", &[root]);
    let titles = titles();
    for at in 0..count {
        let (track, album) = (at % 10, at / 10);
        // Songs, albums and bands get their titles from films.
        let named = |from: usize| titles[from % titles.len()].0;
        let round = album / titles.len();
        let artist = format!("The {} Band", file_safe(named(album / 3 + 700)));
        let album_title = if round == 0 {
            file_safe(named(album + 1_500))
        } else {
            format!("{} {round}", file_safe(named(album + 1_500)))
        };
        let title = named(at + 40);
        let file =
            format!("{root}/{artist}/{album_title}/{:02} - {}.flac", track + 1, file_safe(title));
        let mut item = movie(title, 2000, vec![file], random);
        (item.year, item.guids) = (None, Vec::new());
        item.grandparent_title = Some(artist);
        (item.parent_index, item.index) = (Some(1), u32::try_from(track + 1).ok());
        item.details.fields.insert("parentTitle".to_owned(), Value::from(album_title));
        item.added_at = NOW - DAY - i64::try_from(random.below(2_000)).unwrap() * DAY;
        item.updated_at = item.added_at;
        library.put_item(section, item);
    }
}

/// Makes a title a valid file name.
pub(crate) fn file_safe(title: &str) -> String {
    let safe: String = title
        .chars()
        .filter(|letter| !matches!(letter, '/' | '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|'))
        .collect();
    safe.trim_end_matches(['.', ' ']).to_owned()
}

/// Text as long as real summaries.
const SUMMARY: &str = "When a quiet town is shaken by an event nobody saw coming, an unlikely \
    group of neighbours has to put old quarrels aside. What begins as a search for the truth \
    soon becomes a journey through loyalties, debts and half-forgotten promises, and each of \
    them has to decide what they are willing to lose. Along the way they find that the past is \
    closer than it seemed, and that help comes from where they least expected it.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_makes_one_library() {
        let spec = Spec { seed: 3, items: 5_000, kind: LibraryKind::Movies };
        let (one, two) = (generate(&spec), generate(&spec));
        assert_eq!(one.machine_identifier, two.machine_identifier);
        let files = |library: &Library| -> Vec<String> {
            let items = library.sections[0].items().iter();
            items.flat_map(|item| item.parts().map(|part| part.file.clone())).collect()
        };
        assert_eq!(files(&one), files(&two));
        assert_eq!(one.sections[0].len(), 5_000);
        let distinct: HashSet<String> = files(&one).into_iter().collect();
        assert_eq!(distinct.len(), files(&one).len(), "no path is made twice");
    }

    #[test]
    fn several_sections_and_identities() {
        let kinds =
            [(LibraryKind::Movies, 50), (LibraryKind::Episodes, 120), (LibraryKind::Music, 900)];
        let of = |seed, identity| generate_all(seed, identity, &kinds);
        let library = of(1, None);
        let counts: Vec<usize> =
            library.sections.iter().map(crate::library::Section::len).collect();
        assert_eq!(counts, [50, 120, 900]);
        let music = library.sections[2].items().iter();
        let paths: HashSet<&str> =
            music.flat_map(|item| item.parts().map(|part| part.file.as_str())).collect();
        assert_eq!(paths.len(), 900, "no path is made twice");
        let servers =
            [of(1, None), of(2, None), of(1, Some("attic")), of(1, Some("cellar"))].map(|one| {
                assert_eq!(one.machine_identifier.len(), 40);
                one.machine_identifier
            });
        assert_eq!(servers.iter().collect::<HashSet<_>>().len(), 4, "each has its own identity");
    }
}
