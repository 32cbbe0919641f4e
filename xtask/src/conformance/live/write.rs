//! `--write`: edits one item and undoes each edit, and asks the user to do what a client cannot do.
//!
//! Each edit is undone before the next one is made, whatever happens in between. An interrupt waits
//! for that. The next run recognises the edits that an interrupted run left.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use futures::StreamExt;
use match_core::{Client, RatingKey, Section};
use plex_api::{Edit, Event, Field, Item, ItemKind, Listing, TagField};

use super::report::{Findings, Seen};

/// The text that is added to the title.
const SUFFIX: &str = " (conformance)";

/// The label and the collection.
const TAG: &str = "Matchbox Conformance";

/// How often the server is asked whether a scan has ended.
const LOOKS: u32 = 60;

/// The steps for the user, in this order, so that at the end the library is as before.
const BY_HAND: [(&str, &str, bool); 4] = [
    ("a file was added", "add the file of a new item to a folder of the section", true),
    ("the file was replaced", "replace that file by another one with the same name", true),
    ("the file was deleted", "delete that file", true),
    ("the trash was emptied", "empty the trash of the section, in Plex's web app", false),
];

/// Makes each edit, notes what moved, and undoes the edit. Then asks the user.
///
/// # Errors
/// When the server cannot be asked, or when the item is not as it was.
pub(super) async fn run(look: &Look<'_>, findings: &mut Findings) -> Result<()> {
    let Look { client, section, key, .. } = *look;
    let item = look.item().await?.context("there is no such item")?;
    if item.section.is_some_and(|at| at != section.key) {
        bail!("that item is in another section");
    }
    let was = Was::new(&item);
    if !was.differs(&item).is_empty() {
        let back = was.edits().map(|(_, _, back)| back);
        for edit in back {
            client.edit_item(key, &edit).await.context("NOT PUT BACK: what an earlier run left")?;
        }
    }
    look.note("nothing", findings).await?;
    for (step, edit, back) in was.edits() {
        look.writes.store(true, Ordering::SeqCst);
        let done = client.edit_item(key, &edit).await;
        let noted = match &done {
            Ok(()) => look.note(step, findings).await,
            Err(_) => Ok(()),
        };
        // An edit that failed may have been applied.
        client.edit_item(key, &back).await.with_context(|| format!("NOT PUT BACK: {step}"))?;
        look.writes.store(false, Ordering::SeqCst);
        findings.say(
            step,
            done.map_or_else(|error| format!("{:?}", error.kind()), |()| "done".to_owned()),
        );
        noted?;
        look.note("the item was put back", findings).await?;
        let now = look.item().await?.context("the item is gone")?;
        let differs = was.differs(&now);
        if !differs.is_empty() {
            bail!("NOT PUT BACK: {} of item {key}; correct it in Plex", differs.join(", "));
        }
        if look.stop.load(Ordering::SeqCst) {
            bail!("interrupted; the item is as before");
        }
    }
    let collections = findings.steps.first().zip(findings.steps.last());
    if collections.is_some_and(|((_, first), (_, last))| first.collections < last.collections) {
        eprintln!("The server keeps the empty collection \"{TAG}\": delete it in Plex.");
    }
    for (step, ask, scans) in BY_HAND {
        eprintln!("Now {ask}, then press Enter. (To skip all steps that are left: s and Enter.)");
        if !entered().await? {
            break;
        }
        if scans {
            look.scan().await?;
        }
        look.note(step, findings).await?;
    }
    Ok(())
}

/// Whether the user pressed only Enter. The end of the input counts as "no".
async fn entered() -> Result<bool> {
    let line = tokio::task::spawn_blocking(|| {
        let mut line = String::new();
        std::io::stdin().read_line(&mut line).map(|read| (read, line))
    });
    let (read, line) = line.await??;
    Ok(read > 0 && line.trim().is_empty())
}

/// An item as it was before the edits.
struct Was {
    title: String,
    labels: BTreeSet<String>,
    collections: BTreeSet<String>,
    locked: BTreeSet<String>,
}

impl Was {
    fn new(item: &Item) -> Self {
        let tags = |field| {
            item.tags_of(field).filter(|tag| !tag.eq_ignore_ascii_case(TAG)).map(str::to_owned)
        };
        let title = item.title.strip_suffix(SUFFIX).unwrap_or(&item.title).to_owned();
        Self {
            title,
            labels: tags(TagField::Label).collect(),
            collections: tags(TagField::Collection).collect(),
            locked: item.locked.iter().cloned().collect(),
        }
    }

