//! Path mappings: which folder of the host is which folder of the server. They are given by the
//! host, or inferred from matches.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::names::spelling::path::{FoldedPath, components_of, depth, without_tail};

/// A folder as the host sees it, and the same folder as the server sees it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PathMapping {
    /// The folder as the host sees it.
    pub local: String,
    /// The same folder as the server sees it.
    pub plex: String,
}

impl PathMapping {
    /// A folder of the host, and where the server has it.
    pub fn new(local: impl Into<String>, plex: impl Into<String>) -> Self {
        Self { local: local.into(), plex: plex.into() }
    }

    /// The path as the server spells it. `None`: the path is not below `local`.
    pub fn to_plex(&self, path: &str) -> Option<String> {
        exchange(path, &self.local, &self.plex)
    }

    /// The path as the host spells it. `None`: the path is not below `plex`.
    pub fn to_local(&self, path: &str) -> Option<String> {
        exchange(path, &self.plex, &self.local)
    }
}

/// The path with another root, spelled with the separators of the new root.
fn exchange(path: &str, from: &str, to: &str) -> Option<String> {
    let (folded, root) = (FoldedPath::new(path), FoldedPath::new(from));
    let below = depth(folded.below(&root)?);
    let separator = if to.contains('\\') && !to.contains('/') { '\\' } else { '/' };
    let mut moved = to.trim_end_matches(['/', '\\']).to_owned();
    let components = components_of(path);
    let tail = components.get(components.len().checked_sub(below)?..)?;
    for component in tail {
        moved.push(separator);
        moved.push_str(component);
    }
    // A root of nothing but separators, or of a marker such as `\\?\`, is another path without its end.
    if tail.is_empty() && FoldedPath::new(&moved) != FoldedPath::new(to) {
        to.clone_into(&mut moved);
    }
    if moved.is_empty() {
        moved.push(separator);
    }
    Some(moved)
}

/// A mapping that matches suggest, with the number of files that support it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MappingSuggestion {
    /// The mapping.
    pub mapping: PathMapping,
    /// How many distinct files were found at the mapped path.
    pub support: u64,
    /// How many files below `local` were found elsewhere.
    pub against: u64,
}

/// The fewest files that have to support a suggested mapping. A smaller number may agree by chance,
/// in a library where the same few names are in several folders.
pub const MIN_SUPPORT: u64 = 5;

