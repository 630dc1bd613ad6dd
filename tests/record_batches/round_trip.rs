//! Whatever is appended comes out again.

use super::{Owned, read_all};
use corelane::record::{Batch, BatchBuilder, Compression};
use corelane::types::{Offset, ProducerEpoch, ProducerId, Sequence};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

fn any_record() -> impl Strategy<Value = Owned> {
    let bytes = || option::of(vec(any::<u8>(), 0..200));
    let timestamp = prop_oneof![
        -1i64..10,
        1_700_000_000_000i64..1_700_000_100_000,
        Just(i64::MAX - 10),
    ];
    let headers = vec((".{0,20}", bytes()), 0..4);
    (timestamp, bytes(), bytes(), headers).prop_map(|(timestamp, key, value, headers)| Owned {
        offset: 0,
        timestamp,
        key,
        value,
        headers,
    })
}

proptest! {
    #[test]
    fn records_come_out_as_they_went_in(
        code in 0..5usize,
        mut records in vec(any_record(), 1..80),
        base_offset in 0..i64::MAX / 2,
        producer in option::of((0..i64::MAX, 0..i16::MAX, 0..=i32::MAX)),
    ) {
        let mut builder = BatchBuilder::new(Compression::ALL[code], None);
        for record in &records {
            record.append_to(&mut builder);
        }
        if let Some((id, epoch, sequence)) = producer {
            let epoch = ProducerEpoch::new(epoch);
            builder.set_producer(ProducerId::new(id), epoch, Sequence::new(sequence));
        }
        prop_assert_eq!(builder.len(), records.len());
        let bytes = builder.build(Offset::new(base_offset)).unwrap();
        let batch = Batch::validate(bytes).unwrap();
        let header = batch.header();
        let (id, epoch, sequence) = producer.unwrap_or((-1, -1, -1));
        prop_assert_eq!(header.producer_id().get(), id);
        prop_assert_eq!(header.producer_epoch().get(), epoch);
        prop_assert_eq!(header.base_sequence().get(), sequence);
        let times = || records.iter().map(|record| record.timestamp);
        prop_assert_eq!(Some(header.max_timestamp().get()), times().max());
        prop_assert_eq!(Some(header.base_timestamp().get()), times().next());
        prop_assert_eq!(batch.validate_records(&Default::default()), Ok(()));
        for (offset, record) in (base_offset..).zip(&mut records) {
            record.offset = offset;
        }
        prop_assert_eq!(read_all(&batch), records);
    }
}

#[test]
fn a_builder_is_reusable_and_leaves_no_producer_behind() {
    let record = |value: &[u8]| Owned {
        offset: 0,
        timestamp: 7,
        key: None,
        value: Some(value.to_vec()),
        headers: Vec::new(),
    };
    for compression in Compression::ALL {
        let mut builder = BatchBuilder::new(compression, None);
        record(b"first").append_to(&mut builder);
        builder.set_producer(ProducerId::new(1), ProducerEpoch::new(0), Sequence::FIRST);
        let first = Batch::validate(builder.build(Offset::ZERO).unwrap()).unwrap();
        record(b"second").append_to(&mut builder);
        let second = Batch::validate(builder.build(Offset::ZERO).unwrap()).unwrap();
        assert!(first.header().has_producer());
        assert!(!second.header().has_producer());
        assert_eq!(read_all(&first), [record(b"first")]);
        assert_eq!(read_all(&second), [record(b"second")]);
    }
}
