//! What stays of batches, against a map: random keys, codecs, tombstones, producers and budgets.

use bytes::Bytes;
use corelane::record::{
    Batch, BatchBuilder, Batches, Compression, DecompressionLimits, with_log_append_time,
};
use corelane::storage::compaction::{BatchFilter, Cleaned, CompactionTerms, OffsetMap};
use corelane::types::{Offset, ProducerEpoch, ProducerId, Sequence, Timestamp};
use proptest::prelude::*;
use std::cell::Cell;
use std::collections::BTreeMap;

const NOW: i64 = 10_000;
const RETENTION_MS: i64 = 500;
const AMPLE: usize = 1 << 20;

#[derive(Debug, Clone)]
struct Sent {
    key: Option<u8>,
    /// Its length; a tombstone without one.
    value: Option<usize>,
    time: i64,
    has_header: bool,
}

#[derive(Debug, Clone)]
struct SentBatch {
    codec: usize,
    producer: Option<i64>,
    append_time: Option<i64>,
    records: Vec<Sent>,
}

/// A record as a reader sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    offset: i64,
    time: i64,
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    headers: usize,
}

fn sent() -> impl Strategy<Value = Sent> {
    let key = prop_oneof![1 => Just(None), 12 => (0_u8..9).prop_map(Some)];
    let value = prop_oneof![1 => Just(None), 3 => (0_usize..90).prop_map(Some)];
    (key, value, -5_i64..NOW, any::<bool>()).prop_map(|(key, value, time, has_header)| Sent {
        key,
        value,
        time,
        has_header,
    })
}

fn sent_batch() -> impl Strategy<Value = SentBatch> {
    let records = prop::collection::vec(sent(), 1..6);
    let producer = prop_oneof![2 => Just(None), 1 => (0_i64..3).prop_map(Some)];
    let append_time = prop_oneof![3 => Just(None), 1 => (0_i64..NOW).prop_map(Some)];
    (0_usize..5, producer, append_time, records).prop_map(
        |(codec, producer, append_time, records)| SentBatch {
            codec,
            producer,
            append_time,
            records,
        },
    )
}

fn build(sent: &SentBatch, base: i64) -> Batch {
    let mut builder = BatchBuilder::new(Compression::ALL[sent.codec], None);
    for (number, record) in sent.records.iter().enumerate() {
        let key = record.key.map(|key| [key; 3]);
        let value = record.value.map(|length| vec![number as u8; length]);
        let headers: &[(&str, Option<&[u8]>)] = match record.has_header {
            true => &[("name", Some(b"value")), ("none", None)],
            false => &[],
        };
        builder.append(
            Timestamp::new(record.time),
            key.as_ref().map(<[u8; 3]>::as_slice),
            value.as_deref(),
            headers,
        );
    }
    if let Some(producer) = sent.producer {
        let sequence = Sequence::new(base as i32);
        builder.set_producer(ProducerId::new(producer), ProducerEpoch::new(2), sequence);
    }
    let batch = Batch::validate_stored(builder.build(Offset::new(base)).unwrap()).unwrap();
    match sent.append_time {
        Some(time) => with_log_append_time(&batch, Timestamp::new(time)),
        None => batch,
    }
}

fn build_all(sent: &[SentBatch]) -> Vec<Batch> {
    let mut base = 0;
    let mut batches = Vec::new();
    for sent in sent {
        batches.push(build(sent, base));
        base += sent.records.len() as i64;
    }
    batches
}

fn seen(batches: &[Batch]) -> Vec<Seen> {
    let mut all = Vec::new();
    for batch in batches {
        let records = batch.records(&DecompressionLimits::default()).unwrap();
        for record in records.iter() {
            let record = record.unwrap();
            all.push(Seen {
                offset: record.offset.get(),
                time: record.timestamp.get(),
                key: record.key.map(<[u8]>::to_vec),
                value: record.value.map(<[u8]>::to_vec),
                headers: record.headers().count(),
            });
        }
    }
    all
}

fn producers_of(batches: &[Batch]) -> BTreeMap<i64, Offset> {
    let sent = batches.iter().map(Batch::header);
    let sent = sent.filter(|header| header.has_producer());
    sent.map(|header| (header.producer_id().get(), header.last_offset()))
        .collect()
}

fn filter(batches: &[Batch], now: i64, map_bytes: usize) -> BatchFilter {
    let producers = producers_of(batches).into_iter();
    let terms = CompactionTerms {
        now: Timestamp::new(now),
        delete_retention_ms: RETENTION_MS,
        limits: DecompressionLimits::default(),
        producers: producers
            .map(|(id, last)| (ProducerId::new(id), last))
            .collect(),
    };
    BatchFilter::new(terms, OffsetMap::new(map_bytes, 77))
}

