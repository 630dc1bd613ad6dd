use super::cluster::Cluster;
use crate::client::connection::Answer;
use crate::client::groups::{self, DescribedGroup, ListedGroup, Offsets};
use crate::client::{BrokerCode, ClientError, Request};
use crate::protocol::kafka::messages::ListGroupsRequest;
use crate::types::{Instant, NodeId};
use crate::wire::Message;
use std::collections::BTreeMap;
use std::time::Duration;

/// Between two attempts to find a coordinator that has what is asked for.
const PAUSE: Duration = Duration::from_millis(100);

impl Cluster {
    /// All groups of the cluster, by name. Each broker tells its own.
    ///
    /// # Errors
    /// [`ClientError::Refused`] and what connections say: a list with gaps would pass for a whole
    /// one.
    pub fn list_groups(&mut self) -> Result<Vec<ListedGroup>, ClientError> {
        let deadline = self.clock().now().after(self.config().request_timeout);
        let nodes: Vec<NodeId> = self.metadata().nodes().map(|(node, _)| node).collect();
        let mut all = BTreeMap::new();
        for node in nodes {
            let groups = self.groups_of(node, deadline)?;
            all.extend(groups.into_iter().map(|group| (group.group.clone(), group)));
        }
        Ok(all.into_values().collect())
    }

    fn groups_of(
        &mut self,
        node: NodeId,
        deadline: Instant,
    ) -> Result<Vec<ListedGroup>, ClientError> {
        loop {
            let answer = self.call(node, &groups::list_groups())?;
            match groups::listed_groups(&answer.decode()?) {
                Err(code) if code.is_retriable() && self.clock().now() < deadline => {
                    std::thread::sleep(PAUSE);
                }
                listed => {
                    return listed.map_err(|code| ClientError::Refused {
                        broker: self.metadata().address(node).unwrap_or("?").to_owned(),
                        request: ListGroupsRequest::NAME,
                        code,
                        message: None,
                    });
                }
            }
        }
    }

    /// A group's state and members, `None` if there is no such group.
    ///
    /// # Errors
    /// [`ClientError::Group`] with the coordinator's words.
    pub fn describe_group(&mut self, group: &str) -> Result<Option<DescribedGroup>, ClientError> {
        self.ask_coordinator(group, &groups::describe_group(group), |answer| {
            groups::described_group(group, &answer.decode()?)
        })
    }

    /// Deletes a group, which must have no members, with its offsets.
    ///
    /// # Errors
    /// [`ClientError::Group`] with the coordinator's words.
    pub fn delete_group(&mut self, group: &str) -> Result<(), ClientError> {
        self.ask_coordinator(group, &groups::delete_group(group), |answer| {
            groups::deleted_group(group, &answer.decode()?)
        })
    }

    /// All offsets that a group has committed.
    ///
    /// # Errors
    /// [`ClientError::Group`] with the coordinator's words.
    pub fn committed_offsets(&mut self, group: &str) -> Result<Offsets, ClientError> {
        self.ask_coordinator(group, &groups::fetch_offsets(group), |answer| {
            groups::fetched_offsets(group, &answer.decode()?)
        })
    }

    /// Commits offsets for a group that has no members.
    ///
    /// # Errors
    /// [`ClientError::Group`] and [`ClientError::Partition`]; some offsets may be committed all
    /// the same.
    pub fn commit_offsets(&mut self, group: &str, offsets: &Offsets) -> Result<(), ClientError> {
        self.ask_coordinator(group, &groups::commit_offsets(group, offsets), |answer| {
            groups::committed_offsets(group, &answer.decode()?)
        })
    }

    /// Makes a group forget the offsets of partitions that none of its members reads.
    ///
    /// # Errors
    /// [`ClientError::Group`] and [`ClientError::Partition`].
    pub fn delete_offsets(
        &mut self,
        group: &str,
        partitions: &BTreeMap<String, Vec<i32>>,
    ) -> Result<(), ClientError> {
        let request = groups::delete_offsets(group, partitions);
        self.ask_coordinator(group, &request, |answer| {
            groups::deleted_offsets(group, &answer.decode()?)
        })
    }

    /// Asks the group's coordinator, as long as none has the group yet, as far as time allows.
    fn ask_coordinator<'a, R: Request<'a>, T>(
        &mut self,
        group: &str,
        request: &R,
        read: impl Fn(&Answer) -> Result<T, ClientError>,
    ) -> Result<T, ClientError> {
        let deadline = self.clock().now().after(self.config().request_timeout);
        loop {
            let node = self.call_any(&groups::find_coordinator(group))?;
            let answered = groups::found_coordinator(group, &node.decode()?)
                .and_then(|node| self.call(node, request))
                .and_then(|answer| read(&answer));
            match answered {
                Err(ClientError::Group { code, .. })
                    if is_searching(code) && self.clock().now() < deadline => {}
                answered => return answered,
            }
            std::thread::sleep(PAUSE);
        }
    }
}

/// Whether the coordinator is moving, loading, or not there yet.
fn is_searching(code: BrokerCode) -> bool {
    code == BrokerCode::NOT_COORDINATOR
        || code == BrokerCode::COORDINATOR_LOAD_IN_PROGRESS
        || code == BrokerCode::COORDINATOR_NOT_AVAILABLE
}
