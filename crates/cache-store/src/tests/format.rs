//! The bytes of each record, and bytes that are not a record.
//!
//! Golden bytes are never edited: a record that changes gets another schema, an entry in
//! the module of its row, and its present bytes here beside the old ones in `upgrading.rs`.

use plex_api::{Field, ItemKind, SectionKey, SectionUuid, TagField, UnixSeconds};

use super::upgrading::bytes;
use super::{Dice, found, match_key, movie, stamp};
use crate::format::block::{Block, BlockRef, BlockRow};
use crate::format::edit::EditRow;
use crate::format::envelope::{Damage, Place, Record};
use crate::format::item::{ItemBody, ItemFields, ItemRow};
use crate::format::lease::LeaseRow;
use crate::format::meta::{AskerRow, CountersRow, PagingRow, StoreRow, TotalsRow};
use crate::format::metadata::MetadataRow;
use crate::format::remembered::MatchRow;
use crate::format::section::SectionRow;
use crate::format::show::ShowRow;
use crate::format::upload::UploadsRow;
use crate::format::{envelope, place, tables};
use crate::model::partition::Division;
use crate::model::position::{CommitId, Position};
use crate::model::remembered::Failure;
use crate::model::section::{FileFilter, Lookups, SectionState, ShowsListed};
use crate::{
    CachedItem, CachedShow, Day, EditProgress, Index, MatchRecord, Metadata, Outcome, Progress,
    Revision, RunId, SectionId,
};

const STORE: &str =
    "4d0200aaf562eca22c1d5c0106616263313233030102010201fc00e2a7cafdefcdab8967452301";
const COUNTERS: &str = "4d010094143a112ee3c743fbe803fc7011010001";
/// Under schema 3.
const SECTION_3: &str = "4d03006421208ddf6072140b757569642d6d6f7669657305064d6f766965730101062f666\
    96c6d730101fd020000000000400000000101fd04000000000040000000fb2c01fc70110100010101fc58e4a7ca0\
    1fc90e3a7ca01fcc8e2a7ca010102010502010dfc71110100010dfc71110100010dfc711101000701fc64e2a7caf\
    b2c01";
/// Under schema 4.
const SECTION_4: &str = "4d0400d1dd970ca7c341240b757569642d6d6f7669657305064d6f766965730101062f666\
    96c6d730101fd020000000000400000000101fd04000000000040000000fb2c01fc70110100010101fc58e4a7ca0\
    1fc90e3a7ca01fcc8e2a7ca010102010502010dfc71110100010dfc71110100010dfc711101000701fc64e2a7caf\
    b2c0101";
const SECTION: &str = "4d050007051c65a294caba0b757569642d6d6f7669657305064d6f766965730101062f66696c\
    6d730101fd020000000000400000000101fd04000000000040000000fb2c01fc70110100010101fc58e4a7ca01fc90\
    e3a7ca01fcc8e2a7ca010102010502010dfc71110100010dfc71110100010dfc711101000701fc64e2a7cafb2c0101\
    0101fc2ce3a7ca010909090909090909090909090909090901fb580200000207fb6712";
const ITEM: &str = "4d040052b8b75e34bc93290241cb78a15977f6bd3e7706745e964181fb671201145469746c65\
    20343731312065646974696f6e20320108d0a2d0b5d181d182010453686f770105416c62756d010343757401fbbd\
    0701fc654a2e010001030210696d64623a2f2f7474303030343731310b746d64623a2f2f3135373001fce0698800\
    01fc00e2a7ca01fc00e2a7ca000101fb8f3500192f66696c6d732f343731312f46696c6d20323335352e6d6b7601\
    fca7540f0001fce069880001fc0020bcbe0001fb6512";
const BLOCK: &str = "4d020075192d745d5ac0a604100807060504030201ffffffffffffffff0808000000110\
    0000011fb2c010201fb6712fb2c0101fc70110100";
const MATCH_FOUND: &str = "4d02004404c1e5c1c1e44900fb67120000010103fbe80300010c01010101fde3e\
    38185691f4f310000fb2c01fb615101fc00e2a7ca01090a026e6f";
