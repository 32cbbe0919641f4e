//! Every row of the call budget, at a small size.

use testbed::budget::{Arguments, Expect, Row, Scale, child, edit_rows, rows};

/// The arguments that make this program do the work of a child process.
const CHILD: Arguments = &["budget::child_process", "--exact", "--nocapture"];

/// Plays one row. The calls are within the budget, no answer is wrong or missed, and the engine
/// counts the same calls as the server.
async fn check(row: &Row) -> Result<(), String> {
    let played =
        row.play(row.test, CHILD).await.map_err(|error| format!("{}: {error:#}", row.name))?;
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

#[tokio::test]
async fn edits_keep_to_their_budget() {
    const COUNT: u64 = 1_000;
    let mut failed = Vec::new();
    for row in edit_rows() {
        let problem = match row.play(Scale::small(1_200, 500), COUNT, CHILD).await {
            Ok(played) => row.problem(COUNT, &played),
            Err(error) => Some(format!("{error:#}")),
        };
        failed.extend(problem.map(|problem| format!("{}: {problem}", row.name)));
    }
    assert!(failed.is_empty(), "{}", failed.join("\n\n"));
}

/// A row with more processes starts this test again, and then it does a child's work. Otherwise the
/// test does nothing.
#[tokio::test]
async fn child_process() {
    child::work().await.unwrap();
}

/// The documented table is the tested table.
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
