//! Every row of the call budget, at a size that is fast.

use testbed::budget::{Row, rows};

/// Plays one row: within its budget, no answer wrong, none missed, and the engine counts the
/// calls that the server counts.
async fn check(row: &Row) {
    let played = row.play(row.test).await.unwrap();
    let measured = &played.measured;
    let shown = || format!("{}: {measured:#?}", row.name);
    assert!(measured.queries > 0, "{}", shown());
    assert_eq!((measured.wrong, measured.missed), (0, 0), "{}", shown());
    assert!(measured.calls <= measured.budget, "{}", shown());
    let reported: u64 = measured.reports.iter().map(|report| report.calls.total().count).sum();
    assert_eq!(reported, measured.calls, "{}", shown());
}

#[tokio::test]
async fn every_row_keeps_to_its_budget() {
    for row in rows() {
        check(&row).await;
    }
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
}