const MATCH_AMBIGUOUS: &str = "4d0200b16f448ec4ef8813010201020103fbe80300010c01010101fde3e38\
    185691f4f310000fb2c01fb615101fc00e2a7ca01090a026e6f";
const METADATA: &str = "4d0100cfd360ecf258f4fd0102000844617320426f6f740903382e350100020357617205447\
    2616d6101057469746c6501057468756d62016101fc00e2a7cafcc8e2a7ca";
const EDIT_PLANNED: &str = "4d01006f13f9b048df6deffdefcdab896745230100fc00e2a7ca";
const EDIT_SENT: &str = "4d0100846d887f931987b5fdefcdab896745230101fc00e2a7ca";
const EDIT_CONFIRMED: &str = "4d0100b2a3439ee0c5f1eafdefcdab896745230102fc00e2a7ca";
const EDIT_FAILED: &str = "4d0100a045020360a62d07fdefcdab896745230103066c6f636b6564fc00e2a7ca";
const UPLOADS: &str = "4d01004a74f15ad6b3f8b9010707070707070707070707070707070707070707070707070707\
    07070707070700";
const SHOW: &str = "4d0100e8b9b6be86565dc00d57696c6c6f77202832303035290106d098d0b2d0b001fbd50702\
    10706c65783a2f2f73686f772f356437370c747664623a2f2f3733313431";
const MATCH_ABSENT: &str = "4d0200b45d8d22a074555f020103fbe80300010c01010101fde3e38185691f4f31\
    0000fb2c01fb615101fc00e2a7ca01090a026e6f";
const TOTALS: &str = "4d0100be49ae535b16f948027b7d";
const ASKER: &str = "4d010031fae32de779728a01020304";
const PAGING: &str = "4d0100c7d15900a4a0538764fcffffffff0104312e3433";
const LEASE: &str = "4d0100102b6623b2c2b40d2afc00e2a7ca";

fn section_row() -> SectionRow {
    let uuid = SectionUuid("uuid-movies".into());
    let mut state = SectionState::empty(SectionId(1), uuid, SectionKey(5), ItemKind::Movie);
    state.title = "Movies".into();
    state.locations = vec!["/films".into()];
    state.stamp = Some(stamp(9_007_199_254_740_993));
    state.observed = Some(stamp(9_007_199_254_740_994));
    state.revision = Revision(300);
    state.items = 70_000;
    state.unsupported = 1;
    state.complete = true;
    state.observed_at = Some(UnixSeconds(1_700_000_300));
    state.metadata_at = Some(UnixSeconds(1_700_000_200));
    state.listed_at = Some(UnixSeconds(1_700_000_100));
    state.changed_until = Some(UnixSeconds(-1));
    state.dated = true;
    state.settled = true;
    state.counted_at = Some(UnixSeconds(1_700_000_150));
    state.lookups = Lookups { spent: 2, total: Some(5), filter: FileFilter::Honoured };
    state.divisions = [Division { bits: Some(13), buckets: 70_001 }; 3];
    state.matches_from = Revision(7);
    state.shows = Some(ShowsListed { at: UnixSeconds(1_700_000_050), count: 300 });
    let commit = CommitId([9; 16]);
    state.position = Some(Position { commit, stamp: stamp(300), touched: vec![7, 4711] });
    SectionRow::new(&state)
}

fn item() -> CachedItem {
    let mut item = movie(4711, 2);
    item.original_title = Some("\u{422}\u{435}\u{441}\u{442}".into());
    item.grandparent_title = Some("Show".into());
    item.grandparent = Some(plex_api::RatingKey(4709));
    item.parent_title = Some("Album".into());
    item.edition = Some("Cut".into());
    item.aired = Day::new(1981, 9, 17);
    item.index = Some(3);
    item
}

fn item_row() -> ItemRow {
    let content = item().content_hash().0;
    ItemRow { changed_at: 2, content, item: ItemFields::new(item()) }
}

