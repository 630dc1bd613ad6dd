//! An administrator: makes, enlarges, alters and deletes topics, looks for offsets by time, and
//! compares what the broker tells with what it acknowledged.

use super::deletion::Deletion;
use super::verdict::{Verdict, judge};
use super::{Client, Context, Link, link::Answer};
use crate::history::{Floor, TopicPromise, When};
use crate::network::Delivery;
use crate::topics::{Place, Stage, Topic, settings};
use corelane::protocol::kafka::messages::{
    AlterConfigsResource, AlterableConfig, CreatableTopic, CreatableTopicConfig,
    CreatePartitionsRequest, CreatePartitionsResponse, CreatePartitionsTopic, CreateTopicsRequest,
    CreateTopicsResponse, DeleteTopicState, DeleteTopicsRequest, DeleteTopicsResponse, ErrorCode,
    IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse, ListOffsetsPartition,
    ListOffsetsRequest, ListOffsetsResponse, ListOffsetsTopic, MetadataRequest, MetadataResponse,
};
use corelane::types::TopicId;

/// The most partitions that a topic is given; below the broker's limit.
const PARTITIONS_MAX: i32 = 6;

#[derive(Debug)]
pub(crate) struct Admin {
    link: Link<Asked>,
    /// Topics wanted at once, as the others need some to begin with.
    wanted: usize,
    next_name: u32,
    /// Names whose topics are known to be gone.
    free_names: Vec<String>,
    /// Names whose topics may have been made, though nobody was told.
    doubtful_names: Vec<String>,
}

#[derive(Debug, Clone)]
enum Asked {
    Create {
        name: String,
        partitions: i32,
        promise: TopicPromise,
    },
    Delete(usize),
    /// The deletion of a topic that nobody knows of.
    Clear(String),
    Enlarge(usize, i32),
    /// A change of a topic's settings; of its durability, to `fsync` or not.
    Alter(usize, Option<bool>),
    Search {
        place: Place,
        wanted: i64,
        floor: Floor,
    },
    DeleteRecords(Deletion),
    /// What was live, and with how many partitions, when it was asked.
    Describe(Vec<(TopicId, i32)>),
}

impl Admin {
    pub(crate) fn new(client: usize, rng: &mut fastrand::Rng) -> Self {
        let wanted = rng.usize(1..=3);
        Self {
            link: Link::new(client),
            wanted,
            next_name: 0,
            free_names: Vec::new(),
            doubtful_names: Vec::new(),
        }
    }

    fn create(&mut self, context: &mut Context<'_>) {
        let reuse = !self.free_names.is_empty() && context.rng.bool();
        let name = if reuse {
            self.free_names.pop().expect("there is one")
        } else {
            self.next_name += 1;
            format!("topic-{}", self.next_name)
        };
        let (settings, promise) = settings(context.rng);
        let partitions = context.rng.i32(1..=4);
        let configs = settings.iter().map(|(name, value)| CreatableTopicConfig {
            name,
            value: Some(value),
        });
        let topic = CreatableTopic {
            name: &name,
            num_partitions: partitions,
            replication_factor: 1,
            configs: configs.collect(),
            ..Default::default()
        };
        let request = CreateTopicsRequest {
            topics: vec![topic].into(),
            ..Default::default()
        };
        let asked = Asked::Create {
            name: name.clone(),
            partitions,
            promise,
        };
        self.link.send(&request, 7, Some(asked), context);
    }

    fn created(
        &mut self,
        name: &str,
        partitions: i32,
        promise: TopicPromise,
        response: &CreateTopicsResponse<'_>,
        context: &mut Context<'_>,
    ) {
        let result = response
            .topics
            .iter()
            .next()
            .expect("one topic was asked for");
        assert_eq!(result.name, name);
        if refused(result.error_code, context) {
            return self.doubtful_names.push(name.to_owned());
        }
        let id = TopicId::from_bytes(result.topic_id.into_bytes());
        assert!(
            context.topics.all.iter().all(|topic| topic.id != id),
            "{id} is given twice"
        );
        context.history.topic(id, promise);
        let lasting = context.topics.all.is_empty() || context.rng.u8(..3) == 0;
        let stage = Stage::Live;
        let name = name.to_owned();
        context.topics.all.push(Topic {
            name,
            id,
            partitions,
            promise,
            stage,
            lasting,
        });
    }

