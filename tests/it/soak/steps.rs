//! The steps of a soak: each step is one change to the server or to the client.

use std::collections::BTreeMap;
use std::time::Duration;

use match_core::{Change, EditOptions, Level, Query, Run, Selection};
use plex_api::{Field, RatingKey};
use testbed::budget::MOUNT;
use testbed::generate::add_movie;
use testbed::library::Library;
use testbed::server::{Fault, FaultRule, Route};

use super::{Lost, Soak};

/// A change to the server or to the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Nothing,
    Scan,
    Add,
    Delete,
    DeleteAndAdd,
    Upgrade,
    Replace,
    Move,
    Edit,
    Trash,
    Restore,
    Collection,
    Migrate,
    Recreate,
    Restart,
    Clear,
    Listen,
    Outage,
    Failure,
    Day,
    Malform,
    Meet,
}

/// Events that should be frequent have several entries.
pub(super) const HAPPENS: &[Step] = &[
    Step::Nothing,
    Step::Scan,
    Step::Scan,
    Step::Add,
    Step::Add,
    Step::Add,
    Step::Delete,
    Step::Delete,
    Step::DeleteAndAdd,
    Step::Upgrade,
    Step::Replace,
    Step::Replace,
    Step::Move,
    Step::Edit,
    Step::Edit,
    Step::Trash,
    Step::Restore,
    Step::Collection,
    Step::Migrate,
    Step::Recreate,
    Step::Restart,
    Step::Clear,
    Step::Listen,
    Step::Outage,
    Step::Failure,
    Step::Day,
    Step::Malform,
    Step::Meet,
    Step::Meet,
    Step::Meet,
];

impl Soak {
    pub(super) async fn happen(&mut self, step: Step) {
        let section = self.random.below(self.stage.pms.edit(|library| library.sections.len()));
        let keys: Vec<u64> = self.stage.pms.edit(|library| {
            library.sections[section].items().iter().map(|item| item.rating_key).collect()
        });
        let key = if keys.is_empty() { 0 } else { self.random.pick(&keys) };
        // A filter reads more into a comma, or into an operator at the beginning, than a name.
        let head = self.random.pick(&["Film", "Film", "Film, Or", "=Film"]);
        let name = format!("{head} No {} ({})", self.named, 1950 + self.named % 70);
        self.named += 1;
        let needs_item = !matches!(
            step,
            Step::Nothing
                | Step::Scan
                | Step::Add
                | Step::Collection
                | Step::Restart
                | Step::Clear
                | Step::Listen
                | Step::Outage
                | Step::Failure
                | Step::Day
        );
        if needs_item && keys.len() < 5 {
            return;
        }
        match step {
            // The size of the library stays about the same.
            Step::Add if keys.len() > 50 => {
                for key in keys.iter().step_by(3) {
                    self.delete(section, *key);
                }
            }
            Step::Add => {
                let count = 1 + self.random.below(4);
                self.edit(section, |library| {
                    for at in 0..count {
                        let (title, year) = name.rsplit_once(" (").unwrap();
                        add_movie(library, section, &format!("{title} {at} ({year}"));
                    }
                });
            }
            Step::Delete => self.delete(section, key),
            Step::DeleteAndAdd => {
                self.delete(section, key);
                self.edit(section, |library| {
                    add_movie(library, section, &name);
                });
            }
            // The same file under a new item.
            Step::Upgrade => self.edit(section, |library| {
                let item = library.sections[section].item(key).unwrap().clone();
                library.remove_item(section, key);
                let again = testbed::library::Item { rating_key: 0, ..item };
                library.add_item(section, again);
            }),
            Step::Replace | Step::Move => {
                let file = format!("{}/{name}/{name}.mkv", self.root(section));
                self.haunt(section, key, true);
                self.edit(section, |library| match step {
                    Step::Replace => library.replace_file(section, key, &file, 5),
                    _ => library.move_file(section, key, &file),
                });
            }
            Step::Edit => {
                let title = format!("Renamed {}", self.named);
                self.stage.pms.edit(|library| library.edit_title(section, key, &title));
            }
            Step::Trash => self.edit(section, |library| library.trash_item(section, key)),
            Step::Restore => self.edit(section, |library| library.restore_item(section, key)),
            Step::Scan => self.edit(section, |_| {}),
            Step::Collection => {
                self.stage.pms.edit(|library| library.add_collection(section, &name));
            }
            // From now on its row can be read only without its guids.
            Step::Malform => self.stage.pms.edit(|library| {
                let item = library.item_at(section, key);
                item.malformed_guid = true;
                let title = format!("{} again", item.title);
                library.edit_title(section, key, &title);
            }),
            Step::Meet => Box::pin(self.meet(section, key, &keys)).await,
            Step::Migrate => self.stage.pms.edit(|library| library.migrate_agent(section)),
            Step::Recreate => self.stage.pms.edit(|library| library.recreate_section(section)),
            _ => self.trouble(step).await,
        }
    }

