use super::ClassicGroup;
use crate::coordinator::environment::Environment;
use crate::coordinator::offsets::Need;
use crate::coordinator::{CommitOffsets, GroupError, GroupState, MemberOf, OffsetOutcomes};
use crate::protocol::kafka::messages::{ConsumerProtocol, ConsumerProtocolSubscription};
use crate::types::PartitionIndex;
use std::collections::BTreeSet;

/// What members of this protocol say is known to be subscriptions.
const CONSUMERS: &str = "consumer";

impl ClassicGroup {
    /// Keeps offsets of a member, or of a client that is none if nobody is.
    pub(in crate::coordinator) fn commit_offsets(
        &mut self,
        request: CommitOffsets,
        env: &mut Environment,
    ) -> Result<OffsetOutcomes, GroupError> {
        self.check_commit(&request.of)?;
        if self.state != GroupState::Empty {
            self.extend_session(&request.of.member, env);
        }
        Ok(self.offsets.commit(&self.id, request, env))
    }

    fn check_commit(&self, of: &MemberOf) -> Result<(), GroupError> {
        if of.generation.get() < 0 && self.state == GroupState::Empty {
            // A client that assigns partitions to itself and only keeps offsets here.
            return Ok(());
        }
        let claims_membership =
            of.generation.get() >= 0 || !of.member.is_empty() || of.instance.is_some();
        if !claims_membership {
            return Err(GroupError::UnknownMember);
        }
        self.check_instance(of.instance.as_ref(), &of.member)?;
        if !self.members.contains_key(&of.member) {
            return Err(GroupError::UnknownMember);
        }
        if of.generation != self.generation {
            return Err(GroupError::IllegalGeneration);
        }
        match self.state {
            // Its partitions may be another's already.
            GroupState::CompletingRebalance => Err(GroupError::RebalanceInProgress),
            _ => Ok(()),
        }
    }

    /// Forgets offsets that no member uses (KIP-496).
    pub(in crate::coordinator) fn delete_offsets(
        &mut self,
        topics: Vec<(String, Vec<PartitionIndex>)>,
        env: &mut Environment,
    ) -> Result<OffsetOutcomes, GroupError> {
        if self.has_members() && self.protocol_type != CONSUMERS {
            return Err(GroupError::NonEmptyGroup);
        }
        let subscribed = self.subscribed();
        Ok(self.offsets.delete(&self.id, topics, &subscribed, env))
    }

    /// Who needs the offsets.
    pub(in crate::coordinator) fn need(&self) -> Need {
        if self.has_members() && self.protocol_type == CONSUMERS {
            Need::Subscribed(self.subscribed())
        } else if self.has_members() {
            Need::Members
        } else if self.protocol_type.is_empty() {
            Need::Strangers
        } else {
            Need::NobodySince(self.state_since)
        }
    }

    /// The topics that members want; known of consumers only.
    fn subscribed(&self) -> BTreeSet<String> {
        let mut topics = BTreeSet::new();
        if self.protocol_type != CONSUMERS {
            return topics;
        }
        for member in self.members.values() {
            for (_, metadata) in &member.protocols {
                if let Ok(subscription) = ConsumerProtocolSubscription::decode(metadata) {
                    topics.extend(subscription.topics.iter().map(str::to_owned));
                }
            }
        }
        topics
    }
}
