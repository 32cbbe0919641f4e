//! A run of edits. It first compares the changes with the stored items, then reads the items that
//! need a write, and sends only the differences.

use std::collections::{BTreeMap, HashMap};
use std::convert::identity;
use std::time::Duration;

use cache_store::{
    CachedItem, Demand, EditProgress, Error, ItemRead, Known, Metadata, Policy, Progress, RunId,
    SectionId, SectionState, Selection, Store, has_recent_metadata,
};
use plex_api::{Field, ItemKind, RatingKey, TagField, UnixSeconds};
use tracing::info;

use crate::answer::Reason;
use crate::edit::change::{Change, Step};
use crate::edit::checks::{Refusal, check_kind, check_length, check_steps};
use crate::edit::compare::{Difference, compare, edited_by_others};
use crate::edit::group::group;
use crate::edit::holds_file::holds_file;
use crate::edit::outcome::{EditCounts, EditFailure, EditOutcome, EditRun, NotTried};
use crate::edit::send::{Item, Sent};
use crate::edit::target::{Target, by_item};
use crate::engine::Engine;
use crate::engine::numbers::Numbers;
use crate::rules::candidates::SectionContext;

/// What to do when somebody else edited a field of the change since the item was last read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OnForeign {
    /// Write, and list the overwritten fields in the outcome.
    #[default]
    Report,
    /// Write, without listing the fields.
    Overwrite,
    /// Do not write to the item: [`EditFailure::EditedByOthers`].
    Skip,
}

/// Options of a run of edits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct EditOptions {
    /// Plan the edits, but send nothing. Items are read as in a real run, so the plan is exact.
    pub dry_run: bool,
    /// What to do about edits of others.
    pub on_foreign: OnForeign,
}

/// An item with an edit to send.
struct Ready {
    target: usize,
    section: SectionId,
    difference: Difference,
    overwritten: Vec<String>,
}

/// Decides what to do with an item, from stored data (if they are still valid) or from a read.
struct Judge<'a> {
    states: &'a [SectionState],
    contexts: HashMap<SectionId, SectionContext>,
    policy: &'a Policy,
    now: UnixSeconds,
}

impl Engine {
    /// Applies changes. It compares them with the stored items, reads the items that need a write
    /// or are not known (about 200 items a call), and sends only the differences: one request for
    /// an item, or one for up to a hundred items with the same edit.
    ///
    /// If another run of this engine edits one of the items, this one waits until that run has ended.
    /// If another process does, both edit it, and it is read before it is compared again.
    ///
    /// A change has final values, so a run that ended early can be repeated: a confirmed change
    /// costs nothing. An outage is not an error: the outcome of a change that was not sent is
    /// [`EditOutcome::NotTried`]. The errors are the same as of [`Engine::match_files`].
    ///
    /// If this future is dropped, the server may still carry out requests in flight, and no other
    /// is sent. [`Engine::open_edits`] lists the open edits. Repeat their changes.
    pub async fn edit(
        &self,
        sections: &Selection,
        changes: Vec<Change>,
        options: EditOptions,
    ) -> Result<EditRun, Error> {
        let before = self.library.client().calls();
        let count = changes.len();
        let mut targets = by_item(changes);
        for target in &mut targets {
            let checked = target.fail(|change| check_steps(&change.steps).err().map(refused));
            target.outcome = checked.err().map(EditOutcome::Failed);
        }
        let _turn = if options.dry_run {
            None
        } else {
            let keys = targets.iter().map(|target| target.key).collect();
            Some(self.turns.wait(keys).await)
        };
        let (id, mut planned) = (RunId::draw(), Vec::new());
        if targets.iter().any(|target| target.outcome.is_none()) {
            let made = self.make(id, sections, &mut targets, &mut planned, options).await;
            match made {
                Ok(()) => {}
                Err(Error::Plex(error)) => {
                    let why = NotTried::Stopped(Reason::from(&error));
                    for target in targets.iter_mut().filter(|target| target.outcome.is_none()) {
                        target.outcome = Some(EditOutcome::NotTried(why.clone()));
                    }
                }
                Err(error) => return Err(error),
            }
        }
        let mut outcomes = vec![EditOutcome::Unchanged; count];
        for target in &targets {
            for (at, outcome) in target.outcomes() {
                if let Some(slot) = outcomes.get_mut(at) {
                    *slot = outcome;
                }
            }
        }
        let calls = self.library.client().calls().minus(&before);
        let run = EditRun { id, outcomes, planned, calls };
        let EditCounts { done, unchanged, failed, not_tried } = run.counts();
        self.tell_calls();
        Numbers::edits([
            ("done", done),
            ("unchanged", unchanged),
            ("failed", failed),
            ("not_tried", not_tried),
        ]);
        info!(run = %id, calls = run.calls.total().count, counts = %run.counts(), "edited");
        Ok(run)
    }

