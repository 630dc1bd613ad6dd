use super::super::super::CliError;
use super::super::link::Link;
use crate::client::connection::{Answer, Answered};
use crate::client::{BrokerCode, Request};
use crate::protocol::kafka::messages::{
    ConsumerProtocol, ConsumerProtocolAssignment, ConsumerProtocolSubscription,
    ConsumerProtocolTopicPartitions, ErrorCode, HeartbeatRequest, HeartbeatResponse,
    JoinGroupRequest, JoinGroupRequestProtocol, JoinGroupResponse, LeaveGroupRequest,
    LeaveGroupResponse, MemberIdentity, SyncGroupRequest, SyncGroupRequestAssignment,
    SyncGroupResponse,
};
use crate::wire::Array;
use bytes::Bytes;
use std::time::Instant;

const PROTOCOL_TYPE: &str = "consumer";
const PROTOCOL: &str = "range";
/// Long enough for machines that are measured until they are out of breath.
const SESSION_MS: i32 = 60_000;
/// The partitions that each topic is said to have.
const PARTITIONS: [i32; 4] = [0, 1, 2, 3];

/// What members tell each other by way of the broker.
#[derive(Debug)]
pub(super) struct Workplace {
    subscription: Bytes,
    /// One per member of a group.
    assignments: Vec<Bytes>,
}

/// A member of a classic group, and its connection.
#[derive(Debug)]
pub(super) struct Member {
    link: Link,
    group: String,
    /// Empty before the coordinator has given one.
    id: String,
    generation: i32,
}

impl Workplace {
    /// Shares these topics out among so many members.
    pub(super) fn new(topics: Vec<String>, members: usize) -> Result<Self, CliError> {
        let failed = |error: crate::wire::EncodeError| CliError::Message(error.to_string());
        let subscription = ConsumerProtocolSubscription {
            topics: topics.iter().map(String::as_str).collect(),
            ..Default::default()
        };
        let assignment = |member| {
            let own = topics.iter().skip(member).step_by(members);
            let own = own.map(|topic| ConsumerProtocolTopicPartitions {
                topic,
                partitions: PARTITIONS.to_vec().into(),
            });
            let assignment = ConsumerProtocolAssignment {
                assigned_partitions: own.collect(),
                ..Default::default()
            };
            assignment.encode(1).map_err(failed)
        };
        Ok(Self {
            subscription: subscription.encode(1).map_err(failed)?,
            assignments: (0..members).map(assignment).collect::<Result<_, _>>()?,
        })
    }
}

impl Member {
    pub(super) fn connect(address: &str, group: &str) -> Result<Self, CliError> {
        Ok(Self {
            link: Link::connect(address)?,
            group: group.to_owned(),
            id: String::new(),
            generation: -1,
        })
    }

    /// Says that it is there.
    pub(super) fn heartbeat(&self) -> Result<(), CliError> {
        self.send(&HeartbeatRequest {
            group_id: &self.group,
            generation_id: self.generation,
            member_id: &self.id,
            ..Default::default()
        })
    }

    /// Hears that nothing has changed.
    pub(super) fn was_heard(&self) -> Result<(), CliError> {
        let answer = self.receive()?;
        let response: HeartbeatResponse = answer.decode()?;
        checked(&answer, response.error_code)
    }

    pub(super) fn leave(&mut self) -> Result<(), CliError> {
        let id = std::mem::take(&mut self.id);
        let leaving = MemberIdentity {
            member_id: &id,
            ..Default::default()
        };
        self.send(&LeaveGroupRequest {
            group_id: &self.group,
            members: vec![leaving].into(),
            ..Default::default()
        })
    }

    pub(super) fn has_left(&self) -> Result<(), CliError> {
        let answer = self.receive()?;
        let response: LeaveGroupResponse<'_> = answer.decode()?;
        checked(&answer, response.error_code)
    }

    fn join(&self, work: &Workplace) -> Result<(), CliError> {
        let protocol = JoinGroupRequestProtocol {
            name: PROTOCOL,
            metadata: &work.subscription,
        };
        self.send(&JoinGroupRequest {
            group_id: &self.group,
            session_timeout_ms: SESSION_MS,
            rebalance_timeout_ms: SESSION_MS,
            member_id: &self.id,
            protocol_type: PROTOCOL_TYPE,
            protocols: vec![protocol].into(),
            ..Default::default()
        })
    }

    /// The group is complete: its leader shares the work out.
    fn joined(&mut self, work: &Workplace) -> Result<(), CliError> {
        let answer = self.receive()?;
        let response: JoinGroupResponse<'_> = answer.decode()?;
        checked(&answer, response.error_code)?;
        self.generation = response.generation_id;
        let all = response.members.iter().zip(work.assignments.iter().cycle());
        let assignments = all.map(|(member, assignment)| SyncGroupRequestAssignment {
            member_id: member.member_id,
            assignment,
        });
        self.send(&SyncGroupRequest {
            group_id: &self.group,
            generation_id: self.generation,
            member_id: &self.id,
            group_instance_id: None,
            protocol_type: Some(PROTOCOL_TYPE),
            protocol_name: Some(PROTOCOL),
            assignments: assignments.collect::<Array<'_, _>>(),
        })
    }

    fn synced(&self) -> Result<(), CliError> {
        let answer = self.receive()?;
        let response: SyncGroupResponse<'_> = answer.decode()?;
        checked(&answer, response.error_code)
    }

    fn send<'a, R: Request<'a>>(&self, request: &R) -> Result<(), CliError> {
        self.link.send(request, &[], Answered::Yes, Instant::now())
    }

    fn receive(&self) -> Result<Answer, CliError> {
        let answer = self.link.receive()?;
        let (answer, _) = answer.expect("nobody ends the connection but its owner");
        Ok(answer)
    }
}

/// New members ask to join, and do with the id that they are given.
pub(super) fn come(members: &mut [&mut Member], work: &Workplace) -> Result<(), CliError> {
    for member in &*members {
        member.join(work)?;
    }
    for member in members {
        let answer = member.receive()?;
        let response: JoinGroupResponse<'_> = answer.decode()?;
        if response.error_code != ErrorCode::MemberIdRequired.code() {
            return checked(&answer, response.error_code);
        }
        response.member_id.clone_into(&mut member.id);
        member.join(work)?;
    }
    Ok(())
}

/// Known members join again.
pub(super) fn join(members: &[&mut Member], work: &Workplace) -> Result<(), CliError> {
    members.iter().try_for_each(|member| member.join(work))
}

/// Waits until every group is complete and every member knows its work.
pub(super) fn settle(members: &mut [&mut Member], work: &Workplace) -> Result<(), CliError> {
    for member in &mut *members {
        member.joined(work)?;
    }
    members.iter().try_for_each(|member| member.synced())
}

fn checked(answer: &Answer, code: i16) -> Result<(), CliError> {
    let code = BrokerCode::new(code).check();
    Ok(code.map_err(|code| answer.refused(code, None))?)
}
