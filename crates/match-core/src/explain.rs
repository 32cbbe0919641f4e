//! What was tried for one query, in words.

use cache_store::ItemRef;

use crate::answer::{Answer, Decision};

/// A decision, and everything that was tried on the way to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explained {
    /// The decision, as [`crate::match_one`] makes it.
    pub decision: Decision,
    /// Each reading of the names in the order in which they were tried, and what came of it. Of an
    /// absent answer the items that were looked at and rejected are among them.
    pub tried: Vec<String>,
}

/// What is written down while a query is decided, if somebody wants to read it.
#[derive(Debug, Default)]
pub(crate) struct Tried(Option<Vec<String>>);

impl Tried {
    /// One that writes.
    pub(crate) fn written() -> Self {
        Self(Some(Vec::new()))
    }

    /// Notes a reading, the items it led to, and what the rule said of them.
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

    /// Notes what stands for itself.
    pub(crate) fn say(&mut self, what: impl FnOnce() -> String) {
        if let Some(tried) = &mut self.0 {
            tried.push(what());
        }
    }

    /// Somebody wants to read it.
    pub(crate) fn is_written(&self) -> bool {
        self.0.is_some()
    }

    /// What was written down.
    pub(crate) fn into_lines(self) -> Vec<String> {
        self.0.unwrap_or_default()
    }
}
