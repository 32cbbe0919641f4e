//! If the shared tier fails, one clear line says that the host goes on without it. No log contains
//! its password, the secret, or anything about the library.

use std::time::Duration;

use match_core::{Engine, Selection, SharedTier};
use testbed::budget::to_queries;
use testbed::log::{Log, ours};
use testbed::shared::{Hosts, SECRET};
use tracing_subscriber::fmt::format::FmtSpan;

use super::kinds::with_tls;

/// The names of the warnings in a log.
fn warnings(log: &str) -> Vec<&str> {
    log.lines().filter(|line| line.contains(" WARN ")).collect()
}

#[tokio::test]
async fn a_tier_that_is_gone_without_is_told_of_once_and_privately() {
    let scale = testbed::budget::Scale::small(60, 20);
    let Some(hosts) = Hosts::start(scale, &[]).await.unwrap() else { return };
    let log = Log::default();
    let _listening = tracing::subscriber::set_default(log.subscriber(FmtSpan::NONE));
    let asked = hosts.stage.queries(30);
    let everything = Selection::All;
    // The tier works, so there is nothing to warn about.
    let engine = hosts.engine(0).await.unwrap();
    engine.match_files(&everything, to_queries(&asked)).await.unwrap();
    let text = log.take();
    assert_eq!(warnings(&text), Vec::<&str>::new());
    let mut seen = text;

    let address = format!("127.0.0.1:{}", hosts.valkey.port());
    let nobody = {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        free.local_addr().unwrap().to_string()
    };
    let mut user = redis::cmd("ACL");
    user.arg(&["SETUSER", "poor", "on", ">hunter2", "~*", "+@all", "-set"]);
    let () = user.query(&mut hosts.valkey.client().unwrap()).unwrap();
    let (_engine, trusted, _) = with_tls(&hosts);
    for (host, url, why) in [
        (1, format!("redis://me:hunter2@{address}"), "it refuses the user or the password"),
        (2, format!("redis://:hunter2@{nobody}"), "nothing listens at its address"),
        (3, format!("rediss://:hunter2@{address}"), "it cannot be reached"),
        (4, trusted, "its certificate is not trusted"),
        (5, format!("redis://poor:hunter2@{address}"), "the user has no permission for a command"),
    ] {
        let mut config = hosts.stage.host(host);
        let mut tier = SharedTier::new(url).with_secret(SECRET);
        (tier.server, tier.timeout) = (hosts.tier().server, hosts.tier().timeout);
        config.shared = Some(tier);
        let engine = Engine::open(hosts.stage.client().unwrap(), config).await.unwrap();
        for _ in 0..3 {
            engine.match_files(&everything, to_queries(&asked)).await.unwrap();
            hosts.stage.later(Duration::from_secs(61));
        }
        let text = log.take();
        let told = warnings(&text);
        assert_eq!(told.len(), 1, "{why}: {told:?}");
        assert!(told[0].contains("the shared tier") && told[0].contains(why), "{told:?}");
        seen += &text;
    }
    let seen = ours(&seen);
    assert!(seen.contains("taken from") || seen.contains("share"), "the log has the tier's events");
    let mut never = vec![SECRET.to_owned(), "hunter2".to_owned(), address];
    never.extend(asked.iter().map(|truth| truth.path.clone()));
    for text in never {
        assert!(!seen.contains(&text), "the log holds {text}");
    }
}