/// One run; gives what is left, what became of each batch, and from where on it is dirty still.
fn run(
    batches: &[Batch],
    dirty_from: Offset,
    now: i64,
    map_bytes: usize,
) -> (Vec<Batch>, Vec<Cleaned>, Offset) {
    let mut filter = filter(batches, now, map_bytes);
    let dirty = batches
        .iter()
        .filter(|batch| batch.header().next_offset() > dirty_from);
    for batch in dirty {
        if !filter.learn(batch, dirty_from, &|| ()) {
            break;
        }
    }
    let mut output = Vec::new();
    let mut became = Vec::new();
    for (at, batch) in batches.iter().enumerate() {
        became.push(filter.clean(batch, at + 1 == batches.len(), &mut output, &|| ()));
    }
    let cleaned: Result<Vec<Batch>, _> = Batches::new(Bytes::from(output)).collect();
    (cleaned.unwrap(), became, filter.known_below())
}

/// The newest record of each key among those below `upto`, and all from there on.
fn newest(records: &[Seen], upto: i64) -> Vec<Seen> {
    let below = records.iter().filter(|record| record.offset < upto);
    let keyed = below.filter_map(|record| Some((record.key.clone()?, record.offset)));
    let newest: BTreeMap<Vec<u8>, i64> = keyed.collect();
    let stays = |record: &&Seen| {
        let known = record.key.as_ref().and_then(|key| newest.get(key));
        record.offset >= upto || known == Some(&record.offset)
    };
    records.iter().filter(stays).cloned().collect()
}

fn check_headers(before: &[Batch], after: &[Batch]) -> Result<(), TestCaseError> {
    for batch in after {
        let header = batch.header();
        let original = before
            .iter()
            .map(Batch::header)
            .find(|original| original.base_offset() == header.base_offset());
        let original = original.expect("a batch keeps its base offset");
        prop_assert_eq!(header.last_offset(), original.last_offset());
        prop_assert_eq!(header.producer_id(), original.producer_id());
        prop_assert_eq!(header.producer_epoch(), original.producer_epoch());
        prop_assert_eq!(header.base_sequence(), original.base_sequence());
        prop_assert_eq!(header.last_sequence(), original.last_sequence());
        prop_assert_eq!(header.leader_epoch(), original.leader_epoch());
        prop_assert_eq!(header.timestamp_type(), original.timestamp_type());
        let largest = seen(std::slice::from_ref(batch));
        if let Some(largest) = largest.iter().map(|record| record.time).max() {
            prop_assert_eq!(header.compression(), original.compression());
            prop_assert_eq!(header.max_timestamp().get(), largest);
        }
    }
    let bases = after.iter().map(|batch| batch.header().base_offset());
    prop_assert!(bases.is_sorted());
    Ok(())
}

proptest! {
    #[test]
    fn the_newest_record_of_each_key_stays_as_it_was(
        sent in prop::collection::vec(sent_batch(), 1..20),
    ) {
        let batches = build_all(&sent);
        let all = seen(&batches);
        let end = batches.last().unwrap().header().next_offset();
        let (once, _, known) = run(&batches, Offset::ZERO, NOW, AMPLE);
        prop_assert_eq!(known, end);
        prop_assert_eq!(seen(&once), newest(&all, i64::MAX));
        check_headers(&batches, &once)?;
        prop_assert_eq!(once.last().unwrap().header().next_offset(), end);
        prop_assert_eq!(producers_of(&once), producers_of(&batches));

        // Again, with and without knowing that it is clean.
        for dirty_from in [Offset::ZERO, end] {
            let (twice, became, _) = run(&once, dirty_from, NOW + RETENTION_MS - 1, AMPLE);
            prop_assert_eq!(&twice, &once);
            prop_assert!(became.iter().all(|became| *became == Cleaned::Kept));
        }

        // Once their time has come tombstones go, and nothing else.
        let (late, _, _) = run(&once, Offset::ZERO, NOW + RETENTION_MS, AMPLE);
        let values = newest(&all, i64::MAX).into_iter().filter(|record| record.value.is_some());
        prop_assert_eq!(seen(&late), values.collect::<Vec<_>>());
        check_headers(&batches, &late)?;
    }

    #[test]
    fn runs_that_follow_each_other_come_to_the_same(
        sent in prop::collection::vec(sent_batch(), 1..20),
        split in any::<prop::sample::Index>(),
        keys in 1_usize..6,
    ) {
        let batches = build_all(&sent);
        let all = seen(&batches);
        let at = split.index(batches.len());
        let (early, late) = batches.split_at(at);
        let (mut log, _, mut dirty_from) = match early {
            [] => (Vec::new(), Vec::new(), Offset::ZERO),
            early => run(early, Offset::ZERO, NOW, AMPLE),
        };
        log.extend_from_slice(late);
        // With room for few keys it takes several runs, each of which takes in one key at least.
        let end = batches.last().unwrap().header().next_offset();
        while dirty_from < end {
            let (next, _, known) = run(&log, dirty_from, NOW, keys * 27);
            prop_assert!(known > dirty_from, "{} > {}", known, dirty_from);
            let left = seen(&next);
            prop_assert!(newest(&all, i64::MAX).iter().all(|record| left.contains(record)));
            prop_assert!(left.iter().all(|record| all.contains(record)));
            prop_assert!(left.iter().filter(|record| record.offset >= known.get()).count()
                == all.iter().filter(|record| record.offset >= known.get()).count());
            (log, dirty_from) = (next, known);
        }
        prop_assert_eq!(seen(&log), newest(&all, i64::MAX));
        check_headers(&batches, &log)?;
    }
}

