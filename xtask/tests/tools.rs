//! The small tools as people start them: what they say, and how they end.

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
        assert!(error.contains(named) && error.contains("say --yes"), "{error}");
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

    // Few files of a new file are looked up, and nobody asks who the server is.
    let stage = Stage::movies(Scale { items: 60, page: 10 }).await.unwrap();
    stage.run(&Selection::All, &stage.present(1)).await.unwrap();
    let path = stage.config().cache.to_str().unwrap().to_owned();
    let (out, _, _) = told(&xtask(&["cache", "stats", &path]));
    assert!(out.contains("server: not asked who it is yet: files were looked up"), "{out}");
}

/// A server that is stopped with the test.
struct Serving(Child);

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts to serve; returns the lines up to the one that says how to stop it.
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
    // A host has folders and paths to try.
    let starting = |start: &str| lines.iter().filter(|line| line.starts_with(start)).count();
    assert_eq!(starting("  folder     /data/"), 3, "{lines:?}");
    assert_eq!(starting("  file       /data/"), 9, "{lines:?}");
    let url = after(&lines, "url");
    let port = url.rsplit(':').next().unwrap();
    let (out, error, code) = told(&xtask(&["serve", "--items", "5", "--port", port]));
    assert_eq!((code, out.as_str()), (Some(1), ""), "nothing is announced that is not there");
    assert!(error.contains(&format!("port {port}")) && error.contains("--port"), "{error}");

    // Two of them are two servers.
    let (_two, others) = serve(&["--items", "20", "--port", "0", "--identity", "cellar"]);
    let (_three, seeded) = serve(&["--items", "20", "--port", "0", "--seed", "2"]);
    let of = [&lines, &others, &seeded].map(|lines| after(lines, "identity").to_owned());
    assert!(of[0] != of[1] && of[1] != of[2] && of[0] != of[2], "{of:?}");
}

/// A file is looked for at the path it names.
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
