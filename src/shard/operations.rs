use super::{Effect, Message, Shard};
use crate::broker::{
    BrokerError, CatalogChange, CatalogOutcome, Context, CoreReply, CoreRequest,
    DescribeLogDirsOperation, EpochEnd, FetchOperation, FindCoordinatorRequest, GroupsOperation,
    InitProducerIdResponse, ListGroupsOperation, ListOffsetsOperation, MetadataRequest,
    PerPartition, ProduceOperation, ProducerDescription, Questions, Request, Response,
};
use crate::protocol::kafka::api::{self, Call};
use crate::storage::call::DiskReply;
use crate::types::{ConnectionId, CoreId, Now, Offset, ProducerEpoch, RequestId, SlotId};
use bytes::Bytes;
use std::io;

/// A client's request that waits for replies, and whom to answer.
#[derive(Debug)]
pub(super) struct Operation {
    pub(super) connection: ConnectionId,
    pub(super) slot: SlotId,
    pub(super) call: Call,
    pub(super) kind: Kind,
}

#[derive(Debug)]
pub(super) enum Kind {
    Produce(ProduceOperation),
    Fetch(FetchOperation),
    ListOffsets(ListOffsetsOperation),
    EpochEnds(PerPartition<EpochEnd>),
    DeleteRecords(PerPartition<Offset>),
    LogDirs(DescribeLogDirsOperation),
    Producers(PerPartition<Vec<ProducerDescription>>),
    /// Waits for the registrar, then passes its outcome on.
    Change,
    /// Waits for missing topics to be made, then describes all.
    Metadata(MetadataRequest),
    /// Waits for the topic that keeps groups to be made.
    FindCoordinator(FindCoordinatorRequest),
    /// Waits for the coordinators, for as long as a member of a group does.
    Groups(GroupsOperation),
    ListGroups(ListGroupsOperation),
    InitProducerId,
}

impl Shard {
    /// A request's bytes arrived.
    pub(super) fn frame(
        &mut self,
        connection: ConnectionId,
        slot: SlotId,
        bytes: &Bytes,
        now: Now,
        effects: &mut Vec<Effect>,
    ) {
        match api::parse(bytes) {
            Ok(api::Parsed::Request(call, Request::Fetch(request))) => {
                self.start_fetch(connection, slot, call, request, now, effects);
            }
            Ok(api::Parsed::Request(call, request)) => {
                self.start(connection, slot, call, request, now, effects);
            }
            Ok(api::Parsed::Answer(parts)) => self.respond(connection, slot, parts, effects),
            Err(refusal) => self.close(connection, refusal.to_string(), effects),
        }
    }

    fn start(
        &mut self,
        connection: ConnectionId,
        slot: SlotId,
        call: Call,
        request: Request,
        now: Now,
        effects: &mut Vec<Effect>,
    ) {
        let Some(client) = self.connections.get(&connection) else {
            return;
        };
        let context = Context {
            catalog: &self.catalog,
            placement: self.placement,
            config: &self.config,
            core: self.core,
            own_node: client.own_node,
            peer: &client.peer,
        };
        let (kind, questions) = match begin(request, &context, now) {
            Begun::Answered(response) => {
                return self.give(connection, slot, &call, response, effects);
            }
            Begun::Waiting(kind, questions) => (kind, questions),
        };
        let asks_volume = matches!(kind, Kind::LogDirs(_));
        let id = self.next_request.take();
        self.operations.insert(
            id,
            Operation {
                connection,
                slot,
                call,
                kind,
            },
        );
        if asks_volume {
            self.ask_volume(id, effects);
        }
        if questions.is_empty() {
            self.advance(id, effects);
        }
        self.ask(id, questions, effects);
    }

    /// Sends an operation's questions, those to this core by way of its own queue.
    pub(super) fn ask(&mut self, id: RequestId, questions: Questions, effects: &mut Vec<Effect>) {
        for (core, request) in questions {
            self.send(core, Message::Request { id, request }, effects);
        }
    }