    /// The edits of runs that ended early, by item: planned, sent or confirmed. The host repeats
    /// their changes, or [forgets](Engine::forget_edits) them.
    ///
    /// Dropping this future costs nothing: it only reads the cache.
    pub async fn open_edits(&self) -> Result<Vec<EditProgress>, Error> {
        self.with_store(Store::edits).await
    }

    /// Forgets the edits of a run that ended early. Items with an edit that was sent and not
    /// confirmed are read again before they are compared.
    ///
    /// If this future is dropped, either all the edits are forgotten or none.
    pub async fn forget_edits(&self, run: RunId) -> Result<(), Error> {
        self.with_store(move |store| store.forget_edits(run)).await
    }

    async fn make(
        &self,
        id: RunId,
        sections: &Selection,
        targets: &mut [Target],
        planned: &mut Vec<crate::edit::PlannedRequest>,
        options: EditOptions,
    ) -> Result<(), Error> {
        let demand = Demand { metadata: true, ..Demand::files(0) };
        let states = self.library.refresh(sections, demand).await?.whole()?;
        let policy = self.library.policy().clone();
        let (contexts, now) = (self.contexts().await?, self.library.clock().now());
        let judge = Judge { states: &states, contexts, policy: &policy, now };

        let open: Vec<usize> = (0..targets.len()).filter(|&at| is_open(targets.get(at))).collect();
        let keys = keys_of(targets, &open);
        let was = self.known(keys.clone()).await?;
        let mut ready = Vec::new();
        let mut unsure = Vec::new();
        for (&at, was) in open.iter().zip(&was) {
            let Some(target) = targets.get_mut(at) else { continue };
            match judge.settle(target, was.as_ref()) {
                Settled::Ready(section, difference) => {
                    let difference = *difference;
                    ready.push(Ready { target: at, section, difference, overwritten: Vec::new() });
                }
                Settled::Known => {}
                Settled::Unsure => unsure.push((at, was.clone())),
            }
        }
        let asked = keys_of(targets, &unsure.iter().map(|(at, _)| *at).collect::<Vec<_>>());
        let read = self.read_items(&asked, identity).await?;
        let known = self.known(asked).await?;
        for (((at, was), read), known) in unsure.into_iter().zip(read).zip(known) {
            let Some(target) = targets.get_mut(at) else { continue };
            match judge.judge(target, was.as_ref(), &read, known, options.on_foreign) {
                Ok(Some((section, difference, overwritten))) => {
                    ready.push(Ready { target: at, section, difference, overwritten });
                }
                Ok(None) => target.outcome = Some(EditOutcome::Unchanged),
                Err(failure) => target.outcome = Some(EditOutcome::Failed(failure)),
            }
        }
        ready.sort_unstable_by_key(|ready| ready.target);
        let edits = ready.iter().filter_map(|ready| {
            let target = targets.get(ready.target)?;
            let state = states.iter().find(|state| state.id == ready.section)?;
            let Difference { edit, after, fields, .. } = &ready.difference;
            Some((target.key, state.key, after.kind, edit.clone(), fields.clone()))
        });
        *planned = group(edits);
        if options.dry_run {
            for ready in &ready {
                if let Some(target) = targets.get_mut(ready.target) {
                    target.outcome = Some(EditOutcome::NotTried(NotTried::DryRun));
                }
            }
            return Ok(());
        }
        self.finish(id, targets, ready, planned.clone()).await
    }

    /// Sends the ready edits, stores the confirmed ones, and closes the notes of finished ones.
    async fn finish(
        &self,
        id: RunId,
        targets: &mut [Target],
        ready: Vec<Ready>,
        planned: Vec<crate::edit::PlannedRequest>,
    ) -> Result<(), Error> {
        let mut items = HashMap::new();
        for ready in &ready {
            let Some(target) = targets.get(ready.target) else { continue };
            let Difference { before, after, .. } = ready.difference.clone();
            items.insert(target.key, Item { section: ready.section, before, after });
        }
        let (sent, met) = if planned.is_empty() {
            Default::default()
        } else {
            self.send(id, planned, &items).await?
        };
        let mut written: BTreeMap<SectionId, Vec<(RatingKey, Metadata)>> = BTreeMap::new();
        let mut rejected: BTreeMap<SectionId, Vec<RatingKey>> = BTreeMap::new();
        for Ready { target, section, difference, overwritten } in ready {
            let Some(target) = targets.get_mut(target) else { continue };
            target.outcome = Some(match sent.get(&target.key) {
                Some(Sent::Confirmed) => {
                    if !met.contains(&target.key) {
                        written.entry(section).or_default().push((target.key, difference.after));
                    }
                    EditOutcome::Done { fields: difference.fields, overwritten }
                }
                Some(Sent::Failed(failure)) => {
                    if matches!(failure, EditFailure::Rejected(_)) {
                        rejected.entry(section).or_default().push(target.key);
                    }
                    EditOutcome::Failed(failure.clone())
                }
                Some(Sent::Stopped(why)) => EditOutcome::NotTried(NotTried::Stopped(why.clone())),
                None => continue, // every ready item is in one request
            });
        }
        for (section, edited) in written {
            self.library.write_through(section, edited).await?;
        }
        // The stored metadata may be wrong: the server may have applied a part of the edit, or an
        // earlier group request with all of it. So these items are read before the next comparison.
        let forget = move |store: &Store| {
            let mut rejected = rejected.into_iter();
            rejected.try_for_each(|(section, keys)| store.put_metadata(section, &[], &keys))
        };
        self.with_store(forget).await?;
        self.close_edits(id, targets).await
    }

