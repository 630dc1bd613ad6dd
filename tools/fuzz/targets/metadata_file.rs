//! Any bytes as a checkpoint or a catalog: what decodes must encode to something that decodes to
//! the same.
#![no_main]

use corelane::storage::CatalogSnapshot;
use corelane::storage::checkpoint::Checkpoint;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(checkpoint) = Checkpoint::decode(data) {
        assert_eq!(Checkpoint::decode(&checkpoint.encode()), Ok(checkpoint));
    }
    if let Ok(catalog) = CatalogSnapshot::decode(data) {
        assert_eq!(CatalogSnapshot::decode(&catalog.encode()), Ok(catalog.clone()));
        let _ = corelane::topic::Catalog::from_snapshot(catalog);
    }
});
