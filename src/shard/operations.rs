use super::{Effect, Message, Shard};
use crate::broker::{
    BrokerError, CatalogChange, CatalogOutcome, Context, CoreReply, CoreRequest,
    DescribeLogDirsOperation, EpochEnd, FetchOperation, FetchRequest, FetchStep,
    FindCoordinatorRequest, GroupsOperation, InitProducerIdResponse, ListGroupsOperation,
    ListOffsetsOperation, MetadataRequest, PerPartition, ProduceOperation, ProducerDescription,
    Questions, Request, Response,
};
use crate::protocol::kafka::api::{self, Call};
use crate::storage::call::DiskReply;
use crate::types::{ConnectionId, CoreId, Now, Offset, ProducerEpoch, RequestId, SlotId};
use bytes::Bytes;
use std::io;

/// A client's request that waits for replies, and whom to answer.
#[derive(Debug)]
pub(super) struct Operation {
    connection: ConnectionId,
    slot: SlotId,
    call: Call,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
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
        if let Some(deadline) = self.fetch(id).map(FetchOperation::deadline) {
            self.deadlines.set_fetch(deadline, id);
        }
        if questions.is_empty() {
            self.advance(id, effects);
        }
        self.ask(id, questions, effects);
    }

    /// Sends an operation's questions, those to this core by way of its own queue.
    fn ask(&mut self, id: RequestId, questions: Questions, effects: &mut Vec<Effect>) {
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
                return self.fetch_step(id, step, effects);
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
    fn give(
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

    fn fetch(&self, id: RequestId) -> Option<&FetchOperation> {
        match &self.operations.get(&id)?.kind {
            Kind::Fetch(fetch) => Some(fetch),
            _ => None,
        }
    }

    fn fetch_mut(&mut self, id: RequestId) -> Option<&mut FetchOperation> {
        match &mut self.operations.get_mut(&id)?.kind {
            Kind::Fetch(fetch) => Some(fetch),
            _ => None,
        }
    }

    /// A watched partition moved.
    pub(super) fn wake(
        &mut self,
        from: CoreId,
        id: RequestId,
        now: Now,
        effects: &mut Vec<Effect>,
    ) {
        // The fetch may have ended while the wake was under way.
        let Some(fetch) = self.fetch_mut(id) else {
            return;
        };
        let step = fetch.wake(from, now.monotonic);
        self.fetch_step(id, step, effects);
    }

    /// Ends the waiting of fetches whose time is up.
    pub(super) fn expire_fetches(&mut self, now: Now, effects: &mut Vec<Effect>) {
        while let Some(id) = self.deadlines.due_fetch(now.monotonic) {
            let Some(fetch) = self.fetch_mut(id) else {
                continue;
            };
            let step = fetch.expire();
            self.fetch_step(id, step, effects);
        }
    }

    fn fetch_step(&mut self, id: RequestId, step: FetchStep, effects: &mut Vec<Effect>) {
        match step {
            FetchStep::Wait => {}
            FetchStep::Ask(questions) => self.ask(id, questions, effects),
            FetchStep::Done => {
                let operation = self.end_fetch(id, effects);
                let Operation {
                    connection,
                    slot,
                    call,
                    kind: Kind::Fetch(fetch),
                } = operation
                else {
                    unreachable!("only fetches have fetch steps");
                };
                let response = Response::Fetch(fetch.finish());
                self.give(connection, slot, &call, response, effects);
            }
        }
    }

    /// Forgets a fetch, its deadline and its watches.
    fn end_fetch(&mut self, id: RequestId, effects: &mut Vec<Effect>) -> Operation {
        let operation = self.operations.remove(&id).expect("a fetch ends once");
        if let Kind::Fetch(fetch) = &operation.kind {
            self.deadlines.clear_fetch(fetch.deadline(), id);
            for core in fetch.watching() {
                let request = CoreRequest::Unwatch;
                self.send(core, Message::Request { id, request }, effects);
            }
        }
        operation
    }

    /// A client left: its fetches end; its appends and changes go on without it, and so does what
    /// it asked of groups: a coordinator keeps a member until its session ends.
    pub(super) fn abandon(&mut self, connection: ConnectionId, effects: &mut Vec<Effect>) {
        let fetches = self.operations.iter().filter(|(_, operation)| {
            operation.connection == connection && matches!(operation.kind, Kind::Fetch(_))
        });
        let mut ids: Vec<RequestId> = fetches.map(|(id, _)| *id).collect();
        ids.sort_unstable();
        for id in ids {
            self.end_fetch(id, effects);
        }
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
        Request::Produce(request) => {
            let (produce, questions) = ProduceOperation::start(request, context);
            Begun::Waiting(Kind::Produce(produce), questions)
        }
        Request::Fetch(request) => begin_fetch(request, context, now),
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

fn begin_fetch(mut request: FetchRequest, context: &Context<'_>, now: Now) -> Begun {
    let limits = &context.config.limits;
    request.wait_max = request.wait_max.min(limits.fetch_wait_max);
    request.bytes_max = request.bytes_max.min(limits.fetch_bytes_max);
    let (fetch, step) = FetchOperation::start(request, context, now.monotonic);
    match step {
        FetchStep::Done => Begun::Answered(Response::Fetch(fetch.finish())),
        FetchStep::Ask(questions) => Begun::Waiting(Kind::Fetch(fetch), questions),
        FetchStep::Wait => Begun::Waiting(Kind::Fetch(fetch), Vec::new()),
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
