//! `corelane group` against groups with and without members.

use crate::broker::{Broker, json, stderr};
use bytes::Bytes;
use corelane::protocol::kafka::messages::{
    ApiKey, ConsumerProtocol, ConsumerProtocolAssignment, ConsumerProtocolTopicPartitions,
    JoinGroupRequest, JoinGroupRequestProtocol, JoinGroupResponse, LeaveGroupRequest,
    LeaveGroupResponse, RequestHeader, ResponseHeader, SyncGroupRequest,
    SyncGroupRequestAssignment, SyncGroupResponse,
};
use corelane::record::partition_for_key;
use corelane::wire::{Array, Chunk, Message, Reader, Writer};
use serde_json::Value;
use std::io::{Read, Write};
use std::net::TcpStream;

/// A client that is a member of a group, in the oldest versions: without instances, and with its
/// id at once.
struct Member {
    stream: TcpStream,
    answer: Bytes,
}

impl Member {
    fn ask<'q, 'a, Q: Message<'q>, A: Message<'a>>(&'a mut self, api: ApiKey, request: &Q) -> A {
        let mut writer = Writer::framed();
        let header = RequestHeader {
            api_key: api.code(),
            api_version: 0,
            correlation_id: 1,
            client_id: Some("member"),
        };
        header.encode(&mut writer).expect("short");
        request.encode(&mut writer, 0).expect("expressible");
        for chunk in writer.finish().expect("short") {
            let Chunk::Bytes(bytes) = chunk else {
                panic!("no records here");
            };
            self.stream.write_all(&bytes).expect("sent");
        }
        let mut length = [0; 4];
        self.stream.read_exact(&mut length).expect("a length");
        let mut answer = vec![0; u32::from_be_bytes(length) as usize];
        self.stream.read_exact(&mut answer).expect("an answer");
        self.answer = answer.into();
        let mut reader = Reader::new(&self.answer);
        ResponseHeader::decode(&mut reader, api, 0).expect("a header");
        A::decode(&mut reader, 0).expect("a message")
    }

    /// Joins alone, and takes partition 1 of "orders".
    fn join(broker: &Broker, group: &'static str) -> (Self, String) {
        let mut member = Self {
            stream: TcpStream::connect(broker.engine.address()).expect("accepted"),
            answer: Bytes::new(),
        };
        let request = JoinGroupRequest {
            group_id: group,
            session_timeout_ms: 30_000,
            protocol_type: "consumer",
            protocols: Array::from(vec![JoinGroupRequestProtocol {
                name: "range",
                metadata: b"",
            }]),
            ..JoinGroupRequest::default()
        };
        let joined: JoinGroupResponse<'_> = member.ask(ApiKey::JoinGroup, &request);
        assert_eq!((joined.error_code, joined.leader), (0, joined.member_id));
        let (id, generation_id) = (joined.member_id.to_owned(), joined.generation_id);
        let assignment = ConsumerProtocolAssignment {
            assigned_partitions: Array::from(vec![ConsumerProtocolTopicPartitions {
                topic: "orders",
                partitions: Array::from(vec![1]),
            }]),
            user_data: None,
        };
        let assignment = assignment.encode(0).expect("known");
        let request = SyncGroupRequest {
            group_id: group,
            generation_id,
            member_id: &id,
            assignments: Array::from(vec![SyncGroupRequestAssignment {
                member_id: &id,
                assignment: &assignment,
            }]),
            ..SyncGroupRequest::default()
        };
        let synced: SyncGroupResponse<'_> = member.ask(ApiKey::SyncGroup, &request);
        assert_eq!((synced.error_code, synced.assignment), (0, &assignment[..]));
        (member, id)
    }

    fn leave(mut self, group: &str, member_id: &str) {
        let request = LeaveGroupRequest {
            group_id: group,
            member_id,
            ..LeaveGroupRequest::default()
        };
        let left: LeaveGroupResponse<'_> = self.ask(ApiKey::LeaveGroup, &request);
        assert_eq!(left.error_code, 0);
    }
}

/// A broker with the topic "orders", of two partitions with five records each.
fn broker_with_orders() -> Option<Broker> {
    let broker = Broker::start()?;
    let create = ["topic", "create", "--topic", "orders", "--partitions", "2"];
    broker.ok(&create, b"");
    for partition in [0, 1] {
        let is_there = |key: &String| partition_for_key(key.as_bytes(), 2).get() == partition;
        let mut keys = (0..).map(|number: i32| number.to_string());
        let key = keys.find(is_there).expect("one of many");
        let produce = ["produce", "--topic", "orders", "--key-separator", ":"];
        broker.ok(&produce, format!("{key}:a\n").repeat(5).as_bytes());
    }
    Some(broker)
}

fn reset(broker: &Broker, more: &[&str]) -> Value {
    let command = ["group", "reset-offsets", "--group", "g", "--json"];
    json(&broker.ok(&[&command, more].concat(), b""))
}

/// Partition, committed offset and lag.
fn told(broker: &Broker) -> Vec<(i64, Option<i64>, Option<i64>)> {
    let described = broker.ok(&["group", "describe", "--group", "g", "--json"], b"");
    let described = json(&described);
    let partitions = described["partitions"].as_array().expect("partitions");
    let partitions = partitions.iter().map(|partition| {
        assert_eq!(partition["topic"], "orders");
        let index = partition["partition"].as_i64().expect("a number");
        (
            index,
            partition["committed"].as_i64(),
            partition["lag"].as_i64(),
        )
    });
    partitions.collect()
}

