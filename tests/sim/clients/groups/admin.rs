//! Somebody who looks at groups and their offsets, and deletes some.

use super::offsets::{Fetching, fate_of};
use super::{code_of, spots_of};
use crate::clients::{Client, Context, Link, link::Answer};
use crate::group_plan::{GroupsPlan, Protocol};
use crate::history::{Fate, Forgetting, Spot};
use crate::network::Delivery;
use corelane::protocol::kafka::messages::{
    AlterConfigsResource, AlterableConfig, ConsumerGroupDescribeRequest,
    ConsumerGroupDescribeResponse, DeleteGroupsRequest, DeleteGroupsResponse,
    DescribeGroupsRequest, DescribeGroupsResponse, ErrorCode, IncrementalAlterConfigsRequest,
    IncrementalAlterConfigsResponse, ListGroupsRequest, ListGroupsResponse, OffsetDeleteRequest,
    OffsetDeleteRequestPartition, OffsetDeleteRequestTopic, OffsetDeleteResponse,
};
use std::collections::BTreeSet;

#[derive(Debug)]
pub(crate) struct GroupAdmin {
    plan: GroupsPlan,
    link: Link<Asked>,
    /// The offsets' topic is compacted as soon as can be.
    is_tuned: bool,
}

#[derive(Debug)]
enum Asked {
    Tune,
    List,
    Describe(usize),
    Fetch(Fetching),
    Delete(usize, Forgetting),
    Forget(Forgetting),
}

impl GroupAdmin {
    pub(crate) fn new(client: usize, plan: &GroupsPlan) -> Self {
        Self {
            plan: plan.clone(),
            link: Link::new(client),
            is_tuned: false,
        }
    }

    /// Small segments, compacted at once; tombstones go as soon as they may.
    fn tune(&mut self, context: &mut Context<'_>) {
        let settings = [
            ("segment.ms", "300"),
            ("segment.bytes", "16384"),
            ("min.cleanable.dirty.ratio", "0"),
            ("delete.retention.ms", "0"),
        ];
        let configs = settings.iter().map(|(name, value)| AlterableConfig {
            name,
            config_operation: 0,
            value: Some(value),
        });
        let resource = AlterConfigsResource {
            resource_type: 2,
            resource_name: "__consumer_offsets",
            configs: configs.collect(),
        };
        let request = IncrementalAlterConfigsRequest {
            resources: vec![resource].into(),
            validate_only: false,
        };
        self.link.send(&request, 1, Some(Asked::Tune), context);
    }

    fn fetch(&mut self, group: usize, context: &mut Context<'_>) {
        let mut spots: BTreeSet<Spot> = context.history.commits.spots(group).into_iter().collect();
        let live = context.topics.all.iter().map(|topic| topic.name.as_str());
        let live: BTreeSet<&str> = live.collect();
        spots.extend(live.iter().flat_map(|name| spots_of(name, context.topics)));
        spots.retain(|spot| context.topics.is_live_topic(spot.0));
        let version = context.rng.i16(1..=9);
        let name = &self.plan.groups[group].name;
        let fetching = Fetching::new(group, spots.into_iter().collect(), context);
        fetching.send(name, None, version, (&mut self.link, Asked::Fetch), context);
    }

    fn describe(&mut self, group: usize, context: &mut Context<'_>) {
        let plan = &self.plan.groups[group];
        let groups = vec![plan.name.as_str()].into();
        let asked = Some(Asked::Describe(group));
        if plan.protocol == Protocol::Consumer {
            let request = ConsumerGroupDescribeRequest {
                group_ids: groups,
                ..Default::default()
            };
            self.link.send(&request, 1, asked, context);
        } else {
            let request = DescribeGroupsRequest {
                groups,
                ..Default::default()
            };
            self.link.send(&request, 6, asked, context);
        }
    }

    fn delete(&mut self, group: usize, context: &mut Context<'_>) {
        context.history.members[group].may_be_deleted();
        let forgetting = context.history.commits.forgets(group, None);
        let request = DeleteGroupsRequest {
            groups_names: vec![self.plan.groups[group].name.as_str()].into(),
        };
        let asked = Some(Asked::Delete(group, forgetting));
        self.link.send(&request, 2, asked, context);
    }

    fn forget(&mut self, group: usize, context: &mut Context<'_>) {
        let mut spots = context.history.commits.spots(group);
        spots.retain(|spot| context.topics.is_live_topic(spot.0));
        if spots.is_empty() {
            return;
        }
        let spot = spots[context.rng.usize(..spots.len())];
        let forgetting = context.history.commits.forgets(group, Some(spot));
        let partition = OffsetDeleteRequestPartition {
            partition_index: spot.1,
        };
        let topic = OffsetDeleteRequestTopic {
            name: &context.topics.all[spot.0].name.clone(),
            partitions: vec![partition].into(),
        };
        let request = OffsetDeleteRequest {
            group_id: &self.plan.groups[group].name,
            topics: vec![topic].into(),
        };
        self.link
            .send(&request, 0, Some(Asked::Forget(forgetting)), context);
    }

