//! Runs of edits that end early: the outcome of each item, and what the next run does.

use match_core::Progress;

use super::*;

#[tokio::test]
async fn an_outage_stops_the_run_and_the_next_one_completes_it() {
    let world = World::new().await;
    let changes = world.titles(50);
    world.stage.pms.script(FaultRule::since(Route::Edit, 21, Fault::Outage));
    let run = world.edit(changes.clone()).await;
    let counts = run.counts();
    assert_eq!(counts.done, 20);
    assert!((1..=4).contains(&counts.failed), "sent, but not confirmed: {counts}");
    assert_eq!(counts.not_tried, 50 - 20 - counts.failed);
    for outcome in &run.outcomes {
        let told = matches!(
            outcome,
            EditOutcome::Done { .. }
                | EditOutcome::Failed(EditFailure::Unconfirmed(_))
                | EditOutcome::NotTried(NotTried::Stopped(..))
        );
        assert!(told, "{outcome:?}");
    }
    let open = world.engine.open_edits().await.unwrap();
    assert_eq!(open.len(), 30, "those that were done are closed");

    world.stage.pms.clear_faults();
    // In the next run the host does not know that a circuit is open.
    let World { stage, engine, items } = world;
    engine.close().await.unwrap();
    let world = World { engine: stage.engine().await.unwrap(), stage, items };
    world.requests();
    let run = world.edit(changes).await;
    assert_eq!(run.counts().done + run.counts().unchanged, 50);
    assert!(run.counts().unchanged >= 20);
    let requests = world.requests();
    assert!(requests.contains(&(Route::Edit, 50 - run.counts().unchanged as u64)));
    assert!(world.engine.open_edits().await.unwrap().is_empty());
    for key in world.keys(50) {
        assert_eq!(world.on_server(key).title, format!("Title of {key}"));
    }
}

#[tokio::test]
async fn a_run_that_was_dropped_is_open_until_it_is_repeated_or_forgotten() {
    let world = World::new().await;
    world.stage.pms.script(FaultRule::since(Route::Edit, 5, Fault::Hang));
    let running = world.edit(world.titles(40));
    tokio::select! {
        run = running => panic!("{:?}", run.counts()),
        () = world.stage.pms.arrived(Route::Edit, 5) => {}
    }
    world.stage.pms.clear_faults();
    let open = world.engine.open_edits().await.unwrap();
    let count = |progress: Progress| open.iter().filter(|edit| edit.progress == progress).count();
    assert_eq!(open.len(), 40);
    assert_eq!((count(Progress::Sent), count(Progress::Planned)), (32, 8), "one wave was sent");
    world.engine.forget_edits(open[0].run).await.unwrap();
    assert!(world.engine.open_edits().await.unwrap().is_empty());
    // The edits that may have been applied are read before they are compared.
    world.requests();
    let run = world.edit(world.titles(40)).await;
    let (done, unchanged) = (run.counts().done, run.counts().unchanged);
    assert_eq!((done + unchanged, unchanged), (40, 4));
    assert_eq!(world.requests(), [(Route::Metadata, 1), (Route::Edit, 36)]);
}

/// Sets the summaries of the first items.
fn summaries(world: &World, count: usize, text: &str) -> Vec<Change> {
    let keys = world.keys(count).into_iter();
    keys.map(|key| Change::new(key).set(Field::Summary, text)).collect()
}

/// Edits a group of items. The server refuses it because of the item at `poisoned`, when the first
/// items are edited already. Each later request fails.
async fn refused(world: &World, count: usize, poisoned: usize, status: u16) -> EditRun {
    world.edit(summaries(world, count, "before")).await;
    world.stage.pms.edit(|library| library.poison_item(0, world.key(poisoned).0));
    world.stage.pms.script(FaultRule::since(Route::Edit, 2, Fault::Status(status)));
    let run = world.edit(summaries(world, count, "after")).await;
    world.stage.pms.clear_faults();
    assert_eq!(world.on_server(world.key(0)).summary, "after", "it was edited");
    run
}

/// A server edits the items of a group one by one, up to the one that it refuses. If the run stops
/// before the halves are sent, the items before that one may already be edited.
#[tokio::test]
async fn of_a_group_that_was_refused_nobody_says_that_it_was_not_tried() {
    let world = World::new().await;
    let run = refused(&world, 8, 6, 401).await;
    for outcome in &run.outcomes {
        let in_doubt = matches!(outcome, EditOutcome::Failed(EditFailure::Unconfirmed(_)));
        assert!(in_doubt, "{outcome:?}");
    }
    let open = world.engine.open_edits().await.unwrap();
    assert!(open.iter().all(|edit| edit.progress == Progress::Sent) && open.len() == 8);
    // The earlier values are not trusted.
    let run = world.edit(summaries(&world, 6, "before")).await;
    assert_eq!(run.counts().done, 6);
    assert_eq!(world.on_server(world.key(0)).summary, "before");
}

