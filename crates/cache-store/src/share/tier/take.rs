//! Takes a section from the tier: everything is read and verified first, then one local transaction
//! writes it.

use std::collections::BTreeMap;
use std::convert::identity;
use std::sync::Arc;

use futures::{StreamExt, stream};
use plex_api::UnixSeconds;

use crate::error::Error;
use crate::model::item::CachedItem;
use crate::model::position::CommitId;
use crate::model::section::{Lookups, SectionState};
use crate::share::off_thread::off_thread;
use crate::share::tier::counts::Miss;
use crate::share::tier::keys::SectionNames;
use crate::share::tier::protocol::{Head, Way};
use crate::share::tier::wire::{Entry, decompress, items};
use crate::share::tier::{Look, Tier};
use crate::store::Store;
use crate::store::apply::update::{Applied, Changes, Claims, Scope, Update};
use crate::store::staging::Spool;

/// How many chunks are requested at the same time.
const AT_ONCE: usize = 2;

/// The expected bytes of a chunk. The time-out depends on it.
const CHUNK: usize = 1 << 20;

impl Tier {
    /// Brings the local file to a head. `None`: this was not possible, and nothing was written.
    ///
    /// `observed_at`: when the head's stamp was seen, by our clock.
    pub(crate) async fn take(
        &self,
        store: &Arc<Store>,
        state: &SectionState,
        look: &Look,
        way: &Way,
        observed_at: UnixSeconds,
    ) -> Result<Option<(SectionState, Changes)>, Error> {
        let (Some(head), Some(names)) = (&look.head, self.section_names(state)) else {
            return Ok(None);
        };
        let Some(commit) = head.commit() else { return Ok(None) };
        let read = match way {
            Way::There => return Ok(None),
            Way::Log(links) => self.read_log(store, &names, head, links).await,
            Way::Snapshot(links) => self.read_snapshot(store, state, &names, head, links).await,
        };
        let (rows, scope) = match read {
            Ok(read) => read,
            Err(Trouble::Miss(miss)) => {
                self.counting.miss(miss);
                return Ok(None);
            }
            Err(Trouble::Here(error)) => return Err(error),
        };
        let claims = Claims {
            listed_at: look.at.ours(head.listed),
            metadata_at: head.metadata.map(|at| look.at.ours(at)),
            changed_until: head.changed_until.map(UnixSeconds),
            commit,
        };
        let update = Update {
            scope,
            total: Some(head.items + head.unsupported),
            unsupported: head.unsupported,
            complete: head.complete,
            settled: Some(head.complete),
            lookups: Lookups { spent: 0, ..state.lookups },
            observed_at,
            claims: Some(claims),
            ..Update::new(state, rows, head.stamp, observed_at)
        };
        match off_thread(store, move |store| store.apply(update)).await? {
            Applied::Done(state, changes) => {
                self.note_taken(way);
                Ok(Some((*state, changes)))
            }
            Applied::Disagrees | Applied::Unexplained | Applied::Damaged => {
                self.counting.miss(Miss::Incomplete);
                Ok(None)
            }
            Applied::Moved => {
                self.counting.miss(Miss::Moved);
                Ok(None)
            }
        }
    }

    fn note_taken(&self, way: &Way) {
        let mut counts = self.counting.change();
        match way {
            Way::Snapshot(_) => counts.snapshots += 1,
            Way::Log(_) | Way::There => counts.deltas += 1,
        }
    }

    /// Reads the entries of the log. A later entry replaces what an earlier one says.
    async fn read_entries(
        &self,
        names: &SectionNames,
        head: &Head,
        links: &[CommitId],
    ) -> Result<BTreeMap<u64, Option<CachedItem>>, Trouble> {
        let mut changed = BTreeMap::new();
        for link in links {
            let at = head.chain.iter().position(|known| known.commit == *link);
            let before = at.and_then(|at| head.chain.get(at.checked_sub(1)?));
            let key = names.entry(*link);
            let value = self.engine.get(&key, CHUNK).await?.ok_or(Miss::Incomplete)?;
            let entry = self.seal.open(&key, &value).and_then(Entry::decode);
            // An entry leads from the commit before to this commit. It must not be applied to
            // another one.
            let entry = entry.filter(|entry| before.is_some_and(|b| b.commit.0 == entry.from));
            let entry = entry.ok_or(Miss::NotVerified)?;
            changed.extend(entry.gone.into_iter().map(|key| (key, None)));
            changed.extend(entry.items.into_iter().map(|item| (item.rating_key.0, Some(item))));
        }
        Ok(changed)
    }

