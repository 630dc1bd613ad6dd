use crate::client::{Client, numbered};
use crate::echo_lane::{EchoLane, LATER, listeners, settings, start};
use corelane::config::Nodes;
use corelane::runtime::{Broker, StartError};
use corelane::types::CoreId;
use std::convert::Infallible;
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;
use std::{env, fs, thread};

#[test]
fn every_core_is_reachable_at_its_own_port() {
    let listeners = listeners(Nodes::PerCore, 2);
    let make = |_| Ok::<_, Infallible>(EchoLane::default());
    let broker = Broker::start(listeners, &settings(2), make).unwrap();
    let addresses = broker.addresses().clone();
    assert_eq!(addresses.own.len(), 2);
    for address in addresses.own {
        assert_eq!(Client::connect(address).call(b"here"), b"here");
    }
    assert_eq!(Client::connect(addresses.shared).call(b"here"), b"here");
    broker.stop();
}

#[test]
fn connections_past_the_limit_are_refused() {
    let mut settings = settings(1);
    settings.connections_per_core_max = 2;
    let make = |_| Ok::<_, Infallible>(EchoLane::default());
    let broker = Broker::start(listeners(Nodes::Single, 1), &settings, make).unwrap();
    let mut taken: Vec<Client> = (0..2).map(|_| Client::connect(broker.address())).collect();
    for client in &mut taken {
        assert_eq!(client.call(b"taken"), b"taken");
    }
    assert!(Client::connect(broker.address()).is_ended());
    drop(taken.pop());
    // The place is free once the broker has noticed.
    let served_again = (0..500).any(|_| {
        thread::sleep(Duration::from_millis(10));
        let mut client = Client::connect(broker.address());
        client.send(b"free");
        client.try_receive().is_ok()
    });
    assert!(served_again);
    broker.stop();
}

#[test]
fn a_lane_that_cannot_be_made_stops_the_start_and_frees_the_port() {
    let listeners = listeners(Nodes::Single, 2);
    let address = listeners.addresses().shared;
    let make = |core| {
        if core == CoreId::new(1) {
            return Err("the journal is damaged");
        }
        Ok(EchoLane::default())
    };
    let error = Broker::start(listeners, &settings(2), make).unwrap_err();
    assert!(matches!(error, StartError::Lane { .. }));
    assert!(error.to_string().contains("the journal is damaged"));
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn a_stop_lets_queued_answers_out_and_ends_every_connection() {
    let broker = start(2);
    let mut clients: Vec<Client> = (0..10).map(|_| Client::connect(broker.address())).collect();
    for client in &mut clients {
        assert_eq!(client.call(b"hello"), b"hello");
        client.send(&numbered(1, 10));
        assert_eq!(client.receive(), numbered(1, 10));
    }
    let mut waiting = Client::connect(broker.address());
    waiting.send(&[LATER]);
    let address = broker.address();
    broker.stop();
    for client in &mut clients {
        assert!(client.is_ended());
    }
    assert!(TcpStream::connect(address).is_err());
}

fn threads() -> usize {
    fs::read_dir("/proc/self/task").unwrap().count()
}

/// Open descriptors but for eventfds: glommio 0.9 keeps one for each executor that ever ran.
fn descriptors() -> usize {
    let opened = fs::read_dir("/proc/self/fd").unwrap();
    let targets = opened.map(|entry| fs::read_link(entry.unwrap().path()).unwrap_or_default());
    targets
        .filter(|target| !target.ends_with("anon_inode:[eventfd]"))
        .count()
}

/// Runs alone in a process of its own, where nothing else opens files or starts threads.
#[test]
#[ignore = "run by `nothing_is_left_after_stops` in a process of its own"]
fn start_and_stop_alone() {
    let round = || {
        let broker = start(2);
        let mut clients: Vec<Client> = (0..20).map(|_| Client::connect(broker.address())).collect();
        for (number, client) in clients.iter_mut().enumerate() {
            match number % 3 {
                0 => assert_eq!(client.call(b"hello"), b"hello"),
                1 => client.send(&[LATER]),
                _ => {}
            }
        }
        broker.stop();
    };
    round();
    let settled = || {
        // The executor's own blocking thread ends a moment after it.
        for _ in 0..500 {
            thread::sleep(Duration::from_millis(10));
            // The test's main thread and its own.
            if threads() <= 2 {
                break;
            }
        }
        (threads(), descriptors())
    };
    let before = settled();
    for _ in 0..10 {
        round();
    }
    assert_eq!(settled(), before);
}

#[test]
fn nothing_is_left_after_stops() {
    let alone = Command::new(env::current_exe().unwrap())
        .args(["--exact", "lifecycle::start_and_stop_alone", "--ignored"])
        .args(["--test-threads", "1"])
        .output()
        .unwrap();
    assert!(
        alone.status.success(),
        "{}",
        String::from_utf8_lossy(&alone.stdout)
    );
}
