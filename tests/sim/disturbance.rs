//! What happens to a broker that it did not ask for: crashes, power cuts, stops, disk errors,
//! clocks that jump.

use crate::process::Process;
use crate::world::World;
use corelane::storage::memory_disk::{FaultKind, Operation};

impl World {
    pub(crate) fn disturb(&mut self) {
        let drawn = self.rng.u8(..100);
        if self.process.is_none() {
            return;
        }
        if drawn < self.plan.clean_stops {
            return self.begin_stop();
        }
        match self.rng.u8(..10) {
            0 if self.plan.wall_jumps => {
                let ms = self.rng.i64(-3_600_000..3_600_000);
                self.trace
                    .note(format_args!("the wall clock jumps by {ms} ms"));
                self.clock.jump_wall(ms);
            }
            1..=3 if self.plan.disk_faults => self.fail_disk(),
            4..=6 => self.crash_soon(30),
            _ => {
                let cut = self.rng.u8(..100) < self.plan.power_cuts;
                self.crash(cut);
            }
        }
    }

    pub(crate) fn begin_stop(&mut self) {
        if let Some(process) = &mut self.process
            && !process.is_stopping()
        {
            self.trace.note(format_args!("a clean stop begins"));
            process.begin_stop();
        }
    }

    /// Lets the process die within the next disk operations.
    pub(crate) fn crash_soon(&mut self, operations_max: u64) {
        let operations = self.rng.u64(..operations_max);
        self.crash_cuts_power = self.rng.u8(..100) < self.plan.power_cuts;
        self.trace.note(format_args!(
            "a crash comes after {operations} disk operations"
        ));
        self.disk.crash_after(operations);
    }

    /// The process dies, and with `cut` the machine does.
    pub(crate) fn crash(&mut self, cut: bool) {
        self.trace.note(format_args!("crash, power cut: {cut}"));
        // The last thing that a clean stop does is to note itself.
        let stopping = self.process.as_ref().is_some_and(Process::is_stopping);
        if let Some((_, clean)) = &mut self.last_epoch {
            *clean |= stopping;
        }
        self.end_process();
        if cut {
            self.disk.power_cut();
            self.history.lose_cached();
        } else {
            self.disk.process_crash();
            if self.disk_failed {
                self.history.lose_cached();
            }
        }
    }

    /// Every core has stopped cleanly.
    pub(crate) fn stopped(&mut self) {
        self.trace.note(format_args!("stopped cleanly"));
        self.end_process();
        if let Some((_, clean)) = &mut self.last_epoch {
            *clean = true;
        }
        if self.disk_failed {
            self.history.lose_cached();
        } else {
            self.history.stopped_cleanly();
        }
        self.disk.process_crash();
        if self.rng.u8(..100) < self.plan.power_cuts {
            self.trace.note(format_args!("power cut after the stop"));
            self.disk.power_cut();
            self.history.lose_cached();
        }
    }

    fn end_process(&mut self) {
        self.process = None;
        self.disk.heal();
        self.network.broker_gone(&mut self.rng);
    }

    fn fail_disk(&mut self) {
        let operations = [
            Operation::Sync,
            Operation::Write,
            Operation::Reserve,
            Operation::Open,
            Operation::SyncDirectory,
            Operation::Rename,
            Operation::Truncate,
            Operation::RemoveFile,
            Operation::Populate,
        ];
        let operation = operations[self.rng.usize(..operations.len())];
        let kind = [FaultKind::Device, FaultKind::NoSpace][self.rng.usize(..2)];
        let after = self.rng.u64(..20);
        self.trace.note(format_args!(
            "the {after}th {operation:?} will fail: {kind:?}"
        ));
        if self.rng.u8(..4) == 0 {
            self.disk.fail_always(operation, after, kind);
        } else {
            self.disk.fail_once(operation, after, kind);
        }
        self.disk_failed = true;
        self.history.disk_failed = true;
    }
}
