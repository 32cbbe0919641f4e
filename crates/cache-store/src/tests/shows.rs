//! The shows of a section: they are stored, the list is complete, and they are removed with the
//! items.

use plex_api::RatingKey;

use super::{NOW, assert_sound, behind_its_back, movie, open, place, section, stamp};
use crate::{CachedItem, CachedShow, Changes, Clear, SectionId, SectionState, ShowsListed, Store};

pub(super) fn show(key: u64, title: &str) -> CachedShow {
    CachedShow {
        rating_key: RatingKey(key),
        title: title.to_owned(),
        original_title: None,
        year: Some(1999),
        guids: vec![format!("tvdb://{key}")],
    }
}

fn episode(key: u64, of: u64) -> CachedItem {
    CachedItem { grandparent: Some(RatingKey(of)), ..movie(key, 0) }
}

fn state(store: &Store) -> SectionState {
    store.sections().unwrap().remove(0)
}

/// A store with two shows and an episode of each.
fn stocked(store: &Store) -> SectionId {
    super::fill(store, [episode(11, 1), episode(21, 2)], 1);
    let shows = [show(1, "Amber"), show(2, "Birch")];
    let (_, changes) = store.put_shows(&state(store), &shows, NOW).unwrap().unwrap();
    assert_eq!(changes, Changes { added: 2, ..Changes::default() });
    section(store)
}

const KNOWN: Option<ShowsListed> = Some(ShowsListed { at: NOW, count: 2 });

#[test]
fn shows_are_kept_and_move_the_revision_when_one_differs() {
    let (_folder, path) = place();
    let store = open(&path);
    let id = stocked(&store);
    let before = state(&store);
    assert_eq!(before.shows, KNOWN);
    let shows = [show(1, "Amber"), show(2, "Birch")];
    assert_eq!(store.view().unwrap().shows(id).unwrap(), shows);
    let (same, changes) = store.put_shows(&before, &shows, NOW).unwrap().unwrap();
    assert_eq!((same.revision, changes.unchanged), (before.revision, 2));
    let shows = [show(2, "Birch Hollow"), show(3, "Cinder")];
    let (after, changes) = store.put_shows(&same, &shows, NOW).unwrap().unwrap();
    assert_eq!(after.revision, before.revision.next());
    assert_eq!(changes, Changes { added: 1, changed: 1, removed: 1, unchanged: 0 });
    assert_sound(&store);
    store.close().unwrap();
    assert_eq!(open(&path).view().unwrap().shows(id).unwrap(), shows);
}

#[test]
fn an_episode_of_another_show_makes_them_unknown() {
    let (_folder, path) = place();
    let store = open(&path);
    let id = stocked(&store);
    let update = |item: CachedItem, counter| {
        store.update(id, [item], &[], stamp(counter), NOW).unwrap();
        state(&store).shows
    };
    assert_eq!(update(episode(12, 1), 2), KNOWN, "its show is known");
    let renamed = CachedItem { title: "Other".to_owned(), ..episode(12, 1) };
    assert_eq!(update(renamed, 3), KNOWN);
    assert_eq!(update(episode(12, 2), 4), KNOWN, "moved to a known show");
    assert_eq!(update(episode(12, 3), 5), None, "moved to an unknown show");
    // A list of shows that was requested before the episode came may lack its show.
    let base = state(&store);
    store.update(id, [episode(13, 4)], &[], stamp(6), NOW).unwrap();
    assert!(store.put_shows(&base, &[show(3, "Cinder")], NOW).unwrap().is_none());
    assert_eq!(state(&store).shows, None);
}

#[test]
fn shows_go_with_the_items_of_their_section() {
    type Clearing = fn(&Store, SectionId);
    let clearings: [Clearing; 3] = [
        |store, id| assert!(store.clear(Clear::Section(id)).is_ok()),
        |store, _| assert!(store.clear(Clear::All).is_ok()),
        |store, id| store.drop_items(id).unwrap(),
    ];
    for clear in clearings {
        let (_folder, path) = place();
        let store = open(&path);
        let id = stocked(&store);
        clear(&store, id);
        assert_eq!(state(&store).shows, None);
        assert_eq!(store.view().unwrap().shows(id).unwrap(), []);
        assert_sound(&store);
    }
}

/// There is one record for each show, so only the section's count can tell that one is missing.
#[test]
fn a_show_that_vanished_is_damage() {
    let (_folder, path) = place();
    let store = open(&path);
    let id = stocked(&store);
    store.close().unwrap();
    behind_its_back(&path, |txn| {
        let table = redb::TableDefinition::<(u32, u64), &[u8]>::new("shows");
        txn.open_table(table).unwrap().remove((id.0, 2)).unwrap();
    });
    let store = open(&path);
    let view = store.view().unwrap();
    assert_eq!(view.shows(id).unwrap().len(), 1);
    assert!(view.met_damage(id));
}
