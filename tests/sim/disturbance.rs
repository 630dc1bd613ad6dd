//! What happens to a broker that it did not ask for: crashes, power cuts, stops, disk errors,
//! clocks that jump.

use crate::process::Process;
use crate::world::World;
use corelane::storage::memory_disk::{FaultKind, Operation};

/// What the disk did to the broker, by which errors are excused.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Trouble {
    /// Calls returned errors since the broker started.
    pub(crate) failed: bool,
    /// Space ran out since everything was quiet: writing may fail, reading may not.
    pub(crate) full: bool,
}

impl Trouble {
    pub(crate) fn or(self, other: Self) -> Self {
        Self {
            failed: self.failed || other.failed,
            full: self.full || other.full,
        }
    }

    /// Whether writing may fail.
    pub(crate) fn hinders_writes(self) -> bool {
        self.failed || self.full
    }
}

/// How each kind of operation fails.
const FAULTS: [(Operation, &[FaultKind]); 13] = {
    use FaultKind::{Device, NoSpace, TooManyFiles};
    [
        (Operation::Open, &[Device, NoSpace, TooManyFiles]),
        (Operation::CreateDirectory, &[Device, NoSpace]),
        (Operation::List, &[Device, TooManyFiles]),
        (Operation::Rename, &[Device, NoSpace]),
        (Operation::RemoveFile, &[Device]),
        (Operation::RemoveDirectory, &[Device]),
        (Operation::SyncDirectory, &[Device, NoSpace]),
        (Operation::Write, &[Device, NoSpace]),
        (Operation::Read, &[Device]),
        (Operation::Reserve, &[Device, NoSpace]),
        (Operation::Truncate, &[Device]),
        (Operation::Sync, &[Device, NoSpace]),
        (Operation::Populate, &[Device]),
    ]
};

impl World {
    pub(crate) fn disturb(&mut self) {
        let drawn = self.rng.u8(..100);
        if self.process.is_none() {
            return self.free_disk();
        }
        if drawn < self.plan.clean_stops {
            return self.begin_stop();
        }
        match self.rng.u8(..12) {
            0 if self.plan.wall_jumps => {
                let ms = self.rng.i64(-3_600_000..3_600_000);
                self.trace
                    .note(format_args!("the wall clock jumps by {ms} ms"));
                self.clock.jump_wall(ms);
            }
            1..=3 if self.plan.disk_faults => self.fail_disk(),
            4..=6 => {
                let operations_max = [2, 10, 30, 300][self.rng.usize(..4)];
                self.crash_soon(operations_max);
            }
            7..=9 if self.plan.full_disks && self.trouble.full => self.free_disk(),
            7..=9 if self.plan.full_disks => self.fill_disk(),
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
            self.check_marks();
        } else {
            self.disk.process_crash();
            if self.trouble.failed {
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
        if self.trouble.failed {
            self.history.lose_cached();
        } else {
            self.history.stopped_cleanly();
        }
        self.disk.process_crash();
        if self.rng.u8(..100) < self.plan.power_cuts {
            self.trace.note(format_args!("power cut after the stop"));
            self.disk.power_cut();
            self.history.lose_cached();
            self.check_marks();
        }
    }

    fn end_process(&mut self) {
        self.process = None;
        self.history.process_ended();
        self.disk.heal();
        self.network.broker_gone(&mut self.rng);
    }

    /// Lets some operation fail soon, once or from then on.
    pub(crate) fn fail_disk(&mut self) {
        let (operation, kinds) = FAULTS[self.rng.usize(..FAULTS.len())];
        let kind = kinds[self.rng.usize(..kinds.len())];
        let after = [1, 4, 20][self.rng.usize(..3)];
        let after = self.rng.u64(..after);
        self.trace.note(format_args!(
            "the {after}th {operation:?} will fail: {kind:?}"
        ));
        if self.rng.u8(..4) == 0 {
            self.disk.fail_always(operation, after, kind);
        } else {
            self.disk.fail_once(operation, after, kind);
        }
        self.trouble.failed = true;
        self.history.disk_failed = true;
    }

    /// Leaves little space, or none.
    fn fill_disk(&mut self) {
        let spare = [0, 1_000, 100_000][self.rng.usize(..3)];
        let spare = self.rng.u64(..=spare);
        self.trace
            .note(format_args!("{spare} bytes of space are left"));
        self.disk.set_capacity(Some(self.disk.space_used() + spare));
        self.trouble.full = true;
        self.history.disk_failed = true;
    }

    /// Space returns. Once all that failed for want of it has ended, nothing fails any more.
    pub(crate) fn free_disk(&mut self) {
        if self.trouble.full {
            self.trace.note(format_args!("space returns"));
            self.disk.set_capacity(None);
            self.settle();
            self.trouble.full = false;
        }
    }
}