    /// A core replied to one of our operations.
    pub(super) fn reply(
        &mut self,
        from: CoreId,
        id: RequestId,
        reply: CoreReply,
        now: Now,
        effects: &mut Vec<Effect>,
    ) {
        let Some(reply) = self.coordinator_reply(id, reply, now, effects) else {
            return;
        };
        // A fetch whose client left is forgotten before its replies come.
        let Some(operation) = self.operations.get_mut(&id) else {
            return;
        };
        match (&mut operation.kind, reply) {
            (Kind::Produce(produce), reply) => produce.reply(from, reply),
            (Kind::ListOffsets(search), reply) => search.reply(from, reply),
            (Kind::EpochEnds(search), CoreReply::EpochEnds(ends)) => search.reply(from, ends),
            (Kind::DeleteRecords(all), CoreReply::RecordsDeleted(some)) => all.reply(from, some),
            (Kind::LogDirs(search), CoreReply::Sizes(sizes)) => search.reply(from, sizes),
            (Kind::Producers(search), CoreReply::Producers(all)) => search.reply(from, all),
            (Kind::Groups(groups), reply) => groups.reply(from, reply),
            (Kind::ListGroups(list), reply) => list.reply(from, reply),
            (Kind::Fetch(fetch), reply) => {
                let step = fetch.reply(from, reply, now.monotonic);
                return self.fetch_step(id, step, now, effects);
            }
            (Kind::Change, CoreReply::Change(outcome)) => {
                return self.finish(id, changed(outcome), effects);
            }
            (Kind::Metadata(_) | Kind::FindCoordinator(_), CoreReply::Change(_)) => {
                return self.describe(id, effects);
            }
            (Kind::InitProducerId, CoreReply::ProducerId(result)) => {
                let result = result.map(|id| (id, ProducerEpoch::new(0)));
                let response = Response::InitProducerId(InitProducerIdResponse { result });
                return self.finish(id, response, effects);
            }
            (kind, reply) => unreachable!("{kind:?} was answered by {reply:?}"),
        }
        self.advance(id, effects);
    }

    /// The disk told how large it is, or could not.
    pub(super) fn volume_told(
        &mut self,
        id: RequestId,
        result: io::Result<DiskReply>,
        effects: &mut Vec<Effect>,
    ) {
        let volume = match result {
            Ok(DiskReply::Volume(volume)) => Some(volume),
            Ok(reply) => unreachable!("a look at a volume was answered by {reply:?}"),
            Err(error) => {
                log::warn!("how large the disk is cannot be told: {error}");
                None
            }
        };
        if let Some(Kind::LogDirs(search)) = self.kind_mut(id) {
            search.volume(volume);
            self.advance(id, effects);
        }
    }

    fn kind_mut(&mut self, id: RequestId) -> Option<&mut Kind> {
        let operation = self.operations.get_mut(&id)?;
        Some(&mut operation.kind)
    }

    /// Answers the client if the operation has all its replies.
    fn advance(&mut self, id: RequestId, effects: &mut Vec<Effect>) {
        let complete = match self.operations.get(&id).map(|operation| &operation.kind) {
            Some(Kind::Produce(produce)) => produce.is_complete(),
            Some(Kind::ListOffsets(search)) => search.is_complete(),
            Some(Kind::EpochEnds(search)) => search.is_complete(),
            Some(Kind::DeleteRecords(deletion)) => deletion.is_complete(),
            Some(Kind::LogDirs(search)) => search.is_complete(),
            Some(Kind::Producers(search)) => search.is_complete(),
            Some(Kind::Groups(groups)) => groups.is_complete(),
            Some(Kind::ListGroups(list)) => list.is_complete(),
            _ => false,
        };
        if !complete {
            return;
        }
        let operation = self.operations.remove(&id).expect("looked up just now");
        let response = match operation.kind {
            Kind::Produce(produce) => Response::Produce(produce.finish()),
            Kind::ListOffsets(search) => Response::ListOffsets(search.finish()),
            Kind::EpochEnds(search) => Response::OffsetForLeaderEpoch(search.finish()),
            Kind::DeleteRecords(deletion) => Response::DeleteRecords(deletion.finish()),
            Kind::LogDirs(search) => Response::DescribeLogDirs(search.finish()),
            Kind::Producers(search) => Response::DescribeProducers(search.finish()),
            Kind::Groups(groups) => Response::Groups(groups.finish()),
            Kind::ListGroups(list) => Response::ListGroups(list.finish()),
            _ => unreachable!("the others are finished by their reply"),
        };
        let Operation {
            connection,
            slot,
            call,
            ..
        } = operation;
        self.give(connection, slot, &call, response, effects);
    }

    /// Gives the client its answer.
    pub(super) fn give(
        &mut self,
        connection: ConnectionId,
        slot: SlotId,
        call: &Call,
        response: Response,
        effects: &mut Vec<Effect>,
    ) {
        match response.unsaid_error() {
            Some(error) => self.hang_up(connection, slot, error.to_string(), effects),
            None => self.respond(connection, slot, api::respond(call, response), effects),
        }
    }

    fn finish(&mut self, id: RequestId, response: Response, effects: &mut Vec<Effect>) {
        let operation = self.operations.remove(&id).expect("it is finished once");
        let Operation {
            connection,
            slot,
            call,
            ..
        } = operation;
        self.give(connection, slot, &call, response, effects);
    }

