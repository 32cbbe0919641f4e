//! Several processes on one file. To redb, two stores of one process are like two processes.

use std::sync::Arc;
use std::time::Duration;

use plex_api::{Client, Clock, Config, Token, UnixSeconds};
use tempfile::TempDir;

use super::{
    NOW, assert_sound, config, fill, found, items, match_key, movie, place, section, shared, stamp,
};
use crate::share::lease::Leased;
use crate::{Error, Lease, Library, Policy, SectionId, Store};

/// Two stores on one new file.
fn two() -> (TempDir, Store, Store) {
    let (folder, path) = place();
    let open = || Store::open(&path, &shared()).unwrap();
    (folder, open(), open())
}

/// The number of a lease that nobody else has.
fn turn(store: &Store, section: SectionId, length: Duration) -> u64 {
    let taken = store.take_lease(section, NOW, length).unwrap();
    let Lease::Held { turn, .. } = taken else { panic!("{taken:?}") };
    turn
}

#[test]
fn what_one_writes_the_other_reads() {
    let (_folder, one, other) = two();
    let id = section(&one);
    fill(&one, (1..=30).map(|key| movie(key, 0)), 1);
    assert_eq!(section(&other), id);
    assert_eq!(items(&other).len(), 30);
    fill(&other, (1..=20).map(|key| movie(key, 0)), 2);
    assert_eq!(items(&one).len(), 20);

    let revision = one.sections().unwrap()[0].revision;
    one.remember(id, vec![(match_key(1), found(1, revision))]).unwrap();
    let seen =
        |store: &Store| store.view().unwrap().remembered(id, &match_key(1)).unwrap().is_some();
    assert!(seen(&one) && !seen(&other), "it waits in the first store");
    one.flush().unwrap();
    assert!(seen(&other));
}

#[test]
fn many_writers_lose_nothing() {
    let (_folder, path) = place();
    drop(Store::open(&path, &shared()).unwrap());
    std::thread::scope(|scope| {
        for thread in 0..4_u64 {
            let path = &path;
            scope.spawn(move || {
                let store = Store::open(path, &shared()).unwrap();
                let id = section(&store);
                for round in 0..10 {
                    let number = thread * 100 + round;
                    let record = found(number, crate::Revision(0));
                    store.remember(id, vec![(match_key(number), record)]).unwrap();
                    store.flush().unwrap();
                }
            });
        }
    });
    let store = Store::open(&path, &shared()).unwrap();
    let view = store.view().unwrap();
    let id = section(&store);
    for number in (0..4).flat_map(|thread| (0..10).map(move |round| thread * 100 + round)) {
        assert!(view.remembered(id, &match_key(number)).unwrap().is_some(), "{number}");
    }
    drop(view);
    assert_eq!(store.sections().unwrap().len(), 1, "the section was noted once");
    assert_sound(&store);
}

#[test]
fn a_refresh_that_another_overtook_writes_nothing() {
    let (_folder, one, other) = two();
    fill(&one, (1..=10).map(|key| movie(key, 0)), 1);
    let base = one.sections().unwrap().remove(0);
    fill(&other, (1..=12).map(|key| movie(key, 0)), 2);
    assert_eq!(one.note_unchanged(&base, stamp(1), NOW, None, false).unwrap(), None);
    assert_eq!(one.sections().unwrap()[0].items, 12);
    assert_eq!(one.sections().unwrap()[0].stamp, Some(stamp(2)));
}

/// If another process replaced a list within the same second, nobody knows which list is later. A
/// section that is only in the later list would be left out.
#[test]
fn a_list_of_sections_that_may_be_the_older_one_is_not_chosen_from() {
    let (_folder, path) = place();
    let store = Store::open(&path, &shared()).unwrap();
    let (one, two) = ([SectionId(1)], [SectionId(1), SectionId(2)]);
    let note = |list: &[SectionId], whole, at| {
        store.note_probe(Some((list, whole)), &[], &[], UnixSeconds(NOW.0 + at)).unwrap();
        store.listed().unwrap()
    };
    let dated = |list: &[SectionId], at| (list.to_vec(), Some(UnixSeconds(NOW.0 + at)));
    assert_eq!(note(&two, true, 5), dated(&two, 5));
    assert_eq!(note(&one, true, 4), dated(&two, 5), "an older list");
    assert_eq!(note(&two, true, 5), dated(&two, 5), "the same");
    assert_eq!(note(&one, true, 5).1, None, "nobody knows which is later");
    assert_eq!(note(&one, true, 6), dated(&one, 6));
    assert_eq!(note(&one, false, 7).1, None, "one row cannot be read");
}

#[test]
fn the_two_modes_exclude_each_other() {
    let (_folder, path) = place();
    let _one = Store::open(&path, &shared()).unwrap();
    assert!(matches!(Store::open(&path, &config()), Err(Error::Busy { .. })));
}

