use super::*;

#[test]
fn a_film_of_kodi() {
    let all = Nfo::parse(
        br#"<?xml version="1.0" encoding="UTF-8" standalone="yes" ?>
<movie>
    <title>Alien &amp; Friends</title>
    <originaltitle>Alien</originaltitle>
    <ratings><rating name="imdb"><value>8.5</value></rating></ratings>
    <plot>In space
        no one hears &#228; scream.</plot>
    <uniqueid type="tmdb">348</uniqueid>
    <uniqueid type="imdb" default="true">tt0078748</uniqueid>
    <id>tt0078748</id>
    <genre>Horror / Sci-Fi</genre><genre>Thriller</genre>
    <set><name>Alien Collection</name><overview>Four of them</overview></set>
    <premiered>1979-05-25</premiered>
    <actor><name>Somebody</name><role>Ripley</role></actor>
    <fileinfo><streamdetails><video><codec>h264</codec></video></streamdetails></fileinfo>
</movie>
"#,
    );
    let expected = Nfo {
        kind: Some(ItemKind::Movie),
        title: Some("Alien & Friends".into()),
        original_title: Some("Alien".into()),
        plot: Some("In space no one hears ä scream.".into()),
        year: Some(1979),
        date: Some("1979-05-25".into()),
        guids: vec!["tmdb://348".into(), "imdb://tt0078748".into()],
        genres: vec!["Horror".into(), "Sci-Fi".into(), "Thriller".into()],
        collections: vec!["Alien Collection".into()],
        ..Nfo::default()
    };
    assert_eq!(all, [expected]);
    let query = Query::new("/films/a.mkv").title("a").size(7).nfo(&all[0]);
    let wanted = Query::new("/films/a.mkv")
        .title("Alien & Friends")
        .size(7)
        .year(1979)
        .kind(ItemKind::Movie)
        .guids(["tmdb://348", "imdb://tt0078748"]);
    assert_eq!(query, wanted);
}

#[test]
fn several_episodes_in_one_file_and_the_show_beside() {
    let folder = tempfile::tempdir().unwrap();
    let season = folder.path().join("Season 01");
    std::fs::create_dir(&season).unwrap();
    std::fs::write(
        folder.path().join("tvshow.nfo"),
        "<tvshow><title>Firefly</title><tvdbid>78874</tvdbid></tvshow>",
    )
    .unwrap();
    let episode = |number: u32, title: &str| {
        format!(
            "<episodedetails><title>{title}</title><season>1</season><episode>{number}</episode>\
             <aired>2002-09-2{number}</aired><tvdbid>29734{number}</tvdbid></episodedetails>\n"
        )
    };
    let file = season.join("s01e01-02.mkv");
    let text = episode(1, "Serenity") + &episode(2, "The Train Job");
    std::fs::write(season.join("s01e01-02.nfo"), text).unwrap();
    let all = Nfo::beside(&file).unwrap();
    let read: Vec<_> = all.iter().map(|nfo| (nfo.title.as_deref(), nfo.episode)).collect();
    assert_eq!(read, [(Some("Serenity"), Some(1)), (Some("The Train Job"), Some(2))]);
    let query = Query::new("x").nfo(&all[0]);
    assert_eq!(
        (query.show.as_deref(), query.season, query.aired.as_deref(), query.guids.as_slice()),
        (Some("Firefly"), Some(1), Some("2002-09-21"), &["tvdb://297341".to_owned()][..])
    );
    assert_eq!(Nfo::beside(season.join("s01e03.mkv")).unwrap(), []);
}

#[test]
fn what_is_not_well_formed_is_used_as_far_as_it_goes() {
    for (text, title, guids) in [
        ("https://www.imdb.com/title/tt0078748/\n", None, vec!["imdb://tt0078748"]),
        (
            "<movie><title>A & B</title></movie>\nhttps://www.themoviedb.org/movie/348-alien",
            Some("A & B"),
            vec!["tmdb://348"],
        ),
        ("<movie><title>Cut off</title><plot>and then", Some("Cut off"), vec![]),
        ("\u{feff}<movie><title>Marked</title></movie>", Some("Marked"), vec![]),
        ("<movie><title>One</tilte><year>19x9</year></movie>", Some("One"), vec![]),
        (
            "<movie><title>&eacute;t&eacute;</title><uniqueid type='imdb'>348</uniqueid></movie>",
            Some("&eacute;t&eacute;"),
            vec![],
        ),
        ("<movie><title><![CDATA[A <b>]]></title></movie>", Some("A <b>"), vec![]),
        ("<movie/>", None, vec![]),
    ] {
        let [nfo] = &Nfo::parse(text.as_bytes())[..] else { panic!("{text}") };
        assert_eq!((nfo.title.as_deref(), nfo.year), (title, None), "{text}");
        assert_eq!(nfo.guids, guids, "{text}");
    }
    let wide: Vec<u8> = "\u{feff}<movie><title>W\u{e4}</title></movie>"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    assert_eq!(Nfo::parse(&wide)[0].title.as_deref(), Some("Wä"));
    for nothing in ["", "release notes", "<album><title>x</title></album>", "<", "&", "<movie"] {
        assert_eq!(Nfo::parse(nothing.as_bytes()), [], "{nothing}");
    }
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let error = Nfo::read(folder.path().join("a.nfo")).unwrap_err();
    assert!(error.to_string().contains("a.nfo"), "{error}");
    let large = folder.path().join("b.nfo");
    std::fs::File::create(&large).unwrap().set_len(LARGEST + 1).unwrap();
    let error = Nfo::read(&large).unwrap_err();
    let Error::Io { source, .. } = error else { panic!("{error:?}") };
    assert!(source.to_string().contains("4 MB"), "{source}");
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes: Vec<u8>, text in "[<>/a-z&; =\"']{0,80}") {
        Nfo::parse(&bytes);
        Nfo::parse(text.as_bytes());
        Nfo::parse(format!("<movie>{text}").as_bytes());
    }
}