    fn delete(&mut self, at: usize, context: &mut Context<'_>) {
        let topic = &mut context.topics.all[at];
        topic.stage = Stage::Deleting;
        context.history.commits.topic_deleted(at);
        let id = uuid::Uuid::from_bytes(topic.id.to_bytes());
        let state = DeleteTopicState {
            name: None,
            topic_id: id,
        };
        self.send_deletion(state, Asked::Delete(at), context);
    }

    /// Makes sure that a name is free.
    fn clear(&mut self, name: String, context: &mut Context<'_>) {
        let state = DeleteTopicState {
            name: Some(&name),
            topic_id: uuid::Uuid::nil(),
        };
        self.send_deletion(state, Asked::Clear(name.clone()), context);
    }

    fn send_deletion(
        &mut self,
        topic: DeleteTopicState<'_>,
        asked: Asked,
        context: &mut Context<'_>,
    ) {
        let request = DeleteTopicsRequest {
            topics: vec![topic].into(),
            timeout_ms: 1_000,
            ..Default::default()
        };
        self.link.send(&request, 6, Some(asked), context);
    }

    fn enlarge(&mut self, at: usize, context: &mut Context<'_>) {
        let topic = &context.topics.all[at];
        let (name, count) = (topic.name.clone(), topic.partitions + 1);
        let topic = CreatePartitionsTopic {
            name: &name,
            count,
            assignments: None,
        };
        let topics = vec![topic].into();
        let request = CreatePartitionsRequest {
            topics,
            timeout_ms: 1_000,
            validate_only: false,
        };
        self.link
            .send(&request, 2, Some(Asked::Enlarge(at, count)), context);
    }

    /// Changes a setting that promises nothing.
    fn alter(&mut self, at: usize, context: &mut Context<'_>) {
        let topic = &context.topics.all[at];
        let name = topic.name.clone();
        let mut choices = vec![
            ("segment.bytes", "16384"),
            ("segment.bytes", "40000"),
            ("index.interval.bytes", "1000"),
            ("segment.ms", "300"),
        ];
        if topic.promise.alternates {
            choices.extend([
                ("corelane.durability", "fsync"),
                ("corelane.durability", "relaxed"),
            ]);
        }
        if !topic.promise.keeps_all {
            choices.extend([("retention.bytes", "30000"), ("retention.ms", "2000")]);
        }
        let (setting, value) = choices[context.rng.usize(..choices.len())];
        let durable = (setting == "corelane.durability").then_some(value == "fsync");
        if durable.is_some() {
            context.history.alters_durability(topic.id);
        }
        let config = AlterableConfig {
            name: setting,
            config_operation: 0,
            value: Some(value),
        };
        let resource = AlterConfigsResource {
            resource_type: 2,
            resource_name: &name,
            configs: vec![config].into(),
        };
        let resources = vec![resource].into();
        let request = IncrementalAlterConfigsRequest {
            resources,
            validate_only: false,
        };
        self.link
            .send(&request, 1, Some(Asked::Alter(at, durable)), context);
    }

    fn search(&mut self, context: &mut Context<'_>) {
        let mut places = context.topics.places(true);
        if places.is_empty() {
            return;
        }
        let place = places.swap_remove(context.rng.usize(..places.len()));
        let floor = context.history.floor(place.id());
        let wanted = context.now.wall.get() - context.rng.i64(0..10_000);
        let partition = ListOffsetsPartition {
            partition_index: place.index,
            timestamp: wanted,
            ..Default::default()
        };
        let partitions = vec![partition].into();
        let request = ListOffsetsRequest {
            replica_id: -1,
            topics: vec![ListOffsetsTopic {
                name: &place.name,
                partitions,
            }]
            .into(),
            ..Default::default()
        };
        let version = context.rng.i16(1..=10);
        let asked = Asked::Search {
            place: place.clone(),
            wanted,
            floor,
        };
        self.link.send(&request, version, Some(asked), context);
    }

