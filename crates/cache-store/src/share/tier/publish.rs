//! Publishes a section: first chunks under a new name, then the head that points to them.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::channel;
use tracing::debug;

use crate::error::Error;
use crate::model::position::{CommitId, Position};
use crate::model::section::SectionState;
use crate::share::off_thread::off_thread;
use crate::share::tier::counts::Miss;
use crate::share::tier::hold::Lease;
use crate::share::tier::keys::{SectionNames, hex};
use crate::share::tier::protocol::{Head, Link, Publish, Snapshot, extended, publish};
use crate::share::tier::snapshot::{read_chunks, read_entry};
use crate::share::tier::{DATA, Look, Tier, new_id, scripts};
use crate::store::Store;

/// How long a replaced snapshot stays, so that a host that is reading it can finish.
const REPLACED: Duration = Duration::from_mins(10);

impl Tier {
    /// Publishes a section as the local file has it, and gives the lease back. If another host
    /// committed after `look`, or took the lease, nothing is overwritten.
    ///
    /// `calls`: how many calls to the server the section cost.
    pub(crate) async fn publish(
        &self,
        store: &Arc<Store>,
        state: &SectionState,
        mut lease: Lease,
        look: &Look,
        calls: u64,
    ) -> Result<(), Error> {
        let published = self.try_publish(store, state, &lease, look, calls).await?;
        match published {
            Ok(()) => {
                lease.done = true;
                self.counting.change().published += 1;
            }
            Err(miss) => {
                debug!(section = state.id.0, ?miss, "not published");
                self.counting.miss(miss);
            }
        }
        Ok(())
    }

    async fn try_publish(
        &self,
        store: &Arc<Store>,
        state: &SectionState,
        lease: &Lease,
        look: &Look,
        calls: u64,
    ) -> Result<Result<(), Miss>, Error> {
        let (Some(stamp), Some(observed)) = (state.stamp, state.observed_at) else {
            return Ok(Err(Miss::Moved));
        };
        let names = &lease.names;
        let commit = new_id();
        let base = look.head.as_ref();
        let mut entry = None;
        let from = state.position.as_ref().map(|position| position.commit);
        // A section that is newer than the head's own commit can name what changed since.
        if from.is_some() && from == base.and_then(Head::commit) {
            let state = state.clone();
            let read = off_thread(store, move |store| read_entry(store, &state));
            let payload = read.await?.and_then(|entry| entry.encode());
            entry = payload.map(|payload| self.seal.seal(&names.entry(commit), &payload));
        }
        let how = publish(base, entry.as_ref().map(Vec::len));
        let entry = entry.filter(|_| how.entry).unwrap_or_default();
        let snapshot = match base {
            Some(base) if !how.snapshot => Ok(base.snapshot),
            _ => self.write_snapshot(store, state, lease, commit).await?,
        };
        let snapshot = match snapshot {
            Ok(snapshot) => snapshot,
            Err(miss) => return Ok(Err(miss)),
        };
        let bytes = u32::try_from(entry.len()).unwrap_or(0);
        let link = Link { commit, bytes, calls: u32::try_from(calls).unwrap_or(u32::MAX) };
        let head = Head {
            stamp,
            items: state.items,
            unsupported: state.unsupported,
            // Other hosts must not need to compare the stamps again.
            complete: state.complete && state.settled,
            observed: look.at.engine(observed),
            listed: look.at.engine(state.listed_at.unwrap_or_default()),
            metadata: state.metadata_at.map(|at| look.at.engine(at)),
            changed_until: state.changed_until.map(|at| at.0),
            snapshot,
            chain: extended(base, link),
            seen_with: self.seen_with,
        };
        let committed = self.commit(lease, look, commit, &head, &entry).await;
        if committed.is_ok() {
            let (state, now) = (state.clone(), Position { commit, stamp, touched: Vec::new() });
            off_thread(store, move |store| store.note_position(&state, &now)).await?;
            self.age_chunks(names, base, how, &head).await;
        }
        Ok(committed)
    }

    async fn commit(
        &self,
        lease: &Lease,
        look: &Look,
        commit: CommitId,
        head: &Head,
        entry: &[u8],
    ) -> Result<(), Miss> {
        let names = &lease.names;
        let key = names.head();
        let value = self.seal.seal(&key, &head.encode());
        let (holder, ttl) = (hex(lease.holder), DATA.as_millis().to_string());
        let keys = [key.as_str(), &names.lease(), &names.entry(commit)];
        let arguments = [holder.as_bytes(), &look.commit, &commit.0, &value, entry, ttl.as_bytes()];
        match self.engine.run::<i64>(scripts::COMMIT, &keys, &arguments).await? {
            2 => {
                self.counting.change().bytes_written += (value.len() + entry.len()) as u64;
                Ok(())
            }
            _ => Err(Miss::LeaseLost),
        }
    }

    /// Writes a section's chunks under a new name. Nothing points to them yet.
    async fn write_snapshot(
        &self,
        store: &Arc<Store>,
        state: &SectionState,
        lease: &Lease,
        of: CommitId,
    ) -> Result<Result<Snapshot, Miss>, Error> {
        let id = new_id();
        let (sender, mut receiver) = channel(1);
        let read = {
            let state = state.clone();
            off_thread(store, move |store| read_chunks(store, &state, &sender))
        };
        let write = Box::pin(async move {
            let (mut chunks, mut bytes) = (0, 0);
            while let Some(payload) = receiver.recv().await {
                let key = lease.names.chunk(id, chunks);
                let value = self.seal.seal(&key, &payload);
                bytes += value.len() as u64;
                if bytes > self.config.max_bytes {
                    return Err(Miss::TooLarge);
                }
                self.engine.set(&key, &value, DATA).await?;
                chunks += 1;
            }
            Ok((chunks, bytes))
        });
        // The lease is renewed meanwhile, because a slow host may need long to write a large
        // section.
        let (read, written) = lease.renewing(Box::pin(futures::future::join(read, write))).await;
        Ok(match (read?, written) {
            (_, Err(miss)) => Err(miss),
            (None, _) => Err(Miss::Moved),
            (Some(items), Ok((chunks, bytes))) => Ok(Snapshot { id, of, chunks, items, bytes }),
        })
    }

    /// Chunks in use must last as long as the head. Replaced chunks expire soon.
    async fn age_chunks(
        &self,
        names: &SectionNames,
        before: Option<&Head>,
        how: Publish,
        head: &Head,
    ) {
        let (snapshot, ttl) = match before {
            Some(before) if how.snapshot => (before.snapshot, REPLACED),
            Some(_) => (head.snapshot, DATA),
            None => return,
        };
        let chunks = (0..snapshot.chunks).map(|number| names.chunk(snapshot.id, number));
        let since = head.chain.iter().rev().take_while(|link| link.commit != snapshot.of);
        let entries = since.filter(|_| !how.snapshot).map(|link| names.entry(link.commit));
        for key in chunks.chain(entries) {
            // If this fails, the chunks expire earlier or later. A snapshot with a missing chunk is
            // not used.
            if self.engine.expire(&key, ttl).await.is_err() {
                return;
            }
        }
    }
}
