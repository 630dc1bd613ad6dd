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
use std::sync::Arc;
use std::thread::{self, JoinHandle};

/// Other calls than journal writes and recompressions under way at once per core.
const THREADS: usize = 4;

/// One core's threads for disk calls. Dropping it performs what was started and joins them.
#[derive(Debug)]
pub(super) struct DiskPool {
    calls: Sender<(IoId, DiskCall)>,
    /// Journal writes have a thread of their own: no long sync or unlink holds one up.
    journal: Sender<(IoId, DiskCall)>,
    /// As do recompressions, which take no disk but all of a processor.
    recompression: Sender<(IoId, DiskCall)>,
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
        let mut pool = Self {
            calls,
            journal,
            recompression,
            threads: Vec::with_capacity(2 + THREADS),
        };
        let others = (0..THREADS).map(|number| (format!("disk-{core}-{number}"), waiting.clone()));
        let own = [("journal", writes), ("recompress", batches)];
        let own = own.map(|(what, waiting)| (format!("{what}-{core}"), waiting));
        for (name, waiting) in others.chain(own) {
            let (disk, mesh) = (Arc::clone(disk), mesh.clone());
            let thread = thread::Builder::new()
                .name(name.clone())
                .spawn(move || perform_all(core, &waiting, &*disk, &mesh))
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
