//! LZ4 as Kafka has it: the frame format, with a right header checksum (KIP-57 ended the wrong one
//! of older formats).
//!
//! Blocks are independent and of 64 KiB, as the clients send them; a frame with larger ones makes
//! the decoder take at most three blocks of 4 MiB.

use super::compression::{Refusal, read_within};
use lz4_flex::frame::{BlockMode, BlockSize, FrameDecoder, FrameEncoder, FrameInfo};
use std::io::Write;

pub(super) fn compress(input: &[u8], output: &mut Vec<u8>) -> Result<(), String> {
    let info = FrameInfo::new()
        .block_size(BlockSize::Max64KB)
        .block_mode(BlockMode::Independent);
    let mut encoder = FrameEncoder::with_frame_info(info, output);
    encoder.write_all(input).map_err(|e| e.to_string())?;
    encoder.finish().map(drop).map_err(|e| e.to_string())
}

pub(super) fn decompress(mut input: &[u8], limit: usize) -> Result<Vec<u8>, Refusal> {
    let guess = input.len() * 4;
    let output = read_within(&mut FrameDecoder::new(&mut input), guess, limit)?;
    if input.is_empty() {
        Ok(output)
    } else {
        Err(Refusal::corrupt("bytes follow the frame"))
    }
}