    /// Several tasks match, edit and read at once. One reply is held back. Meanwhile its item is
    /// moved or deleted, and another task looks.
    async fn meet(&mut self, section: usize, key: u64, keys: &[u64]) {
        self.ready().await;
        let asked = self.questions();
        let held = self.random.pick(&[Route::Metadata, Route::Listing, Route::Sections]);
        self.stage.pms.script(FaultRule::once(held, 1, Fault::Held));
        if self.random.once_in(2) {
            self.stage.pms.script(FaultRule::once(Route::Edit, 1, Fault::Lost));
        }
        let other = RatingKey(self.random.pick(keys));
        let moved = self.random.once_in(2);
        let file = format!("{}/Met {}/Met {}.mkv", self.root(section), self.named, self.named);
        self.haunt(section, key, moved);
        let Self { engine, stage, named, .. } = self;
        let engine = engine.as_ref().unwrap();
        let queries = |paths: &[String]| paths.iter().map(Query::new).collect::<Vec<_>>();
        let change = Change::new(other).set(Field::Title, format!("Edited {named}"));
        let wanted = [RatingKey(key), other];
        let tasks = async {
            let (read, edited, matched) = tokio::join!(
                engine.items(&Selection::All, &wanted, Level::Metadata),
                engine.edit(&Selection::All, vec![change], EditOptions::default()),
                engine.match_files(&Selection::All, queries(&asked)),
            );
            drop((read, edited.unwrap(), matched.unwrap()));
        };
        let mut tasks = std::pin::pin!(tasks);
        let meanwhile = tokio::select! {
            () = &mut tasks => false,
            () = stage.pms.held() => true,
        };
        stage.pms.edit(|library| {
            if moved {
                library.move_file(section, key, &file);
            } else {
                library.remove_item(section, key);
            }
            library.advance(1);
            library.scan(section);
        });
        if meanwhile {
            stage.pms.release();
            tasks.await;
        }
        stage.pms.clear_faults();
    }

    /// Asks while one answer with items is kept back. Meanwhile an item is deleted, moved or
    /// replaced, and others are added, so that rows move across the edges of pages. Returns the
    /// paths of that item.
    pub(super) async fn ask_while_it_changes(
        &mut self,
        asked: &[String],
    ) -> (Run, BTreeMap<String, Option<Lost>>) {
        self.ready().await;
        let section = self.random.below(self.stage.pms.edit(|library| library.sections.len()));
        let keys: Vec<u64> = self.stage.pms.edit(|library| {
            library.sections[section].items().iter().map(|item| item.rating_key).collect()
        });
        if keys.len() < 5 {
            return (self.ask(asked).await, BTreeMap::new());
        }
        let route = self.random.pick(&[Route::Listing, Route::Listing, Route::Metadata]);
        let nth = 1 + self.random.next() % 5;
        self.stage.pms.script(FaultRule::once(route, nth, Fault::Held));
        let (key, what) = (self.random.pick(&keys), self.random.below(4));
        let (added, scans) = (self.random.below(3), self.random.once_in(2));
        let name = format!("Meanwhile {} (1999)", self.named);
        self.named += 1;
        let file = format!("{}/{name}/{name}.mkv", self.root(section));
        let mut touched = self.paths(section, key, what > 1);
        let queries = asked.iter().map(|path| Query::new(path.as_str())).collect();
        let selection = self.selection();
        let Self { engine, stage, .. } = self;
        let running = engine.as_ref().unwrap().match_files(&selection, queries);
        let mut running = Box::pin(running);
        let ended = tokio::select! {
            run = &mut running => Some(run),
            () = stage.pms.held() => None,
        };
        let run = if let Some(run) = ended {
            touched.clear();
            run
        } else {
            stage.pms.edit(|library| {
                match what {
                    0 | 1 => library.remove_item(section, key),
                    2 => library.move_file(section, key, &file),
                    _ => library.replace_file(section, key, &file, 5),
                }
                for at in 0..added {
                    add_movie(library, section, &format!("Meanwhile {at} {name}"));
                }
                library.advance(1);
                if scans {
                    library.scan(section);
                }
            });
            stage.pms.release();
            running.as_mut().await
        };
        drop(running);
        self.stage.pms.clear_faults();
        if !scans {
            // If no counter moves, a scan reports the change before the next look.
            self.edit(section, |_| {});
        }
        (run.unwrap(), touched)
    }

