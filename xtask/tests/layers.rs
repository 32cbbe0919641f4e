//! The floors of the three crates and of the bench: no import runs up, no modules import each other
//! in a circle, no folder has too many files, and all methods of a type are on the type's own
//! floor.
//!
//! Only `docs/architecture.md` lists the floors. Every `crate::` and `super::` path counts, not
//! only those of `use`. Tests may import anything.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of tests; clippy's own exception covers #[test] functions only"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The most files in one folder.
const CROWDED: usize = 16;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The modules at the root of a crate, floor by floor, the highest first.
type Floors = Vec<BTreeSet<String>>;

/// The sources of a crate: the path below `src`, and the text.
type Sources = BTreeMap<String, String>;

/// Reads the floors from the lines `    crate: a / b, c / d` of the page.
fn floors_of(page: &str, name: &str) -> Floors {
    let head = format!("    {name}: ");
    let line = page.lines().find_map(|line| line.strip_prefix(head.as_str()));
    let line = line.unwrap_or_else(|| panic!("docs/architecture.md has no floors of {name}"));
    line.split(" / ").map(|floor| floor.split(", ").map(str::to_owned).collect()).collect()
}

fn sources_of(folder: &str) -> Sources {
    let folder = root().join(folder);
    let mut sources = Sources::new();
    let mut folders = vec![folder.clone()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let below = path.strip_prefix(&folder).unwrap().to_str().unwrap().to_owned();
                sources.insert(below.replace('\\', "/"), std::fs::read_to_string(&path).unwrap());
            }
        }
    }
    sources
}

/// A crate without its tests, prepared for the checks.
struct House {
    floors: Floors,
    /// Each module's source by its path (`store::apply`), without comments and tests.
    modules: BTreeMap<String, String>,
    /// The names that the root exports, each with its module path.
    shown: BTreeMap<String, String>,
}

/// A path that a module names.
struct Named {
    line: usize,
    /// From the crate's root.
    path: Vec<String>,
}

impl House {
    fn new(floors: Floors, sources: &Sources) -> Self {
        let test_only: BTreeSet<String> =
            sources.iter().flat_map(|(file, text)| test_modules(file, text)).collect();
        let mut modules = BTreeMap::new();
        for (file, text) in sources.iter().filter(|(file, _)| *file != "lib.rs") {
            let module = file.trim_end_matches(".rs").trim_end_matches("/mod").replace('/', "::");
            let inside =
                |test: &String| module == *test || module.starts_with(&format!("{test}::"));
            if !test_only.iter().any(inside) {
                modules.insert(module, code(text));
            }
        }
        let shown = sources.get("lib.rs").map(|text| shown(&code(text))).unwrap_or_default();
        Self { floors, modules, shown }
    }

    /// The module that a path leads to. `None`: an item of the root itself.
    fn module(&self, path: &[String]) -> Option<&str> {
        let [first, rest @ ..] = path else { return None };
        let path = match self.shown.get(first) {
            Some(behind) if rest.is_empty() && !self.is_module(first) => behind.clone(),
            _ => path.join("::"),
        };
        let mut end = path.as_str();
        loop {
            if let Some((module, _)) = self.modules.get_key_value(end) {
                return Some(module);
            }
            end = end.rsplit_once("::")?.0;
        }
    }

    fn is_module(&self, name: &str) -> bool {
        self.modules.contains_key(name)
    }

    /// The number of a module's floor, counted from the top.
    fn floor(&self, module: &str) -> Option<usize> {
        let top = module.split("::").next()?;
        self.floors.iter().position(|floor| floor.contains(top))
    }

    fn problems(&self) -> Vec<String> {
        let mut problems = self.without_floor();
        let mut edges: BTreeMap<&str, BTreeMap<&str, usize>> = BTreeMap::new();
        for (module, text) in &self.modules {
            let file = format!("{}.rs", module.replace("::", "/"));
            for Named { line, path } in named(module, text) {
                let Some(target) = self.module(&path).filter(|target| target != module) else {
                    continue;
                };
                if self.floor(module) > self.floor(target) {
                    problems.push(format!("{file}:{line}: an import runs up, to {target}"));
                }
                let above = module.starts_with(&format!("{target}::"));
                if !above {
                    edges.entry(module).or_default().entry(target).or_insert(line);
                }
            }
        }
        problems.extend(circle(&edges));
        problems.extend(self.foreign_impls());
        problems.extend(self.crowded());
        problems
    }

