//! Reads many rows of a table, in the order of their keys.

use redb::{AccessGuard, Key, Range, ReadOnlyTable};

use crate::error::Error;

/// How many steps from row to row take as long as one lookup.
const STEPS: u128 = 8;

/// How many lookups the first step takes: it looks up both ends.
const BEGIN: u128 = 2;

/// Reads the rows of ascending keys. If nearly every row between the first and the last of them is
/// asked for, the table is read from one to the other, which is several times as fast as one by
/// one.
pub(super) struct Ascending<'t, K: Key + 'static> {
    table: &'t ReadOnlyTable<K, &'static [u8]>,
    doing: &'static str,
    /// The rows from the first key to the last. `None`: each row is looked up.
    rows: Option<Range<'static, K, &'static [u8]>>,
    /// The row that was read last.
    row: Option<(K, AccessGuard<'static, &'static [u8]>)>,
}

impl<'t, K> Ascending<'t, K>
where
    K: for<'a> Key<SelfType<'a> = K> + Copy + Ord,
{
    /// Starts to read `asked` rows from the key `first` to the key `last`. About `between` rows are
    /// between these two.
    pub(super) fn new(
        table: &'t ReadOnlyTable<K, &'static [u8]>,
        doing: &'static str,
        (first, last): (K, K),
        asked: usize,
        between: u128,
    ) -> Result<Self, Error> {
        let rows = if between + STEPS * BEGIN < STEPS * asked as u128 {
            Some(table.range(first..=last).map_err(Error::storage(doing))?)
        } else {
            None
        };
        Ok(Self { table, doing, rows, row: None })
    }

    /// The row of `key`, which is not less than the key before.
    pub(super) fn get(&mut self, key: K) -> Result<Option<&[u8]>, Error> {
        let doing = self.doing;
        if self.row.as_ref().is_none_or(|(at, _)| *at < key) {
            self.row = match &mut self.rows {
                None => {
                    let value = self.table.get(key).map_err(Error::storage(doing))?;
                    value.map(|value| (key, value))
                }
                Some(rows) => loop {
                    let Some(row) = rows.next() else { break None };
                    let (at, value) = row.map_err(Error::storage(doing))?;
                    let at = at.value();
                    if at >= key {
                        break Some((at, value));
                    }
                },
            };
        }
        Ok(self.row.as_ref().filter(|(at, _)| *at == key).map(|(_, value)| value.value()))
    }
}
