//! What bringing sections up to date came to.

use plex_api::ErrorKind;
use serde::Serialize;

use crate::error::Error;
use crate::model::section::SectionState;
use crate::refresh::plan::{Plan, Planned};
use crate::refresh::reason::PlanReason;
use crate::store::apply::Changes;

/// What was done about one section.
#[derive(Debug, Clone, Serialize)]
pub struct Step {
    /// The section's title.
    pub section: String,
    /// The plan that was carried out.
    pub plan: Plan,
    /// Why it was chosen.
    pub reason: PlanReason,
    /// What it changed in the cache.
    pub changes: Changes,
    /// The section's total was compared, and was another although its change counter stood: items
    /// came or went, and nothing else told of it.
    pub total_moved: bool,
}

impl Step {
    pub(super) fn new(state: &SectionState, planned: Planned, changes: Changes) -> Self {
        let Planned { plan, reason } = planned;
        let total_moved = plan == Plan::Totals && changes.added + changes.removed > 0;
        Self { section: state.title.clone(), plan, reason, changes, total_moved }
    }

    /// A plan that was not enough, and what is done instead.
    pub(super) fn instead(state: &SectionState, planned: Planned, next: Planned) -> Self {
        let total_moved = planned.plan == Plan::Totals && next.reason.is_of_total();
        Self { total_moved, ..Self::new(state, planned, Changes::default()) }
    }
}

/// A section that could not be brought up to date, while others could.
#[derive(Debug, Clone)]
pub struct Failed {
    /// The section, as it is cached.
    pub state: SectionState,
    /// Why.
    pub error: plex_api::Error,
}

impl Failed {
    /// The token's account may not see the section (403): for this account it is not there.
    pub fn is_hidden(&self) -> bool {
        self.error.kind() == ErrorKind::Forbidden
    }

    /// Whether other sections would fail in the same way: nothing answers at that address, or not
    /// to this token.
    fn is_of_all(&self) -> bool {
        matches!(
            self.error.kind(),
            ErrorKind::Unauthorized
                | ErrorKind::TooManyRequests
                | ErrorKind::Maintenance
                | ErrorKind::Unavailable
                | ErrorKind::Connect
                | ErrorKind::CircuitOpen
                | ErrorKind::Tls
                | ErrorKind::WrongServer
        )
    }
}

/// Sections that are up to date, and what it took.
#[derive(Debug, Clone, Default)]
pub struct Refreshed {
    /// The selected sections, in the server's order.
    pub sections: Vec<SectionState>,
    /// What was done, in order. A section has more than one step when the first plan did not
    /// explain the change.
    pub steps: Vec<Step>,
    /// Selected sections that failed. If every section fails, the refresh is an error.
    pub failed: Vec<Failed>,
}

impl Refreshed {
    /// Whether anything was asked of the server beside the stamps.
    pub fn moved(&self) -> bool {
        self.steps.iter().any(|step| step.plan.asks())
    }

    /// All selected sections that this account may see; the error of the first that failed.
    pub fn whole(self) -> Result<Vec<SectionState>, Error> {
        match self.failed.into_iter().find(|failed| !failed.is_hidden()) {
            Some(failed) => Err(Error::Plex(failed.error)),
            None => Ok(self.sections),
        }
    }

    /// Takes note of a section. An error that is not the server's ends the refresh.
    pub(super) fn take(
        &mut self,
        before: &SectionState,
        brought: Result<SectionState, Error>,
    ) -> Result<(), Error> {
        match brought {
            Ok(state) => self.sections.push(state),
            Err(Error::Plex(error)) => self.failed.push(Failed { state: before.clone(), error }),
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// The error of a section that would befall the next one, too: it need not be asked.
    pub(super) fn of_all(&self) -> Option<Error> {
        let failed = self.failed.iter().find(|failed| failed.is_of_all())?;
        Some(Error::Plex(failed.error.clone()))
    }

    /// If no section is left, there is nothing to answer from.
    pub(super) fn some_left(self) -> Result<Self, Error> {
        if !self.sections.is_empty() {
            return Ok(self);
        }
        let whole = |failed: &&Failed| !failed.is_hidden();
        match self.failed.iter().find(whole).or(self.failed.first()) {
            Some(failed) => Err(Error::Plex(failed.error.clone())),
            None => Ok(self),
        }
    }
}
