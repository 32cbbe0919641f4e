//! The reason for an answer, as data and as one sentence.

use std::fmt;

use plex_api::RatingKey;
use serde::{Deserialize, Serialize};

/// Why a match was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Evidence {
    /// The rule that decided.
    pub rule: Rule,
    /// How many path components agree, counted from the file name. 0 if the file names differ.
    pub components: u16,
    /// The score, in thousandths.
    pub score: u16,
    /// The score of the best other candidate, in thousandths. 0 if there is none.
    pub runner_up: u16,
    /// The best other candidate.
    pub rival: Option<RatingKey>,
    /// The number of the mapping that made the paths agree: its place, from 0, in
    /// [`crate::Settings::mappings`].
    pub mapping: Option<u16>,
    /// The source of the answer.
    pub source: Source,
}

/// The source of an answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Source {
    /// The answer was computed from the local indexes.
    #[default]
    Index,
    /// The answer was remembered, and still holds.
    Remembered,
    /// This run asked the server for the file, and then computed the answer.
    LookedUp,
}

/// The rules, strongest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// The whole path agrees, after mapping or below the section's folder.
    WholePath,
    /// The file name and the longest run of equal folders above it agree.
    Folders,
    /// The file name and the size or the duration agree.
    SizeDuration,
    /// Only the file name agrees.
    FileName,
    /// The folder and the file name agree, but the extension differs.
    Beside,
    /// A guid agrees.
    Guid,
    /// Title and year agree.
    TitleYear,
    /// The title is similar.
    FuzzyTitle,
}

impl Rule {
    /// All rules, strongest first.
    pub const ALL: [Self; 8] = [
        Self::WholePath,
        Self::Folders,
        Self::SizeDuration,
        Self::FileName,
        Self::Beside,
        Self::Guid,
        Self::TitleYear,
        Self::FuzzyTitle,
    ];

    /// Whether the rule compares paths and file names: rules 1 to 4.
    pub fn is_path(self) -> bool {
        self <= Self::FileName
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::WholePath => "whole_path",
            Self::Folders => "folders",
            Self::SizeDuration => "size_duration",
            Self::FileName => "file_name",
            Self::Beside => "beside",
            Self::Guid => "guid",
            Self::TitleYear => "title_year",
            Self::FuzzyTitle => "fuzzy_title",
        })
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Index => "computed from the local index",
            Self::Remembered => "remembered from an earlier run",
            Self::LookedUp => "the server was asked for this file",
        })
    }
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.rule {
            // Only equal whole paths have the highest score (`rules/weight.rs`).
            Rule::WholePath if self.score < 1_000 => {
                f.write_str("the path below the library's folder agrees")?;
            }
            Rule::WholePath => f.write_str("the whole path agrees")?,
            Rule::Folders => {
                let folders = self.components.saturating_sub(1);
                let s = if folders == 1 { "" } else { "s" };
                write!(f, "the file name and {folders} folder{s} above it agree")?;
            }
            Rule::SizeDuration => f.write_str("the file name and its size or duration agree")?,
            Rule::FileName => f.write_str("the file name is unique in the section")?,
            Rule::Beside => f.write_str(
                "it lies beside the item's file, with the same name and another extension",
            )?,
            Rule::Guid => f.write_str("a guid agrees")?,
            Rule::TitleYear => {
                f.write_str("title and year, or show and number, or artist and title agree")?;
            }
            Rule::FuzzyTitle => f.write_str("the title is similar and the year fits")?,
        }
        if let Some(mapping) = self.mapping {
            write!(f, " after path mapping {mapping}")?;
        }
        write!(f, " (rule {}, score {}", self.rule, self.score)?;
        match self.rival {
            Some(rival) => write!(f, "; next best is item {rival} with {}", self.runner_up)?,
            None => f.write_str("; no other candidate")?,
        }
        write!(f, "; {})", self.source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evidence_is_one_sentence_that_says_no_more_than_is_true() {
        let evidence = Evidence {
            rule: Rule::Folders,
            components: 3,
            score: 825,
            runner_up: 500,
            rival: Some(RatingKey(17)),
            mapping: Some(0),
            source: Source::Index,
        };
        assert_eq!(
            evidence.to_string(),
            "the file name and 2 folders above it agree after path mapping 0 (rule folders, \
             score 825; next best is item 17 with 500; computed from the local index)"
        );
        let whole = |score, mapping| {
            let (rule, rival) = (Rule::WholePath, None);
            Evidence { rule, score, rival, mapping, ..evidence }.to_string()
        };
        for (text, says) in [
            (whole(1_000, None), "the whole path agrees (rule"),
            (whole(1_000, Some(1)), "the whole path agrees after path mapping 1 (rule"),
            (whole(999, None), "the path below the library's folder agrees (rule"),
        ] {
            assert!(text.starts_with(says), "{text}");
        }
    }
}
