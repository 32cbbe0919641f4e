//! Paths as folded components, whichever system they come from.
//!
//! A host on Linux asks for `/mnt/films/Alien (1979)/Alien.mkv`, and the server has it as
//! `\\?\P:\Movies\Alien (1979)\Alien.mkv`. Both become components; roots (drive, share,
//! `\\?\`) are components of their own. Comparing is done component by component, never on
//! substrings: `/films` is not the beginning of `/films2`.

use std::borrow::Cow;

use crate::fold::{fold, fold_onto};

/// The folded components of a path, root first and file name last.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FoldedPath {
    /// The components with a `/` between them. None is empty, and none has a separator in it.
    text: String,
}

impl FoldedPath {
    /// Folds a path.
    ///
    /// `\` and `/` are alike; `\\?\`, `\\?\UNC\`, `\\.\` and `//` roots, drive letters, `.` and
    /// empty components, `..`, and the dots and spaces that Windows drops from the end of a
    /// component are dealt with. Folding its own result changes nothing.
    pub fn new(path: &str) -> Self {
        let mut text = String::with_capacity(path.len());
        for raw in spelled(path) {
            match raw {
                "." => {}
                ".." => {
                    let (above, last) = text.rsplit_once('/').unwrap_or(("", &text));
                    if !is_drive(last) {
                        text.truncate(above.len());
                    }
                }
                raw => {
                    if !text.is_empty() {
                        text.push('/');
                    }
                    fold_onto(&mut text, trimmed(raw));
                }
            }
        }
        Self { text }
    }

    /// The folded file name; `None` for a path without components.
    pub fn file_name(&self) -> Option<&str> {
        self.components().next_back()
    }

    /// All components, root first.
    pub fn components(&self) -> impl DoubleEndedIterator<Item = &str> + Clone {
        self.text.split('/').filter(|component| !component.is_empty())
    }

    /// All components with a `/` between them.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The folders above the file, nearest last.
    pub fn folders(&self) -> impl DoubleEndedIterator<Item = &str> + Clone {
        let mut components = self.components();
        components.next_back();
        components
    }

    /// How many components there are.
    pub fn depth(&self) -> usize {
        depth(&self.text)
    }

    /// How many components, counted upwards from the file name, are equal in both.
    pub fn common_tail(&self, other: &Self) -> usize {
        let ours = self.components().rev();
        ours.zip(other.components().rev()).take_while(|(a, b)| a == b).count()
    }

    /// What is below `root`, if the path lies below it or is the root: its components with a
    /// `/` between them.
    pub fn below(&self, root: &Self) -> Option<&str> {
        let rest = self.text.strip_prefix(root.text.as_str())?;
        if root.text.is_empty() || rest.is_empty() { Some(rest) } else { rest.strip_prefix('/') }
    }

    /// The path with one root exchanged for another, if it lies below the first.
    pub fn moved(&self, from: &Self, to: &Self) -> Option<Self> {
        let below = self.below(from)?;
        let between = if to.text.is_empty() || below.is_empty() { "" } else { "/" };
        Some(Self { text: format!("{}{between}{below}", to.text) })
    }
}

/// How many components text with a `/` between them has.
pub(crate) fn depth(text: &str) -> usize {
    if text.is_empty() { 0 } else { 1 + text.bytes().filter(|&byte| byte == b'/').count() }
}

/// The components of a path as they are spelled, without empty ones and without the markers
/// `\\?\`, `\\?\UNC\`, `\\.\` and `\??\`, which only tell Windows how to read the rest.
fn spelled(path: &str) -> impl DoubleEndedIterator<Item = &str> {
    let after = path.trim_start_matches(SEPARATORS);
    let mut rest = after;
    if let Some((first, below)) = after.split_once(SEPARATORS)
        && matches!((path.len() - after.len(), first), (2.., "?" | ".") | (1, "??"))
    {
        rest = match below.split_once(SEPARATORS) {
            Some((share, below)) if share.eq_ignore_ascii_case("UNC") => below,
            _ => below,
        };
    }
    rest.split(SEPARATORS).filter(|component| !component.is_empty())
}

/// Both are separators wherever they stand: a path is not asked which system it is from.
const SEPARATORS: [char; 2] = ['/', '\\'];

/// The components that are left of a path when its dot segments are resolved, as they are
/// spelled: as many as [`FoldedPath`] has.
pub(crate) fn components_of(path: &str) -> Vec<&str> {
    let mut components: Vec<&str> = Vec::new();
    for raw in spelled(path) {
        match raw {
            "." => {}
            // A drive has nothing above it.
            ".." if components.last().is_some_and(|last| is_drive(&fold(trimmed(last)))) => {}
            ".." => {
                components.pop();
            }
            raw => components.push(raw),
        }
    }
    components
}

/// A component without the dots and spaces that Windows drops from its end.
fn trimmed(raw: &str) -> &str {
    let trimmed = raw.trim_end_matches(['.', ' ']);
    if trimmed.is_empty() { raw } else { trimmed }
}

