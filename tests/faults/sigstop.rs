//! SIGSTOP for longer than a second or three, then SIGCONT: clients wait or come back, and nothing
//! is lost or doubled.

use crate::audit::close;
use crate::broker::{Broker, free_port};
use crate::cycles::Cycles;
use crate::file_system::Directory;
use crate::load::Load;
use crate::site::{Site, Survives};
use rustix::process::Signal;
use std::sync::Arc;
use std::time::Duration;

#[test]
fn a_broker_that_stood_still_goes_on() {
    let mut cycles = Cycles::new("sigstop", 2);
    let mut rng = fastrand::Rng::with_seed(cycles.seed);
    let directory = Directory::make();
    let address = format!("127.0.0.1:{}", free_port());
    let broker = Broker::start(directory.path(), &address, 2);
    let site = Arc::new(Site::make(&address, Survives::PageCache, &mut rng));
    let mut load = Load::start(&site, &mut rng);
    while cycles.next() {
        std::thread::sleep(Duration::from_millis(rng.u64(..500)));
        broker.signal(Signal::STOP);
        std::thread::sleep(Duration::from_millis(rng.u64(1000..3000)));
        broker.signal(Signal::CONT);
        load.check();
    }
    let lanes = load.finish();
    broker.assert_content();
    close(&site, &lanes, broker, directory.path());
    cycles.told(&format!("{} acks", site.history().acks));
}
