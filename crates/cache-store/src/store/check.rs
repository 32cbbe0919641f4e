//! Verifies the whole file.

use redb::ReadTransaction;
use serde::Serialize;
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use crate::error::Error;
use crate::file::meta::store_row;
use crate::format::block::BlockRef;
use crate::format::envelope::Place;
use crate::format::meta::TotalsRow;
use crate::format::tables::ALL;
use crate::format::{envelope, place, tables};
use crate::format::{item::ItemRow, meta::CountersRow, section::SectionRow};
use crate::model::index::Index;
use crate::model::section::{SectionId, SectionState};
use crate::store::Store;

/// What a full verification found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Checked {
    /// How many rows were read, in all tables.
    pub rows: u64,
    /// The problems, one line each. At most a hundred are kept.
    pub problems: Vec<String>,
    /// The number of problems.
    pub problem_count: u64,
}

impl Checked {
    /// Whether there are no problems.
    pub fn is_sound(&self) -> bool {
        self.problem_count == 0
    }

    fn problem(&mut self, what: impl FnOnce() -> String) {
        self.problem_count += 1;
        if self.problems.len() < 100 {
            self.problems.push(what());
        }
    }
}

impl Store {
    /// Verifies the whole file: redb's checksum of every page, the seal of every value in every
    /// table, that every row belongs to an existing section, that every block exists, and that
    /// items, indexes and counts agree. It reads everything: a second or two at a million items.
    ///
    /// If redb itself finds damage, the file is replaced, as everywhere: [`Error::Damaged`]. The
    /// check needs the file alone: it returns [`Error::InUse`] while a view is open.
    pub fn check(&self) -> Result<Checked, Error> {
        let doing = "checking it";
        let intact = self.file.with_db_mut(doing, |db| match db.check_integrity() {
            Ok(intact) => Ok(intact),
            Err(redb::DatabaseError::TransactionInProgress) => Err(Error::InUse { doing }),
            Err(error) => Err(Error::storage(doing)(error)),
        })?;
        let indexing = self.indexing;
        self.read(doing, |txn| {
            let mut checked = Checked::default();
            if !intact {
                checked.problem(|| "the storage engine had to repair the file".to_owned());
            }
            check_meta(txn, &mut checked)?;
            let mut sections: Vec<SectionState> = Vec::new();
            let mut bytes = Vec::new();
            for table in &ALL {
                table.scan(txn, |place, value| {
                    checked.rows += 1;
                    if let Err(damage) = (table.reseal)(place, value, &mut bytes) {
                        checked.problem(|| format!("{}: {place:?}: {damage:?}", table.name));
                    } else if place == place::section(SectionId(place.section))
                        && let Ok(row) = envelope::open::<SectionRow>(place, value)
                    {
                        sections.push(row.into_state(SectionId(place.section)));
                    } else if place.section != 0
                        && !sections.iter().any(|state| state.id.0 == place.section)
                    {
                        checked.problem(|| format!("{}: {place:?} has no section", table.name));
                    }
                })?;
            }
            for state in &sections {
                check_section(txn, state, indexing.keys, &mut checked)?;
            }
            Ok(checked)
        })
    }

    /// A hash of all rows in the file. Two stores with equal digests hold the same rows, wherever
    /// the rows are in the file. Matches that wait in the buffer are not included.
    pub fn digest(&self) -> Result<u64, Error> {
        self.read("reading all of it", |txn| {
            let mut hash = Xxh3::new();
            for table in &ALL {
                table.scan(txn, |place, value| {
                    hash.update(&[place.table]);
                    hash.update(&place.section.to_le_bytes());
                    hash.update(&place.key.to_le_bytes());
                    hash.update(value);
                })?;
            }
            Ok(hash.digest())
        })
    }
}

