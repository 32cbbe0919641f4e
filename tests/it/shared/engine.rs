//! The engine: down, dying, hanging, empty, full, read-only, or locked. A host goes on without it.

use std::time::Duration;

use match_core::{Engine, Miss, Run, Selection, SharedTier};
use testbed::budget::to_queries;
use testbed::queries::TruthQuery;
use testbed::server::{Fault, FaultRule, Route};
use testbed::shared::{Hosts, ask_all};
use testbed::valkey::Valkey;

use super::{SCALE, add, ask, check, counts};

/// The calls of a run with a cold cache and without the tier.
const ALONE: u64 = 3;

/// A host with this tier: its run with a cold cache, and its calls.
async fn cold(
    hosts: &Hosts,
    host: u64,
    tier: Option<SharedTier>,
    asked: &[TruthQuery],
) -> (Run, u64) {
    let mut config = hosts.stage.host(host);
    config.shared = tier;
    let engine = Engine::open(hosts.stage.client().unwrap(), config).await.unwrap();
    let before = hosts.stage.calls();
    let run = engine.match_files(&Selection::All, to_queries(asked)).await.unwrap();
    (run, hosts.stage.calls() - before)
}

/// Uses the time-out that hosts have.
fn impatient(hosts: &Hosts) -> SharedTier {
    let mut tier = hosts.tier();
    tier.timeout = Duration::from_millis(250);
    tier
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_is_down_or_hangs_costs_a_moment_and_nothing_else() {
    let Some(mut hosts) = Hosts::start(SCALE, &[]).await.unwrap() else { return };
    let asked = hosts.stage.queries(100);
    let (run, calls) = cold(&hosts, 0, None, &asked).await;
    check(&asked, &[run]);
    assert_eq!(calls, ALONE + SCALE.pages());

    hosts.valkey.signal("STOP").unwrap();
    let (run, calls) = cold(&hosts, 1, Some(impatient(&hosts)), &asked).await;
    check(&asked, std::slice::from_ref(&run));
    assert_eq!(calls, ALONE + SCALE.pages(), "{}", run.report);
    assert!(run.report.shared.misses[&Miss::Away] > 0, "{}", run.report);
    // The time that the tier itself cost. Other work of the machine does not count.
    assert!(run.report.shared.micros < 1_000_000, "{}", run.report);
    hosts.valkey.signal("CONT").unwrap();

    hosts.valkey.kill().unwrap();
    let (run, calls) = cold(&hosts, 2, Some(impatient(&hosts)), &asked).await;
    check(&asked, std::slice::from_ref(&run));
    assert_eq!(calls, ALONE + SCALE.pages(), "{}", run.report);
    assert!(run.report.shared.micros < 1_000_000, "{}", run.report);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_dies_in_the_middle_of_a_listing_is_gone_without() {
    let Some(mut hosts) = Hosts::start(SCALE, &[]).await.unwrap() else { return };
    let asked = hosts.stage.queries(100);
    hosts.stage.pms.script(FaultRule::once(Route::Listing, 5, Fault::Held));
    let engine = hosts.engine(0).await.unwrap();
    let run = engine.match_files(&Selection::All, to_queries(&asked));
    let mut run = std::pin::pin!(run);
    tokio::select! {
        _ = &mut run => panic!("a page is held back"),
        () = hosts.stage.pms.held() => {}
    }
    hosts.valkey.kill().unwrap();
    hosts.stage.pms.release();
    let run = run.await.unwrap();
    check(&asked, std::slice::from_ref(&run));
    assert_eq!(hosts.stage.calls(), ALONE + SCALE.pages(), "{}", run.report);
    assert_eq!(run.report.shared.published, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_whose_chunks_were_evicted_is_listed_and_published_anew() {
    let Some(hosts) = Hosts::start(SCALE, &[]).await.unwrap() else { return };
    let asked = hosts.stage.queries(100);
    ask_all(&hosts.engines(0..1).await.unwrap(), &asked).await.unwrap();
    // The head is there, but the keys that it points to are not.
    let mut redis = hosts.valkey.client().unwrap();
    let chunks: Vec<String> = redis::cmd("KEYS").arg("*:snap:*").query(&mut redis).unwrap();
    assert!(!chunks.is_empty());
    let () = redis::cmd("DEL").arg(&chunks).query(&mut redis).unwrap();
    let (run, calls) = cold(&hosts, 1, Some(hosts.tier()), &asked).await;
    check(&asked, std::slice::from_ref(&run));
    assert_eq!(run.report.shared.misses[&Miss::Incomplete], 1, "{}", run.report);
    assert!(calls <= ALONE + SCALE.pages(), "{calls}");
    // The host listed, and published what was missing.
    assert_eq!(run.report.shared.published, 1, "{}", run.report);
    let (run, calls) = cold(&hosts, 2, Some(hosts.tier()), &asked).await;
    check(&asked, &[run]);
    assert_eq!(calls, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_memory_that_is_full_costs_calls_and_no_answer() {
    for policy in ["allkeys-lru", "allkeys-random", "noeviction"] {
        let options = ["--maxmemory", "1700kb", "--maxmemory-policy", policy];
        let Some(hosts) = Hosts::start(SCALE, &options).await.unwrap() else { return };
        let mut redis = hosts.valkey.client().unwrap();
        let mut asked = hosts.stage.present(100);
        let engines = hosts.engines(0..4).await.unwrap();
        for round in 0..6 {
            // Another host fills the engine meanwhile.
            for at in 0..12 {
                let mut set = redis::cmd("SET");
                set.arg(format!("other:{round}:{at}")).arg(vec![7_u8; 50_000]);
                let _: redis::RedisResult<()> = set.query(&mut redis);
            }
            asked.push(add(&hosts, &format!("Film {round} (20{}0)", round + 1)));
            hosts.stage.later(Duration::from_secs(61));
            ask(&hosts, &engines, &asked).await;
        }
        let most = 4 * (ALONE + SCALE.pages()) + 6 * 4 * 4;
        assert!(hosts.stage.calls() <= most, "{policy}: {} calls", hosts.stage.calls());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_only_replica_is_read_and_not_written() {
    let Some(hosts) = Hosts::start(SCALE, &[]).await.unwrap() else { return };
    let asked = hosts.stage.queries(100);
    ask_all(&hosts.engines(0..1).await.unwrap(), &asked).await.unwrap();
    let port = hosts.valkey.port().to_string();
    let options = ["--replicaof", "127.0.0.1", &port];
    let replica = Valkey::start(&options).unwrap().unwrap();
    // Wait until it has what the other one has.
    let mut redis = replica.client().unwrap();
    loop {
        let keys: redis::RedisResult<i64> = redis::cmd("DBSIZE").query(&mut redis);
        if keys.is_ok_and(|keys| keys >= 3) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let mut tier = SharedTier::new(replica.url()).with_secret(testbed::shared::SECRET);
    tier.server = hosts.tier().server;
    let (run, calls) = cold(&hosts, 1, Some(tier.clone()), &asked).await;
    check(&asked, &[run]);
    assert_eq!(calls, 0);
    hosts.stage.later(Duration::from_secs(61));
    let added = add(&hosts, "An Added Film (2021)");
    let (run, calls) = cold(&hosts, 1, Some(tier), std::slice::from_ref(&added)).await;
    check(&[added], std::slice::from_ref(&run));
    assert!(calls <= 4, "{calls}");
    assert!(run.report.shared.misses.contains_key(&Miss::Refused), "{}", run.report);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_may_not_is_told_so_once_and_goes_on() {
    let Some(hosts) = Hosts::start(SCALE, &[]).await.unwrap() else { return };
    let mut user = redis::cmd("ACL");
    user.arg(&["SETUSER", "poor", "on", ">secret", "~*", "-@all", "+get", "+ping"]);
    let () = user.query(&mut hosts.valkey.client().unwrap()).unwrap();
    let asked = hosts.stage.queries(100);
    let address = format!("127.0.0.1:{}", hosts.valkey.port());
    for (host, url) in [
        (0, format!("redis://poor:wrong@{address}")),
        (1, format!("redis://poor:secret@{address}")),
        (2, format!("rediss://{address}")),
    ] {
        let tier = SharedTier::new(url);
        let (run, calls) = cold(&hosts, host, Some(tier), &asked).await;
        check(&asked, std::slice::from_ref(&run));
        assert_eq!(calls, ALONE + SCALE.pages(), "{}", run.report);
        let misses = &run.report.shared.misses;
        let (away, refused) = (misses.get(&Miss::Away), misses.get(&Miss::Refused));
        assert_eq!((away.is_some(), refused.is_some()), (host != 1, host == 1), "{}", run.report);
        assert_eq!(counts(&[run]).published, 0);
    }
}

#[tokio::test]
async fn an_address_that_is_none_is_an_error_without_its_password() {
    let tier = SharedTier::new("http://me:hunter2@nas");
    let mut config = match_core::EngineConfig::new("never.matchbox");
    let folder = tempfile::tempdir().unwrap();
    config.cache = folder.path().join("cache");
    config.shared = Some(tier);
    let client = plex_api::Config::new("http://nas:32400", plex_api::Token::new("t"));
    let opened = Engine::open(plex_api::Client::new(client).unwrap(), config).await;
    let text = opened.unwrap_err().to_string();
    assert!(text.contains("shared tier") && !text.contains("hunter2"), "{text}");
}
