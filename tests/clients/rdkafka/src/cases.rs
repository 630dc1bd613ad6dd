//! The cases.

use crate::client::{Cluster, Delivered, Fault, Outgoing, PATIENCE, ensure, fault, read};
use rdkafka::consumer::Consumer;
use rdkafka::message::Message;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::{Duration, Instant};

type Case = fn(&Cluster) -> Result<(), Fault>;

/// Every case with its name.
pub fn all() -> Vec<(&'static str, Case)> {
    vec![
        ("codec_none", |cluster| codec(cluster, "none")),
        ("codec_gzip", |cluster| codec(cluster, "gzip")),
        ("codec_snappy", |cluster| codec(cluster, "snappy")),
        ("codec_lz4", |cluster| codec(cluster, "lz4")),
        ("codec_zstd", |cluster| codec(cluster, "zstd")),
        ("pipelined_small_batches", pipelined_small_batches),
        ("acks_one_and_none", acks_one_and_none),
        ("keys_keep_their_order", keys_keep_their_order),
        ("seek_and_read_again", seek_and_read_again),
        ("offsets_for_times", offsets_for_times),
        ("watermarks", watermarks),
        ("messages_near_a_megabyte", messages_near_a_megabyte),
        ("many_partitions", many_partitions),
        ("small_fetches_make_progress", small_fetches_make_progress),
        (
            "a_reader_waits_for_what_comes",
            a_reader_waits_for_what_comes,
        ),
        ("topics_grow_and_go", topics_grow_and_go),
        ("metadata_names_the_nodes", metadata_names_the_nodes),
    ]
}

/// Values like log lines: alike enough to compress, and each different.
fn values(count: usize) -> Vec<Vec<u8>> {
    (0..count)
        .map(|n| {
            let padding = "order placed by customer ".repeat(n % 9);
            format!("{n} {padding}{:x}", n.wrapping_mul(0x9e37_79b9_7f4a_7c15)).into_bytes()
        })
        .collect()
}

/// Bytes that do not compress, the same for the same seed.
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed | 1;
    let mut bytes = Vec::with_capacity(length);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

fn to_one_partition(values: &[Vec<u8>]) -> Vec<Outgoing> {
    values
        .iter()
        .map(|value| Outgoing::to(0, value.clone()))
        .collect()
}

/// Acknowledged offsets of one partition must follow the order of sending without a gap.
fn in_order(delivered: &Delivered, count: usize) -> Result<(), Fault> {
    for n in 0..count {
        let found = delivered.get(&n).copied();
        ensure(found == Some((0, n as i64)), || {
            format!("message {n} was put at {found:?}")
        })?;
    }
    Ok(())
}

fn same_values(
    messages: &[rdkafka::message::OwnedMessage],
    wanted: &[Vec<u8>],
) -> Result<(), Fault> {
    for (message, wanted) in messages.iter().zip(wanted) {
        ensure(message.payload() == Some(wanted.as_slice()), || {
            format!(
                "offset {} has another value than what was sent",
                message.offset()
            )
        })?;
    }
    Ok(())
}

fn codec(cluster: &Cluster, codec: &str) -> Result<(), Fault> {
    let topic = cluster.create(&format!("codec-{codec}"), 1)?;
    let sent = values(5000);
    let settings = [
        ("enable.idempotence", "true"),
        ("compression.codec", codec),
        ("linger.ms", "5"),
    ];
    let delivered = cluster.send(&topic, &settings, &to_one_partition(&sent))?;
    in_order(&delivered, sent.len())?;
    same_values(&cluster.read_all(&topic, 1, sent.len())?, &sent)
}

fn pipelined_small_batches(cluster: &Cluster) -> Result<(), Fault> {
    let topic = cluster.create("pipelined", 1)?;
    let sent = values(10_000);
    let settings = [
        ("enable.idempotence", "true"),
        ("linger.ms", "0"),
        ("batch.num.messages", "13"),
        ("max.in.flight.requests.per.connection", "5"),
    ];
    let delivered = cluster.send(&topic, &settings, &to_one_partition(&sent))?;
    in_order(&delivered, sent.len())?;
    same_values(&cluster.read_all(&topic, 1, sent.len())?, &sent)
}

fn acks_one_and_none(cluster: &Cluster) -> Result<(), Fault> {
    for acks in ["1", "0"] {
        let topic = cluster.create(&format!("acks-{acks}"), 1)?;
        let sent = values(1000);
        cluster.send(&topic, &[("acks", acks)], &to_one_partition(&sent))?;
        same_values(&cluster.read_all(&topic, 1, sent.len())?, &sent)?;
    }
    Ok(())
}

