use super::*;

/// The readings of a name: the text before each, and its episodes.
fn said(name: &str) -> Vec<(String, Said)> {
    let trim = |text: &str| text.trim_end_matches([' ', '.', '_', '-', '[', '(', '{']).to_owned();
    let reading = |reading: Reading| (trim(&name[..reading.start]), reading.said);
    read(name).into_iter().map(reading).collect()
}

#[track_caller]
fn first(name: &str, show: &str, said_first: &Said) {
    let readings = said(name);
    assert_eq!(
        readings.first(),
        Some(&(show.to_owned(), said_first.clone())),
        "{name} {readings:?}"
    );
}

#[test]
fn season_and_number() {
    for (name, season, numbers) in [
        ("willow.s01e02.1080p", 1, &[2][..]),
        ("willow.s01.e02", 1, &[2]),
        ("willow s01 e02", 1, &[2]),
        ("willow - s01 - ep02", 1, &[2]),
        ("willow s1-e2-web", 1, &[2]),
        ("willow season 1 episode 2", 1, &[2]),
        ("willow staffel 1 folge 2", 1, &[2]),
        ("willow temporada 1 capitulo 2", 1, &[2]),
        ("willow se.1 afl.2", 1, &[2]),
        ("willow_-_1x02_-_9 of diamonds", 1, &[2]),
        ("willow - [01x02] - x", 1, &[2]),
        ("willow 2017x114", 2_017, &[114]),
        ("willow s2017e114", 2_017, &[114]),
        ("willow s40 e10311 - 2013-02-11", 40, &[10_311]),
        ("willow s01e02b", 1, &[2]),
        ("willow s01e02v2", 1, &[2]),
        ("willow s01e02.5", 1, &[2]),
        ("willow - s01e02 - 11-5-2", 1, &[2]),
        ("willow s01e02 50-50", 1, &[2]),
        ("willow s01e02-720p", 1, &[2]),
        ("willow s01e02e03", 1, &[2, 3]),
        ("willow s01e02-e04", 1, &[2, 3, 4]),
        ("willow s01e02-04", 1, &[2, 3, 4]),
        ("willow s01e02 e03", 1, &[2, 3]),
        ("willow s01e02-03-04-05", 1, &[2, 3, 4, 5]),
        ("willow s01 ep02 - ep04", 1, &[2, 3, 4]),
        ("willow 1x02-1x03", 1, &[2, 3]),
        ("willow 1x02x03", 1, &[2, 3]),
        ("willow 1x02-x03", 1, &[2, 3]),
        ("willow 1x02_03", 1, &[2, 3]),
        ("willow (s1e2-4.of.24)", 1, &[2, 3, 4]),
        ("willow s01e02-s01e03", 1, &[2, 3]),
        ("willow s01e02s01e03", 1, &[2, 3]),
        ("willow s01e02 & s01e03", 1, &[2, 3]),
        ("willow 1x02 1x03", 1, &[2, 3]),
        ("willow s01e02,03,04", 1, &[2, 3, 4]),
        ("willow s01xe02", 1, &[2]),
        ("willow (s01_e02)", 1, &[2]),
        ("willow season 1, episode 2", 1, &[2]),
        ("willow season one episode two", 1, &[2]),
        ("willow.season.one.episode.two.720p", 1, &[2]),
        ("willow - 1.02 - the mill", 1, &[2]),
        ("willow [1.02] the mill", 1, &[2]),
        ("willow - 1-02 - the mill", 1, &[2]),
    ] {
        first(name, "willow", &Said::Numbered(season, numbers.to_vec()));
    }
    first("grp-willows01e02-x", "grp-willow", &Said::Numbered(1, vec![2]));
    first("24.s01e02", "24", &Said::Numbered(1, vec![2]));
    first("willow 8 - s01e02 1920x800", "willow 8", &Said::Numbered(1, vec![2]));
}

#[test]
fn numbers_with_a_word() {
    for (name, numbers) in [
        ("willow.e07.720p", &[7][..]),
        ("willow ep107", &[107]),
        ("willow episode 7 x", &[7]),
        ("willow 7.bolum (01.02.2023)x", &[7]),
        ("willow folge 7", &[7]),
        ("willow 7of9", &[7]),
        ("willow ep. 07 - x", &[7]),
        ("willow episodes 7-9", &[7, 8, 9]),
        ("willow \u{7b2c}07\u{8a71} x", &[7]),
        ("willow 7\u{d654} x", &[7]),
        ("willow e07-e08", &[7, 8]),
        ("willow part 7", &[7]),
        ("willow part seven", &[7]),
        ("willow.pt.vii", &[7]),
        ("willow.(part.7.of.9)", &[7]),
        ("willow round 07 the mill", &[7]),
    ] {
        let readings = said(name);
        let bare = ("willow".to_owned(), Said::Bare(numbers.to_vec()));
        assert!(readings.contains(&bare), "{name}: {readings:?}");
    }
    let compact = Said::Compact(4, vec![8]);
    assert!(said("willow - temporada 4 [hdtv][cap.408]").iter().any(|(_, said)| *said == compact));
}

