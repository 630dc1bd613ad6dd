//! The end of a run: disturbances cease, everybody finishes, and then the whole content of every
//! partition is read and judged, and often once more after a restart.

use crate::clients::{read_records, spots_of};
use crate::group_plan::GroupPlan;
use crate::history::{Holding, Seen};
use crate::network::Key;
use crate::topics::Place;
use crate::world::World;
use std::collections::BTreeMap;

/// Rounds within which everybody must be content.
const ROUNDS_MAX: usize = 3_000;

/// All that a partition holds.
#[derive(Debug)]
pub(crate) struct Content {
    pub(crate) place: Place,
    pub(crate) start: i64,
    pub(crate) end: i64,
    pub(crate) log: Vec<Seen>,
}

impl World {
    /// Lets everybody finish, then audits.
    pub(crate) fn finish(&mut self) {
        if self.rng.u8(..3) == 0 {
            return self.rot_midway();
        }
        self.calm_down();
        self.audit();
        match self.rng.u8(..3) {
            0 => self.crash(false),
            1 => self.crash(true),
            _ => {
                self.begin_stop();
                self.settle();
                assert!(self.process.is_none(), "the broker does not stop");
            }
        }
        self.start();
        let content = self.audit();
        self.rot(&content);
    }

    fn calm_down(&mut self) {
        self.trace.note(format_args!("drain"));
        self.draining = true;
        self.free_disk();
        if self.trouble.failed {
            self.crash(false);
        }
        // No crash is to come any more.
        self.disk.crash_after(u64::MAX / 2);
        for _ in 0..ROUNDS_MAX {
            if self.process.is_none() {
                self.start();
            }
            for at in 0..self.clients.len() {
                self.client_acts(at);
            }
            self.check_quiet();
            let content = self.clients.iter().all(|client| client.is_done());
            let content = content && self.unsettled_groups().next().is_none();
            self.pass_to_deadline();
            if content && self.process.is_some() {
                return;
            }
        }
        let unfinished = self.clients.iter().filter(|client| !client.is_done());
        let unfinished: Vec<_> = unfinished.collect();
        let unsettled: Vec<_> = self.unsettled_groups().collect();
        panic!(
            "after {ROUNDS_MAX} rounds without disturbance: {unfinished:#?}, \
             groups that have not found together: {unsettled:#?}"
        );
    }

    /// Groups that have not found together, and what their settled members have.
    fn unsettled_groups(&self) -> impl Iterator<Item = (&GroupPlan, &BTreeMap<usize, Holding>)> {
        let has_topics = !self.topics.places(true).is_empty();
        let plan = self.plan.groups.as_ref().filter(|_| has_topics);
        let groups = plan.into_iter().flat_map(|plan| &plan.groups);
        let groups = groups.zip(&self.history.members);
        let unsettled = groups.filter(|(group, membership)| {
            !membership.is_settled(group.members, |name| spots_of(name, &self.topics))
        });
        unsettled.map(|(group, membership)| (group, &membership.settled))
    }

    /// Reads everything there is.
    pub(crate) fn audit(&mut self) -> Vec<Content> {
        self.trace.note(format_args!("audit"));
        // What nobody waits for is flushed by its deadline.
        for _ in 0..5 {
            self.pass_to_deadline();
            self.settle();
        }
        self.read_everything()
    }

    /// The same without time passing: nothing expires or is compacted before it is read.
    pub(crate) fn read_everything(&mut self) -> Vec<Content> {
        let key = self.connect_auditor();
        let places = self.topics.places(false).into_iter();
        let content = places
            .map(|place| self.audit_partition(key, place))
            .collect::<Vec<_>>();
        self.inspect(key, &content);
        self.network.disconnect(key);
        self.settle();
        content
    }

    fn audit_partition(&mut self, key: Key, place: Place) -> Content {
        let (partition, when) = (place.id(), self.history.now);
        let floor = self.history.floor(partition);
        let (start_code, start) = self.ask_offset(key, &place, -2);
        let (end_code, end) = self.ask_offset(key, &place, -1);
        assert_eq!((start_code, end_code), (0, 0), "{partition}: its ends");
        self.history
            .told(partition, Some(end), Some(start), floor, when);
        let is_compacted = self.history.promise(partition).compacted;
        let mut log: Vec<Seen> = Vec::new();
        let mut position = start;
        while position < end {
            let (code, records) = self.ask_records(key, &place, position);
            assert_eq!(code, 0, "{partition}: {position} was asked for");
            let read = read_records(&records, position, is_compacted);
            let (read, next) = read.unwrap_or_else(|fault| panic!("{partition}: {fault}"));
            assert!(
                next > position && (is_compacted || !read.is_empty()),
                "{partition}: nothing at {position}, and {end} is the end"
            );
            position = next;
            log.extend(read);
        }
        for seen in &log {
            self.history.read(partition, seen, when);
        }
        self.history.audit(partition, (start, end), &log);
        Content {
            place,
            start,
            end,
            log,
        }
    }
}
