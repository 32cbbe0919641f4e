//! A small model of the protocol: hosts, a server, and an engine that loses, delays and forgets
//! data. Events come in random order.
//!
//! The decisions are those of `protocol.rs`. Everything around them is a few lines of state. After
//! every step, two things must hold. Each item that a host has is as the server had it at some
//! moment after the host's stamp was seen. And what the engine holds cannot be read as anything
//! else.

mod around;

use std::fmt::Write;

use crate::model::position::{CommitId, Position};
use crate::model::revision::SectionStamp;
use crate::share::tier::model::around::{Content, Dice, Engine, Entry, KEYS, Server};
use crate::share::tier::protocol::{
    EngineTime, Head, Link, Snapshot, Verdict, Way, age, base, commit, extended, publish, way,
};

/// The number of steps for one seed.
const STEPS: usize = 4_000;

/// How long a lease lasts and a probe is fresh, in the model's milliseconds.
const LEASE: i64 = 40;
const FRESH: i64 = 60;

/// Where a host is in a refresh.
#[derive(Clone)]
enum At {
    Idle,
    Seen,
    /// It holds the lease and has looked.
    Held {
        holder: CommitId,
        base: Option<Head>,
    },
    /// It has written what it read to its own file.
    Read {
        holder: CommitId,
        base: Option<Head>,
    },
}

struct Host {
    content: Content,
    stamp: Option<SectionStamp>,
    position: Option<Position>,
    /// The stamp that the host saw, and when.
    seen: (SectionStamp, i64),
    at: At,
}

impl Host {
    /// Replaces the items. Every item that differs counts as touched.
    fn write(&mut self, content: Content) {
        let differs = |key: &u64| self.content.get(key) != content.get(key);
        let keys: Vec<u64> = (0..KEYS).filter(differs).collect();
        self.position = self.position.take().and_then(|position| position.touch(&keys));
        self.content = content;
    }
}

/// How often each event happened, to be sure that it did happen.
#[derive(Default, Debug)]
struct Tally {
    listed: u64,
    whole: u64,
    logged: u64,
    committed: u64,
    lease_lost: u64,
    head_moved: u64,
    broken: u64,
}

struct World {
    dice: Dice,
    now: i64,
    server: Server,
    engine: Engine,
    /// An older state of the engine. A failover or a restored dump brings it back.
    dump: Engine,
    hosts: Vec<Host>,
    tally: Tally,
    log: String,
}

impl World {
    fn new(seed: u64) -> Self {
        let stamp =
            SectionStamp { content_changed_at: Some(1), scanned_at: None, updated_at: None };
        let server = Server { content: Content::new(), stamp, history: vec![(0, Content::new())] };
        let host = || Host {
            content: Content::new(),
            stamp: None,
            position: None,
            seen: (stamp, 0),
            at: At::Idle,
        };
        let mut dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        let hosts = (0..2 + dice.roll(2)).map(|_| host()).collect();
        Self {
            dice,
            now: 1,
            server,
            engine: Engine::default(),
            dump: Engine::default(),
            hosts,
            tally: Tally::default(),
            log: String::new(),
        }
    }

    /// Lets one event happen.
    fn step(&mut self) {
        self.now += i64::try_from(self.dice.roll(6)).unwrap();
        match self.dice.roll(40) {
            0..3 => {
                let now = self.now;
                self.server.change(&mut self.dice, now);
            }
            3 => self.lose(),
            4 if self.dice.one_in(8) => self.engine = Engine::default(),
            5 if self.dice.one_in(4) => self.dump = self.engine.clone(),
            6 if self.dice.one_in(10) => self.engine = self.dump.clone(),
            // A host waited, slept or paused, so leases run out.
            7 => self.now += i64::try_from(self.dice.roll(120)).unwrap(),
            8 if self.dice.one_in(6) => {
                let host = self.host();
                self.hosts[host].at = At::Idle; // its process died
            }
            9 if self.dice.one_in(6) => {
                let host = self.host();
                let host = &mut self.hosts[host];
                (host.content, host.stamp, host.position) = (Content::new(), None, None);
                host.at = At::Idle; // its file was cleared
            }
            10 | 11 => self.read_by_key(),
            _ => {
                let host = self.host();
                self.advance(host);
            }
        }
    }

    fn host(&mut self) -> usize {
        usize::try_from(self.dice.roll(self.hosts.len() as u64)).unwrap()
    }

