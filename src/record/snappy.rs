//! Snappy as Kafka has it: xerial's framing, which the Java client writes, around raw blocks.
//!
//! ```text
//! 0x82 "SNAPPY" 0x00 | version 1, i32 | compatible with 1, i32 | { length i32, raw block }*
//! ```
//!
//! Numbers are big endian. A bare raw block without the framing, which other clients write, is
//! told apart by the first bytes and accepted. A raw block names its unfolded size up front, so
//! sizes are summed and checked before any memory is taken.

use super::compression::Refusal;

const MAGIC: [u8; 8] = *b"\x82SNAPPY\0";
const VERSION: i32 = 1;
const HEADER_BYTES: usize = MAGIC.len() + 8;
/// The block size of snappy-java.
const BLOCK_BYTES: usize = 32 * 1024;
/// The densest element copies 64 bytes with 3; a block that claims more lies. This keeps such a
/// claim from taking memory that no decoding could fill.
const RATIO_MAX: usize = 22;

pub(super) fn compress(input: &[u8], output: &mut Vec<u8>) -> Result<(), String> {
    output.extend_from_slice(&MAGIC);
    output.extend_from_slice(&VERSION.to_be_bytes());
    output.extend_from_slice(&VERSION.to_be_bytes());
    let mut encoder = snap::raw::Encoder::new();
    let mut compressed = vec![0; snap::raw::max_compress_len(BLOCK_BYTES)];
    for block in input.chunks(BLOCK_BYTES) {
        let length = encoder
            .compress(block, &mut compressed)
            .map_err(|e| e.to_string())?;
        let bytes = compressed.get(..length).unwrap_or_default();
        output.extend_from_slice(&(length as i32).to_be_bytes());
        output.extend_from_slice(bytes);
    }
    Ok(())
}

pub(super) fn decompress(input: &[u8], limit: usize) -> Result<Vec<u8>, Refusal> {
    let Some(framed) = input.strip_prefix(&MAGIC) else {
        return decompress_blocks([Ok(input)].into_iter(), limit);
    };
    let blocks = framed
        .get(HEADER_BYTES - MAGIC.len()..)
        .ok_or_else(|| Refusal::corrupt("the xerial header is cut off"))?;
    decompress_blocks(Blocks { rest: blocks }, limit)
}

fn decompress_blocks<'a>(
    blocks: impl Iterator<Item = Result<&'a [u8], Refusal>> + Clone,
    limit: usize,
) -> Result<Vec<u8>, Refusal> {
    let mut total = 0;
    for block in blocks.clone() {
        total += unfolded_len(block?)?;
        if total > limit {
            return Err(Refusal::TooLarge);
        }
    }
    let mut output = vec![0; total];
    let mut rest = &mut output[..];
    let mut decoder = snap::raw::Decoder::new();
    for block in blocks {
        let block = block?;
        let (head, tail) = rest
            .split_at_mut_checked(unfolded_len(block)?)
            .ok_or_else(|| Refusal::corrupt("the blocks contradict their sizes"))?;
        decoder.decompress(block, head).map_err(Refusal::corrupt)?;
        rest = tail;
    }
    Ok(output)
}

fn unfolded_len(block: &[u8]) -> Result<usize, Refusal> {
    let length = snap::raw::decompress_len(block).map_err(Refusal::corrupt)?;
    if length > block.len().saturating_mul(RATIO_MAX) {
        return Err(Refusal::corrupt("a block claims more than it can hold"));
    }
    Ok(length)
}

/// The raw blocks of xerial's framing.
#[derive(Clone)]
struct Blocks<'a> {
    rest: &'a [u8],
}

impl<'a> Blocks<'a> {
    fn split_block(&mut self) -> Option<&'a [u8]> {
        let (length, rest) = self.rest.split_first_chunk()?;
        let length = usize::try_from(i32::from_be_bytes(*length)).ok()?;
        let (block, rest) = rest.split_at_checked(length)?;
        self.rest = rest;
        Some(block)
    }
}

impl<'a> Iterator for Blocks<'a> {
    type Item = Result<&'a [u8], Refusal>;

    fn next(&mut self) -> Option<Self::Item> {
        // Streams of snappy-java, one after the other, repeat the header in between.
        if let Some(rest) = self.rest.strip_prefix(&MAGIC) {
            self.rest = rest.get(HEADER_BYTES - MAGIC.len()..).unwrap_or_default();
        }
        if self.rest.is_empty() {
            return None;
        }
        let block = self.split_block();
        if block.is_none() {
            self.rest = &[];
        }
        Some(block.ok_or_else(|| Refusal::corrupt("a block ends past the records")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn raw_blocks_without_framing_are_read() {
        let raw = snap::raw::Encoder::new()
            .compress_vec(b"hello hello hello hello")
            .unwrap();
        assert_eq!(
            decompress(&raw, 100).unwrap(),
            b"hello hello hello hello".to_vec()
        );
    }

    #[test]
    fn a_block_that_claims_too_much_is_refused_before_memory_is_taken() {
        // The size 0xffff_ffff as a varint, then nothing to fill it.
        let lie = [0xff, 0xff, 0xff, 0xff, 0x0f, 0x00];
        assert!(matches!(
            decompress(&lie, usize::MAX),
            Err(Refusal::Corrupt(_))
        ));
    }

    #[test]
    fn framed_blocks_are_joined_and_bounded() {
        let input = vec![7; 3 * BLOCK_BYTES + 5];
        let mut output = Vec::new();
        compress(&input, &mut output).unwrap();
        assert_eq!(output[..8], MAGIC);
        assert_eq!(decompress(&output, input.len()).unwrap(), input);
        assert!(matches!(
            decompress(&output, input.len() - 1),
            Err(Refusal::TooLarge)
        ));
        output.truncate(output.len() - 1);
        assert!(matches!(
            decompress(&output, input.len()),
            Err(Refusal::Corrupt(_))
        ));
    }
}