    fn without_floor(&self) -> Vec<String> {
        let modules = self.modules.keys().filter(|module| self.floor(module).is_none());
        modules.map(|module| format!("{module} is on no floor")).collect()
    }

    /// Inherent `impl`s of types that are defined on another floor.
    fn foreign_impls(&self) -> Vec<String> {
        let mut defined: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (module, text) in &self.modules {
            for line in text.lines() {
                let words = line.trim_start_matches("pub(crate) ").trim_start_matches("pub ");
                let name = words.strip_prefix("struct ").or_else(|| words.strip_prefix("enum "));
                if let Some(name) = name.map(first_word) {
                    defined.entry(name).or_default().insert(module);
                }
            }
        }
        let mut problems = Vec::new();
        for (module, text) in &self.modules {
            for (at, line) in text.lines().enumerate() {
                let Some(name) = inherent_impl(line) else { continue };
                let Some(homes) = defined.get(name) else { continue };
                let at_home = |home: &&str| self.floor(home) == self.floor(module);
                if !homes.iter().any(at_home) {
                    let file = format!("{}.rs", module.replace("::", "/"));
                    problems.push(format!("{file}:{}: methods of {name} of {homes:?}", at + 1));
                }
            }
        }
        problems
    }

    fn crowded(&self) -> Vec<String> {
        let mut folders: BTreeMap<&str, usize> = BTreeMap::new();
        for module in self.modules.keys() {
            let folder = module.rsplit_once("::").map_or("", |(folder, _)| folder);
            *folders.entry(folder).or_default() += 1;
        }
        let crowded = folders.into_iter().filter(|(_, files)| *files > CROWDED);
        crowded.map(|(folder, files)| format!("{files} files in src/{folder}")).collect()
    }
}

/// Modules that a file declares only for tests.
fn test_modules(file: &str, text: &str) -> Vec<String> {
    let own = file.trim_end_matches("lib.rs").trim_end_matches(".rs").replace('/', "::");
    let mut modules = Vec::new();
    let mut lines = text.lines().map(str::trim);
    while let Some(line) = lines.next() {
        if line == "#[cfg(test)]"
            && let Some(name) = lines.next().and_then(|line| line.strip_prefix("mod "))
            && let Some(name) = name.strip_suffix(';')
        {
            modules.push(if own.is_empty() { name.to_owned() } else { format!("{own}::{name}") });
        }
    }
    modules
}

/// The code of a file up to its tests, line for line, without comments.
fn code(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        if line == "#[cfg(test)]" && lines.peek().is_some_and(|next| next.ends_with("mod tests {"))
        {
            break;
        }
        if !line.trim_start().starts_with("//") {
            code.push_str(line);
        }
        code.push('\n');
    }
    code
}

/// The names that the root of a crate exports, and their paths.
fn shown(root: &str) -> BTreeMap<String, String> {
    let mut shown = BTreeMap::new();
    for statement in root.split(';') {
        let Some((_, tree)) = statement.split_once("pub use ") else { continue };
        for mut path in leaves(tree) {
            if path.first().is_some_and(|first| first == "crate") {
                path.remove(0);
            }
            if let Some(name) = path.last() {
                shown.insert(name.clone(), path.join("::"));
            }
        }
    }
    shown
}

