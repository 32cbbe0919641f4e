//! The engine's data are wrong: bits are flipped, values are under other keys, or old values come
//! back.

use std::time::Duration;

use cache_store::Clear;
use match_core::Miss;
use redis::Connection;
use testbed::budget::Scale;
use testbed::shared::{Hosts, ask_all};

use super::{add, ask, counts};

const SMALL: Scale = Scale::small(60, 100);

fn keys(redis: &mut Connection, pattern: &str) -> Vec<String> {
    let mut keys: Vec<String> = redis::cmd("KEYS").arg(pattern).query(redis).unwrap();
    keys.sort();
    keys
}

/// All values of strings and of hashes, with their keys.
fn dump(redis: &mut Connection) -> Vec<(String, Vec<u8>)> {
    let dumped = keys(redis, "*").into_iter().map(|key| {
        let value = redis::cmd("DUMP").arg(&key).query(redis).unwrap();
        (key, value)
    });
    dumped.collect()
}

fn restore(redis: &mut Connection, dump: &[(String, Vec<u8>)]) {
    let () = redis::cmd("FLUSHALL").query(redis).unwrap();
    for (key, value) in dump {
        let mut restore = redis::cmd("RESTORE");
        let () = restore.arg(key).arg(600_000).arg(value).query(redis).unwrap();
    }
}

/// A value and its place, with functions to read and write it whatever its type is.
fn read(redis: &mut Connection, key: &str, field: Option<&str>) -> Vec<u8> {
    match field {
        Some(field) => redis::cmd("HGET").arg(key).arg(field).query(redis).unwrap(),
        None => redis::cmd("GET").arg(key).query(redis).unwrap(),
    }
}

fn write(redis: &mut Connection, key: &str, field: Option<&str>, value: &[u8]) {
    let mut command = redis::cmd(if field.is_some() { "HSET" } else { "SET" });
    command.arg(key);
    match field {
        Some(field) => command.arg(field).arg(value),
        None => command.arg(value).arg("KEEPTTL"),
    };
    command.exec(redis).unwrap();
}

/// The values that hosts trust: the key, and the field of a hash.
fn believed(redis: &mut Connection) -> Vec<(String, Option<&'static str>)> {
    let mut all = Vec::new();
    for key in keys(redis, "*") {
        match key.rsplit(':').next() {
            Some("head") => all.extend([(key.clone(), Some("v")), (key, Some("c"))]),
            Some("probe") => all.push((key, Some("v"))),
            Some("lease") => {}
            _ => all.push((key, None)),
        }
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_flipped_bits_are_a_thousand_misses() {
    let Some(hosts) = Hosts::start(SMALL, &[]).await.unwrap() else { return };
    let mut asked = hosts.stage.queries(50);
    let first = hosts.engines(0..1).await.unwrap();
    ask_all(&first, &asked).await.unwrap();
    asked.push(add(&hosts, "An Added Film (2021)"));
    hosts.stage.later(Duration::from_secs(61));
    ask_all(&first, &asked).await.unwrap();
    let mut redis = hosts.valkey.client().unwrap();
    let good = dump(&mut redis);
    let places = believed(&mut redis);
    assert!(places.len() >= 4, "head, commit, probe, chunk, entry: {places:?}");
    let host = hosts.engines(1..2).await.unwrap();
    let mut random = 7_u64;
    let mut unnoticed = 0;
    for flip in 0..1_000_u64 {
        restore(&mut redis, &good);
        let (key, field) = &places[usize::try_from(flip).unwrap() % places.len()];
        let mut value = read(&mut redis, key, *field);
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let at = usize::try_from(random >> 33).unwrap() % (value.len() * 8);
        value[at / 8] ^= 1 << (at % 8);
        write(&mut redis, key, *field, &value);
        host[0].store().clear(Clear::All).unwrap();
        let asked = &asked[46..];
        let (runs, _) = ask(&hosts, &host, asked).await;
        let misses = counts(&runs).misses;
        unnoticed += u64::from(!misses.contains_key(&Miss::NotVerified));
    }
    assert_eq!(unnoticed, 0, "every flip is counted");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_of_another_key_is_a_miss() {
    let Some(hosts) = Hosts::start(SMALL, &[]).await.unwrap() else { return };
    let asked = hosts.stage.queries(50);
    ask_all(&hosts.engines(0..1).await.unwrap(), &asked).await.unwrap();
    let mut redis = hosts.valkey.client().unwrap();
    let good = dump(&mut redis);
    let places = believed(&mut redis);
    let values: Vec<Vec<u8>> =
        places.iter().map(|(key, field)| read(&mut redis, key, *field)).collect();
    let mut host = 10;
    for (at, (key, field)) in places.iter().enumerate() {
        for (other, value) in values.iter().enumerate() {
            if at == other {
                continue;
            }
            restore(&mut redis, &good);
            write(&mut redis, key, *field, value);
            host += 1;
            let (runs, _) =
                ask(&hosts, &hosts.engines(host..host + 1).await.unwrap(), &asked).await;
            assert!(counts(&runs).misses.contains_key(&Miss::NotVerified), "{}", runs[0].report);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_of_another_stamp_is_a_base_and_no_answer() {
    let Some(hosts) = Hosts::start(SMALL, &[]).await.unwrap() else { return };
    let mut asked = hosts.stage.present(50);
    let first = hosts.engines(0..1).await.unwrap();
    ask_all(&first, &asked).await.unwrap();
    let mut redis = hosts.valkey.client().unwrap();
    let old = dump(&mut redis);
    asked.push(add(&hosts, "An Added Film (2021)"));
    hosts.stage.later(Duration::from_secs(61));
    ask_all(&first, &asked).await.unwrap();
    // The head and the snapshot are old, and the probe is new.
    let probe = keys(&mut redis, "*:probe").remove(0);
    let now: Vec<u8> = redis::cmd("DUMP").arg(&probe).query(&mut redis).unwrap();
    let mixed: Vec<_> = old
        .iter()
        .map(|(key, value)| (key.clone(), if *key == probe { now.clone() } else { value.clone() }))
        .collect();
    restore(&mut redis, &mixed);
    let (runs, calls) = ask(&hosts, &hosts.engines(5..6).await.unwrap(), &asked).await;
    assert!(0 < calls && calls <= 4, "a delta: {calls}\n{}", runs[0].report);
    // The probe is old too. The engine's clock shows its age.
    restore(&mut redis, &old);
    let (_, calls) = ask(&hosts, &hosts.engines(6..7).await.unwrap(), &asked).await;
    assert!(calls > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_secret_is_another_tier() {
    let Some(hosts) = Hosts::start(SMALL, &[]).await.unwrap() else { return };
    let asked = hosts.stage.queries(50);
    ask_all(&hosts.engines(0..1).await.unwrap(), &asked).await.unwrap();
    let mut config = hosts.config(1);
    config.shared = Some(hosts.tier().with_secret("another"));
    let engine = match_core::Engine::open(hosts.stage.client().unwrap(), config).await.unwrap();
    let (runs, calls) = ask(&hosts, &[engine], &asked).await;
    assert_eq!(calls, 2 + SMALL.pages());
    assert!(counts(&runs).misses[&Miss::NotVerified] > 0);
}
