//! Clients that only say now and then that they live, whose connections wait together.

use crate::client::{Client, frame, numbered};
use crate::echo_lane::{LIVING, start};
use std::io::Write;
use std::net::Shutdown;
use std::thread::sleep;
use std::time::Duration;

/// Longer than a client pauses that is not quiet.
const PAUSE: Duration = Duration::from_millis(600);

/// Clients whose connections have become quiet.
fn quiet_clients(broker: &corelane::runtime::Broker, count: usize) -> Vec<Client> {
    let mut clients: Vec<_> = (0..count)
        .map(|_| Client::connect(broker.address()))
        .collect();
    become_quiet(&mut clients);
    clients
}

fn become_quiet(clients: &mut [Client]) {
    sleep(PAUSE);
    for client in clients {
        assert_eq!(client.call(&[LIVING, 1]), [LIVING, 1]);
    }
}

#[test]
fn frames_after_a_pause_are_heard_however_they_come() {
    let broker = start(2);
    let mut clients = quiet_clients(&broker, 8);
    for length in [8, 1020, 2000, 3_000_000] {
        for client in &mut clients {
            client.send(&numbered(1, length));
        }
        for client in &mut clients {
            assert_eq!(client.receive(), numbered(1, length));
        }
        become_quiet(&mut clients);
    }
    // And without a frame of another kind in between.
    become_quiet(&mut clients);
    let bytes = frame(&numbered(2, 100));
    for cut in [1, 3, 4, 5, 50] {
        let client = &mut clients[cut % 8];
        client.stream.write_all(&bytes[..cut]).unwrap();
        sleep(Duration::from_millis(20));
        client.stream.write_all(&bytes[cut..]).unwrap();
        assert_eq!(client.receive(), numbered(2, 100));
    }
    become_quiet(&mut clients);
    for client in &mut clients {
        let burst: Vec<u8> = (0..200).flat_map(|i| frame(&numbered(i, 30))).collect();
        client.stream.write_all(&burst).unwrap();
        for i in 0..200 {
            assert_eq!(client.receive(), numbered(i, 30));
        }
        for i in 0..50 {
            assert_eq!(client.call(&numbered(i, 30)), numbered(i, 30));
        }
    }
    broker.stop();
}

#[test]
fn the_end_of_a_quiet_connection_is_noticed_on_either_side() {
    let broker = start(1);
    let mut clients = quiet_clients(&broker, 3);
    let leaving = &mut clients[0];
    leaving.stream.shutdown(Shutdown::Write).unwrap();
    assert!(leaving.is_ended());
    let torn = &mut clients[1];
    torn.stream.write_all(&[0, 0]).unwrap();
    torn.stream.shutdown(Shutdown::Write).unwrap();
    assert!(torn.is_ended());
    broker.stop();
    assert!(clients[2].is_ended());
}
