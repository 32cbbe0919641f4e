//! The read-through asks the shared tier before it asks the server, and publishes to it afterwards.
//! The plans know nothing about the tier.

use std::pin::Pin;
use std::sync::Arc;

use plex_api::{Filter, Section};
use tracing::{Instrument, debug, debug_span, warn};

use crate::error::Error;
use crate::library::Library;
use crate::library::probe::Observed;
use crate::library::refreshed::Step;
use crate::model::revision::SectionStamp;
use crate::model::section::SectionState;
use crate::random_id::draw;
use crate::refresh::listing;
use crate::refresh::plan::{Demand, Plan, Planned};
use crate::refresh::reason::PlanReason;
use crate::share::single_flight::{Sighting, Since};
use crate::share::tier::config::SharedTier;
use crate::share::tier::counts::{Miss, SharedCounts};
use crate::share::tier::hold::{Hold, Lease};
use crate::share::tier::probe::Probed;
use crate::share::tier::protocol::{Head, Way, base, calls_saved, crowd_delay, way};
use crate::share::tier::{Look, Tier};
use crate::store::Store;

/// How often one refresh looks at the tier before it asks the server itself.
const LOOKS: u32 = 8;

/// The state of one section's refresh, as far as other hosts are concerned.
#[derive(Default)]
pub(super) struct Round {
    lease: Option<Lease>,
    /// What the engine showed after this host took the lease. A publication starts from it.
    look: Option<Look>,
    looks: u32,
    /// Another host had the lease, and more hosts may have waited for it too.
    waited: bool,
    /// Something in the tier could not be used.
    missed: bool,
    /// It is decided that this host asks the server.
    settled: bool,
    calls: u64,
}

/// What a refresh would do next with a section.
#[derive(Clone, Copy)]
pub(super) struct Intent<'a> {
    pub(super) state: &'a SectionState,
    pub(super) seen: &'a Sighting,
    pub(super) plan: Plan,
    pub(super) demand: Demand,
}

impl Round {
    /// Runs `work`, and renews the lease as long as the work takes.
    pub(super) fn renewing<'a, T: Send + Sync + 'a>(
        &'a self,
        work: Pin<Box<impl Future<Output = T> + Send + 'a>>,
    ) -> Pin<Box<dyn Future<Output = T> + Send + 'a>> {
        match &self.lease {
            Some(lease) => Box::pin(lease.renewing(work)),
            None => work,
        }
    }
}

impl Library {
    /// Shares listings with other hosts, through an engine that all of them can reach.
    ///
    /// Set the profile before you call this. The engine is not asked before there are queries.
    pub fn with_shared(mut self, config: Option<SharedTier>) -> Result<Self, Error> {
        let Some(config) = config else { return Ok(self) };
        let seen_with = config.token_key().map_or([0; 16], |key| {
            let mut hash = [0; 16];
            self.context.client.with_token(|token| {
                blake3::Hasher::new_keyed(&key).update(token).finalize_xof().fill(&mut hash);
            });
            hash
        });
        let (profile, clock) = (self.context.profile.clone(), self.context.clock.clone());
        self.tier = Some(Arc::new(Tier::new(config, profile, seen_with, clock)?));
        Ok(self)
    }

    /// What the shared tier did so far.
    pub fn shared_counts(&self) -> SharedCounts {
        self.tier.as_ref().map(|tier| tier.counting().now()).unwrap_or_default()
    }

