//! What hosts agree on, as functions of what each host sees. There is no I/O and no clock here.
//!
//! A section's commits form a chain. Each commit has a random name, and names the commit that it
//! was made from. So two branches can be told apart. Nothing is ever ordered by a stamp or a clock:
//! stamps are only compared for equality.

use std::time::Duration;

use crate::model::position::{CommitId, Position};
use crate::model::revision::SectionStamp;

/// A moment on the engine's clock, in milliseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct EngineTime(pub(crate) i64);

/// The state of a section that hosts last agreed on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Head {
    /// The stamp that belongs to the items.
    pub(crate) stamp: SectionStamp,
    /// The number of items, and of rows that the server counts but that cannot be kept.
    pub(crate) items: u64,
    pub(crate) unsupported: u64,
    /// Whether these are all items that exist at the stamp.
    pub(crate) complete: bool,
    /// When the stamp was seen, when all items were last read, and when the titles were last
    /// brought up to date.
    pub(crate) observed: EngineTime,
    pub(crate) listed: EngineTime,
    pub(crate) metadata: Option<EngineTime>,
    /// The newest time of an item, by the server's clock, in seconds. The next delta begins there.
    pub(crate) changed_until: Option<i64>,
    pub(crate) snapshot: Snapshot,
    /// The last commits, the oldest first. The last one is this head.
    pub(crate) chain: Vec<Link>,
    /// A keyed hash of the token that listed the items. Zeros if the hosts have no secret.
    pub(crate) seen_with: [u8; 16],
}

/// A section's items in key order, in chunks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Snapshot {
    pub(crate) id: CommitId,
    /// The commit that these items belong to.
    pub(crate) of: CommitId,
    pub(crate) chunks: u32,
    pub(crate) items: u64,
    /// The bytes of all chunks in the engine.
    pub(crate) bytes: u64,
}

/// A commit of the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) commit: CommitId,
    /// The bytes of the log entry that leads here from the commit before. 0: there is no entry.
    pub(crate) bytes: u32,
    /// How many calls to the server this commit cost its maker.
    pub(crate) calls: u32,
}

/// How many commits a head remembers. A host that is further back needs a snapshot. Every read of a
/// head also reads this chain, 25 bytes for each commit.
pub(crate) const CHAIN: usize = 64;

/// A larger log entry is not written. Hosts then take the snapshot.
pub(crate) const ENTRY_AT_MOST: usize = 1 << 20;

impl Head {
    /// The name of the head's own commit.
    pub(crate) fn commit(&self) -> Option<CommitId> {
        self.chain.last().map(|link| link.commit)
    }
}

/// The commit from which a host can catch up, if its section has this stamp.
pub(crate) fn base(position: Option<&Position>, stamp: Option<SectionStamp>) -> Option<CommitId> {
    position.filter(|position| Some(position.stamp) == stamp).map(|position| position.commit)
}

/// How a host gets the items of a head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Way {
    /// It has them.
    There,
    /// Through these log entries, in order.
    Log(Vec<CommitId>),
    /// Through the snapshot, and then through these log entries.
    Snapshot(Vec<CommitId>),
}

/// The cheapest way in bytes. `None`: there is no way, so the head cannot be used.
pub(crate) fn way(head: &Head, base: Option<CommitId>) -> Option<Way> {
    let from = |commit: CommitId| {
        let at = head.chain.iter().position(|link| link.commit == commit)?;
        let links = head.chain.get(at + 1..)?;
        let bytes: u64 = links.iter().map(|link| u64::from(link.bytes)).sum();
        let whole = links.iter().all(|link| link.bytes > 0);
        whole.then(|| (links.iter().map(|link| link.commit).collect::<Vec<_>>(), bytes))
    };
    let snapshot = from(head.snapshot.of);
    match base.and_then(from) {
        Some((links, _)) if links.is_empty() => Some(Way::There),
        Some((links, bytes)) if snapshot.is_none() || bytes <= head.snapshot.bytes => {
            Some(Way::Log(links))
        }
        _ => snapshot.map(|(links, _)| Way::Snapshot(links)),
    }
}

/// The calls that this way saves: what the commits cost, or what a listing costs.
pub(crate) fn calls_saved(head: &Head, way: &Way, page: u32) -> u64 {
    let rows = head.items + head.unsupported;
    match way {
        Way::There => 0,
        Way::Snapshot(_) => rows.div_ceil(u64::from(page.max(1))),
        Way::Log(links) => {
            let of = head.chain.iter().filter(|link| links.contains(&link.commit));
            of.map(|link| u64::from(link.calls)).sum()
        }
    }
}

/// How a commit is published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Publish {
    /// Write what changed as a log entry.
    pub(crate) entry: bool,
    /// Write all items again.
    pub(crate) snapshot: bool,
}