    fn found(
        place: &Place,
        wanted: i64,
        floor: Floor,
        response: &ListOffsetsResponse<'_>,
        context: &mut Context<'_>,
    ) -> Verdict {
        let topic = response
            .topics
            .iter()
            .next()
            .expect("one topic was asked for");
        let result = topic
            .partitions
            .iter()
            .next()
            .expect("one partition was asked for");
        let verdict = judge(result.error_code, place, context);
        if verdict == Verdict::Fine {
            context
                .history
                .check_search(place.id(), wanted, result.offset, floor);
            assert!(
                result.offset < 0 || result.timestamp >= wanted,
                "{}: a search for {wanted} found {}",
                place.id(),
                result.timestamp
            );
        }
        verdict
    }

    fn delete_records(&mut self, context: &mut Context<'_>) {
        let Some(deletion) = Deletion::draw(context) else {
            return;
        };
        let version = context.rng.i16(0..=2);
        let asked = Some(Asked::DeleteRecords(deletion.clone()));
        self.link.send(&deletion.request(), version, asked, context);
    }

    fn describe(&mut self, context: &mut Context<'_>) {
        let topics = context.topics.all.iter();
        let live = topics.filter(|topic| topic.stage == Stage::Live);
        let live = live.map(|topic| (topic.id, topic.partitions)).collect();
        let request = MetadataRequest {
            allow_auto_topic_creation: false,
            ..Default::default()
        };
        self.link
            .send(&request, 12, Some(Asked::Describe(live)), context);
    }

    fn act_on_a_topic(&mut self, context: &mut Context<'_>) {
        // What was not answered is asked again.
        if context.rng.u8(..3) == 0 {
            let topics = &context.topics.all;
            let deleting = topics
                .iter()
                .position(|topic| topic.stage == Stage::Deleting);
            if let Some(at) = deleting {
                return self.delete(at, context);
            }
            if let Some(name) = self.doubtful_names.pop() {
                return self.clear(name, context);
            }
        }
        let live = context.topics.all.iter().enumerate();
        let live = live.filter(|(_, topic)| topic.stage == Stage::Live);
        let live: Vec<usize> = live.map(|(at, _)| at).collect();
        if live.is_empty() {
            return self.create(context);
        }
        let at = live[context.rng.usize(..live.len())];
        let topic = &context.topics.all[at];
        match context.rng.u8(..10) {
            0 if !topic.lasting => self.delete(at, context),
            0 | 1 if live.len() < 6 => self.create(context),
            2 if topic.partitions < PARTITIONS_MAX => self.enlarge(at, context),
            3 | 4 => self.alter(at, context),
            5 => self.describe(context),
            6 => self.delete_records(context),
            _ => self.search(context),
        }
    }