/// A component that nothing can be above.
fn is_drive(component: &str) -> bool {
    matches!(component.as_bytes(), [letter, b':'] if letter.is_ascii_alphabetic())
}

/// The last component of a path as it is spelled, for requests and for people.
pub(crate) fn raw_file_name(path: &str) -> Option<&str> {
    spelled(path).next_back()
}

/// The folded file name of a path, without folding the rest of it; `None` when there is none
/// or finding it takes the whole path (dot segments at its end).
pub(crate) fn folded_file_name(path: &str) -> Option<Cow<'_, str>> {
    match spelled(path).next_back()? {
        "." | ".." => None,
        name => Some(fold(trimmed(name))),
    }
}

/// A path as it is spelled, without its last `count` components; `None` when there are fewer,
/// or dot segments among them.
pub(crate) fn without_tail(path: &str, count: usize) -> Option<&str> {
    let mut rest = path;
    for _ in 0..count {
        rest = rest.trim_end_matches(SEPARATORS);
        let start = rest.rfind(SEPARATORS).map_or(0, |at| at + 1);
        let component = rest.get(start..)?;
        if matches!(component, "" | "." | "..") {
            return None;
        }
        rest = rest.get(..start)?;
    }
    // A root that is nothing but separators stays.
    let trimmed = rest.trim_end_matches(SEPARATORS);
    Some(if trimmed.is_empty() { rest.get(..1).unwrap_or(rest) } else { trimmed })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_a_path_has_the_same_components() {
        for path in [
            "P:/Movies/Alien (1979)/Alien.mkv",
            r"p:\movies\ALIEN (1979)\alien.MKV",
            r"\\?\P:\Movies\Alien (1979)\Alien.mkv",
            r"P:\Movies\.\Alien (1979)\\Alien.mkv",
            r"P:\Movies\Other\..\Alien (1979) \Alien.mkv.",
        ] {
            let folded = FoldedPath::new(path);
            assert_eq!(folded.as_str(), "p:/movies/alien (1979)/alien.mkv", "{path}");
        }
        for path in [
            r"\\nas\films\a.mkv",
            "//NAS/films/a.mkv",
            r"\\?\UNC\nas\films\a.mkv",
            r"\\?\unc\NAS\films\a.mkv",
            "//?/UNC/nas/films/a.mkv",
            r"\??\UNC\nas\films\a.mkv",
            r"\\nas\films\..\films\.\a.mkv ",
        ] {
            assert_eq!(FoldedPath::new(path).as_str(), "nas/films/a.mkv", "{path}");
        }
        assert_eq!(FoldedPath::new("").file_name(), None);
        assert_eq!(FoldedPath::new("/..").file_name(), None);
        assert_eq!(FoldedPath::new("...").file_name(), Some("..."));
        // The last is the sign of a Kelvin, which folds to a letter.
        for (drive, folded) in [
            (r"C:\..\a.mkv", "c:/a.mkv"),
            (r"C:. \..\a.mkv", "c:/a.mkv"),
            ("\u{212a}:/../a.mkv", "k:/a.mkv"),
        ] {
            assert_eq!(FoldedPath::new(drive).as_str(), folded);
            assert_eq!(components_of(drive).len(), 2);
        }
        let folded = FoldedPath::new("/mnt/films/a.mkv");
        assert_eq!(folded.components().collect::<Vec<_>>(), ["mnt", "films", "a.mkv"]);
        assert_eq!(folded.folders().collect::<Vec<_>>(), ["mnt", "films"]);
        assert_eq!((folded.depth(), FoldedPath::new("/").depth()), (3, 0));
    }

    #[test]
    fn a_path_is_cut_at_components_as_it_is_spelled() {
        for (path, count, expect) in [
            ("/mnt/films/Alien/Alien.mkv", 2, Some("/mnt/films")),
            (r"P:\Movies\\Alien\Alien.mkv", 2, Some(r"P:\Movies")),
            ("/Alien.mkv", 1, Some("/")),
            ("Alien.mkv", 1, Some("")),
            ("/mnt/./Alien.mkv", 2, None),
            ("Alien.mkv", 2, None),
        ] {
            assert_eq!(without_tail(path, count), expect, "{path}");
        }
        assert_eq!(folded_file_name(r"P:\Movies\ALIEN.mkv. ").as_deref(), Some("alien.mkv"));
        assert_eq!(folded_file_name("/mnt/.."), None);
    }

    #[test]
    fn roots_end_at_component_boundaries() {
        let root = FoldedPath::new("/data/films");
        assert!(FoldedPath::new("/data/films/a.mkv").below(&root).is_some());
        assert!(FoldedPath::new("/data/films2/a.mkv").below(&root).is_none());
        let moved = FoldedPath::new("/mnt/x/a.mkv").moved(&FoldedPath::new("/mnt/x/"), &root);
        assert_eq!(moved, Some(FoldedPath::new(r"\data\films\A.mkv")));
    }
}