/// Decides how a host publishes its state. `entry` is the number of bytes of what changed since
/// `head`, if the host knows that.
pub(crate) fn publish(head: Option<&Head>, entry: Option<usize>) -> Publish {
    let whole = Publish { entry: false, snapshot: true };
    let (Some(head), Some(entry)) = (head, entry.filter(|bytes| *bytes <= ENTRY_AT_MOST)) else {
        return whole;
    };
    let of = head.chain.iter().position(|link| link.commit == head.snapshot.of);
    let since = of.and_then(|at| head.chain.get(at + 1..));
    let Some(since) = since else { return Publish { entry: true, snapshot: true } };
    let log: u64 = since.iter().map(|link| u64::from(link.bytes)).sum::<u64>() + entry as u64;
    // Write a snapshot if the log has more than a quarter of its bytes, or if the snapshot would
    // soon fall off the chain.
    let due = log > head.snapshot.bytes / 4 || since.len() + 2 > CHAIN;
    Publish { entry: true, snapshot: due && log > FEW }
}

/// A log of at most this size is never worth a snapshot: 16 KiB.
const FEW: u64 = 16 << 10;

/// The chain after one more commit.
pub(crate) fn extended(head: Option<&Head>, link: Link) -> Vec<Link> {
    let before = head.map(|head| head.chain.as_slice()).unwrap_or_default();
    let skip = (before.len() + 1).saturating_sub(CHAIN);
    before.iter().skip(skip).copied().chain([link]).collect()
}

/// The age of a moment on the engine's clock, in whole seconds, rounded up. `None`: it is in the
/// future, so it says nothing.
pub(crate) fn age(now: EngineTime, then: EngineTime) -> Option<i64> {
    let millis = now.0.checked_sub(then.0).filter(|millis| *millis >= 0)?;
    Some(millis.div_euclid(1_000) + i64::from(millis % 1_000 > 0))
}

/// How long a host waits before it reads a snapshot that it waited for. All waiting hosts would
/// begin at the same moment, so each one waits for a random time. The range grows with the number
/// of bytes.
pub(crate) fn crowd_delay(bytes: u64, random: u64) -> Duration {
    // In this time, a link of one gigabit a second brings a MiB to two hosts. In microseconds.
    const MIB: u64 = 20_000;
    let most = (bytes.min(1 << 30) * MIB) >> 20;
    Duration::from_micros(random % (most + 1))
}

/// The decision of the script that commits. The engine decides the same (`scripts.rs`).
#[cfg(test)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Committed,
    /// The lease expired. Another host may have it.
    LeaseLost,
    /// Another host committed meanwhile.
    HeadMoved,
}