#[test]
fn offsets_are_reset_once_it_is_said_to_do_it() {
    let Some(broker) = broker_with_orders() else {
        return;
    };
    let unknown = broker.run(&["group", "describe", "--group", "g"], b"");
    assert_eq!(unknown.status.code(), Some(1));
    assert!(stderr(&unknown).contains("GROUP_ID_NOT_FOUND"));

    let dry = reset(&broker, &["--topic", "orders:1", "--to-offset", "2"]);
    assert_eq!(dry["executed"], false);
    assert_eq!(dry["partitions"][0]["new"], 2);
    let unknown = broker.run(&["group", "describe", "--group", "g"], b"");
    assert_eq!(unknown.status.code(), Some(1), "nothing was made");

    let execute = |more: &[&str]| reset(&broker, &[more, &["--execute"]].concat());
    let done = execute(&["--topic", "orders:1", "--to-offset", "2"]);
    assert_eq!(done["executed"], true);
    assert_eq!(told(&broker), [(1, Some(2), Some(3))]);
    execute(&["--topic", "orders", "--to-latest"]);
    assert_eq!(
        told(&broker),
        [(0, Some(5), Some(0)), (1, Some(5), Some(0))]
    );
    execute(&["--all-topics", "--shift-by", "-2"]);
    assert_eq!(
        told(&broker),
        [(0, Some(3), Some(2)), (1, Some(3), Some(2))]
    );
    execute(&["--all-topics", "--by-duration", "1h"]);
    assert_eq!(
        told(&broker),
        [(0, Some(0), Some(5)), (1, Some(0), Some(5))]
    );
    execute(&["--all-topics", "--to-datetime", "2999-01-01T00:00:00Z"]);
    assert_eq!(
        told(&broker),
        [(0, Some(5), Some(0)), (1, Some(5), Some(0))]
    );

    let listed = json(&broker.ok(&["group", "list", "--json"], b""));
    assert_eq!(listed["groups"][0]["group"], "g");
    assert_eq!(listed["groups"][0]["state"], "Empty");
    let delete = ["group", "delete", "--group", "g"];
    broker.ok(&[&delete, &["--topic", "orders:0"][..]].concat(), b"");
    assert_eq!(told(&broker), [(1, Some(5), Some(0))]);
    broker.ok(&delete, b"");
    let listed = json(&broker.ok(&["group", "list", "--json"], b""));
    assert_eq!(listed["groups"].as_array().map(Vec::len), Some(0));
}

#[test]
fn a_group_with_members_is_shown_and_left_alone() {
    let Some(broker) = broker_with_orders() else {
        return;
    };
    reset(
        &broker,
        &["--topic", "orders", "--to-earliest", "--execute"],
    );
    let (member, id) = Member::join(&broker, "g");
    let described = broker.ok(&["group", "describe", "--group", "g", "--json"], b"");
    let described = json(&described);
    assert_eq!(described["state"], "Stable");
    assert_eq!(described["lag"], 10);
    let members = described["members"].as_array().expect("members");
    assert_eq!(members.len(), 1);
    assert_eq!(members[0]["member"], id.as_str());
    assert_eq!(members[0]["client_host"], "/127.0.0.1");
    assert_eq!(members[0]["assignment"]["orders"][0], 1);
    assert!(described["partitions"][0]["member"].is_null());
    assert_eq!(described["partitions"][1]["member"], id.as_str());
    let text = broker.ok(&["group", "describe", "--group", "g"], b"");
    assert!(String::from_utf8_lossy(&text).contains(&id));

    let command = ["group", "reset-offsets", "--group", "g", "--to-latest"];
    let refused = broker.run(
        &[&command[..], &["--all-topics", "--execute"]].concat(),
        b"",
    );
    assert_eq!(refused.status.code(), Some(1));
    assert!(stderr(&refused).contains("stop them first"));
    let refused = broker.run(&["group", "delete", "--group", "g"], b"");
    assert!(stderr(&refused).contains("NON_EMPTY_GROUP"));
    member.leave("g", &id);
    let done = reset(&broker, &["--all-topics", "--to-latest", "--execute"]);
    assert_eq!(done["executed"], true);
}

#[test]
fn what_keeps_groups_is_the_brokers_own() {
    let Some(broker) = broker_with_orders() else {
        return;
    };
    reset(
        &broker,
        &["--topic", "orders", "--to-earliest", "--execute"],
    );
    let names = |more: &[&str]| {
        let command = [&["topic", "list", "--json"], more].concat();
        let listed = json(&broker.ok(&command, b""));
        let topics = listed["topics"].as_array().expect("topics").clone();
        topics
            .iter()
            .map(|t| t["topic"].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(names(&[]), ["orders"]);
    assert_eq!(names(&["--internal"]), ["__consumer_offsets", "orders"]);
    for command in [
        &["topic", "delete", "--topic", "__consumer_offsets"][..],
        &[
            "topic",
            "alter",
            "--topic",
            "__consumer_offsets",
            "--partitions",
            "60",
        ],
        &["produce", "--topic", "__consumer_offsets"],
    ] {
        let refused = broker.run(command, b"a\n");
        assert_eq!(refused.status.code(), Some(1), "{command:?}");
        let told = stderr(&refused);
        assert!(told.contains("INVALID_TOPIC_EXCEPTION"), "{told}");
    }
}
