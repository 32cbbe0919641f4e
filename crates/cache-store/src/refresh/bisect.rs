//! Finds which items vanished if the total says how many: bisection over pages sorted by id.
//!
//! Our keys, in ascending order, are the list that the server had. Its list now is the same without
//! `d` keys. The row at an offset shows how many keys vanished before it: it moved up by that many
//! places. If the rows at both ends of a stretch moved up by the same number of places, nothing
//! vanished between them. All other stretches are halved. A page costs one call, as a single row
//! does, so pages are read. `d` vanished items are found in about `d * log2(N / (P * d))` calls
//! instead of `d * log2(N)`.
//!
//! This module only decides. [`Vanished::wanted`] says which page to read next, and
//! [`Vanished::read`] takes that page. If a server does not sort, or lists a key that we do not
//! know, the first page with such a row shows it.

/// The search for vanished keys.
#[derive(Debug)]
pub(crate) struct Vanished {
    /// Every key that the server would list if nothing had vanished, in ascending order.
    ours: Vec<u64>,
    page: u64,
    open: Vec<Stretch>,
    gone: Vec<u64>,
}

/// The rows strictly between two known ones. The bounds are positions in our list and in the
/// server's list. The positions before the first row and after the last row are known without
/// asking.
#[derive(Debug, Clone, Copy)]
struct Stretch {
    /// Number of our keys, and of the server's, up to and including the lower known row.
    below: (u64, u64),
    /// Number of our keys, and of the server's, before the upper known row.
    above: (u64, u64),
}

/// The listing is not our list without some keys: it is not sorted, or it has an unknown key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotOurs;

impl Vanished {
    /// Starts a search in `ours` (ascending). The server lists `total` of these keys.
    pub(crate) fn new(ours: Vec<u64>, total: u64, page: u32) -> Self {
        let whole = Stretch { below: (0, 0), above: (ours.len() as u64, total) };
        let mut search =
            Self { ours, page: u64::from(page.max(1)), open: Vec::new(), gone: Vec::new() };
        search.push(whole);
        search
    }

    /// About how many calls a search takes for `count` vanished keys among `items`.
    pub(crate) fn estimate(items: u64, count: u64, page: u32) -> u64 {
        let pages = items.div_ceil(u64::from(page.max(1))).max(1);
        let halvings = (pages / count.max(1)).max(1).ilog2();
        count.saturating_mul(u64::from(halvings) + 2)
    }

    /// The page to read next, as offset and number of rows. `None`: the search is done.
    pub(crate) fn wanted(&self) -> Option<(u64, u64)> {
        let stretch = self.open.last()?;
        let rows = stretch.rows();
        let size = rows.min(self.page);
        Some((stretch.below.1 + (rows - size) / 2, size))
    }

    /// Takes the keys of the page that was [`wanted`](Self::wanted).
    pub(crate) fn read(&mut self, keys: &[u64]) -> Result<(), NotOurs> {
        let Some((offset, size)) = self.wanted() else { return Err(NotOurs) };
        let Some(stretch) = self.open.pop() else { return Err(NotOurs) };
        if keys.len() as u64 != size {
            return Err(NotOurs);
        }
        let mut below = stretch.below;
        for (at, key) in (offset..).zip(keys) {
            let position = self.ours.binary_search(key).map_err(|_| NotOurs)? as u64;
            let here = Stretch { below, above: (position, at) };
            if !here.possible()
                || !(Stretch { below: (position + 1, at + 1), ..stretch }).possible()
            {
                return Err(NotOurs);
            }
            self.push(here);
            below = (position + 1, at + 1);
        }
        self.push(Stretch { below, above: stretch.above });
        Ok(())
    }

    /// The vanished keys, in ascending order. Call this when nothing more is
    /// [`wanted`](Self::wanted).
    pub(crate) fn gone(mut self) -> Vec<u64> {
        self.gone.sort_unstable();
        self.gone
    }

