//! What is no batch: one case per condition, and any flipped bit.

use super::{sample, with_bytes};
use bytes::Bytes;
use corelane::record::{
    Batch, BatchBuilder, BatchError, BatchHeader, Compression, HEADER_BYTES, RecordError,
};
use corelane::types::{Offset, ProducerEpoch, ProducerId, Sequence, Timestamp};
use proptest::prelude::*;

type IsExpected = fn(&BatchError) -> bool;

/// Where a field is, what to put there, and the error that follows.
const HEADER_CASES: [(&str, usize, &[u8], IsExpected); 17] = [
    ("negative base offset", 0, &[0xff; 8], |e| {
        matches!(e, BatchError::OffsetOutOfRange { .. })
    }),
    (
        "the last offset overflows",
        0,
        &i64::MAX.to_be_bytes(),
        |e| matches!(e, BatchError::OffsetOutOfRange { .. }),
    ),
    ("length below a header", 8, &[0, 0, 0, 48], |e| {
        *e == BatchError::LengthOutOfRange(48)
    }),
    ("negative length", 8, &[0xff; 4], |e| {
        *e == BatchError::LengthOutOfRange(-1)
    }),
    ("largest length", 8, &[0x7f, 0xff, 0xff, 0xff], |e| {
        *e == BatchError::LengthOutOfRange(i32::MAX)
    }),
    ("old format", 16, &[1], |e| *e == BatchError::OldMagic(1)),
    ("future format", 16, &[3], |e| {
        *e == BatchError::UnknownMagic(3)
    }),
    ("unknown codec", 21, &[0, 5], |e| {
        *e == BatchError::UnknownCompression(5)
    }),
    (
        "negative last offset delta",
        23,
        &[0xff, 0xff, 0xff, 0xff],
        |e| matches!(e, BatchError::OffsetOutOfRange { .. }),
    ),
    ("more offsets than records", 23, &[0, 0, 0, 9], |e| {
        matches!(
            e,
            BatchError::RecordCount {
                count: 5,
                last_offset_delta: 9
            }
        )
    }),
    ("more records than offsets", 57, &[0, 0, 0, 6], |e| {
        matches!(e, BatchError::RecordCount { count: 6, .. })
    }),
    ("no records", 57, &[0; 4], |e| *e == BatchError::Empty),
    ("base timestamp below -1", 27, &(-2i64).to_be_bytes(), |e| {
        matches!(e, BatchError::Timestamps { base: -2, .. })
    }),
    (
        "max timestamp before the base",
        35,
        &5i64.to_be_bytes(),
        |e| matches!(e, BatchError::Timestamps { max: 5, .. }),
    ),
    ("producer id below -1", 43, &(-7i64).to_be_bytes(), |e| {
        *e == BatchError::ProducerId(-7)
    }),
    ("a producer without an epoch", 51, &[0xff; 2], |e| {
        matches!(e, BatchError::ProducerEpoch { .. })
    }),
    ("a producer without a sequence", 53, &[0xff; 4], |e| {
        matches!(e, BatchError::Sequence { .. })
    }),
];

fn produced(compression: Compression) -> Bytes {
    let mut builder = BatchBuilder::new(compression, None);
    for time in 1_700_000_000_000..1_700_000_000_005 {
        builder.append(Timestamp::new(time), Some(b"k"), Some(b"value"), &[]);
    }
    builder.set_producer(ProducerId::new(1), ProducerEpoch::new(0), Sequence::new(0));
    builder.build(Offset::ZERO).expect("builds")
}

#[test]
fn each_contradiction_in_a_header_has_its_error() {
    let batch = produced(Compression::None);
    assert!(Batch::validate(batch.clone()).is_ok());
    for (what, at, bytes, is_expected) in HEADER_CASES {
        let error = Batch::validate(with_bytes(&batch, at, bytes)).unwrap_err();
        assert!(is_expected(&error), "{what}: {error:?}");
    }
}

#[test]
fn a_max_timestamp_that_was_never_set_passes() {
    let batch = with_bytes(&produced(Compression::None), 35, &[0xff; 8]);
    assert_eq!(
        Batch::validate(batch).unwrap().header().max_timestamp(),
        Timestamp::NONE
    );
}

#[test]
fn exactly_one_whole_batch_is_wanted() {
    let batch = sample(Compression::None, 3);
    let longer: Bytes = [&batch[..], &batch].concat().into();
    assert_eq!(
        Batch::validate(longer),
        Err(BatchError::TrailingBytes {
            size: batch.len(),
            excess: batch.len()
        })
    );
    for length in 0..batch.len() {
        assert!(matches!(
            Batch::validate(batch.slice(..length)),
            Err(BatchError::Truncated { available, needed })
                if available == length && needed > length
        ));
    }
    // A message of format 1 can be shorter than a header, and is still told apart.
    let mut old = [0; 30];
    old[16] = 1;
    assert_eq!(BatchHeader::read(&old), Err(BatchError::OldMagic(1)));
}

