//! The rules against files whose truth is known. `cargo xtask corpus` plays more of them.

use testbed::corpus::{Survives, report};

/// Cases of each distortion.
const EACH: usize = 200;

#[tokio::test(flavor = "multi_thread")]
async fn high_confidence_is_never_wrong_and_files_are_found() {
    let lines = report(EACH, 11).await.unwrap();
    assert!(lines.len() >= 30, "{} distortions", lines.len());
    let mut by_name = (0, 0);
    let mut by_title = (0, 0);
    for line in &lines {
        assert_eq!(line.all.high_wrong, 0, "{line}");
        let found = line.all.high_right + line.all.low_right;
        let sum = match line.survives {
            Survives::Path | Survives::FileName => &mut by_name,
            Survives::TitleYear => &mut by_title,
            Survives::Little | Survives::Absent => continue,
        };
        *sum = (sum.0 + found, sum.1 + line.all.cases);
    }
    let poor = || lines.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    assert!(by_name.0 * 1_000 >= by_name.1 * 999, "{by_name:?}\n{}", poor());
    assert!(by_title.0 * 100 >= by_title.1 * 97, "{by_title:?}\n{}", poor());
}
