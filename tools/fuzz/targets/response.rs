//! Any bytes as a response's body, in any version: what a broker sends us is as foreign as what a
//! client does.
#![no_main]

use corelane::protocol::kafka::messages::{
    ApiVersionsResponse, CreatePartitionsResponse, CreateTopicsResponse, DeleteTopicsResponse,
    DescribeClusterResponse, DescribeConfigsResponse, FetchResponse,
    IncrementalAlterConfigsResponse, InitProducerIdResponse, ListOffsetsResponse, MetadataResponse,
    ProduceResponse,
};
use corelane::wire::{Message, Reader};
use libfuzzer_sys::fuzz_target;

fn read<'a, M: Message<'a>>(version: u8, body: &'a [u8]) {
    let versions = M::VERSIONS;
    let count = versions.end() - versions.start() + 1;
    let version = versions.start() + i16::from(version) % count;
    let _ = M::decode(&mut Reader::new(body), version);
}

fuzz_target!(|data: &[u8]| {
    let [api, version, body @ ..] = data else { return };
    match api % 12 {
        0 => read::<ApiVersionsResponse<'_>>(*version, body),
        1 => read::<MetadataResponse<'_>>(*version, body),
        2 => read::<ProduceResponse<'_>>(*version, body),
        3 => read::<FetchResponse<'_>>(*version, body),
        4 => read::<ListOffsetsResponse<'_>>(*version, body),
        5 => read::<InitProducerIdResponse>(*version, body),
        6 => read::<CreateTopicsResponse<'_>>(*version, body),
        7 => read::<DeleteTopicsResponse<'_>>(*version, body),
        8 => read::<CreatePartitionsResponse<'_>>(*version, body),
        9 => read::<DescribeConfigsResponse<'_>>(*version, body),
        10 => read::<IncrementalAlterConfigsResponse<'_>>(*version, body),
        _ => read::<DescribeClusterResponse<'_>>(*version, body),
    }
});
