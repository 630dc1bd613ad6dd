//! Finds the paths that a file mentions, in code and inside macros alike.
//!
//! Works on token trees instead of the syntax tree, because a macro's body is nothing but tokens:
//! one mechanism sees both. What a path means is for `names.rs` to say.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

/// A path as written, such as `super::log::Log` or a leaf of a `use` tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mention {
    /// The module in which it stands, inline modules included.
    pub(crate) module: Vec<String>,
    /// The segments; a leading `::` is an empty first one, a glob a last `*`.
    pub(crate) path: Vec<String>,
    /// The name that a `use` binds it to.
    pub(crate) binds: Option<String>,
    /// The line, from 1.
    pub(crate) line: usize,
    /// Whether it is compiled for tests only.
    pub(crate) in_tests: bool,
}

/// What a file says about names.
#[derive(Debug, Default)]
pub(crate) struct Mentions {
    /// Every path.
    pub(crate) paths: Vec<Mention>,
    /// Every module declared, and whether for tests only.
    pub(crate) modules: Vec<(Vec<String>, bool)>,
    /// Macros that `#[macro_export]` puts at the crate's root, with their true home.
    pub(crate) exported_macros: Vec<(String, Vec<String>)>,
}

impl Mentions {
    /// Reads a file that holds `module`.
    pub(crate) fn read(text: &str, module: &[String]) -> Self {
        let tokens: TokenStream = text
            .parse()
            .expect("a file that compiles is made of tokens");
        let mut mentions = Self::default();
        Scope {
            mentions: &mut mentions,
            module: module.to_vec(),
        }
        .block(tokens, false);
        mentions
    }
}

struct Scope<'a> {
    mentions: &'a mut Mentions,
    module: Vec<String>,
}

/// A cursor over the tokens of one group.
struct Cursor {
    tokens: Vec<TokenTree>,
    at: usize,
}

impl Cursor {
    fn new(stream: TokenStream) -> Self {
        Self {
            tokens: stream.into_iter().collect(),
            at: 0,
        }
    }

    fn peek(&self, ahead: usize) -> Option<&TokenTree> {
        self.tokens.get(self.at + ahead)
    }

    fn is_punct(&self, ahead: usize, wanted: char) -> bool {
        matches!(self.peek(ahead), Some(TokenTree::Punct(p)) if p.as_char() == wanted)
    }

    fn ident(&self, ahead: usize) -> Option<String> {
        match self.peek(ahead) {
            Some(TokenTree::Ident(ident)) => {
                Some(ident.to_string().trim_start_matches("r#").into())
            }
            _ => None,
        }
    }

    fn is_path_separator(&self, ahead: usize) -> bool {
        self.is_punct(ahead, ':') && self.is_punct(ahead + 1, ':')
    }

    fn group(&self, ahead: usize, delimiter: Delimiter) -> Option<Group> {
        match self.peek(ahead) {
            Some(TokenTree::Group(g)) if g.delimiter() == delimiter => Some(g.clone()),
            _ => None,
        }
    }

    fn line(&self) -> usize {
        self.peek(0).map_or(0, |token| token.span().start().line)
    }

    /// `a::b::c` from here, after an optional leading separator; stops before anything else.
    fn segments(&mut self) -> Vec<String> {
        let mut path = Vec::new();
        while let Some(ident) = self.ident(0) {
            path.push(ident);
            self.at += 1;
            if !(self.is_path_separator(0) && self.ident(2).is_some()) {
                break;
            }
            self.at += 2;
        }
        path
    }
}

