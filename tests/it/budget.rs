//! Every row of the call budget, at a size that is fast.

use testbed::budget::{EditRow, Expect, Row, Scale, edit_rows, processes, rows};

/// Plays one row: within its budget, no answer wrong, none missed, and the engine counts the
/// calls that the server counts.
async fn check(row: &Row) -> Result<(), String> {
    let played = row.play(row.test).await.map_err(|error| format!("{}: {error:#}", row.name))?;
    let measured = &played.measured;
    let reported = measured.reports.iter().map(|report| report.calls.total().count).max();
    let unknown = if row.expect == Expect::Unknown { measured.queries } else { 0 };
    let right = measured.queries > 0
        && (measured.wrong, measured.missed) == (0, unknown)
        && measured.answers.unknown == unknown
        && measured.calls <= measured.budget
        && reported == Some(measured.calls);
    if right {
        return Ok(());
    }
    let report = measured.reports.first().map(ToString::to_string).unwrap_or_default();
    Err(format!(
        "{}: {} calls of {}, {reported:?} reported; {} wrong, {} missed of {}\n  {:?}\n{report}",
        row.name,
        measured.calls,
        measured.budget,
        measured.wrong,
        measured.missed,
        measured.queries,
        measured.mistakes,
    ))
}

#[tokio::test]
async fn every_row_keeps_to_its_budget() {
    let mut failed = Vec::new();
    for row in rows() {
        failed.extend(check(&row).await.err());
    }
    assert!(failed.is_empty(), "{}", failed.join("\n\n"));
}

/// Plays one row of edits: within its budget at every endpoint, every item as it should be, and
/// dearer for a client that knows nothing.
async fn check_edits(row: &EditRow) -> Result<(), String> {
    const COUNT: u64 = 1_000;
    let played = row.play(Scale::small(1_200, 500), COUNT).await;
    let played = played.map_err(|error| format!("{}: {error:#}", row.name))?;
    let budget = (row.budget)(COUNT);
    let within = played.requests.by_endpoint.iter().all(|(endpoint, count)| {
        budget.iter().any(|(allowed, most)| allowed == endpoint && count <= most)
    });
    let counts = played.counts;
    let expect = (row.expect)(usize::try_from(COUNT).unwrap());
    let right = if row.name == "edit-crash" {
        // Those confirmed before the crash are unchanged, those in doubt may be.
        counts.done + counts.unchanged == expect.done && counts.unchanged >= 300 - 32
    } else {
        counts == expect
    };
    let total = played.requests.total();
    if within && right && played.wrong == 0 && played.reported == total && played.naive > total {
        return Ok(());
    }
    Err(format!(
        "{}: {:?} of {budget:?}, {} reported; {counts} (expected {expect}); {} wrong; naive {}",
        row.name, played.requests.by_endpoint, played.reported, played.wrong, played.naive
    ))
}

#[tokio::test]
async fn edits_keep_to_their_budget() {
    let mut failed = Vec::new();
    for row in edit_rows() {
        failed.extend(check_edits(&row).await.err());
    }
    assert!(failed.is_empty(), "{}", failed.join("\n\n"));
}

/// Started again by the test below, this does a child's work; by itself it has nothing to do.
#[tokio::test]
async fn child_process() {
    processes::child().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn eight_processes_cost_as_one() {
    let arguments = ["budget::child_process", "--exact", "--nocapture"];
    let played = processes::play(Scale::small(600, 50), &arguments).await.unwrap();
    let measured = &played.measured;
    assert_eq!(measured.queries, 8 * 600);
    assert_eq!((measured.wrong, measured.missed), (0, 0), "{measured:#?}");
    assert!(measured.calls <= measured.budget, "{} calls", measured.calls);
}

/// The table people read is the table that is tested.
#[test]
fn the_document_has_every_row() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/api-budget.md");
    let text = std::fs::read_to_string(path).unwrap();
    for row in rows() {
        let sizes: Vec<String> = row.items.iter().map(ToString::to_string).collect();
        let line =
            format!("| {} | {} | {} | {} |", row.name, row.situation, sizes.join(", "), row.calls);
        assert!(text.contains(&line), "docs/api-budget.md lacks the line\n{line}");
    }
    for row in edit_rows() {
        let line = format!("| {} | {} | {} |", row.name, row.situation, row.calls);
        assert!(text.contains(&line), "docs/api-budget.md lacks the line\n{line}");
    }
}
