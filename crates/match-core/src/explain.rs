//! Explains in words what the rules tried for one query.

use cache_store::ItemRef;

use crate::answer::{Answer, Decision};

/// A decision, and everything that was tried before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explained {
    /// The decision, the same as of [`crate::match_one`].
    pub decision: Decision,
    /// Each reading of the names, in the order in which they were tried, with its result. For an
    /// absent answer this includes the items that were rejected.
    pub tried: Vec<String>,
}

/// Notes that are written while a query is decided, if somebody wants to read them.
#[derive(Debug, Default)]
pub(crate) struct Tried(Option<Vec<String>>);

impl Tried {
    /// Notes that are kept.
    pub(crate) fn written() -> Self {
        Self(Some(Vec::new()))
    }

    /// Notes a reading, the items that it found, and the result of the rule.
    pub(crate) fn note(
        &mut self,
        what: impl FnOnce() -> String,
        items: &[ItemRef<'_>],
        answer: Option<&Answer>,
    ) {
        let Some(tried) = &mut self.0 else { return };
        let named = |item: &ItemRef<'_>| {
            let show = item.grandparent_title.map(|show| format!("{show}: ")).unwrap_or_default();
            let year = item.year.map(|year| format!(" ({year})")).unwrap_or_default();
            format!("item {}, {show}{}{year}", item.rating_key, item.title)
        };
        let outcome = match (answer, items) {
            (Some(Answer::Found(found)), _) => format!("item {} has it", found.rating_key),
            (Some(Answer::Ambiguous(keys)), _) => format!("{} items have it alike", keys.len()),
            (_, []) => "no item has it".to_owned(),
            (_, [item]) => format!("{} is near and was rejected", named(item)),
            (_, [item, rest @ ..]) => {
                format!("{} and {} more are near and were rejected", named(item), rest.len())
            }
        };
        tried.push(format!("{}: {outcome}", what()));
    }

    /// Notes one line.
    pub(crate) fn say(&mut self, what: impl FnOnce() -> String) {
        if let Some(tried) = &mut self.0 {
            tried.push(what());
        }
    }

    /// Whether somebody wants to read the notes.
    pub(crate) fn is_written(&self) -> bool {
        self.0.is_some()
    }

    /// The notes, one a line.
    pub(crate) fn into_lines(self) -> Vec<String> {
        self.0.unwrap_or_default()
    }
}
