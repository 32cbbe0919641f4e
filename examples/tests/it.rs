//! Runs every example as a program, with the simulated server and real files.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of tests; clippy's own exception covers #[test] functions only"
)]

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;
use testbed::generate::{LibraryKind, generate_all};
use testbed::library::Section;
use testbed::server::{Fault, Options, Pms};
use testbed::valkey::Valkey;

/// A server, and a folder with the server's files, which is also the working folder.
struct Stage {
    pms: Pms,
    folder: TempDir,
}

impl Stage {
    async fn start(sections: &[(LibraryKind, usize)]) -> Self {
        let library = generate_all(7, None, sections);
        let folder = tempfile::tempdir().unwrap();
        for item in library.sections.iter().flat_map(Section::items) {
            for part in item.parts() {
                let file = folder.path().join("media").join(part.file.trim_start_matches('/'));
                fs::create_dir_all(file.parent().unwrap()).unwrap();
                File::create(file).unwrap().set_len(part.size).unwrap(); // takes no space
            }
        }
        let pms = Pms::start(library, Options::default()).await.unwrap();
        Self { pms, folder }
    }

    fn media(&self) -> PathBuf {
        self.folder.path().join("media")
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.folder.path()).env("PLEX_TOKEN", self.pms.token()).args([
            "--url",
            self.pms.url(),
            "--cache",
            "host.matchbox",
        ]);
        command
    }

    /// Runs a program to its end. It runs off the async threads, because the server must answer.
    async fn run(&self, program: &str, arguments: &[&str]) -> Ended {
        let mut command = self.command(program);
        command.args(arguments);
        finish(command).await
    }
}

/// How a program ended.
struct Ended {
    code: Option<i32>,
    out: String,
    err: String,
}

async fn finish(mut command: Command) -> Ended {
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let Output { status, stdout, stderr } = output;
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ended { code: status.code(), out: text(stdout), err: text(stderr) }
}

impl Ended {
    #[track_caller]
    fn well(self) -> String {
        assert_eq!(self.code, Some(0), "{}{}", self.out, self.err);
        self.out
    }

    /// Checks that the program ended with this code and one line with the reason.
    #[track_caller]
    fn badly(self, code: i32, why: &str) {
        assert_eq!(self.code, Some(code), "{}{}", self.out, self.err);
        assert!(self.err.contains(why), "{}", self.err);
        assert!(self.err.starts_with("error: "), "{}", self.err);
        assert_eq!(self.err.trim_end().lines().count(), 1, "{}", self.err);
    }
}

const SYNC: &str = env!("CARGO_BIN_EXE_sync");
const BLOCKING: &str = env!("CARGO_BIN_EXE_blocking");
const TV: &str = env!("CARGO_BIN_EXE_tv");
const NFO: &str = env!("CARGO_BIN_EXE_nfo");
const DAEMON: &str = env!("CARGO_BIN_EXE_daemon");
const WORKER: &str = env!("CARGO_BIN_EXE_worker");

#[tokio::test]
async fn sync_shows_then_writes_then_has_nothing_to_do() {
    let stage = Stage::start(&[(LibraryKind::Movies, 40)]).await;
    let file = stage.pms.edit(|library| {
        let item = library.sections[0].items()[3].clone();
        item.parts().next().unwrap().file.clone()
    });
    let line = serde_json::json!({
        "path": stage.media().join(file.trim_start_matches('/')),
        "metadata": {"summary": "A social climber in London.", "genre": ["Drama"]},
    });
    fs::write(stage.folder.path().join("files.jsonl"), format!("{line}\n\n")).unwrap();
    let shown = stage.run(SYNC, &["files.jsonl"]).await.well();
    assert!(shown.contains("PUT item") && shown.contains("1 not tried (dry run)"), "{shown}");
    let written = stage.run(SYNC, &["files.jsonl", "--write"]).await.well();
    assert!(written.contains("1 changes: 1 done"), "{written}");
    let before = stage.pms.requests().total();
    let again = stage.run(SYNC, &["files.jsonl", "--write"]).await.well();
    assert!(again.contains("1 changes: 0 done, 1 unchanged"), "{again}");
    // A new process asks for the stamps (the edit changed them, so none is fresh), and verifies.
    assert!(stage.pms.requests().total() - before <= 3, "{again}");
}

