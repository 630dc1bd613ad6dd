//! Bytes that mean harm: none may panic, claim more than was sent, or take memory for it.

use crate::draw::{Draw, Source};
use crate::encoded;
use corelane::protocol::kafka::messages::*;
use corelane::wire::{Message, Reader, Records, WireError};
use proptest::prelude::*;

/// Does something with every message.
macro_rules! each_message {
    ($do:ident) => {
        each_message!(@each $do:
            ApiVersionsRequest ApiVersionsResponse MetadataRequest MetadataResponse
            ProduceRequest ProduceResponse FetchRequest FetchResponse
            ListOffsetsRequest ListOffsetsResponse InitProducerIdRequest InitProducerIdResponse
            CreateTopicsRequest CreateTopicsResponse DeleteTopicsRequest DeleteTopicsResponse
            CreatePartitionsRequest CreatePartitionsResponse
            DescribeConfigsRequest DescribeConfigsResponse
            IncrementalAlterConfigsRequest IncrementalAlterConfigsResponse
            DescribeClusterRequest DescribeClusterResponse
            FindCoordinatorRequest FindCoordinatorResponse
            JoinGroupRequest JoinGroupResponse
            HeartbeatRequest HeartbeatResponse
            LeaveGroupRequest LeaveGroupResponse
            SyncGroupRequest SyncGroupResponse
            OffsetCommitRequest OffsetCommitResponse
            OffsetFetchRequest OffsetFetchResponse
            DescribeGroupsRequest DescribeGroupsResponse
            ListGroupsRequest ListGroupsResponse
            DeleteGroupsRequest DeleteGroupsResponse
            OffsetDeleteRequest OffsetDeleteResponse
            ConsumerGroupHeartbeatRequest ConsumerGroupHeartbeatResponse
            ConsumerGroupDescribeRequest ConsumerGroupDescribeResponse
            AlterConfigsRequest AlterConfigsResponse
            DeleteRecordsRequest DeleteRecordsResponse
            OffsetForLeaderEpochRequest OffsetForLeaderEpochResponse
            DescribeTopicPartitionsRequest DescribeTopicPartitionsResponse
            DescribeLogDirsRequest DescribeLogDirsResponse
            DescribeProducersRequest DescribeProducersResponse)
    };
    (@each $do:ident: $($name:ident)*) => { $($do!($name);)* };
}

/// Whatever decodes can be walked and encoded again, and has no more in it than was sent: so a
/// few bytes cannot claim many elements.
macro_rules! bears {
    ($name:ident, $bytes:expr) => {
        for version in $name::VERSIONS {
            let mut reader = Reader::new($bytes);
            let Ok(message) = $name::decode(&mut reader, version) else {
                continue;
            };
            let again = encoded(&message, version).expect("decoded in the same version");
            prop_assert!(again.len() <= reader.position());
            let back = $name::decode(&mut Reader::new(&again), version);
            prop_assert_eq!(back, Ok(message));
        }
    };
}

proptest! {
    #[test]
    fn arbitrary_bytes_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        macro_rules! bears_it { ($name:ident) => { bears!($name, &bytes) } }
        each_message!(bears_it);
        let _ = RequestHeader::decode(&mut Reader::new(&bytes));
    }

    /// Small numbers make lengths that fit, so that decoding gets far.
    #[test]
    fn likely_bytes_do_no_harm(bytes in prop::collection::vec(0..4_u8, 0..300)) {
        macro_rules! bears_it { ($name:ident) => { bears!($name, &bytes) } }
        each_message!(bears_it);
    }

    #[test]
    fn damaged_messages_do_no_harm(
        seed: u64,
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in any::<prop::sample::Index>(),
    ) {
        macro_rules! bears_it {
            ($name:ident) => {
                for version in $name::VERSIONS {
                    let random = fastrand::Rng::with_seed(seed);
                    let drawn = $name::draw(&mut Source { random, version });
                    let mut bytes = encoded(&drawn, version).expect("drawn for it").to_vec();
                    if bytes.is_empty() {
                        continue;
                    }
                    for (place, byte) in &damage {
                        let place = place.index(bytes.len());
                        bytes[place] = *byte;
                    }
                    bytes.truncate(cut.index(bytes.len()) + 1);
                    bears!($name, &bytes);
                }
            };
        }
        each_message!(bears_it);
    }
}

#[test]
fn lying_counts_are_refused_before_anything_is_read() {
    // Metadata 1: i32::MAX topics.
    let bytes = i32::MAX.to_be_bytes();
    assert_eq!(
        MetadataRequest::decode(&mut Reader::new(&bytes), 1),
        Err(WireError::LengthTooLarge {
            position: 0,
            length: i32::MAX as usize,
            remaining: 0
        })
    );
    // Metadata 9: as many topics as a varint can say, and two of the bytes that one needs.
    let bytes = [0xff, 0xff, 0xff, 0xff, 0x0f, 1, 0];
    assert_eq!(
        MetadataRequest::decode(&mut Reader::new(&bytes), 9),
        Err(WireError::LengthTooLarge {
            position: 0,
            length: u32::MAX as usize - 1,
            remaining: 2
        })
    );
    // A negative count that does not mean null.
    let bytes = (-7_i32).to_be_bytes();
    assert_eq!(
        MetadataRequest::decode(&mut Reader::new(&bytes), 1),
        Err(WireError::NegativeLength {
            position: 0,
            length: -7
        })
    );
    // More elements than their smallest size allows: 3 partitions of 8 bytes in 16 bytes.
    let mut bytes = vec![
        0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1, b't', 0, 0, 0, 3,
    ];
    bytes.extend_from_slice(&[0; 16]);
    assert!(matches!(
        ProduceRequest::decode(&mut Reader::new(&bytes), 3),
        Err(WireError::LengthTooLarge { length: 3, .. })
    ));
}

#[test]
fn lying_lengths_are_refused() {
    // Produce 9: one topic, one partition, records of u32::MAX - 1 bytes.
    let head = [0, 0, 1, 0, 0, 0, 0, 2, 2, b't', 2, 0, 0, 0, 0];
    let mut bytes = head.to_vec();
    bytes.extend_from_slice(&[0xff, 0xff, 0xff, 0xff, 0x0f, 0, 0, 0, 0]);
    assert!(matches!(
        ProduceRequest::decode(&mut Reader::new(&bytes), 9),
        Err(WireError::LengthTooLarge { .. })
    ));
    // The same with an honest length.
    let mut bytes = head.to_vec();
    bytes.extend_from_slice(&[3, b'a', b'b', 0, 0, 0]);
    let request = ProduceRequest::decode(&mut Reader::new(&bytes), 9).expect("whole");
    let topic = request.topic_data.iter().next().expect("one topic");
    let partition = topic.partition_data.iter().next().expect("one partition");
    assert_eq!(partition.records, Some(Records::Borrowed(b"ab")));
}
