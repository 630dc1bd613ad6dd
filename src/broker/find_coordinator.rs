use super::offsets_topic::creation;
use super::{BrokerError, Context, CreateTopicsRequest, NodeEndpoint};
use crate::coordinator::{OFFSETS_TOPIC, partition_of};
use crate::types::{GroupId, TopicPartition};

/// What is coordinated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CoordinatorKind {
    /// A group of consumers.
    Group,
    /// A producer's transactions.
    Transaction,
    /// A partition of a share group.
    Share,
    /// Anything else, by Kafka's code.
    Other(i8),
}

/// Find who coordinates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FindCoordinatorRequest {
    /// What the keys are.
    pub kind: CoordinatorKind,
    /// Groups, transactional ids and the like, in the client's order.
    pub keys: Vec<String>,
}

/// One node per key, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FindCoordinatorResponse {
    /// Each key and the node that coordinates it.
    pub coordinators: Vec<(String, Result<NodeEndpoint, BrokerError>)>,
}

impl FindCoordinatorRequest {
    /// The topic that keeps groups, if it is needed and not there. It is made whether or not
    /// clients may have topics made by asking for them.
    pub fn missing(&self, context: &Context<'_>) -> Option<CreateTopicsRequest> {
        let needed = self.kind == CoordinatorKind::Group && !self.keys.is_empty();
        let there = context.catalog.by_name(OFFSETS_TOPIC).is_some();
        (needed && !there).then(|| creation(context.config))
    }

    /// Who coordinates, by what the catalog holds.
    pub fn answer(&self, context: &Context<'_>) -> FindCoordinatorResponse {
        let nodes = context.cluster().nodes;
        let coordinators = self.keys.iter().map(|key| {
            let coordinator = self.coordinator(key, context, &nodes);
            (key.clone(), coordinator)
        });
        FindCoordinatorResponse {
            coordinators: coordinators.collect(),
        }
    }

    /// What is not served is an invalid request, as with Kafka's share groups where they are
    /// switched off: a client gives up on it at once. "Not available" it would ask for again
    /// until its patience ends.
    fn coordinator(
        &self,
        key: &str,
        context: &Context<'_>,
        nodes: &[NodeEndpoint],
    ) -> Result<NodeEndpoint, BrokerError> {
        let refused = |problem: &str| Err(BrokerError::InvalidRequest(problem.into()));
        match self.kind {
            CoordinatorKind::Group => {}
            CoordinatorKind::Transaction => return refused("transactions are not served"),
            CoordinatorKind::Share => return refused("share groups are not served"),
            CoordinatorKind::Other(code) => {
                return refused(&format!("there are no coordinators of type {code}"));
            }
        }
        let topic = context.catalog.by_name(OFFSETS_TOPIC);
        let topic = topic.ok_or(BrokerError::CoordinatorNotAvailable)?;
        let partition = partition_of(&GroupId::new(key), topic.partitions);
        let leader = context.leader(TopicPartition::new(topic.id, partition));
        let mut nodes = nodes.iter();
        let node = nodes.find(|node| node.node == leader).cloned();
        Ok(node.expect("every leader is a node"))
    }
}

#[cfg(test)]
mod tests {
    use super::super::context::fixture::Fixture;
    use super::*;
    use crate::config::Nodes;
    use crate::types::TopicId;

    fn find(kind: CoordinatorKind, keys: &[&str]) -> FindCoordinatorRequest {
        let keys = keys.iter().map(|key| (*key).to_owned()).collect();
        FindCoordinatorRequest { kind, keys }
    }

    fn make_offsets_topic(fixture: &mut Fixture) {
        let request = find(CoordinatorKind::Group, &["g"])
            .missing(&fixture.context(false))
            .expect("the topic is missing");
        let made = request.apply(&mut fixture.catalog, &fixture.config, || {
            TopicId::from_random_bytes([1; 16])
        });
        assert!(made.topics.iter().all(|(_, made)| made.is_ok()), "{made:?}");
    }

    #[test]
    fn the_owner_of_a_groups_partition_coordinates_it() {
        let mut fixture = Fixture::new(Nodes::PerCore);
        make_offsets_topic(&mut fixture);
        let names: Vec<String> = (0..20).map(|n| format!("group-{n}")).collect();
        let keys: Vec<&str> = names.iter().map(String::as_str).collect();
        let request = find(CoordinatorKind::Group, &keys);
        let context = fixture.context(false);
        assert!(request.missing(&context).is_none());
        let topic = context.catalog.by_name(OFFSETS_TOPIC).expect("made");
        assert_eq!(topic.partitions, 50);
        let mut seen = [false; 2];
        for (key, node) in request.answer(&context).coordinators {
            let node = node.expect("there is one");
            let partition = partition_of(&GroupId::new(&key), 50);
            let owner = context
                .placement
                .owner(TopicPartition::new(topic.id, partition));
            assert_eq!(node.node.get(), i32::from(owner.get()));
            assert_eq!(node.port, 9093 + owner.get());
            seen[usize::from(owner.get())] = true;
        }
        assert_eq!(seen, [true, true]);
    }

    #[test]
    fn what_is_not_served_makes_no_topic_and_is_refused_for_good() {
        let fixture = Fixture::new(Nodes::Single);
        let context = fixture.context(false);
        for kind in [
            CoordinatorKind::Transaction,
            CoordinatorKind::Share,
            CoordinatorKind::Other(9),
        ] {
            let request = find(kind, &["a"]);
            assert!(request.missing(&context).is_none());
            let answer = request.answer(&context).coordinators;
            assert!(
                matches!(answer[..], [(_, Err(BrokerError::InvalidRequest(_)))]),
                "{answer:?}"
            );
        }
        let answer = find(CoordinatorKind::Group, &["a"]).answer(&context);
        let nobody = Err(BrokerError::CoordinatorNotAvailable);
        assert_eq!(answer.coordinators, [("a".to_owned(), nobody)]);
    }
}