    /// Makes a fault of the client or of the connection.
    async fn trouble(&mut self, step: Step) {
        match step {
            // A restart ends the watcher, because it keeps the file open. Outages and failures
            // end it too: a soak does not combine them with a watcher.
            Step::Listen => {
                self.ready().await;
                self.watching = Some(Box::pin(self.engine.as_ref().unwrap().watch()));
            }
            Step::Restart => {
                self.watching = None;
                if let Some(engine) = self.engine.take() {
                    engine.close().await.unwrap();
                }
            }
            Step::Clear => {
                if let Some(engine) = &self.engine {
                    engine.store().clear(cache_store::Clear::All).unwrap();
                }
            }
            Step::Outage | Step::Failure => {
                self.watching = None;
                self.line(step);
            }
            Step::Day => {
                self.stage.later(Duration::from_hours(25)); // a sweep is due
            }
            _ => {}
        }
    }

    /// Makes a fault of requests.
    fn line(&mut self, step: Step) {
        match step {
            Step::Outage => self.stage.pms.script(FaultRule::always(Fault::Outage)),
            Step::Failure => {
                let endpoint =
                    self.random.pick(&[Route::Sections, Route::Listing, Route::Metadata]);
                let fault = self.random.pick(&[
                    Fault::Status(503),
                    Fault::Truncated,
                    Fault::Half,
                    Fault::FewRows(2),
                ]);
                let nth = 1 + self.random.next() % 6;
                self.stage.pms.script(FaultRule::once(endpoint, nth, fault));
            }
            _ => {}
        }
    }

    fn delete(&mut self, section: usize, key: u64) {
        self.haunt(section, key, false);
        self.edit(section, |library| library.remove_item(section, key));
    }

    /// Records the paths of an item that will become former ones, and whether the item stays
    /// without them.
    fn haunt(&mut self, section: usize, key: u64, stays: bool) {
        let paths = self.paths(section, key, stays);
        // There is a limit on them, because the runs would take too long.
        while self.ghosts.len() > 12 {
            self.ghosts.pop_first();
        }
        let lost = |lost: Lost| Lost { covered: false, ..lost };
        self.ghosts.extend(paths.into_iter().map(|(path, is)| (path, is.map(lost))));
    }

    /// The paths of an item. If it stays without them, nobody knows whether that was seen.
    fn paths(&self, section: usize, key: u64, stays: bool) -> BTreeMap<String, Option<Lost>> {
        let (title, paths) = self.stage.pms.edit(|library| {
            let section = &library.sections[section];
            let root = &section.locations[0].1;
            let parts = section.item(key).unwrap().media.iter().flat_map(|media| &media.parts);
            let paths = parts.map(|part| part.file.replacen(root, MOUNT, 1));
            (section.title.clone(), paths.collect::<Vec<_>>())
        });
        let lost = stays.then_some(Lost { section: title, holder: key, covered: true });
        paths.into_iter().map(|path| (path, lost.clone())).collect()
    }

    /// Changes the library, and ends a scan.
    fn edit(&self, section: usize, change: impl FnOnce(&mut Library)) {
        self.stage.pms.edit(|library| {
            change(library);
            library.advance(1);
            library.scan(section);
        });
    }

    fn root(&self, section: usize) -> String {
        self.stage.pms.edit(|library| library.sections[section].locations[0].1.clone())
    }
}