/// The same, but each of the items then fails alone: the group may have edited it.
#[tokio::test]
async fn what_is_known_of_an_item_that_was_rejected_is_not_believed() {
    let world = World::new().await;
    let run = refused(&world, 4, 3, 500).await;
    assert_eq!(run.counts().failed, 4);
    let run = world.edit(summaries(&world, 3, "before")).await;
    assert_eq!(run.counts().done, 3);
    assert_eq!(world.on_server(world.key(0)).summary, "before");
}

/// The transport repeats a PUT whose answer was lost. The first attempt was applied, and the last
/// one was refused for another reason. So the edit counted as not applied, and the old values were
/// trusted: a change back to them was "unchanged".
#[tokio::test]
async fn an_edit_whose_first_answer_was_lost_is_in_doubt_whatever_comes_then() {
    for (name, then) in [
        ("401", Fault::Status(401)),
        ("403", Fault::Status(403)),
        ("409", Fault::Status(409)),
        ("400", Fault::Status(400)),
        ("429", Fault::TooMany(3_600)),
    ] {
        let world = World::new().await;
        let key = world.key(0);
        let before = world.on_server(key).title;
        world.stage.pms.script(FaultRule::once(Route::Edit, 1, Fault::Lost));
        world.stage.pms.script(FaultRule::once(Route::Edit, 2, then));
        let run = world.edit(vec![titled(key, "Applied")]).await;
        assert_eq!(world.on_server(key).title, "Applied");
        let in_doubt = matches!(&run.outcomes[0], EditOutcome::Failed(EditFailure::Unconfirmed(_)));
        assert!(in_doubt, "{name}: {:?}", run.outcomes);
        let open = world.engine.open_edits().await.unwrap();
        assert_eq!(open.len(), 1, "{name}");
        assert_eq!(open[0].progress, Progress::Sent, "{name}");
        let run = world.edit(vec![titled(key, &before)]).await;
        assert_eq!(run.outcomes, [done(&["title"])], "{name}");
        assert_eq!(world.on_server(key).title, before, "{name}");
    }
}

/// The same for an image.
#[tokio::test]
async fn an_upload_whose_first_answer_was_lost_is_in_doubt() {
    let world = World::new().await;
    world.stage.pms.script(FaultRule::once(Route::Upload, 1, Fault::Lost));
    world.stage.pms.script(FaultRule::once(Route::Upload, 2, Fault::Status(401)));
    let uploaded = world.engine.upload(world.key(0), Artwork::Poster, vec![1; 64]).await.unwrap();
    let in_doubt = matches!(uploaded, Uploaded::Failed(EditFailure::Unconfirmed(_)));
    assert!(in_doubt, "{uploaded:?}");
}

/// A refused change closed the note of an edit that an earlier run had sent. So the old values were
/// trusted, although the server had applied the edit.
#[tokio::test]
async fn a_refused_change_closes_no_other_runs_note() {
    let world = World::new().await;
    let (in_doubt, other) = (world.key(0), world.key(1));
    let before = world.on_server(in_doubt).title;
    world.stage.pms.script(FaultRule::next(Route::Edit, 4, Fault::Lost));
    let run = world.edit(vec![titled(in_doubt, "Applied")]).await;
    assert!(matches!(&run.outcomes[0], EditOutcome::Failed(EditFailure::Unconfirmed(_))));
    world.stage.pms.clear_faults();
    // The circuit may be open now, and a new client does not know that.
    let World { stage, engine, items } = world;
    engine.close().await.unwrap();
    let world = World { engine: stage.engine().await.unwrap(), stage, items };
    let invalid = titled(in_doubt, " ");
    let run = world.edit(vec![invalid, titled(other, "Valid")]).await;
    assert!(matches!(&run.outcomes[0], EditOutcome::Failed(EditFailure::Refused(_))));
    assert_eq!(run.outcomes[1], done(&["title"]));
    let open = world.engine.open_edits().await.unwrap();
    assert_eq!(open.iter().map(|edit| edit.rating_key).collect::<Vec<_>>(), [in_doubt]);
    let run = world.edit(vec![titled(in_doubt, &before)]).await;
    assert_eq!(run.outcomes, [done(&["title"])]);
    assert_eq!(world.on_server(in_doubt).title, before);
    assert!(world.engine.open_edits().await.unwrap().is_empty());
}
