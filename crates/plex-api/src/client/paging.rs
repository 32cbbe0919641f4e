//! Reads a list to its end. Each page has to follow the page before it.
//!
//! A list that passes these checks counts as complete, and rows that are not in it count as
//! deleted. So whatever a server does not say is asked for, and whatever does not fit is an error.

use crate::domain::page::Page;
use crate::error::Error;
use crate::error::kind::ErrorKind;

/// How far a list has been read.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    rows: u64,
    /// The first page came.
    begun: bool,
    /// The total that the first page told.
    total: Option<u64>,
    /// The first page of a list without a total, to recognise it if it comes again.
    first: Option<Page>,
}

/// What to do after a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// The list goes on after this page.
    More,
    /// The list ends with this page.
    Last,
    /// The list ended before this page. The page is not part of the list.
    Ended,
}

impl Progress {
    /// The number of rows so far. The next page begins there.
    pub(crate) fn rows(&self) -> u64 {
        self.rows
    }

    /// Whether a page has the rows of the first page again: the server does not page.
    pub(crate) fn is_first(&self, page: &Page) -> bool {
        let same =
            |first: &Page| page.items == first.items && page.unsupported == first.unsupported;
        self.first.as_ref().is_some_and(same)
    }

    /// Takes the next page. `wanted` rows were requested for it.
    pub(crate) fn take(&mut self, page: &Page, wanted: u64) -> Result<Step, Error> {
        let rows = self.rows;
        if !std::mem::replace(&mut self.begun, true) {
            self.total = page.total;
        }
        let total = self.total;
        if let Some(now) = page.total.filter(|now| Some(*now) != total) {
            let before = total.map_or_else(|| "unknown".to_owned(), |total| total.to_string());
            let text = format!("{before} rows at first, {now} rows at row {rows}");
            return Err(Error::new(ErrorKind::ListingChanged, text));
        }
        self.rows = rows.saturating_add(page.rows);
        match total {
            Some(total) if self.rows >= total => Ok(Step::Last),
            Some(total) if page.rows == 0 => Err(stopped(total, rows)),
            Some(_) => Ok(Step::More),
            None => self.without_total(page, wanted),
        }
    }

    /// Handles a list without a total. It ends where the server sends no row.
    fn without_total(&mut self, page: &Page, wanted: u64) -> Result<Step, Error> {
        let first = match &self.first {
            _ if page.rows == 0 => return Ok(Step::Ended),
            // More rows came than were requested: the server does not page, and these are all rows.
            None if page.rows > wanted => return Ok(Step::Last),
            None => {
                self.first = Some(page.clone());
                return Ok(Step::More);
            }
            Some(first) => first,
        };
        if !self.is_first(page) {
            return Ok(Step::More);
        }
        // The first page came again, so the server does not page. If that page is full, rows may be
        // missing.
        if first.rows < wanted {
            return Ok(Step::Ended);
        }
        let text = format!("the same {} rows again, and not how many there are", first.rows);
        Err(Error::new(ErrorKind::Decode, text))
    }
}

/// The server sends no row, although there must be more.
pub(crate) fn stopped(total: u64, row: u64) -> Error {
    let text = format!("the server counts {total} rows and sends none from row {row} on");
    Error::new(ErrorKind::ListingChanged, text)
}
