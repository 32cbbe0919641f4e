//! Database ids in names: `{imdb-tt0123456}`, `[tmdbid=12]`, `tvdb-34`, `tt0123456`.

use crate::names::spelling::path::FoldedPath;

/// The ids in a path's names, as guids.
pub(crate) fn of(path: &FoldedPath) -> Vec<String> {
    let mut guids: Vec<String> = Vec::new();
    // Most paths have no id. This check finds that in a few nanoseconds.
    if !path.as_str().contains("db") && !path.as_str().contains("tt") {
        return guids;
    }
    for component in path.components().rev() {
        for guid in in_name(component) {
            if !guids.contains(&guid) {
                guids.push(guid);
            }
        }
    }
    guids
}

/// What kind of id a folded guid is.
pub(crate) fn scheme(guid: &str) -> &str {
    guid.split_once("://").map_or(guid, |(scheme, _)| scheme)
}

/// Whether a folded guid names one work in the world, and is not counted for each kind of item.
pub(crate) fn is_worldwide(guid: &str) -> bool {
    matches!(scheme(guid), "imdb" | "plex")
}

/// The ids in one folded name.
pub(crate) fn in_name(name: &str) -> Vec<String> {
    let mut guids = Vec::new();
    for scheme in SCHEMES {
        for (at, _) in name.match_indices(scheme) {
            if is_inside(name, at) {
                continue;
            }
            let rest = name.get(at + scheme.len()..).unwrap_or_default();
            let rest = rest.strip_prefix("id").unwrap_or(rest);
            let Some(id) = rest.strip_prefix(['-', '=', ':', '_', ' ']) else { continue };
            let id = if scheme == "imdb" { id.strip_prefix("tt").unwrap_or(id) } else { id };
            guids.extend(guid(scheme, digits(id)));
        }
    }
    for (at, _) in name.match_indices("tt") {
        let id = digits(name.get(at + 2..).unwrap_or_default());
        if !is_inside(name, at) && (7..=9).contains(&id.len()) {
            guids.extend(guid("imdb", id));
        }
    }
    guids.sort_unstable();
    guids.dedup();
    guids
}

const SCHEMES: [&str; 3] = ["imdb", "tmdb", "tvdb"];

fn guid(scheme: &str, id: &str) -> Option<String> {
    if id.is_empty() || id.len() > 12 {
        return None;
    }
    Some(if scheme == "imdb" { format!("imdb://tt{id}") } else { format!("{scheme}://{id}") })
}

fn digits(text: &str) -> &str {
    let end = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    text.get(..end).unwrap_or_default()
}

/// Whether a letter or digit is directly before a position.
fn is_inside(name: &str, at: usize) -> bool {
    name.get(..at).and_then(|before| before.chars().next_back()).is_some_and(char::is_alphanumeric)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_as_they_are_written() {
        for (name, guids) in [
            ("meadow (1982) {imdb-tt7654321}", &["imdb://tt7654321"][..]),
            ("meadow [imdbid-tt7654321]", &["imdb://tt7654321"]),
            ("meadow [imdbid=tt7654321]", &["imdb://tt7654321"]),
            ("tt7654321", &["imdb://tt7654321"]),
            ("meadow {tmdb-12} [tvdbid-34]", &["tmdb://12", "tvdb://34"]),
            ("meadow [tmdbid=12]", &["tmdb://12"]),
            ("meadow {tmdb-}", &[]),
            ("battt1234567", &[]),
            ("tt12", &[]),
            ("meadow tmdb", &[]),
        ] {
            assert_eq!(in_name(name), guids, "{name}");
        }
        let path = FoldedPath::new("/films/Meadow {tmdb-12}/Meadow {imdb-tt7654321}.mkv");
        assert_eq!(of(&path), ["imdb://tt7654321", "tmdb://12"]);
    }
}