    fn answered(&mut self, answer: &Answer<Asked>, context: &mut Context<'_>) {
        let (body, version) = (&answer.body, answer.version);
        let code = match &answer.asked {
            Asked::Tune => {
                let response: IncrementalAlterConfigsResponse<'_> =
                    Answer::<Asked>::decode(body, version);
                let result = response.responses.iter().next().expect("one result");
                self.is_tuned = result.error_code == 0;
                return;
            }
            Asked::List => {
                let response: ListGroupsResponse<'_> = Answer::<Asked>::decode(body, version);
                let mut names: Vec<_> = response.groups.iter().map(|g| g.group_id).collect();
                names.sort_unstable();
                assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "{names:?}");
                code_of(response.error_code)
            }
            Asked::Describe(group) => self.described(*group, answer),
            Asked::Fetch(fetching) => match fetching.answered(answer, context) {
                Ok(_) => ErrorCode::None,
                Err(code) => code,
            },
            Asked::Delete(group, forgetting) => {
                let response: DeleteGroupsResponse<'_> = Answer::<Asked>::decode(body, version);
                let result = response.results.iter().next().expect("one result");
                let code = code_of(result.error_code);
                let fate = fate_of(code);
                context.history.commits.forgot(forgetting, fate);
                if fate != Fate::Open {
                    context.history.members[*group].is_decided();
                }
                code
            }
            Asked::Forget(forgetting) => {
                let response: OffsetDeleteResponse<'_> = Answer::<Asked>::decode(body, version);
                let topic = response.topics.iter().next();
                let partition = topic.and_then(|topic| topic.partitions.iter().next());
                let code = match code_of(response.error_code) {
                    ErrorCode::None => code_of(partition.expect("one result").error_code),
                    code => code,
                };
                context.history.commits.forgot(forgetting, fate_of(code));
                code
            }
        };
        match code {
            ErrorCode::None
            | ErrorCode::GroupIdNotFound
            | ErrorCode::NonEmptyGroup
            | ErrorCode::GroupSubscribedToTopic
            | ErrorCode::UnknownTopicOrPartition => {}
            ErrorCode::NotCoordinator
            | ErrorCode::CoordinatorNotAvailable
            | ErrorCode::CoordinatorLoadInProgress => self.link.disconnect(context),
            other => panic!("an administrator was answered with {other}"),
        }
    }

    /// No two members have a partition.
    fn described(&self, group: usize, answer: &Answer<Asked>) -> ErrorCode {
        let (body, version) = (&answer.body, answer.version);
        if self.plan.groups[group].protocol != Protocol::Consumer {
            let response: DescribeGroupsResponse<'_> = Answer::<Asked>::decode(body, version);
            let described = response.groups.iter().next().expect("one group");
            return code_of(described.error_code);
        }
        let response: ConsumerGroupDescribeResponse<'_> = Answer::<Asked>::decode(body, version);
        let described = response.groups.iter().next().expect("one group");
        let mut owned = BTreeSet::new();
        for member in &described.members {
            for topic in &member.assignment.topic_partitions {
                for index in &topic.partitions {
                    let is_free = owned.insert((topic.topic_id, index));
                    assert!(is_free, "{} {index} has two members", topic.topic_name);
                }
            }
        }
        code_of(described.error_code)
    }
}

impl Client for GroupAdmin {
    fn act(&mut self, context: &mut Context<'_>) {
        if self.link.pending() > 0 || context.draining {
            return;
        }
        if !self.link.is_connected() {
            return self.link.connect(context);
        }
        let group = context.rng.usize(..self.plan.groups.len());
        match context.rng.u8(..12) {
            0 | 1 if !self.is_tuned => self.tune(context),
            0..=4 => self.fetch(group, context),
            5 => self.describe(group, context),
            6 => {
                let request = ListGroupsRequest::default();
                self.link.send(&request, 5, Some(Asked::List), context);
            }
            7 if self.plan.deletes => self.delete(group, context),
            8 | 9 if self.plan.deletes => self.forget(group, context),
            _ => {}
        }
    }

    fn receive(&mut self, delivery: Delivery, context: &mut Context<'_>) {
        let answer = self.link.receive(delivery.frame);
        self.answered(&answer, context);
    }

    fn hung_up(&mut self, _context: &mut Context<'_>) {
        self.link.hung_up();
    }

    fn complaint(&self, _context: &mut Context<'_>) -> Option<String> {
        let asked = self.link.asked().next()?;
        Some(format!("who looks after groups waits for {asked:?}"))
    }

    fn is_done(&self) -> bool {
        self.link.pending() == 0
    }
}
