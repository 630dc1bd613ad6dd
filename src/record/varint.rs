//! Zigzag variable-length integers as records have them (KIP-98, after Protocol Buffers): seven
//! bits a byte, least significant first, the sign in the lowest bit.
//!
//! At most 5 bytes for 32 bits and 10 for 64; a longer number, or one with bits past its width, is
//! refused. Padding within that width is accepted, as Kafka does.

use thiserror::Error;

/// The most bytes a 32-bit number takes.
pub const I32_BYTES_MAX: usize = 5;
/// The most bytes a 64-bit number takes.
pub const I64_BYTES_MAX: usize = 10;

/// Why bytes are not a variable-length integer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum VarintError {
    /// The bytes end within the number.
    #[error("the number is cut off")]
    Truncated,
    /// More bytes, or more bits, than the type has.
    #[error("the number is longer than its type")]
    Overlong,
}

/// Takes a 32-bit number off the front of `input`; leaves `input` as it was on an error.
#[inline]
pub fn read_i32(input: &mut &[u8]) -> Result<i32, VarintError> {
    let value = match read_short(input) {
        Some(value) => value,
        None => read_unsigned(input, I32_BYTES_MAX, u64::from(u32::MAX))?,
    };
    Ok(unzigzag_i32(value as u32))
}

/// Takes a 64-bit number off the front of `input`; leaves `input` as it was on an error.
#[inline]
pub fn read_i64(input: &mut &[u8]) -> Result<i64, VarintError> {
    let value = match read_short(input) {
        Some(value) => value,
        None => read_unsigned(input, I64_BYTES_MAX, u64::MAX)?,
    };
    Ok(unzigzag_i64(value))
}

/// Appends a 32-bit number.
#[inline]
pub fn write_i32(output: &mut Vec<u8>, value: i32) {
    write_i64(output, i64::from(value));
}

/// Appends a 64-bit number.
#[inline]
pub fn write_i64(output: &mut Vec<u8>, value: i64) {
    let mut rest = zigzag(value);
    while rest > 0x7f {
        output.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    output.push(rest as u8);
}

/// How many bytes `value` takes; the same for either width.
#[inline]
pub const fn encoded_len(value: i64) -> usize {
    let bits = 64 - (zigzag(value) | 1).leading_zeros() as usize;
    bits.div_ceil(7)
}

/// A number of one or two bytes, as nearly all lengths and deltas are.
#[inline]
fn read_short(input: &mut &[u8]) -> Option<u64> {
    match *input {
        [first @ 0..=0x7f, rest @ ..] => {
            *input = rest;
            Some(u64::from(*first))
        }
        [first, second @ 0..=0x7f, rest @ ..] => {
            *input = rest;
            Some(u64::from(first & 0x7f) | u64::from(*second) << 7)
        }
        _ => None,
    }
}

fn read_unsigned(input: &mut &[u8], bytes_max: usize, max: u64) -> Result<u64, VarintError> {
    let mut value = 0u64;
    for (place, byte) in input.iter().take(bytes_max).enumerate() {
        let bits = u64::from(byte & 0x7f);
        let shift = 7 * place as u32;
        if bits << shift >> shift != bits {
            return Err(VarintError::Overlong);
        }
        value |= bits << shift;
        if byte & 0x80 == 0 {
            if value > max {
                return Err(VarintError::Overlong);
            }
            *input = input.get(place + 1..).unwrap_or_default();
            return Ok(value);
        }
    }
    if input.len() < bytes_max {
        Err(VarintError::Truncated)
    } else {
        Err(VarintError::Overlong)
    }
}

// A 32-bit number extended to 64 bits has the same zigzag form, so one encoder serves both.
const fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

const fn unzigzag_i32(value: u32) -> i32 {
    (value >> 1) as i32 ^ -((value & 1) as i32)
}

const fn unzigzag_i64(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_encodings() {
        // The table of the Protocol Buffers documentation, and the extremes.
        let cases: [(i64, &[u8]); 7] = [
            (0, &[0]),
            (-1, &[1]),
            (1, &[2]),
            (-64, &[0x7f]),
            (64, &[0x80, 0x01]),
            (i64::from(i32::MAX), &[0xfe, 0xff, 0xff, 0xff, 0x0f]),
            (i64::from(i32::MIN), &[0xff, 0xff, 0xff, 0xff, 0x0f]),
        ];
        for (value, bytes) in cases {
            let mut output = Vec::new();
            write_i64(&mut output, value);
            assert_eq!(output, bytes);
            assert_eq!(read_i32(&mut &bytes[..]), Ok(value as i32));
            assert_eq!(read_i64(&mut &bytes[..]), Ok(value));
        }
    }

    #[test]
    fn too_long_numbers_are_refused() {
        let past_32_bits: &[u8] = &[0xff, 0xff, 0xff, 0xff, 0x1f];
        assert_eq!(read_i32(&mut &*past_32_bits), Err(VarintError::Overlong));
        let six_bytes: &[u8] = &[0x80, 0x80, 0x80, 0x80, 0x80, 0x00];
        assert_eq!(read_i32(&mut &*six_bytes), Err(VarintError::Overlong));
        let past_64_bits: &[u8] = &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02];
        assert_eq!(read_i64(&mut &*past_64_bits), Err(VarintError::Overlong));
        assert_eq!(read_i64(&mut &[0xff; 11][..]), Err(VarintError::Overlong));
    }

    #[test]
    fn a_cut_number_leaves_the_input_alone() {
        let mut input: &[u8] = &[0x80, 0x80];
        assert_eq!(read_i32(&mut input), Err(VarintError::Truncated));
        assert_eq!(read_i64(&mut input), Err(VarintError::Truncated));
        assert_eq!(input, [0x80, 0x80]);
        assert_eq!(read_i32(&mut &[][..]), Err(VarintError::Truncated));
    }

    #[test]
    fn padding_within_the_width_is_accepted() {
        assert_eq!(read_i32(&mut &[0x82, 0x80, 0x00][..]), Ok(1));
    }

    proptest! {
        #[test]
        fn both_ways(value: i64, narrow: i32) {
            let mut output = Vec::new();
            write_i64(&mut output, value);
            prop_assert_eq!(output.len(), encoded_len(value));
            write_i32(&mut output, narrow);
            let mut input = &output[..];
            prop_assert_eq!(read_i64(&mut input), Ok(value));
            prop_assert_eq!(read_i32(&mut input), Ok(narrow));
            prop_assert!(input.is_empty());
        }
    }
}
