use super::scatter::{Outgoing, Scatter};
use super::{Context, CoreReply, CoreRequest, Questions, TopicRef};
use crate::coordinator::{
    CommittedOffset, GroupError, GroupReply, GroupRequest, OFFSETS_TOPIC, partition_of,
};
use crate::types::{CoreId, GroupId, PartitionIndex, TopicPartition};

/// What a group was asked and what it says.
#[derive(Debug)]
pub struct GroupAnswer {
    /// The group.
    pub group: GroupId,
    /// The partitions that offsets were to be kept, told or forgotten of: some answers tell an
    /// error once for each.
    pub asked: PartitionsByTopic,
    /// What the group says.
    pub result: Result<GroupReply, GroupError>,
}

/// Partitions by their topics' names.
pub(crate) type PartitionsByTopic = Vec<(String, Vec<PartitionIndex>)>;

/// Requests to groups, on their way to the cores that coordinate them. What waits in a group, as
/// a member for its generation, makes the whole operation wait.
#[derive(Debug)]
pub struct GroupsOperation {
    asked: Vec<Asked>,
    results: Scatter<Result<GroupReply, GroupError>>,
}

#[derive(Debug)]
struct Asked {
    group: GroupId,
    partitions: PartitionsByTopic,
    /// Partitions whose offsets were to be forgotten and which do not exist; the coordinator does
    /// not hear of them.
    unknown: PartitionsByTopic,
}

impl GroupsOperation {
    /// Splits the requests over the cores that coordinate the groups.
    pub fn start(
        requests: Vec<(GroupId, GroupRequest)>,
        context: &Context<'_>,
    ) -> (Self, Questions) {
        let mut results = Scatter::new();
        let mut outgoing = Outgoing::new();
        let mut asked = Vec::with_capacity(requests.len());
        for (group, mut request) in requests {
            let partitions = partitions(&request);
            let unknown = complete(&mut request, context);
            match coordinator(&group, &request, context) {
                Ok(core) => {
                    results.expect_from(core);
                    outgoing.push(core, (group.clone(), request));
                }
                Err(known) => results.settle(known),
            }
            asked.push(Asked {
                group,
                partitions,
                unknown,
            });
        }
        let questions = outgoing.into_cores();
        let questions = questions.map(|(core, items)| (core, CoreRequest::Groups(items)));
        (Self { asked, results }, questions.collect())
    }

    /// Takes a core's reply.
    pub fn reply(&mut self, from: CoreId, reply: CoreReply) {
        let CoreReply::Groups(results) = reply else {
            unreachable!("groups are answered by groups");
        };
        self.results.fill(from, results);
    }

    /// Whether every core has replied.
    pub fn is_complete(&self) -> bool {
        self.results.is_complete()
    }

    /// The answers, once complete, in the client's order.
    pub fn finish(self) -> Vec<GroupAnswer> {
        let answers = self.asked.into_iter().zip(self.results.into_results());
        let answers = answers.map(|(asked, mut result)| {
            if let Ok(GroupReply::DeleteOffsets(outcomes)) = &mut result {
                let missing = Err(GroupError::UnknownTopicOrPartition);
                for (topic, partitions) in asked.unknown {
                    let partitions = partitions.into_iter().map(|index| (index, missing));
                    match outcomes.iter_mut().find(|(known, _)| *known == topic) {
                        Some((_, known)) => known.extend(partitions),
                        None => outcomes.push((topic, partitions.collect())),
                    }
                }
            }
            GroupAnswer {
                group: asked.group,
                asked: asked.partitions,
                result,
            }
        });
        answers.collect()
    }
}

/// The core that coordinates the group, or what is answered without asking it.
fn coordinator(
    group: &GroupId,
    request: &GroupRequest,
    context: &Context<'_>,
) -> Result<CoreId, Result<GroupReply, GroupError>> {
    if group.as_str().trim().is_empty() && matches!(request, GroupRequest::ConsumerHeartbeat(_)) {
        let problem = "a group's name cannot be blank";
        return Err(Err(GroupError::InvalidRequest(problem)));
    }
    if group.is_empty() && needs_name(request) {
        return Err(Err(GroupError::InvalidGroupId));
    }
    let Some(topic) = context.catalog.by_name(OFFSETS_TOPIC) else {
        return Err(without_groups(request));
    };
    let partition = partition_of(group, topic.partitions);
    let owner = context
        .placement
        .owner(TopicPartition::new(topic.id, partition));
    if context.own_node && owner != context.core {
        return Err(Err(GroupError::NotCoordinator));
    }
    Ok(owner)
}

