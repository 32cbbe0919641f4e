//! Reads the public names of a crate from its sources. `rustdoc` would tell more, but its JSON
//! needs a nightly compiler.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use syn::{Attribute, Fields, ImplItem, Item, Type, UseTree, Visibility};

/// The public names of a crate.
pub(crate) struct Surface {
    /// The crate's name, as Cargo has it.
    pub(crate) name: String,
    shown: BTreeMap<String, Shown>,
}

/// One name that the crate's root exports.
enum Shown {
    /// Defined in this crate, with its kind, members and traits.
    Own { kind: &'static str, members: BTreeSet<String>, traits: BTreeSet<String> },
    /// From another crate.
    Foreign(String),
    /// For a sister crate and not for a host (`#[doc(hidden)]`).
    Hidden,
}

impl Surface {
    /// One line for each name and member, sorted within a name.
    pub(crate) fn lines(&self) -> impl Iterator<Item = String> {
        let krate = self.name.replace('-', "_");
        self.shown.iter().flat_map(move |(name, shown)| {
            let full = format!("{krate}::{name}");
            match shown {
                Shown::Foreign(path) => vec![format!("{full} = {path}")],
                Shown::Hidden => vec![format!("{full}: hidden")],
                Shown::Own { kind, members, traits } => {
                    let traits: Vec<&str> = traits.iter().map(String::as_str).collect();
                    let traits = match traits.join(", ") {
                        none if none.is_empty() => none,
                        some => format!(" [{some}]"),
                    };
                    let first = format!("{full}: {kind}{traits}");
                    std::iter::once(first)
                        .chain(members.iter().map(|member| format!("{full}{member}")))
                        .collect()
                }
            }
        })
    }

    /// The names that are defined in this crate.
    pub(crate) fn own_names(&self) -> impl Iterator<Item = &str> {
        let own = self.shown.iter().filter(|(_, shown)| matches!(shown, Shown::Own { .. }));
        own.map(|(name, _)| name.as_str())
    }

    /// Structs and enums of this crate that do not implement a trait.
    pub(crate) fn types_without<'s>(&'s self, wanted: &'s str) -> impl Iterator<Item = &'s str> {
        self.shown.iter().filter_map(move |(name, shown)| match shown {
            Shown::Own { kind: "struct" | "enum", traits, .. } if !traits.contains(wanted) => {
                Some(name.as_str())
            }
            _ => None,
        })
    }
}

/// A module's own items, by the path below the crate's root.
type Modules = BTreeMap<Vec<String>, Vec<Item>>;

/// Reads a crate whose `src/lib.rs` is in a folder.
pub(crate) fn read_crate(name: &str, folder: &Path) -> Surface {
    let mut modules = Modules::new();
    let source = folder.join("src");
    read_module(&source.join("lib.rs"), &source, Vec::new(), &mut modules);
    let mut shown = BTreeMap::new();
    show_module(&modules, &[], "", &mut shown);
    Surface { name: name.to_owned(), shown }
}

fn read_module(file: &Path, children: &Path, path: Vec<String>, modules: &mut Modules) {
    let text = std::fs::read_to_string(file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
    let parsed = syn::parse_file(&text).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
    take_items(parsed.items, children, path, modules);
}

fn take_items(items: Vec<Item>, children: &Path, path: Vec<String>, modules: &mut Modules) {
    for item in &items {
        let Item::Mod(module) = item else { continue };
        if is_test(&module.attrs) {
            continue;
        }
        let name = module.ident.to_string();
        let below = [path.as_slice(), std::slice::from_ref(&name)].concat();
        if let Some((_, items)) = &module.content {
            take_items(items.clone(), &children.join(&name), below, modules);
        } else {
            let file = children.join(format!("{name}.rs"));
            let folder: PathBuf = children.join(&name);
            let file = if file.exists() { file } else { folder.join("mod.rs") };
            read_module(&file, &folder, below, modules);
        }
    }
    modules.insert(path, items);
}

fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute.parse_args::<syn::Ident>().is_ok_and(|name| name == "test")
    })
}

fn is_hidden(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("doc")
            && attribute.parse_args::<syn::Ident>().is_ok_and(|name| name == "hidden")
    })
}

fn is_public(visibility: &Visibility) -> bool {
    matches!(visibility, Visibility::Public(_))
}

/// Lists what a public module exports, under a prefix (`decode::`).
fn show_module(
    modules: &Modules,
    path: &[String],
    prefix: &str,
    shown: &mut BTreeMap<String, Shown>,
) {
    for item in modules.get(path).into_iter().flatten() {
        match item {
            Item::Use(import) if is_public(&import.vis) => {
                for (source, name) in leaves(&import.tree, &[]) {
                    let found = if is_hidden(&import.attrs) {
                        Shown::Hidden
                    } else {
                        resolve(modules, path, &source)
                            .unwrap_or_else(|| Shown::Foreign(source.join("::")))
                    };
                    shown.insert(format!("{prefix}{name}"), found);
                }
            }
            Item::Mod(module) if is_public(&module.vis) => {
                let name = module.ident.to_string();
                let below = [path, std::slice::from_ref(&name)].concat();
                show_module(modules, &below, &format!("{prefix}{name}::"), shown);
            }
            item => {
                if let Some((name, kind)) = public_item(item) {
                    shown.insert(format!("{prefix}{name}"), own(modules, item, &name, kind));
                }
            }
        }
    }
}

