//! A full run at the finest level logs nothing private, and never the token.

use std::time::Duration;

use match_core::Selection;
use testbed::budget::{Scale, Stage};
use testbed::log::{Log, ours};
use testbed::queries::TruthQuery;
use testbed::server::Fault;
use tracing_subscriber::fmt::format::FmtSpan;

/// Cold, warm, changed, a lone file, an outage, a file that is damaged.
async fn play() -> (Stage, Vec<TruthQuery>) {
    let stage = Stage::movies(Scale::small(60, 20)).await.unwrap();
    let asked = stage.queries(60);
    stage.run(&Selection::All, &asked[..1]).await.unwrap();
    stage.run(&Selection::All, &asked).await.unwrap();
    stage.later(Duration::from_hours(1));
    stage.pms.edit(|library| library.scan(0));
    stage.run(&Selection::section("Movies"), &asked).await.unwrap();
    stage.later(Duration::from_hours(1));
    stage.pms.set_fault(Fault::Maintenance);
    stage.run(&Selection::All, &asked[..3]).await.unwrap();
    stage.pms.clear_faults();
    let cache = stage.config().cache;
    let mut bytes = std::fs::read(&cache).unwrap();
    for byte in bytes.iter_mut().skip(9).take(4_000) {
        *byte = !*byte;
    }
    std::fs::write(&cache, bytes).unwrap();
    stage.run(&Selection::All, &asked).await.unwrap();
    (stage, asked)
}

/// Everything that a log must not contain: titles, names and paths of files, the cache's own path.
fn private(stage: &Stage, asked: &[TruthQuery]) -> Vec<String> {
    let mut texts: Vec<String> = stage.pms.edit(|library| {
        let items = library.sections.iter().flat_map(testbed::library::Section::items);
        // A short title may be a part of one of our own words.
        items.map(|item| item.title.clone()).filter(|title| title.len() >= 8).collect()
    });
    for query in asked {
        texts.push(query.path.clone());
        texts.extend(query.path.rsplit('/').next().map(ToOwned::to_owned));
    }
    texts.push(stage.config().cache.display().to_string());
    texts.push("/mnt/elsewhere".to_owned());
    texts.push("/data/movies".to_owned());
    texts.push("title=Movies".to_owned());
    texts
}

#[tokio::test]
async fn a_full_run_shows_nothing_private_unless_asked_to() {
    let log = Log::default();
    tracing::subscriber::set_global_default(log.subscriber(FmtSpan::FULL)).unwrap();

    let (stage, asked) = play().await;
    // Only our own log lines count. The HTTP libraries below log at levels that nobody turns on.
    let whole = log.take();
    let ours_hidden = ours(&whole);
    for text in private(&stage, &asked) {
        assert!(!ours_hidden.contains(&text), "{text} was logged");
    }
    assert!(!whole.contains(stage.pms.token()), "the token was logged");
    // There is one summary for each run, and every level was recorded.
    assert_eq!(ours_hidden.matches(": matched").count(), 5, "{ours_hidden}");
    for line in ["planned", "looked up", "answered", "asking again", "moved aside", "plex_request"]
    {
        assert!(ours_hidden.contains(line), "{line}");
    }

    // The same run with private data revealed: now the log has the texts.
    plex_api::reveal_private(true);
    let (stage, asked) = play().await;
    plex_api::reveal_private(false);
    let whole = log.take();
    let shown = private(&stage, &asked).iter().filter(|text| whole.contains(*text)).count();
    assert!(shown > asked.len(), "{shown}");
    assert!(!whole.contains(stage.pms.token()), "the token was logged");
}
