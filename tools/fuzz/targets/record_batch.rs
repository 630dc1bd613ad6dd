//! Any bytes: as a produced batch, as a stored one, as a Fetch response. What validates must have
//! a consistent header and must survive being read.
#![no_main]

use bytes::Bytes;
use corelane::record::{Batch, Batches, DecompressionLimits, validate_slice};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let bytes = Bytes::copy_from_slice(data);
    let limits = DecompressionLimits::new(4 << 20, 1000);
    if let Ok(header) = validate_slice(data) {
        assert!(header.size() <= data.len());
        assert!(header.next_offset() > header.base_offset());
    }
    if let Ok(batch) = Batch::validate(bytes.clone()) {
        assert_eq!(batch.bytes().len(), data.len());
        assert!(batch.header().is_dense());
    }
    let mut read = 0;
    for batch in Batches::new(bytes).map_while(Result::ok) {
        read += batch.header().size();
        let _ = batch.validate_records(&limits);
    }
    assert!(read <= data.len());
});
