//! Record data is borrowed when read and referred to when written.

use bytes::Bytes;
use corelane::protocol::kafka::messages::*;
use corelane::wire::{Chunk, Message, Reader, Records, Writer};

#[test]
fn records_are_shared_with_the_frame_they_came_in() {
    let frame = Bytes::from_static(&[
        0, 0, 1, 0, 0, 0, 0, 2, 2, b't', 2, 0, 0, 0, 0, 3, b'a', b'b', 0, 0, 0,
    ]);
    let request = ProduceRequest::decode(&mut Reader::new(&frame), 9).expect("whole");
    let topic = request.topic_data.iter().next().expect("one topic");
    let partition = topic.partition_data.iter().next().expect("one partition");
    let shared = partition.records.expect("some").share(&frame);
    assert_eq!(shared.as_ptr(), frame[16..].as_ptr());
    assert_eq!(shared, "ab");
}

#[test]
fn records_of_a_response_are_referred_to() {
    for version in FetchResponse::VERSIONS {
        let partition = |index, length| PartitionData {
            records: Some(Records::External { index, length }),
            ..PartitionData::default()
        };
        let response = FetchResponse {
            responses: vec![FetchableTopicResponse {
                partitions: vec![partition(4, 1_000), partition(9, 70_000)].into(),
                ..FetchableTopicResponse::default()
            }]
            .into(),
            ..FetchResponse::default()
        };
        let mut writer = Writer::framed();
        response.encode(&mut writer, version).expect("nothing odd");
        let chunks = writer.finish().expect("short");
        let mut whole = Vec::new();
        for chunk in &chunks {
            match *chunk {
                Chunk::Bytes(ref bytes) => whole.extend_from_slice(bytes),
                Chunk::External { index, length } => {
                    whole.extend(std::iter::repeat_n(index as u8, length as usize));
                }
            }
        }
        let mut reader = Reader::new(&whole);
        assert_eq!(reader.i32(), Ok(whole.len() as i32 - 4));
        let back = FetchResponse::decode(&mut reader, version).expect("whole");
        assert_eq!(reader.remaining(), 0);
        let topic = back.responses.iter().next().expect("one topic");
        let records: Vec<_> = topic.partitions.iter().map(|p| p.records).collect();
        let (first, second) = ([4; 1_000], [9; 70_000]);
        assert_eq!(records[0], Some(Records::Borrowed(&first)));
        assert_eq!(records[1], Some(Records::Borrowed(&second)));
    }
}