/// The paths of a `use` tree (`a::{b, c::d}`).
fn leaves(tree: &str) -> Vec<Vec<String>> {
    let tree = tree.trim();
    let Some((before, group)) = tree.split_once('{') else {
        let path = tree.split(" as ").next().unwrap_or_default().split("::");
        return vec![path.map(|step| step.trim().to_owned()).filter(|s| !s.is_empty()).collect()];
    };
    let before: Vec<String> =
        before.split("::").map(|step| step.trim().to_owned()).filter(|s| !s.is_empty()).collect();
    let group = group.rsplit_once('}').map_or(group, |(inside, _)| inside);
    let mut paths = Vec::new();
    let (mut depth, mut start) = (0, 0);
    let mut pieces = Vec::new();
    for (at, letter) in group.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                pieces.push(&group[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    pieces.push(&group[start..]);
    for piece in pieces.into_iter().filter(|piece| !piece.trim().is_empty()) {
        for mut path in leaves(piece) {
            if path.last().is_some_and(|last| last == "self") {
                path.pop();
            }
            paths.push([before.clone(), path].concat());
        }
    }
    paths
}

/// Every path in a module's code that starts at the crate's root or at a module above.
fn named(module: &str, code: &str) -> Vec<Named> {
    let mut all = Vec::new();
    let own: Vec<String> = module.split("::").map(str::to_owned).collect();
    let bytes = code.as_bytes();
    for start in ["crate::", "super::"] {
        for (at, _) in code.match_indices(start) {
            let before = at.checked_sub(1).map(|at| char::from(bytes[at]));
            if before.is_some_and(|b| b.is_alphanumeric() || b == '_' || b == ':' || b == '$') {
                continue;
            }
            let rest = &code[at..];
            let is_use = {
                let line = code[..at].rfind('\n').map_or(0, |end| end + 1);
                code[line..at].trim_start().ends_with("use ")
            };
            let tree = if is_use { rest.split(';').next().unwrap_or(rest) } else { path_of(rest) };
            for path in leaves(tree) {
                let ups = path.iter().take_while(|step| *step == "super").count();
                let from = if start == "super::" {
                    let Some(left) = own.len().checked_sub(ups) else { continue };
                    [&own[..left], &path[ups..]].concat()
                } else {
                    path[1..].to_vec()
                };
                let line = code[..at].matches('\n').count() + 1;
                all.push(Named { line, path: from });
            }
        }
    }
    all
}

/// The path at the beginning of a text.
fn path_of(text: &str) -> &str {
    let end =
        text.find(|letter: char| !(letter.is_alphanumeric() || letter == '_' || letter == ':'));
    text[..end.unwrap_or(text.len())].trim_end_matches(':')
}

/// The modules of one circle, with the line of each import. Empty if there is no circle.
fn circle(edges: &BTreeMap<&str, BTreeMap<&str, usize>>) -> Vec<String> {
    for start in edges.keys() {
        // The way back to the start, if there is one.
        let mut came_from: BTreeMap<&str, &str> = BTreeMap::new();
        let mut open = vec![*start];
        while let Some(module) = open.pop() {
            for target in edges.get(module).into_iter().flat_map(BTreeMap::keys) {
                if target == start {
                    let mut way = vec![*start, module];
                    let mut at = module;
                    while let Some(before) = came_from.get(at) {
                        way.push(before);
                        at = before;
                    }
                    way.reverse();
                    way.dedup();
                    let steps = way.windows(2).map(|pair| {
                        let line = edges[pair[0]][pair[1]];
                        format!("{}.rs:{line} -> {}", pair[0].replace("::", "/"), pair[1])
                    });
                    return vec![format!("a circle: {}", steps.collect::<Vec<_>>().join(", "))];
                }
                if *target != *start && !came_from.contains_key(target) {
                    came_from.insert(target, module);
                    open.push(target);
                }
            }
        }
    }
    Vec::new()
}

/// The type of an inherent `impl` that begins in this line.
fn inherent_impl(line: &str) -> Option<&str> {
    let rest = line.strip_prefix("impl")?;
    let rest =
        if rest.starts_with('<') { rest.split_once("> ")?.1 } else { rest.strip_prefix(' ')? };
    (!line.contains(" for ")).then(|| first_word(rest))
}

fn first_word(text: &str) -> &str {
    let end = text.find(|letter: char| !(letter.is_alphanumeric() || letter == '_'));
    &text[..end.unwrap_or(text.len())]
}

fn check(name: &str) {
    let page = std::fs::read_to_string(root().join("docs/architecture.md")).unwrap();
    let sources = sources_of(&format!("crates/{name}/src"));
    let problems = House::new(floors_of(&page, name), &sources).problems();
    assert!(problems.is_empty(), "crates/{name}/src:\n{}", problems.join("\n"));
}

#[test]
fn plex_api_keeps_its_floors() {
    check("plex-api");
}

#[test]
fn cache_store_keeps_its_floors() {
    check("cache-store");
}

#[test]
fn match_core_keeps_its_floors() {
    check("match-core");
}

/// The bench is a module of `xtask`. Its layers are checked as if it were a crate.
#[test]
fn the_bench_keeps_its_layers() {
    let page = std::fs::read_to_string(root().join("docs/architecture.md")).unwrap();
    let mut sources = sources_of("xtask/src/bench");
    for text in sources.values_mut() {
        *text = text.replace("crate::bench::", "crate::");
    }
    let problems = House::new(floors_of(&page, "xtask bench"), &sources).problems();
    assert!(problems.is_empty(), "xtask/src/bench:\n{}", problems.join("\n"));
}

/// The problems of a made-up crate with the floors `top / bottom`.
fn problems(sources: &[(&str, &str)]) -> Vec<String> {
    let floors = floors_of("    made-up: top / bottom", "made-up");
    let sources = sources.iter().map(|(file, text)| ((*file).to_owned(), (*text).to_owned()));
    House::new(floors, &sources.collect()).problems()
}

#[test]
fn an_import_that_runs_up_is_found_with_its_line() {
    let down = ("top.rs", "use crate::bottom::{self, Thing};\n");
    assert_eq!(problems(&[down, ("bottom.rs", "pub struct Thing;\n")]), [""; 0]);
    for (text, line) in [
        ("\nuse crate::top::Up;\n", 2),
        ("use std::fmt;\nuse crate::{top::Up};\n", 2),
        ("fn f() {\n    let up = crate::top::up();\n}\n", 2),
        ("use super::top::Up;\n", 1),
        ("use crate::Up;\n", 1),
    ] {
        let found = problems(&[
            ("lib.rs", "pub use top::Up;"),
            ("top.rs", "pub struct Up;"),
            ("bottom.rs", text),
        ]);
        assert_eq!(found, [format!("bottom.rs:{line}: an import runs up, to top")], "{text}");
    }
    // Imports in tests, and names in comments, do not count as imports.
    let tests = "//! [`crate::top`]\n#[cfg(test)]\nmod tests {\n    use crate::top::Up;\n}\n";
    assert_eq!(problems(&[("top.rs", "pub struct Up;"), ("bottom.rs", tests)]), [""; 0]);
}

#[test]
fn a_circle_within_a_floor_is_found() {
    let found = problems(&[
        ("top.rs", "mod a;\nmod b;\n"),
        ("top/a.rs", "use super::b::B;\npub struct A;"),
        ("top/b.rs", "use crate::top::c::C;\npub struct B;"),
        ("top/c.rs", "\nuse super::a::A;\npub struct C;"),
    ]);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with("a circle: ") && found[0].contains("top/c.rs:2"), "{found:?}");
}

#[test]
fn methods_on_another_floor_and_crowds_are_found() {
    let found = problems(&[
        ("top.rs", "use crate::bottom::Thing;\nimpl Thing {\n}\nimpl Default for Thing {}\n"),
        ("bottom.rs", "pub struct Thing;\nimpl<T> Thing {}\n"),
    ]);
    assert_eq!(found, ["top.rs:2: methods of Thing of {\"bottom\"}"]);
    let names: Vec<String> = (0..=CROWDED).map(|number| format!("top/m{number}.rs")).collect();
    let sources: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "")).collect();
    assert_eq!(problems(&sources), [format!("{} files in src/top", CROWDED + 1)]);
    assert_eq!(problems(&[("attic.rs", "")]), ["attic is on no floor"]);
}
