//! Real faults on the real binary: a broker under load is killed, stopped, robbed of its disk or of
//! its power, and started again; what its clients were told is judged by the simulator's history.
//!
//! ```sh
//! cargo test --test faults                                              # a few cycles of each
//! CORELANE_FAULTS_CYCLES=500 cargo test --release --test faults sigkill # as many as one likes
//! CORELANE_FAULTS_CYCLES=100 cargo test --release --test faults power
//! CORELANE_FAULTS_SECONDS=3600 cargo test --release --test faults       # each for at most an hour
//! ```
//!
//! `CORELANE_FAULTS_SECONDS` alone means as many cycles as fit. `CORELANE_FAULTS_SEED` repeats the
//! choices of a run, but not the machine's. A test that fails names its seed and keeps its data.
//!
//! What needs root or loop devices says so and is skipped where there are none.

#![expect(
    clippy::disallowed_methods,
    reason = "faults of processes and file systems take clocks, files and threads"
)]
#![expect(clippy::unwrap_used, reason = "a test that fails names its line")]

mod audit;
mod broker;
mod cycles;
mod file_system;
mod founder;
mod full_disk;
#[path = "../sim/history/mod.rs"]
#[expect(dead_code, unused_imports, reason = "the simulator asks it more")]
mod history;
mod load;
mod power_cut;
mod producer;
mod reader;
mod sigkill;
mod sigstop;
mod site;
mod two_brokers;
#[path = "../sim/value.rs"]
mod value;