/// Decides like the script. The model uses it.
#[cfg(test)]
pub(crate) fn commit(
    lease: Option<CommitId>,
    mine: CommitId,
    head: Option<CommitId>,
    base: Option<CommitId>,
) -> Verdict {
    if lease != Some(mine) {
        Verdict::LeaseLost
    } else if head != base {
        Verdict::HeadMoved
    } else {
        Verdict::Committed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u8) -> CommitId {
        CommitId([number; 16])
    }

    fn link(number: u8, bytes: u32) -> Link {
        Link { commit: id(number), bytes, calls: 3 }
    }

    /// A head with these links. Its snapshot belongs to one of them and has 4,000 bytes.
    fn head(chain: &[Link], of: u8) -> Head {
        let stamp =
            SectionStamp { content_changed_at: Some(7), scanned_at: None, updated_at: None };
        Head {
            stamp,
            items: 1_000,
            unsupported: 1,
            complete: true,
            observed: EngineTime(0),
            listed: EngineTime(0),
            metadata: None,
            changed_until: None,
            snapshot: Snapshot { id: id(99), of: id(of), chunks: 1, items: 1_000, bytes: 4_000 },
            chain: chain.to_vec(),
            seen_with: [0; 16],
        }
    }

    #[test]
    fn the_way_to_a_head() {
        let chain = [link(1, 0), link(2, 100), link(3, 200)];
        let log = |ids: &[u8]| Some(Way::Log(ids.iter().map(|&n| id(n)).collect()));
        let snapshot = |ids: &[u8]| Some(Way::Snapshot(ids.iter().map(|&n| id(n)).collect()));
        // (chain, snapshot of, base, way)
        let hole = [link(1, 0), link(2, 100), link(3, 0), link(4, 50)];
        let heavy = [link(1, 0), link(2, 3_000), link(3, 3_000)];
        for (chain, of, base, expect) in [
            (&chain[..], 1, None, snapshot(&[2, 3])),
            (&chain, 3, None, snapshot(&[])),
            (&chain, 1, Some(3), Some(Way::There)),
            (&chain, 1, Some(2), log(&[3])),
            (&chain, 1, Some(1), log(&[2, 3])),
            (&chain, 1, Some(8), snapshot(&[2, 3])), // another branch, or too far back
            (&hole, 3, Some(2), snapshot(&[4])),     // no entry leads over the listing
            (&hole, 3, Some(3), log(&[4])),
            (&hole, 1, None, None), // and the snapshot lies before it
            (&hole, 1, Some(3), log(&[4])),
            (&hole, 8, None, None), // it fell off the chain
            (&hole, 8, Some(3), log(&[4])),
            (&heavy, 2, Some(1), snapshot(&[3])), // fewer bytes
            (&heavy, 2, Some(2), log(&[3])),
        ] {
            let way = way(&head(chain, of), base.map(id));
            assert_eq!(way, expect, "{chain:?}, snapshot of {of}, base {base:?}");
        }
    }

    #[test]
    fn a_position_holds_under_its_stamp() {
        let stamp = head(&[link(1, 0)], 1).stamp;
        let position = Some(Position { commit: id(1), stamp, touched: Vec::new() });
        let other = SectionStamp { content_changed_at: Some(8), ..stamp };
        for (position, stamp, expect) in [
            (position.as_ref(), Some(stamp), Some(id(1))),
            (position.as_ref(), Some(other), None),
            (position.as_ref(), None, None),
            (None, Some(stamp), None),
        ] {
            assert_eq!(base(position, stamp), expect);
        }
    }

    #[test]
    fn what_is_published() {
        let short = head(&[link(1, 0), link(2, 100)], 1);
        let large = |since: usize, bytes: u32| {
            let links = (0..since).map(|n| link(u8::try_from(n + 2).unwrap(), bytes));
            let mut head = head(&[link(1, 0)].into_iter().chain(links).collect::<Vec<_>>(), 1);
            head.snapshot.bytes = 1 << 20;
            head
        };
        let whole = Publish { entry: false, snapshot: true };
        let entry = Publish { entry: true, snapshot: false };
        let both = Publish { entry: true, snapshot: true };
        for (head, bytes, expect) in [
            (None, None, whole),
            (None, Some(10), whole),                 // from nothing
            (Some(short.clone()), None, whole),      // nobody knows what changed
            (Some(short.clone()), Some(100), entry), // more than a quarter, and next to nothing
            (Some(short), Some(ENTRY_AT_MOST + 1), whole),
            (Some(large(2, 10_000)), Some(10_000), entry),
            (Some(large(2, 100_000)), Some(100_000), both), // longer than a quarter
            (Some(large(61, 10)), Some(10), entry),
            (Some(large(63, 1_000)), Some(10), both), // else the snapshot falls off the chain
        ] {
            let text = format!("{:?}, {bytes:?}", head.as_ref().map(|head| head.chain.len()));
            assert_eq!(publish(head.as_ref(), bytes), expect, "{text}");
        }
    }

    #[test]
    fn the_chain_has_an_end() {
        let mut now: Option<Head> = None;
        for number in 0..100 {
            let chain = extended(now.as_ref(), link(number, 1));
            assert_eq!(chain.len(), usize::from(number + 1).min(CHAIN));
            assert_eq!(chain.last().unwrap().commit, id(number));
            now = Some(head(&chain, 0));
        }
    }

    #[test]
    fn a_commit_needs_the_lease_and_the_head_it_started_from() {
        let (me, other) = (id(1), id(2));
        let (old, new) = (Some(id(7)), Some(id(8)));
        for (lease, now, base, expect) in [
            (Some(me), None, None, Verdict::Committed),
            (Some(me), old, old, Verdict::Committed),
            (Some(me), new, old, Verdict::HeadMoved),
            (Some(me), None, old, Verdict::HeadMoved), // everything was lost since
            (Some(me), old, None, Verdict::HeadMoved),
            (Some(other), old, old, Verdict::LeaseLost),
            (None, old, old, Verdict::LeaseLost),
        ] {
            assert_eq!(commit(lease, me, now, base), expect, "{lease:?} {now:?} {base:?}");
        }
    }

    #[test]
    fn ages_are_rounded_up_and_the_future_has_none() {
        let now = EngineTime(10_000);
        for (then, expect) in [
            (10_000, Some(0)),
            (9_999, Some(1)),
            (9_000, Some(1)),
            (8_999, Some(2)),
            (10_001, None),
        ] {
            assert_eq!(age(now, EngineTime(then)), expect, "{then}");
        }
    }

    #[test]
    fn a_crowd_spreads_by_the_size_of_what_it_reads() {
        let mib = |bytes| (0..1_000).map(|n| crowd_delay(bytes, n * 7_919)).max().unwrap();
        assert_eq!(crowd_delay(100 << 20, 0), Duration::ZERO);
        assert!(mib(100 << 20) > Duration::from_millis(1_900));
        assert!(mib(100 << 20) <= Duration::from_secs(2));
        assert!(mib(1 << 20) <= Duration::from_millis(20));
        assert!(crowd_delay(u64::MAX, u64::MAX) <= Duration::from_secs(21));
    }

    #[test]
    fn what_taking_saves() {
        let head = head(&[link(1, 0), link(2, 10), link(3, 10)], 1);
        assert_eq!(calls_saved(&head, &Way::Snapshot(vec![id(2), id(3)]), 500), 3);
        assert_eq!(calls_saved(&head, &Way::Log(vec![id(3)]), 500), 3);
        assert_eq!(calls_saved(&head, &Way::There, 500), 0);
    }
}