#[tokio::test]
async fn what_is_wrong_is_one_line_and_a_number() {
    let stage = Stage::start(&[(LibraryKind::Movies, 10)]).await;
    let lines = "{\"path\": \"/a.mkv\", \"metadata\": {}}\n{\"path\": 7, \"metadata\": {}}\n";
    fs::write(stage.folder.path().join("bad.jsonl"), lines).unwrap();
    stage.run(SYNC, &["bad.jsonl"]).await.badly(1, "bad.jsonl, line 2");
    stage.run(SYNC, &["none.jsonl"]).await.badly(1, "none.jsonl: No such file");
    let line = "{\"path\": \"/a.mkv\", \"metadata\": {\"titel\": \"x\"}}\n";
    fs::write(stage.folder.path().join("ok.jsonl"), line.replace("titel", "title")).unwrap();
    stage.run(BLOCKING, &["/no/such.mkv"]).await.badly(1, "/no/such.mkv: No such file");
    for program in [TV, NFO] {
        stage.run(program, &["/no/such"]).await.badly(1, "folder /no/such: No such file");
    }
    stage.run(DAEMON, &["/no/such"]).await.badly(1, "folder /no/such: No such file");

    // No token, a wrong token, and no server.
    let media = stage.media().to_str().unwrap().to_owned();
    let mut command = stage.command(TV);
    command.arg(&media).env_remove("PLEX_TOKEN");
    finish(command).await.badly(1, "PLEX_TOKEN is not set");
    let episode = stage.pms.edit(|library| {
        let item = library.sections[0].items()[0].clone();
        item.parts().next().unwrap().file.clone()
    });
    let file = stage.media().join(episode.trim_start_matches('/'));
    let file = file.to_str().unwrap();
    let lines = stage.folder.path().join("ok.jsonl");
    let mut command = stage.command(DAEMON);
    command.arg(&media).env("PLEX_TOKEN", "wrong");
    finish(command).await.badly(1, "check the token");
    let elsewhere = tempfile::tempdir().unwrap(); // without a cache, which could answer
    for (program, argument) in
        [(SYNC, lines.to_str().unwrap()), (BLOCKING, file), (TV, &media), (NFO, &media)]
    {
        let mut command = stage.command(program);
        command.arg(argument).env("PLEX_TOKEN", "wrong");
        finish(command).await.badly(1, "check the token");
        let mut command = stage.command(program);
        command.arg(argument).current_dir(elsewhere.path());
        stage.pms.set_fault(Fault::Outage);
        finish(command).await.badly(3, "check the address and that the server runs");
        stage.pms.clear_faults();
        let help = stage.run(program, &["--help"]).await.well();
        assert!(help.contains("--url") && help.contains("PLEX_TOKEN"), "{help}");
        let unknown = stage.run(program, &["--nonsense"]).await;
        assert_eq!(unknown.code, Some(2), "{}", unknown.err);
    }
}

#[tokio::test]
async fn blocking_answers_as_well() {
    let stage = Stage::start(&[(LibraryKind::Movies, 40)]).await;
    let files = stage.pms.edit(|library| {
        let items = library.sections[0].items().iter().take(5);
        items.map(|item| item.parts().next().unwrap().file.clone()).collect::<Vec<_>>()
    });
    let files: Vec<PathBuf> =
        files.iter().map(|file| stage.media().join(file.trim_start_matches('/'))).collect();
    let files: Vec<&str> = files.iter().map(|file| file.to_str().unwrap()).collect();
    let out = stage.run(BLOCKING, &files).await.well();
    assert_eq!(out.matches(", with high confidence: ").count(), 5, "{out}");
}