/// Offsets without members may be kept for the group of the empty name: clients could once leave
/// the name out, and Kafka still serves them.
fn needs_name(request: &GroupRequest) -> bool {
    match request {
        GroupRequest::Join(_)
        | GroupRequest::Sync(_)
        | GroupRequest::Heartbeat(_)
        | GroupRequest::Leave(_)
        | GroupRequest::ConsumerHeartbeat(_)
        | GroupRequest::ConsumerDescribe
        | GroupRequest::DeleteOffsets(_) => true,
        GroupRequest::CommitOffsets(_)
        | GroupRequest::FetchOffsets(_)
        | GroupRequest::Describe
        | GroupRequest::Delete => false,
    }
}

/// The answer while no group was ever made: whoever wants to change one is to look for its
/// coordinator, which makes the topic.
fn without_groups(request: &GroupRequest) -> Result<GroupReply, GroupError> {
    match request {
        GroupRequest::Join(_)
        | GroupRequest::Sync(_)
        | GroupRequest::Heartbeat(_)
        | GroupRequest::Leave(_)
        | GroupRequest::ConsumerHeartbeat(_)
        | GroupRequest::CommitOffsets(_) => Err(GroupError::NotCoordinator),
        GroupRequest::Describe
        | GroupRequest::ConsumerDescribe
        | GroupRequest::Delete
        | GroupRequest::DeleteOffsets(_) => Err(GroupError::GroupNotFound),
        GroupRequest::FetchOffsets(fetch) => {
            let topics = fetch.topics.iter().flatten();
            let topics = topics.map(|(topic, partitions)| {
                let none = |index: &PartitionIndex| (*index, CommittedOffset::NONE);
                (topic.clone(), partitions.iter().map(none).collect())
            });
            Ok(GroupReply::FetchOffsets(topics.collect()))
        }
    }
}

/// The partitions that a request names.
fn partitions(request: &GroupRequest) -> PartitionsByTopic {
    match request {
        GroupRequest::CommitOffsets(commit) => {
            let topics = commit.topics.iter();
            let topics = topics.map(|(topic, partitions)| {
                let indexes = partitions.iter().map(|partition| partition.index);
                (topic.clone(), indexes.collect())
            });
            topics.collect()
        }
        GroupRequest::FetchOffsets(fetch) => fetch.topics.clone().unwrap_or_default(),
        GroupRequest::DeleteOffsets(topics) => topics.clone(),
        _ => Vec::new(),
    }
}

/// Adds what the connection and the catalog know. Yields the partitions that were taken out of a
/// request to forget offsets.
fn complete(request: &mut GroupRequest, context: &Context<'_>) -> PartitionsByTopic {
    match request {
        GroupRequest::Join(join) => join.client_host = client_host(context.peer),
        GroupRequest::ConsumerHeartbeat(beat) => beat.client_host = client_host(context.peer),
        GroupRequest::DeleteOffsets(topics) => {
            let mut unknown = Vec::new();
            for (topic, partitions) in topics.iter_mut() {
                let missing = |index: &mut PartitionIndex| !exists(topic, *index, context);
                let missing: Vec<_> = partitions.extract_if(.., missing).collect();
                if !missing.is_empty() {
                    unknown.push((topic.clone(), missing));
                }
            }
            topics.retain(|(_, partitions)| !partitions.is_empty());
            return unknown;
        }
        _ => {}
    }
    Vec::new()
}

fn exists(topic: &str, index: PartitionIndex, context: &Context<'_>) -> bool {
    let topic = context.topic(&TopicRef::Name(topic.to_owned()));
    topic.is_ok_and(|topic| topic.has(TopicPartition::new(topic.id, index)))
}

/// The address of `address:port`, as Kafka writes it.
fn client_host(peer: &str) -> String {
    let address = peer.rsplit_once(':').map_or(peer, |(address, _)| address);
    let address = address.trim_start_matches('[').trim_end_matches(']');
    format!("/{address}")
}

#[cfg(test)]
mod tests;
