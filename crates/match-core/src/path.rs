//! Paths as folded components, whichever system they come from.
//!
//! A host on Linux asks for `/mnt/films/Alien (1979)/Alien.mkv`, and the server has it as
//! `\\?\P:\Movies\Alien (1979)\Alien.mkv`. Both become components; roots (drive, share,
//! `\\?\`) are components of their own. Comparing is done component by component, never on
//! substrings: `/films` is not the beginning of `/films2`.

use crate::fold::fold;

/// The folded components of a path, root first and file name last.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FoldedPath {
    components: Vec<String>,
}

impl FoldedPath {
    /// Folds a path.
    ///
    /// `\` and `/` are alike; `\\?\`, `\\?\UNC\` and `//` roots, drive letters, `.` and empty
    /// components, `..`, and the dots and spaces that Windows drops from the end of a
    /// component are dealt with.
    pub fn new(path: &str) -> Self {
        let path = path
            .strip_prefix(r"\\?\UNC\")
            .or_else(|| path.strip_prefix(r"\\?\"))
            .or_else(|| path.strip_prefix("//?/UNC/"))
            .or_else(|| path.strip_prefix("//?/"))
            .unwrap_or(path);
        let mut components: Vec<String> = Vec::new();
        for raw in path.split(['/', '\\']) {
            match raw {
                "" | "." => {}
                ".." => {
                    components.pop();
                }
                raw => {
                    let trimmed = raw.trim_end_matches(['.', ' ']);
                    let kept = if trimmed.is_empty() { raw } else { trimmed };
                    components.push(fold(kept).into_owned());
                }
            }
        }
        Self { components }
    }

    /// The folded file name; `None` for a path without components.
    pub fn file_name(&self) -> Option<&str> {
        self.components.last().map(String::as_str)
    }

    /// All components, root first.
    pub fn components(&self) -> &[String] {
        &self.components
    }

    /// The folders above the file, nearest last.
    pub fn folders(&self) -> &[String] {
        self.components.split_last().map_or(&[], |(_, folders)| folders)
    }

    /// How many components, counted upwards from the file name, are equal in both.
    pub fn common_tail(&self, other: &Self) -> usize {
        let ours = self.components.iter().rev();
        ours.zip(other.components.iter().rev()).take_while(|(a, b)| a == b).count()
    }

    /// The components below `root`, if the path lies below it.
    pub fn below(&self, root: &Self) -> Option<&[String]> {
        self.components.strip_prefix(root.components.as_slice())
    }

    /// Whether the last components are these.
    pub fn ends_with(&self, tail: &[String]) -> bool {
        self.components.ends_with(tail)
    }

    /// The path with one root exchanged for another, if it lies below the first.
    pub fn moved(&self, from: &Self, to: &Self) -> Option<Self> {
        let below = self.below(from)?;
        let components = to.components.iter().chain(below).cloned().collect();
        Some(Self { components })
    }
}

/// The last component of a path as it is spelled, for requests and for people.
pub(crate) fn raw_file_name(path: &str) -> Option<&str> {
    path.rsplit(['/', '\\']).find(|component| !component.is_empty())
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
            assert_eq!(
                folded.components(),
                ["p:", "movies", "alien (1979)", "alien.mkv"],
                "{path}"
            );
        }
        let share = ["nas", "films", "a.mkv"];
        for path in [r"\\nas\films\a.mkv", "//NAS/films/a.mkv", r"\\?\UNC\nas\films\a.mkv"] {
            assert_eq!(FoldedPath::new(path).components(), share, "{path}");
        }
        assert_eq!(FoldedPath::new("").file_name(), None);
        assert_eq!(FoldedPath::new("/..").file_name(), None);
        assert_eq!(FoldedPath::new("...").file_name(), Some("..."));
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
