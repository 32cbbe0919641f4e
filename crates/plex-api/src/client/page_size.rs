//! How many rows to request at once. The goal is few calls, but large pages must not overload the
//! server.
//!
//! The policy is pure: [`Client::pages`](crate::Client::pages) asks it and reports to it. It judges
//! times only by pages that were requested alone, because pages in flight at the same time wait for
//! each other.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The size of the pages that a server accepts, as far as it is known. It is worth storing for the
/// next client of the same server in the same version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Paging {
    /// How many rows to request at once.
    pub rows: u32,
    /// The server refused pages with more rows. `u32::MAX`: it refused none.
    pub at_most: u32,
}

/// The sizes to try, in rows, the largest first: limits that servers and proxies are likely to
/// have. The server's own log says that it will answer at most 1,000 rows.
const SIZES: [u32; 5] = [1_000, 500, 250, 100, SMALLEST];

/// No size below this is tried.
const SMALLEST: u32 = 50;

/// If a page takes longer than this, smaller pages are requested: the server's database is busy all
/// that time.
const LONG: Duration = Duration::from_millis(1_500);

/// If a page has more bytes than this, smaller pages are requested. A row with the fields for
/// matching has about 1,300 bytes.
const LARGE: u64 = 8 << 20;

/// The size to try after this one was too large. `None`: the size is not the reason.
pub(crate) fn below(rows: u32) -> Option<u32> {
    SIZES.into_iter().find(|smaller| *smaller < rows)
}

/// A page and how it was answered.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Answered {
    /// How many rows were requested.
    pub(crate) asked: u32,
    /// How many rows came.
    pub(crate) rows: u64,
    /// The time from sending to the last byte.
    pub(crate) took: Duration,
    /// Size of the body.
    pub(crate) bytes: u64,
}

impl Answered {
    /// Whether a page with `rows` rows is well within the limits, if time and bytes grow with the
    /// rows.
    fn allows(&self, rows: u32, long: Duration, large: u64) -> bool {
        let (rows, asked) = (u128::from(rows), u128::from(self.asked));
        self.took.as_nanos().saturating_mul(rows) <= long.as_nanos() * asked
            && u128::from(self.bytes) * rows <= u128::from(large) * asked
    }
}

/// The size of the next page, learned from the pages before it.
#[derive(Debug)]
pub(crate) struct PageSize {
    /// The most rows that the host allows.
    limit: u32,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    paging: Paging,
    /// The rows and the time of a page that took long. Smaller pages are tried now.
    slow: Option<(u32, Duration)>,
    /// Smaller pages took as long. So the time does not depend on the rows.
    in_vain: bool,
}

