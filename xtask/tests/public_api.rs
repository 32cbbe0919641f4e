//! Compares the public names of each crate with the committed list. So a review shows every name
//! that appears, disappears or loses a trait.
//!
//! After an intended change, run `UPDATE_PUBLIC_API=1 cargo test -p xtask --test public_api`. It
//! writes `docs/public-api.txt` again. The page `docs/api.md` is kept by hand.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of tests; clippy's own exception covers #[test] functions only"
)]

#[path = "api/surface.rs"]
mod surface;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use surface::{Surface, read_crate};

/// The crates, lowest first.
const CRATES: [&str; 3] = ["plex-api", "cache-store", "match-core"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn surfaces() -> Vec<Surface> {
    CRATES.iter().map(|name| read_crate(name, &root().join("crates").join(name))).collect()
}

#[test]
fn the_public_names_are_the_committed_ones() {
    let lines: Vec<String> = surfaces().iter().flat_map(Surface::lines).collect();
    let list = lines.join("\n") + "\n";
    let file = root().join("docs/public-api.txt");
    if std::env::var_os("UPDATE_PUBLIC_API").is_some() {
        std::fs::write(&file, &list).unwrap();
    }
    let committed = std::fs::read_to_string(&file).unwrap_or_default();
    let (now, then): (BTreeSet<&str>, BTreeSet<&str>) =
        (list.lines().collect(), committed.lines().collect());
    let new: Vec<&&str> = now.difference(&then).collect();
    let gone: Vec<&&str> = then.difference(&now).collect();
    assert!(
        new.is_empty() && gone.is_empty(),
        "the public API changed.\nnew: {new:#?}\ngone: {gone:#?}\nIf this is intended: \
         UPDATE_PUBLIC_API=1 cargo test -p xtask --test public_api, and update docs/api.md"
    );
}

#[test]
fn the_page_names_everything_once() {
    let page = std::fs::read_to_string(root().join("docs/api.md")).unwrap();
    let mut wrong = Vec::new();
    for surface in surfaces() {
        let heading = format!("\n## {}\n", surface.name);
        let section = page.split(&heading).nth(1).unwrap_or_default();
        let section = section.split("\n## ").next().unwrap_or_default();
        let rows = section.lines().filter(|line| line.starts_with('|'));
        let named: Vec<&str> = rows.flat_map(|row| row.split('`').skip(1).step_by(2)).collect();
        for name in surface.own_names() {
            match named.iter().filter(|shown| **shown == name).count() {
                1 => {}
                count => wrong.push(format!("{}::{name} stands {count} times", surface.name)),
            }
        }
        let own: BTreeSet<&str> = surface.own_names().collect();
        let strangers = named.iter().filter(|name| !own.contains(*name));
        wrong.extend(strangers.map(|name| format!("{}::{name} is not public", surface.name)));
    }
    assert!(wrong.is_empty(), "docs/api.md: {wrong:#?}");
}

#[test]
fn every_public_type_can_be_printed() {
    let mut silent = Vec::new();
    for surface in surfaces() {
        silent
            .extend(surface.types_without("Debug").map(|name| format!("{}::{name}", surface.name)));
    }
    assert!(silent.is_empty(), "without Debug: {silent:?}");
}

/// Tests the reader itself, with made-up sources.
#[test]
fn names_are_followed_through_modules() {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("src");
    std::fs::create_dir_all(source.join("inner")).unwrap();
    let write = |name: &str, text: &str| std::fs::write(source.join(name), text).unwrap();
    write(
        "lib.rs",
        "mod inner; pub use inner::{One, two as deux}; pub use other::Three; #[doc(hidden)] pub use inner::Four;",
    );
    write(
        "inner.rs",
        "mod deep; pub use deep::One; pub fn two() {} pub struct Four; pub(crate) struct Hidden; #[cfg(test)] mod tests;",
    );
    write(
        "inner/deep.rs",
        "#[derive(Clone)] pub struct One { pub field: u8, private: u8 }
         impl One { pub fn get(&self) {} fn secret(&self) {} }
         impl Drop for One { fn drop(&mut self) {} }
         pub enum Unused { A }",
    );
    let surface = read_crate("made-up", folder.path());
    let lines: Vec<String> = surface.lines().collect();
    let expected = [
        "made_up::Four: hidden",
        "made_up::One: struct [Clone, Drop]",
        "made_up::One.field",
        "made_up::One::get()",
        "made_up::Three = other::Three",
        "made_up::deux: fn",
    ];
    assert_eq!(lines, expected);
    assert_eq!(surface.types_without("Debug").collect::<Vec<_>>(), ["One"]);
}

/// A host may drop any future, for example by a time-out. Each async function says what that costs.
#[test]
fn every_async_function_of_the_engine_says_what_dropping_it_costs() {
    let source = root().join("crates/match-core/src");
    let mut silent = Vec::new();
    let mut count = 0;
    let mut folders = vec![source];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            let lines: Vec<&str> = text.lines().map(str::trim_start).collect();
            for (at, line) in lines.iter().enumerate() {
                let Some(name) = line.strip_prefix("pub async fn ") else { continue };
                count += 1;
                let docs = lines[..at].iter().rev();
                let docs =
                    docs.take_while(|line| line.starts_with("///") || line.starts_with("#["));
                if !docs.into_iter().any(|line| line.contains("ropp")) {
                    silent.push(name.split(['(', '<']).next().unwrap().to_owned());
                }
            }
        }
    }
    assert!(count > 10, "{count} functions were read");
    assert!(silent.is_empty(), "these say nothing about dropping: {silent:?}");
}
