//! What a member of a classic group makes of answers.

use super::super::assigning::{Candidate, deal, read_assignment};
use super::super::{after, code_of, spots_of};
use super::{Asked, ClassicMember, Stage, What};
use crate::clients::{Context, link::Answer};
use corelane::protocol::kafka::messages::{
    ErrorCode, FindCoordinatorResponse, HeartbeatResponse, JoinGroupResponse, LeaveGroupResponse,
    SyncGroupResponse,
};
use corelane::types::Instant;
use std::collections::BTreeMap;

impl ClassicMember {
    fn joined(
        &mut self,
        response: &JoinGroupResponse<'_>,
        asked: &Asked,
        context: &mut Context<'_>,
    ) {
        let code = code_of(response.error_code);
        if code == ErrorCode::MemberIdRequired {
            self.of.member = response.member_id.to_owned();
            return;
        }
        if code != ErrorCode::None {
            return self.refused(code, context);
        }
        let generation = response.generation_id;
        let membership = &context.history.members[self.plan.number];
        membership.speaks("a join", generation, asked.view);
        assert!(generation > 0, "generation {generation}");
        self.era += 1;
        self.of.member = response.member_id.to_owned();
        self.of.generation = generation;
        self.stage = Stage::Joined;
        self.protocol = response.protocol_name.unwrap_or_default().to_owned();
        let is_leader = response.leader == response.member_id;
        let candidates = response.members.iter();
        let candidates =
            candidates.map(|member| Candidate::decode(member.member_id, member.metadata));
        let candidates: Vec<Candidate> = candidates.collect();
        let is_known = |one: &Candidate| one.member == response.member_id;
        assert_eq!(
            is_leader,
            candidates.iter().any(is_known),
            "leaders know all members"
        );
        self.leads = is_leader.then(BTreeMap::new);
        self.assigned = None;
        if is_leader && !response.skip_assignment {
            self.leads = Some(deal(&candidates, context.topics));
            let all = self.topics.iter();
            self.assigned = Some(
                all.flat_map(|name| spots_of(name, context.topics))
                    .collect(),
            );
        }
    }

    fn synced(
        &mut self,
        response: &SyncGroupResponse<'_>,
        asked: &Asked,
        context: &mut Context<'_>,
    ) {
        let code = code_of(response.error_code);
        if code != ErrorCode::None {
            return self.refused(code, context);
        }
        let membership = &mut context.history.members[self.plan.number];
        let told = read_assignment(response.assignment, membership, context.topics);
        let told = told
            .as_ref()
            .map(|(number, spots)| (*number, spots.as_slice()));
        let who = (self.client, self.of.member.as_str());
        membership.assigned(who, self.of.generation, told, asked.view);
        self.stage = Stage::Stable;
        let spots = told.map(|(_, spots)| spots.to_vec()).unwrap_or_default();
        let revokes = self.owned.iter().any(|spot| !spots.contains(spot));
        self.wants_rejoin = told.is_none() || revokes;
        self.own(spots);
        self.heard_of(asked.sent, context);
        self.beats_at = after(context.now.monotonic, self.plan.patience_ms() / 4);
    }

    /// From when it sent that on the member has its time.
    fn heard_of(&mut self, sent: Instant, context: &mut Context<'_>) {
        if self.of.instance.is_none() {
            let patience = self.plan.patience_ms();
            let membership = &mut context.history.members[self.plan.number];
            membership.certain(self.client, after(sent, patience));
        }
    }

    fn refused(&mut self, code: ErrorCode, context: &mut Context<'_>) {
        self.wants_rejoin = self.stage == Stage::Stable;
        match code {
            ErrorCode::RebalanceInProgress => {}
            ErrorCode::UnknownMemberId | ErrorCode::GroupIdNotFound => {
                let membership = &mut context.history.members[self.plan.number];
                membership.forgotten(self.client, context.now.monotonic);
                self.begin_anew(context);
            }
            ErrorCode::IllegalGeneration => {
                self.stage = Stage::Outside;
                self.own(Vec::new());
                self.of.generation = -1;
            }
            ErrorCode::FencedInstanceId if self.of.instance.is_some() => self.begin_anew(context),
            ErrorCode::CoordinatorNotAvailable
            | ErrorCode::CoordinatorLoadInProgress
            | ErrorCode::NotCoordinator => {
                self.wants_rejoin = false;
                // A leave is kept with the next generation; before that a new start takes it back.
                self.has_left = false;
                self.is_found = false;
                self.link.disconnect(context);
            }
            other => panic!("a member was answered with {other}"),
        }
        if self.stage == Stage::Joined {
            self.stage = Stage::Outside;
        }
    }

    pub(super) fn answered(&mut self, answer: &Answer<Asked>, context: &mut Context<'_>) {
        let (body, version, asked) = (&answer.body, answer.version, &answer.asked);
        let is_current = asked.era == self.era;
        let code = match &asked.what {
            What::Find => {
                let response: FindCoordinatorResponse<'_> = Answer::<Asked>::decode(body, version);
                let keyed = response.coordinators.iter().next();
                let code = keyed.map_or(response.error_code, |keyed| keyed.error_code);
                self.is_found = code_of(code) == ErrorCode::None;
                return;
            }
            What::Join => {
                assert!(is_current, "nothing else happens meanwhile");
                return self.joined(&Answer::<Asked>::decode(body, version), asked, context);
            }
            What::Sync => {
                assert!(is_current, "nothing else happens meanwhile");
                return self.synced(&Answer::<Asked>::decode(body, version), asked, context);
            }
            What::Heartbeat(generation, is_old) => {
                let response: HeartbeatResponse = Answer::<Asked>::decode(body, version);
                let code = code_of(response.error_code);
                if code == ErrorCode::None {
                    let membership = &context.history.members[self.plan.number];
                    membership.speaks("a heartbeat", *generation, asked.view);
                    if is_current && !is_old {
                        self.heard_of(asked.sent, context);
                    }
                }
                if *is_old { ErrorCode::None } else { code }
            }
            What::Leave => {
                let response: LeaveGroupResponse<'_> = Answer::<Asked>::decode(body, version);
                let of_members = response.members.iter().map(|member| member.error_code);
                let mut codes = of_members.chain([response.error_code]);
                self.has_left = context.draining && codes.all(|code| code == 0);
                return;
            }
            What::Commit(committing, is_old) => {
                let code = committing.answered(answer, context);
                if *is_old { ErrorCode::None } else { code }
            }
            What::Fetch(fetching) => match fetching.answered(answer, context) {
                Ok(offsets) => {
                    self.reading.found(&offsets);
                    return;
                }
                Err(code) => code,
            },
        };
        let is_told = code != ErrorCode::None && code != ErrorCode::UnknownTopicOrPartition;
        if is_current && is_told {
            self.refused(code, context);
        }
    }
}
