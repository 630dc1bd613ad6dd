//! What a broker does with valid batches: gives them offsets, stores them, cuts them, reads them.

use super::{read_all, sample, with_bytes};
use bytes::Bytes;
use corelane::record::{
    Batch, BatchBuilder, BatchError, Batches, Compression, HEADER_BYTES, RecordError,
    TimestampType, patch_header, validate_slice, with_log_append_time,
};
use corelane::types::{LeaderEpoch, Offset, Timestamp};

fn patched(batch: &Bytes, base_offset: i64, epoch: i32) -> Vec<u8> {
    let mut bytes = batch.to_vec();
    let header = bytes.first_chunk_mut().expect("a whole header");
    patch_header(header, Offset::new(base_offset), LeaderEpoch::new(epoch));
    bytes
}

#[test]
fn a_patched_header_changes_two_fields_and_keeps_the_checksum() {
    let original = sample(Compression::Lz4, 10);
    let bytes = patched(&original, 5_000_000_000, 7);
    let header = validate_slice(&bytes).unwrap();
    assert_eq!(header.base_offset(), Offset::new(5_000_000_000));
    assert_eq!(header.last_offset(), Offset::new(5_000_000_009));
    assert_eq!(header.leader_epoch(), LeaderEpoch::new(7));
    assert_eq!(bytes[8..12], original[8..12]);
    assert_eq!(bytes[16..], original[16..]);
    let batch = Batch::validate(bytes.into()).unwrap();
    assert_eq!(read_all(&batch)[9].offset, 5_000_000_009);
}

#[test]
fn append_time_replaces_all_timestamps_and_spares_the_original() {
    for compression in Compression::ALL {
        let original = Batch::validate(sample(compression, 3)).unwrap();
        let time = Timestamp::new(1_800_000_000_000);
        let stamped = with_log_append_time(&original, time);
        let header = stamped.header();
        assert_eq!(header.timestamp_type(), TimestampType::LogAppendTime);
        assert_eq!(header.max_timestamp(), time);
        assert_eq!(header.compression(), compression);
        assert!(read_all(&stamped).iter().all(|r| r.timestamp == time.get()));
        assert_eq!(
            Batch::validate(stamped.bytes().clone()),
            Ok(stamped.clone())
        );
        assert!(Batch::validate(original.bytes().clone()).is_ok());
    }
}

#[test]
fn batches_are_read_in_order_and_a_cut_one_ends_them_silently() {
    let first = patched(&sample(Compression::None, 2), 10, 0);
    let second = patched(&sample(Compression::Zstd, 3), 12, 0);
    let both: Bytes = [first.as_slice(), second.as_slice()].concat().into();
    for length in 0..=both.len() {
        let batches: Vec<_> = Batches::new(both.slice(..length))
            .map(|batch| batch.unwrap().header().base_offset().get())
            .collect();
        let expected: &[i64] = match length {
            _ if length < first.len() => &[],
            _ if length < both.len() => &[10],
            _ => &[10, 12],
        };
        assert_eq!(batches, expected, "cut to {length}");
    }
}

#[test]
fn a_corrupt_batch_is_one_error_and_the_end() {
    let good = sample(Compression::None, 2);
    let mut bad = good.to_vec();
    bad[70] ^= 1;
    let bytes: Bytes = [&good[..], &bad, &good].concat().into();
    let mut batches = Batches::new(bytes);
    assert!(batches.next().unwrap().is_ok());
    assert!(matches!(
        batches.next(),
        Some(Err(BatchError::Checksum { .. }))
    ));
    assert!(batches.next().is_none());
}

#[test]
fn the_first_batch_of_a_slice_is_checked_with_others_behind_it() {
    let bytes = [
        sample(Compression::Gzip, 4),
        Bytes::from_static(b"anything"),
    ]
    .concat();
    let header = validate_slice(&bytes).unwrap();
    assert_eq!(header.record_count(), 4);
    assert!(matches!(
        validate_slice(&bytes[..header.size() - 1]),
        Err(BatchError::Truncated { needed, available })
            if needed == header.size() && available == needed - 1
    ));
}

/// A batch of three records with the offset deltas given, of which its header says 0 to 9.
fn compacted(offset_deltas: [u8; 3]) -> Bytes {
    let mut builder = BatchBuilder::new(Compression::None, None);
    for _ in offset_deltas {
        builder.append(Timestamp::new(7), None, Some(b"value"), &[]);
    }
    let mut bytes = builder.build(Offset::new(100)).expect("builds");
    let record_bytes = (bytes.len() - HEADER_BYTES) / 3;
    for (place, delta) in offset_deltas.into_iter().enumerate() {
        // The delta follows length, attributes and timestamp delta, a byte each; zigzag doubles it.
        let at = HEADER_BYTES + place * record_bytes + 3;
        bytes = with_bytes(&bytes, at, &[2 * delta]);
    }
    with_bytes(&bytes, 23, &9i32.to_be_bytes())
}

#[test]
fn a_compacted_batch_may_have_gaps_but_no_producer_may_send_one() {
    let refused = Batch::validate(compacted([0, 4, 9])).unwrap_err();
    assert_eq!(
        refused,
        BatchError::RecordCount {
            count: 3,
            last_offset_delta: 9
        }
    );
    let batch = Batch::validate_stored(compacted([0, 4, 9])).unwrap();
    assert!(!batch.header().is_dense());
    assert_eq!(batch.header().next_offset(), Offset::new(110));
    let offsets: Vec<_> = read_all(&batch).iter().map(|r| r.offset).collect();
    assert_eq!(offsets, [100, 104, 109]);
    for out_of_order in [[0, 0, 9], [4, 3, 9], [0, 4, 10]] {
        let batch = Batch::validate_stored(compacted(out_of_order)).unwrap();
        assert!(matches!(
            batch.validate_records(&Default::default()),
            Err(BatchError::Record {
                fault: RecordError::OffsetDelta { .. },
                ..
            })
        ));
    }
}
