//! A gibibyte of zeros in each codec: refused, and without the memory it asks for.

use corelane::record::{
    Batch, BatchError, Compression, DecompressError, DecompressionLimits, HEADER_BYTES, compress,
    decompress,
};
use std::fs;

const MIB: usize = 1024 * 1024;
const PIECE: usize = 16 * MIB;
const PIECES: usize = 64;
const LIMIT: usize = 32 * MIB;

/// 1 GiB of zeros: one compressed piece, as often as needed. All four formats can be continued.
fn bomb(compression: Compression) -> Vec<u8> {
    let zeros = vec![0; PIECE];
    let mut piece = Vec::new();
    compress(compression, None, &zeros, &mut piece).expect("compresses");
    match compression {
        // A frame: 7 bytes of header, blocks, an end mark of 4 bytes.
        Compression::Lz4 => {
            let blocks = &piece[7..piece.len() - 4];
            [&piece[..7], &blocks.repeat(PIECES), &[0; 4]].concat()
        }
        _ => piece.repeat(PIECES),
    }
}

/// The process's largest resident size in KiB since the last call.
fn take_resident_max() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    fs::write("/proc/self/clear_refs", "5").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

#[test]
fn bombs_are_refused_in_bounded_memory() {
    let limits = DecompressionLimits::new(LIMIT, usize::MAX);
    for compression in Compression::ALL.into_iter().skip(1) {
        let bomb = bomb(compression);
        take_resident_max();
        let before = take_resident_max();
        let refusal = decompress(compression, &bomb, &limits).unwrap_err();
        let after = take_resident_max();
        assert_eq!(
            refusal,
            DecompressError::TooLarge {
                compression,
                compressed: bomb.len(),
                limit: LIMIT
            }
        );
        // Other tests run beside this one, so the bound is a wide one; a gibibyte is past it.
        if let (Some(before), Some(after)) = (before, after) {
            let taken_mib = after.saturating_sub(before) / 1024;
            assert!(taken_mib < 300, "{compression} took {taken_mib} MiB");
        }
    }
}

#[test]
fn a_small_batch_may_not_unfold_a_thousandfold() {
    for compression in [Compression::Gzip, Compression::Zstd] {
        let zeros = vec![0; 3 * MIB];
        let mut records = Vec::new();
        compress(compression, None, &zeros, &mut records).expect("compresses");
        let limits = DecompressionLimits::new(LIMIT, 100);
        let allowed = limits.output_max(records.len());
        let refusal = decompress(compression, &records, &limits).unwrap_err();
        assert!(
            matches!(refusal, DecompressError::TooLarge { limit, .. } if limit == allowed),
            "{refusal}"
        );
    }
}

#[test]
fn a_batch_with_a_bomb_is_valid_until_it_is_read() {
    let mut batch = super::sample(Compression::Zstd, 1).to_vec();
    batch.truncate(HEADER_BYTES);
    batch.extend_from_slice(&bomb(Compression::Zstd));
    let length = batch.len() as i32 - 12;
    let batch = Batch::validate(super::with_bytes(&batch, 8, &length.to_be_bytes())).unwrap();
    assert!(matches!(
        batch.validate_records(&DecompressionLimits::default()),
        Err(BatchError::Decompress(DecompressError::TooLarge { .. }))
    ));
}