/// Opens the sealed rows of the file as a whole, the store row first: without it the file is
/// replaced.
fn check_meta(txn: &ReadTransaction, checked: &mut Checked) -> Result<(), Error> {
    let doing = "checking it";
    let meta = txn.open_table(tables::META).map_err(Error::storage(doing))?;
    store_row(&meta)?;
    let totals: fn(Place, &[u8]) -> bool = |at, row| envelope::open::<TotalsRow>(at, row).is_ok();
    let counters: fn(Place, &[u8]) -> bool =
        |at, row| envelope::open::<CountersRow>(at, row).is_ok();
    checked.rows += 1;
    for (key, opens) in [(tables::TOTALS, totals), (tables::COUNTERS, counters)] {
        let Some(row) = meta.get(key.name).map_err(Error::storage(doing))? else { continue };
        checked.rows += 1;
        if !opens(place::meta(key), row.value()) {
            checked.problem(|| format!("meta: \"{}\" is damaged: it starts anew", key.name));
        }
    }
    Ok(())
}

/// Compares the items with the indexes. Their order does not matter, so both sides are summed while
/// they are read, and memory does not grow.
fn check_section(
    txn: &ReadTransaction,
    state: &SectionState,
    keys: fn(&crate::CachedItem) -> crate::IndexKeys,
    checked: &mut Checked,
) -> Result<(), Error> {
    let doing = "checking it";
    let items = txn.open_table(tables::ITEMS).map_err(Error::storage(doing))?;
    let mut count = 0_u64;
    let mut expected = [(0_u64, 0_u64); 3];
    for row in items.range(tables::whole(state.id)).map_err(Error::storage(doing))? {
        let (key, value) = row.map_err(Error::storage(doing))?;
        let (_, key) = key.value();
        count += 1;
        let Ok(row) = envelope::open::<ItemRow>(place::item(state.id, key), value.value()) else {
            continue; // reported before
        };
        let keys = keys(&row.item.into_item());
        for (index, (entries, sum)) in Index::ALL.into_iter().zip(&mut expected) {
            for &hash in keys.of(index) {
                *entries += 1;
                *sum = sum.wrapping_add(posting(hash, key));
            }
        }
    }
    if count != state.items {
        checked.problem(|| format!("\"{}\": {count} items, {} counted", state.title, state.items));
    }
    let shows = txn.open_table(tables::SHOWS).map_err(Error::storage(doing))?;
    let shows = shows.range(tables::whole(state.id)).map_err(Error::storage(doing))?.count() as u64;
    if let Some(counted) = state.shows.map(|shows| shows.count).filter(|count| *count != shows) {
        checked.problem(|| format!("\"{}\": {shows} shows, {counted} counted", state.title));
    }
    let indexes = Index::ALL.into_iter().zip(state.divisions).zip(expected);
    for ((index, division), (entries, sum)) in indexes {
        let blocks = txn.open_table(tables::index(index)).map_err(Error::storage(doing))?;
        let (mut found, mut found_sum, mut buckets) = (0_u64, 0_u64, 0_u64);
        for number in 0..division.blocks() {
            let value = blocks.get((state.id.0, number)).map_err(Error::storage(doing))?;
            let place = place::block(index, state.id, number);
            let bits = division.bits.unwrap_or_default();
            let read = value.as_ref().map(|value| BlockRef::open(place, bits, value.value()));
            let Some(Ok(block)) = read else {
                checked.problem(|| format!("\"{}\": no block {index:?} {number}", state.title));
                continue;
            };
            for (hash, bucket) in block.buckets().flatten() {
                buckets += 1;
                for key in bucket.rating_keys {
                    found += 1;
                    found_sum = found_sum.wrapping_add(posting(hash, key.0));
                }
            }
        }
        if (found, found_sum, buckets) != (entries, sum, division.buckets) {
            checked.problem(|| {
                format!(
                    "\"{}\": {index:?} has {found} keys in {buckets} buckets, but the items give \
                     {entries} keys in {}",
                    state.title, division.buckets
                )
            });
        }
    }
    Ok(())
}

fn posting(hash: u64, key: u64) -> u64 {
    let mut bytes = [0; 16];
    let (low, high) = bytes.split_at_mut(8);
    low.copy_from_slice(&hash.to_le_bytes());
    high.copy_from_slice(&key.to_le_bytes());
    xxh3_64(&bytes)
}