#[tokio::test]
async fn tv_names_episodes_files_of_several_and_versions() {
    let stage = Stage::start(&[(LibraryKind::Movies, 30), (LibraryKind::Episodes, 90)]).await;
    // A second version of the first episode, beside it.
    let (version, several) = stage.pms.edit(|library| {
        let section = &library.sections[1];
        let mut item = section.items()[0].clone();
        let mut media = item.media[0].clone();
        media.parts[0].file = media.parts[0].file.replace(".mkv", " - 720p.mkv");
        media.parts[0].size += 1;
        let files = section.items().iter().map(|item| &item.media[0].parts[0].file);
        let distinct: std::collections::BTreeSet<_> = files.clone().collect();
        let several = files.count() - distinct.len();
        item.media.push(media.clone());
        let key = item.rating_key;
        library.remove_item(1, key);
        library.put_item(1, item);
        (media.parts[0].clone(), several)
    });
    assert!(several > 0, "the library has files with two episodes");
    let file = stage.media().join(version.file.trim_start_matches('/'));
    File::create(file).unwrap().set_len(version.size).unwrap();
    let folder = stage.media().join("data/tv");
    let out = stage.run(TV, &[folder.to_str().unwrap()]).await.well();
    assert_eq!(out.matches("2 episodes in ").count(), several, "{out}");
    assert_eq!(out.matches(", in 2 versions").count(), 1, "{out}");
    assert!(out.contains(&format!("{} files, 90 episodes, 3 calls", 91 - several)), "{out}");
    assert!(out.contains(" S01E01 "), "{out}");
}

