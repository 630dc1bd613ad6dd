use super::operations::{Kind, Operation};
use super::owner::Hosted;
use super::watches::{SessionWatcher, Watcher};
use super::{Effect, Message, Shard};
use crate::broker::{
    BegunFetch, Context, CoreRequest, FetchOperation, FetchRequest, FetchResponse, FetchStep,
    Response, WatchItem,
};
use crate::protocol::kafka::api::Call;
use crate::types::{ConnectionId, CoreId, FetchSessionId, Now, RequestId, SlotId, TopicPartition};

impl Shard {
    /// A client wants to read.
    pub(super) fn start_fetch(
        &mut self,
        connection: ConnectionId,
        slot: SlotId,
        call: Call,
        mut request: FetchRequest,
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
        let limits = &self.config.limits;
        request.wait_max = request.wait_max.min(limits.fetch_wait_max);
        request.bytes_max = request.bytes_max.min(limits.fetch_bytes_max);
        let id = self.next_request.take();
        let begun = self
            .fetch_sessions
            .begin(request, id, &context, now.monotonic);
        let BegunFetch {
            fetch,
            ended,
            questions,
        } = begun;
        for (id, error) in ended {
            let operation = self.end_fetch(id, effects);
            self.answer_fetch(operation, FetchResponse::failed(error), effects);
        }
        self.ask(id, questions, effects);
        match fetch {
            Err(error) => {
                let response = Response::Fetch(FetchResponse::failed(error));
                self.give(connection, slot, &call, response, effects);
            }
            Ok((fetch, step)) => {
                self.deadlines.set_fetch(fetch.deadline(), id);
                let kind = Kind::Fetch(fetch);
                let operation = Operation {
                    connection,
                    slot,
                    call,
                    kind,
                };
                self.operations.insert(id, operation);
                self.fetch_step(id, step, now, effects);
            }
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
        self.fetch_step(id, step, now, effects);
    }

    /// A partition that a session watches moved.
    pub(super) fn moved_in_session(
        &mut self,
        session: FetchSessionId,
        partition: TopicPartition,
        now: Now,
        effects: &mut Vec<Effect>,
    ) {
        let Some(id) = self.fetch_sessions.moved(session, partition) else {
            return;
        };
        let fetch = self.fetch_mut(id).expect("its session knows when it ends");
        let step = fetch.moved(now.monotonic);
        self.fetch_step(id, step, now, effects);
    }

    /// Ends the waiting of fetches whose time is up.
    pub(super) fn expire_fetches(&mut self, now: Now, effects: &mut Vec<Effect>) {
        while let Some(id) = self.deadlines.due_fetch(now.monotonic) {
            let Some(fetch) = self.fetch_mut(id) else {
                continue;
            };
            let step = fetch.expire();
            self.fetch_step(id, step, now, effects);
        }
    }

    pub(super) fn fetch_step(
        &mut self,
        id: RequestId,
        step: FetchStep,
        now: Now,
        effects: &mut Vec<Effect>,
    ) {
        match step {
            FetchStep::Wait => {}
            FetchStep::Ask(questions) => self.ask(id, questions, effects),
            FetchStep::Watch(items) => {
                let session = self.fetch_mut(id).and_then(|fetch| fetch.session());
                let session = session.expect("only sessions watch by themselves");
                let questions = self.fetch_sessions.watch(session, items);
                self.ask(id, questions, effects);
            }
            FetchStep::Renew => {
                let operation = self.operations.get_mut(&id);
                let Some(Kind::Fetch(fetch)) = operation.map(|operation| &mut operation.kind)
                else {
                    unreachable!("only fetches have fetch steps");
                };
                match self.fetch_sessions.renew(fetch, now.monotonic) {
                    FetchStep::Renew => unreachable!("nothing moves meanwhile"),
                    step => self.fetch_step(id, step, now, effects),
                }
            }
            FetchStep::Done => {
                let operation = self.end_fetch(id, effects);
                self.finish_fetch(id, operation, effects);
            }
        }
    }

    fn finish_fetch(&mut self, id: RequestId, operation: Operation, effects: &mut Vec<Effect>) {
        let Operation {
            connection,
            slot,
            call,
            kind: Kind::Fetch(fetch),
        } = operation
        else {
            unreachable!("only fetches have fetch steps");
        };
        let (response, questions) = self.fetch_sessions.settle(fetch.finish());
        self.ask(id, questions, effects);
        self.give(connection, slot, &call, Response::Fetch(response), effects);
    }

    fn answer_fetch(
        &mut self,
        operation: Operation,
        response: FetchResponse,
        effects: &mut Vec<Effect>,
    ) {
        let Operation {
            connection,
            slot,
            call,
            ..
        } = operation;
        self.give(connection, slot, &call, Response::Fetch(response), effects);
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
            if let Some(session) = fetch.session() {
                self.fetch_sessions.ended(session, id);
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

    /// A fetch, of whatever core, wants to know when one of these moves.
    pub(super) fn watch(
        &mut self,
        asker: Watcher,
        watched: Vec<WatchItem>,
        effects: &mut Vec<Effect>,
    ) {
        // A fetch over several cores that one of them woke watches anew here, too.
        self.watches.remove(asker);
        if watched.iter().any(|item| self.has_moved(item)) {
            let (core, id) = asker;
            self.send(core, Message::Wake { id }, effects);
        } else {
            let partitions = watched.into_iter().map(|item| item.partition).collect();
            self.watches.add(asker, partitions);
        }
    }

    /// A fetch session, of whatever core, wants to know of each of these when it moves.
    pub(super) fn watch_in_session(
        &mut self,
        watcher: SessionWatcher,
        watched: Vec<WatchItem>,
        effects: &mut Vec<Effect>,
    ) {
        for item in watched {
            let partition = item.partition;
            if self.has_moved(&item) {
                let (core, session) = watcher;
                self.send(core, Message::Moved { session, partition }, effects);
            } else {
                self.watches.add_session(watcher, partition);
            }
        }
    }

    fn has_moved(&self, item: &WatchItem) -> bool {
        match self.partitions.get(&item.partition) {
            Some(Hosted::Online(partition)) => {
                let (high_watermark, log_start) = (item.high_watermark, item.log_start);
                partition.high_watermark() != high_watermark || partition.log_start() != log_start
            }
            // A partition that is gone is news as well; one that failed was, when it did.
            _ => true,
        }
    }

    /// A partition of this core moved, failed or is gone.
    pub(super) fn wake_watchers(&mut self, partition: TopicPartition, effects: &mut Vec<Effect>) {
        for (core, id) in self.watches.take(partition) {
            self.send(core, Message::Wake { id }, effects);
        }
        for (core, session) in self.watches.take_sessions(partition) {
            self.send(core, Message::Moved { session, partition }, effects);
        }
    }
}