#[test]
fn a_lease_is_held_renewed_released_and_expires() {
    let (_folder, one, other) = two();
    let id = section(&one);
    let minute = Duration::from_mins(1);
    let after = |seconds| UnixSeconds(NOW.0 + seconds);

    let held = |seconds, turn| Lease::Held { until: after(seconds), turn };
    assert_eq!(one.take_lease(id, NOW, minute).unwrap(), held(60, 1));
    assert_eq!(other.take_lease(id, after(59), minute).unwrap(), Lease::Busy { until: after(60) });
    assert_eq!(one.take_lease(id, after(30), minute).unwrap(), held(90, 2));
    assert!(!other.release_lease(id, 2).unwrap());
    assert!(one.release_lease(id, 2).unwrap());
    assert_eq!(other.take_lease(id, after(31), minute).unwrap(), held(91, 1));
    // The holder of the lease died, so the lease expires.
    drop(other);
    assert_eq!(one.take_lease(id, after(90), minute).unwrap(), Lease::Busy { until: after(91) });
    assert_eq!(one.take_lease(id, after(91), minute).unwrap(), held(151, 3));
    assert!(one.release_lease(id, 3).unwrap() && !one.release_lease(id, 3).unwrap());
}

/// A task ended. Before it released its lease, the next task of the same store had taken it. The
/// late release then freed the lease for everybody.
#[test]
fn a_late_release_does_not_free_the_lease_of_who_came_next() {
    let (_folder, one, other) = two();
    let id = section(&one);
    let minute = Duration::from_mins(1);
    let (first, second) = (turn(&one, id, minute), turn(&one, id, minute));
    assert!(!one.release_lease(id, first).unwrap());
    assert!(matches!(other.take_lease(id, NOW, minute).unwrap(), Lease::Busy { .. }));
    assert!(one.release_lease(id, second).unwrap());
    assert!(matches!(other.take_lease(id, NOW, minute).unwrap(), Lease::Held { .. }));
}

#[test]
fn a_lease_of_a_clock_that_was_set_back_does_not_last() {
    let (_folder, one, other) = two();
    let id = section(&one);
    let future = UnixSeconds(NOW.0 + 1_000_000);
    let _ = one.take_lease(id, future, Duration::from_mins(1)).unwrap();
    let taken = other.take_lease(id, NOW, Duration::from_mins(1)).unwrap();
    assert_eq!(taken, Lease::Held { until: UnixSeconds(NOW.0 + 60), turn: 1 });
}

/// Each process that waited for a lease wrote a transaction every 50 ms.
#[tokio::test(start_paused = true)]
async fn who_waits_for_a_lease_writes_nothing_until_it_is_free() {
    let (_folder, path) = place();
    let clock = Clock::manual(NOW);
    let holder = Store::open(&path, &shared()).unwrap();
    let id = section(&holder);
    let turn = turn(&holder, id, Duration::from_mins(2));
    let waiting = Arc::new(Store::open(&path, &shared()).unwrap());
    let before = std::fs::read(&path).unwrap();
    let started = tokio::time::Instant::now();
    let mut wait = Box::pin(Leased::wait(&waiting, id, &clock));
    let waited = tokio::time::timeout(Duration::from_mins(1), &mut wait).await;
    assert!(waited.is_err(), "it is held");
    assert!(before == std::fs::read(&path).unwrap(), "no byte changed");
    assert!(holder.release_lease(id, turn).unwrap());
    wait.await.unwrap();
    assert!(started.elapsed() <= Duration::from_millis(60_400), "{:?}", started.elapsed());
}

/// A lease lasts two minutes, and a listing of a slow server may take ten. The test uses tokio's
/// time, which passes at once while all tasks wait.
#[tokio::test(start_paused = true)]
async fn a_lease_is_renewed_for_as_long_as_the_work_takes() {
    let (_folder, path) = place();
    let clock = Clock::manual(NOW);
    let one = Arc::new(Store::open(&path, &shared()).unwrap());
    let client = Client::new(Config::new("http://127.0.0.1:1", Token::new("x"))).unwrap();
    let library = Library::new(client, one, Policy::default(), clock.clone());
    let id = section(library.store());
    let other = Store::open(&path, &shared()).unwrap();
    let take = || other.take_lease(id, clock.now(), Duration::from_mins(2)).unwrap();

    let lease = Leased::wait(library.store(), id, &clock).await.unwrap();
    let work = async {
        for _ in 0..20 {
            tokio::time::sleep(Duration::from_secs(30)).await;
            clock.advance(Duration::from_secs(30));
            assert!(matches!(take(), Lease::Busy { .. }), "{} s", clock.now().since(NOW).as_secs());
        }
    };
    lease.renewing(&clock, Box::pin(work)).await;
    // No task renews the lease any more, so it expires although nobody released it.
    clock.advance(Duration::from_mins(2));
    assert!(matches!(take(), Lease::Held { .. }));
}