#[test]
fn numbers_by_themselves() {
    for (name, show, number) in [
        ("[grp] willow - 057 [1080p][0a1b2c3d]", "[grp] willow", 57),
        ("[grp] willow 21 - 101 [480p]", "[grp] willow 21", 101),
        ("[grp]_willow_-_07_(1280x720_x264)_[6b7fd717]", "[grp]_willow", 7),
        ("[grp] willow - 09v2 [720p]", "[grp] willow", 9),
        ("[grp] willow - 09 end [720p]", "[grp] willow", 9),
        ("willow #09 - the mill", "willow #", 9),
        ("[grp] willow s2 [05][1080p]", "[grp] willow s2", 5),
        ("willow - 050 - the 3 wishes", "willow", 50),
        ("[grp] willow (2014) - 017 (115) [x]", "[grp] willow (2014)", 17),
        ("[grp] willow! and 300 more 02 [720p]", "[grp] willow! and 300 more", 2),
        ("[grp].willow.8.go!.31.[1280x720]", "[grp].willow.8.go!", 31),
    ] {
        first(name, show, &Said::Bare(vec![number]));
    }
    first("willow.102.hdtv", "willow", &Said::Compact(1, vec![2]));
    first("willow.1013.hdtv", "willow", &Said::Compact(10, vec![13]));
    first("willow.2009.416.hdtv", "willow.2009", &Said::Compact(4, vec![16]));
    let both = ("willow".to_owned(), Said::Compact(1, vec![1, 2]));
    assert!(said("willow.101.102.hdtv").contains(&both));
    first("willow 010910 x", "willow", &Said::Compact(1, vec![9, 10]));
    let half = said("[grp] willow - 17.5 [720p]");
    assert!(half.iter().all(|(_, said)| *said != Said::Bare(vec![17])), "{half:?}");
    let checksum = said("[grp]_willow_-_15_[e76552ea]");
    assert_eq!(checksum.first(), Some(&("[grp]_willow".to_owned(), Said::Bare(vec![15]))));
    for name in ["willow - 1.5 - x", "willow 2.04 x", "willow [v1.02]", "willow 3-4"] {
        let several = |said: &Said| {
            matches!(said, Said::Numbered(..)) || matches!(said, Said::Bare(n) if n.len() > 1)
        };
        let readings = said(name);
        assert!(!readings.iter().any(|(_, said)| several(said)), "{name}: {readings:?}");
    }
    for name in ["willow 1080p x264", "willow", "", "willow h.264", "willow 2009"] {
        let readings = said(name);
        let compact = |(_, said): &(String, Said)| matches!(said, Said::Compact(..));
        assert!(!readings.iter().any(compact), "{name}: {readings:?}");
    }
}

#[test]
fn days_and_numbers_are_both_clear() {
    let day = |day| Said::Aired(Day(day));
    first("willow 2016 02 25 x", "willow", &day(20_160_225));
    let both = said("willow 2016 02 25 s20e142");
    assert_eq!(both[0].1, Said::Numbered(20, vec![142]));
    assert_eq!(both[1], ("willow".to_owned(), day(20_160_225)));
    first("willow.160225.720p", "willow", &day(20_160_225));
}

#[test]
fn folders_of_seasons() {
    for (folder, season) in [
        ("season 1", Some(1)),
        ("season 01", Some(1)),
        ("s02", Some(2)),
        ("staffel 3", Some(3)),
        ("temporada 1", Some(1)),
        ("saison.4", Some(4)),
        ("season 1 (2009)", Some(1)),
        ("season 2 - x", Some(2)),
        ("specials", Some(0)),
        ("series 7", Some(7)),
        ("willow season 1", None),
        ("willow", None),
        ("season", None),
        ("2009", None),
    ] {
        assert_eq!(season_of(folder), season, "{folder}");
    }
    assert_eq!(leading("02 - the mill").map(|(numbers, _)| numbers), Some(vec![2]));
    assert_eq!(leading("7").map(|(numbers, _)| numbers), Some(vec![7]));
    assert_eq!(leading("1080p"), None);
    assert_eq!(leading("the mill"), None);
}

#[test]
fn words_of_other_languages() {
    for (name, season, number) in [
        ("willow s02f03", 2, 3),
        ("willow t02e04", 2, 4),
        ("willow s\u{e4}song 1 avsnitt 2", 1, 2),
        (
            "willow \u{441}\u{435}\u{437}\u{43e}\u{43d} 1 \u{441}\u{435}\u{440}\u{438}\u{44f} 5",
            1,
            5,
        ),
    ] {
        first(name, "willow", &Said::Numbered(season, vec![number]));
    }
    first("willow sp01", "willow", &Said::Numbered(0, vec![1]));
    first("willow episode three", "willow", &Said::Bare(vec![3]));
    first("willow chapter 3", "willow", &Said::Bare(vec![3]));
    for (folder, season) in [
        ("2. staffel", Some(2)),
        ("2nd season", Some(2)),
        ("2a temporada", Some(2)),
        ("t2", Some(2)),
        ("serie 1", Some(1)),
        ("season two", Some(2)),
        ("second season", Some(2)),
        ("zweite staffel", Some(2)),
        ("book 2", Some(2)),
        ("volume two", Some(2)),
        ("book 2 of the mill", None),
        ("second book", None),
        ("2", None),
        ("t-34", None),
        ("willow season 2", None),
    ] {
        assert_eq!(season_of(folder), season, "{folder}");
    }
}
