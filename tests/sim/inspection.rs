//! What administrators are told of partitions, compared with what lies in them.

use crate::clients::{Answer, Fetching, by_topic};
use crate::drain::Content;
use crate::network::Key;
use crate::plan::DATA;
use crate::world::World;
use corelane::protocol::kafka::messages::{
    DescribeLogDirsRequest, DescribeLogDirsResponse, DescribeProducersRequest,
    DescribeProducersResponse, DescribeProducersTopic, DescribeTopicPartitionsRequest,
    DescribeTopicPartitionsResponse, ErrorCode, OffsetForLeaderEpochRequest,
    OffsetForLeaderEpochResponse, OffsetForLeaderPartition, OffsetForLeaderTopic, PartitionCursor,
};
use corelane::wire::{Message, Reader};
use std::collections::BTreeMap;

/// How many deadlines a coordinator that failed has to come back.
const ROUNDS_MAX: u32 = 1000;

impl World {
    /// Asks for everything that can be told of the partitions whose content is known.
    pub(crate) fn inspect(&mut self, key: Key, all: &[Content]) {
        self.inspect_sizes(key, all);
        self.inspect_pages(key, all);
        self.inspect_groups(key, all);
        for content in all {
            self.inspect_producers(key, content);
            self.inspect_epochs(key, content);
        }
    }

    /// What groups have committed is there, and was there to be read.
    fn inspect_groups(&mut self, key: Key, all: &[Content]) {
        let plan = self.plan.groups.clone();
        for group in plan.iter().flat_map(|plan| &plan.groups) {
            let mut spots = self.history.commits.spots(group.number);
            spots.retain(|spot| self.topics.is_live_topic(spot.0));
            let mut context = self.context();
            let fetching = Fetching::new(group.number, spots, &mut context);
            let topics = by_topic(fetching.spots.iter().map(|spot| (*spot, ())), &context);
            let request = fetching.request(&group.name, &topics, None, 9);
            let mut rounds = 0..ROUNDS_MAX;
            let told = loop {
                let answer = Answer {
                    asked: (),
                    version: 9,
                    body: self.ask(key, &request, 9),
                };
                let told = fetching.answered(&answer, &mut self.context());
                // One that failed while the disk was full reads its log again a second later.
                let waits = told == Err(ErrorCode::CoordinatorNotAvailable);
                if waits && rounds.next().is_some() {
                    self.pass_to_deadline();
                    self.settle();
                } else {
                    break told.unwrap_or_else(|code| panic!("{}: {code}", group.name));
                }
            };
            for (spot, offset) in told {
                let place = self.topics.place(spot.0, spot.1);
                let content = all.iter().find(|content| content.place == place);
                // Members may know of a partition whose making nobody was told.
                let Some(end) = content.map(|content| content.end) else {
                    continue;
                };
                assert!(
                    offset <= end || !self.history.promise(place.id()).durable,
                    "{place:?} ends at {end}, and {} has read to {offset}",
                    group.name
                );
            }
        }
    }

    fn inspect_sizes(&mut self, key: Key, all: &[Content]) {
        let body = self.ask(key, &DescribeLogDirsRequest { topics: None }, 4);
        let response = DescribeLogDirsResponse::decode(&mut Reader::new(&body), 4);
        let response = response.expect("a response");
        let directory = response.results.iter().next().expect("one directory");
        assert_eq!((directory.error_code, directory.log_dir), (0, DATA));
        assert!(directory.usable_bytes <= directory.total_bytes);
        let mut sizes = BTreeMap::new();
        for topic in &directory.topics {
            for partition in &topic.partitions {
                let place = (topic.name, partition.partition_index);
                let known = sizes.insert(place, partition.partition_size);
                assert_eq!(known, None, "{place:?} is told twice");
            }
        }
        for content in all {
            let place = (content.place.name.as_str(), content.place.index);
            let size = sizes.get(&place).copied();
            let size = size.unwrap_or_else(|| panic!("{place:?} has no size"));
            assert!(size > 0 || content.log.is_empty(), "{place:?}: {size}");
        }
    }