    /// The server's sections: as another host saw them a moment ago, or as the server lists them
    /// now.
    pub(super) async fn observe_shared(&self, since: Since) -> Result<Observed, Error> {
        let Some(tier) = &self.tier else { return self.observe().await };
        if tier.server().is_none() || !tier.is_verified() {
            self.find_server(tier).await?;
        }
        let (lease, before) = match since {
            Since::Ending => match tier.probe(self.context.policy.freshness).await {
                Probed::Shared(listed, at) => {
                    // The probe may be older than the listing in the cache.
                    let (others, before) = (Vec::new(), Arc::default());
                    return Ok(Observed { listed, others, before, at });
                }
                Probed::Ask(lease, before) => (lease, before),
            },
            // Something happened that only a new answer of the server can show.
            Since::Beginning => (tier.time().await, None),
        };
        let observed = self.observe().await;
        match (&observed, lease) {
            (Ok(Observed { listed: sections, others, .. }), Some(lease)) => {
                let known = before.as_ref().map(|probe| probe.sections.as_slice());
                let is_it = self.is_server(tier, sections, known.unwrap_or_default()).await;
                if is_it && others.is_empty() {
                    tier.put_probe(lease, sections.clone()).await;
                } else {
                    tier.drop_probe(lease).await;
                }
            }
            (Err(_), Some(lease)) => tier.drop_probe(lease).await,
            (_, None) => {}
        }
        observed
    }

    /// Finds out which server this is: from the cache file, the configuration, or the server
    /// itself.
    async fn find_server(&self, tier: &Tier) -> Result<(), plex_api::Error> {
        if let Some(bound) = self.bound().await {
            if tier.server().is_some_and(|server| server != bound) {
                warn!("the cache file is another server's than the shared tier is configured for");
                tier.leave();
            }
            tier.note_server(&bound);
        } else if tier.server().is_none() {
            let identity = self.context.client.identity().await?;
            tier.note_server(&identity.machine_identifier);
        }
        Ok(())
    }

    /// The server to which the cache file is bound.
    async fn bound(&self) -> Option<String> {
        let owner = self.context.blocking(Store::server).await.ok()??;
        Some(match &self.context.profile {
            Some(profile) => owner.strip_suffix(&format!(" as {profile}"))?.to_owned(),
            None => owner,
        })
    }

    /// Whether the server that listed these sections is the one whose keys are used. It is, if it
    /// lists sections that only that server has, or if it says so itself.
    async fn is_server(&self, tier: &Tier, listed: &[Section], known: &[Section]) -> bool {
        let Some(server) = tier.server() else { return false };
        if let Some(bound) = self.bound().await {
            if bound != server {
                return false;
            }
            let sections = self.context.blocking(Store::sections).await.unwrap_or_default();
            let is_known = |one: &Section| sections.iter().any(|state| state.uuid == one.uuid);
            if listed.iter().any(is_known) {
                return true;
            }
        }
        let same = |one: &Section| known.iter().any(|other| other.uuid == one.uuid);
        if listed.iter().any(same) {
            tier.note_server(&server);
            return true;
        }
        match self.context.client.identity().await {
            Ok(identity) if identity.machine_identifier == server => {
                tier.note_server(&server);
                true
            }
            Ok(_) => {
                warn!("the server is another than the shared tier is configured for");
                tier.leave();
                false
            }
            Err(_) => false,
        }
    }

    /// Takes what another host listed, or waits for it. `true`: look at the section again. `false`:
    /// ask the server.
    pub(super) async fn share(
        &self,
        intent: Intent<'_>,
        round: &mut Round,
        steps: &mut Vec<Step>,
    ) -> Result<bool, Error> {
        let Some(tier) = self.tier.as_ref().filter(|_| !round.settled) else { return Ok(false) };
        if matches!(intent.plan, Plan::Fresh | Plan::Unchanged) {
            return Ok(false);
        }
        let span = debug_span!("share", section = intent.state.id.0);
        let shared = self.share_step(tier, intent, round, steps);
        let again = shared.instrument(span).await?;
        round.settled = !again;
        Ok(again)
    }