    /// The engine evicts some data.
    fn lose(&mut self) {
        let engine = &mut self.engine;
        let any = |keys: Vec<CommitId>, at: u64| {
            (!keys.is_empty()).then(|| keys[usize::try_from(at).unwrap() % keys.len()])
        };
        let at = self.dice.roll(64);
        match self.dice.roll(5) {
            0 => engine.head = None,
            1 => engine.probe = None,
            2 => engine.lease = None,
            3 => {
                if let Some(key) = any(engine.snapshots.keys().copied().collect(), at) {
                    engine.snapshots.remove(&key);
                }
            }
            _ => {
                if let Some(key) = any(engine.entries.keys().copied().collect(), at) {
                    engine.entries.remove(&key);
                }
            }
        }
    }

    /// A host reads one item by key. For that item, its file is then newer than any commit.
    fn read_by_key(&mut self) {
        let host = self.host();
        let key = self.dice.roll(KEYS);
        let now = self.server.content.get(&key).copied();
        let host = &mut self.hosts[host];
        let before = host.content.get(&key).copied();
        if host.stamp.is_some() && now != before {
            let mut content = host.content.clone();
            match now {
                Some(value) => drop(content.insert(key, value)),
                None => drop(content.remove(&key)),
            }
            host.write(content);
        }
    }

    fn advance(&mut self, at: usize) {
        let host = &self.hosts[at];
        match host.at.clone() {
            At::Idle => self.probe(at),
            At::Seen => self.seek(at),
            At::Held { holder, base } => {
                // The host lists: it gets what the server has now, under the stamp that it saw
                // before.
                let host = &mut self.hosts[at];
                host.write(self.server.content.clone());
                host.stamp = Some(host.seen.0);
                host.at = At::Read { holder, base };
                self.tally.listed += 1;
                self.check(at);
            }
            At::Read { holder, base } => {
                self.hosts[at].at = At::Idle;
                self.publish(at, holder, base.as_ref());
            }
        }
    }

    fn probe(&mut self, at: usize) {
        let shared = self.engine.probe.filter(|(then, _)| {
            let fresh = age(EngineTime(self.now * 1_000), EngineTime(*then * 1_000));
            fresh.is_some_and(|age| age < FRESH) && !self.dice.one_in(4)
        });
        let (then, stamp) = shared.unwrap_or((self.now, self.server.stamp));
        let lost = self.dice.one_in(5);
        if shared.is_none() && !lost && self.engine.probe.is_none_or(|(before, _)| before < then) {
            self.engine.probe = Some((then, stamp));
        }
        let host = &mut self.hosts[at];
        if host.stamp.is_some() && shared.is_some() && then <= host.seen.1 {
            return; // older than what it knows: ages are rounded up
        }
        host.seen = (stamp, then);
        host.at = if host.stamp == Some(stamp) { At::Idle } else { At::Seen };
    }

    /// The host takes what another host listed, or takes the lease.
    fn seek(&mut self, at: usize) {
        let away = self.dice.one_in(12);
        let head = self.engine.head.clone().filter(|_| !away);
        let host = &self.hosts[at];
        let present = head.as_ref().is_some_and(|head| head.stamp == host.seen.0);
        if present || host.stamp.is_none() {
            self.take(at, head.as_ref());
        }
        if self.hosts[at].stamp == Some(self.hosts[at].seen.0) {
            self.hosts[at].at = At::Idle;
            return;
        }
        let holder = self.dice.id();
        if away {
            // The host lists for itself and publishes nothing.
            let host = &mut self.hosts[at];
            host.write(self.server.content.clone());
            (host.stamp, host.at) = (Some(host.seen.0), At::Idle);
            self.check(at);
        } else if self.engine.lease(self.now).is_none() {
            self.engine.lease = Some((holder, self.now + LEASE));
            // The host looks again under the lease. It takes a short log first.
            let head = self.engine.head.clone();
            let base = base(self.hosts[at].position.as_ref(), self.hosts[at].stamp);
            if let Some(head) = &head
                && matches!(way(head, base), Some(Way::Log(_)))
            {
                self.take(at, Some(head));
            }
            let host = &mut self.hosts[at];
            if host.stamp == Some(host.seen.0) {
                host.at = At::Idle;
                return;
            }
            host.at = At::Held { holder, base: head };
        }
    }