    fn push(&mut self, stretch: Stretch) {
        if stretch.missing() == 0 {
            return;
        }
        if stretch.rows() > 0 {
            self.open.push(stretch);
            return;
        }
        // The server has no row between the two, so all our keys between them are gone.
        let ours = usize::try_from(stretch.below.0).ok().zip(usize::try_from(stretch.above.0).ok());
        let gone = ours.and_then(|(from, to)| self.ours.get(from..to));
        self.gone.extend_from_slice(gone.unwrap_or_default());
    }
}

impl Stretch {
    /// How many rows the server has between the bounds.
    fn rows(self) -> u64 {
        self.above.1.saturating_sub(self.below.1)
    }

    /// How many of our keys between the bounds are missing on the server.
    fn missing(self) -> u64 {
        self.above.0.saturating_sub(self.below.0).saturating_sub(self.rows())
    }

    /// Whether the server's rows between the bounds can be a part of ours.
    fn possible(self) -> bool {
        self.above.0 >= self.below.0
            && self.above.1 >= self.below.1
            && self.above.0 - self.below.0 >= self.above.1 - self.below.1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs a search against a list. Returns what it found and the number of calls.
    fn search(ours: Vec<u64>, theirs: &[u64], page: u32) -> (Result<Vec<u64>, NotOurs>, u64) {
        let mut search = Vanished::new(ours, theirs.len() as u64, page);
        let mut calls = 0;
        while let Some((offset, size)) = search.wanted() {
            calls += 1;
            let from = usize::try_from(offset).unwrap();
            let to = (from + usize::try_from(size).unwrap()).min(theirs.len());
            if let Err(error) = search.read(&theirs[from..to]) {
                return (Err(error), calls);
            }
        }
        (Ok(search.gone()), calls)
    }

    #[track_caller]
    fn check(count: u64, gone: &[u64], page: u32, at_most: u64) {
        let ours: Vec<u64> = (0..count).map(|at| at * 3 + 1).collect();
        let gone: Vec<u64> = gone.iter().map(|at| at * 3 + 1).collect();
        let theirs: Vec<u64> = ours.iter().copied().filter(|key| !gone.contains(key)).collect();
        let (found, calls) = search(ours, &theirs, page);
        assert_eq!(found, Ok(gone));
        assert!(calls <= at_most, "{calls} calls");
    }

    #[test]
    fn vanished_keys_are_found_in_few_calls() {
        check(100_000, &[], 500, 0);
        check(100_000, &[0], 500, 8);
        check(100_000, &[99_999], 500, 8);
        check(100_000, &[31_337], 500, 8);
        check(100_000, &[50_000, 50_001, 50_002], 500, 8);
        check(
            100_000,
            &[5, 10_000, 20_000, 30_000, 40_000, 50_000, 60_000, 70_000, 80_000, 99_000],
            500,
            60,
        );
        check(10, &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9], 500, 0); // all gone: the total says it
        check(10, &[4], 1, 4);
        check(1, &[], 500, 0);
    }

    #[test]
    fn a_server_that_does_not_sort_is_found_out() {
        let ours: Vec<u64> = (0..2_000).collect();
        let reversed: Vec<u64> = (1..2_000).rev().collect();
        assert_eq!(search(ours.clone(), &reversed, 500).0, Err(NotOurs));
        let unknown: Vec<u64> = (1..2_000).map(|key| key + 5_000).collect();
        assert_eq!(search(ours.clone(), &unknown, 500).0, Err(NotOurs));
        let mut swapped: Vec<u64> = (1..2_000).collect();
        swapped.swap(1_000, 1_001);
        assert_eq!(search(ours, &swapped, 500).0, Err(NotOurs));
    }

    #[test]
    fn every_choice_of_vanished_keys_in_a_small_list_is_found() {
        for chosen in 0..1_u64 << 9 {
            let gone: Vec<u64> = (0..9).filter(|at| chosen & (1 << at) != 0).collect();
            check(9, &gone, 2, 9);
        }
    }
}
