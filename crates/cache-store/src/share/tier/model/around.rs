//! What surrounds the hosts: a server and an engine.

use std::collections::{BTreeMap, HashMap};

use crate::model::position::CommitId;
use crate::model::revision::SectionStamp;
use crate::share::tier::protocol::{Head, Way};

/// The number of possible items.
pub(super) const KEYS: u64 = 12;

pub(super) type Content = BTreeMap<u64, u64>;

/// What changed from one commit to the next. `None`: the item is gone.
#[derive(Clone)]
pub(super) struct Entry {
    pub(super) from: CommitId,
    pub(super) changed: BTreeMap<u64, Option<u64>>,
}

/// xorshift: the same seed gives the same schedule.
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }

    pub(super) fn one_in(&mut self, sides: u64) -> bool {
        self.roll(sides) == 0
    }

    pub(super) fn id(&mut self) -> CommitId {
        let half = self.roll(u64::MAX).to_le_bytes();
        let mut id = [0; 16];
        id[..8].copy_from_slice(&half);
        CommitId(id)
    }
}

/// The server: its contents so far, and when each began.
pub(super) struct Server {
    pub(super) content: Content,
    pub(super) stamp: SectionStamp,
    pub(super) history: Vec<(i64, Content)>,
}

impl Server {
    pub(super) fn change(&mut self, dice: &mut Dice, now: i64) {
        let key = dice.roll(KEYS);
        if dice.one_in(3) {
            self.content.remove(&key);
        } else {
            self.content.insert(key, dice.roll(1_000_000));
        }
        // Counters have no order.
        let counter = i64::from_le_bytes(dice.roll(u64::MAX).to_le_bytes());
        self.stamp.content_changed_at = Some(counter);
        self.history.push((now, self.content.clone()));
    }

    /// Whether the server had each item (or lacked it), as this content does, at `since` or at some
    /// later moment. The moments may differ from item to item, because a host also reads items by
    /// key.
    pub(super) fn had_since(&self, content: &Content, since: i64) -> bool {
        let last_before = self.history.iter().rposition(|(at, _)| *at < since).unwrap_or(0);
        let since = &self.history[last_before..];
        (0..KEYS).all(|key| since.iter().any(|(_, had)| had.get(&key) == content.get(&key)))
    }
}

#[derive(Clone, Default)]
pub(super) struct Engine {
    pub(super) head: Option<Head>,
    /// When the stamp of each commit was seen. The checks use it; no decision does.
    pub(super) seen: HashMap<CommitId, i64>,
    pub(super) snapshots: HashMap<CommitId, Content>,
    pub(super) entries: HashMap<CommitId, Entry>,
    pub(super) lease: Option<(CommitId, i64)>,
    pub(super) probe: Option<(i64, SectionStamp)>,
}

impl Engine {
    pub(super) fn lease(&self, now: i64) -> Option<CommitId> {
        self.lease.filter(|(_, until)| now < *until).map(|(holder, _)| holder)
    }

    /// The content that a host gets. `None`: something on the way is missing or does not fit.
    pub(super) fn read(&self, head: &Head, way: &Way, mine: &Content) -> Option<Content> {
        let (mut content, links) = match way {
            Way::There => return Some(mine.clone()),
            Way::Log(links) => (mine.clone(), links),
            Way::Snapshot(links) => (self.snapshots.get(&head.snapshot.id)?.clone(), links),
        };
        for link in links {
            let entry = self.entries.get(link)?;
            let at = head.chain.iter().position(|known| known.commit == *link)?;
            if head.chain.get(at.checked_sub(1)?)?.commit != entry.from {
                return None;
            }
            for (key, value) in &entry.changed {
                match value {
                    Some(value) => drop(content.insert(*key, *value)),
                    None => drop(content.remove(key)),
                }
            }
        }
        // The host compares the total.
        (content.len() as u64 == head.items).then_some(content)
    }
}
