//! Behaviour in which servers differ, or that is not known.

use crate::library::content::Item;

/// Behaviour that differs between servers, or that is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quirks {
    /// Whether the change counter moves when an item is removed.
    pub counter_moves_on_delete: bool,
    /// What the undocumented `file=` filter does.
    pub file_filter: FileFilter,
    /// The server ignores these sorts (written as in requests) and sorts rows by title.
    pub ignored_sorts: &'static [&'static str],
    /// Whether rows have `updatedAt`.
    pub updated: Updated,
    /// The server does not know filters by these fields. It ignores them, and answers 200 and the
    /// whole list.
    pub unknown_filters: &'static [&'static str],
    /// Whether listings have a total.
    pub totals: Totals,
    /// The server answers 400 to listings without paging, as servers announce.
    pub needs_paging: bool,
    /// A section, by position, that is listed but that this token may not see: 403.
    pub hidden_section: Option<usize>,
    /// A section, by position, whose lists fail: 500.
    pub failing_section: Option<usize>,
    /// The server answers a listing of a section that is gone with 200 and an empty container, as
    /// some servers do.
    pub empty_for_gone: bool,
    /// The server answers 400 to listings of more rows than this, as servers announce.
    pub most_rows: Option<u64>,
}

impl Default for Quirks {
    fn default() -> Self {
        Self {
            counter_moves_on_delete: true,
            file_filter: FileFilter::Ignored,
            ignored_sorts: &[],
            updated: Updated::Told,
            unknown_filters: &[],
            totals: Totals::Told,
            hidden_section: None,
            failing_section: None,
            empty_for_gone: false,
            needs_paging: false,
            most_rows: None,
        }
    }
}

/// Whether rows have `updatedAt`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Updated {
    /// All rows have it.
    #[default]
    Told,
    /// Some rows never have it, as in observed libraries of music and shows. Here, every fifth key
    /// has none.
    NotBySome,
    /// Some rows have a time long before they were added, as in observed libraries of music.
    OldBySome,
    /// No row has it.
    NotTold,
}

impl Updated {
    /// The `updatedAt` in the row of an item.
    pub(crate) fn of(self, item: &Item) -> Option<i64> {
        let odd = item.rating_key.is_multiple_of(5);
        match self {
            Self::NotBySome => Some(item.updated_at).filter(|_| !odd),
            Self::OldBySome if odd => Some(1_000_000_000),
            Self::Told | Self::OldBySome => Some(item.updated_at),
            Self::NotTold => None,
        }
    }
}

/// Whether listings have a total.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Totals {
    /// They have a total.
    Told,
    /// They have no total.
    NotTold,
}

/// What the undocumented `file=` filter does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileFilter {
    /// The server ignores it and sends all rows.
    Ignored,
    /// The server sends items with a file of this name, in any letter case.
    Exact,
    /// The server sends items with a file whose path contains the text, in any letter case.
    Substring,
    /// As `Exact`, but a request without `type=4` on a section of shows answers 500.
    Error500WithoutType4,
}
