//! The result of bringing sections up to date.

use plex_api::ErrorKind;
use serde::Serialize;

use crate::error::Error;
use crate::model::section::SectionState;
use crate::refresh::plan::{Plan, Planned};
use crate::refresh::reason::PlanReason;
use crate::store::apply::update::Changes;

/// What was done for one section.
#[derive(Debug, Clone, Serialize)]
pub struct Step {
    /// The section's title.
    pub section: String,
    /// The plan that was carried out.
    pub plan: Plan,
    /// Why this plan was chosen.
    pub reason: PlanReason,
    /// What the plan changed in the cache.
    pub changes: Changes,
    /// The section's total differed although its change counter did not move. Items came or went,
    /// and only the total showed it.
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
    /// The section as the cache has it.
    pub state: SectionState,
    /// Why it failed.
    pub error: plex_api::Error,
}

impl Failed {
    /// Whether the token's account may not see the section (403). For this account, the section
    /// does not exist.
    pub fn is_hidden(&self) -> bool {
        self.error.kind() == ErrorKind::Forbidden
    }

    /// Whether other sections would fail in the same way: the server cannot be reached, or it
    /// refuses every request of this token.
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

/// Sections that are up to date, and the steps that were needed.
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
    /// Whether the server was asked for anything except the stamps.
    pub fn moved(&self) -> bool {
        self.steps.iter().any(|step| step.plan.asks())
    }

    /// All selected sections that this account may see. If one of them failed, its error (the first
    /// one).
    pub fn whole(self) -> Result<Vec<SectionState>, Error> {
        match self.failed.into_iter().find(|failed| !failed.is_hidden()) {
            Some(failed) => Err(Error::Plex(failed.error)),
            None => Ok(self.sections),
        }
    }

    /// Takes the outcome of one section. An error that does not come from the server ends the
    /// refresh.
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

    /// The error of a failed section, if the next section would fail with it too. Then the server
    /// is not asked about the next section.
    pub(super) fn of_all(&self) -> Option<Error> {
        let failed = self.failed.iter().find(|failed| failed.is_of_all())?;
        Some(Error::Plex(failed.error.clone()))
    }

    /// Returns an error if no section is left to answer from.
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
