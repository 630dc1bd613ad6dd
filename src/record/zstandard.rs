//! Zstandard as Kafka has it: one or more frames of RFC 8878, end to end.
//!
//! Frames are unfolded in one go, into a buffer of known size: unlike in streaming, the decoder
//! then reads its matches from the result itself and needs no window, so the window size a frame
//! asks for (up to 128 MiB at level 22) costs nothing and need not be refused.
//!
//! A context is large and slow to make, so each thread keeps one of either kind.

use super::compression::Refusal;
use std::cell::RefCell;
use zstd::zstd_safe::{
    CCtx, CLEVEL_DEFAULT, DCtx, ErrorCode, compress_bound, get_error_name, get_frame_content_size,
    zstd_sys::ZSTD_ErrorCode,
};

/// The smallest first guess; a batch that is larger costs one more attempt or two.
const GUESS_MIN: usize = 64 * 1024;

thread_local! {
    static COMPRESSOR: RefCell<CCtx<'static>> = RefCell::new(CCtx::create());
    static DECOMPRESSOR: RefCell<DCtx<'static>> = RefCell::new(DCtx::create());
}

pub(super) fn compress(
    level: Option<i32>,
    input: &[u8],
    output: &mut Vec<u8>,
) -> Result<(), String> {
    let start = output.len();
    output.resize(start + compress_bound(input.len()), 0);
    let place = output.get_mut(start..).unwrap_or_default();
    let level = level.unwrap_or(CLEVEL_DEFAULT);
    let written = COMPRESSOR
        .with_borrow_mut(|context| context.compress(place, input, level))
        .map_err(|code| get_error_name(code).to_owned())?;
    output.truncate(start + written);
    Ok(())
}

pub(super) fn decompress(input: &[u8], limit: usize) -> Result<Vec<u8>, Refusal> {
    let named = get_frame_content_size(input)
        .map_err(|_| Refusal::corrupt("no Zstandard frame"))?
        .map(|size| usize::try_from(size).unwrap_or(usize::MAX));
    if named.is_some_and(|size| size > limit) {
        return Err(Refusal::TooLarge);
    }
    // A size may be missing, or be that of the first of several frames: then guess, and start over
    // with twice as much. Pages that no result reaches are never touched.
    let mut capacity = named.unwrap_or_else(|| (input.len() * 8).max(GUESS_MIN).min(limit));
    loop {
        let mut output = Vec::with_capacity(capacity);
        match DECOMPRESSOR.with_borrow_mut(|context| context.decompress(&mut output, input)) {
            Ok(_) => return Ok(output),
            Err(code) if is_too_small(code) && capacity < limit => {
                capacity = capacity.max(GUESS_MIN / 2).saturating_mul(2).min(limit);
            }
            Err(code) if is_too_small(code) => return Err(Refusal::TooLarge),
            Err(code) => return Err(Refusal::corrupt(get_error_name(code))),
        }
    }
}

fn is_too_small(code: ErrorCode) -> bool {
    // The library returns its error codes negated, in an unsigned number.
    code.wrapping_neg() == ZSTD_ErrorCode::ZSTD_error_dstSize_tooSmall as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn streamed(level: i32, window_log: u32, input: &[u8]) -> Vec<u8> {
        let mut encoder = zstd::stream::Encoder::new(Vec::new(), level).unwrap();
        encoder.window_log(window_log).unwrap();
        encoder.write_all(input).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn a_frame_without_a_size_is_guessed() {
        let input = vec![1; 3_000_000];
        let frame = streamed(3, 21, &input);
        assert_eq!(get_frame_content_size(&frame).unwrap(), None);
        assert_eq!(decompress(&frame, input.len()).unwrap(), input);
        assert!(matches!(
            decompress(&frame, input.len() - 1),
            Err(Refusal::TooLarge)
        ));
    }

    #[test]
    fn a_frame_with_the_largest_window_is_read() {
        let frame = streamed(1, 27, b"little behind a large window");
        assert_eq!(
            decompress(&frame, 1000).unwrap(),
            b"little behind a large window"
        );
    }

    #[test]
    fn frames_end_to_end_are_joined() {
        let mut frames = zstd::bulk::compress(b"one ", 3).unwrap();
        frames.extend(zstd::bulk::compress(b"two", 3).unwrap());
        assert_eq!(decompress(&frames, 7).unwrap(), b"one two");
        assert!(matches!(decompress(&frames, 6), Err(Refusal::TooLarge)));
    }
}
