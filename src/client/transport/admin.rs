use super::cluster::Cluster;
use crate::client::admin::{self, ConfigChange, ConfigEntry, CreatedTopic, NewTopic};
use crate::client::connection::Answer;
use crate::client::{BrokerCode, ClientError, Request};
use crate::protocol::kafka::messages as m;
use crate::types::{PartitionIndex, Timestamp};
use crate::wire::Array;
use std::collections::BTreeMap;

/// One end of partitions' logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogEnd {
    /// The first offset that is kept.
    Earliest,
    /// The first offset after the last readable record.
    Latest,
}

impl Cluster {
    /// Makes a topic.
    ///
    /// # Errors
    /// [`ClientError::Topic`] with the broker's words.
    pub fn create_topic(&mut self, topic: &NewTopic) -> Result<CreatedTopic, ClientError> {
        let timeout = self.config().request_timeout;
        let request = admin::create_topic(topic, timeout);
        self.change(&request, |answer| {
            admin::created_topic(&topic.name, &answer.decode()?)
        })
    }

    /// Deletes a topic and all its records.
    ///
    /// # Errors
    /// [`ClientError::Topic`] with the broker's words.
    pub fn delete_topic(&mut self, name: &str) -> Result<(), ClientError> {
        let timeout = self.config().request_timeout;
        let request = admin::delete_topic(name, timeout);
        self.change(&request, |answer| {
            admin::deleted_topic(name, &answer.decode()?)
        })
    }

    /// Gives a topic more partitions: `count` in all.
    ///
    /// # Errors
    /// [`ClientError::Topic`] with the broker's words.
    pub fn create_partitions(&mut self, name: &str, count: i32) -> Result<(), ClientError> {
        let timeout = self.config().request_timeout;
        let request = admin::create_partitions(name, count, timeout);
        self.change(&request, |answer| {
            admin::created_partitions(name, &answer.decode()?)
        })
    }

    /// Changes settings of a topic.
    ///
    /// # Errors
    /// [`ClientError::Topic`] with the broker's words.
    pub fn alter_configs(
        &mut self,
        name: &str,
        changes: &[ConfigChange],
    ) -> Result<(), ClientError> {
        let request = admin::alter_configs(name, changes);
        self.change(&request, |answer| {
            admin::altered_configs(name, &answer.decode()?)
        })
    }

    /// The settings of a topic.
    ///
    /// # Errors
    /// [`ClientError::Topic`] with the broker's words.
    pub fn describe_configs(&mut self, name: &str) -> Result<Vec<ConfigEntry>, ClientError> {
        let answer = self.call_any(&admin::describe_configs(name))?;
        admin::described_configs(name, &answer.decode()?)
    }

    /// One end of each partition of a topic, in their order; `None` where nobody leads.
    ///
    /// # Errors
    /// [`ClientError::Partition`] and what connections say.
    pub fn log_ends(
        &mut self,
        topic: &str,
        end: LogEnd,
    ) -> Result<BTreeMap<PartitionIndex, i64>, ClientError> {
        let timestamp = match end {
            LogEnd::Earliest => -2,
            LogEnd::Latest => -1,
        };
        self.list_offsets(topic, timestamp)
    }

    /// The first offset at or after a time, for each partition of a topic that somebody leads; -1
    /// where all records are older.
    ///
    /// # Errors
    /// [`ClientError::Partition`] and what connections say.
    pub fn offsets_at(
        &mut self,
        topic: &str,
        time: Timestamp,
    ) -> Result<BTreeMap<PartitionIndex, i64>, ClientError> {
        // What lies below zero has other meanings.
        self.list_offsets(topic, time.get().max(0))
    }

    fn list_offsets(
        &mut self,
        topic: &str,
        timestamp: i64,
    ) -> Result<BTreeMap<PartitionIndex, i64>, ClientError> {
        let known = self.metadata().topic(topic).cloned();
        let mut by_leader: BTreeMap<_, Vec<m::ListOffsetsPartition>> = BTreeMap::new();
        for (index, partition) in known.iter().flat_map(|topic| topic.partitions()) {
            let Some(leader) = partition.leader else {
                continue;
            };
            by_leader
                .entry(leader)
                .or_default()
                .push(m::ListOffsetsPartition {
                    partition_index: index.get(),
                    current_leader_epoch: -1,
                    timestamp,
                });
        }
        let mut ends = BTreeMap::new();
        for (leader, partitions) in by_leader {
            let request = m::ListOffsetsRequest {
                replica_id: -1,
                topics: Array::from(vec![m::ListOffsetsTopic {
                    name: topic,
                    partitions: partitions.into(),
                }]),
                ..Default::default()
            };
            let answer = self.call(leader, &request)?;
            let response: m::ListOffsetsResponse<'_> = answer.decode()?;
            let told = response.topics.iter().find(|told| told.name == topic);
            for found in &told.unwrap_or_default().partitions {
                BrokerCode::new(found.error_code).check().map_err(|code| {
                    ClientError::Partition {
                        topic: topic.to_owned(),
                        partition: found.partition_index,
                        code,
                        message: None,
                    }
                })?;
                ends.insert(PartitionIndex::new(found.partition_index), found.offset);
            }
        }
        Ok(ends)
    }

    /// Asks the controller, and the one that took its place if it was another by now.
    fn change<'a, R: Request<'a>, T>(
        &mut self,
        request: &R,
        read: impl Fn(&Answer) -> Result<T, ClientError>,
    ) -> Result<T, ClientError> {
        let answer = self.call_controller(request)?;
        match read(&answer) {
            Err(ClientError::Topic { code, .. }) if code == BrokerCode::NOT_CONTROLLER => {
                self.refresh(&[])?;
                read(&self.call_controller(request)?)
            }
            other => other,
        }
    }
}
