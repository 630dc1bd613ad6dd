//! Groups of consumers and their offsets: what to ask, and what an answer means.
//!
//! Each function pair makes a request and reads its answer; who sends it, and where, is not known
//! here.

use super::{BrokerCode, ClientError};
use crate::protocol::kafka::messages::{
    self as m, ConsumerProtocol, ConsumerProtocolAssignment, DescribedGroupMember,
};
use crate::types::NodeId;
use crate::wire::Array;
use std::collections::BTreeMap;

/// A group in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedGroup {
    /// Its name.
    pub group: String,
    /// The kind of its protocols; empty for a group that holds only offsets.
    pub protocol_type: String,
    /// Its state; none from old brokers.
    pub state: Option<String>,
    /// `classic`, `consumer` or another; none from old brokers.
    pub group_type: Option<String>,
}

/// A group in full.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DescribedGroup {
    /// `Empty`, `PreparingRebalance`, `CompletingRebalance` or `Stable`.
    pub state: String,
    /// The kind of protocols; empty for a group that holds only offsets.
    pub protocol_type: String,
    /// The chosen protocol; empty between generations.
    pub protocol: String,
    /// Its members.
    pub members: Vec<DescribedMember>,
}

/// A member of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DescribedMember {
    /// Its id.
    pub member: String,
    /// What names it across its restarts.
    pub instance: Option<String>,
    /// What its client calls itself.
    pub client_id: String,
    /// Its client's address.
    pub client_host: String,
    /// Its partitions by topic; empty if the group's protocol is not that of consumers.
    pub assignment: BTreeMap<String, Vec<i32>>,
}

/// Offsets by topic and partition.
pub type Offsets = BTreeMap<(String, i32), i64>;

/// The state of a group that does not exist, as old versions tell it.
const DEAD: &str = "Dead";
/// The protocols whose assignments are known.
const CONSUMER: &str = "consumer";

/// Asks who coordinates a group.
pub fn find_coordinator(group: &str) -> m::FindCoordinatorRequest<'_> {
    m::FindCoordinatorRequest {
        key: group,
        ..Default::default()
    }
}

/// Reads who does.
///
/// # Errors
/// [`ClientError::Group`].
pub fn found_coordinator(
    group: &str,
    response: &m::FindCoordinatorResponse<'_>,
) -> Result<NodeId, ClientError> {
    check(group, response.error_code, response.error_message)?;
    Ok(NodeId::new(response.node_id))
}

/// Asks a node for the groups that it coordinates.
pub fn list_groups() -> m::ListGroupsRequest<'static> {
    m::ListGroupsRequest::default()
}

/// Reads them.
///
/// # Errors
/// The broker's code.
pub fn listed_groups(response: &m::ListGroupsResponse<'_>) -> Result<Vec<ListedGroup>, BrokerCode> {
    BrokerCode::new(response.error_code).check()?;
    let told = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let groups = response.groups.iter().map(|group| ListedGroup {
        group: group.group_id.to_owned(),
        protocol_type: group.protocol_type.to_owned(),
        state: told(group.group_state),
        group_type: told(group.group_type),
    });
    Ok(groups.collect())
}

/// Asks for a group's state and members.
pub fn describe_group(group: &str) -> m::DescribeGroupsRequest<'_> {
    m::DescribeGroupsRequest {
        groups: Array::from(vec![group]),
        include_authorized_operations: false,
    }
}

/// Reads them; `None` if there is no such group.
///
/// # Errors
/// [`ClientError::Group`].
pub fn described_group(
    group: &str,
    response: &m::DescribeGroupsResponse<'_>,
) -> Result<Option<DescribedGroup>, ClientError> {
    let mut groups = response.groups.iter();
    let told = groups.find(|told| told.group_id == group);
    let told = told.ok_or_else(|| missing(group))?;
    let code = BrokerCode::new(told.error_code);
    if code == BrokerCode::GROUP_ID_NOT_FOUND || code.is_none() && told.group_state == DEAD {
        return Ok(None);
    }
    check(group, told.error_code, told.error_message)?;
    let consumers = told.protocol_type == CONSUMER;
    let members = told.members.iter();
    Ok(Some(DescribedGroup {
        state: told.group_state.to_owned(),
        protocol_type: told.protocol_type.to_owned(),
        protocol: told.protocol_data.to_owned(),
        members: members
            .map(|member| described(&member, consumers))
            .collect(),
    }))
}

fn described(member: &DescribedGroupMember<'_>, consumer: bool) -> DescribedMember {
    let mut assignment: BTreeMap<String, Vec<i32>> = BTreeMap::new();
    // A member without an assignment yet has no bytes at all.
    if consumer && let Ok(told) = ConsumerProtocolAssignment::decode(member.member_assignment) {
        for topic in &told.assigned_partitions {
            let partitions = assignment.entry(topic.topic.to_owned()).or_default();
            partitions.extend(topic.partitions.iter());
            partitions.sort_unstable();
        }
    }
    DescribedMember {
        member: member.member_id.to_owned(),
        instance: member.group_instance_id.map(str::to_owned),
        client_id: member.client_id.to_owned(),
        client_host: member.client_host.to_owned(),
        assignment,
    }
}