    async fn share_step(
        &self,
        tier: &Arc<Tier>,
        intent: Intent<'_>,
        round: &mut Round,
        steps: &mut Vec<Step>,
    ) -> Result<bool, Error> {
        // The server's identity was asked for once. It is not asked for again.
        if tier.is_verified() && self.bound().await.is_none() {
            self.bind_to(tier).await?;
        }
        round.looks += 1;
        if round.looks > LOOKS {
            return Ok(false);
        }
        let Intent { state, seen, plan, .. } = intent;
        let Some(look) = tier.look(state).await else { return Ok(false) };
        let held = round.lease.is_some();
        if !round.missed
            && let Some(way) = self.useful(tier, intent, &look, held)
        {
            if let (true, Way::Snapshot(_), Some(head)) = (round.waited, &way, &look.head) {
                tokio::time::sleep(crowd_delay(head.snapshot.bytes, draw())).await;
            }
            if let Some(taken) = self.take(tier, state, seen, &look, &way).await? {
                steps.push(taken);
                return Ok(true);
            }
            round.missed = true;
        }
        if !plan.is_worth_sharing() {
            return Ok(false);
        }
        if !held {
            return Ok(match tier.hold(state, &look).await {
                Hold::Mine(lease) => {
                    round.lease = Some(lease);
                    true // another host may have published since the last look
                }
                Hold::Again => {
                    round.waited = true;
                    true
                }
                Hold::Without => false,
            });
        }
        round.calls = self.context.client.calls().total().count;
        round.look = Some(look);
        // The host that published the probe asked the server for its identity, and each page says
        // which section it belongs to.
        if self.bound().await.is_none() {
            self.bind_to(tier).await?;
        }
        Ok(false)
    }

    async fn bind_to(&self, tier: &Tier) -> Result<(), Error> {
        let Some(server) = tier.server() else { return Ok(()) };
        self.context.bind_to(server).await
    }

    /// The way to what another host listed, if it leads to the state that this host needs.
    fn useful(
        &self,
        tier: &Tier,
        intent: Intent<'_>,
        look: &Look,
        may_publish: bool,
    ) -> Option<Way> {
        let Intent { state, seen, demand, .. } = intent;
        let head = look.head.as_ref()?;
        let base = base(state.position.as_ref(), state.stamp);
        let way = way(head, base).filter(|way| *way != Way::There)?;
        if !tier.is_after_edits(state.id, look, head) {
            tier.counting().miss(Miss::OtherStamp);
            return None;
        }
        let present = head.stamp == seen.stamp;
        let useful = if present && state.stamp == Some(seen.stamp) {
            !self.plan(&claimed(state, look, head, seen), &seen.stamp, demand).plan.asks()
        } else {
            // A host with an empty cache may start from old data. A host that will publish starts
            // from what the tier holds.
            present || state.stamp.is_none() || (may_publish && matches!(way, Way::Log(_)))
        };
        if !useful {
            tier.counting().miss(Miss::OtherStamp);
        }
        useful.then_some(way)
    }

    async fn take(
        &self,
        tier: &Tier,
        state: &SectionState,
        seen: &Sighting,
        look: &Look,
        way: &Way,
    ) -> Result<Option<Step>, Error> {
        let Some(head) = &look.head else { return Ok(None) };
        if !self.is_joined(tier, state, seen, head).await? {
            return Ok(None);
        }
        if self.bound().await.is_none() {
            self.bind_to(tier).await?;
        }
        let present = head.stamp == seen.stamp;
        let observed_at = if present { seen.at } else { look.at.ours(head.observed) };
        let taken = tier.take(&self.context.store, state, look, way, observed_at).await?;
        let Some((state, changes)) = taken else { return Ok(None) };
        tier.counting().change().calls_saved +=
            calls_saved(head, way, self.context.client.page_size());
        let reason = match way {
            Way::Snapshot(_) => PlanReason::SharedSnapshot,
            Way::Log(_) | Way::There => PlanReason::SharedLog,
        };
        debug!(%reason, items = state.items, "taken from the shared tier");
        Ok(Some(Step::new(&state, Planned { plan: Plan::Shared, reason }, changes)))
    }

    /// Whether the server shows this account the same items as the account that listed them. If the
    /// hosts have a secret, hashes of their tokens are compared. If not, one total is compared.
    async fn is_joined(
        &self,
        tier: &Tier,
        state: &SectionState,
        seen: &Sighting,
        head: &Head,
    ) -> Result<bool, Error> {
        if let Some(joined) = tier.joined(state.id, head) {
            return Ok(joined);
        }
        // A total under another stamp proves nothing.
        if head.stamp != seen.stamp {
            return Ok(false);
        }
        let wanted = listing::request(state, Filter::None);
        let total = self.context.client.total(&wanted).await?;
        let joined = total == Some(head.items + head.unsupported);
        tier.note_joined(state.id, head, joined);
        Ok(joined)
    }