    /// Removes the notes of items whose outcome the host gets now. These are the notes of this run
    /// that are not in doubt, and the notes of earlier runs on items that now have the values. If
    /// an edit of another run was sent, its note stays until the item is read, because an outcome
    /// without a read (a refused change) proves nothing about that edit.
    async fn close_edits(&self, id: RunId, targets: &[Target]) -> Result<(), Error> {
        let outcomes: HashMap<RatingKey, EditOutcome> = targets
            .iter()
            .filter_map(|target| Some((target.key, target.outcome.clone()?)))
            .collect();
        let is_over = move |edit: &EditProgress| match outcomes.get(&edit.rating_key) {
            None
            | Some(EditOutcome::NotTried(_) | EditOutcome::Failed(EditFailure::Unconfirmed(_))) => {
                false
            }
            Some(_) if edit.run == id => true,
            Some(EditOutcome::Done { .. } | EditOutcome::Unchanged) => {
                edit.progress != Progress::Sent
            }
            Some(EditOutcome::Failed(_)) => false,
        };
        self.with_store(move |store| {
            let open = store.edits()?;
            let closed = open.iter().filter(|edit| is_over(edit));
            let closed: Vec<_> = closed.map(|edit| (edit.section, edit.rating_key)).collect();
            store.note_edits(&[], &[], &closed).map(drop)
        })
        .await
    }

    pub(super) async fn known(&self, keys: Vec<RatingKey>) -> Result<Vec<Option<Known>>, Error> {
        self.with_store(move |store| store.known(&keys)).await
    }
}

/// What the stored data decide about a target.
enum Settled {
    /// The item was read a short time ago, and it differs.
    Ready(SectionId, Box<Difference>),
    /// The outcome is known.
    Known,
    /// The item must be read.
    Unsure,
}

impl Target {
    /// Sets the outcome.
    fn settled(&mut self, outcome: Result<EditOutcome, EditFailure>) -> Settled {
        self.outcome = Some(outcome.unwrap_or_else(EditOutcome::Failed));
        Settled::Known
    }
}

