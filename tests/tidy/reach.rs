//! Which files are part of some crate: those that a `mod` names, starting at the crates' roots.

use crate::source::Source;
use std::collections::{BTreeMap, BTreeSet};
use syn::{Expr, ExprLit, Item, ItemMod, Lit, Meta, Visibility};

/// What the `mod` items say about the files.
#[derive(Debug, Default)]
pub(crate) struct Reach {
    reached: BTreeSet<String>,
    private: BTreeSet<String>,
}

impl Reach {
    /// Walks from every root.
    pub(crate) fn walk(sources: &[Source]) -> Self {
        let rust = sources.iter().filter(|source| source.is_rust());
        let files: BTreeMap<&str, &Source> = rust.map(|s| (s.path.as_str(), s)).collect();
        let mut reach = Self::default();
        let mut waiting: Vec<&str> = files.keys().copied().filter(|path| is_root(path)).collect();
        while let Some(path) = waiting.pop() {
            if !reach.reached.insert(path.to_owned()) {
                continue;
            }
            for item in files[path].syntax().items {
                let Item::Mod(item) = item else { continue };
                let found = candidates(path, &item).into_iter().find_map(|candidate| {
                    files
                        .get_key_value(candidate.as_str())
                        .map(|(path, _)| *path)
                });
                if let Some(found) = found.filter(|_| item.content.is_none()) {
                    if !matches!(item.vis, Visibility::Public(_)) {
                        reach.private.insert(found.to_owned());
                    }
                    waiting.push(found);
                }
            }
        }
        reach
    }

    /// Whether the file's `mod` has no `pub`.
    pub(crate) fn is_private(&self, path: &str) -> bool {
        self.private.contains(path)
    }

    /// Files that belong to no crate.
    pub(crate) fn dead_files(&self, sources: &[Source]) -> Vec<String> {
        let rust = sources
            .iter()
            .filter(|source| source.is_rust() && !source.is_generated());
        rust.filter(|source| !self.reached.contains(&source.path))
            .map(|source| format!("{}: no `mod` names it", source.path))
            .collect()
    }
}

fn is_root(path: &str) -> bool {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let folder = folder.rsplit('/').next().unwrap_or_default();
    matches!(name, "lib.rs" | "main.rs" | "build.rs")
        || matches!(
            folder,
            "tests" | "targets" | "benches" | "examples" | "fuzz_targets" | "bin"
        )
}

/// Where the file of a `mod` item can lie.
fn candidates(path: &str, item: &ItemMod) -> Vec<String> {
    let (folder, name) = path.rsplit_once('/').unwrap_or((".", path));
    for attribute in &item.attrs {
        if let Meta::NameValue(pair) = &attribute.meta
            && pair.path.is_ident("path")
            && let Expr::Lit(ExprLit {
                lit: Lit::Str(file),
                ..
            }) = &pair.value
        {
            return vec![format!("{folder}/{}", file.value())];
        }
    }
    let own_folder = if is_root(path) || name == "mod.rs" {
        folder.to_owned()
    } else {
        path.trim_end_matches(".rs").to_owned()
    };
    let module = item.ident.to_string();
    vec![
        format!("{own_folder}/{module}.rs"),
        format!("{own_folder}/{module}/mod.rs"),
    ]
}