fn keys_keep_their_order(cluster: &Cluster) -> Result<(), Fault> {
    let partitions = 5;
    let topic = cluster.create("keyed", partitions)?;
    let sent: Vec<Outgoing> = (0..6000)
        .map(|n| Outgoing {
            partition: None,
            key: Some(format!("device-{}", n % 60).into_bytes()),
            value: n.to_string().into_bytes(),
            timestamp: None,
        })
        .collect();
    let settings = [
        ("enable.idempotence", "true"),
        ("partitioner", "murmur2_random"),
        ("linger.ms", "1"),
    ];
    cluster.send(&topic, &settings, &sent)?;
    let mut last: BTreeMap<Vec<u8>, (i32, u64)> = BTreeMap::new();
    for message in cluster.read_all(&topic, partitions, sent.len())? {
        let key = message.key().unwrap_or_default().to_vec();
        let text = String::from_utf8_lossy(message.payload().unwrap_or_default()).into_owned();
        let value: u64 = text.parse().map_err(fault)?;
        if let Some((partition, before)) = last.insert(key, (message.partition(), value)) {
            ensure(partition == message.partition(), || {
                format!("{value} is in two partitions")
            })?;
            ensure(value == before + 60, || {
                format!("{value} came after {before}")
            })?;
        }
    }
    ensure(last.len() == 60, || {
        format!("{} keys instead of 60", last.len())
    })
}

fn seek_and_read_again(cluster: &Cluster) -> Result<(), Fault> {
    let topic = cluster.create("seek", 1)?;
    let sent = values(3000);
    cluster.send(
        &topic,
        &[("compression.codec", "lz4")],
        &to_one_partition(&sent),
    )?;
    let reader = cluster.reader(&topic, &[(0, Offset::Offset(1500))], &[])?;
    same_values(&read(&reader, 1500)?, &sent[1500..])?;
    for from in [2999, 0, 777] {
        reader
            .seek(&topic, 0, Offset::Offset(from as i64), PATIENCE)
            .map_err(fault)?;
        let messages = read(&reader, 1)?;
        let found = messages[0].offset();
        ensure(found == from as i64, || {
            format!("sought {from}, got {found}")
        })?;
        same_values(&messages, &sent[from..])?;
    }
    let tail = cluster.reader(&topic, &[(0, Offset::OffsetTail(10))], &[])?;
    same_values(&read(&tail, 10)?, &sent[2990..])
}

fn offsets_for_times(cluster: &Cluster) -> Result<(), Fault> {
    let topic = cluster.create("times", 1)?;
    let start = 1_700_000_000_000_i64;
    let sent: Vec<Outgoing> = (0..1000)
        .map(|n| Outgoing {
            timestamp: Some(start + 10 * n),
            ..Outgoing::to(0, vec![b'x'; 100])
        })
        .collect();
    cluster.send(&topic, &[("batch.num.messages", "50")], &sent)?;
    let reader = cluster.reader(&topic, &[(0, Offset::Beginning)], &[])?;
    for (asked, wanted) in [
        (start, Offset::Offset(0)),
        (start + 1, Offset::Offset(1)),
        (start + 4321, Offset::Offset(433)),
        (start + 9990, Offset::Offset(999)),
        (0, Offset::Offset(0)),
        (start + 9991, Offset::End),
    ] {
        let mut times = TopicPartitionList::new();
        times
            .add_partition_offset(&topic, 0, Offset::Offset(asked))
            .map_err(fault)?;
        let found = reader.offsets_for_times(times, PATIENCE).map_err(fault)?;
        let found = found
            .find_partition(&topic, 0)
            .map(|partition| partition.offset());
        ensure(found == Some(wanted), || {
            format!("time {asked}: {found:?}, not {wanted:?}")
        })?;
    }
    Ok(())
}

fn watermarks(cluster: &Cluster) -> Result<(), Fault> {
    let topic = cluster.create("watermarks", 2)?;
    cluster.send(&topic, &[], &to_one_partition(&values(123)))?;
    let reader = cluster.reader(&topic, &[(0, Offset::Beginning)], &[])?;
    for (partition, wanted) in [(0, (0, 123)), (1, (0, 0))] {
        let found = reader
            .fetch_watermarks(&topic, partition, PATIENCE)
            .map_err(fault)?;
        ensure(found == wanted, || {
            format!("partition {partition}: {found:?}, not {wanted:?}")
        })?;
    }
    Ok(())
}

fn messages_near_a_megabyte(cluster: &Cluster) -> Result<(), Fault> {
    let topic = cluster.create("big", 1)?;
    let sent: Vec<Vec<u8>> = (1..=12).map(|n| noise(n, 990_000 + n as usize)).collect();
    let settings = [("enable.idempotence", "true")];
    in_order(
        &cluster.send(&topic, &settings, &to_one_partition(&sent))?,
        sent.len(),
    )?;
    same_values(&cluster.read_all(&topic, 1, sent.len())?, &sent)
}

