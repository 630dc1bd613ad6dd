//! What a file looks like: lengths, names, documentation, leftovers.

use crate::source::Source;
use std::collections::BTreeSet;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

const FILE_LINES_MAX: usize = 500;
const FUNCTION_LINES_MAX: usize = 70;
const LINE_BYTES_MAX: usize = 120;

/// Definitions of messages are tables: as long as the protocol made them.
const TABLES: &str = "src/protocol/kafka/messages/";

/// The only files with `unsafe`, beside generated ones.
const UNSAFE_FILES: [&str; 2] = ["src/storage/mapping.rs", "src/runtime/socket.rs"];

/// Names that say nothing.
const EMPTY_NAMES: [&str; 9] = [
    "util", "utils", "common", "manager", "managers", "helper", "helpers", "misc", "stuff",
];

/// Names that end in a digit because the thing is called so.
const DIGIT_NAMES: [&str; 6] = ["lz4", "murmur2", "crc32", "crc32c", "sha256", "sha512"];

/// Words that mark something unfinished or left behind. In pieces, as this file is checked too.
const LEFTOVERS: [&str; 7] = [
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("XX", "X"),
    concat!("todo", "!("),
    concat!("db", "g!("),
    concat!("unimplemented", "!("),
    concat!("#[", "ignore]"),
];

/// Paths that exist only on one developer's machine.
const MACHINE_PATHS: [&str; 5] = [
    concat!("/wo", "rk/"),
    concat!("/ho", "me/"),
    concat!("/ro", "ot/"),
    concat!("../sha", "red"),
    concat!("/Use", "rs/"),
];

/// Checks one file of any kind.
pub(crate) fn check_text(source: &Source) -> Vec<String> {
    let mut faults = Vec::new();
    if source.is_generated() || source.path == "LICENSE" {
        return faults;
    }
    for (line, text) in (1..).zip(source.text.lines()) {
        let at = format!("{}:{line}", source.path);
        if source.is_rust() && text.len() > LINE_BYTES_MAX {
            faults.push(format!(
                "{at}: {} bytes in a line; {LINE_BYTES_MAX} fit",
                text.len()
            ));
        }
        let prose = source.path.ends_with(".md");
        for word in LEFTOVERS
            .iter()
            .filter(|word| !prose && text.contains(*word))
        {
            faults.push(format!("{at}: `{word}` is left over"));
        }
        for path in MACHINE_PATHS.iter().filter(|path| text.contains(*path)) {
            faults.push(format!("{at}: `{path}` exists on one machine only"));
        }
        let allow = [concat!("#[al", "low"), concat!("#![al", "low")];
        if source.is_rust() && allow.iter().any(|attribute| text.contains(attribute)) {
            faults.push(format!(
                "{at}: use `#[expect(…, reason = \"…\")]`, which goes stale aloud"
            ));
        }
    }
    faults
}

/// Checks one Rust file. `private` says that its module is not `pub`.
pub(crate) fn check_rust(source: &Source, private: bool) -> Vec<String> {
    let mut faults = check_name(source);
    if source.is_generated() {
        return faults;
    }
    let lines = source.text.lines().count();
    if lines > FILE_LINES_MAX && !source.path.starts_with(TABLES) {
        faults.push(format!(
            "{}: {lines} lines; split it below {FILE_LINES_MAX}",
            source.path
        ));
    }
    let documented = source.text.starts_with("//!")
        || source.stem() == "tests"
        || (private && (source.text.contains("///") || source.text.contains("//!")));
    if !documented {
        let path = &source.path;
        faults.push(format!(
            "{path}: opens without `//!`: say what it is for and what always holds"
        ));
    }
    let mut checker = Checker {
        source,
        faults,
        in_tests: !source.is_engine() || source.stem() == "tests",
    };
    checker.visit_file(&source.syntax());
    checker.faults
}

fn check_name(source: &Source) -> Vec<String> {
    let path = &source.path;
    let mut faults = Vec::new();
    for part in path.trim_end_matches(".rs").split('/') {
        if part.split('_').any(|word| EMPTY_NAMES.contains(&word)) {
            faults.push(format!("{path}: `{part}` names nothing; name the concept"));
        }
    }
    let stem = source.stem();
    if stem.ends_with(|c: char| c.is_ascii_digit()) && !DIGIT_NAMES.contains(&stem) {
        faults.push(format!("{path}: a numbered file; name the concept"));
    }
    faults
}

struct Checker<'a> {
    source: &'a Source,
    faults: Vec<String>,
    in_tests: bool,
}

