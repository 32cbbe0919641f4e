//! `cargo xtask conformance --live` with the simulated server: what the report says, what it leaves
//! out, and that the library is as before.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests; clippy's own exception covers #[test] functions only"
)]

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Command, Stdio};

use testbed::generate::{LibraryKind, add_movie, generate_all};
use testbed::library::{FileFilter, Library};
use testbed::server::{Fault, FaultRule, Options, Pms, Route};

const TOKEN: &str = "a-token-that-is-not-shown";

struct Said {
    code: Option<i32>,
    out: String,
    error: String,
}

impl Said {
    fn has(&self, text: &str) -> bool {
        let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        words(&self.out).contains(text)
    }
}

async fn start() -> Pms {
    let library = generate_all(5, None, &[(LibraryKind::Movies, 700), (LibraryKind::Music, 30)]);
    let pms = Options { token: TOKEN.to_owned(), ..Options::default() };
    let pms = Pms::start(library, pms).await.unwrap();
    pms.edit(|library| library.quirks.file_filter = FileFilter::Exact);
    pms
}

/// Runs the command. `prompted` is called with each line of the standard error, and returns the
/// text to type.
async fn live(
    pms: &Pms,
    arguments: &[&str],
    mut prompted: impl FnMut(&str) -> Option<&'static str> + Send + 'static,
) -> Said {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command.args(["conformance", "--live", pms.url(), "--section", "Movies"]).args(arguments);
    command.env("PLEX_TOKEN", TOKEN).env_remove("RUST_LOG");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let run = move || {
        let mut child = command.spawn().unwrap();
        let mut typed = child.stdin.take();
        let mut error = String::new();
        for line in BufReader::new(child.stderr.take().unwrap()).lines() {
            let line = line.unwrap();
            match prompted(&line) {
                Some(answer) => writeln!(typed.as_mut().unwrap(), "{answer}").unwrap(),
                None => typed = None,
            }
            error += &(line + "\n");
        }
        let mut out = String::new();
        child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
        Said { code: child.wait().unwrap().code(), out, error }
    };
    tokio::task::spawn_blocking(run).await.unwrap()
}

/// Checks that a report does not contain the token, or any title, path or name of the library.
fn check_private(said: &Said, pms: &Pms) {
    let secrets = pms.edit(|library| {
        let mut secrets = vec![TOKEN.to_owned(), library.machine_identifier.clone()];
        for section in &library.sections {
            secrets.extend(section.locations.iter().map(|(_, path)| path.clone()));
            secrets.push(section.uuid.clone());
            // One-word titles are also words of a report ("Fame").
            let items = section.items().iter();
            let titles = items.map(|item| item.title.clone()).filter(|title| title.len() > 12);
            secrets.extend(titles);
            secrets.extend(section.items().iter().flat_map(|item| {
                item.parts().map(|part| part.file.rsplit('/').next().unwrap().to_owned())
            }));
        }
        secrets
    });
    assert!(secrets.len() > 1_000);
    for secret in secrets {
        assert!(!said.out.contains(&secret), "{secret:?} is in\n{}", said.out);
    }
    assert!(!said.out.contains("Movies") && !said.error.contains(TOKEN), "{}", said.out);
    assert!(!said.out.contains("127.0.0.1"), "{}", said.out);
}

/// Everything that a user sees of a library.
fn seen(library: &Library) -> Vec<String> {
    let items = library.sections.iter().flat_map(testbed::library::Section::items);
    items
        .map(|item| {
            let details = &item.details;
            let (tags, locked) = (&details.tags, &details.locked);
            let tags: Vec<_> = tags.iter().filter(|(_, tags)| !tags.is_empty()).collect();
            let (key, title, media) = (item.rating_key, &item.title, &item.media);
            format!("{key} {title} {media:?} {tags:?} {locked:?} {:?}", item.deleted_at)
        })
        .collect()
}

