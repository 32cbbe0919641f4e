//! Other kinds of engine: a cluster, a master that a sentinel names, an engine behind TLS, and an
//! engine whose user has only the needed permissions, or fewer.

use std::time::Duration;

use match_core::{Engine, Miss, SharedTier};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use testbed::budget::Stage;
use testbed::shared::{Hosts, SECRET};
use testbed::valkey::{Valkey, free_port, wait_until};

use super::{SCALE, add, ask, counts};

/// Hosts that share through this address.
async fn engines(hosts: &Hosts, numbers: std::ops::Range<u64>, tier: &SharedTier) -> Vec<Engine> {
    let mut engines = Vec::new();
    for number in numbers {
        let mut config = hosts.stage.host(number);
        config.shared = Some(tier.clone());
        engines.push(Engine::open(hosts.stage.client().unwrap(), config).await.unwrap());
    }
    engines
}

/// As [`Hosts::tier`], at another address.
fn at(hosts: &Hosts, url: String) -> SharedTier {
    let mut tier = SharedTier::new(url).with_secret(SECRET);
    let known = hosts.tier();
    (tier.server, tier.timeout, tier.lease) = (known.server, known.timeout, known.lease);
    tier
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_is_shared_like_one_engine_and_a_host_that_does_not_know_is_not_lost() {
    let Some(mut nodes) = Valkey::cluster().unwrap() else { return };
    let valkey = nodes.remove(0);
    let mut hosts = Hosts { stage: Stage::movies(SCALE).await.unwrap(), valkey };
    let mut tier = at(&hosts, hosts.valkey.url());
    tier.cluster = true;
    let mut asked = hosts.stage.present(50);
    let first = engines(&hosts, 0..4, &tier).await;
    ask(&hosts, &first, &asked).await;
    assert_eq!(hosts.stage.calls(), 3 + SCALE.pages(), "they share the calls");
    asked.push(add(&hosts, "An Added Film (2021)"));
    hosts.stage.later(Duration::from_secs(61));
    let (runs, calls) = ask(&hosts, &first, &asked).await;
    assert!(calls <= 4, "{calls}");
    assert_eq!((counts(&runs).deltas, counts(&runs).published), (3, 1));

    // A host that does not know that this is a cluster goes on without it. The added film needs one
    // page more.
    let pages = (SCALE.items + 1).div_ceil(u64::from(SCALE.page));
    tier.cluster = false;
    let (_, calls) = ask(&hosts, &engines(&hosts, 8..9, &tier).await, &asked).await;
    assert_eq!(calls, 2 + pages);

    // All nodes of the cluster are gone.
    tier.cluster = true;
    for node in &mut nodes {
        node.kill().unwrap();
    }
    hosts.valkey.kill().unwrap();
    let (runs, calls) = ask(&hosts, &engines(&hosts, 9..10, &tier).await, &asked).await;
    assert_eq!(calls, 2 + pages);
    assert!(counts(&runs).misses[&Miss::Away] > 0, "{}", runs[0].report);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sentinel_names_the_master_and_then_the_one_that_took_over() {
    let Some(mut hosts) = Hosts::start(SCALE, &[]).await.unwrap() else { return };
    let port = hosts.valkey.port().to_string();
    let replica = Valkey::start(&["--replicaof", "127.0.0.1", &port]).unwrap().unwrap();
    let sentinel = hosts.valkey.sentinel().unwrap();
    let mut tier = at(&hosts, sentinel.url());
    tier.sentinel = Some("films".to_owned());
    let asked = hosts.stage.present(50);
    ask(&hosts, &engines(&hosts, 0..3, &tier).await, &asked).await;
    assert_eq!(hosts.stage.calls(), 3 + SCALE.pages(), "they share the calls");

    let mut asks = sentinel.client().unwrap();
    wait_until("the replica is known, and has what the master has", || {
        let known: Vec<redis::Value> =
            redis::cmd("SENTINEL").arg("REPLICAS").arg("films").query(&mut asks)?;
        Ok(!known.is_empty() && replica.keys()? == hosts.valkey.keys()?)
    })
    .unwrap();
    hosts.valkey.kill().unwrap();
    wait_until("the replica took over", || {
        let role: redis::Value = redis::cmd("ROLE").query(&mut replica.client()?)?;
        Ok(format!("{role:?}").contains("master"))
    })
    .unwrap();
    wait_until("the sentinel says so, and is done", || {
        let master: (String, String) =
            redis::cmd("SENTINEL").arg("GET-MASTER-ADDR-BY-NAME").arg("films").query(&mut asks)?;
        let about: std::collections::HashMap<String, String> =
            redis::cmd("SENTINEL").arg("MASTER").arg("films").query(&mut asks)?;
        let done = !about["flags"].contains("failover_in_progress");
        Ok(done && master.1 == replica.port().to_string())
    })
    .unwrap();
    let (runs, calls) = ask(&hosts, &engines(&hosts, 8..9, &tier).await, &asked).await;
    assert_eq!(calls, 0, "{}", runs[0].report);

    tier.sentinel = Some("nobody".to_owned());
    let (runs, _) = ask(&hosts, &engines(&hosts, 9..10, &tier).await, &asked).await;
    assert!(counts(&runs).misses[&Miss::Away] > 0, "{}", runs[0].report);
}

/// A certificate authority, and an engine with a certificate from it. Its address begins with
/// `rediss://`.
pub(super) fn with_tls(hosts: &Hosts) -> (Valkey, String, Vec<u8>) {
    let key = KeyPair::generate().unwrap();
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, key).unwrap();
    let key = KeyPair::generate().unwrap();
    let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
    let shown = CertificateParams::new(names).unwrap().signed_by(&key, &authority).unwrap();
    let file = |name: &str, text: &str| {
        let path = hosts.valkey.folder().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let port = free_port().unwrap().to_string();
    let (cert, key) = (file("cert.pem", &shown.pem()), file("key.pem", &key.serialize_pem()));
    let root = file("root.pem", &authority.pem());
    let options = ["--tls-port", &port, "--tls-cert-file", &cert, "--tls-key-file", &key];
    let options = [&options[..], &["--tls-ca-cert-file", &root, "--tls-auth-clients", "no"]];
    let engine = Valkey::start(&options.concat()).unwrap().unwrap();
    (engine, format!("rediss://127.0.0.1:{port}"), authority.pem().into_bytes())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_held_against_the_authority_and_an_unknown_one_is_gone_without() {
    let Some(hosts) = Hosts::start(SCALE, &[]).await.unwrap() else { return };
    let (_engine, url, root) = with_tls(&hosts);
    let mut tier = at(&hosts, url);
    tier.root_certificate = Some(root);
    let asked = hosts.stage.present(50);
    ask(&hosts, &engines(&hosts, 0..3, &tier).await, &asked).await;
    assert_eq!(hosts.stage.calls(), 3 + SCALE.pages(), "they share the calls");

    // The authorities that a machine trusts do not include this one.
    tier.root_certificate = None;
    tier.timeout = Duration::from_millis(250);
    let (runs, calls) = ask(&hosts, &engines(&hosts, 8..9, &tier).await, &asked).await;
    let report = &runs[0].report;
    assert_eq!(calls, 2 + SCALE.pages(), "{report}");
    assert!(report.shared.misses[&Miss::Away] > 0, "{report}");
    assert!(report.shared.micros < 1_000_000, "nothing hangs: {report}");
}

/// The page names the permissions that a user needs.
const PAGE: &str = include_str!("../../../docs/shared-tier.md");

#[tokio::test(flavor = "multi_thread")]
async fn a_user_with_the_permissions_of_the_page_is_all_that_is_needed() {
    let Some(hosts) = Hosts::start(SCALE, &[]).await.unwrap() else { return };
    let line = PAGE.split_once("`ACL SETUSER ").unwrap().1.split_once('`').unwrap().0;
    let mut user = redis::cmd("ACL");
    user.arg("SETUSER").arg(line.split_whitespace().collect::<Vec<_>>());
    let () = user.query(&mut hosts.valkey.client().unwrap()).unwrap();
    let port = hosts.valkey.port();
    let tier = at(&hosts, format!("redis://matchbox:password@127.0.0.1:{port}"));
    let mut asked = hosts.stage.present(50);
    let all = engines(&hosts, 0..3, &tier).await;
    ask(&hosts, &all, &asked).await;
    asked.push(add(&hosts, "An Added Film (2021)"));
    hosts.stage.later(Duration::from_secs(61));
    let (runs, calls) = ask(&hosts, &all, &asked).await;
    assert!(calls <= 4);
    assert!(!counts(&runs).misses.contains_key(&Miss::Refused), "{}", runs[0].report);
    // Each permission is needed. Without one, a command is refused, but no answer is wrong.
    for (host, missing) in (10..).zip(["-set", "-eval", "-get", "-hset", "-time"]) {
        let mut redis = hosts.valkey.client().unwrap();
        let less = format!("poor{host}");
        let mut user = redis::cmd("ACL");
        user.arg("SETUSER").arg(&less).arg(line.split_whitespace().skip(1).collect::<Vec<_>>());
        let () = user.arg(missing).query(&mut redis).unwrap();
        let tier = at(&hosts, format!("redis://{less}:password@127.0.0.1:{port}"));
        asked.push(add(&hosts, &format!("Film without {host} (2022)")));
        hosts.stage.later(Duration::from_secs(61));
        let (runs, calls) =
            ask(&hosts, &engines(&hosts, host..host + 1, &tier).await, &asked).await;
        assert!(calls <= 3 + SCALE.pages(), "{}", runs[0].report);
        assert!(counts(&runs).misses[&Miss::Refused] > 0, "{missing}: {}", runs[0].report);
    }
}
