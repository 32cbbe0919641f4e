//! The changes of a run, by item. Pure.

use std::collections::HashMap;

use plex_api::RatingKey;

use crate::edit::change::{Change, Step};
use crate::edit::outcome::{EditFailure, EditOutcome};

/// All changes of one item. They are merged, apart from those that fail by themselves.
pub(super) struct Target {
    pub(super) key: RatingKey,
    changes: Vec<Asked>,
    /// The outcome of the changes that did not fail by themselves.
    pub(super) outcome: Option<EditOutcome>,
}

/// A change of a target.
struct Asked {
    /// Its position in the host's list.
    position: usize,
    change: Change,
    /// Why this change fails, whatever the outcome of the others is.
    failure: Option<EditFailure>,
}

impl Target {
    /// The changes that did not fail.
    pub(super) fn open(&self) -> impl Iterator<Item = &Change> {
        self.changes.iter().filter(|asked| asked.failure.is_none()).map(|asked| &asked.change)
    }

    /// The steps of the open changes, in order.
    pub(super) fn steps(&self) -> Vec<Step> {
        self.open().flat_map(|change| change.steps.iter().cloned()).collect()
    }

    /// Fails the changes for which there is a reason. It is an error if none is left.
    pub(super) fn fail(
        &mut self,
        why: impl Fn(&Change) -> Option<EditFailure>,
    ) -> Result<(), EditFailure> {
        for asked in self.changes.iter_mut().filter(|asked| asked.failure.is_none()) {
            asked.failure = why(&asked.change);
        }
        let last = self.changes.last().and_then(|asked| asked.failure.clone());
        match last {
            Some(failure) if self.open().next().is_none() => Err(failure),
            _ => Ok(()),
        }
    }

    /// The outcome of each change that has one, with its position.
    pub(super) fn outcomes(&self) -> impl Iterator<Item = (usize, EditOutcome)> {
        self.changes.iter().filter_map(|Asked { position, failure, .. }| {
            let failed = failure.clone().map(EditOutcome::Failed);
            Some((*position, failed.or_else(|| self.outcome.clone())?))
        })
    }
}

/// The changes by item, in the order in which the items first appear.
pub(super) fn by_item(changes: Vec<Change>) -> Vec<Target> {
    let mut targets: Vec<Target> = Vec::with_capacity(changes.len());
    let mut there: HashMap<RatingKey, usize> = HashMap::with_capacity(changes.len());
    for (position, change) in changes.into_iter().enumerate() {
        let key = change.rating_key;
        let at = *there.entry(key).or_insert(targets.len());
        let asked = Asked { position, change, failure: None };
        match targets.get_mut(at) {
            Some(target) => target.changes.push(asked),
            None => targets.push(Target { key, changes: vec![asked], outcome: None }),
        }
    }
    targets
}
