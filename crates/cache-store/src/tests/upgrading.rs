//! A file that an earlier version wrote. The bytes are real: format 1 sealed them.

use plex_api::RatingKey;
use redb::{ReadableTable, TableDefinition, WriteTransaction};

use super::{
    INDEXING, NOW, assert_sound, behind_its_back, config, filled, name_hash, open, place, stamp,
};
use crate::format::item::ItemRow;
use crate::format::section::SectionRow;
use crate::format::{envelope, place as place_of};
use crate::{
    CachedItem, Changes, Demand, Index, Indexing, MatchKey, Opened, Outcome, Plan, Policy,
    Revision, SectionId, Store, StoreConfig, Upgrade, plan,
};

const STORE: &str = "4d01004813aea9056e149801066162633132330301";
const SECTION: &str = "4d01009e2389fd74eb88bf0b757569642d6d6f7669657305064d6f766965730101062f66696\
    c6d730101fd020000000000400001fc90e3a7ca000201000101fc58e4a7ca01fc58e4a7ca01fcc8e2a7ca000000";
const ITEM: &str = "4d01002a1e7ed466b41eae0258721d577a31b44544bbc81b000ac9b0fb6712010844617320426f6\
    f74010d44617320426f6f7420284f56290001fbbd0700000211706c65783a2f2f6d6f7669652f3564373710696d646\
    23a2f2f74743030383230393601fce069880001fc00e2a7ca01fcc8e2a7ca0001010900232f66696c6d732f4461732\
    0426f6f74202831393831292f44617320426f6f742e6d6b7601fd351cdcdf0200000001fce069880001fc0020bcbe0\
    0";
const BUCKET: &str = "4d01001edce09a1c13b7d10201fb6712";
const MATCH: &str =
    "4d010005131dfe5d368c1e00fb67120000010103fbe803000101fd08070605040302010002fbdb4c";

/// Item 4711 of section 1 under schema 2.
const ITEM_2: &str = "4d02009a7bdc5a1b6966a602be4caf70b1887ead58737aa1248dc6ddfb671201145469746c65203\
    43731312065646974696f6e20320108d0a2d0b5d181d182010453686f7701fbbd070001030210696d64623a2f2f7474\
    303030343731310b746d64623a2f2f3135373001fce069880001fc00e2a7ca01fc00e2a7ca000101fb8f3500192f666\
    96c6d732f343731312f46696c6d20323335352e6d6b7601fca7540f0001fce069880001fc0020bcbe00";

/// The same under schema 3, as `format.rs` had it.
const ITEM_3: &str = "4d0300a83ce7cd07df15e802e3221142970d868df063cbd5450434acfb671201145469746c65203\
    43731312065646974696f6e20320108d0a2d0b5d181d182010453686f770105416c62756d010343757401fbbd0701fc\
    654a2e010001030210696d64623a2f2f7474303030343731310b746d64623a2f2f3135373001fce069880001fc00e2a\
    7ca01fc00e2a7ca000101fb8f3500192f66696c6d732f343731312f46696c6d20323335352e6d6b7601fca7540f0001\
    fce069880001fc0020bcbe00";

/// Section 1 under schema 2, as `format.rs` had it.
const SECTION_2: &str = "4d0200d76fe29f618da6c90b757569642d6d6f7669657305064d6f766965730101062\
    f66696c6d730101fd020000000000400000000101fd04000000000040000000fb2c01fc70110100010101fc58e4a7c\
    a01fc90e3a7ca01fcc8e2a7ca010102010502010dfc71110100010dfc71110100010dfc7111010007";

type ByNumber = TableDefinition<'static, (u32, u64), &'static [u8]>;