impl Judge<'_> {
    fn settle(&self, target: &mut Target, known: Option<&Known>) -> Settled {
        let Some(known) = known else { return Settled::Unsure };
        let Some(state) = self.states.iter().find(|state| state.id == known.section) else {
            return target.settled(Err(refused(Refusal::OtherSection(None))));
        };
        let Some(metadata) = &known.metadata else { return Settled::Unsure };
        let holds = |change: &Change| {
            let item = known.item.as_ref();
            item.is_some_and(|is| self.lacks(is, None, change, known.section).is_none())
        };
        if !target.open().all(|change| change.file.is_none() || holds(change))
            || !is_current(known, metadata, state, self.now, self.policy)
            || !is_told(&target.steps()) && !self.is_recent(metadata)
        {
            return Settled::Unsure;
        }
        if let Err(failure) = target.fail(|change| wrong_kind(change, metadata.kind)) {
            return target.settled(Err(failure));
        }
        match compare(&target.steps(), metadata, self.now) {
            None => target.settled(Ok(EditOutcome::Unchanged)),
            Some(difference) if younger(metadata.read_at, self.now, self.policy.freshness) => {
                match check_length(&difference.edit) {
                    Ok(()) => Settled::Ready(known.section, Box::new(difference)),
                    Err(refusal) => target.settled(Err(refused(refusal))),
                }
            }
            Some(_) => Settled::Unsure,
        }
    }

    /// Whether the metadata were read recently enough: titles are trusted for the same time. Some
    /// edits move no stamp. The only way to see them is to read the item again, about 200 in a
    /// call.
    fn is_recent(&self, metadata: &Metadata) -> bool {
        younger(metadata.read_at, self.now, self.policy.metadata_max_age)
    }

    /// A failure if the change names a file that an item of a section does not have.
    fn lacks(
        &self,
        is: &CachedItem,
        was: Option<&CachedItem>,
        change: &Change,
        section: SectionId,
    ) -> Option<EditFailure> {
        let file = change.file.as_ref()?;
        let context = self.contexts.get(&section);
        let holds = context.is_some_and(|context| holds_file(is, was, file, context));
        (!holds).then(|| EditFailure::NoSuchFile(file.clone()))
    }

    /// Compares a target with a fresh read of its item. `None` if nothing differs.
    fn judge(
        &self,
        target: &mut Target,
        was: Option<&Known>,
        read: &ItemRead,
        known: Option<Known>,
        on_foreign: OnForeign,
    ) -> Result<Option<(SectionId, Difference, Vec<String>)>, EditFailure> {
        let (item, section) = match read {
            ItemRead::Found(item, section) => (item, *section),
            ItemRead::Missing => return Err(EditFailure::Gone),
            ItemRead::Unreadable => {
                return Err(EditFailure::Rejected("the server's row cannot be read".to_owned()));
            }
        };
        let selected = |id: &SectionId| self.states.iter().any(|state| state.id == *id);
        let Some(section) = section.filter(selected) else {
            return Err(EditFailure::Refused(Refusal::OtherSection(item.section)));
        };
        target.fail(|change| wrong_kind(change, item.kind))?;
        let before = was.and_then(|was| was.item.as_ref());
        let cached = CachedItem::from_plex(item);
        target.fail(|change| self.lacks(&cached, before, change, section))?;
        let steps = target.steps();
        let is = known
            .and_then(|known| known.metadata)
            .unwrap_or_else(|| Metadata::from_plex(item, self.now));
        let Some(difference) = compare(&steps, &is, self.now) else { return Ok(None) };
        check_length(&difference.edit).map_err(refused)?;
        let was = was.filter(|was| !was.unconfirmed).and_then(|was| was.metadata.as_ref());
        let foreign = was.map(|was| edited_by_others(&steps, was, &is)).unwrap_or_default();
        match on_foreign {
            OnForeign::Skip if !foreign.is_empty() => Err(EditFailure::EditedByOthers(foreign)),
            OnForeign::Overwrite => Ok(Some((section, difference, Vec::new()))),
            _ => Ok(Some((section, difference, foreign))),
        }
    }
}

/// Whether every edit of the fields in these steps moves `updatedAt`. Edits of collections, labels,
/// locks and ratings do not move it (`PlexKodiConnect` issues 2095 and 2141).
fn is_told(steps: &[Step]) -> bool {
    steps.iter().all(|step| match step {
        Step::Set(field, _) => *field != Field::UserRating,
        Step::AddTags(field, _) | Step::RemoveTags(field, _) | Step::ReplaceTags(field, _) => {
            !matches!(field, TagField::Label | TagField::Collection)
        }
        Step::Lock(..) => false,
        Step::Raw(..) => true,
    })
}

/// Whether stored metadata of an item are still valid. They are not if a listing shows another
/// `updatedAt`, whether our own edit or another caused it. Labels, collections and locks do not
/// change `updatedAt`, so metadata older than the maximum age of a sweep are never valid.
pub(super) fn is_current(
    known: &Known,
    metadata: &Metadata,
    state: &SectionState,
    now: UnixSeconds,
    policy: &Policy,
) -> bool {
    if known.unconfirmed || !younger(metadata.read_at, now, policy.max_sweep_age) {
        return false;
    }
    match &known.item {
        Some(item) if item.updated_at != metadata.updated_at => false,
        Some(_) if has_recent_metadata(state, now, policy) => true,
        _ => younger(metadata.read_at, now, policy.metadata_max_age),
    }
}

fn younger(at: UnixSeconds, now: UnixSeconds, limit: Duration) -> bool {
    u64::try_from(now.0.saturating_sub(at.0)).is_ok_and(|age| age < limit.as_secs())
}

fn refused(refusal: Refusal) -> EditFailure {
    EditFailure::Refused(refusal)
}

fn wrong_kind(change: &Change, kind: ItemKind) -> Option<EditFailure> {
    check_kind(&change.steps, kind).err().map(refused)
}

fn is_open(target: Option<&Target>) -> bool {
    target.is_some_and(|target| target.outcome.is_none())
}

fn keys_of(targets: &[Target], at: &[usize]) -> Vec<RatingKey> {
    at.iter().filter_map(|&at| targets.get(at)).map(|target| target.key).collect()
}
