//! The files of the repository, read once.

#![expect(clippy::disallowed_methods, reason = "reads the repository it judges")]

use std::path::PathBuf;
use walkdir::WalkDir;

/// One text file.
pub(crate) struct Source {
    /// Its path from the repository's root, with `/`.
    pub(crate) path: String,
    /// What it says.
    pub(crate) text: String,
}

impl Source {
    /// A file that exists only in a test.
    pub(crate) fn new(path: &str, text: &str) -> Self {
        Self {
            path: path.to_owned(),
            text: text.to_owned(),
        }
    }

    /// Whether this is Rust of the engine itself.
    pub(crate) fn is_engine(&self) -> bool {
        self.path.starts_with("src/") && self.is_rust()
    }

    /// Whether this is Rust at all.
    pub(crate) fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// Whether a tool wrote it. Such files are held to the layers, not to the style.
    pub(crate) fn is_generated(&self) -> bool {
        self.path.split('/').any(|part| part == "generated")
    }

    /// The file name without its ending.
    pub(crate) fn stem(&self) -> &str {
        let name = self.path.rsplit('/').next().unwrap_or_default();
        name.split('.').next().unwrap_or_default()
    }

    /// The syntax tree; a file that does not parse does not compile either, so this panics.
    pub(crate) fn syntax(&self) -> syn::File {
        syn::parse_file(&self.text).unwrap_or_else(|error| panic!("{}: {error}", self.path))
    }

    /// The module that an engine file holds: `src/a/b.rs` and `src/a/b/mod.rs` are `[a, b]`,
    /// `lib.rs` is the root, and `main.rs` stands beside it under its own name.
    pub(crate) fn module(&self) -> Vec<String> {
        let path = self.path.strip_prefix("src/").unwrap_or(&self.path);
        let path = path.strip_suffix(".rs").unwrap_or(path);
        let mut parts: Vec<String> = path.split('/').map(str::to_owned).collect();
        if parts.last().is_some_and(|last| last == "mod") || parts == ["lib"] {
            parts.pop();
        }
        parts
    }
}

/// What is looked at: endings of text files that people write.
const ENDINGS: [&str; 12] = [
    "rs",
    "md",
    "toml",
    "sh",
    "py",
    "fbs",
    "yml",
    "yaml",
    "json",
    "properties",
    "run",
    "txt",
];

/// Reads every text file of the repository that people write.
pub(crate) fn read_repository() -> Vec<Source> {
    // As of the run, not of the build: the folder may have moved.
    let root = std::env::var_os("CARGO_MANIFEST_DIR");
    let root = root.map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    let skip = |name: &str| name == "target" || name == ".git" || name == "shared";
    let mut sources = Vec::new();
    let walk = WalkDir::new(&root).sort_by_file_name().into_iter();
    for entry in walk.filter_entry(|e| !skip(&e.file_name().to_string_lossy())) {
        let entry = entry.expect("the repository can be listed");
        let path = entry.path();
        let ending = path.extension().map(|e| e.to_string_lossy().into_owned());
        let script = path.file_name().is_some_and(|name| name == "run");
        let known = script || ending.is_some_and(|ending| ENDINGS.contains(&ending.as_str()));
        if !entry.file_type().is_file() || !known {
            continue;
        }
        if let Ok(text) = std::fs::read_to_string(path) {
            let relative = path.strip_prefix(&root).expect("walked from the root");
            sources.push(Source::new(&relative.to_string_lossy(), &text));
        }
    }
    sources
}