pub(crate) fn bytes(hex: &str) -> Vec<u8> {
    let hex: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
    hex.chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

/// Writes a file as format 1 did, with one section, item, bucket and match.
fn write_format_1(path: &std::path::Path, item: &[u8]) {
    behind_its_back(path, |txn| {
        let meta = TableDefinition::<&str, &[u8]>::new("meta");
        let mut meta = txn.open_table(meta).unwrap();
        meta.insert("format", 1_u32.to_le_bytes().as_slice()).unwrap();
        meta.insert("store", bytes(STORE).as_slice()).unwrap();
        let sections = TableDefinition::<u32, &[u8]>::new("sections");
        txn.open_table(sections).unwrap().insert(1, bytes(SECTION).as_slice()).unwrap();
        txn.open_table(ByNumber::new("items")).unwrap().insert((1, 4711), item).unwrap();
        let mut names = txn.open_table(ByNumber::new("names")).unwrap();
        names.insert((1, 0x0102_0304_0506_0708), bytes(BUCKET).as_slice()).unwrap();
        txn.open_table(ByNumber::new("guids")).unwrap();
        txn.open_table(ByNumber::new("titles")).unwrap();
        let matches = TableDefinition::<(u32, [u8; 16]), &[u8]>::new("matches");
        let mut matches = txn.open_table(matches).unwrap();
        matches.insert((1, [7; 16]), bytes(MATCH).as_slice()).unwrap();
    });
}

/// Says in a file that its items are of this schema.
pub(super) fn set_schema_of_items(txn: &WriteTransaction, schema: u8) {
    let mut meta = txn.open_table(TableDefinition::<&str, &[u8]>::new("meta")).unwrap();
    let mut schemas = meta.get("schemas").unwrap().unwrap().value().to_vec();
    let items = schemas.as_chunks_mut::<3>().0.iter_mut().find(|row| row[0] == 0x12);
    items.unwrap()[1] = schema;
    meta.insert("schemas", schemas.as_slice()).unwrap();
}

#[test]
fn format_1_keeps_its_items_and_matches() {
    let (_folder, path) = place();
    write_format_1(&path, &bytes(ITEM));
    let store = open(&path);
    let expected = Upgrade {
        upgraded: vec!["sections", "items", "matches"],
        rebuilt: vec!["names", "guids", "titles"],
        dropped: vec![],
    };
    assert_eq!(*store.opened(), Opened::Upgraded(expected));
    assert_eq!(store.server().unwrap().as_deref(), Some("abc123"));

    let view = store.view().unwrap();
    let state = view.section(SectionId(1)).unwrap().unwrap();
    assert_eq!((state.title.as_str(), state.items, state.complete), ("Movies", 1, true));
    // The items are found through an index that did not exist in this form.
    let hash = name_hash("/films/Das Boot (1981)/Das Boot.mkv");
    let bucket = view.bucket(Index::Names, SectionId(1), hash).unwrap().unwrap();
    let kept = view.item(SectionId(1), bucket.rating_keys[0]).unwrap().unwrap();
    assert_eq!(kept.item.title, "Das Boot");
    assert_eq!(view.bucket(Index::Names, SectionId(1), 0x0102_0304_0506_0708).unwrap(), None);
    let record = view.remembered(SectionId(1), &MatchKey([7; 16])).unwrap().unwrap();
    assert!(matches!(record.outcome, Outcome::Found { rating_key: RatingKey(4711), .. }));
    assert_eq!(record.verified_at, Revision(2));
    drop(view);
    assert_sound(&store);

    // The content hash is of this version. So an item that is listed unchanged counts as unchanged.
    let changes = store.update(SectionId(1), [kept.item], &[], stamp(2), NOW).unwrap();
    assert_eq!(changes, Changes { unchanged: 1, ..Changes::default() });
    store.close().unwrap();
    assert_eq!(*open(&path).opened(), Opened::Existing, "once is enough");
}

#[test]
fn items_that_lack_what_is_read_now_are_kept_and_listed_once() {
    let (_folder, path) = place();
    let store = open(&path);
    super::fill(&store, [super::movie(4711, 2)], 1);
    let before = store.sections().unwrap().remove(0);
    let record = super::found(4711, before.revision);
    store.remember(before.id, vec![(super::match_key(1), record)]).unwrap();
    store.close().unwrap();
    behind_its_back(&path, |txn| {
        let mut items = txn.open_table(ByNumber::new("items")).unwrap();
        items.insert((1, 4711), bytes(ITEM_2).as_slice()).unwrap();
        set_schema_of_items(txn, 2);
    });
    let store = open(&path);
    let Opened::Upgraded(upgrade) = store.opened() else { panic!("{:?}", store.opened()) };
    assert_eq!((upgrade.upgraded.as_slice(), upgrade.dropped.len()), (&["items"][..], 0));
    let state = store.sections().unwrap().remove(0);
    // The item is there, but the section is not trusted until it was listed.
    assert_eq!((state.items, state.stamp, state.observed), (1, None, None));
    let demand = Demand::files(1);
    let planned = plan(&state, &stamp(1), NOW, &Policy::default(), 500, demand);
    assert_eq!(planned.plan, Plan::Full);
    let kept = store.view().unwrap().item(SectionId(1), RatingKey(4711)).unwrap().unwrap().item;
    assert_eq!((kept.index, kept.aired, kept.edition.as_deref()), (Some(3), None, None));
    // The listing brings the missing fields, so the answers' input changed.
    let listed = CachedItem { edition: Some("Cut".to_owned()), ..kept };
    let changes = super::fill(&store, [listed], 1);
    assert_eq!((changes.changed, changes.unchanged), (1, 0));
    let state = store.sections().unwrap().remove(0);
    assert_eq!((state.stamp, state.complete), (Some(stamp(1)), true));
    store.close().unwrap();
    assert_eq!(*open(&path).opened(), Opened::Existing, "once is enough");
}

/// Records of earlier versions are read with the content that they had.
#[test]
fn records_of_former_schemas_open() {
    let row = envelope::open::<ItemRow>(place_of::item(SectionId(1), 4711), &bytes(ITEM_3));
    let item = row.unwrap().item.into_item();
    assert_eq!((item.edition.as_deref(), item.grandparent), (Some("Cut"), None));
    assert_eq!(item.parts.len(), 1);
    let row = envelope::open::<SectionRow>(place_of::section(SectionId(1)), &bytes(SECTION_2));
    let state = row.unwrap().into_state(SectionId(1));
    assert_eq!((state.items, state.matches_from, state.shows), (70_000, Revision(7), None));
}

/// A file of a version that kept no shows has no table for them.
#[test]
fn a_file_without_shows_gets_a_place_for_them() {
    let (_folder, path) = place();
    let store = open(&path);
    super::fill(&store, [super::movie(4711, 2)], 1);
    let before = store.sections().unwrap().remove(0);
    store.close().unwrap();
    behind_its_back(&path, |txn| {
        txn.delete_table(ByNumber::new("shows")).unwrap();
        let mut meta = txn.open_table(TableDefinition::<&str, &[u8]>::new("meta")).unwrap();
        let schemas = meta.get("schemas").unwrap().unwrap().value().to_vec();
        let kept = schemas.as_chunks::<3>().0.iter().filter(|row| row[0] != 0x18);
        let kept: Vec<u8> = kept.flatten().copied().collect();
        meta.insert("schemas", kept.as_slice()).unwrap();
    });
    let store = open(&path);
    assert_eq!(*store.opened(), Opened::Upgraded(Upgrade::default()), "nothing was rewritten");
    let state = store.sections().unwrap().remove(0);
    assert_eq!((state.shows, state.stamp, state.items), (None, before.stamp, 1));
    assert_eq!(store.view().unwrap().shows(state.id).unwrap(), []);
    assert_sound(&store);
}

#[test]
fn a_damaged_item_of_format_1_has_its_section_listed_again() {
    let (_folder, path) = place();
    let mut item = bytes(ITEM);
    item[40] ^= 1;
    write_format_1(&path, &item);
    let store = open(&path);
    assert!(matches!(store.opened(), Opened::Upgraded(_)));
    let state = store.sections().unwrap().remove(0);
    assert_eq!((state.items, state.stamp, state.complete), (0, None, false));
    assert_sound(&store);
}

#[test]
fn an_upgrade_walks_a_table_of_any_length() {
    let (_folder, path) = place();
    write_format_1(&path, &bytes(ITEM));
    behind_its_back(&path, |txn| {
        let matches = TableDefinition::<(u32, [u8; 16]), &[u8]>::new("matches");
        let mut matches = txn.open_table(matches).unwrap();
        // More rows than an upgrade rewrites at once, before and after the one that is sound.
        for n in 0..10_000_u32 {
            let mut key = [0; 16];
            key[..4].copy_from_slice(&n.wrapping_mul(429_497).to_be_bytes());
            matches.insert((1, key), bytes(MATCH).as_slice()).unwrap();
        }
    });
    let store = open(&path);
    let Opened::Upgraded(upgrade) = store.opened() else { panic!("{:?}", store.opened()) };
    assert_eq!(upgrade.dropped, ["matches"], "the copies have wrong keys");
    let matches = store.stats().unwrap().tables.into_iter().find(|t| t.name == "matches").unwrap();
    assert_eq!(matches.rows, 1);
    assert!(store.view().unwrap().remembered(SectionId(1), &MatchKey([7; 16])).unwrap().is_some());
    assert_sound(&store);
}

#[test]
fn another_indexing_version_costs_no_listing() {
    fn all_under_one_hash(_: &CachedItem) -> crate::IndexKeys {
        crate::IndexKeys { names: vec![7], ..Default::default() }
    }
    let (_folder, path, store) = filled(200);
    let before = store.sections().unwrap().remove(0);
    store.close().unwrap();

    let indexing = Indexing { version: 2, keys: all_under_one_hash };
    let store = Store::open(&path, &StoreConfig { indexing, ..config() }).unwrap();
    let rebuilt = vec!["names", "guids", "titles"];
    assert_eq!(*store.opened(), Opened::Upgraded(Upgrade { rebuilt, ..Upgrade::default() }));
    let after = store.sections().unwrap().remove(0);
    assert_eq!((after.items, after.stamp, after.complete), (200, before.stamp, true));
    assert_eq!(after.revision, before.revision.next(), "matches are checked once more");
    let view = store.view().unwrap();
    let bucket = view.bucket(Index::Names, after.id, 7).unwrap().unwrap();
    assert_eq!(bucket.rating_keys.len(), 200);
    drop(view);
    assert_sound(&store);
    assert_eq!(INDEXING.version, 1);
}