impl Scope<'_> {
    fn block(&mut self, stream: TokenStream, in_tests: bool) {
        let mut cursor = Cursor::new(stream);
        let mut whole_in_tests = in_tests;
        // Set by an attribute, until the end of the item that it stands on.
        let mut item_in_tests = false;
        let mut exported = false;
        while cursor.peek(0).is_some() {
            let in_tests = whole_in_tests || item_in_tests;
            if cursor.is_punct(0, '#') {
                let inner = cursor.is_punct(1, '!');
                if let Some(group) = cursor.group(if inner { 2 } else { 1 }, Delimiter::Bracket) {
                    let tests = is_for_tests(&group);
                    whole_in_tests |= tests && inner;
                    item_in_tests |= tests;
                    exported |= group.to_string().contains("macro_export");
                    self.block(group.stream(), in_tests || tests);
                    cursor.at += if inner { 3 } else { 2 };
                    continue;
                }
            }
            match cursor.ident(0).as_deref() {
                Some("mod") if cursor.ident(1).is_some() => {
                    self.module_item(&mut cursor, in_tests);
                    (item_in_tests, exported) = (false, false);
                    continue;
                }
                Some("use") if !cursor.is_punct(1, '<') => {
                    cursor.at += 1;
                    self.use_tree(&mut cursor, Vec::new(), in_tests);
                    continue;
                }
                Some("extern") if cursor.ident(1).as_deref() == Some("crate") => {
                    self.extern_crate(&mut cursor, in_tests);
                    continue;
                }
                Some("macro_rules") if exported => {
                    let home = self.module.clone();
                    let name = cursor.ident(2).unwrap_or_default();
                    self.mentions.exported_macros.push((name, home));
                    cursor.at += 3;
                    continue;
                }
                _ => {}
            }
            let ends_item = cursor.is_punct(0, ';') || cursor.group(0, Delimiter::Brace).is_some();
            self.token(&mut cursor, in_tests);
            if ends_item {
                (item_in_tests, exported) = (false, false);
            }
        }
    }

    /// One token, or a whole path where one starts.
    fn token(&mut self, cursor: &mut Cursor, in_tests: bool) {
        if let Some(TokenTree::Group(group)) = cursor.peek(0).cloned() {
            cursor.at += 1;
            self.block(group.stream(), in_tests);
        } else if cursor.is_punct(0, '$') && cursor.ident(1).as_deref() != Some("crate") {
            // `$name::rest` is whatever the caller says.
            cursor.at += 1;
            cursor.segments();
        } else if cursor.is_punct(0, '\'') || cursor.is_punct(0, '.') {
            // A lifetime, a field or a method: no path starts here.
            cursor.at += 1;
            if cursor.ident(0).is_some() {
                cursor.at += 1;
            }
        } else if cursor.ident(0).is_some() {
            let line = cursor.line();
            let path = cursor.segments();
            self.mention(path, None, line, in_tests);
        } else if cursor.is_path_separator(0) && cursor.ident(2).is_some() {
            let line = cursor.line();
            // `Vec::<u8>::new` and `<T as Trait>::name` go on with a separator; `::std` starts so.
            let goes_on = cursor.at > 0
                && matches!(&cursor.tokens[cursor.at - 1],
                    TokenTree::Punct(p) if p.as_char() == '>');
            cursor.at += 2;
            let mut path = cursor.segments();
            if !goes_on {
                path.insert(0, String::new());
                self.mention(path, None, line, in_tests);
            }
        } else {
            cursor.at += 1;
        }
    }

    fn module_item(&mut self, cursor: &mut Cursor, in_tests: bool) {
        let name = cursor.ident(1).expect("checked by the caller");
        self.module.push(name);
        self.mentions.modules.push((self.module.clone(), in_tests));
        cursor.at += 2;
        if let Some(group) = cursor.group(0, Delimiter::Brace) {
            self.block(group.stream(), in_tests);
        }
        cursor.at += 1;
        self.module.pop();
    }

    fn extern_crate(&mut self, cursor: &mut Cursor, in_tests: bool) {
        let line = cursor.line();
        let name = cursor.ident(2).unwrap_or_default();
        cursor.at += 3;
        let mut binds = name.clone();
        if cursor.ident(0).as_deref() == Some("as") {
            binds = cursor.ident(1).unwrap_or_default();
            cursor.at += 2;
        }
        let path = if name == "self" {
            "crate".to_owned()
        } else {
            name
        };
        self.mention(vec![path], Some(binds), line, in_tests);
    }

    /// A `use` tree, up to the `;`, the `,` or the end of the group it stands in.
    fn use_tree(&mut self, cursor: &mut Cursor, mut prefix: Vec<String>, in_tests: bool) {
        let line = cursor.line();
        loop {
            if cursor.is_punct(0, '$') {
                cursor.at += 1;
            } else if cursor.is_path_separator(0) {
                if prefix.is_empty() {
                    prefix.push(String::new());
                }
                cursor.at += 2;
            } else if let Some(ident) = cursor.ident(0) {
                if ident == "as" {
                    break;
                }
                prefix.push(ident);
                cursor.at += 1;
            } else {
                break;
            }
        }
        if let Some(group) = cursor.group(0, Delimiter::Brace) {
            cursor.at += 1;
            let mut inner = Cursor::new(group.stream());
            while inner.peek(0).is_some() {
                let before = inner.at;
                self.use_tree(&mut inner, prefix.clone(), in_tests);
                if inner.at == before || inner.is_punct(0, ',') {
                    inner.at += 1;
                }
            }
        } else if cursor.is_punct(0, '*') {
            cursor.at += 1;
            prefix.push("*".to_owned());
            self.mention(prefix, None, line, in_tests);
        } else {
            if prefix.last().is_some_and(|last| last == "self") && prefix.len() > 1 {
                prefix.pop();
            }
            let mut binds = prefix.last().cloned();
            if cursor.ident(0).as_deref() == Some("as") {
                binds = cursor.ident(1);
                cursor.at += 2;
            }
            self.mention(prefix, binds, line, in_tests);
        }
    }

    fn mention(&mut self, path: Vec<String>, binds: Option<String>, line: usize, in_tests: bool) {
        if path.is_empty() {
            return;
        }
        let module = self.module.clone();
        self.mentions.paths.push(Mention {
            module,
            path,
            binds,
            line,
            in_tests,
        });
    }
}

/// Whether an attribute's brackets say `test`, `cfg(test)` or `cfg(any(test, …))`.
fn is_for_tests(group: &Group) -> bool {
    let said: String = group.to_string().split_whitespace().collect();
    let said = said.trim_start_matches('[').trim_end_matches(']');
    let words = || said.split(|c: char| !c.is_alphanumeric() && c != '_');
    said == "test"
        || (said.starts_with("cfg(")
            && words().any(|w| w == "test")
            && !words().any(|w| w == "not"))
}