fn many_partitions(cluster: &Cluster) -> Result<(), Fault> {
    let partitions = 64;
    let topic = cluster.create("wide", partitions)?;
    let sent: Vec<Outgoing> = values(6400)
        .into_iter()
        .zip(0..)
        .map(|(value, n)| Outgoing::to(n % partitions, value))
        .collect();
    let settings = [
        ("enable.idempotence", "true"),
        ("compression.codec", "zstd"),
    ];
    let delivered = cluster.send(&topic, &settings, &sent)?;
    let messages = cluster.read_all(&topic, partitions, sent.len())?;
    let got: HashMap<(i32, i64), &[u8]> = messages
        .iter()
        .map(|m| ((m.partition(), m.offset()), m.payload().unwrap_or_default()))
        .collect();
    for (number, place) in &delivered {
        let number = *number as i32;
        let right = *place == (number % partitions, i64::from(number / partitions));
        ensure(right, || format!("message {number} was put at {place:?}"))?;
        let found = got.get(place).copied();
        let wanted = sent
            .get(number as usize)
            .map(|message| message.value.as_slice());
        ensure(found == wanted, || {
            format!("{place:?} holds another value than what was sent")
        })?;
    }
    Ok(())
}

fn small_fetches_make_progress(cluster: &Cluster) -> Result<(), Fault> {
    let topic = cluster.create("narrow", 1)?;
    let sent: Vec<Vec<u8>> = (0..200).map(|n| noise(n + 1, 3000)).collect();
    cluster.send(
        &topic,
        &[("batch.num.messages", "4")],
        &to_one_partition(&sent),
    )?;
    let settings = [
        ("fetch.message.max.bytes", "100"),
        ("fetch.max.bytes", "1000"),
        ("message.max.bytes", "1000"),
        ("receive.message.max.bytes", "1000000"),
    ];
    let reader = cluster.reader(&topic, &[(0, Offset::Beginning)], &settings)?;
    same_values(&read(&reader, sent.len())?, &sent)
}

fn a_reader_waits_for_what_comes(cluster: &Cluster) -> Result<(), Fault> {
    let topic = cluster.create("wait", 1)?;
    let settings = [
        ("fetch.wait.max.ms", "5000"),
        ("socket.timeout.ms", "20000"),
    ];
    let reader = cluster.reader(&topic, &[(0, Offset::Beginning)], &settings)?;
    let early = reader.poll(Duration::from_millis(500)).is_none();
    ensure(early, || "something came from an empty topic".to_owned())?;
    let began = Instant::now();
    cluster.send(&topic, &[], &to_one_partition(&values(1)))?;
    read(&reader, 1)?;
    // Not a benchmark: only that the answer did not wait for the fetch's 5 s to pass.
    ensure(began.elapsed() < Duration::from_secs(4), || {
        "the waiting fetch slept on".to_owned()
    })
}

fn topics_grow_and_go(cluster: &Cluster) -> Result<(), Fault> {
    let topic = cluster.create("grow", 2)?;
    cluster.grow(&topic, 6)?;
    let delivered = cluster.send(&topic, &[], &[Outgoing::to(5, b"new".to_vec())])?;
    ensure(delivered.get(&0) == Some(&(5, 0)), || {
        format!("{delivered:?}")
    })?;
    ensure(cluster.create("grow", 2).is_err(), || {
        "a topic was created twice".to_owned()
    })?;
    cluster.delete(&topic)?;
    ensure(cluster.delete(&topic).is_err(), || {
        "a topic was deleted twice".to_owned()
    })?;
    cluster.create("grow", 1)?;
    let again = cluster.send(&topic, &[], &to_one_partition(&values(1)))?;
    in_order(&again, 1)
}

fn metadata_names_the_nodes(cluster: &Cluster) -> Result<(), Fault> {
    let topic = cluster.create("nodes", 8)?;
    let reader = cluster.reader(&topic, &[(0, Offset::Beginning)], &[])?;
    let metadata = reader
        .fetch_metadata(Some(&topic), PATIENCE)
        .map_err(fault)?;
    let nodes: HashSet<i32> = metadata
        .brokers()
        .iter()
        .map(|broker| broker.id())
        .collect();
    ensure(nodes.len() == cluster.nodes, || {
        format!("nodes {nodes:?}, not {}", cluster.nodes)
    })?;
    let partitions = metadata
        .topics()
        .first()
        .map_or(&[][..], |topic| topic.partitions());
    ensure(partitions.len() == 8, || {
        format!("{} partitions, not 8", partitions.len())
    })?;
    let leaders: HashSet<i32> = partitions
        .iter()
        .map(|partition| partition.leader())
        .collect();
    ensure(leaders == nodes, || {
        format!("leaders {leaders:?} of nodes {nodes:?}")
    })
}