/// The paths that a `use` names, each with the name it gets.
fn leaves(tree: &UseTree, before: &[String]) -> Vec<(Vec<String>, String)> {
    let with = |name: &syn::Ident| [before, &[name.to_string()]].concat();
    match tree {
        UseTree::Path(path) => leaves(&path.tree, &with(&path.ident)),
        UseTree::Name(name) => vec![(with(&name.ident), name.ident.to_string())],
        UseTree::Rename(rename) => vec![(with(&rename.ident), rename.rename.to_string())],
        UseTree::Group(group) => group.items.iter().flat_map(|t| leaves(t, before)).collect(),
        UseTree::Glob(_) => Vec::new(), // none of the crates re-exports by glob
    }
}

/// Follows a path from a module to the definition. `None`: the definition is in another crate.
fn resolve(modules: &Modules, from: &[String], path: &[String]) -> Option<Shown> {
    let (name, way) = path.split_last()?;
    let mut at = from.to_vec();
    for step in way {
        match step.as_str() {
            "crate" => at.clear(),
            "self" => {}
            "super" => drop(at.pop()),
            step => at.push(step.to_owned()),
        }
    }
    let items = modules.get(&at)?;
    for item in items {
        if let Item::Use(import) = item {
            let leaf = leaves(&import.tree, &[]).into_iter().find(|(_, shown)| shown == name);
            if let Some((source, _)) = leaf {
                if source == path && at == from {
                    return None; // a whole crate: `pub use tokio;`
                }
                let found = resolve(modules, &at, &source);
                return Some(found.unwrap_or_else(|| Shown::Foreign(source.join("::"))));
            }
        } else if let Some((_, kind)) = public_item(item).filter(|(own, _)| own == name) {
            return Some(own(modules, item, name, kind));
        }
    }
    None
}

fn public_item(item: &Item) -> Option<(String, &'static str)> {
    let (visibility, name, kind) = match item {
        Item::Struct(item) => (&item.vis, &item.ident, "struct"),
        Item::Enum(item) => (&item.vis, &item.ident, "enum"),
        Item::Fn(item) => (&item.vis, &item.sig.ident, "fn"),
        Item::Const(item) => (&item.vis, &item.ident, "const"),
        Item::Static(item) => (&item.vis, &item.ident, "static"),
        Item::Type(item) => (&item.vis, &item.ident, "type"),
        Item::Trait(item) => (&item.vis, &item.ident, "trait"),
        _ => return None,
    };
    is_public(visibility).then(|| (name.to_string(), kind))
}

fn own(modules: &Modules, item: &Item, name: &str, kind: &'static str) -> Shown {
    let mut members = BTreeSet::new();
    let mut traits = BTreeSet::new();
    let mut fields = |fields: &Fields| {
        for (at, field) in fields.iter().enumerate().filter(|(_, field)| is_public(&field.vis)) {
            let field = field.ident.as_ref().map_or_else(|| at.to_string(), ToString::to_string);
            members.insert(format!(".{field}"));
        }
    };
    match item {
        Item::Struct(item) => {
            fields(&item.fields);
            traits.extend(marks(&item.attrs));
        }
        Item::Enum(item) => {
            members.extend(item.variants.iter().map(|variant| format!("::{}", variant.ident)));
            traits.extend(marks(&item.attrs));
        }
        _ => {}
    }
    for item in modules.values().flatten() {
        let Item::Impl(block) = item else { continue };
        let Type::Path(of) = &*block.self_ty else { continue };
        if of.path.segments.last().is_none_or(|last| last.ident != name) {
            continue;
        }
        match &block.trait_ {
            Some((path, _)) => {
                traits.extend(path.segments.last().map(|last| last.ident.to_string()));
            }
            None => members.extend(block.items.iter().filter_map(|item| match item {
                ImplItem::Fn(method) if is_public(&method.vis) => {
                    Some(format!("::{}()", method.sig.ident))
                }
                ImplItem::Const(value) if is_public(&value.vis) => {
                    Some(format!("::{}", value.ident))
                }
                _ => None,
            })),
        }
    }
    Shown::Own { kind, members, traits }
}

/// The derived traits, and whether the type is `non_exhaustive`.
fn marks(attributes: &[Attribute]) -> Vec<String> {
    let mut marks = Vec::new();
    for attribute in attributes {
        if attribute.path().is_ident("non_exhaustive") {
            marks.push("non_exhaustive".to_owned());
        }
        if attribute.path().is_ident("derive") {
            let _ = attribute.parse_nested_meta(|derived| {
                marks.extend(derived.path.segments.last().map(|last| last.ident.to_string()));
                Ok(())
            });
        }
    }
    marks
}