/// Asks for a group and its offsets to be deleted.
pub fn delete_group(group: &str) -> m::DeleteGroupsRequest<'_> {
    m::DeleteGroupsRequest {
        groups_names: Array::from(vec![group]),
    }
}

/// Reads whether they were.
///
/// # Errors
/// [`ClientError::Group`].
pub fn deleted_group(
    group: &str,
    response: &m::DeleteGroupsResponse<'_>,
) -> Result<(), ClientError> {
    let mut results = response.results.iter();
    let result = results.find(|result| result.group_id == group);
    let result = result.ok_or_else(|| missing(group))?;
    check(group, result.error_code, None)
}

/// Asks for all offsets that a group has committed.
pub fn fetch_offsets(group: &str) -> m::OffsetFetchRequest<'_> {
    m::OffsetFetchRequest {
        group_id: group,
        topics: None,
        ..Default::default()
    }
}

/// Reads them.
///
/// # Errors
/// [`ClientError::Group`] and [`ClientError::Partition`].
pub fn fetched_offsets(
    group: &str,
    response: &m::OffsetFetchResponse<'_>,
) -> Result<Offsets, ClientError> {
    check(group, response.error_code, None)?;
    let mut offsets = Offsets::new();
    for topic in &response.topics {
        for partition in &topic.partitions {
            let index = partition.partition_index;
            check_partition(topic.name, index, partition.error_code)?;
            if partition.committed_offset >= 0 {
                offsets.insert((topic.name.to_owned(), index), partition.committed_offset);
            }
        }
    }
    Ok(offsets)
}

/// Asks for offsets to be kept, as someone who is no member. The group must have none.
pub fn commit_offsets<'a>(group: &'a str, offsets: &'a Offsets) -> m::OffsetCommitRequest<'a> {
    let mut by_topic: BTreeMap<&str, Vec<m::OffsetCommitRequestPartition<'a>>> = BTreeMap::new();
    for ((topic, partition), offset) in offsets {
        let partitions = by_topic.entry(topic).or_default();
        partitions.push(m::OffsetCommitRequestPartition {
            partition_index: *partition,
            committed_offset: *offset,
            committed_metadata: Some(""),
            ..Default::default()
        });
    }
    let topics = by_topic.into_iter();
    let topics = topics.map(|(name, partitions)| m::OffsetCommitRequestTopic {
        name,
        partitions: partitions.into(),
    });
    m::OffsetCommitRequest {
        group_id: group,
        topics: topics.collect(),
        ..Default::default()
    }
}

/// Reads whether they are.
///
/// # Errors
/// [`ClientError::Group`] where the group refuses, [`ClientError::Partition`] where a partition is
/// at fault.
pub fn committed_offsets(
    group: &str,
    response: &m::OffsetCommitResponse<'_>,
) -> Result<(), ClientError> {
    for topic in &response.topics {
        for partition in &topic.partitions {
            let code = BrokerCode::new(partition.error_code);
            if code == BrokerCode::UNKNOWN_TOPIC_OR_PARTITION {
                check_partition(topic.name, partition.partition_index, code.get())?;
            }
            check(group, code.get(), None)?;
        }
    }
    Ok(())
}

/// Asks for the offsets of these partitions to be forgotten.
pub fn delete_offsets<'a>(
    group: &'a str,
    partitions: &'a BTreeMap<String, Vec<i32>>,
) -> m::OffsetDeleteRequest<'a> {
    let topics = partitions.iter().map(|(name, partitions)| {
        let partitions = partitions.iter();
        let partitions =
            partitions.map(|&partition_index| m::OffsetDeleteRequestPartition { partition_index });
        m::OffsetDeleteRequestTopic {
            name,
            partitions: partitions.collect(),
        }
    });
    m::OffsetDeleteRequest {
        group_id: group,
        topics: topics.collect(),
    }
}

/// Reads whether they are.
///
/// # Errors
/// [`ClientError::Group`] and [`ClientError::Partition`].
pub fn deleted_offsets(
    group: &str,
    response: &m::OffsetDeleteResponse<'_>,
) -> Result<(), ClientError> {
    check(group, response.error_code, None)?;
    for topic in &response.topics {
        for partition in &topic.partitions {
            check_partition(topic.name, partition.partition_index, partition.error_code)?;
        }
    }
    Ok(())
}

fn check(group: &str, code: i16, message: Option<&str>) -> Result<(), ClientError> {
    let refused = |code| ClientError::Group {
        group: group.to_owned(),
        code,
        message: message.map(str::to_owned),
    };
    BrokerCode::new(code).check().map_err(refused)
}

