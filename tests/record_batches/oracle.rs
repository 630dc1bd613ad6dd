//! Both ways against the `kafka-protocol` crate, an implementation of its own.

use super::{Owned, read_all};
use bytes::{Bytes, BytesMut};
use corelane::record::{Batch, BatchBuilder, Compression};
use corelane::types::{Offset, ProducerEpoch, ProducerId, Sequence};
use kafka_protocol::protocol::StrBytes;
use kafka_protocol::records as theirs;

fn to_theirs(compression: Compression) -> theirs::Compression {
    match compression {
        Compression::None => theirs::Compression::None,
        Compression::Gzip => theirs::Compression::Gzip,
        Compression::Snappy => theirs::Compression::Snappy,
        Compression::Lz4 => theirs::Compression::Lz4,
        Compression::Zstd => theirs::Compression::Zstd,
    }
}

fn records() -> Vec<Owned> {
    (0..500)
        .map(|number: i64| Owned {
            offset: 1000 + number,
            // Back and forth, so that deltas have both signs.
            timestamp: 1_700_000_000_000 + (number % 7 - 3) * 100_000,
            key: (number % 3 != 0).then(|| format!("key-{number}").into_bytes()),
            value: (number % 5 != 0).then(|| vec![number as u8; number as usize]),
            headers: match number % 4 {
                0 => vec![("a".into(), None), ("b".into(), Some(b"value".to_vec()))],
                _ => Vec::new(),
            },
        })
        .collect()
}

/// The record as the other crate has it, of producer 77 in epoch 2 from sequence 5 on.
fn to_their_record(record: &Owned) -> theirs::Record {
    theirs::Record {
        transactional: false,
        control: false,
        delete_horizon: false,
        partition_leader_epoch: -1,
        producer_id: 77,
        producer_epoch: 2,
        timestamp_type: theirs::TimestampType::Creation,
        offset: record.offset,
        sequence: (record.offset - 1000) as i32 + 5,
        timestamp: record.timestamp,
        key: record.key.clone().map(Bytes::from),
        value: record.value.clone().map(Bytes::from),
        headers: record
            .headers
            .iter()
            .map(|(name, value)| {
                let name = StrBytes::from_string(name.clone());
                (name, value.clone().map(Bytes::from))
            })
            .collect(),
    }
}

#[test]
fn what_we_build_they_read() {
    for compression in Compression::ALL {
        let mut builder = BatchBuilder::new(compression, None);
        for record in records() {
            record.append_to(&mut builder);
        }
        builder.set_producer(ProducerId::new(77), ProducerEpoch::new(2), Sequence::new(5));
        let mut bytes = builder.build(Offset::new(1000)).unwrap();
        let set = theirs::RecordBatchDecoder::decode(&mut bytes).unwrap();
        assert!(bytes.is_empty());
        assert_eq!(set.compression, to_theirs(compression));
        let expected: Vec<_> = records().iter().map(to_their_record).collect();
        assert_eq!(set.records, expected, "{compression}");
    }
}

#[test]
fn what_they_build_we_read() {
    let their_records: Vec<_> = records().iter().map(to_their_record).collect();
    for compression in Compression::ALL {
        let options = theirs::RecordEncodeOptions {
            version: 2,
            compression: to_theirs(compression),
        };
        let mut bytes = BytesMut::new();
        theirs::RecordBatchEncoder::encode(&mut bytes, &their_records, &options).unwrap();
        let batch = Batch::validate(bytes.freeze()).unwrap();
        assert_eq!(batch.header().base_offset(), Offset::new(1000));
        assert_eq!(batch.header().producer_id(), ProducerId::new(77));
        assert_eq!(batch.header().base_sequence(), Sequence::new(5));
        assert_eq!(batch.header().last_sequence(), Sequence::new(504));
        assert_eq!(read_all(&batch), records(), "{compression}");
    }
}