#[tokio::test]
async fn nfo_files_go_into_plex_dry_first() {
    let stage = Stage::start(&[(LibraryKind::Movies, 20)]).await;
    let files = stage.pms.edit(|library| {
        let items = library.sections[0].items().iter().take(3);
        items.map(|item| item.parts().next().unwrap().file.clone()).collect::<Vec<_>>()
    });
    for (at, file) in files.iter().enumerate() {
        let file = stage.media().join(file.trim_start_matches('/')).with_extension("nfo");
        let text = format!("<movie><plot>Plot &amp; {at}</plot><genre>Noir</genre></movie>");
        fs::write(file, text).unwrap();
    }
    let media = stage.media();
    let folder = media.to_str().unwrap();
    let shown = stage.run(NFO, &[folder]).await.well();
    assert_eq!(shown.matches("PUT item").count(), 3, "{shown}");
    assert!(shown.contains("3 items: 0 done, 0 unchanged, 0 failed, 3 not tried (dry run)"));
    let plots = || {
        stage.pms.edit(|library| {
            let items = library.sections[0].items();
            items.iter().filter(|item| item.summary.starts_with("Plot & ")).count()
        })
    };
    assert_eq!(plots(), 0, "nothing was sent");
    let written = stage.run(NFO, &[folder, "--write"]).await.well();
    assert!(written.contains("3 items: 3 done"), "{written}");
    assert_eq!(plots(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn eight_workers_cost_the_server_as_one() {
    let stage = Stage::start(&[(LibraryKind::Movies, 200)]).await;
    let media = stage.media();
    let mut alone = stage.command(WORKER);
    alone.arg(&media).args(["--worker", "3", "--of", "2"]);
    finish(alone).await.badly(1, "there is no worker 3 of 2");
    let mut alone = stage.command(WORKER);
    alone.arg(&media).env_remove("TIER_URL");
    finish(alone).await.badly(1, "TIER_URL is not set");

    let Some(engine) = Valkey::start(&[]).unwrap() else { return };
    let machine = stage.pms.edit(|library| library.machine_identifier.clone());
    let workers = (1..=8).map(|number| {
        let mut command = stage.command(WORKER);
        // A cache file of its own, each.
        let folder = stage.folder.path().join(format!("worker-{number}"));
        fs::create_dir(&folder).unwrap();
        command.arg(&media).current_dir(folder);
        command.args(["--of", "8", "--machine", &machine]).env("WORKER", number.to_string());
        command.env("TIER_URL", engine.url()).env("TIER_SECRET", "known to all");
        finish(command)
    });
    let files = count_files(&media);
    let mut found = 0;
    for ended in futures::future::join_all(workers).await {
        let out = ended.well();
        let line = out.lines().find(|line| line.contains("files found")).unwrap().to_owned();
        let (_, count) = line.split_once(": ").unwrap();
        found += count.split_once(' ').unwrap().0.parse::<usize>().unwrap();
    }
    assert_eq!(found, files);
    assert_eq!(stage.pms.requests().total(), 3, "the sections, one page, and the identity");
}

/// The output of a process, read line by line.
struct Lines(BufReader<std::process::ChildStdout>);

impl Lines {
    fn until(&mut self, wanted: &str) -> String {
        let mut seen = String::new();
        loop {
            let mut line = String::new();
            let read = self.0.read_line(&mut line).unwrap();
            assert_ne!(read, 0, "it ended before {wanted:?}: {seen}");
            if line.contains(wanted) {
                return line;
            }
            seen.push_str(&line);
        }
    }
}

fn numbers(address: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(b"GET /metrics HTTP/1.1\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_lives_through_an_outage_and_ends_when_it_is_told() {
    let stage = Stage::start(&[(LibraryKind::Movies, 20)]).await;
    let mut command = stage.command(DAEMON);
    let options = ["--every", "0.2", "--freshness", "0", "--metrics", "127.0.0.1:0"];
    command.arg(stage.media()).args(options).stdout(Stdio::piped());
    let mut daemon = command.spawn().unwrap();
    let mut lines = Lines(BufReader::new(daemon.stdout.take().unwrap()));
    let address = lines.until("numbers at http://");
    let address = address.trim().strip_prefix("numbers at http://").unwrap();
    let address = address.strip_suffix("/metrics").unwrap().to_owned();
    lines.until("a new cache was started");
    let files = count_files(&stage.media());
    let first = lines.until("files found");
    assert!(first.starts_with(&format!("{files} of {files} files found, ")), "{first}");
    stage.pms.set_fault(Fault::Outage);
    stage.pms.drop_listeners();
    let outage = lines.until("outage: ");
    assert!(outage.contains(&format!("{files} of {files} files were found ")), "{outage}");
    stage.pms.clear_faults();
    let text = numbers(&address);
    for part in [
        "matchbox_calls_total{endpoint=\"page\"} 1",
        "# TYPE matchbox_calls_saved gauge",
        "matchbox_cache_bytes ",
        "matchbox_lookups_total{layer=\"remembered\"}",
        "matchbox_phase_duration_seconds",
        "# HELP matchbox_answers_total Answers by kind",
    ] {
        assert!(text.contains(part), "no {part} in {text}");
    }
    let outages = text.lines().find_map(|line| line.strip_prefix("matchbox_outages_total "));
    assert!(outages.unwrap().parse::<u64>().unwrap() >= 1, "{text}");
    let told = Command::new("kill").arg(daemon.id().to_string()).status().unwrap();
    assert!(told.success());
    lines.until("closed");
    assert_eq!(daemon.wait().unwrap().code(), Some(0));
    // The cache was closed, and another program can open it.
    let mut command = stage.command(BLOCKING);
    command.arg(stage.media().join("nothing.mkv"));
    finish(command).await.badly(1, "nothing.mkv");
}

fn count_files(folder: &Path) -> usize {
    let mut count = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        count += if path.is_dir() { count_files(&path) } else { 1 };
    }
    count
}
