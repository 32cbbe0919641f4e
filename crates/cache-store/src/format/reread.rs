//! Any bytes as a record of any table, for the fuzzing (`tests/fuzz`): whatever stands in a file under
//! a checksum that holds.

use plex_api::RatingKey;

use crate::format::block::{Block, BlockRow};
use crate::format::edit::EditRow;
use crate::format::envelope::{self, Place, Record};
use crate::format::item::{ItemBody, ItemRow};
use crate::format::lease::LeaseRow;
use crate::format::meta::{AskerRow, CountersRow, PagingRow, StoreRow, TotalsRow};
use crate::format::metadata::MetadataRow;
use crate::format::remembered::MatchRow;
use crate::format::section::SectionRow;
use crate::format::show::ShowRow;
use crate::format::tables::ALL;
use crate::format::upload::UploadsRow;
use crate::model::item::CachedItem;
use crate::model::revision::Revision;
use crate::model::section::SectionId;

const SECTION: SectionId = SectionId(1);
const KEY: u64 = 4_711;

/// What was read, as the present version writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reread {
    /// The present schema of the table.
    pub schema: u16,
    /// The record in it.
    pub payload: Vec<u8>,
    /// All that read such a record read the same.
    pub agree: bool,
}

/// Reads `payload` as the record of a table, under a schema, as if a file had it under a checksum that
/// holds. `None`: it is damage.
///
/// `table` is the number of the table (`docs/format.md`). In the table `meta` (0x10), `row` tells
/// which row it is.
pub fn reread(table: u8, row: u8, schema: u16, payload: &[u8]) -> Option<Reread> {
    let key = if table == META { u128::from(row) } else { u128::from(KEY) };
    let place = Place { table, section: SECTION.0, key };
    let read = match (table, row) {
        (META, 0) => resealed::<StoreRow>(place, schema, payload),
        (META, 1) => resealed::<TotalsRow>(place, schema, payload),
        (META, 2) => resealed::<CountersRow>(place, schema, payload),
        (META, 3) => resealed::<PagingRow>(place, schema, payload),
        (META, _) => resealed::<AskerRow>(place, schema, payload),
        (0x11, _) => resealed::<SectionRow>(place, schema, payload),
        (0x12, _) => resealed::<ItemRow>(place, schema, payload),
        (1..=3, _) => resealed::<BlockRow>(place, schema, payload),
        (0x13, _) => resealed::<MatchRow>(place, schema, payload),
        (0x14, _) => resealed::<LeaseRow>(place, schema, payload),
        (0x15, _) => resealed::<MetadataRow>(place, schema, payload),
        (0x16, _) => resealed::<EditRow>(place, schema, payload),
        (0x17, _) => resealed::<UploadsRow>(place, schema, payload),
        (0x18, _) => resealed::<ShowRow>(place, schema, payload),
        _ => None,
    }?;
    let (schema, payload) = envelope::unseal(place, &read).ok()?;
    Some(Reread { schema, payload: payload.to_vec(), agree: agree(place, &read) })
}

/// The table that has rows of its own for the file.
const META: u8 = 0x10;

/// The numbers that [`reread`] knows: those of all tables, and that of the table `meta`.
pub fn table_numbers() -> Vec<u8> {
    std::iter::once(META).chain(ALL.iter().map(|table| table.number)).collect()
}

/// Whether an item reads back as it was written.
pub fn reads_back(item: &CachedItem) -> bool {
    let place = Place { table: 0x12, section: SECTION.0, key: u128::from(item.rating_key.0) };
    let (mut body, mut sealed) = (Vec::new(), Vec::new());
    if !ItemBody::encode(item, &mut body) {
        return false;
    }
    ItemBody::new(&body).seal(place, Revision(1), &mut sealed);
    ItemBody::borrow(place, &sealed).is_ok_and(|read| read == item.borrowed())
        && ItemBody::open(place, &sealed).and_then(|(_, body)| body.item()).as_ref() == Ok(item)
}

/// A record as a file has it after its upgrade.
fn resealed<R: Record>(place: Place, schema: u16, payload: &[u8]) -> Option<Vec<u8>> {
    let sealed = envelope::seal_payload(place, schema, payload);
    let record = envelope::open::<R>(place, &sealed).ok()?;
    let mut out = Vec::new();
    envelope::seal(place, &record, &mut out);
    Some(out)
}

/// Makes of a sealed record what the cache makes of it. `false`: two of those that read it differ.
fn agree(place: Place, sealed: &[u8]) -> bool {
    match place.table {
        0x11 => {
            drop(envelope::open::<SectionRow>(place, sealed).map(|row| row.into_state(SECTION)));
        }
        0x12 => {
            let owned = envelope::open::<ItemRow>(place, sealed).map(|row| row.item.into_item());
            let same = ItemBody::borrow(place, sealed).ok()
                == owned.as_ref().ok().map(CachedItem::borrowed);
            return same
                && ItemBody::open(place, sealed).and_then(|(_, body)| body.item()) == owned;
        }
        1..=3 => {
            let bits = envelope::unseal(place, sealed).ok();
            let bits = bits.and_then(|(_, payload)| payload.first().copied()).unwrap_or_default();
            if let Ok(block) = Block::open(place, bits, sealed) {
                let all = block.len();
                return block
                    .divide(bits.saturating_add(1))
                    .map(|(_, part)| part.len())
                    .sum::<u64>()
                    == all;
            }
        }
        0x13 => drop(envelope::open::<MatchRow>(place, sealed).map(MatchRow::into_record)),
        0x15 => drop(envelope::open::<MetadataRow>(place, sealed).map(MetadataRow::into_metadata)),
        0x16 => {
            let edit = envelope::open::<EditRow>(place, sealed);
            drop(edit.map(|row| row.into_edit(SECTION, RatingKey(KEY))));
        }
        0x18 => {
            drop(envelope::open::<ShowRow>(place, sealed).map(|row| row.into_show(RatingKey(KEY))));
        }
        _ => {}
    }
    true
}