fn check_partition(topic: &str, partition: i32, code: i16) -> Result<(), ClientError> {
    let refused = |code| ClientError::Partition {
        topic: topic.to_owned(),
        partition,
        code,
        message: None,
    };
    BrokerCode::new(code).check().map_err(refused)
}

fn missing(group: &str) -> ClientError {
    ClientError::Group {
        group: group.to_owned(),
        code: BrokerCode::UNKNOWN_SERVER_ERROR,
        message: Some("the answer does not speak of it".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(error_code: i16, state: &'static str) -> m::DescribeGroupsResponse<'static> {
        m::DescribeGroupsResponse {
            groups: Array::from(vec![m::DescribedGroup {
                error_code,
                group_id: "g",
                group_state: state,
                protocol_type: "consumer",
                ..Default::default()
            }]),
            ..Default::default()
        }
    }

    #[test]
    fn an_unknown_group_is_told_in_two_ways() {
        for (code, state) in [(0, "Dead"), (69, "Dead")] {
            assert_eq!(described_group("g", &group(code, state)).ok(), Some(None));
        }
        let known = described_group("g", &group(0, "Empty")).expect("described");
        assert_eq!(known.map(|known| known.state), Some("Empty".to_owned()));
        let error = described_group("g", &group(16, "")).expect_err("refused");
        let error = error.to_string();
        assert!(
            error.contains("\"g\"") && error.contains("NOT_COORDINATOR"),
            "{error}"
        );
        assert!(described_group("h", &group(0, "Empty")).is_err());
    }

    #[test]
    fn members_partitions_are_read_from_their_assignments() {
        let assignment = ConsumerProtocolAssignment {
            assigned_partitions: Array::from(vec![m::ConsumerProtocolTopicPartitions {
                topic: "orders",
                partitions: Array::from(vec![3, 1]),
            }]),
            user_data: None,
        };
        let assignment = assignment.encode(1).expect("known");
        let member = m::DescribedGroupMember {
            member_id: "m",
            member_assignment: &assignment,
            ..Default::default()
        };
        let expected = BTreeMap::from([("orders".to_owned(), vec![1, 3])]);
        assert_eq!(described(&member, true).assignment, expected);
        assert!(described(&member, false).assignment.is_empty());
        for bytes in [&[][..], &[0], &[0, 0, 0xff, 0, 0, 0]] {
            let member = m::DescribedGroupMember {
                member_assignment: bytes,
                ..Default::default()
            };
            assert!(described(&member, true).assignment.is_empty());
        }
    }

    #[test]
    fn offsets_are_committed_by_topic_without_a_member() {
        let offsets = [("a", 0, 5), ("b", 1, 6), ("b", 0, 7)];
        let offsets = offsets.map(|(topic, index, offset)| ((topic.to_owned(), index), offset));
        let offsets = Offsets::from(offsets);
        let request = commit_offsets("g", &offsets);
        assert_eq!(request.generation_id_or_member_epoch, -1);
        assert_eq!(request.member_id, "");
        let topics = request.topics.iter().map(|topic| {
            let partitions = topic.partitions.iter();
            let told = partitions.map(|p| (p.partition_index, p.committed_offset));
            (topic.name, told.collect::<Vec<_>>())
        });
        let topics: Vec<_> = topics.collect();
        assert_eq!(topics, [("a", vec![(0, 5)]), ("b", vec![(0, 7), (1, 6)])]);
    }

    #[test]
    fn nothing_committed_is_no_offset() {
        let partition = |partition_index, committed_offset| m::OffsetFetchResponsePartition {
            partition_index,
            committed_offset,
            ..Default::default()
        };
        let mut response = m::OffsetFetchResponse {
            topics: Array::from(vec![m::OffsetFetchResponseTopic {
                name: "a",
                partitions: Array::from(vec![partition(0, -1), partition(1, 9)]),
            }]),
            ..Default::default()
        };
        let expected = Offsets::from([(("a".to_owned(), 1), 9)]);
        assert_eq!(fetched_offsets("g", &response).ok(), Some(expected));
        response.error_code = 30;
        assert!(fetched_offsets("g", &response).is_err());
    }

    #[test]
    fn a_refused_commit_names_the_group_or_the_partition() {
        let refused = |error_code| {
            let response = m::OffsetCommitResponse {
                topics: Array::from(vec![m::OffsetCommitResponseTopic {
                    name: "orders",
                    partitions: Array::from(vec![m::OffsetCommitResponsePartition {
                        partition_index: 4,
                        error_code,
                    }]),
                }]),
                ..Default::default()
            };
            committed_offsets("g", &response)
                .err()
                .map(|error| error.to_string())
        };
        assert_eq!(refused(0), None);
        assert!(refused(25).is_some_and(|error| error.starts_with("group \"g\": UNKNOWN_MEMBER")));
        assert!(refused(3).is_some_and(|error| error.contains("partition 4")));
    }
}