fn block() -> Block {
    let mut block = Block::default();
    for (hash, keys) in [(0x0102_0304_0506_0708, vec![1, 4711]), (u64::MAX, vec![70_000])] {
        block.change(hash, |bucket| {
            bucket.changed_at = Revision(300);
            bucket.rating_keys = keys.into_iter().map(plex_api::RatingKey).collect();
        });
    }
    block
}

fn match_row(outcome: Outcome) -> MatchRow {
    let failed =
        Failure { rating_key: plex_api::RatingKey(9), at: UnixSeconds(5), why: "no".into() };
    let mut record = MatchRecord { outcome, failed: Some(failed), ..found(4711, Revision(300)) };
    record.evidence.rival = Some(plex_api::RatingKey(12));
    record.evidence.mapping = Some(1);
    record.applied_at = Some(UnixSeconds(1_700_000_000));
    MatchRow::new(&record)
}

fn metadata_row() -> MetadataRow {
    let text = |text: &str| text.to_owned();
    MetadataRow::new(&Metadata {
        kind: ItemKind::Movie,
        values: [(Field::Title, text("Das Boot")), (Field::UserRating, text("8.5"))].into(),
        tags: [(TagField::Genre, vec![text("War"), text("Drama")])].into(),
        locked: vec![text("title")],
        sent: [(text("thumb"), text("a"))].into(),
        updated_at: Some(UnixSeconds(1_700_000_000)),
        read_at: UnixSeconds(1_700_000_100),
    })
}

fn edit_row(progress: Progress) -> EditRow {
    let (section, rating_key) = (SECTION_1, plex_api::RatingKey(4711));
    let (run, at) = (RunId(0x0123_4567_89AB_CDEF), UnixSeconds(1_700_000_000));
    EditRow::new(&EditProgress { section, rating_key, run, progress, at })
}

const SECTION_1: SectionId = SectionId(1);

fn sealed<R: Record>(place: Place, record: &R) -> Vec<u8> {
    let mut bytes = Vec::new();
    envelope::seal(place, record, &mut bytes);
    bytes
}

#[track_caller]
fn check<R: Record + PartialEq + std::fmt::Debug>(place: Place, record: &R, golden: &str) {
    let golden_bytes = bytes(golden);
    assert_eq!(sealed(place, record), golden_bytes, "{:02x?}", sealed(place, record));
    assert_eq!(envelope::open::<R>(place, &golden_bytes).as_ref(), Ok(record));
    assert_hostile::<R>(place, &golden_bytes, record);
}

/// Changed bytes are always read as damage, and never as another record.
#[track_caller]
fn assert_hostile<R: Record + PartialEq + std::fmt::Debug>(place: Place, bytes: &[u8], is: &R) {
    for length in 0..bytes.len() {
        assert!(envelope::open::<R>(place, &bytes[..length]).is_err(), "cut to {length}");
    }
    let mut longer = bytes.to_vec();
    longer.push(0);
    assert!(envelope::open::<R>(place, &longer).is_err(), "one byte too many");
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.to_vec();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(envelope::open::<R>(place, &flipped).is_err(), "bit {bit}");
    }
    let elsewhere = [
        Place { table: place.table ^ 1, ..place },
        Place { section: place.section + 1, ..place },
        Place { key: place.key + 1, ..place },
    ];
    for elsewhere in elsewhere {
        assert_eq!(envelope::open::<R>(elsewhere, bytes).err(), Some(Damage::Checksum));
    }
    // A payload with wrong lengths, and a right checksum.
    let mut dice = Dice(3);
    for _ in 0..500 {
        let mut payload = bytes[11..].to_vec();
        let at = usize::try_from(dice.roll(payload.len() as u64)).unwrap();
        payload[at] = if dice.roll(2) == 0 { 0xFD } else { u8::try_from(dice.roll(256)).unwrap() };
        if let Some(other) = envelope::decode::<R>(&payload) {
            // It may be another record of the same type, if its bytes were read to the end.
            assert!(other != *is || payload == bytes[11..]);
        }
    }
    // A huge number in every place where a length may be.
    for at in 0..bytes.len() - 11 {
        for huge in HUGE {
            let payload = with_number(&bytes[11..], at, huge);
            let sealed = sealed_payload::<R>(place, &payload);
            match envelope::open::<R>(place, &sealed) {
                Err(damage) => assert_eq!(damage, Damage::Payload),
                Ok(other) => assert!(other != *is, "this was not a length"),
            }
        }
    }
}

