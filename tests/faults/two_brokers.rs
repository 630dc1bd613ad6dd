//! Two brokers on one directory, or on one port: the second says so, ends, and harms nothing.

use crate::audit::close;
use crate::broker::{Broker, free_port};
use crate::cycles::Cycles;
use crate::file_system::Directory;
use crate::load::Load;
use crate::site::{Site, Survives};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

#[test]
fn a_second_broker_is_refused_and_harms_nothing() {
    let mut cycles = Cycles::new("two brokers", 3);
    let mut rng = fastrand::Rng::with_seed(cycles.seed);
    let (directory, other) = (Directory::make(), Directory::make());
    let (data, address) = (directory.path(), format!("127.0.0.1:{}", free_port()));
    let broker = Broker::start(data, &address, 2);
    let site = Arc::new(Site::make(&address, Survives::PageCache, &mut rng));
    let mut load = Load::start(&site, &mut rng);
    while cycles.next() {
        std::thread::sleep(Duration::from_millis(rng.u64(..200)));
        let told = refused(data, &format!("127.0.0.1:{}", free_port()));
        assert!(told.contains("in use by another process"), "{told}");
        assert!(told.contains(data.to_str().unwrap()), "{told}");
        let told = refused(other.path(), &address);
        let port = address.rsplit(':').next().unwrap();
        assert!(told.contains(&format!("port {port} is in use")), "{told}");
        load.check();
    }
    let lanes = load.finish();
    broker.assert_content();
    close(&site, &lanes, broker, data);
    // What it was refused over is no hindrance once it is free, in whatever state it was left.
    Broker::start(other.path(), &address, 2).stop();
    cycles.told(&format!("{} acks", site.history().acks));
}

/// Starts a broker that must end with status 1; its one line.
fn refused(data: &Path, address: &str) -> String {
    let mut broker = Broker::spawn(data, address, 2);
    let status = broker.wait();
    let told = broker.log();
    assert_eq!(status.code(), Some(1), "{told}");
    assert_eq!(told.lines().count(), 1, "{told}");
    told
}
