//! One page, with as many rows as requested, or as many as the server accepts.

use std::time::Duration;

use crate::calls::Endpoint;
use crate::client::Client;
use crate::client::page_size::{Answered, below};
use crate::domain::listing::{Detail, Listing};
use crate::domain::page::Page;
use crate::error::Error;
use crate::error::kind::ErrorKind;
use crate::http::transport::Call;
use crate::json::decode;
use crate::privacy::Private;

/// A page, its request, and how it was answered.
pub(crate) struct Rows {
    pub(crate) page: Page,
    pub(crate) call: Call,
    pub(crate) answered: Answered,
}

/// A page with what it cost: time, and bytes of its body.
pub(crate) type Costly = (Page, Duration, u64);

impl Client {
    /// How many rows a listing has. `None`: this server does not tell. That does not mean 0.
    pub async fn total(&self, listing: &Listing) -> Result<Option<u64>, Error> {
        let doing = format!("counting {} items of section {}", listing.kind, listing.section);
        let page = self.listing_page(Endpoint::Total, listing, 0, 0, doing).await?.page;
        // A server without paging sends every row.
        Ok(page.total.or(Some(page.rows).filter(|rows| *rows > 0)))
    }

    /// `size` rows of a listing, starting at row `start`. The server may send fewer rows. If so
    /// many rows are too much for it, the client requests fewer, down to 50.
    pub async fn page(&self, listing: &Listing, start: u64, size: u32) -> Result<Page, Error> {
        Ok(self.rows(listing, start, size).await?.page)
    }

    /// A page, and how it was answered.
    pub(crate) async fn rows(
        &self,
        listing: &Listing,
        start: u64,
        size: u32,
    ) -> Result<Rows, Error> {
        let doing = format!(
            "listing {} items of section {} from row {start}",
            listing.kind, listing.section
        );
        self.listing_page(Endpoint::Page, listing, start, size, doing).await
    }

    async fn listing_page(
        &self,
        endpoint: Endpoint,
        listing: &Listing,
        start: u64,
        size: u32,
        doing: String,
    ) -> Result<Rows, Error> {
        let path = format!("/library/sections/{}/all", listing.section);
        let mut call = self.get(endpoint, &path, listing.query(), &doing);
        call.window = Some((start, size));
        let rows = self.fetch_rows(call, listing.detail).await?;
        match (&listing.expect_uuid, &rows.page.section_uuid) {
            (Some(expected), Some(found)) if expected != found => {
                let text = format!("expected section {expected}, found {found}");
                Err(rows.call.explain(Error::new(ErrorKind::WrongSection, text)))
            }
            // The answer has no rows and does not name its section. Some servers send this for a
            // section that is gone (Maintainerr pull request 2883).
            (Some(expected), None) if rows.page.rows == 0 && start == 0 && size > 0 => {
                let text = format!("expected section {expected}, found no rows of any section");
                Err(rows.call.explain(Error::new(ErrorKind::WrongSection, text)))
            }
            _ => Ok(rows),
        }
    }

    /// Requests a window of rows, and fewer rows if so many are too much for the server. A refusal
    /// counts for the page size only after a smaller page was answered, because a request that is
    /// refused for another reason is refused in every size.
    pub(crate) async fn fetch_rows(&self, mut call: Call, detail: Detail) -> Result<Rows, Error> {
        let (start, mut asked) = call.window.unwrap_or_default();
        let mut failed = None;
        loop {
            let smaller = below(asked);
            call.divisible = smaller.is_some();
            call.window = Some((start, asked));
            match (self.fetch_page(call.clone(), detail).await, smaller) {
                (Err(error), Some(smaller)) if error.is_too_much() => {
                    tracing::debug!(rows = asked, error = %Private(&error), "asking for fewer");
                    let refused = error.kind() == ErrorKind::BadRequest;
                    failed = Some(refused || failed == Some(true));
                    asked = smaller;
                }
                (Err(error), _) => return Err(error),
                (Ok(((page, took, bytes), call)), _) => {
                    if let Some(refused) = failed {
                        self.shared.page_size.answered_instead(asked, refused);
                    }
                    let answered = Answered { asked, rows: page.rows, took, bytes };
                    return Ok(Rows { page, call, answered });
                }
            }
        }
    }

    /// Requests exactly these rows: the answer must begin at the right row.
    pub(crate) async fn fetch_page(
        &self,
        call: Call,
        detail: Detail,
    ) -> Result<(Costly, Call), Error> {
        let asked = call.window.map_or(0, |(start, _)| start);
        self.fetch(
            call,
            |(page, ..): &Costly| page.rows,
            move |reply| {
                let (mut page, frame) = decode::page_and_frame(&reply.body, detail)?;
                frame.check(page.rows)?;
                page.total = page.total.or(reply.total);
                page.offset = frame.offset.or(reply.offset).unwrap_or(asked);
                if page.offset != asked && page.rows > 0 {
                    let text = format!("asked for row {asked}, got rows from {}", page.offset);
                    return Err(Error::new(ErrorKind::Decode, text));
                }
                Ok((page, reply.took, reply.body.len() as u64))
            },
        )
        .await
    }
}
