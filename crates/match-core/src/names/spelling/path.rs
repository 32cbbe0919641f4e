//! Paths as folded components, for all systems.
//!
//! A host on Linux asks for `/mnt/films/Alien (1979)/Alien.mkv`, and the server has the file as
//! `\\?\P:\Movies\Alien (1979)\Alien.mkv`. Both become components. A root (drive, share, `\\?\`) is
//! a component of its own. Paths are compared component by component, never as substrings: `/films`
//! is not the beginning of `/films2`.

use std::borrow::Cow;

use memchr::{memchr, memrchr, memrchr2};

use crate::names::spelling::fold::{fold, fold_onto};

/// The folded components of a path, root first and file name last.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FoldedPath {
    /// The components with a `/` between them. No component is empty or contains a separator.
    text: String,
}

impl FoldedPath {
    /// Folds a path.
    ///
    /// `\` and `/` are equal. Folding resolves `\\?\`, `\\?\UNC\`, `\\.\` and `//` roots, drive
    /// letters, `.` and empty components, and `..`. It drops dots and spaces at the end of a
    /// component, as Windows does. Folding a folded path changes nothing.
    pub fn new(path: &str) -> Self {
        let text = plain(path).unwrap_or_else(|| resolved(path));
        Self { text }
    }

    /// The folded file name. `None`: the path has no components.
    pub fn file_name(&self) -> Option<&str> {
        self.components().next_back()
    }

    /// All components, root first.
    pub fn components(&self) -> impl DoubleEndedIterator<Item = &str> + Clone {
        Components { left: &self.text }
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

    /// The number of components.
    pub fn depth(&self) -> usize {
        depth(&self.text)
    }

    /// The number of equal components, counted upwards from the file name.
    pub fn common_tail(&self, other: &Self) -> usize {
        let pairs = self.components().rev().zip(other.components().rev());
        pairs.take_while(|(ours, theirs)| ours == theirs).count()
    }

    /// The components below `root`, with a `/` between them. It is empty if the path is the root.
    /// `None`: the path is not below `root`.
    pub fn below(&self, root: &Self) -> Option<&str> {
        let rest = self.text.strip_prefix(root.text.as_str())?;
        if root.text.is_empty() || rest.is_empty() { Some(rest) } else { rest.strip_prefix('/') }
    }

    /// The path with another root. `None`: the path is not below the first root.
    pub fn moved(&self, from: &Self, to: &Self) -> Option<Self> {
        let below = self.below(from)?;
        let between = if to.text.is_empty() || below.is_empty() { "" } else { "/" };
        Some(Self { text: format!("{}{between}{below}", to.text) })
    }
}

/// The components that are left of a folded text. None of them is empty.
#[derive(Clone)]
struct Components<'a> {
    left: &'a str,
}

impl<'a> Iterator for Components<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let end = memchr(b'/', self.left.as_bytes());
        let (first, left) = end.and_then(|at| cut(self.left, at)).unwrap_or((self.left, ""));
        self.left = left;
        (!first.is_empty()).then_some(first)
    }
}

impl DoubleEndedIterator for Components<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        let start = memrchr(b'/', self.left.as_bytes());
        let (left, last) = start.and_then(|at| cut(self.left, at)).unwrap_or(("", self.left));
        self.left = left;
        (!last.is_empty()).then_some(last)
    }
}

/// The text before and after the separator at `at`.
fn cut(text: &str, at: usize) -> Option<(&str, &str)> {
    Some((text.get(..at)?, text.get(at + 1..)?))
}

/// The folded components of a plain path, as nearly every path is: ASCII, with nothing to resolve
/// or drop. It checks single bytes, which takes a fraction of the time of [`resolved`].
#[expect(clippy::needless_bitwise_bool, reason = "an early exit of the loop doubles its time")]
fn plain(path: &str) -> Option<String> {
    let path = path.strip_prefix(SEPARATORS).unwrap_or(path);
    let bytes = path.as_bytes();
    let drops = |byte: u8| is_separator(byte) | (byte == b'.') | (byte == b' ');
    let (&first, &last) = (bytes.first()?, bytes.last()?);
    // The loop has no early exit, so that the compiler compares many bytes at once.
    let next = bytes.get(1..)?;
    let other = bytes.iter().zip(next).fold(false, |other, (&byte, &next)| {
        other | !byte.is_ascii() | (byte == b'?') | (is_separator(next) & drops(byte))
    });
    if other || is_separator(first) || drops(last) || last == b'?' || !last.is_ascii() {
        return None;
    }
    let folded = path.to_ascii_lowercase();
    let windows = memchr(b'\\', folded.as_bytes()).is_some();
    Some(if windows { folded.replace('\\', "/") } else { folded })
}

/// The folded components of any path.
fn resolved(path: &str) -> String {
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
    text
}

