//! Tags: words for the encoding or the language of a file. A title ends before the first tag.

use super::pieces::Piece;

/// Whether a word that cannot be part of a title begins at a piece: a resolution, a source, a
/// codec.
pub(crate) fn is_tag(pieces: &[Piece<'_>], at: usize) -> bool {
    let Some(piece) = pieces.get(at) else { return false };
    let next = pieces.get(at + 1).filter(|next| next.is_glued());
    if let Some(number) = piece.number {
        let next = next.map(|next| next.text);
        return match number {
            240..=4_320 if matches!(next, Some("p" | "i")) => true,
            640..=7_680 => next == Some("x"),
            8 | 10 if matches!(next, Some("bit" | "bits")) => true,
            4 | 8 => next == Some("k"),
            _ => false,
        };
    }
    if piece.is_glued() {
        return false;
    }
    let number = next.and_then(|next| next.number);
    match piece.text {
        "x" | "h" => matches!(number, Some(264..=266)) || dotted(pieces, at),
        "dd" | "ddp" | "aac" | "ac" | "eac" | "dts" | "opus" | "mpa" => true,
        "mp" => number == Some(3) || number == Some(4),
        text => SURE.binary_search(&text).is_ok(),
    }
}

/// "h.264".
fn dotted(pieces: &[Piece<'_>], at: usize) -> bool {
    let next = pieces.get(at + 1);
    next.is_some_and(|next| next.gap == "." && matches!(next.number, Some(264..=266)))
}

/// Whether a word may also belong to a title: a language, a kind of cut. It ends a title only if
/// nothing but such words and tags follow.
pub(crate) fn is_hint(word: &str) -> bool {
    HINTS.binary_search(&word).is_ok()
}

/// The position of the first tag, in pieces.
pub(crate) fn first_tag(pieces: &[Piece<'_>]) -> Option<usize> {
    (0..pieces.len()).find(|&at| is_tag(pieces, at))
}

/// Sorted, because each name is compared by binary search.
const SURE: [&str; 48] = [
    "amzn", "atmos", "bd", "bdremux", "bdrip", "bluray", "brrip", "camrip", "divx", "dsr", "dsrip",
    "dvd", "dvdr", "dvdrip", "dvdscr", "dvr", "fhd", "flac", "hddvd", "hdr", "hdrip", "hdtv",
    "hevc", "hulu", "hybrid", "ntsc", "pal", "pdtv", "ppv", "remux", "satrip", "sdtv", "tvrip",
    "uhd", "vhsrip", "vodrip", "vostfr", "web", "webdl", "webdlrip", "webhd", "webrip", "ws",
    "xvid", "xvidhd", "yify", "yts", "zdtv",
];

/// Sorted, for binary search.
const HINTS: [&str; 92] = [
    "ac",
    "alternate",
    "anniversary",
    "arabic",
    "assembly",
    "brazilian",
    "castellano",
    "chinese",
    "chs",
    "cht",
    "collector's",
    "collectors",
    "color",
    "complete",
    "criterion",
    "cut",
    "czech",
    "danish",
    "definitive",
    "deluxe",
    "despecialized",
    "diamond",
    "director's",
    "directors",
    "dl",
    "dts",
    "dual",
    "dubbed",
    "dublado",
    "dutch",
    "edit",
    "edition",
    "eng",
    "english",
    "extended",
    "fan",
    "festival",
    "final",
    "finnish",
    "french",
    "german",
    "greek",
    "hebrew",
    "hindi",
    "hungarian",
    "imax",
    "internal",
    "ita",
    "italian",
    "japanese",
    "korean",
    "latino",
    "ld",
    "legendado",
    "limited",
    "malayalam",
    "ml",
    "multi",
    "nordic",
    "norwegian",
    "pl",
    "polish",
    "portuguese",
    "proper",
    "redux",
    "remastered",
    "repack",
    "restored",
    "rogue",
    "rus",
    "russian",
    "signature",
    "spanish",
    "special",
    "sub",
    "subbed",
    "subs",
    "swedish",
    "tamil",
    "telugu",
    "theatrical",
    "truefrench",
    "turkish",
    "ultimate",
    "uncensored",
    "uncut",
    "unrated",
    "version",
    "vf",
    "vff",
    "vo",
    "vostfr",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::pieces::pieces;

    #[test]
    fn words_are_sorted() {
        assert!(SURE.is_sorted(), "{SURE:?}");
        assert!(HINTS.is_sorted());
    }

    #[test]
    fn the_first_tag_ends_the_title() {
        for (name, tag) in [
            ("meadow.1080p.bluray", Some("1080")),
            ("meadow (1920x1080", Some("1920")),
            ("meadow 10bit", Some("10")),
            ("meadow h.264", Some("h")),
            ("meadow x264", Some("x")),
            ("meadow x 2", None),
            ("meadow webmaster", None),
            ("meadow 720", None),
        ] {
            let pieces = pieces(name);
            let found = first_tag(&pieces).map(|at| pieces[at].text);
            assert_eq!(found, tag, "{name}");
        }
        assert!(is_hint("german") && !is_hint("meadow"));
    }
}