    fn answered(&mut self, answer: &Answer<Asked>, when: When, context: &mut Context<'_>) {
        let (body, version) = (&answer.body, answer.version);
        match &answer.asked {
            Asked::Create {
                name,
                partitions,
                promise,
            } => {
                let response = Answer::<Asked>::decode(body, version);
                self.created(name, *partitions, *promise, &response, context);
            }
            Asked::Delete(at) => {
                let response: DeleteTopicsResponse<'_> = Answer::<Asked>::decode(body, version);
                let result = response.responses.iter().next().expect("one result");
                // An earlier attempt may have succeeded without our knowing.
                let gone = ErrorCode::UnknownTopicId.code();
                if result.error_code == gone || !refused(result.error_code, context) {
                    context.topics.all[*at].stage = Stage::Deleted;
                    self.free_names.push(context.topics.all[*at].name.clone());
                }
            }
            Asked::Clear(name) => {
                let response: DeleteTopicsResponse<'_> = Answer::<Asked>::decode(body, version);
                let result = response.responses.iter().next().expect("one result");
                let gone = ErrorCode::UnknownTopicOrPartition.code();
                if result.error_code == gone || !refused(result.error_code, context) {
                    self.free_names.push(name.clone());
                } else {
                    self.doubtful_names.push(name.clone());
                }
            }
            Asked::Enlarge(at, count) => {
                let response: CreatePartitionsResponse<'_> = Answer::<Asked>::decode(body, version);
                let result = response.results.iter().next().expect("one result");
                // An earlier attempt may have succeeded without our knowing.
                let known = ErrorCode::InvalidPartitions.code();
                if result.error_code == known || !refused(result.error_code, context) {
                    context.topics.all[*at].partitions = *count;
                }
            }
            Asked::Alter(at, durable) => {
                let response: IncrementalAlterConfigsResponse<'_> =
                    Answer::<Asked>::decode(body, version);
                let result = response.responses.iter().next().expect("one result");
                if !refused(result.error_code, context)
                    && let Some(durable) = durable
                {
                    let id = context.topics.all[*at].id;
                    context.history.altered_durability(id, *durable);
                }
            }
            Asked::Search {
                place,
                wanted,
                floor,
            } => {
                let response = Answer::<Asked>::decode(body, version);
                if Self::found(place, *wanted, *floor, &response, context) == Verdict::Retry {
                    self.link.disconnect(context);
                }
            }
            Asked::DeleteRecords(deletion) => {
                let response = Answer::<Asked>::decode(body, version);
                if deletion.answered(&response, when, context) == Verdict::Retry {
                    self.link.disconnect(context);
                }
            }
            Asked::Describe(live) => {
                described(live, &Answer::<Asked>::decode(body, version), context);
            }
        }
    }
}

/// Whether a change was refused for a reason that can be.
fn refused(code: i16, context: &Context<'_>) -> bool {
    match ErrorCode::from_code(code) {
        Some(ErrorCode::None) => false,
        Some(ErrorCode::NotLeaderOrFollower | ErrorCode::LeaderNotAvailable) => true,
        Some(ErrorCode::KafkaStorageError) if context.trouble.hinders_writes() => true,
        error => panic!("a change of the catalog was refused: {error:?} ({code})"),
    }
}

fn described(live: &[(TopicId, i32)], response: &MetadataResponse<'_>, context: &Context<'_>) {
    for (id, partitions) in live {
        let topics = &context.topics.all;
        let known = topics
            .iter()
            .find(|topic| topic.id == *id)
            .expect("it was live");
        if known.stage != Stage::Live {
            continue;
        }
        let uuid = uuid::Uuid::from_bytes(id.to_bytes());
        let told = response.topics.iter().find(|topic| topic.topic_id == uuid);
        let told = told.unwrap_or_else(|| panic!("{} was made and is not there", known.name));
        assert_eq!(told.name, Some(known.name.as_str()));
        let count = told.partitions.len() as i32;
        assert!(
            count >= *partitions,
            "{} had {partitions} partitions, now {count}",
            known.name
        );
    }
}

impl Client for Admin {
    fn act(&mut self, context: &mut Context<'_>) {
        if self.link.pending() > 0 || context.draining {
            return;
        }
        if !self.link.is_connected() {
            return self.link.connect(context);
        }
        if context.topics.all.len() < self.wanted {
            self.create(context);
        } else if context.rng.u8(..5) == 0 {
            self.act_on_a_topic(context);
        }
    }

    fn receive(&mut self, delivery: Delivery, context: &mut Context<'_>) {
        let answer = self.link.receive(delivery.frame);
        self.answered(&answer, delivery.when, context);
    }

    fn hung_up(&mut self, _context: &mut Context<'_>) {
        let doubtful = self.link.asked().filter_map(|asked| match asked {
            Asked::Create { name, .. } | Asked::Clear(name) => Some(name.clone()),
            _ => None,
        });
        self.doubtful_names.extend(doubtful);
        self.link.hung_up();
    }

    fn complaint(&self, _context: &mut Context<'_>) -> Option<String> {
        self.link
            .asked()
            .next()
            .map(|asked| format!("an administrator waits for {asked:?}"))
    }

    fn is_done(&self) -> bool {
        self.link.pending() == 0
    }
}