    /// Publishes what a refresh brought, if this host held the lease.
    pub(super) async fn tell(
        &self,
        state: SectionState,
        round: Round,
    ) -> Result<SectionState, Error> {
        let Round { lease: Some(lease), look: Some(look), calls, .. } = round else {
            return Ok(state);
        };
        let Some(tier) = &self.tier else { return Ok(state) };
        if !self.may_publish(tier, &state).await {
            return Ok(state);
        }
        let contested = look.head.as_ref().and_then(|head| tier.joined(state.id, head));
        if contested == Some(false) {
            return Ok(state);
        }
        let state = self.settle(state).await?;
        let calls = self.context.client.calls().total().count.saturating_sub(calls);
        tier.publish(&self.context.store, &state, lease, &look, calls).await?;
        Ok(state)
    }

    /// Compares the stamp of a section once more, on behalf of all hosts. Without it, each host
    /// would have to do this before it answers that a file is absent.
    async fn settle(&self, state: SectionState) -> Result<SectionState, Error> {
        let Some(stamp) = state.stamp.filter(|_| state.is_unsettled()) else { return Ok(state) };
        let at = self.context.clock.now();
        let Ok((listed, _)) = self.context.client.section_rows().await else { return Ok(state) };
        let stands =
            |section: &Section| section.uuid == state.uuid && SectionStamp::of(section) == stamp;
        if !listed.iter().any(stands) {
            return Ok(state);
        }
        let listed = state.clone();
        let note = move |store: &Store| {
            let id = listed.id;
            store.note_probe(None, &[(listed.clone(), stamp)], &[listed], at)?;
            store.view()?.section(id)
        };
        Ok(self.context.blocking(note).await?.unwrap_or(state))
    }

    /// Whether a section may be published: its change is explained, and it belongs to the server
    /// whose keys are used.
    async fn may_publish(&self, tier: &Tier, state: &SectionState) -> bool {
        let explained = state.stamp.is_some() && !state.is_unexplained() && !state.is_partial();
        explained && self.bound().await.is_some_and(|bound| tier.server() == Some(bound))
    }

    /// Publishes sections that the tier lacks, if the file has them as they are now. So a tier that
    /// lost its data is filled again without a call to the server.
    pub(super) async fn offer(
        &self,
        unchanged: &[(SectionState, SectionStamp)],
    ) -> Result<(), Error> {
        let Some(tier) = &self.tier else { return Ok(()) };
        for (state, stamp) in unchanged {
            if state.stamp != Some(*stamp) || !self.may_publish(tier, state).await {
                continue;
            }
            let Some(look) = tier.look(state).await else { return Ok(()) };
            let known = look.head.as_ref().filter(|head| head.stamp == *stamp);
            if known.is_some_and(|head| head.complete || !state.complete) {
                continue;
            }
            let contested = look.head.as_ref().and_then(|head| tier.joined(state.id, head));
            if contested == Some(false) {
                continue;
            }
            if let Some(lease) = tier.hold_now(state).await {
                tier.publish(&self.context.store, state, lease, &look, 0).await?;
            }
        }
        Ok(())
    }
}

/// The section as it would be if a head were taken.
fn claimed(state: &SectionState, look: &Look, head: &Head, seen: &Sighting) -> SectionState {
    SectionState {
        stamp: Some(head.stamp),
        observed: Some(seen.stamp),
        items: head.items,
        unsupported: head.unsupported,
        complete: head.complete,
        observed_at: Some(seen.at),
        listed_at: Some(look.at.ours(head.listed)),
        metadata_at: head.metadata.map(|at| look.at.ours(at)),
        ..state.clone()
    }
}
