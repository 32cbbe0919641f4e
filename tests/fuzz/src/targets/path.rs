//! A path, as a host or a server spells it: the first line. The second line is a folder.

use match_core::{
    FoldedPath, PathMapping, Query, Settings, fold, fold_title, match_key, suggest_mappings,
};

use super::{Run, Target, texts};

pub(super) const TARGET: Target = Target {
    name: "path",
    about: "a path: folding is stable, all spellings are one path, mappings can be reversed",
    words: &[
        "/",
        "\\",
        "..",
        ".",
        "//",
        "\\\\?\\",
        "\\\\?\\UNC\\",
        "/./",
        "/../",
        "C:",
        " ",
        ". ",
        "\\??\\",
        "?",
    ],
    may_die: false,
    seeds: || {
        texts(&[
            "/mnt/films/Alien (1979)/Alien.mkv\n/mnt/films",
            "\\\\?\\P:\\Movies\\Alien (1979) \\Alien.mkv.\nP:\\Movies",
            "\\\\nas\\films\\..\\films\\.\\a.mkv \n//nas/films/",
            "P:/TV/Stra\u{df}e/I\u{307}./\u{212a}/../01.mkv\np:/tv",
            "relative/../../a\n..",
        ])
    },
    start: || -> Run { Box::new(run) },
};

fn run(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (path, root) = text.split_once('\n').unwrap_or((&text, "/mnt"));
    for text in [path, root] {
        let folded = fold(text);
        assert_eq!(fold(&folded), folded, "folding twice");
        let _ = fold_title(text);
    }
    let folded = FoldedPath::new(path);
    assert_eq!(FoldedPath::new(folded.as_str()), folded, "folding a path twice");
    assert!(folded.components().all(|part| !part.is_empty() && !part.contains(['/', '\\'])));
    assert_eq!(folded.components().count(), folded.depth());
    assert_eq!(folded.common_tail(&folded), folded.depth(), "it agrees with itself");
    // A root that begins with separators tells Windows how to read the rest.
    if !path.starts_with(['/', '\\']) {
        assert_eq!(FoldedPath::new(&path.replace('\\', "/")), folded, "separators are equal");
    }
    let (there, back) = (FoldedPath::new(root), FoldedPath::new("/else/where"));
    if let Some(moved) = folded.moved(&there, &back) {
        assert_eq!(moved.moved(&back, &there).as_ref(), Some(&folded), "there and back");
        assert_eq!(moved.below(&back), folded.below(&there));
    }
    // At the beginning of a path, these tell Windows how to read the rest. They are not folders.
    if matches!(folded.components().next(), Some("?" | "??")) {
        return;
    }
    for plex in ["/else/where", "Q:\\Media"] {
        let mapping = PathMapping::new(root, plex);
        let Some(mapped) = mapping.to_plex(path) else { continue };
        let expected = folded.moved(&there, &FoldedPath::new(plex));
        assert_eq!(Some(FoldedPath::new(&mapped)), expected, "mapped to {mapped:?}");
        let local = mapping.to_local(&mapped);
        let local = local.map(|local| FoldedPath::new(&local));
        assert_eq!(local, Some(folded.clone()), "mapped to {mapped:?} and back");
    }
    let pairs = [(path, root); 6];
    let _ = suggest_mappings(pairs);
    let key = |path: &str| match_key(&Query::new(path), &Settings::default());
    assert_eq!(key(path), key(folded.as_str()), "spellings of one path have one match key");
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStrExt;
        let path = std::path::Path::new(std::ffi::OsStr::from_bytes(bytes));
        assert_eq!(Query::from_path(path).path_bytes(), bytes, "bytes of any kind come back");
    }
}
