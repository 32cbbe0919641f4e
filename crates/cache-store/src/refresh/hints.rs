//! What the server's events mean: this module only keeps track of what to look at, and when.
//!
//! Events are hints. They say where to look, but never what is true: a reported item is read, a
//! deletion is confirmed, and after a scan, a gap or a change the stamps are compared. Only silence
//! is trusted: while the stream is live and quiet, and the stamps were compared since it became
//! live, nothing is asked. Silence counts only while somebody listens. If the host does not read
//! the stream, or no ping arrives, nothing is known about the time since the last event.

use std::collections::BTreeMap;
use std::time::Duration;

use plex_api::{Event, ItemChange, RatingKey, ScanPhase, SectionKey, UnixSeconds};

/// How long a stream counts as live after the last event or ping. Servers send a ping every 10 to
/// 15 seconds, so a stream that is read stays live. The client gives up a line that is silent for
/// longer.
const HEARD: Duration = Duration::from_secs(45);

/// What was reported but not yet looked at.
#[derive(Debug, Default)]
pub(crate) struct Hints {
    /// Since when no event was missed. `None` while nobody listens.
    live: Option<UnixSeconds>,
    /// When the last event or ping arrived.
    heard: UnixSeconds,
    /// The reported items, and when each was last reported.
    dirty: BTreeMap<(SectionKey, u64), UnixSeconds>,
    /// The stamps must be compared.
    probe: bool,
    scanning: bool,
    /// Somebody is looking at what was reported.
    working: bool,
    /// Items that we edited ourselves, and when.
    ours: BTreeMap<u64, UnixSeconds>,
}

/// What has to be looked at now: items to read, by section.
pub(crate) type Due = BTreeMap<SectionKey, Vec<RatingKey>>;

impl Hints {
    /// Takes an event. For `settle` after our own edit, an event about that item may be about our
    /// edit.
    pub(crate) fn told(&mut self, event: &Event, now: UnixSeconds, settle: Duration) {
        // A host that reads again after a pause gets the missed events one by one. The first of
        // them says nothing about the later ones.
        self.probe |= self.live.is_some() && !self.is_live(now);
        self.heard = now;
        match event {
            Event::Live => {
                self.live = Some(now);
                self.probe = true;
            }
            Event::Gap { .. } => self.stop(),
            Event::Item(item) => {
                let RatingKey(key) = item.rating_key;
                // We never delete, so a deletion is never ours.
                let ours = item.change != ItemChange::Deleted
                    && self.ours.get(&key).is_some_and(|at| now.since(*at) <= settle);
                match item.section {
                    Some(section) if !ours => {
                        self.dirty.insert((section, key), now);
                    }
                    None if !ours => self.probe = true,
                    _ => {}
                }
            }
            Event::Scan { phase: ScanPhase::Ended, .. } => {
                self.scanning = false;
                self.probe = true;
            }
            Event::Scan { .. } => self.scanning = true,
            _ => {}
        }
    }

    /// Notes that nobody listens any more. What was reported still has to be looked at.
    pub(crate) fn stop(&mut self) {
        self.live = None;
        self.scanning = false;
        self.working = false;
        self.ours.clear();
    }

    /// Notes that we edit items. If somebody listens, the server reports these edits within
    /// `settle`.
    pub(crate) fn ours(
        &mut self,
        keys: impl IntoIterator<Item = RatingKey>,
        now: UnixSeconds,
        settle: Duration,
    ) {
        if self.live.is_some() {
            self.ours.retain(|_, at| now.since(*at) <= settle);
            self.ours.extend(keys.into_iter().map(|RatingKey(key)| (key, now)));
        }
    }

    /// When the last event or ping arrived. `None` while nobody listens.
    pub(crate) fn last_heard(&self) -> Option<UnixSeconds> {
        self.live.map(|_| self.heard)
    }

    /// Whether somebody listens, and an event or a ping arrived a moment ago.
    pub(crate) fn is_live(&self, now: UnixSeconds) -> bool {
        self.live.is_some() && self.heard <= now && now.since(self.heard) <= HEARD
    }

    /// A stamp that was observed at this moment or later still holds. `None` unless the stream is
    /// live and everything that was reported was looked at.
    pub(crate) fn quiet_since(&self, now: UnixSeconds) -> Option<UnixSeconds> {
        let busy = self.probe || self.scanning || self.working || !self.dirty.is_empty();
        self.live.filter(|_| !busy && self.is_live(now))
    }

    /// How long until something has to be looked at. Zero: now. `None`: nothing is waiting.
    pub(crate) fn wait(&self, now: UnixSeconds, settle: Duration) -> Option<Duration> {
        if self.probe {
            return Some(Duration::ZERO);
        }
        let last = self.dirty.values().max()?;
        Some(settle.saturating_sub(now.since(*last)))
    }

    /// Takes everything that has to be looked at, so that one burst of events becomes one batch.
    pub(crate) fn take(&mut self, now: UnixSeconds, settle: Duration) -> Option<Due> {
        if self.wait(now, settle) != Some(Duration::ZERO) {
            return None;
        }
        let mut due = Due::default();
        for ((section, key), _) in std::mem::take(&mut self.dirty) {
            due.entry(section).or_default().push(RatingKey(key));
        }
        self.probe = false;
        self.working = true;
        Some(due)
    }

    /// Notes that what was due was looked at. What failed is looked at again.
    pub(crate) fn done(&mut self, failed: Option<Due>, now: UnixSeconds) {
        self.working = false;
        let Some(due) = failed else { return };
        self.probe = true;
        for (section, keys) in due {
            self.dirty.extend(keys.into_iter().map(|RatingKey(key)| ((section, key), now)));
        }
    }
}