    /// Missing topics are made, or could not be: describe what there is.
    fn describe(&mut self, id: RequestId, effects: &mut Vec<Effect>) {
        let operation = self.operations.get(&id).expect("it is described once");
        let client = self.connections.get(&operation.connection);
        let context = Context {
            catalog: &self.catalog,
            placement: self.placement,
            config: &self.config,
            core: self.core,
            own_node: client.is_some_and(|client| client.own_node),
            peer: client.map_or("", |client| &client.peer),
        };
        let response = match &operation.kind {
            Kind::Metadata(request) => Response::Metadata(request.answer(&context)),
            Kind::FindCoordinator(request) => Response::FindCoordinator(request.answer(&context)),
            _ => unreachable!("nothing else waits for its topics"),
        };
        self.finish(id, response, effects);
    }
}

enum Begun {
    Answered(Response),
    Waiting(Kind, Questions),
}

fn begin(request: Request, context: &Context<'_>, now: Now) -> Begun {
    let registrar = |request| vec![(CoreId::REGISTRAR, request)];
    let create = |missing| registrar(CoreRequest::Change(CatalogChange::CreateTopics(missing)));
    let change = |change| Begun::Waiting(Kind::Change, registrar(CoreRequest::Change(change)));
    match request {
        Request::Fetch(_) => unreachable!("a fetch begins in its session"),
        Request::Produce(request) => {
            let (produce, questions) = ProduceOperation::start(request, context, now.wall);
            Begun::Waiting(Kind::Produce(produce), questions)
        }
        Request::ListOffsets(request) => {
            let (search, questions) = ListOffsetsOperation::start(request, context);
            Begun::Waiting(Kind::ListOffsets(search), questions)
        }
        Request::OffsetForLeaderEpoch(request) => {
            let ask = CoreRequest::EpochEnds;
            let (search, questions) = PerPartition::start(request.topics, context, ask);
            Begun::Waiting(Kind::EpochEnds(search), questions)
        }
        Request::DeleteRecords(request) => {
            let (deletion, questions) = request.start(context);
            Begun::Waiting(Kind::DeleteRecords(deletion), questions)
        }
        Request::DescribeLogDirs(request) => {
            let (search, questions) = DescribeLogDirsOperation::start(request, context);
            Begun::Waiting(Kind::LogDirs(search), questions)
        }
        Request::DescribeProducers(request) => {
            let ask = CoreRequest::Producers;
            let (search, questions) = PerPartition::start(request.topics, context, ask);
            Begun::Waiting(Kind::Producers(search), questions)
        }
        Request::Metadata(request) => match request.missing(context) {
            None => Begun::Answered(Response::Metadata(request.answer(context))),
            Some(missing) => Begun::Waiting(Kind::Metadata(request), create(missing)),
        },
        Request::FindCoordinator(request) => match request.missing(context) {
            None => Begun::Answered(Response::FindCoordinator(request.answer(context))),
            Some(missing) => Begun::Waiting(Kind::FindCoordinator(request), create(missing)),
        },
        Request::Groups(requests) => {
            let (groups, questions) = GroupsOperation::start(requests, context);
            Begun::Waiting(Kind::Groups(groups), questions)
        }
        Request::ListGroups(filter) => {
            let (list, questions) = ListGroupsOperation::start(&filter, context);
            Begun::Waiting(Kind::ListGroups(list), questions)
        }
        Request::DescribeCluster => Begun::Answered(Response::DescribeCluster(context.cluster())),
        Request::DescribeTopicPartitions(request) => {
            Begun::Answered(Response::DescribeTopicPartitions(request.answer(context)))
        }
        Request::DescribeConfigs(request) => {
            Begun::Answered(Response::DescribeConfigs(request.answer(context)))
        }
        Request::InitProducerId(request) if request.transactional_id.is_some() => {
            let result = Err(BrokerError::TransactionsNotSupported);
            Begun::Answered(Response::InitProducerId(InitProducerIdResponse { result }))
        }
        Request::InitProducerId(_) => {
            Begun::Waiting(Kind::InitProducerId, registrar(CoreRequest::ProducerId))
        }
        Request::CreateTopics(request) => change(CatalogChange::CreateTopics(request)),
        Request::DeleteTopics(request) => change(CatalogChange::DeleteTopics(request)),
        Request::CreatePartitions(request) => change(CatalogChange::CreatePartitions(request)),
        Request::AlterConfigs(request) => change(CatalogChange::AlterConfigs(request)),
    }
}

fn changed(outcome: CatalogOutcome) -> Response {
    match outcome {
        CatalogOutcome::CreateTopics(response) => Response::CreateTopics(response),
        CatalogOutcome::DeleteTopics(response) => Response::DeleteTopics(response),
        CatalogOutcome::CreatePartitions(response) => Response::CreatePartitions(response),
        CatalogOutcome::AlterConfigs(response) => Response::AlterConfigs(response),
    }
}
