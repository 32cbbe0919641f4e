//! Runs the small tools as a user does, and checks their output and exit code.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests; clippy's own exception covers #[test] functions only"
)]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use match_core::Selection;
use testbed::budget::{Scale, Stage};
use testbed::shared::{Hosts, ask_all};

fn xtask(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command.args(arguments).env_remove("RUST_LOG").stdin(Stdio::null()).output().unwrap()
}

/// Output, error text and code.
fn told(output: &Output) -> (String, String, Option<i32>) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (text(&output.stdout), text(&output.stderr), output.status.code())
}

#[test]
fn a_payload_that_nobody_can_read_is_not_well() {
    let folder = tempfile::tempdir().unwrap();
    let put = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    let run = || told(&xtask(&["conformance", "--payloads", folder.path().to_str().unwrap()]));
    put("good.json", r#"{"MediaContainer": {"size": 0}}"#);
    let (out, _, code) = run();
    assert_eq!(code, Some(0), "{out}");
    assert!(out.contains("1 payloads, 0 failed, 0 unreadable"), "{out}");
    put("cut.json", r#"{"MediaContainer": {"size": 1, "Metadata": [{"#);
    put("page.xml", "<html><body>502 Bad Gateway</body></html>");
    let (out, error, code) = run();
    assert_eq!(code, Some(1), "{out}");
    assert!(out.contains("3 payloads, 0 failed, 2 unreadable"), "{out}");
    for name in ["cut.json", "page.xml"] {
        let line = out.lines().find(|line| line.contains(name)).unwrap();
        assert!(line.contains("UNREADABLE"), "{line}");
        assert!(error.contains(name), "{error}");
    }
}

async fn cache() -> (Stage, String) {
    let stage = Stage::movies(Scale { items: 60, page: 500 }).await.unwrap();
    stage.run(&Selection::All, &stage.present(60)).await.unwrap();
    let path = stage.config().cache.to_str().unwrap().to_owned();
    (stage, path)
}

#[tokio::test]
async fn clearing_asks_and_does_not_guess() {
    let (stage, path) = cache().await;
    let before = stage.digest().unwrap();
    for (what, named) in [
        (&[][..], "all (60 items)"),
        (&["--matches"], "the remembered matches"),
        (&["--section", "Movies"], "section \"Movies\""),
        (&["--section", "Movies", "--item", "7"], "item 7"),
        (&["--server"], "which server it belongs to"),
    ] {
        let arguments = [&["cache", "clear", &path], what].concat();
        let (_, error, code) = told(&xtask(&arguments));
        assert_eq!(code, Some(1), "{error}");
        assert!(error.contains(named) && error.contains("use --yes"), "{error}");
    }
    assert_eq!(stage.digest().unwrap(), before, "nothing was cleared");
    let (out, error, code) = told(&xtask(&["cache", "clear", &path, "--yes"]));
    assert_eq!(code, Some(0), "{error}");
    assert!(out.contains("60"), "{out}");
    assert_ne!(stage.digest().unwrap(), before);
}

#[tokio::test]
async fn stats_say_whose_the_file_is_or_why_that_is_not_known() {
    let (stage, path) = cache().await;
    let (out, _, _) = told(&xtask(&["cache", "stats", &path]));
    let identity = stage.pms.edit(|library| library.machine_identifier.clone());
    assert!(out.contains(&format!("server: {identity}")), "{out}");

    // Few files are looked up in a new cache file, so nobody asks for the server's identity.
    let stage = Stage::movies(Scale { items: 60, page: 10 }).await.unwrap();
    stage.run(&Selection::All, &stage.present(1)).await.unwrap();
    let path = stage.config().cache.to_str().unwrap().to_owned();
    let (out, _, _) = told(&xtask(&["cache", "stats", &path]));
    assert!(out.contains("server: not known yet: files were looked up"), "{out}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_machines_share_is_counted_and_cleared() {
    let scale = Scale { items: 60, page: 500 };
    let Some(hosts) = Hosts::start(scale, &[]).await.unwrap() else { return };
    let asked = hosts.stage.present(20);
    ask_all(&hosts.engines(0..2).await.unwrap(), &asked).await.unwrap();
    let mut redis = hosts.valkey.client().unwrap();
    let () = redis::cmd("SET").arg("somebody:else").arg(1).query(&mut redis).unwrap();
    let url = hosts.valkey.url();
    let shared = |arguments: &[&str]| told(&xtask(&[&["cache", "shared"], arguments].concat()));
    let uuid = hosts.stage.pms.edit(|library| library.sections[0].uuid.clone());

    let (out, error, code) = shared(&["stats", &url]);
    assert_eq!(code, Some(0), "{error}");
    let row = out.lines().find(|line| line.contains(&uuid)).unwrap();
    let numbers: Vec<&str> = row.split_whitespace().skip(1).collect();
    // A head and a chunk. They expire after seven days.
    assert_eq!(numbers[..3], ["2", "1", "0"], "{out}");
    let expires: u64 = numbers[4].replace(',', "").parse().unwrap();
    assert!((604_000..=604_800).contains(&expires), "{out}");
    let (out, ..) = shared(&["stats", &url, "--json"]);
    let json: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(json["tags"].as_array().unwrap().len(), 2, "the probe, and the section: {out}");
    let (out, ..) = shared(&["stats", &url, "--prefix", "other:"]);
    assert!(!out.contains(&uuid), "{out}");

    // Without a terminal, the user cannot be asked. So nothing is cleared.
    let (_, error, code) = shared(&["clear", &url]);
    assert_eq!(code, Some(1));
    assert!(error.contains("matchbox:") && error.contains("use --yes"), "{error}");
    let (out, error, _) = shared(&["clear", &url, "--section", &uuid, "--yes", "--json"]);
    assert_eq!(out.trim().replace([' ', '\n'], ""), "{\"keys\":2}", "{error}");
    let (out, error, _) = shared(&["clear", &url, "--yes"]);
    assert!(out.contains('1'), "the probe: {out}{error}");
    let left: Vec<String> = redis::cmd("KEYS").arg("*").query(&mut redis).unwrap();
    assert_eq!(left, ["somebody:else"]);

    // The engine does not exist. The password is in no message.
    let nobody = format!("redis://me:hunter2@127.0.0.1:{}", testbed::valkey::free_port().unwrap());
    for arguments in [["stats", &nobody], ["stats", "http://me:hunter2@nas"], ["stats", "-"]] {
        let (out, error, code) = shared(&arguments);
        assert_eq!(code, Some(1), "{out}{error}");
        assert!(!error.contains("hunter2") && !error.contains("panicked"), "{error}");
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    let command = command.args(["cache", "shared", "stats", "-"]).env("MATCHBOX_TIER_URL", &url);
    assert!(command.output().unwrap().status.success());
}

/// A server that stops when the test ends.
struct Serving(Child);

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts to serve. Returns the lines up to the one that says how to stop it.
fn serve(arguments: &[&str]) -> (Serving, Vec<String>) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command.arg("serve").args(arguments).env_remove("RUST_LOG").stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let out = BufReader::new(child.stdout.take().unwrap());
    let lines = out.lines().map(Result::unwrap);
    let lines = lines.take_while(|line| line != "Interrupt to stop.").collect();
    (Serving(child), lines)
}

fn after<'a>(lines: &'a [String], name: &str) -> &'a str {
    lines.iter().find_map(|line| line.strip_prefix(name)).unwrap().trim()
}

#[test]
fn serving_announces_what_is_there_and_names_a_port_that_is_taken() {
    let kinds = ["--items", "20", "--shows", "2", "--artists", "3"];
    let (_one, lines) = serve(&[&kinds[..], &["--port", "0", "--identity", "attic"]].concat());
    let sections: Vec<&String> = lines.iter().filter(|l| l.starts_with("section")).collect();
    assert_eq!(sections.len(), 3, "{lines:?}");
    for (line, part) in sections.iter().zip(["Movies  (20", "TV Shows  (60", "Music  (90"]) {
        assert!(line.contains(part), "{line}");
    }
    // A host gets folders and paths to try.
    let starting = |start: &str| lines.iter().filter(|line| line.starts_with(start)).count();
    assert_eq!(starting("  folder     /data/"), 3, "{lines:?}");
    assert_eq!(starting("  file       /data/"), 9, "{lines:?}");
    let url = after(&lines, "url");
    let port = url.rsplit(':').next().unwrap();
    let (out, error, code) = told(&xtask(&["serve", "--items", "5", "--port", port]));
    assert_eq!((code, out.as_str()), (Some(1), ""), "no address is printed");
    assert!(error.contains(&format!("port {port}")) && error.contains("--port"), "{error}");

    // Two of them are two different servers.
    let (_two, others) = serve(&["--items", "20", "--port", "0", "--identity", "cellar"]);
    let (_three, seeded) = serve(&["--items", "20", "--port", "0", "--seed", "2"]);
    let of = [&lines, &others, &seeded].map(|lines| after(lines, "identity").to_owned());
    assert!(of[0] != of[1] && of[1] != of[2] && of[0] != of[2], "{of:?}");
}

/// A missing file is an error that names its path.
#[test]
fn a_cache_that_is_not_there_is_named() {
    let path = Path::new("/no/such.matchbox").to_str().unwrap();
    for arguments in [
        &["cache", "stats", path][..],
        &["cache", "clear", path, "--yes"],
        &["explain", "--cache", path, "--section", "Movies", "/a.mkv"],
    ] {
        let (_, error, code) = told(&xtask(arguments));
        assert_eq!(code, Some(1), "{error}");
        assert!(error.contains(path) && error.lines().count() == 1, "{error}");
    }
}
