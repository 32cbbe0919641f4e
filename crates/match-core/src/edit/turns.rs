//! If two runs edit one item, the second waits until the first has ended. Otherwise, each would
//! compare with the item as it was before the other run, and both would write the same note of
//! progress. Runs on other items do not wait.

use std::collections::HashSet;
use std::pin::pin;
use std::sync::{Mutex, PoisonError};

use plex_api::RatingKey;
use tokio::sync::Notify;

/// The items that are being edited.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    items: Mutex<HashSet<RatingKey>>,
    ended: Notify,
}

/// Items that one run edits, until this is dropped.
#[derive(Debug)]
pub(super) struct Turn<'a> {
    turns: &'a Turns,
    keys: Vec<RatingKey>,
}

impl Turns {
    /// Waits until no other run edits any of these items.
    pub(super) async fn wait(&self, keys: Vec<RatingKey>) -> Turn<'_> {
        loop {
            // From here on, the end of another run cannot be missed.
            let mut ended = pin!(self.ended.notified());
            ended.as_mut().enable();
            if self.take(&keys) {
                return Turn { turns: self, keys };
            }
            ended.await;
        }
    }

    fn take(&self, keys: &[RatingKey]) -> bool {
        let mut items = self.items.lock().unwrap_or_else(PoisonError::into_inner);
        let free = keys.iter().all(|key| !items.contains(key));
        if free {
            items.extend(keys);
        }
        free
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut items = self.turns.items.lock().unwrap_or_else(PoisonError::into_inner);
        for key in &self.keys {
            items.remove(key);
        }
        drop(items);
        self.turns.ended.notify_waiters();
    }
}
