//! Frames come back, whole and in order.

use crate::client::{Client, frame, numbered};
use crate::echo_lane::{LAST, LATER, SILENT, YIELDING, start};
use std::io::Write;
use std::net::Shutdown;
use std::thread;

#[test]
fn frames_of_every_size_come_back_whole_through_one_and_two_cores() {
    for cores in [1, 2] {
        let broker = start(cores);
        let mut clients: Vec<Client> = (0..3).map(|_| Client::connect(broker.address())).collect();
        for length in [0, 1, 4, 1_020, 1_024, 16_380, 16_384, 100_000, 3_000_000] {
            for client in &mut clients {
                let body = vec![b'x'; length];
                assert_eq!(client.call(&body), body);
            }
        }
        broker.stop();
    }
}

#[test]
fn pipelined_answers_keep_the_order_of_their_requests() {
    let broker = start(1);
    let mut client = Client::connect(broker.address());
    let bodies: Vec<Vec<u8>> = (0..2_000)
        .map(|number| match number % 7 {
            3 => [vec![LATER], numbered(number, 8)].concat(),
            5 => numbered(number, 40_000),
            _ => numbered(number, 8),
        })
        .collect();
    let mut writer = client.stream.try_clone().unwrap();
    let sent = bodies.clone();
    let writing = thread::spawn(move || {
        for body in sent {
            writer.write_all(&frame(&body)).unwrap();
        }
    });
    for body in &bodies {
        assert_eq!(&client.receive(), body);
    }
    writing.join().unwrap();
    broker.stop();
}

#[test]
fn a_lane_that_gives_its_turn_away_gets_it_back() {
    let broker = start(1);
    let mut client = Client::connect(broker.address());
    for turns in [0, 1, 200] {
        let body = [YIELDING, turns];
        assert_eq!(client.call(&body), body);
    }
    broker.stop();
}

#[test]
fn a_frame_in_single_bytes_comes_back_whole() {
    let broker = start(1);
    let mut client = Client::connect(broker.address());
    for byte in frame(b"slow writer") {
        client.stream.write_all(&[byte]).unwrap();
        thread::yield_now();
    }
    assert_eq!(client.receive(), b"slow writer");
    broker.stop();
}

#[test]
fn requests_without_an_answer_give_their_slots_back() {
    let broker = start(1);
    let mut client = Client::connect(broker.address());
    for _ in 0..1_000 {
        client.send(&[SILENT]);
    }
    assert_eq!(client.call(b"still there"), b"still there");
    broker.stop();
}

#[test]
fn a_close_comes_after_the_answers_before_it() {
    let broker = start(1);
    let mut client = Client::connect(broker.address());
    let large = numbered(1, 2_000_000);
    client.send(&large);
    client.send(&[LAST]);
    assert_eq!(client.receive(), large);
    assert_eq!(client.receive(), [LAST]);
    assert!(client.is_ended());
    broker.stop();
}

#[test]
fn a_length_that_is_refused_ends_that_connection_alone() {
    let broker = start(1);
    let mut other = Client::connect(broker.address());
    for length in [-1, i32::MIN, i32::MAX] {
        let mut client = Client::connect(broker.address());
        client.stream.write_all(&length.to_be_bytes()).unwrap();
        assert!(client.is_ended());
    }
    assert_eq!(other.call(b"unharmed"), b"unharmed");
    broker.stop();
}

#[test]
fn a_client_that_ends_in_the_middle_of_a_frame_is_forgotten() {
    let broker = start(1);
    for cut in [1, 4, 5, 20_000] {
        let mut client = Client::connect(broker.address());
        client
            .stream
            .write_all(&frame(&numbered(0, 50_000))[..cut])
            .unwrap();
        client.stream.shutdown(Shutdown::Write).unwrap();
        assert!(client.is_ended());
    }
    broker.stop();
}