#[cfg(test)]
mod tests {
    use plex_api::{ErrorKind, ItemEvent};

    use super::*;

    const SETTLE: Duration = Duration::from_secs(10);

    fn at(seconds: i64) -> UnixSeconds {
        UnixSeconds(1_000 + seconds)
    }

    fn item(key: u64) -> Event {
        told_of(key, ItemChange::Processed)
    }

    fn told_of(key: u64, change: ItemChange) -> Event {
        Event::Item(ItemEvent {
            change,
            section: Some(SectionKey(1)),
            rating_key: RatingKey(key),
            kind: None,
            parent: None,
            root: None,
            title: None,
        })
    }

    fn scan(phase: ScanPhase) -> Event {
        Event::Scan { phase, section: None }
    }

    /// A live stream whose stamps were compared.
    fn quiet() -> Hints {
        let mut hints = Hints::default();
        hints.told(&Event::Live, at(0), SETTLE);
        assert_eq!(hints.quiet_since(at(0)), None, "what was before is not known");
        assert_eq!(hints.take(at(0), SETTLE), Some(Due::default()));
        assert_eq!(hints.quiet_since(at(0)), None, "it is being looked at");
        hints.done(None, at(0));
        assert_eq!(hints.quiet_since(at(0)), Some(at(0)));
        hints
    }

    #[test]
    fn a_burst_is_one_batch_after_it_settled() {
        let mut hints = quiet();
        hints.told(&item(5), at(1), SETTLE);
        hints.told(&item(6), at(4), SETTLE);
        hints.told(&item(5), at(8), SETTLE);
        assert_eq!(hints.quiet_since(at(8)), None);
        assert_eq!(hints.wait(at(9), SETTLE), Some(Duration::from_secs(9)));
        assert_eq!(hints.take(at(17), SETTLE), None);
        let due = hints.take(at(18), SETTLE).unwrap();
        assert_eq!(due[&SectionKey(1)], [RatingKey(5), RatingKey(6)]);
        hints.done(None, at(18));
        assert_eq!(hints.quiet_since(at(18)), Some(at(0)));
    }

    #[test]
    fn scans_are_answered_when_they_end_and_gaps_at_once() {
        let mut hints = quiet();
        hints.told(&scan(ScanPhase::Started), at(1), SETTLE);
        assert_eq!((hints.quiet_since(at(1)), hints.wait(at(1), SETTLE)), (None, None));
        hints.told(&scan(ScanPhase::Ended), at(2), SETTLE);
        assert_eq!(hints.wait(at(2), SETTLE), Some(Duration::ZERO));

        let mut hints = quiet();
        hints.told(&Event::Gap { kind: ErrorKind::Truncated }, at(1), SETTLE);
        assert_eq!((hints.quiet_since(at(1)), hints.wait(at(1), SETTLE)), (None, None));
        hints.told(&Event::Live, at(60), SETTLE);
        assert_eq!(hints.wait(at(60), SETTLE), Some(Duration::ZERO));
    }

    #[test]
    fn what_failed_is_looked_at_again() {
        let mut hints = quiet();
        hints.told(&item(5), at(1), SETTLE);
        let due = hints.take(at(11), SETTLE).unwrap();
        hints.done(Some(due.clone()), at(12));
        assert_eq!(hints.quiet_since(at(12)), None);
        assert_eq!(hints.take(at(12), SETTLE), Some(due));
    }

    #[test]
    fn our_own_writes_do_not_make_us_dirty() {
        let mut hints = quiet();
        hints.ours([RatingKey(5)], at(1), SETTLE);
        hints.told(&item(5), at(9), SETTLE);
        assert_eq!(hints.quiet_since(at(9)), Some(at(0)));
        hints.told(&item(5), at(12), SETTLE);
        assert_eq!(hints.quiet_since(at(12)), None, "somebody else edited it");
    }

    #[test]
    fn that_an_item_is_gone_is_never_our_own_doing() {
        let mut hints = quiet();
        hints.ours([RatingKey(5)], at(1), SETTLE);
        hints.told(&told_of(5, ItemChange::Deleted), at(2), SETTLE);
        assert_eq!(hints.quiet_since(at(2)), None);
    }

    #[test]
    fn what_we_wrote_is_forgotten_with_who_listened() {
        let mut hints = quiet();
        hints.ours([RatingKey(5)], at(1), SETTLE);
        hints.stop();
        hints.told(&Event::Live, at(2), SETTLE);
        hints.told(&item(5), at(3), SETTLE);
        assert_eq!(hints.dirty.len(), 1);
    }

    #[test]
    fn silence_that_nobody_listened_to_is_not_trusted() {
        let mut hints = quiet();
        assert_eq!(hints.quiet_since(at(45)), Some(at(0)));
        assert_eq!(hints.quiet_since(at(46)), None, "no ping came, or nobody read it");
        hints.told(&Event::Ping, at(45), SETTLE);
        assert_eq!(hints.quiet_since(at(90)), Some(at(0)));
        assert_eq!(hints.quiet_since(at(44)), None, "a clock that was set back");
    }

    /// A host reads again after a pause. The first event makes the stream live, but the host does
    /// not know yet about the deletion that follows.
    #[test]
    fn what_was_told_during_a_pause_is_not_known_with_its_first_event() {
        let mut hints = quiet();
        hints.told(&Event::Ping, at(46), SETTLE);
        assert_eq!(hints.quiet_since(at(46)), None, "more events may follow");
        assert_eq!(hints.take(at(46), SETTLE), Some(Due::default()), "the stamps are compared");
        hints.done(None, at(46));
        assert_eq!(hints.quiet_since(at(46)), Some(at(0)));
    }
}