fn one(records: &[(Option<u8>, Option<usize>)]) -> SentBatch {
    let records = records.iter().map(|(key, value)| Sent {
        key: *key,
        value: *value,
        time: 7,
        has_header: false,
    });
    SentBatch {
        codec: 0,
        producer: None,
        append_time: None,
        records: records.collect(),
    }
}

#[test]
fn a_batch_that_holds_its_producers_last_sequence_stays_without_records() {
    let mut first = one(&[(Some(1), Some(3)), (Some(2), Some(3))]);
    first.producer = Some(5);
    let later = one(&[(Some(1), Some(4)), (Some(2), Some(4))]);
    let batches = build_all(&[first, later]);
    let (cleaned, became, _) = run(&batches, Offset::ZERO, NOW, AMPLE);
    assert_eq!(became, [Cleaned::Emptied, Cleaned::Kept]);
    let header = cleaned[0].header();
    assert_eq!((header.record_count(), header.size()), (0, 61));
    assert_eq!(header.last_sequence(), Sequence::new(1));
    assert_eq!(header.max_timestamp(), Timestamp::new(7));
    assert_eq!(header.base_timestamp(), Timestamp::NONE);
    assert_eq!(header.compression(), Compression::None);
}

#[test]
fn a_batch_with_tombstones_gets_a_horizon_once() {
    let batches = build_all(&[
        one(&[(Some(1), Some(3))]),
        one(&[(Some(1), None), (Some(2), Some(9))]),
    ]);
    let (once, became, _) = run(&batches, Offset::ZERO, NOW, AMPLE);
    assert_eq!(became, [Cleaned::Removed, Cleaned::Rewritten]);
    let horizon = Some(Timestamp::new(NOW + RETENTION_MS));
    assert_eq!(once[0].header().delete_horizon(), horizon);
    // Cleaned again for another reason, it keeps the first one.
    let more = build(&one(&[(Some(2), Some(1))]), 3);
    let (twice, became, _) = run(&[once[0].clone(), more], Offset::new(3), NOW + 400, AMPLE);
    assert_eq!(became, [Cleaned::Rewritten, Cleaned::Kept]);
    assert_eq!(twice[0].header().delete_horizon(), horizon);
    assert_eq!(seen(&twice)[0].time, 7);
}

/// A batch of a mebibyte takes milliseconds: others get the processor within it.
#[test]
fn a_large_batch_gives_way_between_its_steps() {
    const STEPS: usize = 20;
    let batch = build(&one(&vec![(Some(1), Some(1)); STEPS * 1024]), 0);
    let mut filter = filter(&[], NOW, AMPLE);
    let calls = Cell::new(0);
    let give_way = || calls.set(calls.get() + 1);
    assert!(filter.learn(&batch, Offset::ZERO, &give_way));
    assert!(
        calls.get() >= 2 * STEPS,
        "{calls:?}: keys read, and remembered"
    );
    calls.set(0);
    let cleaned = filter.clean(&batch, false, &mut Vec::new(), &give_way);
    assert_eq!(cleaned, Cleaned::Rewritten);
    let calls = calls.get();
    assert!(calls >= 3 * STEPS, "{calls}: keys read, found, and chosen");
}

#[test]
fn what_does_not_decode_or_is_no_record_stays_as_it_is() {
    let good = build(&one(&[(Some(1), Some(3))]), 0);
    let mut bytes = build(&one(&[(Some(1), Some(3))]), 1).into_bytes().to_vec();
    // A record length that lies, under a checksum that holds.
    bytes[61] = 0x7e;
    let crc = crc32c::crc32c(&bytes[21..]).to_be_bytes();
    bytes[17..21].copy_from_slice(&crc);
    let bad = Batch::validate_stored(bytes.into()).unwrap();
    let (cleaned, became, _) = run(&[good, bad], Offset::ZERO, NOW, AMPLE);
    assert_eq!(
        became,
        [Cleaned::Kept, Cleaned::Kept],
        "its key is not known"
    );
    assert_eq!(cleaned.len(), 2);
}
