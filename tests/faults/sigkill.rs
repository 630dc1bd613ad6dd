//! SIGKILL at any moment, also while the broker starts or stops. The page cache stays, so whatever
//! was acknowledged in any way survives.

use crate::audit::close;
use crate::broker::{Broker, free_port, some_cores};
use crate::cycles::Cycles;
use crate::file_system::Directory;
use crate::load::Load;
use crate::site::{Site, Survives};
use rustix::process::Signal;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Cycles on one directory, before it is checked as a whole.
const CYCLES_PER_ROUND: u32 = 25;

#[test]
fn sigkill_loses_nothing_that_was_acknowledged() {
    let mut cycles = Cycles::new("sigkill", 40);
    let mut rng = fastrand::Rng::with_seed(cycles.seed);
    let (mut acks, mut reads) = (0, 0);
    while !cycles.is_over() {
        let directory = Directory::make();
        let address = format!("127.0.0.1:{}", free_port());
        let data = directory.path();
        // The first start is as easy to interrupt as any other.
        let mut broker = start_at_last(data, &address, &mut rng);
        let site = Arc::new(Site::make(&address, Survives::PageCache, &mut rng));
        let mut load = Load::start(&site, &mut rng);
        for _ in 0..CYCLES_PER_ROUND {
            if !cycles.next() {
                break;
            }
            std::thread::sleep(Duration::from_millis(rng.u64(..400)));
            load.check();
            if rng.u8(..10) == 0 {
                broker.signal(Signal::TERM);
                sleep_shortly(&mut rng);
            }
            broker.kill();
            broker.assert_content();
            broker = start_at_last(data, &address, &mut rng);
        }
        let lanes = load.finish();
        broker.assert_content();
        close(&site, &lanes, broker, data);
        acks += site.history().acks;
        reads += site.history().reads;
    }
    cycles.told(&format!("{acks} acks, {reads} records read"));
}

/// A few milliseconds: a start and a stop take about as long.
fn sleep_shortly(rng: &mut fastrand::Rng) {
    std::thread::sleep(Duration::from_micros(rng.u64(..40_000)));
}

/// Starts a broker, perhaps after some that do not live to be ready.
fn start_at_last(data: &Path, address: &str, rng: &mut fastrand::Rng) -> Broker {
    while rng.u8(..3) == 0 {
        let mut broker = Broker::spawn(data, address, some_cores(rng));
        sleep_shortly(rng);
        broker.kill();
        broker.assert_content();
    }
    Broker::start(data, address, some_cores(rng))
}
