//! Taking over what a real Apache Kafka 4.3 wrote (`tests/fixtures/kafka-4`, made by
//! `tests/clients/import.sh --fixture`), on a disk in memory.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test that fails says so; the fixture lies on this machine's disk"
)]

mod crash;
mod damage;
mod refusals;
mod source;
mod whole;