/// Numbers that are too large to decode, too large for memory, or that overflow when multiplied.
const HUGE: [u64; 4] = [5 << 20, 1 << 40, u64::MAX / 16, u64::MAX];

/// A payload with the byte at a place replaced by a number.
fn with_number(payload: &[u8], at: usize, number: u64) -> Vec<u8> {
    let mut other = payload[..at].to_vec();
    other.push(0xFD);
    other.extend(number.to_le_bytes());
    other.extend(&payload[at + 1..]);
    other
}

fn sealed_payload<R: Record>(place: Place, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    envelope::seal_with::<R>(place, &mut bytes, |out| {
        out.extend_from_slice(payload);
        true
    });
    bytes
}

#[test]
fn a_length_beyond_the_payload_is_damage_and_not_an_allocation() {
    // Title, locations and uuid of a section; keys of a bucket; what a block borrows.
    let place = place::section(SECTION_1);
    let section = bytes(SECTION);
    let block_place = place::block(Index::Names, SECTION_1, 3);
    let block = bytes(BLOCK);
    for huge in HUGE {
        for at in [0, 13, 21] {
            let payload = with_number(&section[11..], at, huge);
            let sealed = sealed_payload::<SectionRow>(place, &payload);
            assert_eq!(envelope::open::<SectionRow>(place, &sealed).err(), Some(Damage::Payload));
        }
        for at in [1, 18, 27] {
            let payload = with_number(&block[11..], at, huge);
            let sealed = sealed_payload::<BlockRow>(block_place, &payload);
            assert!(BlockRef::open(block_place, 4, &sealed).is_err(), "{at}");
        }
    }
}

#[test]
fn the_bytes_of_every_record() {
    let store = StoreRow {
        server: Some("abc123".into()),
        next_section: 3,
        indexing: 1,
        listed: vec![1, 2],
        listed_at: Some(1_700_000_000),
        file_id: 0x0123_4567_89AB_CDEF,
    };
    check(place::meta(tables::STORE), &store, STORE);
    let counters = CountersRow { hits: 1_000, misses: 70_000, damaged: 1 };
    check(place::meta(tables::COUNTERS), &counters, COUNTERS);
    check(place::section(SECTION_1), &section_row(), SECTION);
    let place = place::item(SECTION_1, 4711);
    check(place, &item_row(), ITEM);
    // As a refresh writes it.
    let (mut body, mut sealed) = (Vec::new(), Vec::new());
    assert!(ItemBody::encode(&item(), &mut body));
    ItemBody::new(&body).seal(place, Revision(2), &mut sealed);
    assert_eq!(sealed, bytes(ITEM));
    assert_eq!(ItemBody::open(place, &sealed), Ok((Revision(2), ItemBody::new(&body))));
    assert_eq!(ItemBody::new(&body).item(), Ok(item()));
    let place = place::block(Index::Names, SECTION_1, 3);
    let mut bytes = Vec::new();
    block().seal(place, 4, &mut bytes);
    check(place, &envelope::open::<BlockRow>(place, &bytes).unwrap(), BLOCK);
    let place = place::remembered(SECTION_1, &match_key(1));
    let one = found(4711, Revision(300)).outcome;
    check(place, &match_row(one), MATCH_FOUND);
    let keys = vec![plex_api::RatingKey(1), plex_api::RatingKey(2)];
    check(place, &match_row(Outcome::Ambiguous(keys)), MATCH_AMBIGUOUS);
    check(place, &match_row(Outcome::Absent), MATCH_ABSENT);
    let totals = TotalsRow { bytes: b"{}".to_vec() };
    check(place::meta(tables::TOTALS), &totals, TOTALS);
    let paging = PagingRow { rows: 100, at_most: u32::MAX, version: Some("1.43".into()) };
    check(place::meta(tables::PAGING), &paging, PAGING);
    check(place::meta(tables::ASKER), &AskerRow { hash: [1, 2, 3, 4] }, ASKER);
    let lease = LeaseRow { holder: 42, until: 1_700_000_000 };
    check(place::lease(SECTION_1), &lease, LEASE);
}