    fn take(&mut self, at: usize, head: Option<&Head>) -> bool {
        let host = &self.hosts[at];
        let base = base(host.position.as_ref(), host.stamp);
        let Some((head, way)) = head.and_then(|head| Some((head, way(head, base)?))) else {
            return false;
        };
        if way == Way::There {
            return false;
        }
        let Some(content) = self.engine.read(head, &way, &host.content) else {
            self.tally.broken += 1;
            return false;
        };
        match way {
            Way::Snapshot(_) => self.tally.whole += 1,
            _ => self.tally.logged += 1,
        }
        let commit = head.commit().unwrap();
        let seen = self.engine.seen[&commit];
        let host = &mut self.hosts[at];
        let mut touched = Vec::new();
        if let (Way::Log(_), Some(before)) = (&way, &host.position) {
            // Items that the log did not bring may still be newer.
            let same = |key: &u64| host.content.get(key) == content.get(key);
            touched = before.touched.iter().copied().filter(same).collect();
        }
        (host.content, host.stamp) = (content, Some(head.stamp));
        host.position = Some(Position { commit, stamp: head.stamp, touched });
        // A base with another stamp is as old as that stamp.
        let since = if head.stamp == host.seen.0 { host.seen.1 } else { seen };
        self.check_since(at, since);
        true
    }

    fn publish(&mut self, at: usize, holder: CommitId, base: Option<&Head>) {
        let id = self.dice.id();
        let snapshot_id = self.dice.id();
        let host = &self.hosts[at];
        let from = base.and_then(Head::commit);
        let position = host.position.as_ref().filter(|position| Some(position.commit) == from);
        let entry = position.map(|position| {
            let now = |key: &u64| (*key, host.content.get(key).copied());
            Entry { from: position.commit, changed: position.touched.iter().map(now).collect() }
        });
        // As large as a few hundred items, so that both ways are used.
        let bytes = entry.as_ref().map(|entry| 40 + 400 * entry.changed.len());
        let how = publish(base, bytes);
        let items = host.content.len() as u64;
        let snapshot = match base {
            Some(base) if !how.snapshot => base.snapshot,
            _ => Snapshot { id: snapshot_id, of: id, chunks: 1, items, bytes: 4_000 },
        };
        let bytes = u32::try_from(bytes.filter(|_| how.entry).unwrap_or(0)).unwrap();
        let link = Link { commit: id, bytes, calls: 3 };
        let head = Head {
            stamp: host.stamp.unwrap(),
            items,
            unsupported: 0,
            complete: true,
            observed: EngineTime(host.seen.1),
            listed: EngineTime(self.now),
            metadata: None,
            changed_until: None,
            snapshot,
            chain: extended(base, link),
            seen_with: [0; 16],
        };
        if how.snapshot {
            self.engine.snapshots.insert(snapshot_id, host.content.clone());
        }
        if self.dice.one_in(8) {
            return; // the engine hung: the chunks may be there, the commit is not
        }
        let lease = self.engine.lease(self.now);
        let now = self.engine.head.as_ref().and_then(Head::commit);
        match commit(lease, holder, now, from) {
            Verdict::LeaseLost => self.tally.lease_lost += 1,
            Verdict::HeadMoved => self.tally.head_moved += 1,
            Verdict::Committed => {
                self.tally.committed += 1;
                self.engine.lease = None;
                self.engine.seen.insert(id, host.seen.1);
                self.dump.seen.insert(id, host.seen.1);
                if let Some(entry) = entry.filter(|_| how.entry) {
                    self.engine.entries.insert(id, entry);
                }
                self.engine.head = Some(head);
                let stamp = host.stamp.unwrap();
                let touched = Vec::new();
                self.hosts[at].position = Some(Position { commit: id, stamp, touched });
            }
        }
    }

    fn check(&mut self, at: usize) {
        let since = self.hosts[at].seen.1;
        self.check_since(at, since);
    }

    fn check_since(&mut self, at: usize, since: i64) {
        let host = &self.hosts[at];
        if !self.server.had_since(&host.content, since) {
            let _ = writeln!(
                self.log,
                "at {}: host {at} has {:?} under {:?}, seen at {since}; the server has {:?}",
                self.now, host.content, host.stamp, self.server.content
            );
        }
    }
}

#[test]
fn no_stale_writer_wins_and_no_host_is_wrong() {
    let mut all = Tally::default();
    for seed in 1..=60 {
        let mut world = World { tally: all, ..World::new(seed) };
        for step in 0..STEPS {
            world.step();
            assert!(world.log.is_empty(), "seed {seed}, step {step}: {}", world.log);
        }
        all = world.tally;
    }
    // Each event happened, and happened often.
    assert!(all.listed > 1_000 && all.whole > 1_000 && all.logged > 1_000, "{all:?}");
    assert!(all.committed > 1_000 && all.broken > 100, "{all:?}");
    assert!(all.lease_lost > 100 && all.head_moved > 10, "{all:?}");
}
