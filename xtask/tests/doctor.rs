//! Runs `cargo xtask doctor` like a user, against a healthy server and with each failure.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests; clippy's own exception covers #[test] functions only"
)]

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use serde_json::Value;
use testbed::generate::{LibraryKind, generate_all};
use testbed::library::{FileFilter, Item, Totals};
use testbed::server::{Fault, FaultRule, Options, Pms, Route};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

struct Seen {
    code: Option<i32>,
    page: String,
    error: String,
}

/// Runs the doctor outside the async threads, because the server has to answer meanwhile.
async fn doctor(url: &str, token: Option<&str>, arguments: &[&str]) -> Seen {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command.args(["doctor", "--server", url]).args(arguments).env_remove("RUST_LOG");
    match token {
        Some(token) => command.env("PLEX_TOKEN", token),
        None => command.env_remove("PLEX_TOKEN"),
    };
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let seen =
        Seen { code: output.status.code(), page: text(output.stdout), error: text(output.stderr) };
    if let Some(token) = token.filter(|token| token.len() > 5) {
        assert!(!seen.page.contains(token) && !seen.error.contains(token), "the token shows");
    }
    seen
}

async fn start() -> Pms {
    let sections =
        [(LibraryKind::Movies, 700), (LibraryKind::Episodes, 90), (LibraryKind::Music, 30)];
    Pms::start(generate_all(5, None, &sections), Options::default()).await.unwrap()
}

