//! Disk calls, and what else would hold the core, leave it: a few threads perform them and put the
//! result into its inbox.
//!
//! The threads are ours and not the executor's, because those cannot be joined and die silently.
//! They are pinned nowhere: a pinned one would take turns with the core that it relieves.

use super::error::StartError;
use super::mesh::{Inbound, Mesh};
use crate::storage::Disk;
use crate::storage::call::DiskCall;
use crate::types::{CoreId, IoId};
use async_channel::{Receiver, Sender};
use rustix::process::setpriority_process;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

/// Calls under way at once per core, beside those that have a thread of their own.
const THREADS: usize = 4;

/// The nice value of work that nobody waits for: where processors are short it gets a tenth of what
/// others get.
const UPKEEP_NICE: i32 = 10;

/// One core's threads for disk calls. Dropping it performs what was started and joins them.
#[derive(Debug)]
pub(super) struct DiskPool {
    calls: Sender<(IoId, DiskCall)>,
    /// Journal writes have a thread of their own: no long sync or unlink holds one up.
    journal: Sender<(IoId, DiskCall)>,
    /// As do recompressions, which take no disk but all of a processor.
    recompression: Sender<(IoId, DiskCall)>,
    /// And what nobody waits for, which gives way to all others.
    upkeep: Sender<(IoId, DiskCall)>,
    threads: Vec<JoinHandle<()>>,
}

impl DiskPool {
    /// Starts the threads; results go to `core`'s inbox.
    pub(super) fn start(
        core: CoreId,
        disk: &Arc<dyn Disk>,
        mesh: &Mesh,
    ) -> Result<Self, StartError> {
        let (calls, waiting) = async_channel::unbounded();
        let (journal, writes) = async_channel::unbounded();
        let (recompression, batches) = async_channel::unbounded();
        let (upkeep, pieces) = async_channel::unbounded();
        let mut pool = Self {
            calls,
            journal,
            recompression,
            upkeep,
            threads: Vec::with_capacity(3 + THREADS),
        };
        let others =
            (0..THREADS).map(|number| (format!("disk-{core}-{number}"), waiting.clone(), 0));
        let own = [
            ("journal", writes, 0),
            ("recompress", batches, 0),
            ("upkeep", pieces, UPKEEP_NICE),
        ];
        let own = own.map(|(what, waiting, nice)| (format!("{what}-{core}"), waiting, nice));
        for (name, waiting, nice) in others.chain(own) {
            let (disk, mesh) = (Arc::clone(disk), mesh.clone());
            let thread = thread::Builder::new()
                .name(name.clone())
                .spawn(move || {
                    if nice > 0
                        && let Err(error) = setpriority_process(None, nice)
                    {
                        log::debug!("the upkeep of core {core} has no lower priority: {error}");
                    }
                    perform_all(core, &waiting, &*disk, &mesh);
                })
                .map_err(|source| StartError::Thread { name, source })?;
            pool.threads.push(thread);
        }
        Ok(pool)
    }

    /// Has a call performed. Its result arrives in the inbox, in any order.
    pub(super) fn submit(&self, io: IoId, call: DiskCall) {
        let queue = match &call {
            DiskCall::WriteJournal { .. } => &self.journal,
            DiskCall::Recompress { .. } => &self.recompression,
            DiskCall::Compact { .. } | DiskCall::Scrub { .. } => &self.upkeep,
            _ => &self.calls,
        };
        queue
            .try_send((io, call))
            .expect("the queue is unbounded and closed by drop alone");
    }
}

impl Drop for DiskPool {
    fn drop(&mut self) {
        self.calls.close();
        self.journal.close();
        self.recompression.close();
        self.upkeep.close();
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                log::error!("a disk thread panicked");
            }
        }
    }
}

fn perform_all(core: CoreId, calls: &Receiver<(IoId, DiskCall)>, disk: &dyn Disk, mesh: &Mesh) {
    let _guard = super::broker::AbortOnPanic;
    while let Ok((io, call)) = calls.recv_blocking() {
        let result = call.perform(disk);
        mesh.send(core, Inbound::DiskDone { io, result });
    }
}