impl PageSize {
    pub(crate) fn new(limit: u32) -> Self {
        let paging = Paging { rows: limit, at_most: u32::MAX };
        Self { limit, state: Mutex::new(State { paging, slow: None, in_vain: false }) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn limit(&self) -> u32 {
        self.limit
    }

    pub(crate) fn paging(&self) -> Paging {
        self.state().paging
    }

    /// Starts with earlier knowledge, within the host's limit.
    pub(crate) fn set(&self, paging: Paging) {
        let rows = paging.rows.min(paging.at_most).clamp(SMALLEST.min(self.limit), self.limit);
        self.state().paging = Paging { rows, ..paging };
    }

    /// Notes that a larger page failed and that this smaller one was answered instead. `refused`:
    /// the server refused the larger page, and was not only too slow.
    pub(crate) fn answered_instead(&self, rows: u32, refused: bool) {
        let paging = &mut self.state().paging;
        paging.rows = paging.rows.min(rows);
        if refused {
            paging.at_most = paging.at_most.min(rows);
        }
    }

    /// Judges a page that was requested alone. `true`: the next page must be requested alone too.
    /// It is smaller, and the policy needs to see whether that helps.
    pub(crate) fn judge(&self, mut page: Answered) -> bool {
        let mut state = self.state();
        if page.rows < u64::from(page.asked) {
            return false; // the end of a list says little
        }
        if let Some((asked, took)) = state.slow.take()
            && page.asked < asked
            && page.took > LONG
            && page.took * 4 > took * 3
        {
            state.in_vain = true;
            state.paging.rows = asked.min(state.paging.at_most).min(self.limit);
            return false;
        }
        if state.in_vain {
            page.took = Duration::ZERO;
        }
        if page.allows(page.asked, LONG, LARGE) {
            let larger = self.above(page.asked).filter(|rows| *rows <= state.paging.at_most);
            // Half of the limits, so that the size does not go up and down all the time.
            let larger = larger.filter(|rows| page.allows(*rows, LONG / 2, LARGE / 2));
            if let Some(larger) = larger.filter(|_| page.asked == state.paging.rows) {
                state.paging.rows = larger;
            }
            return false;
        }
        let mut smaller = SIZES.into_iter().filter(|rows| *rows < page.asked);
        let smaller = smaller
            .clone()
            .find(|rows| page.allows(*rows, LONG, LARGE))
            .or_else(|| smaller.next_back());
        let Some(smaller) = smaller else { return false };
        state.paging.rows = state.paging.rows.min(smaller);
        if page.took > LONG {
            state.slow = Some((page.asked, page.took));
        }
        state.slow.is_some()
    }

    /// Judges a page that was in flight together with others. Only its bytes count.
    pub(crate) fn came(&self, page: Answered) {
        if page.bytes > LARGE {
            self.judge(Answered { took: Duration::ZERO, ..page });
        }
    }

    /// The next larger size.
    fn above(&self, rows: u32) -> Option<u32> {
        let larger = SIZES.into_iter().rev().chain([self.limit]).find(|larger| *larger > rows);
        larger.map(|larger| larger.min(self.limit)).filter(|larger| *larger > rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// Reads pages alone as long as the policy wants that. Returns their sizes, and the size of all
    /// other pages.
    fn alone(size: &PageSize, took: impl Fn(u32) -> Duration, row: u64) -> (Vec<u32>, u32) {
        let mut sizes = Vec::new();
        loop {
            let asked = size.paging().rows;
            sizes.push(asked);
            let (rows, bytes) = (u64::from(asked), u64::from(asked) * row);
            if !size.judge(Answered { asked, rows, took: took(asked), bytes }) {
                return (sizes, size.paging().rows);
            }
        }
    }

    /// (the host's limit, the time of a page, the bytes of a row, pages that are read alone, rows
    /// of the other pages)
    type Case = (u32, fn(u32) -> Duration, u64, &'static [u32], u32);

    #[test]
    fn a_slow_server_is_asked_for_less_as_far_as_that_helps() {
        let table: [Case; 11] = [
            (1_000, |_| 80 * MS, 1_300, &[1_000], 1_000),
            (1_000, |rows| rows * 2 * MS, 1_300, &[1_000, 500], 500),
            (1_000, |rows| rows * 20 * MS, 1_300, &[1_000, 50], 50),
            (1_000, |rows| rows * 200 * MS, 1_300, &[1_000, 50], 50),
            // The time is the same for every size.
            (1_000, |_| 2_000 * MS, 1_300, &[1_000, 500], 1_000),
            (1_000, |_| 20_000 * MS, 1_300, &[1_000, 50], 1_000),
            (1_000, |rows| 1_400 * MS + rows * MS, 1_300, &[1_000, 500], 1_000),
            (1_000, |_| MS, 20_000, &[1_000], 250),
            (1_000, |rows| rows * 2 * MS, 20_000, &[1_000, 250], 250),
            (5_000, |rows| rows * MS, 1_300, &[5_000, 1_000], 1_000),
            (40, |_| 9_000 * MS, 1_300, &[40], 40),
        ];
        for (at, (limit, took, row, pages, rest)) in table.into_iter().enumerate() {
            let size = PageSize::new(limit);
            assert_eq!(alone(&size, took, row), (pages.to_vec(), rest), "row {at}");
            assert_eq!(size.paging().at_most, u32::MAX, "row {at}");
        }
    }

    #[test]
    fn a_size_grows_again_when_pages_are_quick_but_never_to_what_was_refused() {
        let size = PageSize::new(1_000);
        size.set(Paging { rows: 100, at_most: 250 });
        assert_eq!(alone(&size, |rows| rows * 4 * MS, 1_300), (vec![100], 100));
        assert_eq!(alone(&size, |rows| rows * MS, 1_300), (vec![100], 250));
        assert_eq!(alone(&size, |rows| rows * MS, 1_300), (vec![250], 250));
        size.set(Paging { rows: 500, at_most: u32::MAX });
        assert_eq!(alone(&size, |_| MS, 1_300), (vec![500], 1_000));
        let size = PageSize::new(800);
        size.set(Paging { rows: 500, at_most: u32::MAX });
        assert_eq!(alone(&size, |_| MS, 1_300), (vec![500], 800));
    }

    #[test]
    fn the_end_of_a_list_says_nothing() {
        let size = PageSize::new(1_000);
        assert!(!size.judge(Answered { asked: 1_000, rows: 9, took: 9_000 * MS, bytes: 9_000 }));
        assert_eq!(size.paging(), Paging { rows: 1_000, at_most: u32::MAX });
    }

    #[test]
    fn what_was_seen_before_is_kept_within_what_the_host_allows() {
        for (limit, set, rows) in [
            (1_000, Paging { rows: 100, at_most: u32::MAX }, 100),
            (80, Paging { rows: 100, at_most: u32::MAX }, 80),
            (1_000, Paging { rows: 100, at_most: 50 }, 50),
            (1_000, Paging { rows: 0, at_most: 0 }, 50),
            (20, Paging { rows: 0, at_most: 0 }, 20),
        ] {
            let size = PageSize::new(limit);
            size.set(set);
            assert_eq!(size.paging().rows, rows);
        }
    }

    #[test]
    fn what_is_refused_is_asked_for_in_the_next_size_down() {
        let mut tried = vec![5_000];
        while let Some(smaller) = tried.last().copied().and_then(below) {
            tried.push(smaller);
        }
        assert_eq!(tried, [5_000, 1_000, 500, 250, 100, 50]);
        let size = PageSize::new(1_000);
        size.answered_instead(250, false);
        assert_eq!(size.paging(), Paging { rows: 250, at_most: u32::MAX });
        size.answered_instead(100, true);
        assert_eq!(size.paging(), Paging { rows: 100, at_most: 100 });
    }
}
