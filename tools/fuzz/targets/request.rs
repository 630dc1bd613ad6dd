//! Any bytes as a request's frame: it is parsed, answered or refused, and takes memory only in
//! proportion to what was sent.
#![no_main]

use bytes::Bytes;
use corelane::protocol::kafka::api;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let _ = api::parse(&Bytes::copy_from_slice(data));
});
