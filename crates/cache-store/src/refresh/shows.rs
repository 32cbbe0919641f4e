//! Lists the shows of a section. They have data that the rows of their episodes lack.

use futures::StreamExt;
use plex_api::{ItemKind, Listing};

use crate::error::Error;
use crate::model::section::SectionState;
use crate::model::show::CachedShow;
use crate::refresh::context::Context;
use crate::refresh::execute::{Outcome, changed_meanwhile, instead};
use crate::refresh::plan::Plan;
use crate::refresh::reason::PlanReason;

/// How often the shows are listed at most, if they change during the listing.
const ATTEMPTS: u32 = 3;

impl Context {
    /// Lists all shows. There are few of them, so one page is enough for most sections. A list of
    /// all shows also tells which ones are gone. The section's stamp does not change.
    pub(crate) async fn shows(&self, state: &SectionState) -> Result<Outcome, Error> {
        let now = self.clock.now();
        let mut left = ATTEMPTS;
        let shows = loop {
            left -= 1;
            match self.list_shows(state).await {
                Err(error) if left > 0 && changed_meanwhile(&error) => {}
                shows => break shows?,
            }
        };
        let base = state.clone();
        let put = self.blocking(move |store| store.put_shows(&base, &shows, now)).await?;
        Ok(match put {
            Some((state, changes)) => Ok((state, changes)),
            None => instead(Plan::Shows, PlanReason::ChangedMeanwhile),
        })
    }

    async fn list_shows(&self, state: &SectionState) -> Result<Vec<CachedShow>, Error> {
        let wanted = Listing {
            expect_uuid: Some(state.uuid.clone()),
            ..Listing::new(state.key, ItemKind::Show)
        };
        let mut shows = Vec::new();
        let mut pages = std::pin::pin!(self.client.pages(wanted));
        while let Some(page) = pages.next().await {
            let of_kind = |item: &&plex_api::Item| item.kind == ItemKind::Show;
            shows.extend(page?.items.iter().filter(of_kind).map(CachedShow::from_plex));
        }
        Ok(shows)
    }
}
