//! Deadlines and waiting, with generous bounds.

use crate::client::Client;
use crate::echo_lane::{LATER, start};
use std::time::{Duration, Instant};

#[test]
fn deadlines_come_and_not_before_their_time() {
    let broker = start(1);
    let mut client = Client::connect(broker.address());
    for _ in 0..20 {
        let asked = Instant::now();
        assert_eq!(client.call(&[LATER]), [LATER]);
        assert!(asked.elapsed() >= Duration::from_millis(5));
    }
    broker.stop();
}

#[test]
fn many_deadlines_share_ticks() {
    let broker = start(1);
    let mut clients: Vec<Client> = (0..200)
        .map(|_| Client::connect(broker.address()))
        .collect();
    let before = broker.stats()[0].steps;
    for client in &mut clients {
        client.send(&[LATER]);
    }
    for client in &mut clients {
        assert_eq!(client.receive(), [LATER]);
    }
    // Per client: opened, announced, frame, sent. The rest is ticks.
    let steps = broker.stats()[0].steps - before;
    assert!(steps <= 4 * 200 + 200, "{steps} steps");
    broker.stop();
}
