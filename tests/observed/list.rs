//! Compares the list in the document with the code.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Every span and event of the three crates as (name, level), and every number as (name, kind), read
/// from the source.
fn in_code() -> BTreeSet<(String, String)> {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates");
    let mut found = BTreeSet::new();
    for name in ["plex-api", "cache-store", "match-core"] {
        visit(&crates.join(name).join("src"), &mut found);
    }
    found
}

fn visit(folder: &Path, found: &mut BTreeSet<(String, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            visit(&path, found);
        } else {
            scan(&fs::read_to_string(&path).unwrap(), found);
        }
    }
}

fn scan(source: &str, found: &mut BTreeSet<(String, String)>) {
    for kind in ["counter", "gauge", "histogram"] {
        for described in source.split(&format!("describe_{kind}!(")).skip(1) {
            let name = described.split('"').nth(1).unwrap();
            found.insert((name.to_owned(), kind.to_owned()));
        }
    }
    for level in ["trace", "debug", "info", "warn", "error"] {
        for (call, is_span) in [(format!("{level}!("), false), (format!("{level}_span!("), true)] {
            for (at, _) in source.match_indices(&call) {
                let begins = source[..at].chars().next_back();
                if begins.is_some_and(|before| before.is_alphanumeric() || before == '_') {
                    continue;
                }
                let arguments = arguments(&source[at + call.len()..]);
                let mut texts = arguments.split('"').skip(1).step_by(2);
                // A span's name comes first, an event's message last.
                let text = if is_span { texts.next() } else { texts.last() };
                let text = text.unwrap_or_else(|| panic!("{call} without a text: {arguments}"));
                found.insert((text.to_owned(), level.to_owned()));
            }
        }
    }
}

/// The arguments up to the parenthesis that closes the call.
fn arguments(rest: &str) -> &str {
    let mut depth = 1;
    for (at, character) in rest.char_indices() {
        match character {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return &rest[..at];
        }
    }
    panic!("a call that does not end: {rest}");
}

fn in_document() -> BTreeSet<(String, String)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/observability.md");
    let text = fs::read_to_string(path).unwrap();
    let rows = text.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.map(|row| {
        let mut cells = row.split(" | ");
        let name = cells.next().unwrap().trim_end_matches('`');
        (name.to_owned(), cells.next().unwrap().to_owned())
    })
    .collect()
}

#[test]
fn the_document_lists_every_span_and_event_with_its_level() {
    let (code, document) = (in_code(), in_document());
    let missing: Vec<_> = code.difference(&document).collect();
    assert!(missing.is_empty(), "not in docs/observability.md: {missing:?}");
    let gone: Vec<_> = document.difference(&code).collect();
    assert!(gone.is_empty(), "in docs/observability.md, and no longer in the code: {gone:?}");
    assert!(code.len() > 15, "the source was not read: {code:?}");
}