/// The items that differ from before.
fn changed(before: &[String], pms: &Pms) -> Vec<String> {
    let now = pms.edit(|library| seen(library));
    now.into_iter().filter(|item| !before.contains(item)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_is_asked_and_only_read() {
    let pms = start().await;
    let before = pms.edit(|library| format!("{library:?}"));
    let said = live(&pms, &[], |_| None).await;
    assert_eq!(said.code, Some(0), "{}{}", said.out, said.error);
    for part in [
        "a section of the kind movie",
        "items of the section 700",
        "the token sees the server's own data yes",
        "1000 rows at once 700 came",
        "sorts by updatedAt yes",
        "of them without updatedAt 0",
        "file= with a name: rows 1",
        "file= with a name that no file has: rows 0",
        "guid= with an agent's guid: rows 1",
        "rows come sorted by their ids yes",
    ] {
        assert!(said.has(part), "no {part:?} in\n{}", said.out);
    }
    check_private(&said, &pms);
    let now = pms.edit(|library| format!("{library:?}"));
    assert!(now == before, "a server is only read");
    assert_eq!(pms.requests().count(Route::Edit), 0);
}

/// Which numbers of a step's line in the table moved.
fn moved(said: &Said, step: &str) -> Vec<bool> {
    let line = said.out.lines().rfind(|line| line.trim_start().starts_with(step));
    let line = line.unwrap_or_else(|| panic!("no {step:?} in\n{}", said.out));
    let mut moved = Vec::new();
    for word in line.trim_start().strip_prefix(step).unwrap().split_whitespace() {
        if word == "*" {
            *moved.last_mut().unwrap() = true;
        } else {
            moved.push(false);
        }
    }
    moved.truncate(6);
    moved
}

#[tokio::test(flavor = "multi_thread")]
async fn an_item_is_edited_and_put_back() {
    let pms = std::sync::Arc::new(start().await);
    let key = pms.edit(|library| {
        let key = library.sections[0].items()[7].rating_key;
        library.edit_item(0, key, &[("label[0].tag.tag", "Kept"), ("label.locked", "1")]);
        library.advance(60);
        key
    });
    let before = pms.edit(|library| seen(library));
    let (by_hand, mut added) = (std::sync::Arc::clone(&pms), 0);
    let item = key.to_string();
    let arguments = ["--write", "--item", &item, "--pause", "0"];
    let said = live(&pms, &arguments, move |line| {
        if !line.starts_with("Now ") {
            return Some("");
        }
        by_hand.edit(|library| {
            library.advance(60);
            if line.contains("add the file") {
                added = add_movie(library, 0, "Only For A Moment (2026)").0;
            } else if line.contains("replace that file") {
                let file = library.item_at(0, added).media[0].parts[0].file.clone();
                library.replace_file(0, added, &file, 77);
            } else if line.contains("delete that file") {
                library.trash_item(0, added);
            } else {
                assert!(line.contains("empty the trash"), "{line}");
                library.remove_item(0, added);
            }
        });
        Some("")
    })
    .await;
    assert_eq!(said.code, Some(0), "{}{}", said.out, said.error);
    assert_eq!(changed(&before, &pms), [""; 0], "all is as before");
    assert_eq!(pms.edit(|library| seen(library)).len(), before.len());
    check_private(&said, &pms);
    // Counter, scan, settings, total, collections, the item's updatedAt.
    for (step, expect) in [
        ("nothing", [false; 6]),
        ("a label was added", [false; 6]),
        ("a file was added", [true, true, false, true, false, false]),
        ("the file was replaced", [true, true, false, false, false, false]),
        ("the file was deleted", [false, true, false, false, false, false]),
        ("the trash was emptied", [true, false, false, true, false, false]),
    ] {
        assert_eq!(moved(&said, step), expect, "{step}\n{}", said.out);
    }
    assert!(said.has("the title was edited done"), "{}", said.out);
    assert!(pms.requests().count(Route::Edit) >= 6);

    // If the input ends, the steps for the user are skipped.
    let said = live(&pms, &arguments, |_| None).await;
    assert_eq!(said.code, Some(0), "{}{}", said.out, said.error);
    assert!(!said.out.contains("a file was added"), "{}", said.out);
    assert_eq!(changed(&before, &pms), [""; 0]);
}

/// If the server refuses an edit, the edit is undone anyway.
#[tokio::test(flavor = "multi_thread")]
async fn what_fails_in_the_middle_is_put_back() {
    let pms = start().await;
    let key = pms.edit(|library| library.sections[0].items()[7].rating_key);
    let before = pms.edit(|library| seen(library));
    let item = key.to_string();
    let arguments = ["--write", "--item", &item, "--pause", "0"];
    pms.script(FaultRule::once(Route::Edit, 3, Fault::Status(400)));
    let said = live(&pms, &arguments, |_| None).await;
    assert_eq!(said.code, Some(0), "{}{}", said.out, said.error);
    assert!(said.has("a label was added BadRequest"), "{}", said.out);
    assert_eq!(changed(&before, &pms), [""; 0]);
    // If an edit cannot be undone, the error says so, and everything that was found out before is
    // printed.
    pms.script(FaultRule::once(Route::Edit, 2, Fault::Status(400)));
    let said = live(&pms, &arguments, |_| None).await;
    assert_eq!(said.code, Some(1), "{}", said.out);
    assert!(said.error.contains("NOT PUT BACK: the title was edited"), "{}", said.error);
    assert!(said.has("items of the section 700"), "{}", said.out);
    assert_eq!(changed(&before, &pms).len(), 1);
    let said = live(&pms, &arguments, |_| None).await;
    assert_eq!(said.code, Some(0), "{}{}", said.out, said.error);
    // The next run recognises what was left. It cannot know whether the title was locked before,
    // and an additional lock does no harm.
    let locked = [before[7].replace("{}", "{\"title\"}")];
    assert_eq!(changed(&before, &pms), locked);
    pms.edit(|library| library.edit_item(0, key, &[("title.locked", "0")]));
    // It also recognises what an interrupted run left.
    pms.edit(|library| {
        let title = library.item_at(0, key).title.clone() + " (conformance)";
        library.edit_item(0, key, &[("title.value", &title)]);
        library.edit_item(0, key, &[("label[0].tag.tag", "Matchbox Conformance")]);
    });
    let said = live(&pms, &arguments, |_| None).await;
    assert_eq!(said.code, Some(0), "{}{}", said.out, said.error);
    assert_eq!(changed(&before, &pms), [""; 0]);
    let said = live(&pms, &["--write", "--item", "999999"], |_| None).await;
    assert_eq!(said.code, Some(1), "{}", said.out);
    assert!(said.error.contains("there is no such item"), "{}", said.error);
}
