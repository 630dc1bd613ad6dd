use super::{
    AlterConfigsRequest, ApiVersionsRequest, ConsumerGroupDescribeRequest,
    ConsumerGroupHeartbeatRequest, CreatePartitionsRequest, CreateTopicsRequest,
    DeleteGroupsRequest, DeleteRecordsRequest, DeleteTopicsRequest, DescribeClusterRequest,
    DescribeConfigsRequest, DescribeGroupsRequest, DescribeLogDirsRequest,
    DescribeProducersRequest, DescribeTopicPartitionsRequest, FetchRequest, FindCoordinatorRequest,
    HeartbeatRequest, IncrementalAlterConfigsRequest, InitProducerIdRequest, JoinGroupRequest,
    LeaveGroupRequest, ListGroupsRequest, ListOffsetsRequest, MetadataRequest, OffsetCommitRequest,
    OffsetDeleteRequest, OffsetFetchRequest, OffsetForLeaderEpochRequest, ProduceRequest,
    SyncGroupRequest,
};
use crate::wire::Message;
use std::fmt;
use std::ops::RangeInclusive;

/// Declares the APIs, each with its number and the request whose versions are served.
macro_rules! apis {
    ($($(#[$doc:meta])* $name:ident = $key:literal: $request:ident,)*) => {
        /// An API that the broker serves, by its number in Kafka's protocol.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(i16)]
        pub enum ApiKey {$(
            $(#[$doc])*
            $name = $key,
        )*}

        impl ApiKey {
            /// Every API, by number.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The API of that number, if it is served.
            pub const fn from_code(code: i16) -> Option<Self> {
                match code {
                    $($key => Some(Self::$name),)*
                    _ => None,
                }
            }

            /// The versions that are served.
            pub const fn served(self) -> RangeInclusive<i16> {
                match self {
                    $(Self::$name => $request::VERSIONS,)*
                }
            }

            /// The first version whose messages and headers have tagged fields (KIP-482).
            const fn flexible_from(self) -> i16 {
                match self {
                    $(Self::$name => $request::FLEXIBLE_FROM,)*
                }
            }
        }
    };
}

apis! {
    /// Appends record batches.
    Produce = 0: ProduceRequest,
    /// Reads record batches.
    Fetch = 1: FetchRequest,
    /// Finds offsets by time.
    ListOffsets = 2: ListOffsetsRequest,
    /// Tells brokers, topics and partitions.
    Metadata = 3: MetadataRequest,
    /// Commits a group's offsets.
    OffsetCommit = 8: OffsetCommitRequest,
    /// Tells committed offsets.
    OffsetFetch = 9: OffsetFetchRequest,
    /// Tells who coordinates groups.
    FindCoordinator = 10: FindCoordinatorRequest,
    /// Joins a group.
    JoinGroup = 11: JoinGroupRequest,
    /// Tells that a member lives.
    Heartbeat = 12: HeartbeatRequest,
    /// Takes members out of a group.
    LeaveGroup = 13: LeaveGroupRequest,
    /// Hands out a generation's assignment.
    SyncGroup = 14: SyncGroupRequest,
    /// Tells groups' states and members.
    DescribeGroups = 15: DescribeGroupsRequest,
    /// Tells which groups there are.
    ListGroups = 16: ListGroupsRequest,
    /// Tells which APIs there are.
    ApiVersions = 18: ApiVersionsRequest,
    /// Creates topics.
    CreateTopics = 19: CreateTopicsRequest,
    /// Deletes topics.
    DeleteTopics = 20: DeleteTopicsRequest,
    /// Deletes records.
    DeleteRecords = 21: DeleteRecordsRequest,
    /// Gives out producer ids.
    InitProducerId = 22: InitProducerIdRequest,
    /// Finds where leader epochs end.
    OffsetForLeaderEpoch = 23: OffsetForLeaderEpochRequest,
    /// Tells settings.
    DescribeConfigs = 32: DescribeConfigsRequest,
    /// Replaces settings.
    AlterConfigs = 33: AlterConfigsRequest,
    /// Tells the data directory and what partitions take there.
    DescribeLogDirs = 35: DescribeLogDirsRequest,
    /// Adds partitions to topics.
    CreatePartitions = 37: CreatePartitionsRequest,
    /// Deletes groups.
    DeleteGroups = 42: DeleteGroupsRequest,
    /// Alters settings.
    IncrementalAlterConfigs = 44: IncrementalAlterConfigsRequest,
    /// Deletes committed offsets.
    OffsetDelete = 47: OffsetDeleteRequest,
    /// Tells the cluster's id and brokers.
    DescribeCluster = 60: DescribeClusterRequest,
    /// Tells the producers that partitions remember.
    DescribeProducers = 61: DescribeProducersRequest,
    /// Keeps a member in a group of the consumer protocol.
    ConsumerGroupHeartbeat = 68: ConsumerGroupHeartbeatRequest,
    /// Describes groups of the consumer protocol.
    ConsumerGroupDescribe = 69: ConsumerGroupDescribeRequest,
    /// Tells partitions, a page at a time.
    DescribeTopicPartitions = 75: DescribeTopicPartitionsRequest,
}

impl ApiKey {
    /// The API's number.
    pub const fn code(self) -> i16 {
        self as i16
    }

    /// The API that a request's frame begins with, if it is served.
    pub fn of_frame(frame: &[u8]) -> Option<Self> {
        let code = frame.first_chunk()?;
        Self::from_code(i16::from_be_bytes(*code))
    }

    /// Whether it only says that a group's member lives, unless something has changed.
    pub const fn is_heartbeat(self) -> bool {
        matches!(self, Self::Heartbeat | Self::ConsumerGroupHeartbeat)
    }

    /// The versions that clients are told of. They are those served, but for Produce: librdkafka
    /// up to 2.11.0 stops compressing without a word where version 0 is missing (KAFKA-18659).
    pub const fn advertised(self) -> RangeInclusive<i16> {
        match self {
            Self::Produce => 0..=*Self::Produce.served().end(),
            other => other.served(),
        }
    }

    /// Whether that version is served.
    pub fn serves(self, version: i16) -> bool {
        self.served().contains(&version)
    }

    /// The version of the header before a request of that version: 1, or 2 with tagged fields.
    pub const fn request_header_version(self, version: i16) -> i16 {
        if version >= self.flexible_from() {
            2
        } else {
            1
        }
    }

    /// The version of the header before a response of that version: 0, or 1 with tagged fields.
    /// That of ApiVersions never has any (KIP-511).
    pub const fn response_header_version(self, version: i16) -> i16 {
        if matches!(self, Self::ApiVersions) || version < self.flexible_from() {
            0
        } else {
            1
        }
    }
}

impl fmt::Display for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn produce_is_told_from_version_zero_but_served_from_three() {
        assert_eq!(ApiKey::Produce.advertised(), 0..=13);
        assert_eq!(ApiKey::Produce.served(), 3..=13);
        assert!(!ApiKey::Produce.serves(2));
    }

    /// librdkafka switches features on only where these very versions are offered.
    #[test]
    fn librdkafkas_version_floors_are_told() {
        let floors = [
            (ApiKey::Produce, 3),
            (ApiKey::Fetch, 4),
            (ApiKey::ListOffsets, 1),
            (ApiKey::InitProducerId, 0),
            (ApiKey::OffsetFetch, 1),
            (ApiKey::FindCoordinator, 0),
            (ApiKey::JoinGroup, 0),
            (ApiKey::Heartbeat, 0),
            (ApiKey::LeaveGroup, 0),
            (ApiKey::SyncGroup, 0),
        ];
        for (api, version) in floors {
            assert!(api.advertised().contains(&version), "{api} {version}");
        }
    }

    #[test]
    fn the_documented_table_says_what_is_served() {
        let page = include_str!("../../../../docs/compatibility.md");
        for &api in ApiKey::ALL {
            let (first, last) = api.served().into_inner();
            let versions = match first == last {
                true => first.to_string(),
                false => format!("{first}-{last}"),
            };
            let row = format!("| {api} | {} | {versions} |", api.code());
            assert!(page.contains(&row), "docs/compatibility.md lacks: {row}");
        }
    }

    #[test]
    fn codes_come_back() {
        for &api in ApiKey::ALL {
            assert_eq!(ApiKey::from_code(api.code()), Some(api));
        }
        assert_eq!(ApiKey::from_code(-1), None);
        assert_eq!(ApiKey::of_frame(&[0, 12, 0]), Some(ApiKey::Heartbeat));
        assert_eq!(ApiKey::of_frame(&[0]), None);
    }
}
