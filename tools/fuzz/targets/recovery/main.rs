//! Data directories that the engine wrote and the input damages. A start over one is refused in
//! words, again and again the same, or serves: each partition is online or offline, and what it
//! serves are batches that were appended at that offset, or fails its checksum before the reader's
//! eyes. A second start comes to the same. Who was not damaged does not notice.
#![no_main]

mod broker;
mod client;
mod damage;
mod scene;

use broker::{Broker, DATA};
use client::{Content, Place, Served, written};
use corelane::record::Batch;
use corelane::shard::{BootError, Rehearsed, rehearse};
use corelane::storage::MemoryDisk;
use damage::{Choices, Damage};
use libfuzzer_sys::fuzz_target;
use scene::{SCENES, Scene};
use std::collections::BTreeMap;
use std::path::Path;

fuzz_target!(|data: &[u8]| {
    let mut choices = Choices(data);
    let scene = &SCENES[usize::from(choices.byte()) % SCENES.len()];
    let disk = scene.disk.fork();
    let damage = Damage::inflict(&disk, &mut choices);
    let before = all_bytes(&disk);
    let rehearsed = rehearse(&disk, Path::new(DATA));
    assert!(all_bytes(&disk) == before, "{damage:?}: a rehearsal wrote");
    let first = match Broker::start(&disk, 1) {
        Ok(mut broker) => read_all(&mut broker, scene),
        Err(error) => return check_refusal(&disk, &error, rehearsed, &before),
    };
    check_rehearsal(scene, &first, rehearsed);
    for (place, served) in &first {
        check_served(scene, &damage, place, served);
    }
    disk.process_crash();
    let broker = Broker::start(&disk, 1);
    let mut broker = broker.unwrap_or_else(|error| panic!("{damage:?}: then {error}"));
    let second = read_all(&mut broker, scene);
    assert_eq!(second, first, "{damage:?}: the second start differs");
    append_to_all(&mut broker, scene, &second);
    broker.stop();
});

/// Every file and its bytes.
fn all_bytes(disk: &MemoryDisk) -> BTreeMap<std::path::PathBuf, Vec<u8>> {
    let files = Scene::files(disk).into_iter();
    let read = files.map(|path| {
        let bytes = disk.read_file(&path).expect("the file is there");
        (path, bytes)
    });
    read.collect()
}

fn read_all(broker: &mut Broker, scene: &Scene) -> BTreeMap<Place, Served> {
    let places = scene.places.iter();
    places
        .map(|place| (place.clone(), broker.read(place)))
        .collect()
}

/// A start that is refused for what it finds is refused before it changes anything, and so is the
/// next one. What is damaged of a partition alone comes to light later.
fn check_refusal(
    disk: &MemoryDisk,
    error: &BootError,
    rehearsed: Result<Vec<Rehearsed>, BootError>,
    before: &BTreeMap<std::path::PathBuf, Vec<u8>>,
) {
    let Err(foretold) = rehearsed else {
        panic!("nobody foretold: {error}");
    };
    assert_eq!(foretold.to_string(), error.to_string());
    let is_late = matches!(error, BootError::Io { path, .. } if path.ends_with("unrecovered"));
    assert!(
        is_late || &all_bytes(disk) == before,
        "a refused start wrote: {error}"
    );
    disk.process_crash();
    let again = Broker::start(disk, 1).map(drop);
    assert_eq!(
        again.map_err(|error| error.to_string()),
        Err(foretold.to_string())
    );
}

/// What a rehearsal says comes to pass.
fn check_rehearsal(
    scene: &Scene,
    served: &BTreeMap<Place, Served>,
    rehearsed: Result<Vec<Rehearsed>, BootError>,
) {
    let rehearsed = rehearsed.unwrap_or_else(|error| panic!("it starts all the same: {error}"));
    for place in &scene.places {
        let directory = place.directory();
        let foretold = rehearsed
            .iter()
            .find(|partition| partition.directory == directory);
        let is_offline = foretold.is_some_and(|partition| partition.outcome.is_err());
        assert_eq!(served[place] == Served::Offline, is_offline, "{place:?}");
    }
}

fn check_served(scene: &Scene, damage: &Damage, place: &Place, served: &Served) {
    if !damage.may_concern(place) {
        assert_eq!(served, &scene.served[place], "{damage:?}: {place:?}");
        return;
    }
    let Served::Online(content) = served else {
        return;
    };
    for (base, batch) in &content.batches {
        let mut known = scene.appended.iter();
        let is_known = known.any(|((owner, at), batches)| {
            at == base && batches.contains(batch) && (owner == place || damage.is_mixed)
        });
        assert!(
            is_known,
            "{damage:?}: {place:?}: the batch at {base} was never appended"
        );
    }
}

/// An online partition takes another batch, and serves it where that was appended.
fn append_to_all(broker: &mut Broker, scene: &Scene, served: &BTreeMap<Place, Served>) {
    let mut source = scene.clone();
    for (place, served) in served {
        let batch = source.batch(false);
        let base = broker.append(place, &batch, -1);
        let Served::Online(content) = served else {
            assert!(base.is_err(), "{place:?} is {served:?} and takes a batch");
            continue;
        };
        assert_eq!(base, Ok(content.end), "{place:?}");
        let written = written(&Batch::validate(batch).expect("it is whole"));
        match broker.read(place) {
            Served::Online(Content {
                batches,
                complaint: None,
                ..
            }) => {
                assert_eq!(batches.last(), Some(&(content.end, written)), "{place:?}");
            }
            Served::Online(_) if content.complaint.is_some() => {}
            other => panic!("{place:?} after an append: {other:?}"),
        }
    }
}
