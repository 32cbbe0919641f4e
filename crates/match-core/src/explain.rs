//! The steps of the rules for one query, as text.

use cache_store::ItemRef;

use crate::answer::{Answer, Decision};

/// A decision, and everything that the rules tried before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explained {
    /// The same decision as from [`crate::match_one`].
    pub decision: Decision,
    /// Each reading of the names, in the order in which they were tried, with its result. For an
    /// absent answer this includes the items that were rejected.
    pub tried: Vec<String>,
}

/// Notes about how a query is decided. They are written only on request.
#[derive(Debug, Default)]
pub(crate) struct Tried(Option<Vec<String>>);

impl Tried {
    /// Notes that are written.
    pub(crate) fn written() -> Self {
        Self(Some(Vec::new()))
    }

    /// Writes down a reading, the items that it found, and the result of the rule.
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

    /// Writes one line.
    pub(crate) fn say(&mut self, what: impl FnOnce() -> String) {
        if let Some(tried) = &mut self.0 {
            tried.push(what());
        }
    }

    /// Whether notes are written.
    pub(crate) fn is_written(&self) -> bool {
        self.0.is_some()
    }

    /// The notes, one in each line.
    pub(crate) fn into_lines(self) -> Vec<String> {
        self.0.unwrap_or_default()
    }
}
