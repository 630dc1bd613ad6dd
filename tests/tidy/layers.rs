//! The layers, and the arrows between them.

use crate::names::{Names, Target};
use std::collections::BTreeSet;

/// Which other layers a layer may use.
#[derive(Clone, Copy)]
enum Uses {
    /// Every layer listed before it.
    AllBelow,
    /// Every layer listed before it but this one.
    AllBut(&'static str),
    /// These only.
    Only(&'static [&'static str]),
}

/// The layers, lowest first. A module belongs to the layer with the longest matching path.
const LAYERS: [(&str, Uses); 21] = [
    ("types", Uses::AllBelow),
    ("config", Uses::Only(&["types"])),
    ("metrics", Uses::Only(&["types"])),
    ("wire", Uses::AllBelow),
    ("record", Uses::AllBelow),
    ("storage", Uses::AllBelow),
    ("topic", Uses::AllBelow),
    ("partition", Uses::AllBelow),
    ("protocol::kafka::messages", Uses::Only(MESSAGE_BASE)),
    ("coordinator", Uses::AllBelow),
    ("broker", Uses::AllBut("protocol::kafka::messages")),
    ("protocol::kafka::api", Uses::AllBelow),
    ("protocol::native", Uses::AllBelow),
    ("protocol", Uses::AllBelow),
    ("client", Uses::Only(CLIENT_BASE)),
    ("shard", Uses::AllBelow),
    ("import", Uses::AllBelow),
    ("runtime", Uses::AllBelow),
    ("admin", Uses::AllBelow),
    ("cli", Uses::AllBelow),
    ("main", Uses::AllBelow),
];

/// A message knows bytes and records, and nothing of a broker.
const MESSAGE_BASE: &[&str] = &["types", "config", "metrics", "wire", "record"];

/// A client is a peer of the broker, not a part of it.
const CLIENT_BASE: &[&str] = &[
    "types",
    "config",
    "metrics",
    "wire",
    "record",
    "protocol",
    "protocol::kafka::messages",
    "protocol::native",
];

fn rank(module: &[String]) -> Option<usize> {
    let path = module.join("::");
    let belongs = |layer: &str| {
        path.strip_prefix(layer)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
    };
    let matching = LAYERS
        .iter()
        .enumerate()
        .filter(|(_, (layer, _))| belongs(layer));
    matching
        .max_by_key(|(_, (layer, _))| layer.len())
        .map(|(rank, _)| rank)
}

fn may_use(from: usize, to: usize) -> bool {
    match LAYERS[from].1 {
        _ if from == to => true,
        Uses::AllBelow => to < from,
        Uses::AllBut(other) => to < from && LAYERS[to].0 != other,
        Uses::Only(allowed) => allowed.contains(&LAYERS[to].0),
    }
}

/// Every arrow that runs up or to the side, as `file:line: from -> to (as written)`; of those from
/// one file to one module, the first.
pub(crate) fn check(names: &Names) -> Vec<String> {
    let mut faults = Vec::new();
    let mut seen: BTreeSet<(&String, String)> = BTreeSet::new();
    for (file, mention) in &names.mentions {
        let at = format!("{file}:{}", mention.line);
        let written = mention.path.join("::");
        let Some(from) = rank(&mention.module) else {
            if !mention.module.is_empty() {
                let module = mention.module.join("::");
                faults.push(format!("{file}: `{module}` belongs to no layer"));
            }
            continue;
        };
        if names.is_glob_of_root(mention) {
            faults.push(format!("{at}: `{written}` hides what is used; name it"));
        }
        if mention.path.len() < 2 && mention.binds.is_none() {
            // A plain name: whatever brought it into scope is judged there.
            continue;
        }
        let Target::Inside(reached) = names.resolve(mention) else {
            continue;
        };
        let upward = |module: &&Vec<String>| rank(module).is_some_and(|to| !may_use(from, to));
        if let Some(module) = reached.iter().find(upward) {
            let (from, to) = (LAYERS[from].0, module.join("::"));
            if seen.insert((file, to.clone())) {
                faults.push(format!(
                    "{at}: {from} -> {to} runs up (written `{written}`)"
                ));
            }
        }
    }
    faults.dedup();
    faults
}
