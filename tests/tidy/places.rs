//! Things that have their place: crates, files, clocks, threads, chance.

use crate::names::{Names, Target};

/// Something that only some files may mention outside of tests.
struct Place {
    /// Path prefixes. A segment `function` stands for any name that starts in lower case.
    what: &'static [&'static str],
    /// Prefixes of the paths of files.
    only_in: &'static [&'static str],
    /// Where it should go instead.
    remedy: &'static str,
}

const PLACES: [Place; 15] = [
    Place {
        what: &["glommio", "socket2", "async_channel"],
        only_in: &["src/runtime/"],
        remedy: "only the runtime knows executors; emit an effect",
    },
    Place {
        what: &["tokio", "axum", "hyper"],
        only_in: &["src/runtime/", "src/client/transport", "src/admin/"],
        remedy: "async stays at the edge",
    },
    Place {
        what: &["std::fs", "std::os::unix::fs", "tempfile"],
        only_in: &[
            "src/storage/real_disk",
            "src/storage/data_directory",
            "src/storage/mapping.rs",
            "src/runtime/",
            "src/client/transport",
            "src/cli/",
            "src/main.rs",
        ],
        remedy: "go through `storage::Disk`",
    },
    Place {
        what: &[
            "std::net::TcpStream",
            "std::net::TcpListener",
            "std::net::UdpSocket",
            "std::net::ToSocketAddrs",
            "std::os::unix::net",
        ],
        only_in: &[
            "src/runtime/",
            "src/client/transport",
            "src/admin/",
            "src/cli/",
        ],
        remedy: "sockets belong to the runtime and to the clients' transport",
    },
    Place {
        what: &["std::time::Instant::now", "std::time::SystemTime::now"],
        only_in: &[
            "src/storage/real_disk/give_way.rs",
            "src/storage/real_disk/reclaimer.rs",
            "src/runtime/",
            "src/client/transport",
            "src/admin/",
            "src/cli/",
            "src/main.rs",
        ],
        remedy: "time comes in with the event",
    },
    Place {
        what: &["std::thread"],
        only_in: &[
            "src/storage/real_disk/give_way.rs",
            "src/storage/real_disk/reclaimer.rs",
            "src/runtime/",
            "src/client/transport",
            "src/admin/",
            "src/cli/",
            "src/main.rs",
        ],
        remedy: "everything below the runtime has one thread",
    },
    Place {
        what: &["std::env", "std::process", "signal_hook"],
        only_in: &["src/runtime/", "src/admin/", "src/cli/", "src/main.rs"],
        remedy: "settings come from `config`, signals from the runtime",
    },
    Place {
        what: &[
            "fastrand::function",
            "fastrand::Rng::new",
            "uuid::Uuid::new_v4",
            "std::collections::HashMap",
            "std::collections::HashSet",
            "std::hash::RandomState",
        ],
        only_in: &[
            "src/runtime/",
            "src/client/transport",
            "src/admin/",
            "src/cli/",
            "src/main.rs",
        ],
        remedy: "chance comes in seeded, and hash maps are `rustc_hash`: a trace must repeat",
    },
    Place {
        // `rustix::io` is only the names of errors.
        what: &[
            "rustix::event",
            "rustix::fs",
            "rustix::mm",
            "rustix::net",
            "rustix::param",
            "rustix::process",
            "rustix::thread",
            "rustix::time",
            "libc",
        ],
        only_in: &[
            "src/storage/real_disk",
            "src/storage/data_directory",
            "src/storage/mapping.rs",
            "src/runtime/",
            "src/cli/",
        ],
        remedy: "system calls belong to the disk and to the runtime",
    },
    Place {
        what: &["memmap2"],
        only_in: &["src/storage/mapping.rs"],
        remedy: "use `storage::mapping`",
    },
    Place {
        what: &["zstd", "lz4_flex", "snap", "flate2"],
        only_in: &["src/record/"],
        remedy: "use `record`'s compression, which bounds what comes out",
    },
    Place {
        what: &["clap", "indicatif", "env_logger", "jiff", "hdrhistogram"],
        only_in: &["src/cli/", "src/main.rs"],
        remedy: "this serves people at a terminal",
    },
    Place {
        what: &["regex"],
        only_in: &["src/cli/", "src/coordinator/consumer/"],
        remedy: "only people's wishes come as expressions: bounded in size, without backtracking",
    },
    Place {
        what: &["flatbuffers"],
        only_in: &[
            "src/storage/",
            "src/topic/",
            "src/protocol/native/",
            "src/client/",
        ],
        remedy: "schemas belong to storage and to the native protocol",
    },
    Place {
        what: &["kafka_protocol"],
        only_in: &[],
        remedy: "it takes memory on a peer's word; it is the tests' oracle only",
    },
];

fn matches(pattern: &str, path: &[String]) -> bool {
    let mut segments = path.iter();
    pattern.split("::").all(|wanted| {
        segments.next().is_some_and(|segment| {
            wanted == segment
                || (wanted == "function" && segment.starts_with(|c: char| c.is_lowercase()))
        })
    })
}

/// Every mention outside its place, as `file:line: path … remedy`.
pub(crate) fn check(names: &Names) -> Vec<String> {
    let mut faults = Vec::new();
    for (file, mention) in &names.mentions {
        let generated = file.split('/').any(|part| part == "generated");
        let plain = mention.path.len() < 2 && mention.binds.is_none();
        if generated || plain || names.in_tests(mention) {
            continue;
        }
        let Target::Outside(path) = names.resolve(mention) else {
            continue;
        };
        let misplaced = PLACES.iter().find(|place| {
            place.what.iter().any(|what| matches(what, &path))
                && !place.only_in.iter().any(|prefix| file.starts_with(prefix))
        });
        if let Some(place) = misplaced {
            let (line, path, remedy) = (mention.line, path.join("::"), place.remedy);
            faults.push(format!("{file}:{line}: `{path}` is out of place: {remedy}"));
        }
    }
    faults.dedup();
    faults
}