    fn inspect_pages(&mut self, key: Key, all: &[Content]) {
        let mut told: Vec<(String, i32)> = Vec::new();
        let mut cursor: Option<(String, i32)> = None;
        loop {
            let limit = self.rng.i32(0..5);
            let request = DescribeTopicPartitionsRequest {
                response_partition_limit: limit,
                cursor: cursor.as_ref().map(|(topic_name, index)| PartitionCursor {
                    topic_name,
                    partition_index: *index,
                }),
                ..Default::default()
            };
            let body = self.ask(key, &request, 0);
            let response = DescribeTopicPartitionsResponse::decode(&mut Reader::new(&body), 0);
            let response = response.expect("a response");
            let before = told.len();
            for topic in &response.topics {
                let name = topic.name.expect("a topic that exists");
                assert_eq!(topic.error_code, 0, "{name}");
                let partitions = topic.partitions.iter();
                told.extend(partitions.map(|p| (name.to_owned(), p.partition_index)));
            }
            assert!(told.len() - before <= limit.max(1) as usize);
            let Some(next) = response.next_cursor else {
                break;
            };
            cursor = Some((next.topic_name.to_owned(), next.partition_index));
        }
        assert!(told.is_sorted() && told.windows(2).all(|pair| pair[0] != pair[1]));
        for content in all {
            let place = (content.place.name.clone(), content.place.index);
            assert!(told.contains(&place), "{place:?} is on no page");
        }
    }

    fn inspect_producers(&mut self, key: Key, content: &Content) {
        let place = &content.place;
        let topic = DescribeProducersTopic {
            name: &place.name,
            partition_indexes: vec![place.index].into(),
        };
        let topics = vec![topic].into();
        let body = self.ask(key, &DescribeProducersRequest { topics }, 0);
        let response = DescribeProducersResponse::decode(&mut Reader::new(&body), 0);
        let response = response.expect("a response");
        let topic = response.topics.iter().next().expect("one topic");
        let partition = topic.partitions.iter().next().expect("one partition");
        assert_eq!(partition.error_code, 0, "{place:?}");
        for producer in &partition.active_producers {
            assert!(producer.producer_id >= 0 && producer.last_sequence >= 0);
        }
    }

    /// An epoch ends after its last record, and not after the first one of the next.
    fn inspect_epochs(&mut self, key: Key, content: &Content) {
        let place = &content.place;
        for epochs in content.log.chunk_by(|a, b| a.epoch == b.epoch) {
            let [.., last] = epochs else {
                unreachable!("a chunk has an element");
            };
            let partition = OffsetForLeaderPartition {
                partition: place.index,
                leader_epoch: last.epoch,
                ..Default::default()
            };
            let topic = OffsetForLeaderTopic {
                topic: &place.name,
                partitions: vec![partition].into(),
            };
            let request = OffsetForLeaderEpochRequest {
                replica_id: -1,
                topics: vec![topic].into(),
            };
            let body = self.ask(key, &request, 4);
            let response = OffsetForLeaderEpochResponse::decode(&mut Reader::new(&body), 4);
            let response = response.expect("a response");
            let topic = response.topics.iter().next().expect("one topic");
            let found = topic.partitions.iter().next().expect("one partition");
            assert_eq!((found.error_code, found.leader_epoch), (0, last.epoch));
            let next = content.log.iter().find(|seen| seen.epoch > last.epoch);
            let most = next.map_or(content.end, |seen| seen.offset);
            assert!(
                (last.offset + 1..=most).contains(&found.end_offset),
                "{place:?}: epoch {} ends at {}, its last record is {}, and {most} is next",
                last.epoch,
                found.end_offset,
                last.offset
            );
        }
    }
}