/// The number of components of a text with a `/` between them.
pub(crate) fn depth(text: &str) -> usize {
    if text.is_empty() { 0 } else { 1 + text.bytes().filter(|&byte| byte == b'/').count() }
}

/// The components of a path as they are spelled, without empty ones. It leaves out the markers
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
    // Separators are ASCII, so this splits bytes, in half of the time of splitting letters.
    let pieces = rest.as_bytes().split(|&byte| is_separator(byte));
    pieces.filter(|piece| !piece.is_empty()).filter_map(|piece| str::from_utf8(piece).ok())
}

/// Both are separators in every path, whatever system the path is from.
const SEPARATORS: [char; 2] = ['/', '\\'];

fn is_separator(byte: u8) -> bool {
    matches!(byte, b'/' | b'\\')
}

/// The components of a path as they are spelled, after its dot segments are resolved. There are as
/// many as in [`FoldedPath`].
pub(crate) fn components_of(path: &str) -> Vec<&str> {
    let mut components: Vec<&str> = Vec::new();
    for raw in spelled(path) {
        match raw {
            "." => {}
            // Nothing is above a drive.
            ".." if components.last().is_some_and(|last| is_drive(&fold(trimmed(last)))) => {}
            ".." => {
                components.pop();
            }
            raw => components.push(raw),
        }
    }
    components
}

/// A component without the dots and spaces at its end, which Windows drops.
fn trimmed(raw: &str) -> &str {
    let trimmed = raw.trim_end_matches(['.', ' ']);
    if trimmed.is_empty() { raw } else { trimmed }
}

/// Whether a component is a drive: nothing can be above it.
fn is_drive(component: &str) -> bool {
    matches!(component.as_bytes(), [letter, b':'] if letter.is_ascii_alphabetic())
}

/// The last component of a path as it is spelled, for requests and for people.
pub(crate) fn raw_file_name(path: &str) -> Option<&str> {
    let start = memrchr2(b'/', b'\\', path.as_bytes()).map_or(0, |at| at + 1);
    let name = path.get(start..).filter(|name| !name.is_empty());
    name.or_else(|| spelled(path).next_back())
}

/// The folded file name of a path, without folding the rest. `None`: there is no file name, or only
/// the whole path shows it (dot segments at its end).
pub(crate) fn folded_file_name(path: &str) -> Option<Cow<'_, str>> {
    match raw_file_name(path)? {
        "." | ".." => None,
        name => Some(fold(trimmed(name))),
    }
}

/// A path as it is spelled, without its last `count` components. `None`: there are fewer, or there
/// are dot segments among them.
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
    // A root of nothing but separators stays.
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
        // The last one has the Kelvin sign, which folds to a letter.
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

    /// All paths of a few bytes with a meaning, also after a usual beginning.
    #[test]
    fn what_is_plain_folds_as_any_path() {
        const BYTES: &[char] = &['/', '\\', '.', ' ', '?', 'A', 'b', ':', '\u{212a}'];
        let (mut plain_ones, mut paths) = (0, vec![String::new()]);
        for _ in 0..5 {
            let longer =
                paths.iter().flat_map(|path| BYTES.iter().map(move |c| format!("{path}{c}")));
            paths = longer.collect();
            for path in paths.iter().flat_map(|path| [path.clone(), format!("/mnt/Films{path}")]) {
                let folded = plain(&path);
                plain_ones += usize::from(folded.is_some());
                assert_eq!(folded.unwrap_or_else(|| resolved(&path)), resolved(&path), "{path:?}");
                assert_eq!(raw_file_name(&path), spelled(&path).next_back(), "{path:?}");
            }
        }
        assert!(plain_ones > 1_000, "{plain_ones}");
        for letter in (0..=0x7F).map(char::from) {
            let path = format!("{letter}a{letter}/{letter}b{letter}");
            assert_eq!(FoldedPath::new(&path).as_str(), resolved(&path), "{path:?}");
        }
    }

    #[test]
    fn paths_agree_in_whole_components() {
        for (a, b, tail) in [
            ("/mnt/films/a.mkv", "/data/films/a.mkv", 2),
            ("/films/a.mkv", "films/a.mkv", 2),
            ("/x/films/a.mkv", "/films/a.mkv", 2),
            ("/x/myfilms/a.mkv", "/films/a.mkv", 1),
            ("/a.mkv", "/b.mkv", 0),
            ("/ba.mkv", "/a.mkv", 0),
            ("/x/\u{e9}.mkv", "/y/\u{129}.mkv", 0),
            ("", "", 0),
            ("/a", "", 0),
        ] {
            let (a, b) = (FoldedPath::new(a), FoldedPath::new(b));
            assert_eq!((a.common_tail(&b), b.common_tail(&a)), (tail, tail), "{a:?} {b:?}");
        }
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
