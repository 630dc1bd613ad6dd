use crate::client::{Client, frame, numbered};
use crate::echo_lane::{EchoLane, MANY, listeners, settings, start};
use corelane::config::Nodes;
use corelane::runtime::Broker;
use std::convert::Infallible;
use std::fs;
use std::io::{ErrorKind, Write};
use std::thread;
use std::time::Duration;

/// This process's memory that no file backs, in bytes.
fn resident_bytes() -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("RssAnon:"))
        .unwrap();
    let kilobytes: usize = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kilobytes * 1024
}

#[test]
fn a_reader_that_does_not_read_stops_its_writer_and_nobody_else() {
    let broker = start(1);
    let mut lazy = Client::connect(broker.address());
    lazy.stream
        .set_write_timeout(Some(Duration::from_millis(200)))
        .unwrap();
    let mut ask = vec![MANY];
    ask.extend_from_slice(&100_000_u32.to_be_bytes());
    let before = resident_bytes();
    // Far more answers than the sockets' buffers and all slots hold: 400 MB.
    let requests = frame(&[ask, vec![0; 20_000]].concat()).repeat(4_000);
    let blocked = lazy.stream.write_all(&requests).unwrap_err();
    assert!(matches!(
        blocked.kind(),
        ErrorKind::WouldBlock | ErrorKind::TimedOut
    ));
    let mut other = Client::connect(broker.address());
    assert_eq!(other.call(b"served"), b"served");
    let grown = resident_bytes().saturating_sub(before);
    assert!(grown < 100 << 20, "grew by {grown} bytes");
    assert_eq!(lazy.receive().len(), 100_000);
    broker.stop();
}

#[test]
fn an_announced_length_alone_takes_no_memory() {
    let broker = start(1);
    let before = resident_bytes();
    let clients: Vec<Client> = (0..50)
        .map(|_| {
            let mut client = Client::connect(broker.address());
            let length = 60_u32 << 20;
            client.stream.write_all(&length.to_be_bytes()).unwrap();
            client.stream.write_all(b"and little more").unwrap();
            client
        })
        .collect();
    let mut other = Client::connect(broker.address());
    assert_eq!(other.call(b"served"), b"served");
    let grown = resident_bytes().saturating_sub(before);
    assert!(grown < 100 << 20, "grew by {grown} bytes");
    drop(clients);
    broker.stop();
}

#[test]
fn a_frame_that_never_arrives_whole_is_given_up() {
    let mut settings = settings(1);
    settings.frame_patience = Duration::from_millis(100);
    let make = |_| Ok::<_, Infallible>(EchoLane::default());
    let broker = Broker::start(listeners(Nodes::Single, 1), &settings, make).unwrap();
    let mut idle = Client::connect(broker.address());
    let mut stalled = Client::connect(broker.address());
    stalled
        .stream
        .write_all(&frame(b"half of it")[..7])
        .unwrap();
    assert!(stalled.is_ended());
    // One between frames may wait as long as it likes.
    assert_eq!(idle.call(b"still there"), b"still there");
    broker.stop();
}

#[test]
fn a_storm_of_connections_leaves_the_broker_serving() {
    let broker = start(2);
    let address = broker.address();
    let storm: Vec<_> = (0..8)
        .map(|thread| {
            thread::spawn(move || {
                for number in 0..100 {
                    let mut client = Client::connect(address);
                    match (thread + number) % 3 {
                        0 => {}
                        1 => client.send(b"unread answer"),
                        _ => assert_eq!(client.call(b"hello"), b"hello"),
                    }
                }
            })
        })
        .collect();
    for thread in storm {
        thread.join().unwrap();
    }
    let mut client = Client::connect(address);
    assert_eq!(client.call(b"after"), b"after");
    broker.stop();
}

#[test]
fn one_busy_connection_does_not_hold_up_another() {
    let broker = start(1);
    let address = broker.address();
    let busy = thread::spawn(move || {
        let mut client = Client::connect(address);
        let mut writer = client.stream.try_clone().unwrap();
        let writing = thread::spawn(move || {
            for number in 0..20_000 {
                writer.write_all(&frame(&numbered(number, 1_000))).unwrap();
            }
        });
        for number in 0..20_000 {
            assert_eq!(client.receive(), numbered(number, 1_000));
        }
        writing.join().unwrap();
    });
    let mut quiet = Client::connect(address);
    for _ in 0..100 {
        assert_eq!(quiet.call(b"hello"), b"hello");
    }
    busy.join().unwrap();
    broker.stop();
}
