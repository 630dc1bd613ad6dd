//! Small sources with a fault each: every rule must catch its own, and spare the innocent.

use crate::names::Names;
use crate::reach::Reach;
use crate::source::Source;
use crate::{layers, places, style};

fn sources(files: &[(&str, &str)]) -> Vec<Source> {
    files
        .iter()
        .map(|(path, text)| Source::new(path, text))
        .collect()
}

/// A little crate around the file under test.
fn crate_with(path: &str, text: &str) -> Names {
    let mut files = sources(&[
        (
            "src/lib.rs",
            "pub mod record; pub mod shard; pub mod storage; pub mod types; pub use shard::Shard;",
        ),
        ("src/types/mod.rs", "mod offset; pub use offset::Offset;"),
        ("src/types/offset.rs", "pub struct Offset;"),
        (
            "src/shard/mod.rs",
            "pub mod event; pub use event::Event; pub struct Shard;",
        ),
        ("src/shard/event.rs", "pub struct Event;"),
        (
            "src/storage/mod.rs",
            "pub mod log; pub use crate::types::Offset as Place;",
        ),
        ("src/protocol/mod.rs", "pub mod kafka;"),
        (
            "src/protocol/kafka/mod.rs",
            "pub mod api; pub mod messages;",
        ),
        ("src/protocol/kafka/api/mod.rs", "pub struct Answer;"),
    ]);
    files.retain(|source| source.path != path);
    files.push(Source::new(path, text));
    Names::read(&files)
}

fn arrows(path: &str, text: &str) -> Vec<String> {
    layers::check(&crate_with(path, text))
}

#[track_caller]
fn assert_one(faults: &[String], wanted: &str) {
    assert_eq!(
        faults.len(),
        1,
        "one fault was wanted, about {wanted}: {faults:#?}"
    );
    assert!(
        faults[0].contains(wanted),
        "wanted {wanted}, got {}",
        faults[0]
    );
}

#[test]
fn an_arrow_up_is_caught_however_it_is_written() {
    let log = "src/storage/log.rs";
    let ways = [
        "use crate::shard::Shard;",
        "use crate::{types::Offset, shard::{self, event::*}};",
        "use super::super::shard::Shard;",
        "fn f(shard: &crate::shard::Shard) {}",
        "fn f() { let s = crate::shard::Shard; }",
        "fn f() { use crate::shard; }",
        "pub use crate::shard::Event;",
        "use crate::shard as lanes;",
        "use crate as root; fn f(s: root::shard::Shard) {}",
        "use super::super as up; fn f(s: up::shard::Shard) {}",
        "extern crate self as me; fn f(s: me::shard::Shard) {}",
        "fn f(s: corelane::shard::Shard) {}",
        "use crate::Shard;",
        "macro_rules! m { () => { $crate::shard::Shard } }",
        "fn f() { vec![crate::shard::Shard]; }",
        "#[derive(crate::shard::Derive)] struct S;",
        "impl From<crate::shard::Event> for u8 {}",
        "fn f() { <u8 as crate::shard::Step>::step(); }",
        "mod inner { use super::super::super::shard::Shard; }",
        "mod inner { fn f(s: Vec::<crate::shard::Shard>) {} }",
        "#[cfg(test)] mod tests { use crate::shard::Shard; }",
        "use crate::r#shard::Shard;",
        "fn f<T: for<'a> crate::shard::Step<'a>>() {}",
    ];
    for way in ways {
        let faults = arrows(log, way);
        assert!(!faults.is_empty(), "not caught: {way}");
        assert!(
            faults[0].starts_with("src/storage/log.rs:1: storage -> "),
            "{way}: {}",
            faults[0]
        );
        assert!(faults[0].contains("shard"), "{way}: {}", faults[0]);
    }
}

#[test]
fn the_line_of_an_arrow_is_named() {
    let faults = arrows(
        "src/storage/log.rs",
        "//! Log.\n\nuse crate::{\n    types::Offset,\n    shard::Shard,\n};",
    );
    assert_one(&faults, "src/storage/log.rs:5: storage -> shard");
}

#[test]
fn arrows_down_are_left_alone() {
    let log = "src/storage/log.rs";
    let ways = [
        "use crate::types::Offset;",
        "use super::Place; use super::super::types::Offset as O;",
        "use crate::config::Config; fn f(shard: u8) -> u8 { shard }",
        "enum Event { Shard } fn f() { Event::Shard; }",
        "mod shard { pub struct S; } use self::shard::S; fn f(s: shard::S) {}",
        "fn f(x: other::shard::Shard, y: ::shard::Shard) {}",
        "fn f() { a.shard::<u8>(); 'shard: loop {} }",
    ];
    for way in ways {
        assert_eq!(arrows(log, way), Vec::<String>::new(), "{way}");
    }
    let shard = arrows(
        "src/shard/mod.rs",
        "pub mod event; use crate::storage::Place;",
    );
    assert_eq!(shard, Vec::<String>::new());
}

