//! The power is cut: the file system under the broker stops writing at any moment, and what comes
//! back is what was synced. Only acks=all on a topic with `durability=fsync` is promised to survive,
//! and whatever was readable there; all else may lose its end, but never skips or changes places.

use crate::audit::close;
use crate::broker::{Broker, free_port, some_cores};
use crate::cycles::{Cycles, say};
use crate::file_system::Image;
use crate::load::Load;
use crate::site::{Site, Survives};
use rustix::process::Signal;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Cycles on one directory, before it is checked as a whole.
const CYCLES_PER_ROUND: u32 = 20;
const IMAGE_MEBIBYTES: u64 = 512;

#[test]
fn a_power_cut_takes_nothing_that_was_durable() {
    let mut image = match Image::make(IMAGE_MEBIBYTES) {
        Ok(image) => image,
        Err(why) => return say(&format!("skipped: no power to cut: {why}")),
    };
    let mut cycles = Cycles::new("power", 25);
    let mut rng = fastrand::Rng::with_seed(cycles.seed);
    let (mut acks, mut reads) = (0, 0);
    let data = image.path().join("data");
    while !cycles.is_over() {
        let address = format!("127.0.0.1:{}", free_port());
        let mut broker = Broker::start(&data, &address, some_cores(&mut rng));
        let site = Arc::new(Site::make(&address, Survives::DeviceOnly, &mut rng));
        let mut load = Load::start(&site, &mut rng);
        for _ in 0..CYCLES_PER_ROUND {
            if !cycles.next() {
                break;
            }
            // Often soon: what a start found is at risk until something else is synced.
            let most = if rng.bool() { 400 } else { 40 };
            std::thread::sleep(Duration::from_millis(rng.u64(..most)));
            load.check();
            if rng.u8(..4) == 0 {
                // What the next one finds may be in the page cache only, until the power goes.
                broker.kill();
            } else {
                cut(&mut image, &mut broker, &site, &mut rng);
            }
            broker = start_at_last(&mut image, &data, &site, &mut rng);
        }
        let lanes = load.finish();
        broker.assert_content();
        close(&site, &lanes, broker, &data);
        acks += site.history().acks;
        reads += site.history().reads;
        std::fs::remove_dir_all(&data).unwrap();
    }
    cycles.told(&format!("{acks} acks, {reads} records read"));
}

/// Cuts the power. A machine without power answers nothing, so the broker is gone or stands still
/// by then: a sync that the cut overtakes may return as if it had been done. To a broker that goes
/// on the disk fails, which it must notice.
fn cut(image: &mut Image, broker: &mut Broker, site: &Site, rng: &mut fastrand::Rng) {
    match rng.u8(..4) {
        0 => {
            broker.kill();
            image.cut();
        }
        1 => {
            broker.signal(Signal::STOP);
            broker.wait_still();
            image.cut();
            broker.signal(Signal::CONT);
            std::thread::sleep(Duration::from_millis(rng.u64(..30)));
        }
        _ => {
            broker.signal(Signal::STOP);
            image.cut();
        }
    }
    broker.kill();
    image.reboot();
    site.history().lose_cached();
}

/// Starts a broker, perhaps after some that do not live to be ready, with the power or without.
fn start_at_last(image: &mut Image, data: &Path, site: &Site, rng: &mut fastrand::Rng) -> Broker {
    while rng.u8(..4) == 0 {
        let mut broker = Broker::spawn(data, &site.address, some_cores(rng));
        std::thread::sleep(Duration::from_micros(rng.u64(..40_000)));
        if rng.bool() {
            cut(image, &mut broker, site, rng);
        } else {
            broker.kill();
        }
    }
    Broker::start(data, &site.address, some_cores(rng))
}
