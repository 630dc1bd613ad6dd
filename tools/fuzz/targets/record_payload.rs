//! The records of a batch: the first byte chooses the compression, the next ones the counts, the
//! rest is the payload. Length and checksum are made right, so that the codecs and the record
//! reader are reached at once.
#![no_main]

use corelane::record::{Batch, DecompressionLimits, HEADER_BYTES};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some(([code, last_delta, missing], payload)) = data.split_first_chunk::<3>() else {
        return;
    };
    let last_delta = i32::from(*last_delta);
    let count = (last_delta + 1 - i32::from(*missing)).max(0);
    let mut batch = vec![0; HEADER_BYTES];
    batch.extend_from_slice(payload);
    let length = (batch.len() - 12) as i32;
    batch[8..12].copy_from_slice(&length.to_be_bytes());
    batch[16] = 2;
    batch[22] = (code % 5) | (code & 0x08);
    batch[23..27].copy_from_slice(&last_delta.to_be_bytes());
    batch[57..61].copy_from_slice(&count.to_be_bytes());
    let crc = crc32c::crc32c(&batch[21..]);
    batch[17..21].copy_from_slice(&crc.to_be_bytes());

    let batch = Batch::validate_stored(batch.into()).expect("the header is right");
    let limits = DecompressionLimits::new(4 << 20, 1000);
    let Ok(records) = batch.records(&limits) else {
        return;
    };
    assert!(records.size() <= 4 << 20);
    let mut offset_min = 0;
    for record in records.iter().map_while(Result::ok) {
        assert!(record.offset.get() >= offset_min && record.offset.get() <= i64::from(last_delta));
        offset_min = record.offset.get() + 1;
        assert_eq!(record.headers().count(), record.headers().len());
    }
});
