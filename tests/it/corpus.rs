//! The rules on files with known answers. `cargo xtask corpus` runs more of them.

use testbed::corpus::{Survives, report};

/// Cases of each distortion.
const EACH: usize = 200;

#[tokio::test(flavor = "multi_thread")]
async fn high_confidence_is_never_wrong_and_files_are_found() {
    let lines = report(EACH, 11).await.unwrap();
    assert!(lines.len() >= 30, "{} distortions", lines.len());
    for line in &lines {
        assert_eq!(line.all.high_wrong, 0, "{line}");
        let least = match line.survives {
            Survives::Path | Survives::FileName => 999,
            Survives::TitleYear => 970,
            Survives::Little | Survives::Absent => continue,
        };
        assert!(line.all.recall() >= Some(least), "{line}");
    }
    let absent: Vec<_> = lines.iter().filter(|line| line.survives == Survives::Absent).collect();
    assert!(absent.len() >= 4, "{} distortions of files that are not there", absent.len());
    for line in absent {
        assert_eq!((line.all.there, line.all.low_wrong), (0, 0), "{line}");
    }
}