/// A row of schema 3 says nothing about the dates of its items. A row of schema 4 also says nothing
/// about changes during the listing, the time of the count, and the shared tier.
#[test]
fn sections_of_earlier_schemas_are_read() {
    let place = place::section(SECTION_1);
    let mut state = section_row().into_state(SECTION_1);
    (state.settled, state.counted_at, state.position) = (false, None, None);
    let row: SectionRow = envelope::open(place, &bytes(SECTION_4)).unwrap();
    assert_eq!(row, SectionRow::new(&state));
    let row: SectionRow = envelope::open(place, &bytes(SECTION_3)).unwrap();
    state.dated = false;
    assert_eq!(row, SectionRow::new(&state));
}

#[test]
fn the_bytes_of_what_is_known_beside_matching() {
    check(place::metadata(SECTION_1, 4711), &metadata_row(), METADATA);
    let edits = [
        (Progress::Planned, EDIT_PLANNED),
        (Progress::Sent, EDIT_SENT),
        (Progress::Confirmed, EDIT_CONFIRMED),
        (Progress::Failed("locked".into()), EDIT_FAILED),
    ];
    for (progress, golden) in edits {
        check(place::edit(SECTION_1, 4711), &edit_row(progress), golden);
    }
    let uploads = UploadsRow { poster: Some([7; 32]), background: None };
    check(place::uploads(SECTION_1, 4711), &uploads, UPLOADS);
    let show = ShowRow::new(&CachedShow {
        rating_key: plex_api::RatingKey(4709),
        title: "Willow (2005)".into(),
        original_title: Some("\u{418}\u{432}\u{430}".into()),
        year: Some(2005),
        guids: vec!["plex://show/5d77".into(), "tvdb://73141".into()],
    });
    check(place::show(SECTION_1, 4709), &show, SHOW);
}

#[test]
fn a_block_with_lengths_that_disagree_is_damage() {
    let place = place::block(Index::Names, SECTION_1, 3);
    let golden = bytes(BLOCK);
    let sound = BlockRef::open(place, 4, &golden).unwrap();
    assert_eq!(sound.buckets().count(), 2);
    let mut dice = Dice(9);
    for _ in 0..2_000 {
        let mut payload = golden[11..].to_vec();
        let at = usize::try_from(dice.roll(payload.len() as u64)).unwrap();
        payload[at] = u8::try_from(dice.roll(256)).unwrap();
        let Some(row) = envelope::decode::<BlockRow>(&payload) else { continue };
        let bytes = sealed(place, &row);
        if let Ok(block) = BlockRef::open(place, 4, &bytes) {
            // Read to its end: right, wrong or damage, but no panic.
            let _ = block.buckets().flatten().count();
            let _ = block.find(u64::MAX);
        }
    }
}

/// The code of a source file: without comments and blank lines, which change no byte on disk.
fn code(source: &str) -> String {
    let lines = source.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.filter(|line| !line.starts_with("//")).collect::<Vec<_>>().join("\n")
}

#[test]
fn format_page_is_of_this_code() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/format");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let files: std::collections::BTreeSet<_> = files.collect();
    let sources = files.iter().map(|file| code(&std::fs::read_to_string(file).unwrap()));
    let sources = sources.collect::<Vec<_>>().join("\n");
    let is = xxhash_rust::xxh3::xxh3_64(sources.as_bytes());
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/format.md");
    let page = std::fs::read_to_string(page).unwrap();
    let says = page.lines().find_map(|line| line.strip_prefix("Sources: ")).unwrap();
    assert_eq!(
        says,
        format!("{is:016x}"),
        "the code of the format changed: bring docs/format.md up to date, then its last line"
    );
}
