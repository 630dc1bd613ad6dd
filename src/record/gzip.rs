//! gzip as Kafka has it: one or more members of RFC 1952, end to end.

use super::compression::{Refusal, read_within};
use flate2::Compression as Level;
use flate2::bufread::MultiGzDecoder;
use flate2::write::GzEncoder;
use std::io::Write;

pub(super) fn compress(
    level: Option<i32>,
    input: &[u8],
    output: &mut Vec<u8>,
) -> Result<(), String> {
    let level = match level {
        Some(level) => Level::new(u32::try_from(level).map_err(|e| e.to_string())?.min(9)),
        None => Level::default(),
    };
    let mut encoder = GzEncoder::new(output, level);
    encoder.write_all(input).map_err(|e| e.to_string())?;
    encoder.finish().map(drop).map_err(|e| e.to_string())
}

pub(super) fn decompress(input: &[u8], limit: usize) -> Result<Vec<u8>, Refusal> {
    // Text shrinks to a quarter or so.
    read_within(&mut MultiGzDecoder::new(input), input.len() * 4, limit)
}