impl Checker<'_> {
    fn fault(&mut self, line: usize, what: &str) {
        self.faults
            .push(format!("{}:{line}: {what}", self.source.path));
    }

    fn function(&mut self, name: &syn::Ident, from: usize, upto: usize) {
        let lines = upto + 1 - from;
        if !self.in_tests && lines > FUNCTION_LINES_MAX {
            let what = format!("`{name}` has {lines} lines; {FUNCTION_LINES_MAX} fit on a screen");
            self.fault(from, &what);
        }
    }

    /// `unsafe` may stand in few files, and each use says why it is sound in the lines above it.
    fn unsafe_use(&mut self, line: usize) {
        if !self.source.is_engine() || !UNSAFE_FILES.contains(&self.source.path.as_str()) {
            self.fault(line, "`unsafe` outside of the files that may have it");
        }
        let above = self.source.text.lines().take(line).collect::<Vec<_>>();
        let mut near = above
            .iter()
            .rev()
            .take_while(|text| !text.trim().is_empty())
            .take(12);
        if !near.any(|text| text.contains("SAFETY:") || text.contains("# Safety")) {
            self.fault(line, "`unsafe` without `// SAFETY:` above it");
        }
    }

    fn named(&mut self, name: &syn::Ident) {
        let text = name.to_string();
        let empty = ["Manager", "Helper", "Util", "Utils", "Common"];
        if empty.iter().any(|word| text.ends_with(word)) {
            self.fault(name.span().start().line, &format!("`{text}` names nothing"));
        }
    }
}

fn is_for_tests(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| match &attribute.meta {
        syn::Meta::Path(path) => path.is_ident("test"),
        syn::Meta::List(list) => {
            list.path.is_ident("cfg") && list.tokens.to_string().starts_with("test")
        }
        syn::Meta::NameValue(_) => false,
    })
}

impl<'ast> Visit<'ast> for Checker<'_> {
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        let before = self.in_tests;
        self.in_tests |= is_for_tests(&item.attrs);
        visit::visit_item_mod(self, item);
        self.in_tests = before;
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        let before = self.in_tests;
        self.in_tests |= is_for_tests(&item.attrs);
        let from = item.sig.span().start().line;
        self.function(&item.sig.ident, from, item.block.span().end().line);
        visit::visit_item_fn(self, item);
        self.in_tests = before;
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        let from = item.sig.span().start().line;
        self.function(&item.sig.ident, from, item.block.span().end().line);
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_signature(&mut self, signature: &'ast syn::Signature) {
        if let syn::Safety::Unsafe(token) = &signature.safety {
            self.unsafe_use(token.span().start().line);
        }
        visit::visit_signature(self, signature);
    }

    fn visit_expr_unsafe(&mut self, block: &'ast syn::ExprUnsafe) {
        self.unsafe_use(block.unsafe_token.span().start().line);
        visit::visit_expr_unsafe(self, block);
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        if let Some(token) = &item.unsafety {
            self.unsafe_use(token.span().start().line);
        }
        visit::visit_item_impl(self, item);
    }

    fn visit_item_foreign_mod(&mut self, item: &'ast syn::ItemForeignMod) {
        self.unsafe_use(item.span().start().line);
        visit::visit_item_foreign_mod(self, item);
    }

    fn visit_item_struct(&mut self, item: &'ast syn::ItemStruct) {
        self.named(&item.ident);
        visit::visit_item_struct(self, item);
    }

    fn visit_item_enum(&mut self, item: &'ast syn::ItemEnum) {
        self.named(&item.ident);
        visit::visit_item_enum(self, item);
    }

    fn visit_item_trait(&mut self, item: &'ast syn::ItemTrait) {
        self.named(&item.ident);
        visit::visit_item_trait(self, item);
    }
}

/// Pages (`*.md`) that are named somewhere but are not in the repository.
pub(crate) fn check_pages(sources: &[Source]) -> Vec<String> {
    let pages: BTreeSet<&str> = sources
        .iter()
        .filter_map(|source| source.path.rsplit('/').next())
        .collect();
    let mut faults = Vec::new();
    for source in sources
        .iter()
        .filter(|source| !source.path.starts_with("tests/tidy/"))
    {
        for (line, text) in (1..).zip(source.text.lines()) {
            let word = |c: char| !(c.is_ascii_alphanumeric() || "_-.".contains(c));
            for name in text.split(word).map(|word| word.trim_end_matches('.')) {
                if name.len() > 3 && name.ends_with(".md") && !pages.contains(name) {
                    faults.push(format!("{}:{line}: there is no page `{name}`", source.path));
                }
            }
        }
    }
    faults
}