#[test]
fn each_flipped_bit_is_noticed() {
    let batch = produced(Compression::Snappy);
    for bit in 8 * 8..batch.len() * 8 {
        // The leader epoch is the broker's and not under the checksum.
        if (12 * 8..16 * 8).contains(&bit) {
            continue;
        }
        let mut damaged = batch.to_vec();
        damaged[bit / 8] ^= 1 << (bit % 8);
        assert!(Batch::validate(damaged.into()).is_err(), "bit {bit}");
    }
}

/// The record is: length 18, attributes, timestamp delta 0, offset delta 0, key length 1, "k",
/// value length 5, "value", header count 0.
#[test]
fn each_contradiction_in_a_record_has_its_error() {
    let batch = produced(Compression::None);
    let cases: [(&str, usize, u8, RecordError); 9] = [
        (
            "negative length",
            0,
            1,
            RecordError::Negative {
                field: "the record length",
                value: -1,
            },
        ),
        (
            "length past the end",
            0,
            127,
            RecordError::Negative {
                field: "the record length",
                value: -64,
            },
        ),
        (
            "length past the batch",
            0,
            126,
            RecordError::TrailingBytes(51),
        ),
        (
            "length too small",
            0,
            4,
            RecordError::Varint {
                field: "the offset delta",
                fault: corelane::record::varint::VarintError::Truncated,
            },
        ),
        (
            "offset delta",
            3,
            2,
            RecordError::OffsetDelta {
                found: 1,
                expected: 0,
            },
        ),
        (
            "key length below -1",
            4,
            3,
            RecordError::Negative {
                field: "the key length",
                value: -2,
            },
        ),
        (
            "key past the record",
            4,
            100,
            RecordError::Truncated { field: "the key" },
        ),
        (
            "negative header count",
            12,
            1,
            RecordError::Negative {
                field: "the header count",
                value: -1,
            },
        ),
        (
            "a header too many",
            12,
            2,
            RecordError::Varint {
                field: "the header name length",
                fault: corelane::record::varint::VarintError::Truncated,
            },
        ),
    ];
    for (what, at, byte, fault) in cases {
        let bytes = with_bytes(&batch, HEADER_BYTES + at, &[byte]);
        let damaged = Batch::validate(bytes).unwrap();
        assert_eq!(
            damaged.validate_records(&Default::default()),
            Err(BatchError::Record { index: 0, fault }),
            "{what}"
        );
    }
}

#[test]
fn counts_must_match_the_records() {
    let batch = produced(Compression::None);
    let records = HEADER_BYTES..batch.len();
    let fewer = with_bytes(&batch, 57, &4i32.to_be_bytes());
    let fewer = Batch::validate(with_bytes(&fewer, 23, &3i32.to_be_bytes())).unwrap();
    assert_eq!(
        fewer.validate_records(&Default::default()),
        Err(BatchError::TrailingRecordBytes {
            count: 4,
            excess: records.len() / 5
        })
    );
    let more = with_bytes(&batch, 57, &6i32.to_be_bytes());
    let more = Batch::validate(with_bytes(&more, 23, &5i32.to_be_bytes())).unwrap();
    assert!(matches!(
        more.validate_records(&Default::default()),
        Err(BatchError::Record { index: 5, .. })
    ));
    // An iteration ends with its first error.
    let records = more.records(&Default::default()).unwrap();
    assert_eq!(records.iter().filter(Result::is_err).count(), 1);
    assert_eq!(records.iter().count(), 6);
}

fn read_what_can_be_read(bytes: Bytes) {
    let Ok(batch) = Batch::validate_stored(bytes) else {
        return;
    };
    let Ok(records) = batch.records(&Default::default()) else {
        return;
    };
    for record in records.iter().map_while(Result::ok) {
        assert_eq!(record.headers().count(), record.headers().len());
    }
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let mut batch = sample(Compression::None, 1).to_vec();
        batch.extend_from_slice(&bytes);
        read_what_can_be_read(bytes.into());
        let length = batch.len() as i32 - 12;
        read_what_can_be_read(with_bytes(&batch, 8, &length.to_be_bytes()));
    }

    #[test]
    fn no_damage_behind_a_right_checksum_panics(
        code in 0..5usize,
        damages in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let mut batch = sample(Compression::ALL[code], 20).to_vec();
        for (place, byte) in damages {
            let place = 21 + place.index(batch.len() - 21);
            batch[place] = byte;
        }
        read_what_can_be_read(with_bytes(&batch, 0, &[]));
    }
}
