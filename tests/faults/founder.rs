//! Makes and deletes topics, and looks whether those are there that should be, and no others.

use crate::site::{PATIENCE, Site};
use corelane::client::admin::NewTopic;
use corelane::client::transport::Cluster;
use corelane::client::{BrokerCode, ClientError};
use corelane::types::TopicId;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Topics that are kept at a time.
const KEPT_MAX: usize = 5;

#[derive(Debug)]
pub(crate) struct Founder {
    cluster: Cluster,
    rng: fastrand::Rng,
    count: u32,
    /// The topics by name, with their id where the broker told it.
    kept: BTreeMap<String, Option<TopicId>>,
}

impl Founder {
    pub(crate) fn new(site: &Site, seed: u64) -> Self {
        Self {
            cluster: site.connect("founder"),
            rng: fastrand::Rng::with_seed(seed),
            count: 0,
            kept: BTreeMap::new(),
        }
    }

    pub(crate) fn run(mut self, stop: &AtomicBool) {
        while !stop.load(Ordering::Relaxed) {
            if self.kept.len() < KEPT_MAX && self.rng.bool() {
                self.create();
            } else if self.kept.len() > 1 {
                self.delete();
            }
            self.look();
            let pause = self.rng.u64(..30);
            std::thread::sleep(Duration::from_millis(pause));
        }
        self.look();
    }

    fn create(&mut self) {
        let name = format!("founded-{}", self.count);
        self.count += 1;
        let topic = NewTopic {
            name: name.clone(),
            partitions: Some(1),
            ..NewTopic::default()
        };
        // An attempt whose answer was lost may have made it.
        let is_there = BrokerCode::TOPIC_ALREADY_EXISTS;
        let created = self.settle(is_there, |cluster| cluster.create_topic(&topic));
        self.kept.insert(name, created.map(|created| created.id));
    }

    fn delete(&mut self) {
        let names: Vec<String> = self.kept.keys().cloned().collect();
        let name = self.rng.choice(names).unwrap();
        let is_gone = BrokerCode::UNKNOWN_TOPIC_OR_PARTITION;
        self.settle(is_gone, |cluster| cluster.delete_topic(&name));
        self.kept.remove(&name);
    }

    fn look(&mut self) {
        self.settle(BrokerCode::NONE, Cluster::refresh_all);
        let metadata = self.cluster.metadata();
        for (name, id) in &self.kept {
            let found = metadata.topic(name);
            let found = found.unwrap_or_else(|| panic!("topic {name} was made and is lost"));
            let same = id.is_none_or(|id| found.id() == id);
            assert!(same, "topic {name} is another now: {found:?}, not {id:?}");
        }
        let founded = metadata
            .topics()
            .filter(|(name, _)| name.starts_with("founded-"));
        let names: Vec<&str> = founded.map(|(name, _)| name).collect();
        let deleted = names.iter().find(|name| !self.kept.contains_key(**name));
        assert!(
            deleted.is_none(),
            "topic {deleted:?} was deleted and is back"
        );
    }

    /// Tries until it is known what came of it. `done` is what a broker says to an attempt if one
    /// before took effect.
    fn settle<T>(
        &mut self,
        done: BrokerCode,
        attempt: impl Fn(&mut Cluster) -> Result<T, ClientError>,
    ) -> Option<T> {
        let deadline = Instant::now() + PATIENCE;
        let mut is_first = true;
        loop {
            while self.cluster.next_event(Default::default()).is_some() {}
            match attempt(&mut self.cluster) {
                Ok(value) => return Some(value),
                Err(ClientError::Topic { code, .. }) if code == done && !is_first => return None,
                Err(error) => {
                    let again = match &error {
                        ClientError::Topic { code, .. } => *code != done && code.is_retriable(),
                        error => error.is_connection(),
                    };
                    assert!(again && Instant::now() < deadline, "{error}");
                }
            }
            is_first = false;
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}
