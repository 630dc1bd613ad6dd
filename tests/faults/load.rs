//! Producers and readers that work while the broker falls.

use crate::founder::Founder;
use crate::producer::{Lane, Producer};
use crate::reader::Reader;
use crate::site::{Site, Survives};
use corelane::client::producer::Acks;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

/// Positions in [`Site::topics`].
const DURABLE: usize = 0;
const RELAXED: usize = 1;

#[derive(Debug)]
pub(crate) struct Load {
    producers: Vec<JoinHandle<Vec<Lane>>>,
    /// Those who follow topics, and who makes some.
    readers: Vec<JoinHandle<()>>,
    stop_producers: Arc<AtomicBool>,
    stop_readers: Arc<AtomicBool>,
}

impl Load {
    pub(crate) fn start(site: &Arc<Site>, rng: &mut fastrand::Rng) -> Self {
        let mut load = Self {
            producers: Vec::new(),
            readers: Vec::new(),
            stop_producers: Arc::default(),
            stop_readers: Arc::default(),
        };
        let mut plans = vec![
            (DURABLE, Acks::All),
            (DURABLE, Acks::All),
            (DURABLE, Acks::Leader),
            (DURABLE, Acks::None),
            (RELAXED, Acks::Leader),
        ];
        // After a power cut the broker would rightly miss sequences.
        if site.survives == Survives::PageCache {
            plans.push((RELAXED, Acks::All));
        }
        for (topic, acks) in plans {
            let (site, seed) = (Arc::clone(site), rng.u64(..));
            let stop = Arc::clone(&load.stop_producers);
            let run = move || Producer::new(&site, topic, acks, seed).run(&stop);
            load.producers.push(std::thread::spawn(run));
        }
        let (founded, seed) = (Arc::clone(site), rng.u64(..));
        let stop = Arc::clone(&load.stop_readers);
        let run = move || Founder::new(&founded, seed).run(&stop);
        load.readers.push(std::thread::spawn(run));
        for topic in [DURABLE, RELAXED] {
            let site = Arc::clone(site);
            let stop = Arc::clone(&load.stop_readers);
            let run = move || Reader::new(&site, &site.topics[topic]).run(&stop);
            load.readers.push(std::thread::spawn(run));
        }
        load
    }

    /// Fails if a client did.
    pub(crate) fn check(&mut self) {
        let failed = self.producers.extract_if(.., |thread| thread.is_finished());
        failed.for_each(|thread| drop(joined(thread)));
        let failed = self.readers.extract_if(.., |thread| thread.is_finished());
        failed.for_each(joined);
    }

    /// Waits until everything that was sent has arrived and was read.
    pub(crate) fn finish(self) -> Vec<Lane> {
        self.stop_producers.store(true, Ordering::Relaxed);
        let lanes = self.producers.into_iter().flat_map(joined).collect();
        self.stop_readers.store(true, Ordering::Relaxed);
        self.readers.into_iter().for_each(joined);
        lanes
    }
}

fn joined<T>(thread: JoinHandle<T>) -> T {
    thread.join().unwrap_or_else(|panic| resume_unwind(panic))
}
