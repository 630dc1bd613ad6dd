//! What members of a classic group say to each other: what they want and have, and who gets what.

use super::spots_of;
use crate::history::{Membership, Spot};
use crate::topics::Topics;
use bytes::Bytes;
use corelane::protocol::kafka::messages::{
    ConsumerProtocol, ConsumerProtocolAssignment, ConsumerProtocolSubscription,
    ConsumerProtocolTopicPartitions,
};
use std::collections::BTreeMap;

/// A member as its leader hears of it.
#[derive(Debug)]
pub(super) struct Candidate {
    pub(super) member: String,
    pub(super) topics: Vec<String>,
    /// What it still has, as of which generation.
    pub(super) owned: Vec<(String, i32)>,
    pub(super) generation: i32,
}

/// Partitions by topic, as they are sent.
fn named<'a>(spots: &[Spot], topics: &'a Topics) -> Vec<ConsumerProtocolTopicPartitions<'a>> {
    let mut by_topic: BTreeMap<&str, Vec<i32>> = BTreeMap::new();
    for (topic, index) in spots {
        by_topic
            .entry(&topics.all[*topic].name)
            .or_default()
            .push(*index);
    }
    let by_topic = by_topic.into_iter();
    let named = by_topic.map(|(topic, partitions)| ConsumerProtocolTopicPartitions {
        topic,
        partitions: partitions.into(),
    });
    named.collect()
}

pub(super) fn subscription(
    names: &[String],
    owned: &[Spot],
    generation: i32,
    topics: &Topics,
) -> Bytes {
    let said = ConsumerProtocolSubscription {
        topics: names.iter().map(String::as_str).collect(),
        user_data: None,
        owned_partitions: named(owned, topics).into(),
        generation_id: generation,
        rack_id: None,
    };
    said.encode(3).expect("a subscription")
}

impl Candidate {
    pub(super) fn decode(member: &str, metadata: &[u8]) -> Self {
        let said = ConsumerProtocolSubscription::decode(metadata).expect("members speak clearly");
        let owned = said.owned_partitions.iter().flat_map(|topic| {
            let partitions: Vec<i32> = topic.partitions.iter().collect();
            partitions
                .into_iter()
                .map(move |index| (topic.topic.to_owned(), index))
        });
        Self {
            member: member.to_owned(),
            topics: said.topics.iter().map(str::to_owned).collect(),
            owned: owned.collect(),
            generation: said.generation_id,
        }
    }
}

/// An assignment's number and a member's part of it, as they are sent.
pub(super) fn assignment(number: u64, spots: &[Spot], topics: &Topics) -> Bytes {
    let number = number.to_be_bytes();
    let part = ConsumerProtocolAssignment {
        assigned_partitions: named(spots, topics).into(),
        user_data: Some(&number),
    };
    part.encode(1).expect("an assignment")
}

/// A part as it was read; nothing where the leader forgot the member. A topic's name stands for
/// the one that the leader meant, as another may have been made under it since.
pub(super) fn read_assignment(
    bytes: &[u8],
    membership: &Membership,
    topics: &Topics,
) -> Option<(u64, Vec<Spot>)> {
    if bytes.is_empty() {
        return None;
    }
    let part = ConsumerProtocolAssignment::decode(bytes).expect("leaders speak clearly");
    let number = part.user_data.expect("a number");
    let number = u64::from_be_bytes(number.try_into().expect("eight bytes"));
    let mut spots = Vec::new();
    for topic in &part.assigned_partitions {
        let mut given = membership.given(number).map(|(at, _)| at);
        let at = given.find(|at| topics.all[*at].name == topic.topic);
        let at = at.expect("members are told of topics that their leader assigned");
        spots.extend(topic.partitions.iter().map(|index| (at, index)));
    }
    spots.sort_unstable();
    Some((number, spots))
}

/// Deals out what members want: whoever has a partition keeps it while that is fair, and what
/// another still has is not given away before it is given up.
pub(super) fn deal(candidates: &[Candidate], topics: &Topics) -> BTreeMap<String, Vec<Spot>> {
    let mut names: Vec<&String> = candidates.iter().flat_map(|one| &one.topics).collect();
    names.sort_unstable();
    names.dedup();
    let spots: Vec<Spot> = names
        .iter()
        .flat_map(|name| spots_of(name, topics))
        .collect();
    let mut dealt: BTreeMap<String, Vec<Spot>> = candidates
        .iter()
        .map(|one| (one.member.clone(), Vec::new()))
        .collect();
    let fair = spots.len().div_ceil(candidates.len().max(1));
    for (topic, index) in spots {
        let name = &topics.all[topic].name;
        let wants = |one: &&Candidate| one.topics.contains(name);
        let claims = |one: &&Candidate| one.owned.iter().any(|(of, at)| of == name && *at == index);
        let claiming = candidates.iter().filter(claims);
        let owner = claiming.max_by_key(|one| one.generation);
        let keeps = owner
            .filter(wants)
            .filter(|one| dealt[&one.member].len() < fair);
        let poorest = candidates.iter().filter(wants);
        let poorest = poorest.min_by_key(|one| dealt[&one.member].len());
        let next = match (keeps, owner) {
            (Some(keeps), _) => Some(keeps),
            // It has to be given up first.
            (None, Some(_)) => None,
            (None, None) => poorest,
        };
        if let Some(next) = next {
            dealt
                .get_mut(&next.member)
                .expect("a candidate")
                .push((topic, index));
        }
    }
    for part in dealt.values_mut() {
        part.sort_unstable();
    }
    dealt
}
