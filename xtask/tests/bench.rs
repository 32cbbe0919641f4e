//! Runs `cargo xtask bench` as a user does, and checks its output and exit code.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests; clippy's own exception covers #[test] functions only"
)]

use std::path::Path;
use std::process::{Command, Output};

use testbed::generate::{LibraryKind, Spec, generate};
use testbed::server::{Options, Pms};

/// Runs the bench in a folder. The page is written there too.
fn bench(folder: &Path, arguments: &[&str], token: Option<&str>) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command.arg("bench").args(arguments).current_dir(folder).env_remove("RUST_LOG");
    match token {
        Some(token) => command.env("PLEX_TOKEN", token),
        None => command.env_remove("PLEX_TOKEN"),
    };
    command.output().unwrap()
}

async fn start() -> Pms {
    let library = generate(&Spec { seed: 3, items: 120, kind: LibraryKind::Movies });
    Pms::start(library, Options::default()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_is_read_and_said_how_it_behaves() {
    let pms = start().await;
    let folder = tempfile::tempdir().unwrap();
    let before = pms.edit(|library| format!("{library:?}"));
    let arguments = ["--server", pms.url(), "--section", "Movies", "--json", "out.json"];
    let output = bench(folder.path(), &arguments, Some(pms.token()));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));

    let json = std::fs::read(folder.path().join("out.json")).unwrap();
    let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
    let scenarios = json["scenarios"].as_array().unwrap();
    let told: Vec<_> = scenarios
        .iter()
        .map(|of| {
            let (name, found) = (of["name"].as_str().unwrap(), &of["answers"]["found"]);
            (name, found.as_u64().unwrap(), of["calls"]["total"].as_u64().unwrap())
        })
        .collect();
    let files = json["items"].as_u64().unwrap();
    assert_eq!(told, [("cold", files, 3), ("repeat", files, 1)], "no change, no outage: read-only");
    for scenario in scenarios {
        assert!(scenario["naive_calls"].as_u64() >= Some(files), "{scenario}");
    }
    for question in [
        "sections have a change counter",
        "sections say when they were scanned",
        "listings say how many rows there are",
        "pages are as large as requested",
        "rows come sorted by their ids",
        "rows have external ids",
        "several items are read at once, and unknown ones left out",
    ] {
        let line = text.lines().find(|line| line.contains(question)).unwrap_or_default();
        assert!(line.trim_start().starts_with("yes"), "{question}: {line}\n{text}");
    }
    let page = std::fs::read_to_string(folder.path().join("target/bench/report.html")).unwrap();
    assert!(
        page.contains("behaved against our assumptions")
            && page.contains("rows come sorted by their ids")
    );
    for shown in [&text, &page] {
        assert!(!shown.contains(pms.token()), "the token is shown");
    }
    assert_eq!(pms.edit(|library| format!("{library:?}")), before, "a real server is only read");
    pms.stop().await;
}

/// One clear line and exit code 1.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_with_the_input_is_said_in_one_line() {
    let pms = start().await;
    let url = pms.url();
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [
        ("other.json", "{\"schema\": 99}"),
        ("cut.json", "{\"schema\""),
        ("cut.jsonl", "{\"path\": "),
        ("empty.jsonl", ""),
    ] {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let small = ["--items", "20", "--scenario", "cold", "--baseline"];
    let with = |last: &'static str| [&small[..], &[last]].concat();
    for (arguments, token, says) in [
        (vec!["--server", url, "--section", "Movies"], Some("nobody's"), "401"),
        (vec!["--server", url, "--section", "Movies"], None, "PLEX_TOKEN"),
        (vec!["--server", url, "--section", "Films"], Some(pms.token()), "it has: Movies"),
        (vec!["--server", "http://127.0.0.1:1", "--section", "Movies"], Some("x"), "127.0.0.1:1"),
        (vec!["--library", "none.json"], None, "none.json"),
        (vec!["--library", "cut.json"], None, "cut.json"),
        (vec!["--queries", "none.jsonl", "--items", "20"], None, "none.jsonl"),
        (vec!["--queries", "cut.jsonl", "--items", "20"], None, "cut.jsonl line 1"),
        (vec!["--queries", "empty.jsonl", "--items", "20"], None, "no queries"),
        (vec!["--scenario", "none"], None, "no scenario \"none\""),
        (vec!["--quick", "--scenario", "100k"], None, "no scenario \"100k\" in this mode"),
        (vec!["--items", "20", "--scenario", "warm"], None, "cold, repeat, added, outage"),
        (vec!["--items", "0"], None, "nothing to ask for"),
        (with("none.json"), None, "could not read the baseline none.json"),
        (with("other.json"), None, "other.json has schema"),
        (with("cut.json"), None, "cut.json is not JSON"),
        (with("."), None, "could not read the baseline"),
    ] {
        let output = bench(folder.path(), &arguments, token);
        let text = String::from_utf8(output.stderr).unwrap();
        let errors: Vec<_> = text.lines().filter(|line| !line.starts_with("- ")).collect();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {text}");
        assert_eq!(errors.len(), 1, "{arguments:?}: {text}");
        assert!(errors[0].starts_with("error: ") && errors[0].contains(says), "{}", errors[0]);
    }
    pms.stop().await;
}

/// Counts that rose fail a run, whether the baseline is counts or a whole run with its times.
#[test]
fn a_baseline_is_held_against_a_run() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = ["--items", "60", "--scenario", "repeat"];
    let with = |more: &[&'static str]| bench(folder.path(), &[&arguments[..], more].concat(), None);
    let first = with(&["--json", "whole.json", "--write-baseline", "counts.json"]);
    assert!(first.status.success(), "{}", String::from_utf8_lossy(&first.stderr));
    let read = |name: &str| -> serde_json::Value {
        serde_json::from_slice(&std::fs::read(folder.path().join(name)).unwrap()).unwrap()
    };
    let write = |name: &str, json: &serde_json::Value| {
        std::fs::write(folder.path().join(name), json.to_string()).unwrap();
    };
    let (mut whole, mut counts) = (read("whole.json"), read("counts.json"));
    whole["scenarios"][0]["wall_ms"] = 1e9.into(); // however slow this machine is just now
    write("whole.json", &whole);
    for name in ["whole.json", "counts.json"] {
        assert!(with(&["--baseline", name]).status.success(), "{name}");
    }
    whole["scenarios"][0]["calls"]["total"] = 0.into();
    for scenario in counts["scenarios"].as_object_mut().unwrap().values_mut() {
        assert_eq!(scenario.get("wall_ms"), None, "times are not committed");
        scenario["calls"] = 0.into();
    }
    for (name, json) in [("whole.json", &whole), ("counts.json", &counts)] {
        write(name, json);
        let output = with(&["--baseline", name]);
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{name}: {text}");
        assert!(text.contains("1 calls, and 0 before"), "{name}: {text}");
    }
}
