//! Which sections are selected, and the error if there are none.

use plex_api::{SectionKind, UnsupportedRow};

use crate::error::Error;
use crate::model::section::SectionState;
use crate::share::single_flight::Probe;

/// Which sections to use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selection {
    /// Every section that holds files.
    All,
    /// The sections with these titles, numeric keys or uuids.
    Named(Vec<String>),
    /// Every section of this kind. It is an error if there is none.
    Kind(SectionKind),
}

impl Selection {
    /// One section, by title, numeric key or uuid.
    pub fn section(name: impl Into<String>) -> Self {
        Self::Named(vec![name.into()])
    }

    /// Whether a section is among those that are meant.
    pub(super) fn has(&self, state: &SectionState) -> bool {
        match self {
            Self::Named(names) => names.iter().any(|name| is_named(name, state)),
            Self::Kind(kind) => is_of(kind, state),
            Self::All => true,
        }
    }
}

pub(super) fn is_named(name: &str, state: &SectionState) -> bool {
    state.title == name || state.uuid.0 == name || state.key.0.to_string() == name
}

fn is_of(kind: &SectionKind, state: &SectionState) -> bool {
    kind.leaf() == Some(state.kind)
}

/// Selects sections from those that the server lists, each one once. All code that chooses sections
/// to answer from chooses them here.
pub(super) fn select(
    want: &Selection,
    listed: &[SectionState],
    unreadable: &[UnsupportedRow],
) -> Result<Vec<SectionState>, Refusal> {
    // Nobody can say which files are in a section whose row cannot be read.
    let is_meant = |row: &&UnsupportedRow| match want {
        Selection::All | Selection::Kind(_) => true,
        Selection::Named(names) => {
            names.iter().any(|name| [&row.title, &row.rating_key].contains(&&Some(name.clone())))
        }
    };
    if let Some(row) = unreadable.iter().find(is_meant) {
        return Err(Refusal::Unreadable(row.title.clone().unwrap_or_default()));
    }
    let names = match want {
        Selection::All => return Ok(listed.to_vec()),
        Selection::Kind(kind) => {
            let found: Vec<_> = listed.iter().filter(|state| is_of(kind, state)).cloned().collect();
            return if found.is_empty() { Err(Refusal::NoneOf(kind.clone())) } else { Ok(found) };
        }
        Selection::Named(names) => names,
    };
    let mut selected: Vec<SectionState> = Vec::with_capacity(names.len());
    for name in names {
        let mut found = listed.iter().filter(|state| is_named(name, state)).peekable();
        if found.peek().is_none() {
            return Err(Refusal::Unknown(name.clone()));
        }
        for state in found {
            if selected.iter().all(|other| other.id != state.id) {
                selected.push(state.clone());
            }
        }
    }
    Ok(selected)
}

/// Why no section can be chosen.
pub(super) enum Refusal {
    /// The row of a selected section cannot be read.
    Unreadable(String),
    /// No section that holds files has this name.
    Unknown(String),
    /// No section is of this kind.
    NoneOf(SectionKind),
}

impl Refusal {
    pub(super) fn into_error(self, probe: &Probe) -> Error {
        match self {
            Self::Unreadable(title) => Error::UnreadableSection { title },
            Self::NoneOf(kind) => Error::NoSectionOfKind { kind },
            Self::Unknown(title) if probe.listed.iter().any(|section| section.title == title) => {
                Error::Unmatchable { title }
            }
            Self::Unknown(wanted) => {
                let known = probe.listed.iter().map(|section| section.title.clone()).collect();
                Error::NoSection { wanted, known }
            }
        }
    }
}