/// The words of a page, however its lines are broken.
fn words(page: &str) -> String {
    page.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[track_caller]
fn check_width(page: &str) {
    for line in page.lines() {
        assert!(line.chars().count() <= 80, "{} columns: {line:?}", line.chars().count());
    }
}

/// Creates the files of a section in a folder. They take no space.
fn put_files(pms: &Pms, folder: &Path) {
    let files = pms.edit(|library| {
        let parts = library.sections[0].items().iter().flat_map(Item::parts);
        parts.map(|part| (part.file.clone(), part.size)).collect::<Vec<_>>()
    });
    for (file, size) in files {
        let file = folder.join(file.strip_prefix("/data/movies/").unwrap());
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        File::create(file).unwrap().set_len(size).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_well_is_shown_on_one_page() {
    let pms = start().await;
    let folder = tempfile::Builder::new().prefix("films").tempdir().unwrap();
    put_files(&pms, folder.path());
    File::create(folder.path().join("Holidays.mp4")).unwrap().set_len(7).unwrap();
    let nfo = "<movie><title>What nobody ever filmed</title></movie>";
    fs::write(folder.path().join("Holidays.nfo"), nfo).unwrap();
    let before = pms.edit(|library| format!("{library:?}"));
    let files = folder.path().to_str().unwrap();
    let arguments = ["--files", files, "--sample", "2000"];
    let seen = doctor(pms.url(), Some(pms.token()), &arguments).await;
    assert_eq!(seen.code, Some(0), "{}{}", seen.page, seen.error);
    check_width(&seen.page);
    let identity = pms.edit(|library| library.machine_identifier.clone());
    let text = words(&seen.page);
    for part in [
        "name testbed",
        &identity,
        "Movies movie 700 /data/movies",
        "TV Shows show 90 /data/tv",
        "Music artist 30 /data/music",
        "yes sections have a change counter",
        "yes rows come sorted by their ids",
        "yes several items are read at once, and unknown ones left out",
        "yes the server tells what happens",
        "NO a single file can be looked up: few files are found by title",
        "with a .nfo 1 (read",
        "1 not there, 0 ambiguous",
        "Holidays.mp4: not on the server",
        &format!("{files} is /data/movies on the server"),
        &format!("PathMapping::new(\"{files}\", \"/data/movies\")"),
        "1 call while nothing changed",
    ] {
        assert!(text.contains(part), "no {part:?} in\n{}", seen.page);
    }
    assert_eq!(pms.edit(|library| format!("{library:?}")), before, "a server is only read");

    let seen = doctor(pms.url(), Some(pms.token()), &["--json"]).await;
    let json: Value = serde_json::from_str(&seen.page).unwrap();
    assert_eq!(json["sections"][1]["items"], 90);
    assert_eq!(json["trouble"], Value::Null);
    let pages = json["first_run"]["page_size"].as_u64().unwrap();
    let cost = 2 + 700_u64.div_ceil(pages) + 90_u64.div_ceil(pages) + 1;
    assert_eq!(json["first_run"]["calls"], cost);
    assert!(json["checks"].as_array().unwrap().iter().any(|check| check["holds"] == false));
    let made = json["calls"].as_u64().unwrap();
    assert!(made < 20, "{made} calls to look");
}

/// The predicted cost of a first run is the real cost.
#[tokio::test(flavor = "multi_thread")]
async fn the_first_run_costs_what_was_said() {
    let pms = start().await;
    let seen = doctor(pms.url(), Some(pms.token()), &["--json"]).await;
    let json: Value = serde_json::from_str(&seen.page).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let config = match_core::Config::new(pms.url(), match_core::Token::new(pms.token()));
    let client = match_core::Client::new(config).unwrap();
    let cache = match_core::EngineConfig::new(folder.path().join("x.matchbox"));
    let engine = match_core::Engine::open(client, cache).await.unwrap();
    let asked = pms.edit(|library| testbed::queries::queries(library, 800, 3, "/mnt/elsewhere"));
    let asked = testbed::budget::to_queries(&asked);
    let run = engine.match_files(&match_core::Selection::All, asked).await.unwrap();
    assert_eq!(Some(run.report.calls.total().count), json["first_run"]["calls"].as_u64());
}

#[tokio::test(flavor = "multi_thread")]
async fn assumptions_that_do_not_hold_are_named() {
    let pms = start().await;
    pms.edit(|library| {
        library.quirks.ignored_sorts = &["id"];
        library.quirks.totals = Totals::NotTold;
        library.quirks.file_filter = FileFilter::Exact;
    });
    pms.script(FaultRule::since(Route::Events, 1, Fault::Status(404)));
    let seen = doctor(pms.url(), Some(pms.token()), &["--json"]).await;
    let json: Value = serde_json::from_str(&seen.page).unwrap();
    let holds = |what: &str| {
        let checks = json["checks"].as_array().unwrap();
        let check = checks.iter().find(|check| check["what"] == what);
        check.unwrap_or_else(|| panic!("{what}: {json:#}"))["holds"].as_bool().unwrap()
    };
    assert!(!holds("listings say how many rows there are"));
    assert!(!holds("rows come sorted by their ids"));
    assert!(!holds("the server tells what happens"));
    assert!(holds("a single file can be looked up"));
    assert_eq!(seen.code, Some(0), "this costs more, but is no error");
}

/// The doctor ends with 1, and says what is wrong and what to do.
#[track_caller]
fn check(seen: &Seen, what: &str, advice: &str) {
    assert_eq!(seen.code, Some(1), "{}", seen.page);
    check_width(&seen.page);
    let text = words(&seen.page);
    assert!(
        text.contains(what) && text.contains(advice),
        "no {what:?}, {advice:?} in {}",
        seen.page
    );
    assert!(seen.error.starts_with("error: "), "{}", seen.error);
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_that_are_missing_wrong_or_see_nothing() {
    let pms = start().await;
    let seen = doctor(pms.url(), None, &[]).await;
    check(&seen, "PLEX_TOKEN is not set", "the address of that page ends with X-Plex-Token");
    assert!(seen.page.contains("version"), "the server is shown: {}", seen.page);
    let seen = doctor(pms.url(), Some("wrong-token"), &[]).await;
    check(&seen, "the server does not take this token", "it is wrong, or was signed out");
    pms.script(FaultRule::since(Route::Sections, 1, Fault::Status(403)));
    let seen = doctor(pms.url(), Some(pms.token()), &[]).await;
    check(&seen, "may not see the server's sections", "share libraries with this account");
    pms.clear_faults();
    pms.edit(|library| library.sections.clear());
    let seen = doctor(pms.url(), Some(pms.token()), &[]).await;
    check(&seen, "this token sees no section with files", "a server shows each account what");
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_that_are_wrong() {
    // A port that was free a moment ago.
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let seen = doctor(&format!("http://{free}"), Some("some-token"), &[]).await;
    check(&seen, "no connection", "Plex listens on 32400");
    let seen = doctor("nas", Some("some-token"), &[]).await;
    check(&seen, "\"nas\" is not an address", "correct the address");

    // A page that does not come from a Plex server.
    let pms = start().await;
    let body = b"<html><body>It works!</body></html>";
    let page = Fault::Answer { status: 200, content_type: "text/html", body };
    for (fault, what, advice) in [
        (page, "unreadable answer", "is not a Plex Media Server"),
        (Fault::Status(404), "not found", "is not a Plex Media Server"),
        (Fault::Maintenance, "maintenance", "starts or migrates its database: wait"),
        (Fault::Status(502), "unavailable", "the server behind it does not run"),
    ] {
        pms.set_fault(fault);
        let seen = doctor(pms.url(), Some(pms.token()), &[]).await;
        check(&seen, what, advice);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_for_another_name() {
    let made = rcgen::generate_simple_self_signed(vec!["nas.plex.direct".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            drop(acceptor.accept(socket).await);
        }
    });
    let seen = doctor(&format!("https://127.0.0.1:{port}"), Some("some-token"), &[]).await;
    check(&seen, "no secure connection", "servers have one for *.plex.direct");
}

#[tokio::test(flavor = "multi_thread")]
async fn folders_that_say_nothing() {
    let pms = start().await;
    let empty = tempfile::tempdir().unwrap();
    let files = ["--files", empty.path().to_str().unwrap()];
    let seen = doctor(pms.url(), Some(pms.token()), &files).await;
    check(&seen, "there are no media files below", "name a folder of films, episodes or music");
    let seen = doctor(pms.url(), Some(pms.token()), &["--files", "/no/such"]).await;
    check(&seen, "cannot read the folder /no/such", "that this user may read");
}
