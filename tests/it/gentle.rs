//! Pages as large as the server accepts, also in the next process.

use std::time::Duration;

use match_core::Selection;
use testbed::budget::{Scale, Stage};
use testbed::server::Route;

/// The requests of a run in its own process, a day later: probe, listings, and the others.
async fn day(stage: &Stage) -> (u64, u64) {
    stage.later(Duration::from_hours(25));
    stage.pms.reset_requests();
    let asked = stage.present(10);
    let run = stage.run(&Selection::All, &asked).await.unwrap();
    assert_eq!(run.report.answers.found(), 10);
    let requests = stage.pms.requests();
    (requests.count(Route::Listing), requests.count(Route::Identity))
}

#[tokio::test]
async fn what_the_server_takes_is_remembered_with_its_version() {
    let stage = Stage::movies(Scale::new(2_000)).await.unwrap();
    stage.pms.edit(|library| library.quirks.most_rows = Some(100));
    stage.run(&Selection::All, &stage.present(10)).await.unwrap();
    let refused = 3; // 1,000, 500, 250
    assert_eq!(stage.pms.requests().count(Route::Listing), refused + 20);
    // The sweep of the next day begins with pages of 100. It is worth one call to ask whether this
    // is still the server that refused larger pages.
    assert_eq!(day(&stage).await, (20, 1));
    // Another version may accept larger pages, and this one does.
    stage.pms.edit(|library| {
        library.quirks.most_rows = None;
        library.version = "1.99.0.1".to_owned();
    });
    assert_eq!(day(&stage).await, (2, 1));
    assert_eq!(day(&stage).await, (2, 0));
}

/// If pages were only slow, they may be larger again when the server is quick.
#[tokio::test]
async fn a_server_that_was_busy_is_asked_for_whole_pages_again() {
    let stage = Stage::movies(Scale::new(2_000)).await.unwrap();
    let slow = testbed::server::Fault::RowsASecond(500);
    stage.pms.script(testbed::server::FaultRule::next(Route::Listing, u64::MAX, slow));
    stage.run(&Selection::All, &stage.present(10)).await.unwrap();
    assert_eq!(stage.pms.requests().count(Route::Listing), 1 + 2); // 1,000, 500, 500
    assert_eq!(day(&stage).await, (4, 0));
    stage.pms.clear_faults();
    assert_eq!(day(&stage).await, (1 + 2, 0)); // 500, and what is left
    assert_eq!(day(&stage).await, (2, 0));
}