    async fn read_log(
        &self,
        store: &Arc<Store>,
        names: &SectionNames,
        head: &Head,
        links: &[CommitId],
    ) -> Result<(Spool, Scope), Trouble> {
        let changed = self.read_entries(names, head, links).await?;
        let gone = changed.iter().filter(|(_, item)| item.is_none()).map(|(key, _)| *key).collect();
        let items = changed.into_values().flatten().collect();
        let rows = spooled(store, Spool::new(), items).await?;
        Ok((rows, Scope::Delta(gone)))
    }

    async fn read_snapshot(
        &self,
        store: &Arc<Store>,
        state: &SectionState,
        names: &SectionNames,
        head: &Head,
        links: &[CommitId],
    ) -> Result<(Spool, Scope), Trouble> {
        let snapshot = head.snapshot;
        if snapshot.bytes > self.config.max_bytes || snapshot.chunks == 0 && snapshot.items > 0 {
            return Err(Miss::TooLarge.into());
        }
        let mut changed = self.read_entries(names, head, links).await?;
        let mut rows = Spool::of_all(state, store.indexing);
        let chunks = (0..snapshot.chunks).map(|number| async move {
            let key = names.chunk(snapshot.id, number);
            let value = self.engine.get(&key, CHUNK).await?.ok_or(Miss::Incomplete)?;
            let seal = self.seal.clone();
            let open = move |_: &Store| {
                let raw = seal.open(&key, &value).and_then(decompress);
                Ok(raw.and_then(|raw| items(&raw)))
            };
            Ok::<_, Trouble>(off_thread(store, open).await?.ok_or(Miss::NotVerified)?)
        });
        let mut chunks = std::pin::pin!(stream::iter(chunks).buffered(AT_ONCE));
        let (mut read, mut last) = (0, None);
        let mut next = chunks.next().await;
        while let Some(chunk) = next {
            let items = chunk?;
            read += items.len() as u64;
            let first = items.first().map(|item| item.rating_key);
            if read > snapshot.items || last.is_some() && first <= last {
                return Err(Miss::NotVerified.into());
            }
            last = items.last().map(|item| item.rating_key).or(last);
            // While one chunk is spooled, the next one is opened.
            let spooling = spooled(store, rows, merged(items, &mut changed));
            let (chunk, spooled) = futures::future::join(chunks.next(), spooling).await;
            (next, rows) = (chunk, spooled?);
        }
        if read != snapshot.items {
            return Err(Miss::Incomplete.into());
        }
        let rest = changed.into_values().flatten().collect();
        let mut rows = spooled(store, rows, rest).await?;
        let keys = rows.take_keys();
        Ok((rows, Scope::Complete(keys)))
    }
}

/// The items of a snapshot merged with those of the log. The log is later, so its items win.
fn merged(
    items: Vec<CachedItem>,
    changed: &mut BTreeMap<u64, Option<CachedItem>>,
) -> Vec<CachedItem> {
    if changed.is_empty() {
        return items;
    }
    let mut merged = Vec::with_capacity(items.len());
    for item in items {
        let mut later = Vec::new();
        while let Some(entry) = changed.first_entry() {
            if *entry.key() > item.rating_key.0 {
                break;
            }
            later.push(entry.remove_entry());
        }
        let replaced = later.last().is_some_and(|(key, _)| *key == item.rating_key.0);
        merged.extend(later.into_iter().filter_map(|(_, item)| item));
        if !replaced {
            merged.push(item);
        }
    }
    merged
}

/// Adds items to a spool, outside the async threads.
async fn spooled(
    store: &Arc<Store>,
    mut rows: Spool,
    items: Vec<CachedItem>,
) -> Result<Spool, Trouble> {
    let extend = move |_: &Store| {
        // The head says where the next delta begins.
        rows.extend(items, identity, UnixSeconds(i64::MAX))?;
        Ok(rows)
    };
    Ok(off_thread(store, extend).await?)
}

/// Why a section was not taken.
enum Trouble {
    Miss(Miss),
    /// The local file or the temporary folder failed.
    Here(Error),
}

impl From<Miss> for Trouble {
    fn from(miss: Miss) -> Self {
        Self::Miss(miss)
    }
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self::Here(error)
    }
}