#[test]
fn sideways_arrows_are_caught() {
    let message = "src/protocol/kafka/messages/fetch.rs";
    assert_one(
        &arrows(message, "use crate::storage::Place;"),
        "messages -> storage",
    );
    assert_one(
        &arrows(message, "use super::super::api::Answer;"),
        "messages -> protocol::kafka::api",
    );
    assert_one(
        &arrows("src/client/mod.rs", "use crate::storage::Place;"),
        "client -> storage",
    );
    assert_one(
        &arrows("src/config.rs", "use crate::record::Batch;"),
        "config -> record",
    );
    assert_eq!(
        arrows(
            "src/client/mod.rs",
            "use crate::protocol::kafka::messages::X;"
        ),
        Vec::<String>::new()
    );
}

#[test]
fn a_re_export_does_not_launder_an_arrow() {
    // The client may use `protocol`, but not what the broker's half of it passes on.
    let mut files = sources(&[
        (
            "src/lib.rs",
            "pub mod client; pub mod protocol; pub mod broker;",
        ),
        ("src/broker/mod.rs", "pub struct BrokerError;"),
        ("src/protocol/mod.rs", "pub use crate::broker::*;"),
        ("src/client/mod.rs", "use crate::protocol::BrokerError;"),
    ]);
    // A glob passes on what its module binds; a name that the module defines itself stops there.
    files[1] = Source::new(
        "src/broker/mod.rs",
        "mod error; pub use error::BrokerError;",
    );
    files.push(Source::new(
        "src/broker/error.rs",
        "pub struct BrokerError;",
    ));
    assert_one(&layers::check(&Names::read(&files)), "client -> broker");
}

#[test]
fn a_glob_of_the_root_and_a_module_without_a_layer_are_caught() {
    let hidden = arrows("src/storage/log.rs", "use crate::*;");
    assert_one(&hidden, "hides what is used");
    let nowhere = arrows("src/stray.rs", "use crate::types::Offset;");
    assert_one(&nowhere, "belongs to no layer");
}

#[test]
fn what_is_out_of_place_is_caught() {
    let cases = [
        ("use glommio::LocalExecutor;", "glommio"),
        ("use ::glommio as g;", "glommio"),
        ("fn f() { tokio::spawn(async {}); }", "tokio::spawn"),
        ("use std::fs; fn f() {}", "std::fs"),
        ("use std::{fs::File, io};", "std::fs::File"),
        ("use std::net::TcpStream;", "TcpStream"),
        (
            "use std::time; fn f() { time::Instant::now(); }",
            "Instant::now",
        ),
        (
            "use std::time::SystemTime as T; fn f() { T::now(); }",
            "SystemTime::now",
        ),
        ("fn f() { std::thread::spawn(|| ()); }", "std::thread"),
        ("fn f() { log!(std::thread::current()); }", "std::thread"),
        ("use std::collections::HashMap;", "HashMap"),
        ("fn f() { fastrand::u64(..); }", "fastrand::u64"),
        ("fn f() { fastrand::Rng::new(); }", "fastrand::Rng::new"),
        ("use memmap2::Mmap;", "memmap2"),
        ("use kafka_protocol::messages::ApiKey;", "oracle"),
    ];
    for (text, wanted) in cases {
        let faults = places::check(&crate_with("src/shard/mod.rs", text));
        assert!(
            faults.iter().any(|fault| fault.contains(wanted)),
            "{text}: {faults:?}"
        );
    }
}

#[test]
fn what_is_in_its_place_is_left_alone() {
    let cases = [
        (
            "src/runtime/mod.rs",
            "use glommio::LocalExecutor; use std::time::Instant; fn f() { Instant::now(); }",
        ),
        (
            "src/client/transport/tcp.rs",
            "use std::net::TcpStream; use tokio::net;",
        ),
        ("src/storage/real_disk.rs", "use std::fs::File;"),
        (
            "src/shard/mod.rs",
            "use std::net::SocketAddr; use fastrand::Rng; fn f() { Rng::with_seed(7); }",
        ),
        (
            "src/shard/mod.rs",
            "use crate::types::Instant; fn f() { Instant::now(); }",
        ),
        (
            "src/shard/mod.rs",
            "#[cfg(test)] mod tests { use std::fs; }",
        ),
        (
            "src/shard/mod.rs",
            "#[cfg(test)] fn f() { std::fs::read(p); } fn g() {}",
        ),
    ];
    for (path, text) in cases {
        assert_eq!(
            places::check(&crate_with(path, text)),
            Vec::<String>::new(),
            "{text}"
        );
    }
    let after = "#[cfg(test)] fn f() {} fn g() { std::fs::read(p); }";
    assert_one(
        &places::check(&crate_with("src/shard/mod.rs", after)),
        "std::fs::read",
    );
    let not = "#[cfg(not(test))] fn g() { std::fs::read(p); }";
    assert_one(
        &places::check(&crate_with("src/shard/mod.rs", not)),
        "std::fs::read",
    );
}