    /// The steps: the name, the edit, and the edit that undoes it.
    fn edits(&self) -> [(&'static str, Edit, Edit); 3] {
        let lock = |edit: Edit, field: &str| edit.lock(field, self.locked.contains(field));
        let title = Field::Title.name();
        let tag = |field: TagField, has: &BTreeSet<String>| {
            let all = has.iter().map(String::as_str).chain([TAG]);
            let back = Edit::new().remove_tags(field, [TAG]);
            (Edit::new().set_tags(field, all), lock(back, field.name()))
        };
        let (label, no_label) = tag(TagField::Label, &self.labels);
        let (collection, no_collection) = tag(TagField::Collection, &self.collections);
        let other = Edit::new().set(Field::Title, format!("{}{SUFFIX}", self.title));
        let same = lock(Edit::new().set(Field::Title, &*self.title), title);
        [
            ("the title was edited", other.lock(title, true), same),
            ("a label was added", label, no_label),
            ("a collection was added", collection, no_collection),
        ]
    }

    /// What differs from the item before the edits.
    fn differs(&self, item: &Item) -> Vec<&'static str> {
        let now = Self::new(item);
        let tagged = |field| item.tags_of(field).any(|tag| tag.eq_ignore_ascii_case(TAG));
        let checks = [
            ("the title", item.title != self.title),
            ("the labels", now.labels != self.labels || tagged(TagField::Label)),
            (
                "the collections",
                now.collections != self.collections || tagged(TagField::Collection),
            ),
            ("the locks", now.locked != self.locked),
        ];
        checks.into_iter().filter(|(_, differs)| *differs).map(|(what, _)| what).collect()
    }
}

/// Asks the server for its state, and listens to its events.
pub(super) struct Look<'a> {
    client: &'a Client,
    section: &'a Section,
    kind: ItemKind,
    key: RatingKey,
    pause: Duration,
    /// Events of the item, and of scans.
    events: Arc<[AtomicUsize; 2]>,
    /// An edit was sent and is not undone yet.
    writes: Arc<AtomicBool>,
    /// The user interrupted the program.
    stop: Arc<AtomicBool>,
}

impl<'a> Look<'a> {
    pub(super) fn new(
        client: &'a Client,
        section: &'a Section,
        kind: ItemKind,
        key: RatingKey,
        pause: Duration,
    ) -> Self {
        let events: Arc<[AtomicUsize; 2]> = Arc::default();
        let (writes, stop) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let (heard, listener) = (Arc::clone(&events), client.clone());
        tokio::spawn(async move {
            let mut stream = std::pin::pin!(listener.events());
            while let Some(Ok(event)) = stream.next().await {
                match event {
                    Event::Item(event) if event.rating_key == key => {
                        heard[0].fetch_add(1, Ordering::SeqCst);
                    }
                    Event::Scan { .. } => {
                        heard[1].fetch_add(1, Ordering::SeqCst);
                    }
                    _ => {}
                }
            }
        });
        let (writing, stopped) = (Arc::clone(&writes), Arc::clone(&stop));
        tokio::spawn(async move {
            while tokio::signal::ctrl_c().await.is_ok() {
                stopped.store(true, Ordering::SeqCst);
                if !writing.load(Ordering::SeqCst) {
                    std::process::exit(130);
                }
            }
        });
        Self { client, section, kind, key, pause, events, writes, stop }
    }

    async fn item(&self) -> Result<Option<Item>> {
        Ok(self.client.items(&[self.key]).await?.items.into_iter().next())
    }

    /// Waits, so that the server can do its work, and then notes the server's state.
    async fn note(&self, step: &str, findings: &mut Findings) -> Result<()> {
        tokio::time::sleep(self.pause).await;
        let section = self.now().await?;
        let seen = Seen {
            counter: section.content_changed_at,
            scanned: section.scanned_at,
            settings: section.updated_at,
            total: self.total(self.kind).await?,
            collections: self.total(ItemKind::Collection).await.ok().flatten(),
            updated: self.item().await?.and_then(|item| item.updated_at),
            events: [0, 1].map(|at| self.events[at].swap(0, Ordering::SeqCst)),
        };
        findings.steps.push((step.to_owned(), seen));
        Ok(())
    }

    async fn total(&self, kind: ItemKind) -> Result<Option<u64>> {
        Ok(self.client.total(&Listing::new(self.section.key, kind)).await?)
    }

    /// The section as it is listed now.
    async fn now(&self) -> Result<Section> {
        let sections = self.client.sections().await?;
        let same = |section: &Section| section.uuid == self.section.uuid;
        sections.into_iter().find(same).context("the section is gone")
    }

    /// Asks for a scan, and waits for its end.
    async fn scan(&self) -> Result<()> {
        let before = self.now().await?.scanned_at;
        self.client.scan(self.section.key, None).await?;
        for _ in 0..LOOKS {
            tokio::time::sleep(self.pause).await;
            let now = self.now().await?;
            if !now.refreshing && now.scanned_at != before {
                return Ok(());
            }
        }
        eprintln!("The scan did not end in time, so the report may lack what it changes.");
        Ok(())
    }
}