/// Suggests mappings from files that were found. Each pair is the path of a file as the host sees
/// it and as the server sees it. The result is ordered by support. It leaves out mappings that
/// change nothing, that fewer than [`MIN_SUPPORT`] files support, or that more than a tenth as many
/// files contradict.
///
/// Pass only high-confidence matches by path: a title does not prove a folder.
pub fn suggest_mappings<'a>(
    files: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Vec<MappingSuggestion> {
    /// The server's roots for one root of the host, with their counts and spellings.
    type Roots = HashMap<FoldedPath, (u64, PathMapping)>;
    let mut seen: HashMap<FoldedPath, Roots> = HashMap::new();
    for (local, plex) in files {
        let tail = FoldedPath::new(local).common_tail(&FoldedPath::new(plex));
        if tail == 0 {
            continue;
        }
        let (Some(local), Some(plex)) = (without_tail(local, tail), without_tail(plex, tail))
        else {
            continue;
        };
        let mapping = PathMapping { local: local.to_owned(), plex: plex.to_owned() };
        let roots = seen.entry(FoldedPath::new(local)).or_default();
        roots.entry(FoldedPath::new(plex)).or_insert((0, mapping)).0 += 1;
    }
    let mut suggestions: Vec<MappingSuggestion> = seen
        .into_iter()
        .filter_map(|(local, roots)| {
            let total: u64 = roots.values().map(|(count, _)| count).sum();
            let strongest = |(plex, (count, _)): &(FoldedPath, (u64, PathMapping))| {
                (*count, std::cmp::Reverse(plex.clone()))
            };
            let (plex, (support, mapping)) = roots.into_iter().max_by_key(strongest)?;
            let suggestion = MappingSuggestion { mapping, support, against: total - support };
            let clear = support >= MIN_SUPPORT && suggestion.against * 10 <= support;
            (clear && plex != local).then_some(suggestion)
        })
        .collect();
    suggestions.sort_by(|a, b| {
        b.support.cmp(&a.support).then_with(|| a.mapping.local.cmp(&b.mapping.local))
    });
    suggestions
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Settings;

    fn mapping(local: &str, plex: &str) -> PathMapping {
        PathMapping { local: local.to_owned(), plex: plex.to_owned() }
    }

    #[test]
    fn mappings_end_at_components_and_go_both_ways() {
        for (local, plex, ours, theirs) in [
            ("/mnt/films", "/data/movies", "/mnt/films/A/a.mkv", "/data/movies/A/a.mkv"),
            ("/mnt/films/", r"P:\Movies", "/mnt/films/A/a.mkv", r"P:\Movies\A\a.mkv"),
            (r"\\nas\films", "/data", r"\\nas\films\A\a.mkv", "/data/A/a.mkv"),
            ("/", "/data", "/A/a.mkv", "/data/A/a.mkv"),
            ("/mnt/films", "/", "/mnt/films/a.mkv", "/a.mkv"),
            // Found by fuzzing: the root became a folder of the name "??".
            (r"\??\", "/data", r"\??\", "/data"),
            (r"\??\", "/data", r"\??\P:\a.mkv", "/data/P:/a.mkv"),
        ] {
            let mapping = mapping(local, plex);
            assert_eq!(mapping.to_plex(ours).as_deref(), Some(theirs), "{ours}");
            assert_eq!(mapping.to_local(theirs).as_deref(), Some(ours), "{theirs}");
        }
        let films = mapping("/mnt/films", "/data/movies");
        assert_eq!(films.to_plex("/mnt/films2/a.mkv"), None);
        assert_eq!(films.to_plex("/mnt/film/a.mkv"), None);
        assert_eq!(films.to_plex("/MNT/Films/A.mkv").as_deref(), Some("/data/movies/A.mkv"));
    }

    #[test]
    fn the_most_specific_mapping_is_used() {
        let settings = Settings {
            mappings: vec![
                mapping("/mnt", "/data"),
                mapping("/mnt/films/kids", "/kids"),
                mapping("/mnt/films", "/movies"),
            ],
            ..Settings::default()
        };
        for (ours, theirs) in [
            ("/mnt/films/kids/a.mkv", "/kids/a.mkv"),
            ("/mnt/films/a.mkv", "/movies/a.mkv"),
            ("/mnt/tv/a.mkv", "/data/tv/a.mkv"),
        ] {
            assert_eq!(settings.to_plex(ours).as_deref(), Some(theirs));
            assert_eq!(settings.to_local(theirs).as_deref(), Some(ours));
        }
        assert_eq!(settings.to_plex("/other/a.mkv"), None);
    }

    #[test]
    fn agreeing_files_suggest_a_mapping() {
        let files: Vec<(String, String)> = (0..9)
            .map(|n| (format!("/mnt/x/{n}/{n}.mkv"), format!(r"P:\Movies\{n}\{n}.mkv")))
            .chain([("/mnt/y/1/1.mkv".to_owned(), "/data/1/1.mkv".to_owned())])
            .collect();
        let pairs = || files.iter().map(|(ours, theirs)| (ours.as_str(), theirs.as_str()));
        let found = suggest_mappings(pairs());
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].mapping, mapping("/mnt/x", r"P:\Movies"));
        assert_eq!((found[0].support, found[0].against), (9, 0));

        let scattered = [("/mnt/x/a.mkv", "/data/a/a.mkv"), ("/mnt/x/b.mkv", "/data/b/b.mkv")];
        assert_eq!(suggest_mappings(pairs().chain(scattered)), [], "too many speak against it");
        let same = pairs().map(|(ours, _)| (ours, ours));
        assert_eq!(suggest_mappings(same), [], "it changes nothing");

        let mut settings = Settings::default();
        settings.adopt(&found, 10);
        assert_eq!(settings.mappings, []);
        settings.adopt(&found, 9);
        settings.adopt(&found, 9);
        assert_eq!(settings.mappings, [mapping("/mnt/x", r"P:\Movies")]);
    }
}
