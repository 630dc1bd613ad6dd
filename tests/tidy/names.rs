//! What a path means: which module of the crate it reaches, or which other crate.
//!
//! Follows `crate`, `self`, `super`, renames, globs and re-exports, so that an arrow between
//! layers is seen however it is written.

use crate::mentions::{Mention, Mentions};
use crate::source::Source;
use std::collections::{BTreeMap, BTreeSet};

/// A module's path from the crate's root.
pub(crate) type ModulePath = Vec<String>;

/// Where a mention leads.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// Modules of this crate: those that re-export the thing on the way, and its own.
    Inside(Vec<ModulePath>),
    /// Another crate's path, its name first.
    Outside(Vec<String>),
}

#[derive(Debug, Default)]
struct Module {
    children: BTreeSet<String>,
    bindings: BTreeMap<String, Vec<String>>,
    globs: Vec<Vec<String>>,
}

/// Every module of the crate, and what its names stand for.
#[derive(Debug, Default)]
pub(crate) struct Names {
    modules: BTreeMap<ModulePath, Module>,
    exported_macros: BTreeMap<String, ModulePath>,
    test_modules: BTreeSet<ModulePath>,
    /// Every mention, with its file's path.
    pub(crate) mentions: Vec<(String, Mention)>,
}

/// Renames of renames of renames: nobody goes deeper.
const DEPTH_MAX: usize = 16;

impl Names {
    /// Reads all files of the engine.
    pub(crate) fn read<'a>(sources: impl IntoIterator<Item = &'a Source>) -> Self {
        let mut names = Self::default();
        for source in sources.into_iter().filter(|source| source.is_engine()) {
            let module = source.module();
            let mentions = Mentions::read(&source.text, &module);
            names.declare(&module);
            for (module, in_tests) in mentions.modules {
                names.declare(&module);
                if in_tests {
                    names.test_modules.insert(module);
                }
            }
            names.exported_macros.extend(mentions.exported_macros);
            for mention in mentions.paths {
                names.bind(&mention);
                names.mentions.push((source.path.clone(), mention));
            }
        }
        names
    }

    fn declare(&mut self, module: &[String]) {
        self.modules.entry(module.to_vec()).or_default();
        if let Some((name, parent)) = module.split_last() {
            self.modules
                .entry(parent.to_vec())
                .or_default()
                .children
                .insert(name.clone());
        }
    }

    fn bind(&mut self, mention: &Mention) {
        let module = self.modules.entry(mention.module.clone()).or_default();
        if let Some(name) = &mention.binds {
            module.bindings.insert(name.clone(), mention.path.clone());
        } else if let Some((last, path)) = mention.path.split_last()
            && last == "*"
        {
            module.globs.push(path.to_vec());
        }
    }

    /// Whether a mention is compiled for tests only, by itself or by a module around it.
    pub(crate) fn in_tests(&self, mention: &Mention) -> bool {
        let around = (1..=mention.module.len()).map(|n| &mention.module[..n]);
        mention.in_tests
            || around
                .into_iter()
                .any(|module| self.test_modules.contains(module))
    }

    /// Resolves a mention.
    pub(crate) fn resolve(&self, mention: &Mention) -> Target {
        let mut path = mention.path.clone();
        if path.last().is_some_and(|last| last == "*") {
            path.pop();
        }
        self.relative(&mention.module, &path, Vec::new(), DEPTH_MAX)
    }

    /// Whether a mention brings in everything at the crate's root, which hides what is used.
    pub(crate) fn is_glob_of_root(&self, mention: &Mention) -> bool {
        let glob = mention.path.last().is_some_and(|last| last == "*");
        glob && self.resolve(mention) == Target::Inside(vec![Vec::new()])
    }

    fn relative(
        &self,
        at: &[String],
        path: &[String],
        via: Vec<ModulePath>,
        depth: usize,
    ) -> Target {
        let Some((first, rest)) = path.split_first() else {
            return self.absolute(at.to_vec(), path, via, depth);
        };
        match first.as_str() {
            "" => return Target::Outside(rest.to_vec()),
            "crate" | "corelane" => return self.absolute(Vec::new(), rest, via, depth),
            "self" => return self.absolute(at.to_vec(), rest, via, depth),
            "super" => return self.absolute(parent(at), rest, via, depth),
            _ => {}
        }
        let module = self.modules.get(at);
        if module.is_some_and(|module| module.children.contains(first)) {
            return self.absolute(at.to_vec(), path, via, depth);
        }
        match module.and_then(|module| module.bindings.get(first)) {
            Some(bound) if depth > 0 && bound.first() != Some(first) => {
                let path: Vec<String> = bound.iter().chain(rest).cloned().collect();
                self.relative(at, &path, via, depth - 1)
            }
            Some(bound) => Target::Outside(bound.iter().chain(rest).cloned().collect()),
            None => Target::Outside(path.to_vec()),
        }
    }

    /// Walks down from a module; wherever a name is another module's, goes on there.
    fn absolute(
        &self,
        mut at: ModulePath,
        path: &[String],
        mut via: Vec<ModulePath>,
        depth: usize,
    ) -> Target {
        let mut path = path;
        while let Some((name, rest)) = path.split_first() {
            let module = self.modules.get(&at);
            if name == "super" {
                at = parent(&at);
            } else if module.is_some_and(|module| module.children.contains(name)) {
                at.push(name.clone());
            } else {
                break;
            }
            path = rest;
        }
        via.push(at.clone());
        let Some((name, rest)) = path.split_first() else {
            return Target::Inside(via);
        };
        if at.is_empty()
            && let Some(home) = self.exported_macros.get(name)
        {
            via.push(home.clone());
            return Target::Inside(via);
        }
        let Some(module) = self.modules.get(&at).filter(|_| depth > 0) else {
            return Target::Inside(via);
        };
        if let Some(bound) = module
            .bindings
            .get(name)
            .filter(|bound| bound.first() != Some(name))
        {
            let path: Vec<String> = bound.iter().chain(rest).cloned().collect();
            return self.relative(&at, &path, via, depth - 1);
        }
        for glob in &module.globs {
            if let Target::Inside(reached) = self.relative(&at, glob, Vec::new(), depth - 1)
                && let Some(source) = reached.last()
                && *source != at
                && self.offers(source, name)
            {
                return self.absolute(source.clone(), path, via, depth - 1);
            }
        }
        Target::Inside(via)
    }

    fn offers(&self, module: &[String], name: &str) -> bool {
        self.modules.get(module).is_some_and(|module| {
            module.children.contains(name)
                || module.bindings.contains_key(name)
                || !module.globs.is_empty()
        })
    }
}

fn parent(module: &[String]) -> ModulePath {
    module
        .split_last()
        .map(|(_, parent)| parent.to_vec())
        .unwrap_or_default()
}
