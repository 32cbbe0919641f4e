//! Uses pages as large as the server accepts, from the first page on. What one process found out is
//! stored for the next one, as long as the server has the same version.

use std::sync::{MutexGuard, PoisonError};

use plex_api::Paging;

use crate::error::Error;
use crate::model::section::SectionState;
use crate::refresh::context::{Context, KnownPaging};

/// If small pages cost this many more calls, it is worth one call to ask whether the server still
/// has the version that refused larger pages.
const WORTH_ASKING: u64 = 10;

impl Context {
    fn known_paging(&self) -> MutexGuard<'_, KnownPaging> {
        self.paging.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts with what another process found out.
    pub(crate) async fn recall_paging(&self) -> Result<(), Error> {
        if self.known_paging().kept.is_some() {
            return Ok(());
        }
        let kept = self.blocking(crate::Store::paging).await?;
        let mut known = self.known_paging();
        if let Some((paging, version)) = kept {
            self.client.set_paging(paging);
            known.of = version;
        }
        known.kept = Some(self.client.paging());
        Ok(())
    }

    /// Stores what this process found out, if it is new.
    pub(crate) async fn keep_paging(&self) -> Result<(), Error> {
        let paging = self.client.paging();
        let version = {
            let mut known = self.known_paging();
            if known.kept.replace(paging) == Some(paging) {
                return Ok(());
            }
            let version = known.version.clone();
            known.of.clone_from(&version);
            version
        };
        self.blocking(move |store| store.put_paging(paging, version)).await
    }

    /// Notes the server's version. What was seen with another version does not count any more.
    pub(crate) fn note_version(&self, version: String) {
        let mut known = self.known_paging();
        if known.of.as_ref() != Some(&version) {
            self.client.set_paging(Paging { rows: u32::MAX, at_most: u32::MAX });
        }
        known.version = Some(version);
    }

    /// Before all of a section is read in small pages: asks whether the server still has the
    /// version that refused larger ones. It costs one call and may save ten.
    pub(crate) async fn check_paging(&self, state: &SectionState) -> Result<(), Error> {
        let asked = self.known_paging().version.is_some();
        let rows = state.items + state.unsupported;
        let pages = |size: u32| rows.div_ceil(u64::from(size.max(1)));
        let (now, most) = (self.client.page_size(), self.client.max_page_size());
        if !asked && pages(now) >= pages(most) + WORTH_ASKING {
            self.bind().await?;
        }
        Ok(())
    }
}