#[test]
fn leftovers_long_lines_and_machine_paths_are_caught() {
    let cases = [
        (format!("// {}: later", concat!("TO", "DO")), "left over"),
        (
            format!("fn f() {{ {}) }}", concat!("db", "g!(1")),
            "left over",
        ),
        (
            format!("const A: &str = \"{}\";", "a".repeat(120)),
            "in a line",
        ),
        (
            format!("const A: &str = \"{}me\";", concat!("/ho", "me/")),
            "one machine only",
        ),
        (format!("{}(dead_code)]", concat!("#[al", "low")), "expect"),
    ];
    for (text, wanted) in cases {
        assert_one(
            &style::check_text(&Source::new("src/shard/mod.rs", &text)),
            wanted,
        );
    }
}

fn rust(path: &str, text: &str) -> Vec<String> {
    style::check_rust(&Source::new(path, text), false)
}

#[test]
fn long_files_and_functions_are_caught() {
    let long = format!("//! Doc.\nfn f() {{\n{}}}\n", "    g();\n".repeat(70));
    assert_one(&rust("src/shard/mod.rs", &long), "72 lines");
    let in_tests = format!(
        "//! Doc.\n#[cfg(test)]\nmod tests {{ fn f() {{\n{}}} }}",
        "g();\n".repeat(70)
    );
    assert_eq!(rust("src/shard/mod.rs", &in_tests), Vec::<String>::new());
    let long = format!("//! Doc.\n{}", "fn f() {}\n".repeat(500));
    assert_one(&rust("src/shard/mod.rs", &long), "501 lines");
    assert_eq!(
        rust("src/protocol/kafka/messages/fetch.rs", &long),
        Vec::<String>::new()
    );
}

#[test]
fn names_and_documentation_are_asked_for() {
    assert_one(
        &rust("src/shard/mod.rs", "pub struct Shard;"),
        "opens without",
    );
    assert_one(&rust("src/shard/utils.rs", "//! Doc."), "names nothing");
    assert_one(
        &rust("src/shard/fetch_helper.rs", "//! Doc."),
        "names nothing",
    );
    assert_one(
        &rust("src/shard/manager/fetch.rs", "//! Doc."),
        "names nothing",
    );
    assert_one(&rust("src/shard/fetch2.rs", "//! Doc."), "numbered");
    assert_one(
        &rust("src/shard/fetch.rs", "//! Doc.\nstruct FetchManager;"),
        "names nothing",
    );
    assert_eq!(rust("src/record/lz4.rs", "//! Doc."), Vec::<String>::new());
}

#[test]
fn unsafe_is_held_to_its_files_and_explained() {
    let explained = "//! Doc.\nfn f() {\n    // SAFETY: nothing.\n    unsafe { g() }\n}";
    assert_one(&rust("src/shard/mod.rs", explained), "outside of the files");
    assert_eq!(
        rust("src/storage/mapping.rs", explained),
        Vec::<String>::new()
    );
    let silent = "//! Doc.\nfn f() {\n    unsafe { g() }\n}";
    assert_one(
        &rust("src/storage/mapping.rs", silent),
        "without `// SAFETY:`",
    );
    let silent = "//! Doc.\n\nunsafe impl Send for A {}";
    assert_one(
        &rust("src/storage/mapping.rs", silent),
        "without `// SAFETY:`",
    );
    assert_eq!(rust("src/shard/mod.rs", silent).len(), 2);
}

#[test]
fn dead_files_and_missing_pages_are_caught() {
    let files = sources(&[
        ("src/lib.rs", "pub mod shard;"),
        ("src/shard/mod.rs", "mod event;"),
        ("src/shard/event.rs", "mod kind;"),
        ("src/shard/event/kind.rs", ""),
        ("src/shard/dead.rs", ""),
        ("tests/sim/main.rs", "mod world;"),
        ("tests/sim/world.rs", ""),
        ("README.md", "See docs/architecture.md and GONE.md."),
        ("docs/architecture.md", "Back to ../README.md"),
    ]);
    let reach = Reach::walk(&files);
    assert_one(&reach.dead_files(&files), "src/shard/dead.rs");
    assert!(reach.is_private("src/shard/event.rs") && !reach.is_private("src/shard/mod.rs"));
    assert_one(
        &style::check_pages(&files),
        "README.md:1: there is no page `GONE.md`",
    );
}
